"""The ledger on the log that it has by default: nothing but the disk between one process and the next."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from gateway.publishing.settings import LedgerSettings
from gateway.status import words
from gateway.store.sqlite_log import SqliteLog
from tests.conftest import FakeClock
from tests.simulators.status_issuer import StatusIssuer

from .house import House, province


async def start(folder: Path, clock: FakeClock) -> tuple[House, SqliteLog]:
    log = await SqliteLog.open(folder / "log.sqlite")
    house = House(folder / "lists", log, clock, LedgerSettings(keep_s=60, prune_s=0))
    return await house.start(), log


async def publish(house: House, one: StatusIssuer, chance: random.Random, batches: int) -> None:
    for _ in range(batches):
        changes = {words.RED: chance.sample(range(512), 5), words.GREEN: chance.sample(range(512, 1_024), 5)}
        signed = one.change(changes, house.clock()) if one.number else one.open(house.clock())
        assert await house.submit(signed) == (one.number, False)
        assert await house.submit(signed) == (one.number, True)


@pytest.mark.parametrize("seed", range(3))
async def test_many_lists_through_many_lives(tmp_path: Path, clock: FakeClock, seed: int) -> None:
    chance = random.Random(seed)
    provinces = [province(f"https://z.example/{number}") for number in range(8)]
    house, log = await start(tmp_path, clock)
    for _ in range(4):
        await asyncio.gather(*(publish(house, one, chance, 5) for one in provinces))
        if chance.random() < 0.5:
            await house.ledger.checkpoint()
        if chance.random() < 0.5:
            await house.ledger.close()
        else:
            for task in tuple(house.ledger._tasks):
                task.cancel()
            house.files.close()
        await log.close()
        clock.advance(45)
        house, log = await start(tmp_path, clock)
        assert house.told.aside == []
        for one in provinces:
            assert house.workers_read(one) == one.held
            head = house.ledger.head(one.name)
            assert head is not None
            assert head.digest == one.digest
    await house.ledger.close()
    await log.close()


async def test_a_snapshot_goes_from_one_gateway_to_another(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    source, source_log = await start(tmp_path / "a", clock)
    follower, follower_log = await start(tmp_path / "b", clock)
    zhejiang = province()
    await publish(source, zhejiang, random.Random(1), 4)
    await follower.submit(zhejiang.batches[0])
    with await source.ledger.snapshot(zhejiang.name, tmp_path) as copy:
        await follower.ledger.adopt(copy.head, copy.path, zhejiang.batches[-1], clock())
    assert follower.workers_read(zhejiang) == zhejiang.held
    assert await follower.submit(zhejiang.heartbeat(clock(), prove=True)) == (5, False)
    assert [one.number for one in await follower.ledger.read(zhejiang.name, 0, 1 << 20)] == [4, 5]
    for house, log in ((source, source_log), (follower, follower_log)):
        await house.ledger.close()
        await log.close()
