"""The tasks: what the ledger applies is told; what went by, and what a fault swallowed, is made up for."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from gateway.changes import ChangeGroup, StatusBatch
from gateway.publishing.subscriptions import Applied, Lagged
from gateway.status import words
from gateway.values import Measure
from gateway.watches import follow
from gateway.watches.follow import WatchTasks
from tests.unit.watches.world import CANARY, LIST, World

DENY = Measure.DENY


class FakeSubscription:
    """Yields what it is given, in order; fails when it is given a failure, ends when it is closed."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[Applied | Lagged | Exception | None] = asyncio.Queue()
        self.closed = False

    def put(self, event: Applied | Lagged | Exception) -> None:
        self._events.put_nowait(event)

    def close(self) -> None:
        self.closed = True
        self._events.put_nowait(None)

    def __aiter__(self) -> FakeSubscription:
        return self

    async def __anext__(self) -> Applied | Lagged:
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, Exception):
            raise event
        return event


class Following:
    """A world whose watches follow what it applies."""

    def __init__(self) -> None:
        self.world = World()
        self.subscriptions: list[FakeSubscription] = []
        self.tasks = WatchTasks(self.world.watches, self._subscribe, self.world.counts)

    def _subscribe(self) -> FakeSubscription:
        self.subscriptions.append(FakeSubscription())
        return self.subscriptions[-1]

    def redden(self, *indices: int) -> Applied:
        """Let places of the list read red now. Return what followers are told of it."""
        head, at = self.world.lists.heads[LIST], self.world.clock()
        self.world.lists.words |= {(LIST, index): words.RED for index in indices}
        self.world.lists.heads[LIST] = replace(head, number=head.number + 1, issued=at)
        groups = (ChangeGroup(words.RED, array("I", indices), "office"),)
        return Applied(LIST, head.number + 1, b"", StatusBatch(LIST, head.number + 1, head.digest, at, None, groups))


@pytest.fixture
async def following(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Following]:
    monkeypatch.setattr(follow, "LOOK_S", 0.001)
    monkeypatch.setattr(follow, "AGAIN_S", 0.001)
    made = Following()
    made.tasks.start()
    made.tasks.start()
    yield made
    await made.tasks.stop()
    await made.tasks.stop()
    assert all(one.closed for one in made.subscriptions)


async def until(true: Callable[[], bool]) -> None:
    """Give others their turn until it is so."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 what is waited for sets no event
            await asyncio.sleep(0.001)


async def test_what_is_applied_is_told(following: Following) -> None:
    world = following.world
    connection = await world.registered(3)
    following.subscriptions[0].put(following.redden(1))
    await until(lambda: connection.watch.pending > 0)
    assert world.events(connection) == [("h1", DENY, True)]
    assert len(following.subscriptions) == 1


async def test_what_went_by_is_made_up_for(following: Following) -> None:
    connection = await following.world.registered(3)
    following.redden(0, 2)
    following.subscriptions[0].put(Lagged())
    await until(lambda: connection.watch.pending > 1)
    assert following.world.events(connection) == [("h0", DENY, True), ("h2", DENY, True)]


async def test_a_fault_ends_nothing_and_what_it_swallowed_is_made_up_for(following: Following) -> None:
    connection = await following.world.registered(3)
    following.redden(2)
    following.subscriptions[0].put(RuntimeError(CANARY))
    await until(lambda: connection.watch.pending > 0)
    assert following.world.events(connection) == [("h2", DENY, True)]
    assert [type(one) for one in following.world.counts.failures] == [RuntimeError]
    assert (len(following.subscriptions), following.subscriptions[0].closed) == (2, True)
    following.subscriptions[1].put(following.redden(1))
    await until(lambda: connection.watch.pending > 0)


async def test_a_look_that_fails_is_not_the_last_one(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    world = following.world
    connection = await world.registered(1, ends=world.clock() + 10)
    sweep, fails = world.watches.sweep, [True]

    def failing() -> None:
        if fails:
            fails.clear()
            raise RuntimeError(CANARY)
        sweep()

    monkeypatch.setattr(world.watches, "sweep", failing)
    world.clock.advance(11)
    await until(lambda: connection.watch.pending > 0)
    assert world.events(connection) == [("h0", DENY, False)]


async def test_it_goes_on_without_a_ledger(following: Following) -> None:
    world = following.world
    connection = await world.registered(1, ends=world.clock() + 10)
    following.subscriptions[0].close()
    world.clock.advance(11)
    await until(lambda: connection.watch.pending > 0)
    assert len(following.subscriptions) == 1


async def test_stopped_before_its_first_step_it_hears_nothing_more() -> None:
    following = Following()
    following.tasks.start()
    await following.tasks.stop()
    assert [one.closed for one in following.subscriptions] == [True]
