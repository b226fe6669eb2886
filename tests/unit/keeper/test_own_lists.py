"""Lists that a killed worker left: closed in time, and never under a writer that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.keeper.own_lists import SILENT_S, close_left_lists
from gateway.status import words
from gateway.values import Algorithm, IssuerId
from keys.signer import Signer
from tests.conftest import FakeClock
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import StatusIssuer
from tests.unit.publishing.house import House, province
from tests.unit.publishing.memory_log import MemoryLog

LIFE_S = 14_400.0


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock) -> House:
    return await House(tmp_path / "lists", MemoryLog(), clock).start()


@pytest.mark.parametrize(("silent_s", "closed"), [(0.0, 0), (LIFE_S + SILENT_S, 0), (LIFE_S + SILENT_S + 1, 1)])
async def test_a_list_is_closed_once_none_of_its_codes_lives(
    house: House, clock: FakeClock, silent_s: float, closed: int
) -> None:
    left = province()
    await house.submit(left.open(clock()))
    await house.submit(left.change({words.GREEN: [1]}, clock()))
    clock.advance(silent_s)
    signer: Signer = left.keys[0]  # type: ignore[assignment]  # it signs as one
    told = await close_left_lists(house.ledger, left.name.issuer, signer, longest_life_s=LIFE_S, clock=clock)
    head = house.ledger.head(left.name)
    assert head is not None
    assert (told, head.closed, head.number) == (closed, bool(closed), 2 + closed)


async def test_others_lists_and_closed_ones_are_left_alone(house: House, clock: FakeClock) -> None:
    others: StatusIssuer = province()
    await house.submit(others.open(clock()))
    clock.advance(LIFE_S * 10)
    signer: Signer = others.keys[0]  # type: ignore[assignment]
    mine = IssuerId("https://gateway.test/conversion")
    assert await close_left_lists(house.ledger, mine, signer, longest_life_s=LIFE_S, clock=clock) == 0
    assert await close_left_lists(house.ledger, others.name.issuer, signer, longest_life_s=LIFE_S, clock=clock) == 1
    assert await close_left_lists(house.ledger, others.name.issuer, signer, longest_life_s=LIFE_S, clock=clock) == 0


async def test_a_key_that_is_trusted_no_more_closes_nothing(house: House, clock: FakeClock) -> None:
    left = province()
    await house.submit(left.open(clock()))
    clock.advance(LIFE_S * 10)
    stranger: Signer = make_key(Algorithm.ED25519, "stranger")  # type: ignore[assignment]
    assert await close_left_lists(house.ledger, left.name.issuer, stranger, longest_life_s=LIFE_S, clock=clock) == 0
