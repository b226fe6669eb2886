"""All lanes together: who is asked, who stands in, and that one province's trouble is its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import CodeStopped, Reason
from gateway.pipeline import AsksIssuers
from gateway.provinces.breaker import BreakerState
from gateway.provinces.dialect import REASON_OF, UpstreamFailure
from gateway.provinces.issuers import CLOSE_S, Issuers
from gateway.provinces.profile import ProvinceName, ProvinceProfile
from gateway.values import Instant, IssuerId, OnlineAnswer, OpaqueCode
from tests.unit.provinces.lane_fakes import (
    AT,
    WORDS,
    Act,
    Scripted,
    Watch,
    budget,
    code,
    fails,
    hangs,
    profile,
    says,
    stops,
)
from tests.unit.provinces.virtual_time import now, virtually

NATIONAL = IssuerId("https://national.invalid")


@dataclass(frozen=True, slots=True)
class Directory:
    """The profiles of a test."""

    profiles: tuple[ProvinceProfile, ...]
    national: ProvinceProfile | None = None

    @property
    def by_issuer(self) -> Mapping[IssuerId, ProvinceProfile]:
        return {one.issuer: one for one in self.profiles}


def directory(*names: str, **changes: Any) -> Directory:
    """Return profiles that fall back, and the national platform if it is named."""
    found = tuple(profile(name, falls_back=True, **changes) for name in names)
    return Directory(found, next((one for one in found if one.name == "national"), None))


class Bench:
    """All lanes with their provinces and their watch."""

    def __init__(self, found: Directory) -> None:
        self.provinces: dict[str, list[Scripted]] = {}
        self.watch = Watch()
        self.issuers = Issuers(found, self.connect, self.watch, monotonic=now)

    def connect(self, its: ProvinceProfile) -> Scripted:
        made = Scripted()
        self.provinces.setdefault(its.name, []).append(made)
        return made

    def __getitem__(self, name: str) -> Scripted:
        return self.provinces[name][-1]

    async def ask(self, name: str = "zhejiang", number: int = 1, *, time_left: float = 1.0, **more: Any) -> object:
        """Return the answer or the reason that stopped the code."""
        try:
            return await self.issuers.resolve(code(str(number), name, **more), at=AT, time_left=time_left)
        except CodeStopped as stopped:
            return stopped.reason


def said(heard: object) -> OnlineAnswer:
    assert isinstance(heard, OnlineAnswer), heard
    return heard


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


@pytest.mark.parametrize("failure", list(UpstreamFailure))
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


def test_a_reload_keeps_what_has_not_changed() -> None:
    async def main() -> None:
        before = directory("zhejiang", "guizhou", "jilin")
        bench = Bench(before)
        first = said(await bench.ask())
        bench["guizhou"].plays(says(after=0.8))
        late = asyncio.create_task(bench.ask("guizhou", 7))
        await asyncio.sleep(0.1)

        changed = replace(before.profiles[1], title="another")
        old, bench.issuers = bench.issuers, bench.issuers.renewed(Directory((before.profiles[0], changed)))
        assert {name: len(made) for name, made in bench.provinces.items()} == {"zhejiang": 1, "guizhou": 2, "jilin": 1}
        assert bench.watch.departed == ["jilin"]
        assert await bench.ask() == first
        assert len(bench["zhejiang"].asked) == 1  # remembered
        assert await bench.ask("jilin") is Reason.ISSUER_NOT_CONNECTED
        assert said(await bench.ask("guizhou", 7)).statement == WORDS[7]
        assert len(bench["guizhou"].asked) == 1

        assert said(await late).statement == WORDS[7]  # by the lane that is gone
        await asyncio.sleep(0.1)
        assert [one.closed for one in (*bench.provinces["guizhou"], bench["jilin"], bench["zhejiang"])] == [1, 0, 1, 0]
        # A call that still holds the old lanes is answered, or told so.
        with pytest.raises(CodeStopped) as stopped:
            await old.resolve(code("9", "guizhou"), at=AT, time_left=1.0)
        assert stopped.value.reason is Reason.UPSTREAM_UNAVAILABLE
        assert (await old.resolve(code("9"), at=AT, time_left=1.0)).statement == WORDS[9]
        await bench.issuers.close()
        assert [made.closed for its in bench.provinces.values() for made in its] == [1, 1, 1, 1]

    virtually(main)


def test_a_new_secret_is_a_new_lane(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one")

    async def main() -> None:
        found = directory("zhejiang", credentials={"app_key": secret}, ca_file=tmp_path / "ca.pem")
        bench = Bench(found)
        bench.issuers = bench.issuers.renewed(found)
        assert len(bench.provinces["zhejiang"]) == 1
        secret.write_text("another")
        bench.issuers = bench.issuers.renewed(found)
        assert len(bench.provinces["zhejiang"]) == 2
        (tmp_path / "ca.pem").write_text("authorities")
        bench.issuers = bench.issuers.renewed(found)
        assert len(bench.provinces["zhejiang"]) == 3
        await bench.issuers.close()
        assert [one.closed for one in bench.provinces["zhejiang"]] == [1, 1, 1]

    virtually(main)


def test_a_platform_that_begins_or_ends_to_stand_in_is_a_new_lane() -> None:
    async def main() -> None:
        found = directory("zhejiang", "national")
        bench = Bench(replace(found, national=None))
        bench["zhejiang"].plays(fails(UpstreamFailure.UNREACHABLE))
        assert await bench.ask() is Reason.UPSTREAM_UNAVAILABLE
        bench.issuers = bench.issuers.renewed(found)
        assert said(await bench.ask()).answered_by == NATIONAL
        bench.issuers = bench.issuers.renewed(replace(found, national=None))
        assert await bench.ask() is Reason.UPSTREAM_UNAVAILABLE
        assert len(bench.provinces["national"]) == 3
        await bench.issuers.close()

    virtually(main)


def test_a_reload_that_cannot_connect_changes_nothing() -> None:
    async def main() -> None:
        before = directory("zhejiang", "guizhou")
        bench = Bench(before)
        told = list(bench.watch.states)

        class Refused(Exception):
            pass

        def refuse(its: ProvinceProfile) -> Scripted:
            raise Refused

        bench.issuers._connect = refuse
        with pytest.raises(Refused):
            bench.issuers.renewed(Directory((replace(before.profiles[0], title="another"), before.profiles[1])))
        assert said(await bench.ask()).statement == WORDS[1]
        assert bench.watch.states == told
        assert bench.watch.last_in_flight["zhejiang"] == 0
        await bench.issuers.close()

    virtually(main)


def test_new_lanes_are_shown_at_once_and_old_ones_no_more() -> None:
    async def main() -> None:
        before = directory("zhejiang")
        bench = Bench(before)
        assert bench.watch.states == [("zhejiang", BreakerState.CLOSED)]
        bench["zhejiang"].plays(fails(UpstreamFailure.UNREACHABLE, after=0.5))
        late = [asyncio.create_task(bench.ask(number=number)) for number in range(4)]
        await asyncio.sleep(0.1)
        bench.issuers = bench.issuers.renewed(Directory((replace(before.profiles[0], title="another"),)))
        await asyncio.gather(*late)
        assert bench.watch.states == [("zhejiang", BreakerState.CLOSED)] * 2
        assert bench.watch.last_in_flight == {"zhejiang": 0}
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
