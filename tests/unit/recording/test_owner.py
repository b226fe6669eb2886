"""The owner of a log: groups, acknowledgements, resending, and a disk that fails, hangs and gets well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.audit.entries import LogName, RunId, written
from gateway.audit.faults import DegradedReason, LogDegraded
from gateway.recording.owner import LogOwner, WritesLog
from gateway.values import Instant

from .fakes import AT, BODY, MemoryLog, Remembered, soon, until

ONE = RunId("1" * 16)
TWO = RunId("2" * 16)


def entries(run: RunId, *numbers: int) -> list[bytes]:
    return [written(BODY, run, number) for number in numbers]


@asynccontextmanager
async def owned(
    log: MemoryLog,
    told: Remembered | None = None,
    *,
    stall_s: float = 20.0,
    publish_s: float = 20.0,
    opening: Callable[[], WritesLog] | None = None,
) -> AsyncIterator[LogOwner]:
    """Own `log` for a while."""
    owner = LogOwner(
        LogName.DECISIONS,
        opening or (lambda: log),
        told or Remembered(),
        lambda: Instant(AT),
        publish_s=publish_s,
        stall_s=stall_s,
        retry_s=0.01,
    )
    await owner.open()
    owner.start()
    try:
        yield owner
    finally:
        log.free.set()
        await owner.close()


async def test_what_is_acknowledged_is_durable() -> None:
    log, acked = MemoryLog(), list[int]()
    async with owned(log) as owner:
        owner.submit(ONE, 1, entries(ONE, 1, 2), acked.append)
        await until(lambda: acked == [2])
        assert log.numbers() == [(ONE, 1), (ONE, 2)]
        assert owner.last(ONE) == 2
        assert owner.last(TWO) == 0
    assert log.closed == 1
    assert log.published[-1] == 2


async def test_what_comes_while_one_group_is_written_goes_together() -> None:
    log, acked = MemoryLog(), list[int]()
    async with owned(log) as owner:
        log.free.clear()
        owner.submit(ONE, 1, entries(ONE, 1), acked.append)
        await asyncio.sleep(0.05)
        for number in (2, 3):
            owner.submit(ONE, number, entries(ONE, number), acked.append)
        owner.submit(TWO, 1, entries(TWO, 1), acked.append)
        log.free.set()
        await until(lambda: len(acked) == 4)
    assert log.groups == [1, 3]
    assert acked == [1, 3, 3, 1]


async def test_what_is_sent_again_stands_once() -> None:
    log, acked = MemoryLog(), list[int]()
    async with owned(log) as owner:
        owner.submit(ONE, 1, entries(ONE, 1, 2), acked.append)
        owner.submit(ONE, 1, entries(ONE, 1, 2, 3), acked.append)
        await until(lambda: len(acked) == 2)
        owner.submit(ONE, 2, entries(ONE, 2, 3), acked.append)
        await until(lambda: len(acked) == 3)
    assert log.numbers() == [(ONE, 1), (ONE, 2), (ONE, 3)]
    assert acked[-1] == 3


async def test_a_kill_between_append_and_acknowledgement_doubles_nothing() -> None:
    log, acked = MemoryLog(), list[int]()
    async with owned(log) as owner:
        owner.submit(ONE, 1, entries(ONE, 1, 2), acked.append)
        await until(lambda: bool(acked))
    # another owner of the same log: it knows from the log alone
    async with owned(log) as owner:
        assert owner.last(ONE) == 2
        owner.submit(ONE, 1, entries(ONE, 1, 2, 3), acked.append)
        await until(lambda: acked == [2, 3])
    assert log.numbers() == [(ONE, 1), (ONE, 2), (ONE, 3)]


async def test_a_full_disk_is_told_and_everything_is_written_once_it_is_not() -> None:
    log, told, acked, states = MemoryLog(), Remembered(), list[int](), list[bool]()
    async with owned(log, told) as owner:
        owner.states.add(states.append)
        log.fault = DegradedReason.DISK_FULL
        owner.submit(ONE, 1, entries(ONE, 1), acked.append)
        await until(lambda: told.degradations == ["disk_full"])
        owner.submit(TWO, 1, entries(TWO, 1), acked.append)
        assert acked == []
        log.fault = None
        await until(lambda: len(acked) == 2)
    assert told.well_again == ["disk_full"]
    assert states == [True, False]
    assert log.numbers() == [(ONE, 1), (TWO, 1)]


async def test_a_disk_that_hangs_is_told_before_it_comes_back() -> None:
    log, told, acked = MemoryLog(), Remembered(), list[int]()
    async with owned(log, told, stall_s=0.02) as owner:
        log.free.clear()
        owner.submit(ONE, 1, entries(ONE, 1), acked.append)
        await until(lambda: told.degradations == ["stalled"])
        log.free.set()
        await until(lambda: acked == [1])
    assert told.well_again == ["stalled"]
    assert log.numbers() == [(ONE, 1)]


async def test_a_bug_is_told_once_and_never_acknowledged() -> None:
    log, told, acked = MemoryLog(), Remembered(), list[int]()
    async with owned(log, told) as owner:
        log.dies_after_append = True
        owner.submit(ONE, 1, entries(ONE, 1), acked.append)
        await until(lambda: len(log.groups) >= 2)
        assert acked == []
        assert len(told.failures) == 1
        assert told.degradations == ["fault"]
        log.dies_after_append = False
        await until(lambda: acked == [1])


async def test_checkpoints_are_published_when_there_is_something_new() -> None:
    log, told, acked = MemoryLog(), Remembered(), list[int]()
    async with owned(log, told, publish_s=0.01) as owner:
        await until(lambda: told.checkpoints == [0])
        owner.submit(ONE, 1, entries(ONE, 1), acked.append)
        await until(lambda: told.checkpoints == [0, 1])
        await asyncio.sleep(0.05)
        assert told.checkpoints == [0, 1]


async def test_a_checkpoint_that_fails_is_told_and_tried_again() -> None:
    log, told = MemoryLog(), Remembered()
    log.fault = DegradedReason.READ_ONLY
    async with owned(log, told, publish_s=0.01):
        await until(lambda: told.unpublished[:2] == ["read_only", "read_only"])
        log.fault = None
        await until(lambda: told.checkpoints == [0])


async def test_a_log_that_cannot_be_opened_now_is_opened_when_it_can() -> None:
    log, told, acked, tries = MemoryLog(), Remembered(), list[int](), list[int]()
    log.entries = entries(ONE, 1)

    def opening() -> WritesLog:
        tries.append(1)
        if len(tries) < 3:
            raise LogDegraded(DegradedReason.DISK_FULL)
        return log

    async with owned(log, told, opening=opening) as owner:
        assert owner.degraded
        owner.submit(ONE, 1, entries(ONE, 1, 2), acked.append)
        await until(lambda: acked == [2])
    assert log.numbers() == [(ONE, 1), (ONE, 2)]
    assert told.well_again == ["disk_full"]


async def test_a_log_that_is_broken_refuses_the_start() -> None:
    def opening() -> WritesLog:
        raise LookupError("broken")

    owner = LogOwner(LogName.DECISIONS, opening, Remembered(), lambda: Instant(AT))
    with pytest.raises(LookupError):
        await owner.open()
    with pytest.raises(LogDegraded):
        await owner.with_log(lambda log: log.size)
    await owner.close()


async def test_closing_writes_what_is_pending_and_gives_up_on_a_disk_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.recording.owner.CLOSE_S", 0.05)
    log, acked = MemoryLog(), list[int]()
    owner = LogOwner(LogName.CHANGES, lambda: log, Remembered(), lambda: Instant(AT), publish_s=20)
    await owner.open()
    owner.start()
    owner.submit(ONE, 1, entries(ONE, 1), acked.append)
    await owner.close()
    await owner.close()
    assert acked == [1]
    hanging = MemoryLog()
    owner = LogOwner(LogName.CHANGES, lambda: hanging, Remembered(), lambda: Instant(AT), publish_s=20)
    await owner.open()
    owner.start()
    hanging.free.clear()
    owner.submit(ONE, 1, entries(ONE, 1), acked.append)
    await soon(owner.close())
    assert acked == [1]
    hanging.free.set()


async def test_old_runs_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.recording.owner.KNOWN_RUNS", 1)
    log, acked = MemoryLog(), list[int]()
    async with owned(log) as owner:
        for run in (ONE, TWO):
            owner.submit(run, 1, entries(run, 1), acked.append)
            await until(lambda: owner.last(run) == 1)  # noqa: B023 awaited in the loop
        assert (owner.last(ONE), owner.last(TWO)) == (0, 1)
