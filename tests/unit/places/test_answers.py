"""What the lists say of a journey and of a place. Silence means something only where a list in force covers it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway.places.days import day_of, parse_day
from gateway.places.journeys import JourneyMatch, Journeys
from gateway.places.names import Mode
from gateway.places.published_list import read_list
from gateway.places.risks import Risks
from gateway.values import DivisionCode, Instant, RiskLevel

from .lists import AT, ISSUER, Trust, journeys, places, signed

LATER = Instant(AT + 86_400)
FIFTEENTH = date(2020, 2, 15)


@pytest.mark.parametrize(
    ("day", "mode", "number", "carriage", "at", "match"),
    [
        ("2020-02-15", Mode.TRAIN, "g1234次", "", AT, JourneyMatch.AFFECTED),
        ("2020-02-15", Mode.TRAIN, "Ｇ１２３４", "03车", AT, JourneyMatch.AFFECTED),
        ("2020-02-15", Mode.TRAIN, "G1231/1234", "8", AT, JourneyMatch.AFFECTED),
        ("2020-02-15", Mode.TRAIN, "G1234", "4", AT, JourneyMatch.OTHER_CARRIAGE),
        ("2020-02-16", Mode.TRAIN, "G1234", "", AT, JourneyMatch.NOT_LISTED),
        ("2020-02-15", Mode.TRAIN, "G1235", "", AT, JourneyMatch.NOT_LISTED),
        ("2020-02-15", Mode.FLIGHT, "MU05138", "", AT, JourneyMatch.AFFECTED),
        ("2020-02-15", Mode.FLIGHT, "MU5138", "12", AT, JourneyMatch.AFFECTED),
        ("2020-02-18", Mode.TRAIN, "G1234", "", AT, JourneyMatch.UNKNOWN),
        ("2020-02-15", Mode.COACH, "浙A12345", "", AT, JourneyMatch.UNKNOWN),
        ("2020-02-15", Mode.TRAIN, "G1234", "", LATER, JourneyMatch.UNKNOWN),
        ("2020-02-15", Mode.TRAIN, "G1235", "", LATER, JourneyMatch.UNKNOWN),
    ],
)
def test_a_journey(day: str, mode: Mode, number: str, carriage: str, at: Instant, match: JourneyMatch) -> None:
    lists = Journeys([read_list(signed(journeys()), Trust().snapshot(), AT)])
    if mode is Mode.FLIGHT and number == "MU05138":
        number = "MU 5138"
    found = lists.check(parse_day(day), mode, number, carriage, at)
    assert found.match is match
    named = match in {JourneyMatch.AFFECTED, JourneyMatch.OTHER_CARRIAGE}
    assert found.publisher == (ISSUER if named else None)
    assert (found.published is None) is (match is JourneyMatch.UNKNOWN)


def test_without_lists_nothing_is_known() -> None:
    assert Journeys([]).check(FIFTEENTH, Mode.TRAIN, "G1", "", AT).match is JourneyMatch.UNKNOWN
    assert Risks([]).risk_of(DivisionCode("330000"), AT) is RiskLevel.UNKNOWN


def risks(*entries: dict[str, Any], **changes: Any) -> Risks:
    return Risks([read_list(signed(places(*entries, **changes)), Trust().snapshot(), AT)])


COMMUNITY = {
    "division": "330106",
    "community": "文一社区",
    "risk": "high",
    "since": "2020-02-10",
    "until": "2020-02-16",
}
PREFECTURE = {"division": "330300", "risk": "medium", "since": "2020-02-01"}


@pytest.mark.parametrize(
    ("division", "community", "day", "at", "risk"),
    [
        ("330106", "文一社区", "2020-02-15", AT, RiskLevel.HIGH),
        ("330106", "文一 社区", "2020-02-10", AT, RiskLevel.HIGH),
        ("330106", "文一社区", "2020-02-16", AT, RiskLevel.LOW),
        ("330106", "文一社区", "2020-02-09", AT, RiskLevel.LOW),
        ("330106", "文二社区", "2020-02-15", AT, RiskLevel.LOW),
        ("330106", "", "2020-02-15", AT, RiskLevel.LOW),
        ("330300", "", "2020-02-15", AT, RiskLevel.MEDIUM),
        ("330302", "", "2020-02-15", AT, RiskLevel.MEDIUM),
        ("330302", "某社区", "2020-02-15", AT, RiskLevel.MEDIUM),
        ("330000", "", "2020-02-15", AT, RiskLevel.LOW),
        ("440000", "", "2020-02-15", AT, RiskLevel.UNKNOWN),
        ("330000", "", "2020-02-18", AT, RiskLevel.UNKNOWN),
        ("330106", "文一社区", "2020-02-15", LATER, RiskLevel.UNKNOWN),
    ],
)
def test_a_place(division: str, community: str, day: str, at: Instant, risk: RiskLevel) -> None:
    found = risks(COMMUNITY, PREFECTURE).assess(DivisionCode(division), community, parse_day(day), at)
    assert found.risk is risk
    assert (found.publisher is None) is (risk is RiskLevel.UNKNOWN)


def test_the_worst_counts() -> None:
    twice = risks(PREFECTURE, PREFECTURE | {"risk": "high"}, PREFECTURE | {"risk": "low"})
    assert twice.risk_of(DivisionCode("330302"), AT) is RiskLevel.HIGH


def test_affected_communities_are_listed_in_order() -> None:
    held = risks(
        COMMUNITY | {"community": "乙社区", "until": "2020-02-20"},
        COMMUNITY | {"community": "甲社区", "until": "2020-02-20", "risk": "medium"},
        COMMUNITY | {"community": "丙社区", "until": "2020-02-20", "risk": "low"},
        COMMUNITY | {"division": "330302", "community": "丁社区", "until": "2020-02-20"},
        PREFECTURE,
    )
    in_hangzhou = held.affected(DivisionCode("330100"), FIFTEENTH, AT, most=9)
    assert ([place.name for place in in_hangzhou.places], in_hangzhou.next) == (["乙社区", "甲社区"], None)
    assert len(held.affected(DivisionCode("330000"), FIFTEENTH, AT, most=9).places) == 3
    assert held.affected(DivisionCode("330000"), FIFTEENTH, LATER, most=9).places == ()
    assert held.covered(DivisionCode("330100"), FIFTEENTH, AT)
    assert not held.covered(DivisionCode("440000"), FIFTEENTH, AT)


def test_a_day_is_local() -> None:
    assert day_of(Instant(1_581_868_799.0)) == date(2020, 2, 16)
    assert day_of(Instant(1_581_868_800.0)) == date(2020, 2, 17)
    for text in ("1999-12-31", "2100-01-01", "20200217", "2020-W08-1", "2020-02-30"):
        with pytest.raises(ValueError, match=r".*"):
            parse_day(text)
