"""The way of a batch: durable, then visible, then acknowledged; again and again with one effect."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.changes import BatchRefusal, StoreDegraded
from gateway.publishing.observer import Source
from gateway.publishing.subscriptions import Applied
from gateway.status import words
from gateway.values import CodeState
from tests.conftest import FakeClock

from .house import ISSUER, House, province
from .memory_log import MemoryLog


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock) -> House:
    return await House(tmp_path / "lists", MemoryLog(), clock).start()


async def test_a_batch_is_visible_once_it_is_acknowledged(house: House, clock: FakeClock) -> None:
    zhejiang = province()
    assert await house.submit(zhejiang.open(clock())) == (1, False)
    assert house.look(zhejiang, 5) is CodeState.UNKNOWN
    assert await house.submit(zhejiang.change({words.GREEN: range(100), words.RED: [500]}, clock())) == (2, False)
    assert house.look(zhejiang, 5) is CodeState.GREEN
    assert house.look(zhejiang, 500) is CodeState.RED
    assert house.look(zhejiang, 501) is CodeState.UNKNOWN
    assert house.workers_read(zhejiang) == zhejiang.held
    head = house.ledger.head(zhejiang.name)
    assert head is not None
    assert (head.number, head.digest, head.capacity, head.closed) == (2, zhejiang.digest, 1_024, False)
    assert house.ledger.heads() == (head,)
    assert house.told.applied == [(zhejiang.name, 0, 0.0, Source.HERE), (zhejiang.name, 101, 0.0, Source.HERE)]


async def test_it_is_in_the_log_before_any_worker_sees_it(house: House, clock: FakeClock) -> None:
    zhejiang, log = province(), house.log
    assert isinstance(log, MemoryLog)
    await house.submit(zhejiang.open(clock()))
    log.gate = asyncio.Event()
    waiting = asyncio.create_task(house.submit(zhejiang.change({words.RED: [7]}, clock())))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert house.look(zhejiang, 7) is CodeState.UNKNOWN
    log.gate.set()
    assert await waiting == (2, False)
    assert house.look(zhejiang, 7) is CodeState.RED


async def test_the_same_bytes_again_are_acknowledged_again(house: House, clock: FakeClock) -> None:
    zhejiang = province()
    batches = [zhejiang.open(clock()), zhejiang.change({words.RED: [1]}, clock()), zhejiang.heartbeat(clock())]
    for signed in batches:
        await house.submit(signed)
    for signed in batches:
        assert await house.submit(signed) == (3, True)
    assert house.told.repeated == [zhejiang.name] * 3
    assert len(house.told.applied) == 3
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_another_batch_under_a_held_number_is_a_contradiction(house: House, clock: FakeClock) -> None:
    zhejiang = province()
    await house.submit(zhejiang.open(clock()))
    before = zhejiang.digest
    await house.submit(zhejiang.change({words.RED: [1]}, clock()))
    await house.submit(zhejiang.heartbeat(clock()))
    for number in (2, 3):
        other = zhejiang.change({words.GREEN: [1]}, clock(), number=number, previous=before)
        refused = await house.refusal(other)
        assert (refused.refusal, refused.held) == (BatchRefusal.NUMBER_TAKEN, 3)
    assert house.told.contradicted == [(zhejiang.name, 2), (zhejiang.name, 3)]
    assert house.look(zhejiang, 1) is CodeState.RED


async def test_batches_that_come_together_are_appended_together(house: House, clock: FakeClock) -> None:
    zhejiang, log = province(), house.log
    assert isinstance(log, MemoryLog)
    await house.submit(zhejiang.open(clock()))
    batches = [zhejiang.change({words.RED: [index]}, clock()) for index in range(20)]
    answers = await asyncio.gather(*map(house.submit, batches))
    assert answers == [(number, False) for number in range(2, 22)]
    assert len(log.appends) <= 3
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_a_store_that_fails_is_declared_and_works_again(house: House, clock: FakeClock) -> None:
    zhejiang, log = province(), house.log
    assert isinstance(log, MemoryLog)
    await house.submit(zhejiang.open(clock()))
    log.broken = True
    red = zhejiang.change({words.RED: [1]}, clock())
    for _ in range(2):
        with pytest.raises(StoreDegraded):
            await house.submit(red)
    assert house.ledger.degraded
    assert house.look(zhejiang, 1) is CodeState.UNKNOWN
    await house.ledger.probe()
    assert house.ledger.degraded
    log.broken = False
    await house.ledger.probe()
    assert house.told.store == ["degraded", "well"]
    assert await house.submit(red) == (2, False)
    assert house.look(zhejiang, 1) is CodeState.RED


async def test_subscribers_hear_of_each_batch_in_order(house: House, clock: FakeClock) -> None:
    zhejiang = province()
    with house.ledger.subscribe() as news:
        for signed in (zhejiang.open(clock()), zhejiang.change({words.RED: [1]}, clock())):
            await house.submit(signed)
        first, second = await anext(news), await anext(news)
    assert isinstance(first, Applied)
    assert isinstance(second, Applied)
    assert (first.number, second.number) == (1, 2)
    assert second.batch.groups[0].word == words.RED
    assert second.name == (ISSUER, zhejiang.name.uri)
    with pytest.raises(StopAsyncIteration):
        await anext(news)
