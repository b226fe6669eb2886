"""`hcgw purge --everything` with a store in PostgreSQL: its tables go, unless a node is connected."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.store.open import StoreUnavailable, drop, holds_anything, migrate, open_log
from gateway.store.postgres_link import SCHEMA
from tests.unit.store.batches import batch
from tests.unit.test_config import MINIMAL

STATUS = """
[status]
directory = "status"
signer = "file:status.key.pem"
issuer = "https://gateway.test/status"
store = "postgresql:store.dsn"
"""


@pytest.fixture
def home(bare: str, tmp_path: Path) -> Path:
    """A gateway's folder with the address of a database in it."""
    (tmp_path / "hcgw.toml").write_text(MINIMAL + STATUS)
    (tmp_path / "status").mkdir()
    dsn = tmp_path / "store.dsn"
    dsn.touch(0o600)
    dsn.write_text(bare)
    return tmp_path


async def purge(home: Path) -> tuple[int, str]:
    given = ["purge", "--config", str(home / "hcgw.toml"), "--everything", "--yes-delete-everything"]
    done = await asyncio.to_thread(CliRunner().invoke, app, given)
    return done.exit_code, done.output


async def test_tables_are_dropped_and_looked_for_again(home: Path, bare: str) -> None:
    store = f"postgresql:{home / 'store.dsn'}"
    assert not await holds_anything(store)
    await migrate(store)
    log = await open_log(store)
    try:
        await log.append([batch(1)])
        assert await holds_anything(store)
        status, told = await purge(home)
    finally:
        await log.close()
    assert (status, "a gateway is connected" in told) == (2, True)
    assert (home / "status").exists()
    status, told = await purge(home)
    assert (status, "tables in the database" in told) == (0, True)
    assert not (home / "status").exists()
    connection = await asyncpg.connect(bare)
    assert await connection.fetchval("SELECT to_regnamespace($1)::text", SCHEMA) is None
    await connection.close()


async def test_a_schema_that_does_not_go_is_no_success(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = f"postgresql:{home / 'store.dsn'}"
    await migrate(store)

    async def still_there(_: object) -> bool:
        return True

    monkeypatch.setattr("gateway.store.drop.is_there", still_there)
    with pytest.raises(StoreUnavailable, match="still there"):
        await drop(store)
