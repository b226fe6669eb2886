"""Disks and databases that fail: never a false acknowledgement, declared at once, well again without a restart."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from gateway.changes import StoreDegraded
from gateway.held.list_files import ListFiles
from gateway.publishing import lane
from gateway.publishing.observer import SetAside
from gateway.publishing.settings import LedgerRefused, LedgerSettings
from gateway.status import words
from gateway.values import CodeState
from tests.conftest import FakeClock
from tests.simulators.status_issuer import StatusIssuer

from .house import House, province
from .memory_log import MemoryLog


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock) -> House:
    return await House(tmp_path / "lists", MemoryLog(), clock).start()


async def opened(house: House) -> StatusIssuer:
    """Return a province whose list has a checkpoint."""
    zhejiang = province()
    await house.submit(zhejiang.open(house.clock()))
    await house.submit(zhejiang.change({words.GREEN: range(9)}, house.clock()))
    await house.ledger.checkpoint()
    return zhejiang


def checkpointed(house: House, one: StatusIssuer) -> int:
    """Return the number of a list's checkpoint."""
    file = house.ledger._lanes[one.name].held.file
    assert file is not None
    return file.checkpointed


class Disk:
    """Lets fsyncs of list files fail while `bad`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bad = False
        sync = os.fdatasync

        def fdatasync(fd: int) -> None:
            if self.bad:
                raise OSError(errno.EIO, "Input/output error")
            sync(fd)

        monkeypatch.setattr(os, "fdatasync", fdatasync)


async def test_an_fsync_that_fails_is_declared_and_the_file_is_not_trusted_again(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhejiang, disk = await opened(house), Disk(monkeypatch)
    await house.submit(zhejiang.change({words.RED: [1]}, clock()))
    files = {path.name: path.stat().st_ino for path in house.folder.glob("*.list")}
    disk.bad = True
    with pytest.raises(StoreDegraded):
        await house.ledger.checkpoint()
    assert house.told.store == ["degraded"]
    red = zhejiang.change({words.RED: [2]}, clock())
    with pytest.raises(StoreDegraded):
        await house.submit(red)
    await house.ledger.checkpoint()  # nothing is tried
    await house.ledger.probe()
    assert house.told.store == ["degraded"]
    disk.bad = False
    await house.ledger.probe()
    assert house.told.store == ["degraded", "well"]
    assert {path.name: path.stat().st_ino for path in house.folder.glob("*.list")} != files
    assert set(house.told.aside) == {(zhejiang.name, SetAside.FAILED_SYNC)}
    assert await house.submit(red) == (3 + 1, False)
    assert house.workers_read(zhejiang) == zhejiang.held
    assert house.look(zhejiang, 1) is CodeState.RED
    await house.ledger.checkpoint()
    assert checkpointed(house, zhejiang) == 4
    house = await house.crash_and_start()
    assert house.workers_read(zhejiang) == zhejiang.held
    assert house.told.aside == []


async def test_a_file_without_a_checkpoint_whose_fsync_failed_is_made_anew(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhejiang, disk = province(), Disk(monkeypatch)
    await house.submit(zhejiang.open(clock()))
    await house.submit(zhejiang.change({words.RED: [1]}, clock()))
    disk.bad = True
    with pytest.raises(StoreDegraded):
        await house.ledger.checkpoint()
    disk.bad = False
    await house.ledger.probe()
    assert house.look(zhejiang, 1) is CodeState.RED
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_mending_that_fails_half_way_is_gone_on_with(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file is in place, and the log could not be read for what is missing in it."""
    zhejiang, disk, log = await opened(house), Disk(monkeypatch), house.log
    assert isinstance(log, MemoryLog)
    await house.submit(zhejiang.change({words.RED: [1]}, clock()))
    disk.bad = True
    with pytest.raises(StoreDegraded):
        await house.ledger.checkpoint()
    disk.bad = False
    read, failing = log.read, [True]

    async def fails_once(*args: object) -> object:
        if failing and failing.pop():
            raise StoreDegraded("memory: once")
        return await read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "read", fails_once)
    await house.ledger.probe()
    assert house.told.store == ["degraded"]
    assert not failing
    await house.ledger.probe()
    assert house.told.store == ["degraded", "well"]
    assert house.workers_read(zhejiang) == zhejiang.held
    await house.ledger.checkpoint()
    house = await house.crash_and_start()
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_a_batch_on_its_way_while_the_fsync_fails_is_not_acknowledged(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the log; no worker can see it before the list has a new file."""
    zhejiang, disk, log = await opened(house), Disk(monkeypatch), house.log
    assert isinstance(log, MemoryLog)
    await house.submit(zhejiang.change({words.RED: [1]}, clock()))
    log.gate = asyncio.Event()
    red = zhejiang.change({words.RED: [2]}, clock())
    waiting = asyncio.create_task(house.submit(red))
    await log.waiting.wait()
    disk.bad = True
    with pytest.raises(StoreDegraded):
        await house.ledger.checkpoint()
    log.gate.set()
    with pytest.raises(StoreDegraded):
        await waiting
    assert house.look(zhejiang, 2) is not CodeState.UNKNOWN
    disk.bad = False
    await house.ledger.probe()
    assert await house.submit(red) == (4, True)
    assert house.look(zhejiang, 2) is CodeState.RED


async def test_a_full_disk_refuses_a_new_list_and_nothing_else(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhejiang, log = await opened(house), house.log
    assert isinstance(log, MemoryLog)
    appended = len(log.appends)
    create = ListFiles.create

    def full(*_: object) -> object:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ListFiles, "create", full)
    another = province("https://z.example/2")
    opening = another.open(clock())
    with pytest.raises(StoreDegraded):
        await house.submit(opening)
    assert len(log.appends) == appended
    assert house.told.store == ["degraded"]
    await house.ledger.probe()
    assert await house.submit(zhejiang.heartbeat(clock())) == (3, False)
    monkeypatch.setattr(ListFiles, "create", create)
    assert await house.submit(opening) == (1, False)


async def test_a_commit_whose_answer_was_lost_counts(house: House, clock: FakeClock) -> None:
    """The log holds the batch, and said that it failed: sent again it is there, and it was never applied twice."""
    zhejiang, log = await opened(house), house.log
    assert isinstance(log, MemoryLog)
    another = province("https://z.example/2")
    for signed, number in ((zhejiang.change({words.RED: [1]}, clock()), 3), (another.open(clock()), 1)):
        log.commits_unseen = True
        with pytest.raises(StoreDegraded):
            await house.submit(signed)
        await house.ledger.probe()
        assert await house.submit(signed) == (number, True)
    assert house.look(zhejiang, 1) is CodeState.RED
    assert house.look(another, 1) is CodeState.UNKNOWN
    assert house.workers_read(another) == another.held


async def test_a_commit_whose_answer_was_lost_is_found_by_the_next_batch(house: House, clock: FakeClock) -> None:
    zhejiang, log = await opened(house), house.log
    assert isinstance(log, MemoryLog)
    log.commits_unseen = True
    with pytest.raises(StoreDegraded):
        await house.submit(zhejiang.change({words.RED: [1]}, clock()))
    await house.ledger.probe()
    assert await house.submit(zhejiang.change({words.RED: [2]}, clock())) == (4, False)
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_a_failing_log_is_tried_once_for_all_that_wait(house: House, clock: FakeClock) -> None:
    zhejiang, log = await opened(house), house.log
    assert isinstance(log, MemoryLog)
    log.gate = asyncio.Event()
    red = zhejiang.change({words.RED: [1]}, clock())
    waiting = [asyncio.create_task(house.submit(red)) for _ in range(3)]
    await log.waiting.wait()
    log.waiting.clear()
    log.broken = True
    log.gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in answers] == [StoreDegraded] * 3
    assert not log.waiting.is_set()


async def test_a_list_whose_opening_failed_leaves_nothing(tmp_path: Path, clock: FakeClock) -> None:
    house = await House(tmp_path / "lists", MemoryLog(), clock, LedgerSettings(max_lists=1)).start()
    log = house.log
    assert isinstance(log, MemoryLog)
    first, second = province("https://z.example/1"), province("https://z.example/2")
    log.broken = True
    with pytest.raises(StoreDegraded):
        await house.submit(first.open(clock()))
    assert house.ledger.degraded  # of reading the log: nothing was made
    log.broken = False
    await house.ledger.probe()
    log.gate = asyncio.Event()
    waiting = asyncio.create_task(house.submit(first.batches[0]))
    await log.waiting.wait()
    assert len(list(house.folder.glob("*.list"))) == 1
    log.broken = True
    log.gate.set()
    with pytest.raises(StoreDegraded):
        await waiting
    assert list(house.folder.glob("*.list")) == []
    assert house.ledger._lanes == {}
    log.broken = False
    await house.ledger.probe()
    assert await house.submit(second.open(clock())) == (1, False)


async def test_a_closed_list_is_hidden_even_if_its_file_cannot_be_removed(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhejiang = await opened(house)

    def fails(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(ListFiles, "drop", fails)
        assert await house.submit(zhejiang.close(clock())) == (3, False)
        await house.ledger._lanes[zhejiang.name].ended()
        assert house.look(zhejiang, 1) is None
    assert house.told.store == ["degraded"]
    house = await house.crash_and_start()
    assert list(house.folder.glob("*.list")) == []
    assert house.ledger.heads()[0].closed


async def test_a_goodbye_waits_for_what_was_begun(house: House, clock: FakeClock) -> None:
    zhejiang, log = await opened(house), house.log
    assert isinstance(log, MemoryLog)
    log.gate = asyncio.Event()
    waiting = asyncio.create_task(house.submit(zhejiang.change({words.RED: [1]}, clock())))
    await log.waiting.wait()
    closing = asyncio.create_task(house.ledger.close())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not closing.done()
    log.gate.set()
    await closing
    assert await waiting == (3, False)
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_who_goes_away_does_not_take_a_batch_back(house: House, clock: FakeClock) -> None:
    zhejiang, log = await opened(house), house.log
    assert isinstance(log, MemoryLog)
    log.gate = asyncio.Event()
    begun = asyncio.create_task(house.submit(zhejiang.change({words.RED: [1]}, clock())))
    await log.waiting.wait()
    behind = zhejiang.change({words.RED: [2]}, clock())
    queued = asyncio.create_task(house.submit(behind))
    await asyncio.sleep(0)
    begun.cancel()
    queued.cancel()
    log.gate.set()
    await asyncio.gather(begun, queued, return_exceptions=True)
    # the first was begun; the second had not been, and is as if it had never come
    assert await house.submit(behind) == (4, False)
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_a_log_that_does_not_answer_is_declared(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhejiang, log = await opened(house), house.log
    assert isinstance(log, MemoryLog)
    monkeypatch.setattr(lane, "STALL_S", 0)
    log.gate = asyncio.Event()
    waiting = asyncio.create_task(house.submit(zhejiang.change({words.RED: [1]}, clock())))
    await log.waiting.wait()
    while not house.ledger.degraded:  # noqa: ASYNC110 what is waited for has no event
        await asyncio.sleep(0)
    with pytest.raises(StoreDegraded):
        await house.submit(province("https://z.example/2").open(clock()))
    assert not waiting.done()
    log.gate.set()
    assert await waiting == (3, False)  # the truth, late
    await house.ledger.probe()
    assert house.told.store == ["degraded", "well"]


async def test_a_bug_in_judging_lets_nobody_wait(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhejiang = await opened(house)

    def buggy(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    red = zhejiang.change({words.RED: [1]}, clock())
    with monkeypatch.context() as patch:
        patch.setattr(lane, "check_content", buggy)
        with pytest.raises(ZeroDivisionError):
            await house.submit(red)
    assert await house.submit(red) == (3, False)


async def test_a_bug_lets_nobody_wait_and_ends_no_lane(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhejiang, log = await opened(house), house.log
    append = log.append

    async def buggy(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(log, "append", buggy)
    red = zhejiang.change({words.RED: [1]}, clock())
    with pytest.raises(ZeroDivisionError):
        await house.submit(red)
    assert [type(one) for one in house.told.failures] == [ZeroDivisionError]
    monkeypatch.setattr(log, "append", append)
    assert await house.submit(red) == (3, False)


@pytest.mark.parametrize(
    "wrong",
    [{"bulk_size": 0}, {"max_lists": 0}, {"max_bytes": 0}, {"max_closed": 0}, {"keep_s": 0.0}, {"checkpoint_s": 0.0}],
)
def test_settings_that_would_break_a_promise_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(LedgerRefused):
        LedgerSettings(**wrong)
