"""Going on after a cut: every later event, numbers without a gap, and never a hole that nobody mentions."""

from __future__ import annotations

import random

import pytest

from gateway.status import words
from gateway.values import Measure
from gateway.watches import watch
from gateway.watches.settings import WatchRefusal, WatchRefused
from gateway.watches.watch import CodeEvent, Connection
from tests.conftest import NOON
from tests.unit.watches.world import AIRPORT, RAILWAY, World

DENY, LIMITED, PASS = Measure.DENY, Measure.LIMITED, Measure.PASS


@pytest.fixture
def world() -> World:
    return World()


def go_on(world: World, connection: Connection, after: int) -> Connection:
    """Return another stream on the watch, after the first one was cut."""
    world.watches.leave(connection)
    again = world.watches.go_on(RAILWAY, connection.watch.watch_id, after)
    assert again is not None
    return again


def numbered(world: World, connection: Connection) -> list[tuple[int, str, Measure]]:
    """Return what is told now, with its numbers."""
    told = []
    while (event := world.watches.take(connection)) is not None:
        told.append((event.number, event.handle, event.decision.measure))
    return told


async def test_numbers_grow_by_one(world: World) -> None:
    connection = await world.registered(3)
    await world.apply({words.RED: [1], words.YELLOW: [2]})
    assert numbered(world, connection) == [(4, "h1", DENY), (5, "h2", LIMITED)]


async def test_what_changed_meanwhile_is_told_after_a_cut(world: World) -> None:
    connection = await world.registered(3)
    world.watches.leave(connection)
    await world.apply({words.RED: [1]})
    assert numbered(world, go_on(world, connection, 3)) == [(4, "h1", DENY)]


async def test_what_did_not_arrive_is_told_again(world: World) -> None:
    connection = await world.registered(3)
    await world.apply({words.RED: [0, 1, 2]})
    assert len(numbered(world, connection)) == 3  # of which only the first one arrived
    again = go_on(world, connection, 4)
    await world.apply({words.YELLOW: [2]})
    assert numbered(world, again) == [(5, "h1", DENY), (6, "h2", LIMITED)]


async def test_what_did_not_arrive_is_told_although_it_changed_back(world: World) -> None:
    connection = await world.registered(1)
    await world.apply({words.RED: [0]})
    numbered(world, connection)
    world.watches.leave(connection)
    await world.apply({words.GREEN: [0]})
    again = go_on(world, connection, 1)
    assert numbered(world, again) == [(2, "h0", PASS)]


@pytest.mark.parametrize("after", [4, 1 << 60])
async def test_an_event_that_never_was_is_lost(world: World, after: int) -> None:
    connection = await world.registered(3)
    world.watches.leave(connection)
    assert world.watches.go_on(RAILWAY, connection.watch.watch_id, after) is None
    assert world.counts.lost == 1
    assert numbered(world, go_on(world, connection, 3)) == []


async def test_codes_that_ended_are_told_again_as_long_as_they_are_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ENDED_KEPT", 2)
    connection = await world.registered(4, ends=NOON + 10)
    await world.sweep(11)
    told = numbered(world, connection)
    assert [(number, measure) for number, _, measure in told] == [(number, DENY) for number in (5, 6, 7, 8)]
    world.watches.leave(connection)
    assert world.watches.go_on(RAILWAY, connection.watch.watch_id, 5) is None
    again = go_on(world, connection, 6)
    assert numbered(world, again) == told[2:]
    assert numbered(world, go_on(world, again, 8)) == []


async def test_a_watch_waits_a_quarter_of_an_hour(world: World) -> None:
    connection = await world.registered(2)
    await world.sweep(10_000)
    world.watches.leave(connection)
    await world.sweep(899)
    again = go_on(world, connection, connection.watch.event)
    world.watches.leave(again)
    await world.sweep(901)
    assert world.watches.go_on(RAILWAY, connection.watch.watch_id, 2) is None
    assert (world.counts.watches, world.counts.codes, len(world.watches)) == (0, 0, 0)


async def test_a_clock_that_was_set_back_keeps_no_watch_for_longer(world: World) -> None:
    connection = await world.registered(1)
    world.watches.leave(connection)
    await world.sweep(-5_000)
    await world.sweep(901)
    assert len(world.watches) == 0


async def test_a_watch_is_nobody_elses(world: World) -> None:
    connection = await world.registered(1)
    world.watches.leave(connection)
    assert world.watches.go_on(AIRPORT, connection.watch.watch_id, 1) is None
    assert world.watches.go_on(RAILWAY, "A" * 22, 0) is None
    assert world.watches.go_on(RAILWAY, connection.watch.watch_id, 1) is not None


async def test_another_stream_takes_a_watch_over(world: World) -> None:
    connection = await world.registered(1)
    again = world.watches.go_on(RAILWAY, connection.watch.watch_id, 1)
    assert again is not None
    with pytest.raises(WatchRefused) as refused:
        world.watches.take(connection)
    assert refused.value.refusal is WatchRefusal.TAKEN_OVER
    world.watches.leave(connection)  # what was taken over leaves nothing
    await world.sweep(901)
    await world.apply({words.RED: [0]})
    assert numbered(world, again)[-1][1:] == ("h0", DENY)


async def test_who_has_too_many_gives_up_the_one_left_longest(world: World) -> None:
    small = World(watches_per_caller=2)
    first, second = await small.registered(1), small.open()
    small.watches.leave(second)
    small.clock.advance(10)
    small.watches.leave(first)
    small.open()
    assert small.watches.go_on(RAILWAY, second.watch.watch_id, 0) is None
    assert small.watches.go_on(RAILWAY, first.watch.watch_id, 1) is not None


async def test_names_of_watches_are_random(world: World) -> None:
    names = {world.open(AIRPORT).watch.watch_id for _ in range(16)}
    assert len(names) == 16
    assert all(len(name) == 22 for name in names)


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_is_cut_the_caller_ends_with_what_is(seed: int) -> None:
    """A caller who loses streams at random, with any part of what was sent, knows in the end how each code stands."""
    chance, world = random.Random(seed), World()
    connection = await world.registered(12)
    known = dict.fromkeys(connection.watch.codes, PASS)
    got = 12
    for _ in range(200):
        match chance.randrange(4):
            case 0 | 1:
                word = chance.choice((words.GREEN, words.YELLOW, words.RED))
                await world.apply({word: chance.sample(range(12), chance.randrange(1, 6))})
            case 2:
                told: list[CodeEvent] = []
                for _ in range(chance.randrange(8)):
                    event = world.watches.take(connection)
                    if event is not None:
                        told.append(event)
                lost = chance.randrange(len(told) + 1) if chance.random() < 0.5 else 0
                for event in told[: len(told) - lost]:
                    assert event.number == got + 1
                    got, known[event.handle] = event.number, event.decision.measure
                if lost:
                    connection = go_on(world, connection, got)
            case _:
                connection = go_on(world, connection, got)
    for number, handle, measure in numbered(world, connection):
        assert number == got + 1
        got, known[handle] = number, measure
    assert known == {handle: one.decision.measure for handle, one in connection.watch.codes.items()}


async def test_codes_that_cannot_be_watched_do_not_pile_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "ENDED_KEPT", 50)
    connection = await world.registered(2)
    for number in range(500):
        world.register(connection, f"none{number}", 0, None)
        world.events(connection)
    assert len(connection.watch.codes) == 2 + 50
    again = go_on(world, connection, connection.watch.event - 50)
    assert len(numbered(world, again)) == 50
    await world.apply({words.RED: [1]})
    assert [handle for _, handle, _ in numbered(world, again)] == ["h1"]
