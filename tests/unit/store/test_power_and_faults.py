"""The log on a disk that loses power, fails, is full, cannot be written or hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from gateway.changes import StoreDegraded
from gateway.store.sqlite_log import SqliteLog
from tests.bench.power_cuts import cut, truncate
from tests.simulators.power_cut import Disk, Fault

from .batches import batch, batches, name
from .contract import LATE, held


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Disk]:
    made = Disk(f"disk {tmp_path}", Random(0))
    yield made
    made.close()


@pytest.fixture
async def log(disk: Disk, tmp_path: Path) -> AsyncIterator[SqliteLog]:
    opened = await SqliteLog.open(tmp_path / "changes.db", vfs=disk.name, stall_s=0.05, checkpoint_pages=20)
    yield opened
    disk.holding.set()
    await opened.close()


def test_nothing_acknowledged_is_lost_in_a_power_cut(tmp_path: Path) -> None:
    """`python -m tests.bench.power_cuts` cuts a thousand times."""
    found = cut(60, 10_000, tmp_path)
    assert not found.broken
    assert found.acknowledged > 500
    assert found.after_a_failed_sync > 100
    assert found.appeared > 0


def test_a_log_that_was_cut_off_at_any_byte_holds_what_was_committed_below(tmp_path: Path) -> None:
    lengths, wrong = truncate(tmp_path, last=3, step=61)
    assert lengths > 100
    assert not wrong


def test_the_drill_finds_what_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that says that it has synced, and has not."""
    monkeypatch.setattr(Disk, "sync", lambda disk, path: disk.step("sync"))
    assert cut(5, 0, tmp_path).lost > 0


@pytest.mark.parametrize("what", ["write", "sync"])
@pytest.mark.parametrize("fault", list(Fault))
async def test_a_disk_that_fails_is_degraded_and_recovers_without_a_restart(
    log: SqliteLog, disk: Disk, what: str, fault: Fault
) -> None:
    await log.append(batches(1, 5))
    disk.fail(what, fault)
    asked = [
        log.append([batch(6)]),
        log.append([batch(1, name(1))]),
        log.check(),
        log.prune(name(), 5, LATE),
        log.forget(name()),
    ]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [StoreDegraded] * len(asked)
    # Nothing is half taken, and what is there can be read.
    assert await held(log) == [1, 2, 3, 4, 5]
    assert [(row.last, row.closed) for row in await log.lists()] == [(5, False)]
    disk.fail(what, None)
    await log.check()
    await log.append([batch(6), batch(1, name(1))])
    assert await held(log) == [1, 2, 3, 4, 5, 6]


async def test_a_failed_commit_is_not_there_after_all(log: SqliteLog, disk: Disk) -> None:
    """What it left in the WAL is written over by the next one, and never read."""
    await log.append([batch(1)])
    disk.fail("sync", Fault.EIO)
    for _ in range(3):
        with pytest.raises(StoreDegraded, match="SQLITE_IOERR_FSYNC"):
            await log.append(batches(2, 4, size=30_000))
    disk.fail("sync", None)
    await log.append([batch(2, say="other")])
    assert list(await log.read(name(), 1, 1_000)) == [batch(2, say="other")]
    assert list(await log.faults()) == []


async def test_a_checkpoint_that_fails_harms_no_append(log: SqliteLog, disk: Disk) -> None:
    failing = [True]
    synced = disk.sync

    def sync(path: str) -> None:
        if failing[0] and not path.endswith("-wal"):
            disk.steps += 1
            raise OSError("the disk fails")
        synced(path)

    disk.sync = sync  # type: ignore[method-assign]
    for number in range(1, 30):
        await log.append([batch(number, size=20_000)])
    failing[0] = False
    for number in range(30, 40):
        await log.append([batch(number, size=20_000)])
    assert await held(log) == list(range(1, 40))


async def test_who_has_not_begun_does_not_wait_for_a_disk_that_hangs(log: SqliteLog, disk: Disk) -> None:
    await log.append([batch(1)])
    disk.holding.clear()
    begun = asyncio.ensure_future(log.append([batch(2)]))
    await asyncio.to_thread(disk.hanging.wait)
    with pytest.raises(StoreDegraded):
        await log.append([batch(3)])
    with pytest.raises(StoreDegraded):
        await log.check()
    assert not begun.done()
    disk.holding.set()
    await begun
    assert await held(log) == [1, 2]
    await log.append([batch(3)])
    assert await held(log) == [1, 2, 3]


async def test_who_has_gone_is_no_harm(log: SqliteLog, disk: Disk) -> None:
    disk.holding.clear()
    gone = asyncio.ensure_future(log.append([batch(1)]))
    await asyncio.to_thread(disk.hanging.wait)
    gone.cancel()
    disk.holding.set()
    await log.check()
    assert await held(log) == [1]


async def test_closing_does_not_wait_for_a_disk_that_hangs(
    log: SqliteLog, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.sqlite_log.CLOSE_S", 0.05)
    disk.holding.clear()
    begun = asyncio.ensure_future(log.append([batch(1)]))
    await asyncio.to_thread(disk.hanging.wait)
    await log.close()
    assert not begun.done()
    disk.holding.set()
    await begun


@pytest.mark.parametrize("step", range(1, 30))
async def test_a_disk_that_fails_while_the_log_is_opened(disk: Disk, tmp_path: Path, step: int) -> None:
    """At any write: the next try opens it."""
    path = tmp_path / "other.db"
    disk.cut_at(step)
    with suppress(StoreDegraded):
        await (await SqliteLog.open(path, vfs=disk.name)).close()
    disk.mend()
    again = await SqliteLog.open(path, vfs=disk.name)
    await again.append([batch(1)])
    assert await held(again) == [1]
    await again.close()
