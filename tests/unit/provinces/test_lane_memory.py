"""What is remembered, for how long, and that nothing of a code is in it."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from gateway.errors import Reason
from gateway.provinces.dialect import UpstreamFailure
from gateway.provinces.flights import Heard
from gateway.provinces.lane import MOST_FRESH_S, VERDICT_FRESH_S, Lane
from gateway.provinces.memory import CLOCK_STEP_S, Memory
from gateway.values import Instant, OnlineAnswer
from tests.unit.provinces.lane_fakes import AT, Scripted, Watch, code, fails, lane, says, stops
from tests.unit.provinces.virtual_time import virtually


async def ask(its: Lane, at: float = AT, number: int = 1) -> Heard:
    return await its.ask(code(str(number)), at=Instant(at), time_left=3.0)


@pytest.mark.parametrize(
    ("stated", "later", "asked"),
    [
        ({}, 59.9, 1),
        ({}, 60.0, 2),
        ({"stated_time": Instant(AT - 50)}, 9.9, 1),
        ({"stated_time": Instant(AT - 50)}, 10.0, 2),
        ({"stated_time": Instant(AT - 60)}, 0.0, 2),
        ({"stated_time": Instant(AT + 20)}, 60.0, 2),
        ({"expire_time": Instant(AT + 5)}, 4.9, 1),
        ({"expire_time": Instant(AT + 5)}, 5.0, 2),
        ({"expire_time": Instant(AT - 5)}, 0.0, 2),
        ({"expire_time": Instant(AT + 5_000)}, 60.0, 2),
        ({}, -CLOCK_STEP_S, 1),
        ({}, -CLOCK_STEP_S - 1, 2),
    ],
)
def test_an_answer_is_remembered_while_it_may_be_relied_on(stated: dict[str, Any], later: float, asked: int) -> None:
    async def main() -> None:
        province, watch = Scripted([says("word-1", **stated)]), Watch()
        its = lane(province, watch)
        first = await ask(its)
        assert isinstance(first, OnlineAnswer)
        again = await ask(its, AT + later)
        assert len(province.asked) == asked
        assert watch.saved["remembered"] == 2 - asked
        assert asked == 2 or again == first
        await its.close()

    virtually(main)


@pytest.mark.parametrize("word", ["word-1", ""])
def test_no_word_is_remembered_longer_than_another(word: str) -> None:
    async def main() -> None:
        province = Scripted([says(word)])
        its = lane(province, Watch())
        await ask(its)
        await ask(its, AT + 59.9)
        assert len(province.asked) == 1
        await ask(its, AT + 60)
        assert len(province.asked) == 2
        await its.close()

    virtually(main)


@pytest.mark.parametrize(("fresh_for", "until"), [(60.0, VERDICT_FRESH_S), (2.0, 2.0)])
@pytest.mark.parametrize("reason", [Reason.EXPIRED, Reason.CODE_NOT_FOUND, Reason.NOT_ITS_ISSUERS])
def test_a_verdict_is_remembered_for_a_moment(reason: Reason, fresh_for: float, until: float) -> None:
    async def main() -> None:
        province = Scripted([stops(reason)])
        its = lane(province, Watch(), fresh_for_s=fresh_for)
        assert await ask(its) is reason
        assert await ask(its, AT + until - 0.1) is reason
        assert len(province.asked) == 1
        await ask(its, AT + until)
        assert len(province.asked) == 2
        await its.close()

    virtually(main)


@pytest.mark.parametrize("failure", list(UpstreamFailure))
def test_a_failure_is_never_remembered(failure: UpstreamFailure) -> None:
    async def main() -> None:
        province = Scripted([fails(failure), says("word-1")])
        its = lane(province, Watch())
        assert await ask(its) is failure
        assert isinstance(await ask(its), OnlineAnswer)
        await its.close()

    virtually(main)


def test_nothing_is_relied_on_longer_than_a_day() -> None:
    async def main() -> None:
        province = Scripted([says("word-1")])
        its = lane(province, Watch(), fresh_for_s=14 * 86_400.0)
        first = await ask(its)
        assert isinstance(first, OnlineAnswer)
        assert first.fresh_for == MOST_FRESH_S
        await ask(its, AT + MOST_FRESH_S - 1)
        await ask(its, AT + MOST_FRESH_S)
        assert len(province.asked) == 2
        await its.close()

    virtually(main)


def test_no_budget_no_memory() -> None:
    async def main() -> None:
        province = Scripted([says("word-1")])
        its = lane(province, Watch(), fresh_for_s=0.0)
        await ask(its)
        await ask(its)
        assert len(province.asked) == 2
        await its.close()

    virtually(main)


def test_what_is_remembered_is_used_while_the_province_is_cut_off_and_says_so() -> None:
    async def main() -> None:
        province = Scripted([says("word-1", bound=False)])
        its = lane(province, Watch())
        first = await ask(its)
        assert isinstance(first, OnlineAnswer)
        province.plays(fails(UpstreamFailure.UNREACHABLE))
        await ask(its, number=2)  # one call that failed
        told: list[tuple[Reason, ...]] = []
        for number in range(3, 6):  # until the breaker is open
            again = await ask(its, AT + 30)
            assert isinstance(again, OnlineAnswer)
            assert (again.statement, again.observed_time) == (first.statement, first.observed_time)
            told.append(again.notes)
            await ask(its, number=number)
        assert told == [(Reason.ANSWER_NOT_BOUND, Reason.ISSUER_CUT_OFF)] * 3
        assert await ask(its, AT + 60) is UpstreamFailure.RESTING
        await asyncio.sleep(5)
        province.plays(says("word-1"))
        await ask(its, number=9)
        assert await ask(its, AT + 30) == first
        await its.close()

    virtually(main)


def test_a_remembered_verdict_needs_no_note() -> None:
    async def main() -> None:
        province = Scripted([stops(Reason.CODE_NOT_FOUND), fails(UpstreamFailure.UNREACHABLE)])
        its = lane(province, Watch())
        await ask(its)
        await ask(its, number=2)
        assert await ask(its) is Reason.CODE_NOT_FOUND
        await its.close()

    virtually(main)


def test_memory_is_emptied_though_nobody_asks_any_more() -> None:
    async def main() -> None:
        its = lane(Scripted([says("word-1")]), Watch())
        for number in range(10):
            await ask(its, number=number)
        assert len(its._memory) == 10
        await asyncio.sleep(121)
        assert len(its._memory) == 0
        assert its._turning is None
        await its.close()

    virtually(main)


def test_a_closed_lane_remembers_nothing() -> None:
    async def main() -> None:
        its = lane(Scripted([says("word-1")]), Watch())
        await ask(its)
        await its.close()
        assert len(its._memory) == 0
        assert await ask(its) is UpstreamFailure.UNREACHABLE

    virtually(main)


def test_a_lane_holds_nothing_of_a_code() -> None:
    canary = "Canary-Zhang-330102199001011234"

    async def main() -> None:
        its = lane(Scripted([says("word-1")]), Watch())
        asked = code(identifier=canary, text=canary, national=canary)
        await its.ask(asked, at=AT, time_left=3.0)
        del asked
        gc.collect()
        seen: set[int] = set()
        found: list[object] = []

        def walk(one: object) -> None:
            if id(one) in seen or isinstance(one, type | asyncio.AbstractEventLoop) or callable(one):
                return
            seen.add(id(one))
            if isinstance(one, str | bytes) and canary in (one if isinstance(one, str) else one.decode("latin1")):
                found.append(one)
            for inside in gc.get_referents(one):
                walk(inside)

        walk(its._memory)
        walk(its._flights)
        assert len(seen) > 10
        assert found == []
        assert canary not in repr(its._memory) + repr(its)
        await its.close()

    virtually(main)


ONE = OnlineAnswer("word-1", AT, 60.0)


def keep(memory: Memory, number: int, *, at: float = AT, said: float | None = None, until: float = AT + 60) -> bytes:
    key = memory.key_of(code(str(number)))
    answer = OnlineAnswer(f"word-{number}", Instant(at if said is None else said), 60.0)
    memory.keep(key, answer, said_time=answer.observed_time, at=Instant(at), until=Instant(until))
    return key


def test_memory_is_bounded_and_drops_the_oldest() -> None:
    memory = Memory(10)
    keys = [keep(memory, number) for number in range(23)]
    assert len(memory) <= 10
    held = [number for number, key in enumerate(keys) if memory.recall(key, AT)]
    assert held == list(range(15, 23))


def test_the_newer_word_counts() -> None:
    memory = Memory()
    key = memory.key_of(code())
    memory.keep(key, ONE, said_time=AT, at=AT, until=Instant(AT + 60))
    memory.keep(key, Reason.EXPIRED, said_time=Instant(AT - 1), at=Instant(AT + 1), until=Instant(AT + 60))
    assert memory.recall(key, AT) is ONE
    memory.turn()
    memory.keep(key, Reason.EXPIRED, said_time=Instant(AT - 1), at=Instant(AT + 1), until=Instant(AT + 60))
    assert memory.recall(key, AT) is ONE
    memory.keep(key, Reason.EXPIRED, said_time=Instant(AT + 1), at=Instant(AT + 1), until=Instant(AT + 6))
    assert memory.recall(key, Instant(AT + 1)) is Reason.EXPIRED
    assert memory.recall(key, Instant(AT + 6)) is None


def test_an_old_word_replaces_one_that_is_over() -> None:
    memory = Memory()
    key = memory.key_of(code())
    memory.keep(key, ONE, said_time=AT, at=AT, until=Instant(AT + 1))
    memory.keep(key, Reason.EXPIRED, said_time=Instant(AT - 1), at=Instant(AT + 2), until=Instant(AT + 4))
    assert memory.recall(key, Instant(AT + 3)) is Reason.EXPIRED


def test_keys_are_of_one_process_and_tell_nothing() -> None:
    asked = code()
    one, other = Memory(), Memory()
    assert one.key_of(asked) == one.key_of(code())
    assert one.key_of(asked) != other.key_of(asked)
    assert len(one.key_of(asked)) == 32
    assert len(one.key_of(code(text="\ud800 lone", identifier=""))) == 32
