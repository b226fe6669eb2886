"""Generations that change under somebody's feet, or cannot change because somebody does not let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.replay.guard import ReplayGuard
from gateway.replay.layout import Geometry
from gateway.replay.showing import Recorded, Seen, Showing, Unchecked
from gateway.replay.table import ShowingTable
from gateway.values import CodeMarks, Instant
from tests.unit.replay.gates import AT, GATE, GENERATION_S, ISSUER, OTHER_GATE, PASSAGE_S, Clock, Station
from tests.unit.replay.test_shared import Told, until


class Locks:
    """Locks that are held by somebody else where the test says so."""

    def __init__(self) -> None:
        self.refuses: Callable[[int, int], bool] = lambda first, count: False
        self.then: Callable[[], object] | None = None
        """Happens once, just before a lock of one stripe is given."""
        self.held: list[tuple[int, int]] = []

    def take(self, first: int, count: int = 1) -> bool:
        if self.refuses(first, count):
            return False
        if count == 1 and self.then is not None:
            then, self.then = self.then, None
            then()
        self.held.append((first, count))
        return True

    def give_back(self, first: int, count: int = 1) -> None:
        self.held.remove((first, count))


def test_a_generation_goes_on_while_somebody_holds_a_stripe() -> None:
    locks = Locks()
    station = Station(locks=locks)
    assert station.show(until=AT + 10_000).seen is Seen.FIRST
    locks.refuses = lambda first, count: count > 1
    station.clock.passes(3 * GENERATION_S)
    assert station.show(scope=OTHER_GATE, until=AT + 10_000).seen is Seen.SUSPECTED
    assert station.show("code-2").seen is Seen.FIRST
    locks.refuses = lambda first, count: False
    station.clock.passes(1)
    assert station.show("code-2", OTHER_GATE).seen is Seen.SUSPECTED
    assert station.table.held == 2
    assert locks.held == []


def test_before_the_first_generation_nothing_can_be_checked() -> None:
    locks = Locks()
    locks.refuses = lambda first, count: count > 1
    station = Station(locks=locks)
    assert station.why() is Unchecked.BUSY
    assert station.table.held == 0


def another_table(station: Station) -> ShowingTable:
    assert station.memory is not None
    size = Geometry.of(station.capacity).total_bytes
    return ShowingTable(station.memory, size, same_passage_s=PASSAGE_S, monotonic=station.clock.monotonic)


def test_a_generation_that_ends_between_the_look_and_the_lock_is_looked_at_again() -> None:
    locks, clock = Locks(), Clock()
    station = Station(clock=clock, locks=locks)
    station.show(until=AT + 700)
    other = another_table(station)

    def end_it() -> None:
        clock.passes(GENERATION_S)
        other.tend(Instant(clock.wall))

    locks.then = end_it
    assert station.show(scope=OTHER_GATE, until=AT + 700).seen is Seen.SUSPECTED
    locks.then = end_it
    assert station.show("code-2", until=AT + 10_000).seen is Seen.FIRST
    assert other.show(Showing(CodeMarks(ISSUER, b"", b"code-2", Instant(AT + 10_000)), OTHER_GATE, AT, 1)).seen is (
        Seen.SUSPECTED
    )


def test_a_generation_that_never_stands_still_is_given_up() -> None:
    locks, clock = Locks(), Clock()
    station = Station(clock=clock, locks=locks)
    station.show()
    other = another_table(station)

    def end_it() -> None:
        clock.now += GENERATION_S
        other.tend(AT)
        locks.then = end_it

    locks.then = end_it
    assert station.why("code-2") is Unchecked.BUSY
    assert locks.held == []


def test_a_claim_is_given_up_once_and_only_by_who_has_it() -> None:
    locks = Locks()
    station = Station(locks=locks)
    mine = Showing(CodeMarks(ISSUER, b"", b"code-1", Instant(AT + 120)), GATE, AT, 1)
    station.table.disown(mine)  # nothing is known of it
    station.show()
    station.table.disown(Showing(mine.marks, OTHER_GATE, AT, 1))
    assert station.show().seen is Seen.SAME_PASSAGE
    locks.refuses = lambda first, count: True
    station.table.disown(mine)
    locks.refuses = lambda first, count: False
    assert station.show().seen is Seen.SAME_PASSAGE
    station.clock.passes(GENERATION_S)
    station.table.tend(AT)
    station.table.disown(mine)  # of the generation before
    assert station.show() == Recorded(Seen.SUSPECTED, elsewhere=True)
    assert station.show(scope=OTHER_GATE) == Recorded(Seen.SUSPECTED, elsewhere=True)


def test_room_is_told() -> None:
    assert Station(capacity=1_000).table.capacity >= 1_000
    assert Station(capacity=250_000).table.capacity >= 250_000


def test_keys_are_not_shown() -> None:
    station = Station()
    station.show()
    [generation] = station.table._generations.held()
    assert repr(generation.key) not in repr(generation)
    assert generation.key.hex() not in repr(generation)


# The guard's own task


class Broken:
    """A memory that breaks after it has answered."""

    held, capacity = 0, 0

    def __init__(self) -> None:
        self.tended = 0

    def show(self, showing: Showing, *, passage: bool = False) -> Recorded:
        return Recorded(Seen.FIRST)

    def disown(self, showing: Showing) -> None:
        raise OSError(37, "no locks available")

    def tend(self, at: Instant) -> None:
        self.tended += 1
        raise OSError(37, "no locks available")


class SaysSuspected:
    """Other nodes that have seen everything."""

    def ask(self, showing: Showing) -> asyncio.Future[Seen | None]:
        answer: asyncio.Future[Seen | None] = asyncio.get_running_loop().create_future()
        answer.set_result(Seen.SUSPECTED)
        return answer

    def start(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""


async def test_a_memory_that_breaks_is_told_of_and_the_answer_stands() -> None:
    told, here = Told(), Broken()
    guard = ReplayGuard(here, SaysSuspected(), told, clock=lambda: AT)
    await guard.close()  # never started
    guard.start()
    await until(lambda: here.tended == 1)
    found = guard.show(Showing(CodeMarks(ISSUER, b"", b"code-1", Instant(AT + 120)), GATE, AT, 1))
    assert not isinstance(found, tuple)
    assert (await found).seen is Seen.SUSPECTED
    await guard.close()
    assert [type(one) for one in told.failures] == [OSError, OSError]


async def test_a_guard_drops_what_is_old_by_itself() -> None:
    station = Station()
    station.show()
    guard = ReplayGuard(station.table, clock=lambda: Instant(station.clock.wall))
    for _ in range(2):
        station.clock.passes(GENERATION_S)
        guard.start()
        await asyncio.sleep(0)
        await guard.close()
    assert station.table.held == 0
