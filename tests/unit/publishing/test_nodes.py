"""Several nodes on one log: whoever is first has the number, all see one history, and no node waits for another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.changes import BatchRefusal, BatchRefused, StoreDegraded
from gateway.publishing.observer import SetAside, Source
from gateway.publishing.settings import LedgerSettings
from gateway.publishing.subscriptions import Applied
from gateway.status import words
from gateway.values import CodeState
from tests.conftest import FakeClock
from tests.simulators.status_issuer import StatusIssuer

from .house import House, province
from .memory_log import MemoryLog, Shared


@pytest.fixture
async def nodes(tmp_path: Path, clock: FakeClock) -> tuple[House, House]:
    shared = Shared()
    first, second = (House(tmp_path / name, MemoryLog(shared), clock) for name in "ab")
    return await first.start(), await second.start()


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until something is so."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 what is waited for has no event
            await asyncio.sleep(0)


def holds(house: House, one: StatusIssuer) -> Callable[[], bool]:
    """Tell whether a node holds all that its issuer said."""

    def held() -> bool:
        head = house.ledger.head(one.name)
        return head is not None and head.digest == one.digest

    return held


async def test_what_one_node_takes_the_other_shows(nodes: tuple[House, House], clock: FakeClock) -> None:
    first, second = nodes
    zhejiang = province()
    with second.ledger.subscribe() as news:
        for signed in (zhejiang.open(clock()), zhejiang.change({words.RED: [4]}, clock())):
            await first.submit(signed)
        await until(holds(second, zhejiang))
        told = [await anext(news), await anext(news)]
    assert [one.number for one in told if isinstance(one, Applied)] == [1, 2]
    assert second.look(zhejiang, 4) is CodeState.RED
    assert {source for *_, source in second.told.applied} == {Source.OTHER_NODE}
    assert await second.submit(zhejiang.change({words.GREEN: [4]}, clock())) == (3, False)
    await until(holds(first, zhejiang))
    assert first.workers_read(zhejiang) == second.workers_read(zhejiang) == zhejiang.held
    assert await first.submit(zhejiang.close(clock())) == (4, False)
    await until(holds(second, zhejiang))
    assert second.look(zhejiang, 4) is None


async def test_the_same_batch_at_both_nodes_at_once_has_one_effect(
    nodes: tuple[House, House], clock: FakeClock
) -> None:
    zhejiang = province()
    opening = zhejiang.open(clock())
    answers = await asyncio.gather(*(node.submit(opening) for node in nodes))
    assert sorted(answers) == [(1, False), (1, True)]
    change = zhejiang.change({words.RED: [4]}, clock())
    answers = await asyncio.gather(*(node.submit(change) for node in (*nodes, *nodes)))
    assert sorted(answers) == [(2, False), (2, True), (2, True), (2, True)]
    for node in nodes:
        assert node.workers_read(zhejiang) == zhejiang.held
        assert node.told.failures == []


async def test_two_batches_under_one_number_at_two_nodes(nodes: tuple[House, House], clock: FakeClock) -> None:
    zhejiang = province()
    opening = zhejiang.open(clock())
    for node in nodes:
        await node.submit(opening)
    red, green = zhejiang.change({words.RED: [4]}, clock(), number=2), zhejiang.change({words.GREEN: [4]}, clock())
    answers = await asyncio.gather(nodes[0].submit(red), nodes[1].submit(green), return_exceptions=True)
    refused = [one for one in answers if isinstance(one, BatchRefused)]
    assert [(one.refusal, one.held) for one in refused] == [(BatchRefusal.NUMBER_TAKEN, 2)]
    assert nodes[0].workers_read(zhejiang) == nodes[1].workers_read(zhejiang)
    assert sum(len(node.told.contradicted) for node in nodes) == 1


async def test_a_node_that_heard_nothing_catches_up_when_it_must(
    nodes: tuple[House, House], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = nodes
    assert isinstance(second.log, MemoryLog)
    monkeypatch.setattr(second.log, "_news", asyncio.Queue())  # nothing is told
    zhejiang = province()
    await first.submit(zhejiang.open(clock()))
    await first.submit(zhejiang.change({words.RED: [4]}, clock()))
    second.log.shared.nodes.remove(second.log)
    await first.submit(zhejiang.change({words.RED: [5]}, clock()))
    # a batch that is the log's next one
    assert await second.submit(zhejiang.batches[2]) == (3, True)
    assert second.workers_read(zhejiang) == zhejiang.held
    await first.submit(zhejiang.change({words.RED: [6]}, clock()))
    await second.ledger.checkpoint()
    assert second.look(zhejiang, 6) is CodeState.RED


async def test_a_node_that_was_away_for_too_long_needs_a_snapshot(tmp_path: Path, clock: FakeClock) -> None:
    shared = Shared()
    settings = LedgerSettings(keep_s=10, prune_s=0)
    first = await House(tmp_path / "a", MemoryLog(shared), clock, settings).start()
    second = await House(tmp_path / "b", MemoryLog(shared), clock, settings).start()
    zhejiang = province()
    await first.submit(zhejiang.open(clock()))
    await until(holds(second, zhejiang))
    shared.nodes.remove(second.log)  # type: ignore[arg-type]
    for index in range(3):
        await first.submit(zhejiang.change({words.RED: [index]}, clock()))
    clock.advance(11)
    await first.ledger.checkpoint()
    with pytest.raises(StoreDegraded):
        await second.submit(zhejiang.heartbeat(clock()))
    assert second.told.aside == [(zhejiang.name, SetAside.BEHIND_LOG)]
    assert second.ledger.missing() == (zhejiang.name,)
    assert second.look(zhejiang, 0) is CodeState.UNKNOWN  # what it held, growing older
    with await first.ledger.snapshot(zhejiang.name, tmp_path) as copy:
        last = zhejiang.batches[copy.head.number - 1]
        await second.ledger.adopt(copy.head, copy.path, last, clock())
    assert second.ledger.missing() == ()
    assert second.workers_read(zhejiang) == first.workers_read(zhejiang)
    assert await second.submit(zhejiang.batches[-1]) == (5, False)


async def test_a_log_that_tells_nonsense_lets_nobody_wait(nodes: tuple[House, House], clock: FakeClock) -> None:
    first, _ = nodes
    zhejiang, log = province(), first.log
    assert isinstance(log, MemoryLog)
    await first.submit(zhejiang.open(clock()))
    row = log.shared.rows[zhejiang.name]
    log.shared.rows[zhejiang.name] = replace(row, last=9)  # and none of the batches that it speaks of
    with pytest.raises(StoreDegraded):
        await first.submit(zhejiang.heartbeat(clock()))


async def test_listening_goes_on_after_it_failed(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Shared()
    first = await House(tmp_path / "a", MemoryLog(shared), clock).start()
    log = MemoryLog(shared)
    failing: list[Exception] = [StoreDegraded("memory: gone"), RuntimeError("a bug")]
    changed = log.changed

    async def fails() -> object:
        if failing:
            raise failing.pop(0)
        async for name in changed():
            yield name

    monkeypatch.setattr(log, "changed", fails)
    monkeypatch.setattr("gateway.publishing.listening.LISTEN_AGAIN_S", 0)
    second = await House(tmp_path / "b", log, clock).start()
    zhejiang = province()
    await first.submit(zhejiang.open(clock()))
    await until(holds(second, zhejiang))
    assert second.told.store == ["degraded"]
    assert [type(one) for one in second.told.failures] == [RuntimeError]


@pytest.mark.parametrize("seed", range(6))
async def test_any_mix_of_nodes_ends_in_one_history(tmp_path: Path, clock: FakeClock, seed: int) -> None:
    chance = random.Random(seed)
    shared = Shared()
    nodes = [await House(tmp_path / str(number), MemoryLog(shared), clock).start() for number in range(3)]
    provinces = [province(f"https://z.example/{number}", 256) for number in range(3)]

    async def publish(one: StatusIssuer) -> None:
        for number in range(25):
            signed = one.change({words.RED: chance.sample(range(256), 4)}, clock()) if number else one.open(clock())
            held = 0
            for node in chance.choices(nodes, k=chance.randrange(1, 4)):
                held, _ = await node.submit(signed)
            assert held == one.number
            if chance.random() < 0.1:
                await chance.choice(nodes).ledger.checkpoint()

    await asyncio.gather(*map(publish, provinces))
    for node in nodes:
        for one in provinces:
            await until(holds(node, one))
            assert node.workers_read(one) == one.held
        assert node.told.failures == []
        assert node.told.contradicted == []
        assert len(node.told.applied) == 75
        await node.ledger.close()
