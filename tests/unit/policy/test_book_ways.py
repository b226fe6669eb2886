"""Three ways of recognition, live lists, converted codes, risks, reason classes: what a book of rules makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.errors import Reason, Step
from gateway.policy.book import PolicyBook
from gateway.policy.rules import parse_rules
from gateway.status.observe import observe
from gateway.values import (
    CodeState,
    Decision,
    DivisionCode,
    Format,
    Freshness,
    Instant,
    IssuerId,
    LiveCode,
    Measure,
    Origin,
    ReasonClass,
    RiskLevel,
    Way,
)
from tests.unit.codes import AT, authentic

RECEIVER = DivisionCode("330000")
HEAD = 'division="330000"\nversion="v1"\n'


def row(states: str, measure: str, more: str = "", origin: str = "*") -> str:
    return f'[[rule]]\nfrom=["{origin}"]\nstates=["{states}"]\nmeasure="{measure}"\nsource="test"\n{more}\n'


def book(*rows: str) -> PolicyBook:
    return PolicyBook([parse_rules(HEAD + "".join(rows))])


def live(*, listed: CodeState | None = None, reason_class: ReasonClass | None = None, **changes: Any) -> LiveCode:
    meanings, converts = changes.pop("meanings", {}), changes.pop("converts", False)
    code = authentic(**changes)
    issuer = replace(code.issuer, meanings=meanings, converts=converts)
    found = observe(replace(code, issuer=issuer, reason_class=reason_class), {}, AT)
    return replace(found, listed_state=listed, notes=())


def told(decision: Decision) -> tuple[Measure, tuple[Reason, ...]]:
    return decision.measure, decision.reasons


VERIFIED = row("GREEN", "PASS", 'ways=["verify"]')
DISPLAYED = row("GREEN", "LIMITED", 'ways=["display"]\nconditions=["register_on_arrival"]')
CONVERTED = row("GREEN", "PASS", 'ways=["convert"]')
PASSES = (Measure.PASS, (Reason.STATE_GREEN,))


@pytest.mark.parametrize(
    ("rows", "way", "expected"),
    [
        ([row("GREEN", "PASS")], Way.VERIFY, PASSES),
        ([row("GREEN", "PASS")], Way.CONVERT, PASSES),
        ([row("GREEN", "PASS")], Way.DISPLAY, (Measure.MANUAL, (Reason.DISPLAY_NOT_ACCEPTED,))),
        ([VERIFIED], Way.DISPLAY, (Measure.MANUAL, (Reason.DISPLAY_NOT_ACCEPTED,))),
        ([VERIFIED], Way.CONVERT, (Measure.MANUAL, (Reason.CONVERSION_NOT_AGREED,))),
        ([CONVERTED], Way.VERIFY, (Measure.MANUAL, (Reason.NO_RULES,))),
        ([CONVERTED], Way.DISPLAY, (Measure.MANUAL, (Reason.NO_RULES,))),
        ([DISPLAYED], Way.CONVERT, (Measure.MANUAL, (Reason.NO_RULES,))),
        ([CONVERTED], Way.CONVERT, PASSES),
        (
            [VERIFIED, DISPLAYED],
            Way.DISPLAY,
            (Measure.LIMITED, (Reason.STATE_GREEN, Reason.CONDITION_REGISTER_ON_ARRIVAL)),
        ),
        ([row("YELLOW", "MANUAL")], Way.DISPLAY, (Measure.MANUAL, (Reason.NO_RULES,))),
    ],
)
def test_each_way_has_rows_of_its_own(rows: list[str], way: Way, expected: object) -> None:
    rules = book(*rows)
    for _ in range(2):
        decision = rules.decide(live(), RECEIVER, AT, way=way)
        assert told(decision) == expected
        assert decision.stopped_at is (None if decision.measure in (Measure.PASS, Measure.LIMITED) else Step.POLICY)


@pytest.mark.parametrize("way", Way)
def test_red_is_stopped_in_every_way(way: Way) -> None:
    decision = book(VERIFIED).decide(live(statement="red"), RECEIVER, AT, way=way)
    assert told(decision) == (Measure.DENY, (Reason.STATE_RED,))


ANY = tuple(
    row(state, "MANUAL") if state != "GREEN" else row(state, "PASS")
    for state in ("GREEN", "YELLOW", "UNDER_REVIEW", "UNCONFIRMED", "STALE_DECLARATION")
)


@pytest.mark.parametrize(
    ("said", "listed", "counts"),
    [
        ("green", None, CodeState.GREEN),
        ("green", CodeState.GREEN, CodeState.GREEN),
        ("green", CodeState.YELLOW, CodeState.YELLOW),
        ("green", CodeState.RED, CodeState.RED),
        ("green", CodeState.UNDER_REVIEW, CodeState.UNDER_REVIEW),
        ("green", CodeState.UNKNOWN, CodeState.UNKNOWN),
        ("yellow", CodeState.GREEN, CodeState.GREEN),
        ("red", CodeState.GREEN, CodeState.RED),
        ("red", CodeState.YELLOW, CodeState.RED),
        ("purple", CodeState.GREEN, CodeState.UNKNOWN),
        ("purple", CodeState.YELLOW, CodeState.UNKNOWN),
        ("purple", CodeState.RED, CodeState.RED),
        ("purple", CodeState.REVOKED, CodeState.REVOKED),
        ("green", CodeState.EXPIRED, CodeState.EXPIRED),
        ("green", CodeState.NOT_FOUND, CodeState.NOT_FOUND),
    ],
)
def test_a_list_counts_more_than_the_code_but_takes_no_red_back(
    said: str, listed: CodeState | None, counts: CodeState
) -> None:
    decision = book(*ANY).decide(live(statement=said, listed=listed), RECEIVER, AT)
    assert decision.state is counts
    assert (decision.measure is Measure.PASS) is (counts is CodeState.GREEN)


def test_that_a_certificate_is_still_good_makes_it_no_green_code() -> None:
    certificate = live(format=Format.HCERT, statement="vaccinated", listed=CodeState.GREEN)
    assert book(*ANY).decide(certificate, RECEIVER, AT).state is CodeState.UNCONFIRMED
    suspended = replace(certificate, listed_state=CodeState.UNDER_REVIEW)
    assert book(*ANY).decide(suspended, RECEIVER, AT).state is CodeState.UNDER_REVIEW


@pytest.mark.parametrize("division", [RECEIVER, DivisionCode("110000"), None])
@pytest.mark.parametrize(
    ("state", "measure", "reason", "step"),
    [
        (CodeState.EXPIRED, Measure.DENY, Reason.EXPIRED, Step.VALIDITY),
        (CodeState.REVOKED, Measure.DENY, Reason.REVOKED, Step.STATUS),
        (CodeState.NOT_FOUND, Measure.MANUAL, Reason.CODE_NOT_FOUND, Step.STATUS),
    ],
)
def test_what_an_issuer_says_of_the_code_itself_ends_it(
    state: CodeState, measure: Measure, reason: Reason, step: Step, division: DivisionCode | None
) -> None:
    ended = live(statement="03", states={"03": state})
    for freshness in (Freshness.FRESH, Freshness.STALE):
        decision = book(*ANY).decide(replace(ended, freshness=freshness), division, AT)
        assert (*told(decision), decision.state, decision.stopped_at) == (measure, (reason,), state, step)


@pytest.mark.parametrize(
    ("audience", "receiver", "reason"),
    [
        ("330000", "330000", Reason.STATE_GREEN),
        ("330000", "330106", Reason.STATE_GREEN),
        ("330100", "330106", Reason.STATE_GREEN),
        ("330106", "330000", Reason.AUDIENCE_MISMATCH),
        ("460000", "330000", Reason.AUDIENCE_MISMATCH),
        ("460000", "110000", Reason.AUDIENCE_MISMATCH),
    ],
)
def test_a_code_that_was_made_for_another_division_passes_nobody(audience: str, receiver: str, reason: Reason) -> None:
    made_for = live(audience=DivisionCode(audience))
    decision = book(*ANY).decide(made_for, DivisionCode(receiver), AT)
    assert decision.reasons == (reason,)
    assert decision.measure is (Measure.PASS if reason is Reason.STATE_GREEN else Measure.MANUAL)


def test_a_red_that_was_made_for_another_division_is_red_all_the_same() -> None:
    red = live(statement="red", audience=DivisionCode("460000"))
    assert book(*ANY).decide(red, RECEIVER, AT).measure is Measure.DENY


@pytest.mark.parametrize(
    ("converts", "named", "measure"),
    [
        (True, "460000", Measure.PASS),
        (False, "460000", Measure.MANUAL),
        (True, "110000", Measure.MANUAL),
    ],
)
def test_an_origin_is_believed_of_an_issuer_that_converts(converts: bool, named: str, measure: Measure) -> None:
    rules = book(row("GREEN", "PASS", origin="460000"))
    origin = Origin(IssuerId("https://code.elsewhere.example"), DivisionCode(named))
    converted = live(origin=origin, converts=converts)
    decision = rules.decide(converted, RECEIVER, AT)
    assert decision.measure is measure
    assert decision.origin == (origin if converts else None)
    assert decision.division == "520000"


@dataclass(slots=True)
class Risks:
    """Lists in memory, that remember what they were asked."""

    of: dict[str, RiskLevel]
    asked: list[tuple[str, Instant]] = field(default_factory=list)

    def risk_of(self, division: DivisionCode, at: Instant) -> RiskLevel:
        self.asked.append((division, at))
        return self.of.get(division, RiskLevel.UNKNOWN)


BY_RISK = (
    row("GREEN", "PASS", 'origin_risk=["LOW"]'),
    row("GREEN", "LIMITED", 'origin_risk=["MEDIUM"]\nconditions=["test_within_48_hours"]'),
    row("GREEN", "DENY", 'origin_risk=["HIGH"]'),
)
TESTED = (Measure.LIMITED, (Reason.STATE_GREEN, Reason.CONDITION_TEST_WITHIN_48_HOURS, Reason.ORIGIN_AT_RISK))
REFUSED = (Measure.DENY, (Reason.STATE_GREEN, Reason.ORIGIN_AT_RISK))
UNRULED = (Measure.MANUAL, (Reason.NO_RULES,))


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ({}, UNRULED),
        ({"520000": RiskLevel.LOW}, PASSES),
        ({"520000": RiskLevel.MEDIUM}, TESTED),
        ({"520000": RiskLevel.HIGH}, REFUSED),
        # The worst that is published of the province and of the city that the code names.
        ({"520000": RiskLevel.LOW, "520100": RiskLevel.HIGH}, REFUSED),
        ({"520000": RiskLevel.HIGH, "520100": RiskLevel.LOW}, REFUSED),
        ({"520100": RiskLevel.MEDIUM}, TESTED),
        ({"330000": RiskLevel.HIGH}, UNRULED),
    ],
)
def test_the_risk_of_the_origin_chooses_the_row(published: dict[str, RiskLevel], expected: object) -> None:
    rules, risks = book(*BY_RISK), Risks(published)
    for _ in range(2):
        assert told(rules.decide(live(), RECEIVER, AT, risks=risks)) == expected
    assert {place for place, _ in risks.asked} == {"520000", "520100"}
    assert {at for _, at in risks.asked} == {AT}


def test_the_risk_of_a_converted_codes_origin_is_that_of_the_original() -> None:
    converted = live(origin=Origin(IssuerId("o"), DivisionCode("460000")), converts=True)
    risks = Risks({"460000": RiskLevel.HIGH, "520000": RiskLevel.LOW, "520100": RiskLevel.LOW})
    assert told(book(*BY_RISK).decide(converted, RECEIVER, AT, risks=risks)) == REFUSED


def test_no_risk_is_asked_for_where_no_row_looks_at_it() -> None:
    risks = Risks({"520000": RiskLevel.HIGH})
    assert told(book(row("GREEN", "PASS"), *BY_RISK).decide(live(), RECEIVER, AT, risks=risks)) == PASSES
    assert risks.asked == []


def test_a_risk_is_never_remembered() -> None:
    rules = book(*BY_RISK)
    for risk, expected in ((RiskLevel.LOW, PASSES), (RiskLevel.HIGH, REFUSED), (RiskLevel.LOW, PASSES)):
        assert told(rules.decide(live(), RECEIVER, AT, risks=Risks({"520000": risk}))) == expected


@pytest.mark.parametrize(
    ("reason_class", "measure"),
    [
        (ReasonClass.YELLOW_SAME_VEHICLE, Measure.DENY),
        (ReasonClass.YELLOW_OTHER, Measure.MANUAL),
        (None, Measure.MANUAL),
    ],
)
def test_the_reason_class_chooses_the_row(reason_class: ReasonClass | None, measure: Measure) -> None:
    rules = book(row("YELLOW", "DENY", 'reason_classes=["YELLOW_SAME_VEHICLE"]'), row("YELLOW", "MANUAL"))
    yellow = live(statement="yellow", reason_class=reason_class)
    for _ in range(2):
        decision = rules.decide(yellow, RECEIVER, AT)
        assert (decision.measure, decision.reason_class) == (measure, reason_class)


def test_an_answer_tells_what_the_issuer_means() -> None:
    yellow = live(
        statement="01",
        states={"01": CodeState.YELLOW},
        meanings={"01": "Seven days at home."},
        reason_class=ReasonClass.YELLOW_OTHER,
    )
    decision = book(*ANY).decide(yellow, RECEIVER, AT)
    assert (decision.meaning, decision.reason_class) == ("Seven days at home.", ReasonClass.YELLOW_OTHER)
    listed = book(*ANY).decide(replace(yellow, listed_state=CodeState.UNDER_REVIEW), RECEIVER, AT)
    assert (listed.meaning, listed.reason_class) == (None, None)


@pytest.mark.parametrize(
    ("statement", "state", "reason_class", "counts", "meaning"),
    [
        ("00", CodeState.GREEN, None, CodeState.GREEN, "Free to travel."),
        ("00", CodeState.GREEN, ReasonClass.RED_CLOSE_CONTACT, CodeState.UNKNOWN, None),
        ("00", CodeState.GREEN, ReasonClass.YELLOW_OTHER, CodeState.UNKNOWN, None),
        ("00", CodeState.YELLOW, ReasonClass.RED_INBOUND, CodeState.UNKNOWN, None),
        # a map that reads a fixed word otherwise does not count, and neither does its sentence
        ("red", CodeState.GREEN, None, CodeState.RED, None),
        ("laboratory", CodeState.GREEN, None, CodeState.UNKNOWN, None),
    ],
)
def test_a_meaning_stands_beside_its_own_state_only(
    statement: str, state: CodeState, reason_class: ReasonClass | None, counts: CodeState, meaning: str | None
) -> None:
    said = live(
        statement=statement,
        states={statement: state},
        meanings={statement: "Free to travel."},
        reason_class=reason_class,
        format=Format.OPAQUE,
    )
    decision = book(*ANY).decide(said, RECEIVER, AT)
    assert (decision.state, decision.meaning) == (counts, meaning)
    assert decision.reason_class is reason_class


def test_notes_of_an_answer_come_last() -> None:
    fallen_back = live(notes=(Reason.ANSWERED_BY_NATIONAL_PLATFORM,))
    decision = book(*ANY).decide(fallen_back, RECEIVER, AT)
    assert decision.reasons == (Reason.STATE_GREEN, Reason.ANSWERED_BY_NATIONAL_PLATFORM)


def test_a_part_of_a_province_may_be_stricter() -> None:
    rules = book(row("GREEN", "MANUAL", 'to=["330106"]'), row("GREEN", "PASS"))
    measures = {
        place: rules.decide(live(), DivisionCode(place), AT).measure for place in ("330000", "330106", "330102")
    }
    assert measures == {"330000": Measure.PASS, "330106": Measure.MANUAL, "330102": Measure.PASS}


def test_a_rule_begins_and_ends_on_its_day() -> None:
    rules = book(row("GREEN", "MANUAL", "until=2023-11-15"), row("GREEN", "PASS", "since=2023-11-15\nuntil=2023-11-16"))
    midnight = Instant(1_699_977_600.0)  # 2023-11-15 in China
    instants = [midnight - 0.5, midnight, midnight + 86_399.5, midnight + 86_400]
    measures = [rules.decide(live(), RECEIVER, Instant(at)).measure.name for at in instants]
    assert measures == ["MANUAL", "PASS", "PASS", "MANUAL"]
    assert rules.decide(live(), RECEIVER, Instant(midnight + 86_400)).reasons == (Reason.NO_RULES,)
