"""A clock that is set is noticed, once, either way; one that runs or is slewed is not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from gateway import clock_watch
from gateway.clock_watch import JUMP_S, ClockWatch
from gateway.values import Instant
from tests.conftest import NOON


@dataclass
class Clocks:
    """A wall clock that can be set, and one beside it that cannot."""

    wall: float = NOON
    steady: float = 1_000.0
    interrupted_s: float = 0.0
    """How long a reading of the wall clock takes."""
    told: list[float] = field(default_factory=list)

    def read_wall(self) -> Instant:
        self.run(self.interrupted_s)
        return Instant(self.wall)

    def read_steady(self) -> float:
        return self.steady

    def clock_jumped(self, seconds: float) -> None:
        self.told.append(round(seconds, 3))

    def run(self, seconds: float, rate: float = 1.0) -> None:
        """Let time pass; the wall clock may run a little faster or slower."""
        self.steady += seconds
        self.wall += seconds * rate

    def watch(self) -> ClockWatch:
        watch = ClockWatch(self.read_wall, self, self.read_steady)
        watch.look()
        return watch


@pytest.mark.parametrize("by", [-86_400.0, -3_600.0, -2.1, 2.1, 60.0, 86_400.0])
def test_a_jump_is_told_once_and_with_its_size(by: float) -> None:
    clocks = Clocks()
    watch = clocks.watch()
    for _ in range(5):
        clocks.run(1.0)
        assert watch.look() == 0.0
    clocks.wall += by
    clocks.run(1.0)
    assert watch.look() == pytest.approx(by)
    for _ in range(100):
        clocks.run(1.0)
        assert watch.look() == 0.0
    assert clocks.told == [by]


@pytest.mark.parametrize("by", [-JUMP_S, -1.0, -0.001, 0.0, 0.001, 1.0, JUMP_S])
def test_a_leap_second_is_no_jump(by: float) -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.wall += by
    for _ in range(100):
        clocks.run(1.0)
        watch.look()
    assert clocks.told == []


@pytest.mark.parametrize("rate", [0.9995, 0.99995, 1.00005, 1.0005])
def test_a_clock_that_is_slewed_makes_no_jump(rate: float) -> None:
    clocks = Clocks()
    watch = clocks.watch()
    for _ in range(20_000):
        clocks.run(1.0, rate)
        watch.look()
    assert clocks.told == []


@pytest.mark.parametrize("step", [-1.5, 1.5])
def test_a_jump_in_steps_is_a_jump(step: float) -> None:
    clocks = Clocks()
    watch = clocks.watch()
    for _ in range(3):
        clocks.wall += step
        clocks.run(10.0)
        watch.look()
    assert clocks.told == [2 * step], "the third step is less than a jump away from where the second was told"


def test_there_and_back_are_two_jumps() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    for by in (3_600.0, -3_600.0):
        clocks.wall += by
        clocks.run(1.0)
        watch.look()
    assert clocks.told == [3_600.0, -3_600.0]


def test_a_look_that_comes_late_sees_no_jump() -> None:
    """An event loop that was busy for a minute, or a process that was stopped."""
    clocks = Clocks()
    watch = clocks.watch()
    clocks.run(60.0)
    watch.look()
    assert clocks.told == []


def test_a_reading_that_was_interrupted_says_nothing() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.interrupted_s = 5.0
    assert watch.look() == 0.0
    clocks.interrupted_s = 0.0
    clocks.run(1.0)
    watch.look()
    assert clocks.told == []
    clocks.wall -= 60.0
    watch.look()
    assert clocks.told == [-60.0]


async def test_it_looks_by_itself_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_watch, "LOOK_S", 0.0)
    clocks = Clocks()
    watch = ClockWatch(clocks.read_wall, clocks, clocks.read_steady)
    watch.start()
    watch.start()
    clocks.wall += 30.0
    async with asyncio.timeout(5):
        while not clocks.told:  # noqa: ASYNC110 what is waited for sets no event
            await asyncio.sleep(0)
    await watch.stop()
    await watch.stop()
    clocks.wall += 30.0
    for _ in range(10):
        await asyncio.sleep(0)
    assert clocks.told == [30.0]
