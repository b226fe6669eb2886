"""Which rows fit which codes, when, and where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.policy.rule import Asked, Rule
from gateway.policy.rules import parse_rules
from gateway.values import CodeState, DivisionCode, Format, Instant, Measure, ReasonClass, RiskLevel, Way

FILE = """
division = "330000"
version = "1"
[[rule]]
from = ["520000"]
to = ["330100"]
formats = ["native"]
states = ["GREEN"]
ways = ["verify"]
since = 2020-02-28
until = 2020-03-28
measure = "PASS"
source = "test"
[[rule]]
from = ["*"]
states = ["YELLOW"]
measure = "MANUAL"
origin_risk = ["HIGH"]
reason_classes = ["YELLOW_OTHER"]
source = "test"
"""
ASKED = Asked(DivisionCode("330106"), DivisionCode("520100"), Format.NATIVE, CodeState.GREEN, Way.VERIFY)
DURING = Instant(datetime(2020, 3, 1, tzinfo=UTC).timestamp())
FIRST_MIDNIGHT = Instant(datetime(2020, 2, 27, 16, tzinfo=UTC).timestamp())
LAST_MIDNIGHT = Instant(datetime(2020, 3, 27, 16, tzinfo=UTC).timestamp())


def row(place: int) -> Rule:
    return parse_rules(FILE).rules[place]


@pytest.mark.parametrize(
    ("changes", "misfit"),
    [
        ({}, None),
        ({"receiver": "330100"}, None),
        ({"receiver": "330000"}, "to"),
        ({"receiver": "330702"}, "to"),
        ({"origin": "520000"}, None),
        ({"origin": "530100"}, "from"),
        ({"origin": None}, "from"),
        ({"origin": "FR"}, "from"),
        ({"format": Format.OPAQUE}, "formats"),
        ({"state": CodeState.YELLOW}, "states"),
        ({"way": Way.DISPLAY}, "ways"),
        ({"way": Way.CONVERT}, "ways"),
    ],
)
def test_a_row_says_which_member_does_not_fit(changes: dict[str, Any], misfit: str | None) -> None:
    assert row(0).misfit(ASKED._replace(**changes), DURING) == misfit


@pytest.mark.parametrize(
    ("at", "misfit"),
    [
        (FIRST_MIDNIGHT - 0.001, "since"),
        (FIRST_MIDNIGHT, None),
        (LAST_MIDNIGHT - 0.001, None),
        (LAST_MIDNIGHT, "until"),
    ],
)
def test_a_row_applies_from_its_first_midnight_to_before_its_last(at: float, misfit: str | None) -> None:
    rules = parse_rules(FILE)
    assert rules.rules[0].misfit(ASKED, Instant(at)) == misfit
    for _ in range(2):  # the second time from memory
        assert bool(rules.fitting(*ASKED, Instant(at))) is (misfit is None)


def test_what_was_found_on_one_day_is_not_taken_for_another() -> None:
    rules = parse_rules(FILE)
    found = [bool(rules.fitting(*ASKED, Instant(at))) for at in (DURING, LAST_MIDNIGHT, DURING, FIRST_MIDNIGHT - 1)]
    assert found == [True, False, True, False]


def test_what_was_found_in_one_place_or_way_is_not_taken_for_another() -> None:
    rules = parse_rules(FILE)
    for _ in range(2):
        assert rules.fitting(*ASKED, DURING)
        assert not rules.fitting(*ASKED._replace(receiver=DivisionCode("330702")), DURING)
        assert not rules.fitting(*ASKED._replace(way=Way.CONVERT), DURING)


@pytest.mark.parametrize(
    ("risk", "reason_class", "misfit"),
    [
        (RiskLevel.HIGH, ReasonClass.YELLOW_OTHER, None),
        (RiskLevel.UNKNOWN, ReasonClass.YELLOW_OTHER, "origin_risk"),
        (RiskLevel.MEDIUM, ReasonClass.YELLOW_OTHER, "origin_risk"),
        (RiskLevel.HIGH, ReasonClass.YELLOW_DISCHARGED, "reason_classes"),
        (RiskLevel.HIGH, None, "reason_classes"),
    ],
)
def test_a_row_may_ask_for_the_circumstances(
    risk: RiskLevel, reason_class: ReasonClass | None, misfit: str | None
) -> None:
    assert row(1).misfit_now(risk, reason_class) == misfit
    assert row(0).misfit_now(risk, reason_class) is None


def test_rows_behind_one_that_asks_for_nothing_of_today_are_not_looked_at() -> None:
    asks, plain = (
        f'[[rule]]\nfrom=["*"]\nstates=["YELLOW"]\nmeasure="{measure}"\nsource="test"\n{more}\n'
        for measure, more in (("MANUAL", 'origin_risk=["HIGH"]'), ("DENY", ""))
    )
    rules = parse_rules('division="330000"\nversion="1"\n' + asks + plain + plain)
    fitting = rules.fitting(*ASKED._replace(state=CodeState.YELLOW), DURING)
    assert [rule.measure for rule in fitting] == [Measure.MANUAL, Measure.DENY]


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.policy.rule._MOST_REMEMBERED", 10)
    rules = parse_rules(FILE)
    for number in range(520_100, 520_200):
        assert rules.fitting(*ASKED._replace(origin=DivisionCode(str(number))), DURING)
        assert len(rules._fitting) <= 10
