"""From what an issuer publishes to what a caller is told: real lists, real codes, one gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from gateway.changes import BatchRefusal, BatchRefused
from gateway.rpc.status_client import StatusClient, WatchEvent, connected_status
from gateway.status import words
from gateway.values import Instant, Measure, Purpose
from tests.conftest import FakeClock
from tests.simulators.watched_country import HERE, WatchedCountry, watched_country

PASS, DENY, MANUAL = Measure.PASS, Measure.DENY, Measure.MANUAL


async def told(events: AsyncGenerator[WatchEvent, None], count: int) -> dict[str, tuple[Measure, bool]]:
    """Return the next events of codes."""
    found: dict[str, tuple[Measure, bool]] = {}
    async for event in events:
        if event.answer is not None:
            found[event.handle] = (event.answer.measure, event.watched)
        if len(found) == count:
            return found
    raise AssertionError("the stream has ended")


def watched(
    client: StatusClient, country: WatchedCountry, clock: FakeClock, count: int
) -> AsyncGenerator[WatchEvent, None]:
    codes = [(f"h{index}", country.code(index, clock())) for index in range(count)]
    return client.watch(codes, purpose=Purpose.TRANSPORT_ARRIVAL, division=HERE)


async def test_what_a_province_publishes_is_told(tmp_path: Path, clock: FakeClock) -> None:
    async with watched_country(tmp_path, clock) as country, connected_status(country.target) as client:
        province = country.province
        async with aclosing(watched(client, country, clock, 3)) as events:
            assert await told(events, 3) == {f"h{index}": (MANUAL, True) for index in range(3)}
            await client.publish(province.change({words.GREEN: range(10)}, clock()))
            assert await told(events, 3) == {f"h{index}": (PASS, True) for index in range(3)}
            await client.publish(province.change({words.RED: [2, 5]}, clock()))
            assert await told(events, 1) == {"h2": (DENY, True)}
            await client.publish(province.close(clock()))
            assert await told(events, 3) == {f"h{index}": (MANUAL, False) for index in range(3)}
        assert len(country.watches) == 0


async def test_what_points_to_no_list_is_judged_once(tmp_path: Path, clock: FakeClock) -> None:
    async with watched_country(tmp_path, clock) as country, connected_status(country.target) as client:
        await client.publish(country.province.change({words.GREEN: [0]}, clock()))
        good = country.code(0, clock())
        codes = {
            "watched": good,
            "forged": good[:-4] + b"AAAA",
            "cut": good.rpartition(b".")[0],
            "opaque": b"YN00000001",
            "garbage": b"\xff\x00",
            "ended": country.code(0, Instant(clock() - 3_700)),
        }
        events = client.watch(codes.items(), purpose=Purpose.TRANSPORT_ARRIVAL, division=HERE)
        async with aclosing(events):
            assert await told(events, len(codes)) == {
                "watched": (PASS, True),
                "forged": (DENY, False),
                "cut": (MANUAL, False),
                "opaque": (MANUAL, False),
                "garbage": (MANUAL, False),
                "ended": (DENY, False),
            }
        assert len(country.watches) == 1


async def test_the_client_tells_refusals_in_our_own_words(tmp_path: Path, clock: FakeClock) -> None:
    async with watched_country(tmp_path, clock) as country, connected_status(country.target) as client:
        province = country.province
        batch = province.change({words.GREEN: [1]}, clock())
        await client.publish(batch)
        await client.publish(batch)  # the same again
        with pytest.raises(BatchRefused) as refused:
            await client.publish(province.change({words.RED: [1]}, clock(), number=9))
        assert (refused.value.refusal, refused.value.held) == (BatchRefusal.NUMBER_GAP, 2)
        (held,) = await client.lists(province.name.issuer)
        assert (held.name, held.number, held.capacity, held.closed) == (province.name, 2, 1_024, False)
        assert held.issued == clock()
        assert await client.lists(province.name.issuer[:-1]) == []  # type: ignore[arg-type]
