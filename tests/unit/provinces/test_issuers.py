"""All lanes together: who is asked, who stands in, and that one province's trouble is its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import Reason
from gateway.pipeline import AsksIssuers
from gateway.provinces.breaker import BreakerState
from gateway.provinces.dialect import REASON_OF, UpstreamFailure
from gateway.provinces.issuers import CLOSE_S
from gateway.provinces.profile import ProvinceName
from gateway.values import Instant, OnlineAnswer, OpaqueCode
from tests.unit.provinces.issuers_bench import NATIONAL, Bench, Directory, directory, said
from tests.unit.provinces.lane_fakes import (
    AT,
    WORDS,
    Act,
    budget,
    code,
    fails,
    hangs,
    says,
    stops,
)
from tests.unit.provinces.virtual_time import now, virtually


def test_it_is_what_the_pipeline_asks() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang"))
        asks: AsksIssuers = bench.issuers
        answer = await asks.resolve(code("4"), at=AT, time_left=1.0)
        assert (answer.statement, answer.answered_by, answer.notes) == (WORDS[4], None, ())
        await bench.issuers.close()

    virtually(main)


def test_each_province_is_asked_about_its_own() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "guizhou"))
        await bench.ask("guizhou", 2)
        assert [one.identifier for one in bench["guizhou"].asked] == ["2"]
        assert bench["zhejiang"].asked == []
        assert await bench.ask("nowhere") is Reason.ISSUER_NOT_CONNECTED
        await bench.issuers.close()

    virtually(main)


@pytest.mark.parametrize("failure", list(UpstreamFailure))
def test_a_failure_is_told_as_its_reason(failure: UpstreamFailure) -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang"))
        bench["zhejiang"].plays(fails(failure))
        assert await bench.ask() is REASON_OF[failure]
        assert bench.watch.fallbacks == []
        await bench.issuers.close()

    virtually(main)


@pytest.mark.parametrize("reason", [Reason.EXPIRED, Reason.CODE_NOT_FOUND, Reason.NOT_ITS_ISSUERS])
def test_a_verdict_is_the_issuers_own_and_nobody_else_is_asked(reason: Reason) -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "national"))
        bench["zhejiang"].plays(stops(reason))
        assert await bench.ask() is reason
        assert bench["national"].asked == []
        await bench.issuers.close()

    virtually(main)


@pytest.mark.parametrize("failure", [one for one in UpstreamFailure if one is not UpstreamFailure.ERROR_NUMBER])
@pytest.mark.parametrize("national_id", ["7", None])
def test_the_national_platform_answers_in_the_place_of_one_that_fails(
    failure: UpstreamFailure, national_id: str | None
) -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "national"))
        bench["zhejiang"].plays(fails(failure))
        bench["national"].plays(says("word-9", bound=False))
        answer = said(await bench.ask(national=national_id))
        assert (answer.statement, answer.answered_by) == ("word-9", NATIONAL)
        assert answer.notes == (Reason.ANSWERED_BY_NATIONAL_PLATFORM, Reason.ANSWER_NOT_BOUND)
        (asked,) = bench["national"].asked
        assert asked.identifier == (national_id or "text 1")
        assert bench.watch.fallbacks == [("zhejiang", True)]
        assert (bench.watch.count(failure), bench.watch.count("answered", "national")) == (1, 1)
        await bench.issuers.close()

    virtually(main)


@pytest.mark.parametrize(
    ("act", "expected", "answered"),
    [
        (fails(UpstreamFailure.REFUSED), Reason.UPSTREAM_INVALID, False),
        (hangs, Reason.UPSTREAM_INVALID, False),
        (stops(Reason.CODE_NOT_FOUND), Reason.UPSTREAM_INVALID, False),
        (stops(Reason.NOT_ITS_ISSUERS), Reason.UPSTREAM_INVALID, False),
        (stops(Reason.EXPIRED), Reason.EXPIRED, True),
    ],
)
def test_what_the_platform_does_not_know_the_provinces_failure_decides(
    act: Act, expected: Reason, answered: bool
) -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "national"))
        bench["zhejiang"].plays(fails(UpstreamFailure.GARBAGE))
        bench["national"].plays(act)
        assert await bench.ask() is expected
        assert bench.watch.fallbacks == [("zhejiang", answered)]
        await bench.issuers.close()

    virtually(main)


def test_who_does_not_fall_back_does_not() -> None:
    async def main() -> None:
        found = directory("zhejiang", "national")
        bench = Bench(replace(found, profiles=(replace(found.profiles[0], falls_back=False), found.profiles[1])))
        bench["zhejiang"].plays(hangs)
        assert await bench.ask(time_left=0.9) is Reason.UPSTREAM_UNAVAILABLE
        assert now() == pytest.approx(0.9)
        assert bench["national"].asked == []
        await bench.issuers.close()

    virtually(main)


def test_the_platform_does_not_stand_in_for_itself() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "national"))
        bench["national"].plays(fails(UpstreamFailure.UNREACHABLE))
        assert await bench.ask("national") is Reason.UPSTREAM_UNAVAILABLE
        assert len(bench["national"].asked) == 1
        assert bench.watch.fallbacks == []
        await bench.issuers.close()

    virtually(main)


@pytest.mark.parametrize(
    ("time_left", "national_deadline", "waited"), [(1.0, 9.0, 0.6), (1.0, 0.25, 0.75), (0.2, 9.0, 0.12)]
)
def test_the_platform_gets_its_part_of_the_time(time_left: float, national_deadline: float, waited: float) -> None:
    async def main() -> None:
        found = directory("zhejiang", "national", budget=budget(deadline_s=9.0))
        assert found.national is not None
        national = replace(found.national, budget=budget(deadline_s=national_deadline))
        bench = Bench(Directory((found.profiles[0], national), national))
        bench["zhejiang"].plays(hangs)
        bench["national"].plays(says("word-1", after=time_left / 10))
        answer = said(await bench.ask(time_left=time_left))
        assert now() == pytest.approx(waited + time_left / 10)
        assert answer.answered_by == NATIONAL
        await bench.issuers.close()

    virtually(main)


def test_both_together_keep_the_askers_time() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "national", budget=budget(deadline_s=9.0)))
        bench["zhejiang"].plays(hangs)
        bench["national"].plays(hangs)
        assert await bench.ask(time_left=0.8) is Reason.UPSTREAM_UNAVAILABLE
        assert now() == pytest.approx(0.8)
        await bench.issuers.close()

    virtually(main)


def test_no_time_is_kept_for_a_platform_that_rests() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "guizhou", "national"))
        bench["guizhou"].plays(fails(UpstreamFailure.UNREACHABLE))
        bench["national"].plays(fails(UpstreamFailure.UNREACHABLE))
        for number in range(3):
            await bench.ask("guizhou", number)
        bench["zhejiang"].plays(says(after=0.9))
        assert said(await bench.ask(time_left=0.95)).statement == WORDS[1]
        await bench.issuers.close()

    virtually(main)


def test_what_the_province_said_a_moment_ago_comes_before_the_platform() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "national"))
        first = said(await bench.ask())
        bench["zhejiang"].plays(fails(UpstreamFailure.UNREACHABLE))
        for number in range(10, 14):
            assert said(await bench.ask(number=number)).answered_by == NATIONAL
        again = said(await bench.ask())
        assert again == replace(first, notes=(Reason.ISSUER_CUT_OFF,))
        await bench.issuers.close()

    virtually(main)


def test_a_flood_of_a_fallen_province_leaves_the_platform_to_its_own() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "national", budget=budget(deadline_s=5.0)))
        bench["zhejiang"].plays(fails(UpstreamFailure.UNREACHABLE))
        bench["national"].plays(says("word-1", after=0.2))
        flood = [asyncio.create_task(bench.ask(number=number, time_left=9.0)) for number in range(100)]
        await asyncio.sleep(0.05)
        began = now()
        own = await asyncio.gather(*(bench.ask("national", number) for number in range(2)))
        assert now() - began == pytest.approx(0.2)
        assert all(said(one).answered_by is None for one in own)
        assert bench["national"].most_inside == 4
        await asyncio.gather(*flood)
        await bench.issuers.close()

    virtually(main)


def test_strange_codes_of_a_fallen_province_do_not_cut_off_the_platforms_own() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "national"))
        bench["zhejiang"].plays(fails(UpstreamFailure.UNREACHABLE))
        bench["national"].plays(fails(UpstreamFailure.SERVER_ERROR))
        for number in range(10):
            assert await bench.ask(number=number) is Reason.UPSTREAM_UNAVAILABLE
        bench["national"].plays(says("word-1"))
        assert said(await bench.ask("national")).statement == "word-1"
        states = dict(bench.watch.states)
        assert states == {"zhejiang": BreakerState.OPEN, "national": BreakerState.CLOSED}
        await bench.issuers.close()

    virtually(main)


@pytest.mark.parametrize(("in_flight", "own"), [(1, 1), (2, 1), (5, 3), (16, 8)])
def test_the_platforms_places_are_shared_out(in_flight: int, own: int) -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "national", budget=budget(in_flight=in_flight, deadline_s=9.0)))
        asks = [asyncio.create_task(bench.ask("national", number, time_left=0.5)) for number in range(40)]
        bench["national"].plays(says("word-1", after=0.4))
        await asyncio.sleep(0.1)
        assert bench["national"].inside == own
        assert {one.name: one.in_flight for one in bench.issuers.lanes()} == {"zhejiang": 0, "national": own}
        await asyncio.gather(*asks)
        await bench.issuers.close()

    virtually(main)


@pytest.mark.parametrize(
    "acts",
    [
        [hangs],
        [fails(UpstreamFailure.UNREACHABLE)],
        [says("a lie"), fails(UpstreamFailure.WRONG_CODE), fails(UpstreamFailure.GARBAGE, after=0.5)],
        [says(after=2.0)],
    ],
)
def test_one_province_in_trouble_costs_the_others_nothing(acts: list[Act]) -> None:
    """At a steady load in virtual time, the others' answers take exactly as long as without it."""
    names = [f"p{number}" for number in range(8)]

    async def run(broken: bool) -> tuple[list[float], int]:
        bench = Bench(directory(*names, budget=budget(fresh_for_s=0.0)))
        if broken:
            bench["p0"].plays(*acts)
        took: list[float] = []
        wrong = 0

        async def one(number: int) -> None:
            nonlocal wrong
            name = names[number % 8]
            began = now()
            heard = await bench.ask(name, number, time_left=1.0)
            if name != "p0":
                took.append(now() - began)
                wrong += said(heard).statement != WORDS[number % 100]

        tasks = []
        for number in range(800):
            tasks.append(asyncio.create_task(one(number)))
            await asyncio.sleep(0.01)
        await asyncio.gather(*tasks)
        await bench.issuers.close()
        return sorted(took), wrong

    calm, _ = virtually(lambda: run(False))
    troubled, wrong = virtually(lambda: run(True))
    assert wrong == 0
    assert troubled == pytest.approx(calm)


def test_a_province_recovers_without_help() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang"))
        bench["zhejiang"].plays(*[fails(UpstreamFailure.UNREACHABLE)] * 5, says())
        heard = []
        for number in range(30):
            heard.append(await bench.ask(number=number))
            await asyncio.sleep(1.0)
        assert set(heard[:3]) == {Reason.UPSTREAM_UNAVAILABLE}
        assert all(isinstance(one, OnlineAnswer) for one in heard[-12:])
        assert bench.issuers.lanes()[0].breaker is BreakerState.CLOSED
        await bench.issuers.close()

    virtually(main)


def test_close_ends_in_bounded_time_whatever_hangs() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "guizhou", "national", budget=budget(deadline_s=60.0)))

        async def never() -> None:
            await asyncio.Event().wait()

        async def dies() -> None:
            raise OSError

        for name in ("zhejiang", "guizhou", "national"):
            bench[name].plays(hangs)
        bench["zhejiang"].closes, bench["national"].closes = never, dies
        asks = [
            asyncio.create_task(bench.ask(name, number, time_left=50.0))
            for name in ("zhejiang", "guizhou")
            for number in range(20)
        ]
        await asyncio.sleep(0.1)
        bench.issuers = bench.issuers.renewed(directory("guizhou", "national", budget=budget(deadline_s=60.0)))
        began = now()
        await bench.issuers.close()
        assert now() - began == pytest.approx(CLOSE_S)
        assert set(await asyncio.gather(*asks)) == {Reason.UPSTREAM_UNAVAILABLE}
        assert [bench[name].closed for name in bench.provinces] == [1, 1, 1]
        await bench.issuers.close()

    virtually(main)


def test_nothing_of_the_asker_goes_along() -> None:
    """What a province is asked is the code, and nothing else that there is."""

    async def main() -> None:
        bench = Bench(directory("zhejiang", "national"))
        bench["zhejiang"].plays(fails(UpstreamFailure.UNREACHABLE))
        asked = code("1")
        await bench.issuers.resolve(asked, at=Instant(AT), time_left=1.0)
        assert bench["zhejiang"].asked == [asked]
        assert bench["national"].asked == [
            OpaqueCode(NATIONAL, asked.division, asked.text, asked.text),
        ]
        await bench.issuers.close()

    virtually(main)


def test_the_states_of_all_lanes_are_told() -> None:
    async def main() -> None:
        bench = Bench(directory("zhejiang", "guizhou"))
        bench["guizhou"].plays(fails(UpstreamFailure.UNREACHABLE))
        for number in range(3):
            await bench.ask("guizhou", number)
        found = [(one.name, one.breaker, one.in_flight) for one in bench.issuers.lanes()]
        assert found == [
            (ProvinceName("zhejiang"), BreakerState.CLOSED, 0),
            (ProvinceName("guizhou"), BreakerState.OPEN, 0),
        ]
        await bench.issuers.close()

    virtually(main)
