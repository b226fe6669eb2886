"""Several gateways that hold their lists from one PostgreSQL: one history, seen by all, whatever happens to the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.changes import BatchRefusal, BatchRefused, StoreDegraded
from gateway.publishing.settings import LedgerSettings
from gateway.status import words
from gateway.store.postgres_log import PostgresLog
from gateway.values import CodeState
from tests.bench.database_faults import QUICK, terminate
from tests.conftest import FakeClock
from tests.simulators.status_issuer import StatusIssuer
from tests.unit.publishing.house import House, province

WITHIN_S = 30.0

Node = Callable[[], Awaitable[House]]


@pytest.fixture
async def node(dsn: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Node]:
    """Give a function that starts one more gateway."""
    houses: list[House] = []

    async def started() -> House:
        log = await PostgresLog.open(dsn, QUICK)
        settings = LedgerSettings(keep_s=1e6)
        houses.append(await House(tmp_path / str(len(houses)), log, clock, settings).start())
        return houses[-1]

    yield started
    for house in houses:
        await house.ledger.close()
        await house.log.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WITHIN_S):
        while not true():  # noqa: ASYNC110 another process's word has no event here
            await asyncio.sleep(0.005)


async def until_all_hold(houses: list[House], one: StatusIssuer) -> None:
    """Wait until every gateway shows all that an issuer said, and compare it to the byte."""
    for house in houses:
        await until(lambda house=house: (head := house.ledger.head(one.name)) is not None and head.digest == one.digest)  # type: ignore[misc]
        assert house.workers_read(one) == one.held


async def test_what_one_gateway_takes_the_other_shows(node: Node, clock: FakeClock) -> None:
    first, second = await node(), await node()
    zhejiang = province()
    for signed in (zhejiang.open(clock()), zhejiang.change({words.RED: [4]}, clock())):
        await first.submit(signed)
    await until_all_hold([first, second], zhejiang)
    assert second.look(zhejiang, 4) is CodeState.RED
    assert await second.submit(zhejiang.batches[-1]) == (2, True)


async def test_two_batches_under_one_number_at_two_gateways_at_once(node: Node, clock: FakeClock) -> None:
    houses = [await node(), await node()]
    for number in range(5):
        one = province(f"https://z.example/{number}")
        opening = one.open(clock())
        await asyncio.gather(*(house.submit(opening) for house in houses))
        red = one.change({words.RED: [4]}, clock(), number=2)
        green = one.change({words.GREEN: [4]}, clock(), number=2)
        answers = await asyncio.gather(houses[0].submit(red), houses[1].submit(green), return_exceptions=True)
        assert [one.refusal for one in answers if isinstance(one, BatchRefused)] == [BatchRefusal.NUMBER_TAKEN]
        assert answers.count((2, False)) == 1
        await until(lambda: houses[0].workers_read(one) == houses[1].workers_read(one))  # noqa: B023
    assert sum(len(house.told.contradicted) for house in houses) == 5


async def test_publishing_to_any_of_them_while_the_way_is_cut(node: Node, dsn: str, clock: FakeClock) -> None:
    """Whoever is told nothing, or that it failed, sends the same bytes again, anywhere; each batch has one effect."""
    chance = random.Random(5)
    houses = [await node() for _ in range(3)]
    provinces = [province(f"https://z.example/{number}") for number in range(4)]

    async def publish(one: StatusIssuer) -> None:
        for number in range(30):
            signed = one.change({words.RED: chance.sample(range(1_024), 9)}, clock()) if number else one.open(clock())
            for house in chance.choices(houses, k=chance.randrange(1, 3)):
                await taken(house, signed, one.number)

    async def taken(house: House, signed: object, number: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    held, _ = await house.submit(signed)  # type: ignore[arg-type]
                except StoreDegraded:
                    await asyncio.sleep(0.02)
                    await house.ledger.probe()
                    continue
                assert held == number
                return

    async def cut() -> None:
        for _ in range(6):
            await asyncio.sleep(0.15)
            await terminate(dsn)

    await asyncio.gather(cut(), *map(publish, provinces))
    for house in houses:
        await until_well(house)
    for one in provinces:
        await until_all_hold(houses, one)
    for house in houses:
        assert house.told.failures == []
        assert house.told.contradicted == []
        assert house.told.aside == []
        assert len(house.told.applied) == 120


async def until_well(house: House) -> None:
    """Try the store until it works, as the keeper does; then look whether anything was missed."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            await house.ledger.probe()
            with suppress(StoreDegraded):
                await house.ledger.checkpoint()
            if not house.ledger.degraded:
                return
            await asyncio.sleep(0.05)
