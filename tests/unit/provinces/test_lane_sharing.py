"""Equal questions share one call; whoever leaves, nobody hears another's answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Reason
from gateway.provinces.breaker import BreakerState
from gateway.provinces.dialect import Stated, UpstreamFailed, UpstreamFailure
from gateway.provinces.flights import Heard
from gateway.provinces.lane import Lane
from gateway.values import Instant, OnlineAnswer, OpaqueCode
from tests.unit.provinces.lane_fakes import AT, WORDS, Scripted, Watch, code, fails, hangs, lane, says, stops
from tests.unit.provinces.virtual_time import now, virtually


def ask(its: Lane, number: int, time_left: float = 3.0) -> asyncio.Task[Heard]:
    return asyncio.create_task(its.ask(code(str(number)), at=AT, time_left=time_left))


def is_about(heard: Heard, number: int) -> bool:
    return isinstance(heard, OnlineAnswer) and heard.statement == WORDS[number]


def test_equal_questions_are_one_call() -> None:
    async def main() -> None:
        province, watch = Scripted(), Watch()
        its = lane(province, watch)
        askers = [ask(its, 5) for _ in range(50)]
        heard = await asyncio.gather(*askers)
        assert all(is_about(one, 5) for one in heard)
        assert len(province.asked) == 1
        assert watch.saved == {"joined": 49}
        await its.close()

    virtually(main)


@pytest.mark.parametrize(
    "change",
    [
        {"identifier": "other"},
        {"text": "text 1 "},
        {"issuer": "https://other.invalid"},
        {"text": "1text 1", "identifier": ""},
    ],
)
def test_questions_that_differ_in_anything_are_two(change: dict[str, Any]) -> None:
    async def main() -> None:
        province = Scripted([says("word-1")])
        its = lane(province, Watch())
        await asyncio.gather(its.ask(code(), at=AT, time_left=3.0), its.ask(code(**change), at=AT, time_left=3.0))
        assert len(province.asked) == 2
        await its.close()

    virtually(main)


def test_a_cancelled_asker_takes_nothing_from_the_others() -> None:
    async def main() -> None:
        province = Scripted([says(after=0.5)])
        its = lane(province, Watch())
        first, second, third = ask(its, 1), ask(its, 1), ask(its, 1)
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.sleep(0.1)
        third.cancel()
        assert is_about(await second, 1)
        assert first.cancelled()
        assert third.cancelled()
        assert len(province.asked) == 1
        await its.close()

    virtually(main)


def test_each_waits_for_her_own_time() -> None:
    async def main() -> None:
        its = lane(Scripted([says(after=0.8)]), Watch())
        hasty, patient = ask(its, 1, 0.3), ask(its, 1, 2.0)
        assert await hasty is UpstreamFailure.TIMEOUT
        assert now() == pytest.approx(0.3)
        assert is_about(await patient, 1)
        assert now() == pytest.approx(0.8)
        await its.close()

    virtually(main)


def test_a_call_under_way_ends_and_is_remembered_though_nobody_waits() -> None:
    async def main() -> None:
        province, watch = Scripted([says(after=0.5)]), Watch()
        its = lane(province, watch)
        asker = ask(its, 1)
        await asyncio.sleep(0.1)
        asker.cancel()
        await asyncio.sleep(0.5)
        assert is_about(await ask(its, 1), 1)
        assert len(province.asked) == 1
        assert watch.saved == {"remembered": 1}
        await its.close()

    virtually(main)


def test_a_call_that_nobody_waits_for_any_more_leaves_the_line() -> None:
    async def main() -> None:
        province = Scripted([says(after=0.5)])
        its = lane(province, Watch(), in_flight=1)
        first = ask(its, 1)
        await asyncio.sleep(0.1)
        gone, stays = ask(its, 2), ask(its, 3)
        await asyncio.sleep(0.1)
        gone.cancel()
        assert is_about(await first, 1)
        assert is_about(await stays, 3)
        assert [one.identifier for one in province.asked] == ["1", "3"]
        await its.close()

    virtually(main)


def test_who_asks_and_goes_a_hundred_times_is_one_call() -> None:
    async def main() -> None:
        province = Scripted()
        its = lane(province, Watch())
        for _ in range(100):
            asker = ask(its, 1)
            await asyncio.sleep(0)
            asker.cancel()
            await asyncio.gather(asker, return_exceptions=True)
        assert its.in_flight == len(province.asked) == 1
        assert is_about(await ask(its, 2), 2)
        await its.ended()
        await its.close()

    virtually(main)


def test_closed_before_the_call_has_begun() -> None:
    async def main() -> None:
        province = Scripted()
        its = lane(province, Watch())
        asker = ask(its, 1)
        closing = asyncio.create_task(its.close())
        assert await asker is UpstreamFailure.UNREACHABLE
        await closing
        assert (its.in_flight, province.asked) == (0, [])

    virtually(main)


def test_who_leaves_the_line_takes_nothing_from_those_who_wait_with_her() -> None:
    async def main() -> None:
        province = Scripted([says(after=0.5)])
        its = lane(province, Watch(), in_flight=1)
        busy = ask(its, 9)
        await asyncio.sleep(0)
        goes, stays, hasty = ask(its, 1), ask(its, 1), ask(its, 1, 0.2)
        await asyncio.sleep(0.1)
        goes.cancel()
        assert await hasty is UpstreamFailure.TIMEOUT
        assert is_about(await stays, 1)
        assert is_about(await busy, 9)
        assert len(province.asked) == 2
        await its.close()

    virtually(main)


def test_a_question_after_the_last_asker_left_is_a_new_call_that_others_share() -> None:
    async def main() -> None:
        province = Scripted([says(after=0.5)])
        its = lane(province, Watch(), in_flight=1)
        busy = ask(its, 9)
        await asyncio.sleep(0)
        left = ask(its, 1)
        await asyncio.sleep(0.1)
        left.cancel()
        again = ask(its, 1)
        await asyncio.sleep(0.1)
        joins = ask(its, 1)
        heard = await asyncio.gather(busy, again, joins)
        assert left.cancelled()
        assert is_about(heard[1], 1)
        assert is_about(heard[2], 1)
        assert [one.identifier for one in province.asked] == ["9", "1"]
        await its.close()

    virtually(main)


def test_all_who_share_a_failure_hear_it() -> None:
    async def main() -> None:
        province = Scripted([fails(UpstreamFailure.BAD_SIGNATURE, after=0.1)])
        its = lane(province, Watch())
        heard = await asyncio.gather(*(ask(its, 1) for _ in range(5)))
        assert heard == [UpstreamFailure.BAD_SIGNATURE] * 5
        assert its.state is BreakerState.CLOSED
        await its.close()

    virtually(main)


def test_a_probe_whose_lane_is_closed_is_no_proof() -> None:
    async def main() -> None:
        province = Scripted([fails(UpstreamFailure.UNREACHABLE)])
        watch = Watch()
        its = lane(province, watch)
        for number in range(3):
            await ask(its, number)
        await asyncio.sleep(5)
        province.plays(hangs)
        probe = ask(its, 1)
        await asyncio.sleep(0.1)
        assert watch.states[-1][1] is BreakerState.HALF_OPEN
        await its.close()
        assert await probe is UpstreamFailure.UNREACHABLE
        assert its.state is BreakerState.OPEN

    virtually(main)


class Moody:
    """A province that answers about the code it was asked about, or does something else, by a list of moods."""

    def __init__(self, moods: list[int]) -> None:
        self._moods = moods
        self._turn = 0
        self.inside = 0
        self.most_inside = 0

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Stated:
        mood = self._moods[self._turn % len(self._moods)]
        self._turn += 1
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await asyncio.sleep(0.05 * (mood % 5))
            if mood % 7 == 3:
                raise UpstreamFailed(UpstreamFailure.SERVER_ERROR)
            if mood % 11 == 5:
                await asyncio.Event().wait()
        finally:
            self.inside -= 1
        return Stated(WORDS[int(code.identifier)])

    async def close(self) -> None:
        """Nothing is open."""


ASKER = st.tuples(
    st.integers(0, 4),  # which code
    st.floats(0.0, 1.0),  # when she asks
    st.one_of(st.none(), st.floats(0.0, 1.0)),  # when she is cancelled
    st.floats(0.01, 2.0),  # how long she can wait
)


@settings(max_examples=80)
@given(
    askers=st.lists(ASKER, min_size=1, max_size=40),
    moods=st.lists(st.integers(0, 1000), min_size=1, max_size=12),
    places=st.integers(1, 4),
    fresh_for=st.sampled_from([0.0, 60.0]),
)
def test_each_asker_hears_of_her_own_code_or_that_nothing_is_known(
    askers: list[tuple[int, float, float | None, float]], moods: list[int], places: int, fresh_for: float
) -> None:
    async def main() -> None:
        province, watch = Moody(moods), Watch()
        its = lane(province, watch, in_flight=places, attempts=2, fresh_for_s=fresh_for, breaker_rest_s=0.3)
        ended = 0

        async def one(number: int, start: float, cancelled: float | None, time_left: float) -> None:
            nonlocal ended
            await asyncio.sleep(start)
            began = now()
            asker = ask(its, number, time_left)
            if cancelled is not None:
                await asyncio.sleep(cancelled)
                asker.cancel()
            try:
                heard = await asker
            except asyncio.CancelledError:
                heard = UpstreamFailure.TIMEOUT
            assert isinstance(heard, UpstreamFailure) or is_about(heard, number)
            assert now() - began <= max(time_left, cancelled or 0.0) + 1e-6
            ended += 1

        await asyncio.gather(*(one(*asker) for asker in askers))
        assert ended == len(askers)
        assert province.most_inside <= places
        await its.ended()
        await asyncio.sleep(0)
        assert (its.in_flight, province.inside) == (0, 0)
        await its.close()

    virtually(main)


def test_a_storm_of_cancellations() -> None:
    async def main() -> None:
        province = Scripted([says(after=0.01)])
        its = lane(province, Watch(), in_flight=8, fresh_for_s=0.0)
        wrong: list[Heard] = []

        async def one(number: int) -> None:
            asker = ask(its, number % 100, 0.05)
            if number % 3:
                await asyncio.sleep(0.001 * (number % 17))
                asker.cancel()
            try:
                heard = await asker
            except asyncio.CancelledError:
                return
            if not isinstance(heard, UpstreamFailure) and not is_about(heard, number % 100):
                wrong.append(heard)

        for wave in range(20):
            await asyncio.gather(*(one(wave + number * 7) for number in range(200)))
        assert wrong == []
        assert its.state is BreakerState.CLOSED
        await its.ended()
        await its.close()

    virtually(main)


def test_reasons_are_shared_too() -> None:
    async def main() -> None:
        province = Scripted([stops(Reason.EXPIRED)])
        its = lane(province, Watch())
        assert await asyncio.gather(*(ask(its, 1) for _ in range(3))) == [Reason.EXPIRED] * 3
        assert len(province.asked) == 1
        await its.close()

    virtually(main)
