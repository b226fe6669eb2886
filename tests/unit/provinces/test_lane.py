"""One lane: what is asked how often, what an asker hears, and what is remembered."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from gateway.errors import Reason
from gateway.provinces.breaker import BreakerState
from gateway.provinces.dialect import UpstreamFailure
from gateway.provinces.flights import Heard
from gateway.provinces.lane import Lane
from gateway.values import Instant, OnlineAnswer, ReasonClass
from tests.unit.provinces.lane_fakes import (
    AT,
    WORDS,
    Act,
    Scripted,
    Watch,
    breaks,
    code,
    fails,
    hangs,
    lane,
    says,
    stops,
)
from tests.unit.provinces.virtual_time import now, virtually


class Bench:
    """A lane with its province and its watch."""

    def __init__(self, *acts: Act, **budget: Any) -> None:
        self.province = Scripted(list(acts) or [says()])
        self.watch = Watch()
        self.lane: Lane = lane(self.province, self.watch, **budget)

    async def ask(self, number: int = 1, *, at: float = AT, time_left: float = 3.0) -> Heard:
        return await self.lane.ask(code(str(number)), at=Instant(at), time_left=time_left)

    async def break_it(self) -> None:
        """Open the breaker with three questions."""
        self.province.plays(fails(UpstreamFailure.UNREACHABLE))
        for number in range(90, 93):
            assert await self.ask(number) is UpstreamFailure.UNREACHABLE
        assert self.lane.state is BreakerState.OPEN


def said(heard: Heard) -> OnlineAnswer:
    assert isinstance(heard, OnlineAnswer), heard
    return heard


def test_what_the_province_says_comes_back_with_its_time_and_budget() -> None:
    async def main() -> None:
        act = says(
            "word-7",
            stated_time=Instant(AT - 20),
            expire_time=Instant(AT + 50),
            reason_class=ReasonClass.RED_OTHER_ORDER,
        )
        bench = Bench(act)
        expected = OnlineAnswer("word-7", Instant(AT - 20), 60.0, Instant(AT + 50), ReasonClass.RED_OTHER_ORDER)
        assert await bench.ask() == expected
        assert bench.watch.count("answered") == 1
        await bench.lane.close()

    virtually(main)


@pytest.mark.parametrize(
    ("act", "statement", "notes"),
    [
        (says("word-1"), "word-1", ()),
        (says("a word of nobody's, with a name in it"), "", ()),
        (says(""), "", ()),
        (says("word-1", bound=False), "word-1", (Reason.ANSWER_NOT_BOUND,)),
    ],
)
def test_only_words_of_the_profile_come_through(act: Act, statement: str, notes: tuple[Reason, ...]) -> None:
    async def main() -> None:
        bench = Bench(act)
        answer = said(await bench.ask())
        assert (answer.statement, answer.notes) == (statement, notes)
        assert answer.observed_time == AT
        await bench.lane.close()

    virtually(main)


@pytest.mark.parametrize(
    ("ahead", "expected"), [(0.0, AT), (29.0, AT), (30.0, AT), (31.0, UpstreamFailure.GARBAGE), (1e9, None)]
)
def test_nothing_is_said_in_the_future(ahead: float, expected: object) -> None:
    async def main() -> None:
        bench = Bench(says("word-1", stated_time=Instant(AT + ahead)))
        heard = await bench.ask()
        got = heard.observed_time if isinstance(heard, OnlineAnswer) else heard
        assert got == (expected or UpstreamFailure.GARBAGE)
        await bench.lane.close()

    virtually(main)


@pytest.mark.parametrize("reason", [Reason.EXPIRED, Reason.CODE_NOT_FOUND, Reason.NOT_ITS_ISSUERS])
def test_a_verdict_is_an_answer(reason: Reason) -> None:
    async def main() -> None:
        bench = Bench(stops(reason), attempts=3)
        for number in range(5):
            assert await bench.ask(number) is reason
        assert bench.lane.state is BreakerState.CLOSED
        assert bench.watch.count("answered") == 5
        await bench.lane.close()

    virtually(main)


@pytest.mark.parametrize(
    "act", [breaks(KeyError("a name")), breaks(RecursionError()), stops(Reason.STATE_GREEN), stops(Reason.REVOKED)]
)
def test_whatever_a_dialect_does_an_asker_hears_a_word(act: Act) -> None:
    async def main() -> None:
        bench = Bench(act, attempts=3)
        assert await bench.ask() is UpstreamFailure.GARBAGE
        assert len(bench.province.asked) == 1
        assert bench.watch.count("garbage") == 1
        await bench.lane.close()

    virtually(main)


def test_a_fault_of_ours_is_told_to_the_watch() -> None:
    async def main() -> None:
        fault = KeyError("a name")
        bench = Bench(breaks(fault))
        await bench.ask()
        assert bench.watch.broken == [fault]
        await bench.lane.close()

    virtually(main)


@pytest.mark.parametrize(
    ("failure", "times"),
    [
        (UpstreamFailure.UNREACHABLE, 3),
        (UpstreamFailure.OVERLOADED, 3),
        (UpstreamFailure.SERVER_ERROR, 3),
        (UpstreamFailure.TIMEOUT, 3),
        (UpstreamFailure.REFUSED, 1),
        (UpstreamFailure.GARBAGE, 1),
        (UpstreamFailure.WRONG_CODE, 1),
        (UpstreamFailure.BAD_SIGNATURE, 1),
        (UpstreamFailure.ERROR_NUMBER, 1),
    ],
)
def test_only_what_may_pass_is_asked_again(failure: UpstreamFailure, times: int) -> None:
    async def main() -> None:
        bench = Bench(fails(failure), attempts=3, deadline_s=5.0, breaker_failures=9)
        assert await bench.ask(time_left=9.0) is failure
        assert len(bench.province.asked) == times == bench.watch.count(failure)
        assert len({one.identifier for one in bench.province.asked}) == 1
        await bench.lane.close()

    virtually(main)


def test_a_repetition_may_bring_the_answer() -> None:
    async def main() -> None:
        bench = Bench(fails(UpstreamFailure.UNREACHABLE), says("word-3"), attempts=2)
        assert said(await bench.ask()).statement == "word-3"
        assert (bench.watch.count("unreachable"), bench.watch.count("answered")) == (1, 1)
        assert await bench.ask() == said(await bench.ask())
        assert len(bench.province.asked) == 2
        await bench.lane.close()

    virtually(main)


def test_pauses_grow_and_are_varied() -> None:
    async def main() -> list[float]:
        bench = Bench(fails(UpstreamFailure.OVERLOADED), attempts=4, deadline_s=60.0, breaker_failures=9)
        await bench.ask(time_left=60.0)
        await bench.lane.close()
        return [later - earlier for earlier, later in pairwise(bench.province.asked_at)]

    runs = [virtually(main) for _ in range(5)]
    for pauses in runs:
        for pause, middle in zip(pauses, (0.2, 0.4, 0.8), strict=True):
            assert 0.5 * middle <= pause <= 1.5 * middle + 1e-6
    assert len({pauses[0] for pauses in runs}) > 1


def test_all_attempts_together_keep_the_deadline() -> None:
    async def main() -> None:
        bench = Bench(hangs, attempts=3, breaker_failures=9)
        began = now()
        assert await bench.ask(time_left=60.0) is UpstreamFailure.TIMEOUT
        assert now() - began == pytest.approx(1.0)
        assert bench.province.given == pytest.approx([0.6, 0.24, 0.16])
        await bench.lane.close()

    virtually(main)


def test_one_attempt_has_all_the_time() -> None:
    async def main() -> None:
        bench = Bench(says(after=0.99))
        assert said(await bench.ask()).statement == WORDS[1]
        assert bench.province.given == [1.0]
        await bench.lane.close()

    virtually(main)


def test_no_repetition_begins_after_the_deadline() -> None:
    async def main() -> None:
        bench = Bench(fails(UpstreamFailure.OVERLOADED, after=0.12), attempts=9, deadline_s=0.21, breaker_failures=9)
        assert await bench.ask() is UpstreamFailure.OVERLOADED
        assert len(bench.province.asked) == 1
        assert now() == pytest.approx(0.12)
        await bench.lane.close()

    virtually(main)


def test_nothing_is_repeated_while_others_wait_for_their_first() -> None:
    async def main() -> None:
        bench = Bench(fails(UpstreamFailure.SERVER_ERROR, after=0.1), attempts=3, in_flight=1, breaker_failures=99)
        await asyncio.gather(*(bench.ask(number) for number in range(3)))
        asked = [int(one.identifier) for one in bench.province.asked]
        assert asked == [0, 1, 2, 2, 2]
        await bench.lane.close()

    virtually(main)


def test_an_open_breaker_is_not_asked_and_its_probe_closes_it() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.break_it()
        before = len(bench.province.asked)
        assert await bench.ask() is UpstreamFailure.RESTING
        assert not bench.lane.ready
        await asyncio.sleep(5.0)
        bench.province.plays(says(after=0.5))
        heard = await asyncio.gather(*(bench.ask(number) for number in range(8)))
        assert [isinstance(one, OnlineAnswer) for one in heard] == [True, *[False] * 7]
        assert set(heard[1:]) == {UpstreamFailure.RESTING}
        assert len(bench.province.asked) == before + 1
        assert bench.lane.state is BreakerState.CLOSED
        assert bench.watch.count("resting") == 8
        states = [state for _, state in bench.watch.states]
        assert states == [BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]
        await bench.lane.close()

    virtually(main)


@pytest.mark.parametrize(
    "failure", [one for one in UpstreamFailure if one.value not in ("shed", "resting", "error_number")]
)
def test_every_way_of_failing_opens_the_breaker(failure: UpstreamFailure) -> None:
    async def main() -> None:
        bench = Bench(fails(failure))
        heard = [await bench.ask(number) for number in range(4)]
        assert heard == [failure, failure, failure, UpstreamFailure.RESTING]
        await bench.lane.close()

    virtually(main)


def test_who_shows_strange_codes_cannot_cut_a_province_off() -> None:
    async def main() -> None:
        bench = Bench(fails(UpstreamFailure.ERROR_NUMBER))
        heard = [await bench.ask(number) for number in range(20)]
        assert heard == [UpstreamFailure.ERROR_NUMBER] * 20
        assert bench.watch.states == []
        await bench.lane.close()

    virtually(main)


def test_a_breaker_that_opens_in_between_ends_the_repetitions() -> None:
    async def main() -> None:
        bench = Bench(fails(UpstreamFailure.UNREACHABLE), attempts=9, deadline_s=30.0)
        assert await bench.ask(time_left=30.0) is UpstreamFailure.UNREACHABLE
        assert len(bench.province.asked) == 3
        assert bench.watch.count("resting") == 0
        await bench.lane.close()

    virtually(main)


def test_a_line_before_a_breaker_that_opens_is_sent_away_at_once() -> None:
    async def main() -> None:
        bench = Bench(hangs, in_flight=3)
        first = [asyncio.create_task(bench.ask(number)) for number in range(3)]
        await asyncio.sleep(0.5)
        line = [asyncio.create_task(bench.ask(number)) for number in range(3, 20)]
        assert await asyncio.gather(*first) == [UpstreamFailure.TIMEOUT] * 3
        assert await asyncio.gather(*line) == [UpstreamFailure.RESTING] * 17
        assert now() == pytest.approx(1.0)
        assert bench.lane.in_flight == 0
        assert bench.lane._turnstile._takes == pytest.approx(1.0)  # who was not asked took no time
        await bench.lane.close()

    virtually(main)


def test_impatient_askers_do_not_hide_a_hanging_province_from_the_breaker() -> None:
    async def main() -> None:
        bench = Bench(hangs)
        for number in range(3):
            began = now()
            assert await bench.ask(number, time_left=0.2) is UpstreamFailure.TIMEOUT
            assert now() - began == pytest.approx(0.2)
        await asyncio.sleep(1.0)
        assert bench.lane.state is BreakerState.OPEN
        assert bench.watch.count("timeout") == 3
        await bench.lane.close()

    virtually(main)


def test_no_time_is_no_question() -> None:
    async def main() -> None:
        bench = Bench()
        assert await bench.ask(time_left=0.0) is UpstreamFailure.TIMEOUT
        assert await bench.ask(time_left=-1.0) is UpstreamFailure.TIMEOUT
        assert bench.province.asked == []
        await bench.lane.close()

    virtually(main)


def test_no_more_than_the_budget_are_with_the_province() -> None:
    async def main() -> None:
        bench = Bench(says(after=0.05))
        heard = await asyncio.gather(*(bench.ask(number) for number in range(40)))
        assert [said(one).statement for one in heard] == list(WORDS[:40])
        assert bench.province.most_inside == bench.watch.most_in_flight == 4
        assert bench.watch.last_in_flight == {"zhejiang": 0}
        await bench.lane.close()

    virtually(main)


def test_who_cannot_be_served_in_time_is_sent_away_at_once() -> None:
    async def main() -> None:
        bench = Bench(says(after=0.2))
        await bench.ask(99)  # now it is known how long it takes: 20 a second
        began = now()

        async def timed(number: int) -> tuple[Heard, float]:
            return await bench.ask(number, time_left=0.5), now() - began

        found = await asyncio.gather(*(timed(number) for number in range(40)))
        shed = [seconds for heard, seconds in found if heard is UpstreamFailure.SHED]
        assert len(shed) == bench.watch.count("shed") == 40 - 4 - 10
        assert max(shed) == 0
        assert sum(isinstance(heard, OnlineAnswer) for heard, _ in found) == 8
        assert bench.lane.state is BreakerState.CLOSED
        await asyncio.sleep(1.0)
        await bench.lane.close()

    virtually(main)


@pytest.mark.parametrize("attempts", [1, 2])
def test_close_ends_everything_at_once(attempts: int) -> None:
    async def main() -> None:
        bench = Bench(hangs, attempts=attempts, deadline_s=50.0)
        askers = [asyncio.create_task(bench.ask(number, time_left=60.0)) for number in range(10)]
        await asyncio.sleep(0.1)
        began = now()
        await bench.lane.close()
        assert now() == began
        assert await asyncio.gather(*askers) == [UpstreamFailure.UNREACHABLE] * 10
        assert await bench.ask() is UpstreamFailure.UNREACHABLE
        assert not bench.lane.ready
        await bench.lane.close()

    virtually(main)


def test_a_retired_lane_is_silent_and_serves_to_the_end() -> None:
    async def main() -> None:
        bench = Bench(says(after=0.5))
        asker = asyncio.create_task(bench.ask())
        await asyncio.sleep(0.1)
        before = dict(bench.watch.last_in_flight)
        bench.lane.retire()
        await bench.lane.ended()
        assert said(await asker).statement == WORDS[1]
        assert bench.watch.last_in_flight == before == {"zhejiang": 1}
        await bench.lane.close()

    virtually(main)
