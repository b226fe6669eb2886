"""A reload of the profiles: what has not changed stays, what is new is shown, what cannot be had changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import CodeStopped, Reason
from gateway.provinces.breaker import BreakerState
from gateway.provinces.dialect import UpstreamFailure
from gateway.provinces.profile import ProvinceProfile
from tests.unit.provinces.issuers_bench import NATIONAL, Bench, Directory, directory, said
from tests.unit.provinces.lane_fakes import (
    AT,
    WORDS,
    Scripted,
    code,
    fails,
    says,
)
from tests.unit.provinces.virtual_time import virtually


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
