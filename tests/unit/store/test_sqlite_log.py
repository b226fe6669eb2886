"""The log in a SQLite file: the contract, and what is SQLite's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import pytest

from gateway.changes import StoreDegraded
from gateway.store import sqlite_statements
from gateway.store.migrations import StoreUnfit
from gateway.store.sqlite_log import SqliteLog

from .batches import batch, batches, name
from .contract import ALL, LATE, LogContract, Reopen, held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "changes.db"


@pytest.fixture
async def opened() -> AsyncIterator[list[SqliteLog]]:
    """Collect logs, and close them at the end."""
    logs: list[SqliteLog] = []
    yield logs
    for log in logs:
        await log.close()


@pytest.fixture
async def log(path: Path, opened: list[SqliteLog]) -> SqliteLog:
    opened.append(await SqliteLog.open(path))
    return opened[-1]


@pytest.fixture
def reopen(path: Path, opened: list[SqliteLog]) -> Reopen:
    async def again() -> SqliteLog:
        for log in opened:
            await log.close()
        opened.append(await SqliteLog.open(path))
        return opened[-1]

    return again


class TestSqliteLog(LogContract):
    pass


async def test_the_file_is_its_owners_only(log: SqliteLog, path: Path) -> None:
    await log.append([batch(1)])
    assert {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()} == {
        "changes.db": 0o600,
        "changes.db-wal": 0o600,
        "changes.db-shm": 0o600,
    }


async def test_the_settings_that_durability_rests_on(log: SqliteLog) -> None:
    def look(db: apsw.Connection) -> tuple[object, ...]:
        return db.pragma("journal_mode"), db.pragma("synchronous"), db.pragma("wal_autocheckpoint")

    assert log._writer is not None
    assert await log._writer.do(look) == ("wal", 2, 0)


async def test_a_reader_sees_what_another_process_writes(log: SqliteLog, path: Path, opened: list[SqliteLog]) -> None:
    await log.append([batch(1)])
    reader = await SqliteLog.open_to_read(path)
    opened.append(reader)
    assert await held(reader) == [1]
    await log.append([batch(2)])
    assert await held(reader) == [1, 2]
    for change in (reader.append([batch(3)]), reader.forget(name()), reader.check()):
        with pytest.raises(StoreDegraded):
            await change
    assert await held(log) == [1, 2]


async def test_what_a_crash_left_unswept_is_swept_and_never_read(
    log: SqliteLog, reopen: Reopen, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.append([*batches(1, 600), *batches(1, 5, name(1))])
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_statements, "sweep", lambda db: 0)
        await log.prune(name(), 599, LATE)
        assert await held(log) == [600]
        assert (await log.tally(name(), ALL)).count == 1
    await reopen()
    db = apsw.Connection(str(path))
    assert db.execute("SELECT count(*) FROM batches").get == 6
    db.close()


def size(path: Path) -> int:
    return path.stat().st_size


async def test_the_wal_is_written_back_and_used_again(path: Path, opened: list[SqliteLog]) -> None:
    log = await SqliteLog.open(path, checkpoint_pages=50)
    opened.append(log)
    for number in range(1, 101):
        await log.append([batch(number, size=20_000)])
    assert size(path.parent / "changes.db-wal") < 1_000_000
    assert size(path) > 1_500_000


async def test_who_asks_wrongly_harms_nobody_of_her_group(log: SqliteLog) -> None:
    def wrong(db: apsw.Connection) -> None:
        sqlite_statements.append(db, [batch(1, name(1))])
        raise ZeroDivisionError

    def twice(db: apsw.Connection) -> None:
        sqlite_statements.append(db, [batch(1, name(2))])
        db.execute("INSERT INTO pulse VALUES (1, 0)")

    assert log._writer is not None
    results = await asyncio.gather(
        log.append([batch(1)]),
        log._writer.do(wrong),
        log._writer.do(twice),
        log.append([batch(2)]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), ZeroDivisionError, apsw.ConstraintError, type(None)]
    assert [row.name for row in await log.lists()] == [name()]
    assert await held(log) == [1, 2]


async def test_sound_files_have_no_faults(log: SqliteLog) -> None:
    await log.append(batches(1, 9))
    assert list(await log.faults()) == []


def foreign(statements: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        db = apsw.Connection(str(path))
        db.execute(statements)
        db.close()

    return make


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(foreign("CREATE TABLE lists (mine)"), id="without a mark"),
        pytest.param(foreign("PRAGMA application_id = 5; CREATE TABLE lists (mine)"), id="with another mark"),
        pytest.param(lambda path: path.write_bytes(b"not a database " * 1_000), id="no database at all"),
    ],
)
def test_a_file_of_something_else_is_left_alone(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    before = path.read_bytes()
    for opening in (SqliteLog.open, SqliteLog.open_to_read):
        with pytest.raises(StoreUnfit):
            asyncio.run(opening(path))
    assert path.read_bytes() == before


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreDegraded):
        await SqliteLog.open(tmp_path / "none" / "changes.db")
    with pytest.raises(StoreUnfit):
        await SqliteLog.open_to_read(tmp_path / "changes.db")
