"""`hcgw db` on both stores, as an operator calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import apsw
import asyncpg
import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.rpc.status_convert import WIRE
from gateway.status import words
from gateway.store.change_log import LoggedBatch
from gateway.store.open import open_beside, open_log
from gateway.store.postgres_link import SCHEMA
from gateway.store.sqlite_log import SqliteLog
from gateway.values import Instant
from keys.values import Algorithm
from tests.conftest import NOON
from tests.integration.gateway_process import hcgw
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import StatusIssuer
from tests.unit.store.batches import batch, name
from tests.unit.store.contract import LATE

KEY = make_key(Algorithm.ED25519, "status-1")
FEW = 6


def db(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["db", *arguments])


def published(count: int, uri: str = "https://330000.example/lists/1") -> list[LoggedBatch]:
    """Return what a province signed, as the gateway keeps it."""
    issuer = StatusIssuer.make("330000.example", uri, [KEY])
    signed = [issuer.open(NOON)]
    signed += [issuer.change({words.RED: [number]}, Instant(NOON + number)) for number in range(1, count)]
    return [
        LoggedBatch(
            issuer.name,
            number,
            one.digest,
            WIRE.write_signed(one),
            Instant(NOON + number - 1),
            Instant(NOON + number),
            1_024 if number == 1 else None,
        )
        for number, one in enumerate(signed, 1)
    ]


def fill(store: str, batches: list[LoggedBatch], *, prune: int = 0) -> None:
    async def filled() -> None:
        log = await open_log(store)
        await log.append(batches)
        if prune:
            await log.prune(batches[0].name, prune, LATE)
        await log.close()

    asyncio.run(filled())


def execute(store: str, statement: str) -> None:
    """Do to a store what nobody should."""
    dialect, _, path = store.partition(":")
    if dialect == "sqlite":
        db = apsw.Connection(path)
        db.execute(statement)
        db.close()
        return

    dsn = Path(path).read_text().strip()

    async def executed() -> None:
        connection = await asyncpg.connect(dsn, server_settings={"search_path": SCHEMA})
        await connection.execute(statement)
        await connection.close()

    asyncio.run(executed())


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'log.sqlite'}"


@pytest.fixture
def postgresql(database: str, tmp_path: Path) -> str:
    file = tmp_path / "store.dsn"
    file.write_text(database + "\n")
    file.chmod(0o600)
    store = f"postgresql:{file}"
    execute(store, f"SET client_min_messages = error; DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    return store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str:
    """Return the address of a store of either kind, that nobody has migrated."""
    return str(request.getfixturevalue(request.param))


def test_migrate_brings_a_store_to_this_release_once(store: str) -> None:
    first, second = db("migrate", "--store", store), db("migrate", "--store", store)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "applied 0001 change_log" in first.stdout
    assert "applied" not in second.stdout
    assert "at schema 1" in second.stdout


def test_a_sound_store_is_sound(store: str) -> None:
    db("migrate", "--store", store)
    fill(store, published(FEW))
    fill(store, published(FEW, "https://330000.example/lists/2"), prune=2)
    told = db("check", "--store", store)
    assert (told.exit_code, told.stderr) == (0, "")
    assert f"2 lists, {2 * FEW - 2} batches" in told.stdout


@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        pytest.param("DELETE FROM batches WHERE number = 3", 2, id="a batch is gone"),
        pytest.param("DELETE FROM batches WHERE number = 6", 2, id="the last one is gone"),
        pytest.param("UPDATE lists SET last = last + 1", 1, id="the row says more"),
        pytest.param("UPDATE lists SET base = 1", 1, id="the row says less"),
        pytest.param("UPDATE lists SET digest = (SELECT digest FROM batches WHERE number = 2)", 1, id="another end"),
        pytest.param("UPDATE batches SET issued = issued + 1 WHERE number = 2", 1, id="another time"),
        pytest.param(
            "UPDATE batches SET signed = (SELECT signed FROM batches WHERE number = 3) WHERE number = 2",
            3,
            id="another batch's bytes",
        ),
    ],
)
def test_a_store_that_somebody_has_changed_is_not(store: str, statement: str, faults: int) -> None:
    db("migrate", "--store", store)
    fill(store, published(FEW))
    execute(store, statement)
    told = db("check", "--store", store)
    assert told.exit_code == 1
    assert len(told.stderr.splitlines()) >= faults
    assert all("330000.example" in line for line in told.stderr.splitlines())


def test_what_cannot_be_read_is_a_fault_of_a_deep_check_only(sqlite: str) -> None:
    fill(sqlite, [batch(1), batch(2)])
    assert db("check", "--store", sqlite).exit_code == 1
    assert db("check", "--no-deep", "--store", sqlite).exit_code == 0


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("INSERT INTO schema_migrations (number, subject, digest) VALUES (2, 'later', 'x')", id="newer"),
        pytest.param("UPDATE schema_migrations SET digest = 'x'", id="another file's"),
    ],
)
def test_a_store_of_another_release_is_refused(store: str, statement: str) -> None:
    db("migrate", "--store", store)
    execute(store, statement)
    for command in ("migrate", "check"):
        told = db(command, "--store", store)
        assert told.exit_code == 2
        assert "schema" in told.stderr


@pytest.mark.parametrize("command", ["check", "copy"])
def test_a_database_that_nobody_has_migrated_is_refused(postgresql: str, sqlite: str, command: str) -> None:
    fill(sqlite, published(FEW))
    arguments = {"check": ["--store", postgresql], "copy": ["--from", sqlite, "--to", postgresql]}[command]
    told = db(command, *arguments)
    assert told.exit_code == 2
    assert "hcgw db migrate" in told.stderr


def _open_to_others(file: Path) -> None:
    file.chmod(0o644)


def _a_password(file: Path) -> None:
    file.write_text("postgresql://hcgw:s3cret@127.0.0.1:1/none")


def _no_dsn(file: Path) -> None:
    file.write_bytes(b"\xffs3cret")


def _nothing(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("spoil", [_open_to_others, _a_password, _no_dsn, _nothing])
def test_a_dsn_is_a_secret(postgresql: str, spoil: Callable[[Path], None]) -> None:
    file = Path(postgresql.partition(":")[2])
    spoil(file)
    told = db("check", "--store", postgresql)
    assert told.exit_code == 2
    assert str(file) in told.stderr
    assert "s3cret" not in told.stderr + told.stdout
    assert "hcgw-pg" not in told.stderr


@pytest.mark.parametrize("wrong", ["", "sqlite:", "mysql:/a", "postgresql://hcgw:s3cret@host/db", "/var/log.sqlite"])
def test_an_address_of_no_store_is_refused(wrong: str) -> None:
    told = db("check", "--store", wrong)
    assert told.exit_code == 2
    assert "s3cret" not in told.stderr


def test_a_store_that_is_not_there_is_not_made_by_looking(sqlite: str) -> None:
    assert db("check", "--store", sqlite).exit_code == 2
    assert not Path(sqlite.partition(":")[2]).exists()


def test_a_store_is_not_copied_into_itself(sqlite: str) -> None:
    fill(sqlite, published(FEW))
    assert db("copy", "--from", sqlite, "--to", sqlite).exit_code == 2


def test_a_log_is_copied_there_and_back(sqlite: str, postgresql: str, tmp_path: Path) -> None:
    fill(sqlite, published(FEW))
    fill(sqlite, published(FEW, "https://330000.example/lists/2"), prune=4)
    db("migrate", "--store", postgresql)
    back = f"sqlite:{tmp_path / 'back.sqlite'}"
    for here, there in ((sqlite, postgresql), (postgresql, back)):
        told = db("copy", "--from", here, "--to", there)
        assert (told.exit_code, told.stderr) == (0, "")
        assert "both are equal" in told.stdout
        assert db("check", "--store", there).exit_code == 0
        assert "0 batches copied" in db("copy", "--from", here, "--to", there).stdout


async def test_a_log_is_copied_while_the_gateway_writes_it(sqlite: str, postgresql: str) -> None:
    """The gateway appends and forgets all the while; then it is stopped, and a last copy proves both equal."""
    path = Path(sqlite.partition(":")[2])
    gateway = await SqliteLog.open(path)
    acknowledged = [0] * 8
    on = True

    async def write(of: int) -> None:
        while on:
            await gateway.append([batch(acknowledged[of] + 1, name(of), size=2_000)])
            acknowledged[of] += 1
            if acknowledged[of] % 100 == 0:
                await gateway.prune(name(of), acknowledged[of] - 80, LATE)
            await asyncio.sleep(0.002)

    writing = [asyncio.create_task(write(of)) for of in range(len(acknowledged))]
    assert (await asyncio.to_thread(hcgw, "db", "migrate", "--store", postgresql))[0] == 0
    before = sum(acknowledged)
    while_serving = await asyncio.to_thread(hcgw, "db", "copy", "--from", sqlite, "--to", postgresql)
    assert while_serving[0] in (0, 1), while_serving
    assert sum(acknowledged) > before
    on = False
    await asyncio.gather(*writing)
    await gateway.close()
    last = await asyncio.to_thread(hcgw, "db", "copy", "--from", sqlite, "--to", postgresql)
    assert last[0] == 0, last
    here, there = await open_beside(sqlite), await open_beside(postgresql)
    assert list(await here.lists()) == list(await there.lists())
    assert [row.last for row in await there.lists()] == acknowledged
    for row in await here.lists():
        assert await here.read(row.name, 0, 1 << 40) == await there.read(row.name, 0, 1 << 40)
    await here.close()
    await there.close()
