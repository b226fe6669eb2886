"""Checkpoints and forgetting: what need not be kept goes, what a restart or a follower needs stays."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from gateway.changes import StoreDegraded
from gateway.held.list_files import WritableList
from gateway.publishing.settings import LedgerSettings
from gateway.status import words
from tests.conftest import FakeClock

from .house import House, province
from .memory_log import MemoryLog


async def make(tmp_path: Path, clock: FakeClock, settings: LedgerSettings) -> House:
    return await House(tmp_path / "lists", MemoryLog(), clock, settings).start()


async def test_batches_are_forgotten_once_they_are_old_and_on_disk(tmp_path: Path, clock: FakeClock) -> None:
    house = await make(tmp_path, clock, LedgerSettings(keep_s=100, prune_s=60))
    zhejiang = province()
    await house.submit(zhejiang.open(clock()))
    for _ in range(4):
        clock.advance(50)
        await house.submit(zhejiang.change({words.RED: [1]}, clock()))
    await house.ledger.checkpoint()
    assert house.ledger.base(zhejiang.name) == 2  # received more than 100 s ago
    assert [one.number for one in await house.ledger.read(zhejiang.name, 0, 1 << 20)] == [3, 4, 5]
    clock.advance(59)
    await house.ledger.checkpoint()
    assert house.ledger.base(zhejiang.name) == 2  # looked a moment ago
    clock.advance(500)
    await house.ledger.checkpoint()
    assert house.ledger.base(zhejiang.name) == 4  # the last one is kept


async def test_what_is_not_on_disk_for_certain_is_kept(tmp_path: Path, clock: FakeClock) -> None:
    house = await make(tmp_path, clock, LedgerSettings(keep_s=1, prune_s=0))
    zhejiang = province()
    await house.submit(zhejiang.open(clock()))
    await house.submit(zhejiang.heartbeat(clock()))
    await house.ledger.checkpoint()
    for _ in range(3):
        await house.submit(zhejiang.change({words.RED: [1]}, clock()))
    clock.advance(10)
    await house.ledger._upkeep._prune()
    assert house.ledger.base(zhejiang.name) == 2


async def test_batches_of_closed_lists_go_too_and_the_list_stays_known(tmp_path: Path, clock: FakeClock) -> None:
    house = await make(tmp_path, clock, LedgerSettings(keep_s=1, prune_s=0))
    zhejiang = province()
    for signed in (zhejiang.open(clock()), zhejiang.heartbeat(clock()), zhejiang.close(clock())):
        await house.submit(signed)
    clock.advance(10)
    await house.ledger.checkpoint()
    assert house.ledger.base(zhejiang.name) == 2
    (head,) = house.ledger.heads()
    assert (head.number, head.closed) == (3, True)


async def test_a_reader_learns_what_another_node_has_forgotten(tmp_path: Path, clock: FakeClock) -> None:
    house = await make(tmp_path, clock, LedgerSettings())
    zhejiang, log = province(), house.log
    assert isinstance(log, MemoryLog)
    for signed in (zhejiang.open(clock()), *(zhejiang.heartbeat(clock()) for _ in range(3))):
        await house.submit(signed)
    clock.advance(10)
    await log.prune(zhejiang.name, 2, clock())
    assert house.ledger.base(zhejiang.name) == 0
    assert [one.number for one in await house.ledger.read(zhejiang.name, 0, 1)] == [3]
    assert house.ledger.base(zhejiang.name) == 2
    assert await house.ledger.read(zhejiang.name, 4, 1) == []


async def test_much_that_has_changed_is_saved_at_once(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await make(tmp_path, clock, LedgerSettings(checkpoint_changes=10))
    saved = asyncio.Event()
    loop = asyncio.get_running_loop()
    checkpoint = WritableList.checkpoint

    def told(*args: object) -> None:
        checkpoint(*args)  # type: ignore[arg-type]
        loop.call_soon_threadsafe(saved.set)

    monkeypatch.setattr(WritableList, "checkpoint", told)
    zhejiang = province()
    await house.submit(zhejiang.open(clock()))
    await house.submit(zhejiang.change({words.RED: range(9)}, clock()))
    assert not saved.is_set()
    await house.submit(zhejiang.change({words.RED: range(9)}, clock()))
    async with asyncio.timeout(20):
        await saved.wait()
    await house.ledger.close()


async def test_a_checkpoint_ends_even_if_who_asked_has_gone(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await make(tmp_path, clock, LedgerSettings())
    zhejiang = province()
    await house.submit(zhejiang.open(clock()))
    begun, go = asyncio.Event(), threading.Event()
    loop, sync = asyncio.get_running_loop(), WritableList.sync

    def slow(held: WritableList) -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait(20)
        sync(held)

    monkeypatch.setattr(WritableList, "sync", slow)
    asking = asyncio.create_task(house.ledger.checkpoint())
    await begun.wait()
    asking.cancel()
    # batches go on meanwhile, a second checkpoint does not wait in line, and a goodbye waits for the first
    assert await house.submit(zhejiang.change({words.RED: [1]}, clock())) == (2, False)
    await house.ledger.checkpoint()
    closing = asyncio.create_task(house.ledger.close())
    await asyncio.sleep(0)
    go.set()
    await closing
    again = await House(house.folder, house.log, clock).start()
    held = again.ledger._lanes[zhejiang.name].held
    assert held.file is not None
    assert held.file.checkpointed == 2
    assert again.workers_read(zhejiang) == zhejiang.held


async def test_a_goodbye_to_a_broken_store_ends_too(tmp_path: Path, clock: FakeClock) -> None:
    house = await make(tmp_path, clock, LedgerSettings())
    zhejiang, log = province(), house.log
    assert isinstance(log, MemoryLog)
    await house.submit(zhejiang.open(clock()))
    log.broken = True
    with pytest.raises(StoreDegraded):
        await house.submit(zhejiang.heartbeat(clock()))
    with house.ledger.subscribe() as news:
        await house.ledger.close()
        assert await anext(news, None) is None
