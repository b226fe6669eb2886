"""Converted codes when the clock goes back, and when what is made is taken back again and again."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from gateway.conversion.bindings import BYTES_OF_ORIGINAL, CLOCK_STEP_S, Bindings
from gateway.conversion.observer import NobodyObserves
from gateway.conversion.register import RegisterFull, StatusRegister
from gateway.conversion.settings import ConversionSettings
from gateway.errors import Reason
from gateway.values import CodeState, DivisionCode, Instant, Measure, StatusPointer
from tests.conftest import NOON
from tests.unit.conversion.world import GUIZHOU, LISTS, OURS, ZHEJIANG, World, opaque, signed


@pytest.mark.parametrize("back", [CLOCK_STEP_S + 1, 600.0, 86_400.0])
@pytest.mark.parametrize("code", [signed("green", issued=-80_000, lives=200_000), opaque()], ids=["signed", "opaque"])
def test_a_clock_that_is_set_back_stops_no_looking_again(code: bytes, back: float, tmp_path: Path) -> None:
    """What was heard later than now was heard by another clock: it is neither recent nor never due."""

    async def main() -> None:
        world = World(tmp_path)
        made = await world.made(code)
        world.pass_time(120)
        await world.look_again(0)
        world.pass_time(-back)
        before = world.converter.look_up(OURS, _pointer(world), world.at)
        assert before == (CodeState.UNKNOWN, None)
        assert (await world.judged(made.jws.encode())).measure not in (Measure.PASS, Measure.LIMITED)
        # One look is enough, and it learns what is true now.
        world.yunnan.says["00000001"] = "red"
        world.revoked["code-1"] = None
        world.reload()
        await world.look_again(0)
        after = world.converter.look_up(OURS, _pointer(world), world.at)
        assert after is not None
        assert after.state in (CodeState.RED, CodeState.REVOKED)

    asyncio.run(main())


def test_a_clock_that_lies_a_little_back_harms_nobody(tmp_path: Path) -> None:
    """Two requests are never read off the clock at one time."""

    async def main() -> None:
        world = World(tmp_path)
        made = await world.made(signed("green", issued=-600))
        world.pass_time(-CLOCK_STEP_S)
        decision = await world.judged(made.jws.encode())
        assert (decision.measure, decision.reasons[0]) == (Measure.PASS, Reason.STATE_GREEN)

    asyncio.run(main())


def test_what_is_taken_back_again_and_again_leaves_nothing_behind() -> None:
    register = StatusRegister(LISTS)
    bindings = Bindings(register, ConversionSettings(OURS, LISTS), NobodyObserves())
    ends = Instant(NOON + 3_600)

    def opened(number: int) -> None:
        code = f"code-{number}".encode()
        place = bindings.open(code, GUIZHOU, ZHEJIANG, CodeState.GREEN, online=True, at=NOON, ends=ends)
        if number:
            bindings.close(place)

    opened(0)
    for number in range(1, 5_001):
        opened(number)
    assert len(bindings) == 1
    assert len(bindings._ends) < 2_000
    bindings.drop_ended(ends)
    assert len(bindings) == 0


def test_codes_end_in_time_whatever_is_taken_back_between() -> None:
    bindings = Bindings(StatusRegister(LISTS), ConversionSettings(OURS, LISTS), NobodyObserves())
    chance = Random(1)
    ends: list[float] = []
    for number in range(4_000):
        end = NOON + chance.randrange(1, 3_600)
        code = f"code-{number}".encode()
        place = bindings.open(code, GUIZHOU, ZHEJIANG, CodeState.GREEN, online=False, at=NOON, ends=Instant(end))
        if number % 4:
            bindings.close(place)
        else:
            ends.append(end)
    for later in range(0, 3_700, 100):
        assert not bindings.drop_ended(Instant(NOON + later))
        assert len(bindings) == sum(end > NOON + later for end in ends)


def _pointer(world: World) -> StatusPointer:
    return next(iter(world.converter.bindings._places))


def test_codes_that_all_end_at_once_are_not_all_forgotten_at_once() -> None:
    """At midnight every code of a province may end: nobody else has a turn while they are dropped."""
    dropped: list[int] = []

    class Counts(NobodyObserves):
        def conversions_live(self, count: int) -> None:
            dropped.append(count)

    bindings = Bindings(StatusRegister(LISTS), ConversionSettings(OURS, LISTS), Counts())
    ends = Instant(NOON + 3_600)
    for number in range(5_000):
        code = f"code-{number}".encode()
        bindings.open(code, GUIZHOU, ZHEJIANG, CodeState.GREEN, online=True, at=NOON, ends=ends)
    dropped.clear()
    turns = 1
    while bindings.drop_ended(ends):
        turns += 1
    assert turns > 1
    assert len(bindings) == 0
    assert max(before - after for before, after in pairwise([5_000, *dropped])) <= 1_000
    # Their originals stand in line still: they are looked over a few at a time, and nobody is asked about them.
    assert bindings.take_due(ends, GUIZHOU, 50) == []
    assert list(bindings.issuers_to_ask()) == [GUIZHOU]
    while GUIZHOU in bindings.issuers_to_ask():
        assert bindings.take_due(ends, GUIZHOU, 50) == []


def test_a_look_forgets_all_that_have_ended(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path, capacity=5_000)
        bindings = world.converter.bindings
        for number in range(2_500):
            code = f"code-{number}".encode()
            ends = Instant(NOON + 10)
            bindings.open(code, GUIZHOU, ZHEJIANG, CodeState.GREEN, online=False, at=NOON, ends=ends)
        await world.look_again(10)
        assert len(bindings) == 0
        assert world.counts.looks == []

    asyncio.run(main())


def test_one_certificate_written_in_many_ways_fills_no_memory() -> None:
    """Who wraps it anew each time has an original each time, of any size that a reader takes."""
    capacity = 64
    bindings = Bindings(StatusRegister(LISTS), ConversionSettings(OURS, LISTS, capacity=capacity), NobodyObserves())
    large = BYTES_OF_ORIGINAL * 16

    def opened(number: int, size: int, division: DivisionCode = ZHEJIANG) -> None:
        code = f"{number:08}".encode().ljust(size, b"x")
        ends = Instant(NOON + 60 + number)
        bindings.open(code, GUIZHOU, division, CodeState.GREEN, online=False, at=NOON, ends=ends)

    for number in range(capacity // 16):
        opened(number, large)
    with pytest.raises(RegisterFull):
        opened(99, 1 + 8)
    opened(0, large)  # of an original that is held there may be more codes
    bindings.drop_ended(Instant(NOON + 61))
    opened(99, BYTES_OF_ORIGINAL)
    # What was taken is given back in full.
    bindings.drop_ended(Instant(NOON + 3_600))
    assert len(bindings) == 0
    for number in range(capacity):
        opened(number, BYTES_OF_ORIGINAL)
    assert len(bindings) == capacity
