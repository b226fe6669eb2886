"""What a source, an issuer or a watcher can make a keeper hold is bounded as it lies in memory, not as it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.changes import MAX_BLOCK_BYTES, BatchRefusal, SignedBatch
from gateway.publishing import means
from gateway.publishing.job import Accepted
from gateway.publishing.ledger import Ledger
from gateway.publishing.settings import LedgerSettings
from gateway.values import Instant
from tests.adversarial.status_scene import Scene, begun_scene, events
from tests.conftest import FakeClock
from tests.simulators.status_source import CAUGHT_UP
from tests.unit.publishing.house import ISSUER, KEYS, House, province, trust_of
from tests.unit.publishing.memory_log import MemoryLog


@pytest.fixture
async def scene(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Scene]:
    async with begun_scene(tmp_path, clock) as made:
        yield made


async def test_deflated_blocks_under_way_count_as_what_they_inflate_to(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = most = 0
    submit = Ledger.submit

    async def submitted(ledger: Ledger, signed: SignedBatch, at: Instant) -> Accepted:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)  # whatever can come meanwhile comes
        try:
            return await submit(ledger, signed, at)
        finally:
            under_way -= 1

    monkeypatch.setattr(Ledger, "submit", submitted)
    issuer, at = scene.guizhou, scene.clock()
    issuer.open(at)
    batches: list[Any] = [issuer.fill(0, bytes(8), at) for _ in range(12)]
    scene.source.sends(*events([issuer.batches[0], *batches]), CAUGHT_UP)
    seen = await scene.follow(most_bytes_under_way=2 * MAX_BLOCK_BYTES + 65_536)
    await seen.until("caught_up")
    assert scene.holds(issuer)
    assert 1 <= most <= 3  # the opening has no blocks


async def test_one_issuer_takes_no_more_than_half_of_the_room(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has got one key of one issuer keeps no other one from opening its next epoch's list."""
    hostile, trust = "https://hostile.example", trust_of(KEYS, ISSUER, "https://hostile.example")
    few = LedgerSettings(max_lists=20, max_bytes=4_000)
    house = await House(tmp_path / "few", MemoryLog(), clock, few, trust).start()
    monkeypatch.setattr(means, "FEW_BYTES", 100)
    for number in range(10):
        await house.submit(province(f"{hostile}/{number}", 2, hostile).open(clock()))
    refused = await house.refusal(province(f"{hostile}/10", 2, hostile).open(clock()))
    assert refused.refusal is BatchRefusal.TOO_MANY_LISTS
    await house.submit(province(capacity=2).open(clock()))
    await house.ledger.close()

    house = await House(tmp_path / "large", MemoryLog(), clock, few, trust).start()
    await house.submit(province(f"{hostile}/0", 3_998, hostile).open(clock()))
    refused = await house.refusal(province(f"{hostile}/1", 4, hostile).open(clock()))
    assert refused.refusal is BatchRefusal.TOO_MANY_LISTS
    await house.submit(province(capacity=4_000).open(clock()))
    await house.ledger.close()
