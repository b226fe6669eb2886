"""Published lists by a hostile publisher, and callers who ask for what costs most."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway.places.published_list import (
    MAX_OF_ONE,
    Cover,
    ListInvalid,
    ListKind,
    Place,
    PublishedList,
    read_list,
)
from gateway.places.risks import MOST_LOOKED_AT, Risks
from gateway.values import DivisionCode, Instant, RiskLevel
from tests.unit.places.lists import AT, ISSUER, Trust, journeys, places, signed

DAY = date(2020, 2, 15)
NATION = DivisionCode("100000")
OF_ALL = {"since": "2020-02-01", "until": "2020-02-17", "divisions": ["100000"]}


def _national(*entries: dict[str, Any]) -> Risks:
    return Risks([read_list(signed(places(*entries, covers=OF_ALL)), Trust(division="100000").snapshot(), AT)])


@pytest.mark.parametrize("division", ["100000", "330000", "330100", "330106", "650000"])
def test_a_risk_of_the_nation_is_a_risk_of_all_that_lies_in_it(division: str) -> None:
    held = _national({"division": "100000", "risk": "high", "since": "2020-02-01"})
    assert held.risk_of(DivisionCode(division), AT) is RiskLevel.HIGH


@pytest.mark.parametrize("division", ["FR", "XA"])
def test_no_list_of_the_nation_says_that_a_country_abroad_is_at_low_risk(division: str) -> None:
    held = _national()
    assert held.risk_of(DivisionCode("330000"), AT) is RiskLevel.LOW
    assert held.risk_of(DivisionCode(division), AT) is RiskLevel.UNKNOWN
    assert not held.covered(DivisionCode(division), DAY, AT)


def test_who_asks_for_the_nation_is_not_told_that_nothing_is_affected() -> None:
    held = _national(
        {"division": "330106", "community": "甲社区", "risk": "high", "since": "2020-02-01"},
        {"division": "100000", "community": "乙社区", "risk": "high", "since": "2020-02-01"},
    )
    page = held.affected(NATION, DAY, AT, most=9)
    assert ([place.name for place in page.places], page.next) == (["乙社区", "甲社区"], None)


def _crowd(number: int, risk: RiskLevel) -> Risks:
    """Return a list of as many communities, in two provinces by turns."""
    since = date(2020, 2, 1)
    found = tuple(
        Place(DivisionCode(f"{33 + turn % 2}0101"), f"C{turn:05}", f"C{turn:05}", risk, since, None)
        for turn in range(number)
    )
    cover = Cover(since, DAY, frozenset(), frozenset((NATION,)))
    end = Instant(AT + 60)
    return Risks([PublishedList(ISSUER, ListKind.PLACES, 1, AT, end, cover, (), found)])


@pytest.mark.parametrize(("risk", "listed"), [(RiskLevel.HIGH, True), (RiskLevel.LOW, False)])
def test_a_page_looks_at_few_places_whatever_a_list_holds(risk: RiskLevel, listed: bool) -> None:
    number = 2 * MOST_LOOKED_AT + 2
    held = _crowd(number, risk)
    for division, expected in ((NATION, number), (DivisionCode("340000"), number // 2)):
        names: list[str] = []
        begin: int | None = 0
        pages = 0
        while begin is not None:
            page = held.affected(division, DAY, AT, begin=begin, most=1_000)
            assert len(page.places) <= 1_000
            assert page.next is None or 0 < page.next - begin <= number // 2 + MOST_LOOKED_AT
            names += [place.name for place in page.places]
            begin, pages = page.next, pages + 1
        assert len(set(names)) == len(names) == (expected if listed else 0)
        assert pages == -(-expected // (1_000 if listed else MOST_LOOKED_AT))


@pytest.mark.parametrize("begin", [10**6, 999_999_999])
def test_a_page_beyond_the_last_is_empty(begin: int) -> None:
    page = _crowd(10, RiskLevel.HIGH).affected(NATION, DAY, AT, begin=begin, most=10)
    assert (page.places, page.next) == ((), None)


def test_a_list_that_speaks_of_one_thing_again_and_again_is_refused() -> None:
    place = {"division": "330106", "risk": "high", "since": "2020-02-01"}
    journey = {"day": "2020-02-15", "mode": "train", "number": "G1234"}
    twice = journey | {"number": "G1230/4"}
    for document in (
        places(*[place] * MAX_OF_ONE),
        journeys(entries=[journey] * (MAX_OF_ONE - 1) + [twice]),
    ):
        read_list(signed(document), Trust().snapshot(), AT)
    for document in (
        places(*[place] * (MAX_OF_ONE + 1)),
        journeys(entries=[journey] * MAX_OF_ONE + [twice]),
    ):
        with pytest.raises(ListInvalid) as refused:
            read_list(signed(document), Trust().snapshot(), AT)
        assert refused.value.path == f"entries[{MAX_OF_ONE}]"
        assert refused.value.line is not None
