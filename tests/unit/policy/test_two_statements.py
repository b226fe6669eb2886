"""Of two statements by one issuer, a code and a list, the newer counts, and neither is made better by the other."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from gateway.errors import Reason, Step
from gateway.policy.book import PolicyBook
from gateway.policy.facts import code_says, state_of
from gateway.policy.rules import parse_rules
from gateway.status.freshness import Budget, Budgets
from gateway.status.observe import observe
from gateway.status.words import AS_SIGNED, CANCELLED, GREEN, RED, STALE_DECLARATION, SUSPENDED, UNKNOWN, YELLOW
from gateway.values import CodeState, DivisionCode, Format, Freshness, Instant, LiveCode, Measure, ReasonClass
from tests.unit.codes import AT, GUIZHOU, authentic
from tests.unit.status.lists import POINTER, holding

RECEIVER = DivisionCode("330000")
BUDGETS = Budgets(Budget(60.0, 900.0))
FRESH, AGING, STALE = 10.0, 600.0, 3_600.0
BOOK = PolicyBook(
    [
        parse_rules(
            'division="330000"\nversion="1"\n'
            '[[rule]]\nfrom=["*"]\nstates=["GREEN"]\nmeasure="PASS"\nsource="test"\n'
            '[[rule]]\nfrom=["*"]\nstates=["YELLOW","UNDER_REVIEW","UNCONFIRMED","STALE_DECLARATION"]\n'
            'measure="LIMITED"\nconditions=["register_on_arrival"]\nsource="test"\n'
        )
    ]
)
WORDS = {
    "green": GREEN,
    "yellow": YELLOW,
    "red": RED,
    "suspended": SUSPENDED,
    "declaration": STALE_DECLARATION,
    "cancelled": CANCELLED,
    "as signed": AS_SIGNED,
    "unknown": UNKNOWN,
}


def live(said: str, listed: str, age: float, *, newer: str, **changes: Any) -> LiveCode:
    """Observe a code that says one thing and points to a list, `age` old, that says another."""
    issued = Instant(AT - age + (1 if newer == "code" else -1))
    code = authentic(statement=said, status_pointer=POINTER, issue_time=issued, **changes)
    return observe(code, {}, AT, holding(GUIZHOU, WORDS[listed], AT - age), BUDGETS)


# said, listed: the state that counts if the list is the newer one, and if the code is
TABLE = [
    ("green", "green", "GREEN", "GREEN"),
    ("green", "yellow", "YELLOW", "YELLOW"),
    ("green", "suspended", "UNDER_REVIEW", "UNDER_REVIEW"),
    ("green", "declaration", "STALE_DECLARATION", "STALE_DECLARATION"),
    ("green", "red", "RED", "RED"),
    ("green", "cancelled", "REVOKED", "REVOKED"),
    ("green", "as signed", "GREEN", "GREEN"),
    ("yellow", "green", "GREEN", "YELLOW"),
    ("yellow", "yellow", "YELLOW", "YELLOW"),
    ("yellow", "suspended", "UNDER_REVIEW", "UNDER_REVIEW"),
    ("yellow", "red", "RED", "RED"),
    ("yellow", "cancelled", "REVOKED", "REVOKED"),
    ("yellow", "as signed", "YELLOW", "YELLOW"),
    ("under_review", "green", "GREEN", "UNDER_REVIEW"),
    ("under_review", "yellow", "YELLOW", "UNDER_REVIEW"),
    ("under_review", "declaration", "STALE_DECLARATION", "UNDER_REVIEW"),
    ("under_review", "red", "RED", "RED"),
    ("unconfirmed", "suspended", "UNCONFIRMED", "UNCONFIRMED"),
    ("unconfirmed", "green", "GREEN", "UNCONFIRMED"),
    ("stale_declaration", "green", "GREEN", "STALE_DECLARATION"),
    ("stale_declaration", "suspended", "UNDER_REVIEW", "STALE_DECLARATION"),
    ("red", "green", "RED", "RED"),
    ("red", "yellow", "RED", "RED"),
    ("red", "red", "RED", "RED"),
    ("red", "cancelled", "REVOKED", "REVOKED"),
    ("red", "as signed", "RED", "RED"),
    ("nobody explained this", "green", "UNKNOWN", "UNKNOWN"),
    ("nobody explained this", "yellow", "UNKNOWN", "UNKNOWN"),
    ("nobody explained this", "red", "RED", "RED"),
    ("nobody explained this", "cancelled", "REVOKED", "REVOKED"),
]
MEASURES = {
    "GREEN": Measure.PASS,
    "RED": Measure.DENY,
    "REVOKED": Measure.DENY,
    "UNKNOWN": Measure.MANUAL,
}


@pytest.mark.parametrize("age", [FRESH, AGING])
@pytest.mark.parametrize(("said", "listed", "list_newer", "code_newer"), TABLE)
def test_inside_the_budget(said: str, listed: str, list_newer: str, code_newer: str, age: float) -> None:
    for newer, state in (("list", list_newer), ("code", code_newer)):
        found = live(said, listed, age, newer=newer)
        decision = BOOK.decide(found, RECEIVER, AT)
        assert (newer, decision.state.name) == (newer, state)
        assert decision.measure is MEASURES.get(state, Measure.LIMITED)
        assert (Reason.STATUS_AGING in decision.reasons) is (age == AGING)
        assert (decision.observed_time, decision.status_age) == (AT - age, age), "the list's, whoever counts"


@pytest.mark.parametrize(("said", "listed", "list_newer", "code_newer"), TABLE)
def test_past_the_budget_nobody_passes_and_nothing_bad_is_softened_unless_the_code_is_newer(
    said: str, listed: str, list_newer: str, code_newer: str
) -> None:
    old = BOOK.decide(live(said, listed, STALE, newer="list"), RECEIVER, AT)
    assert old.state.name == list_newer
    bad = {"RED": (Measure.DENY, Reason.STATE_RED), "REVOKED": (Measure.DENY, Reason.REVOKED)}
    assert (old.measure, old.reasons[0]) == bad.get(list_newer, (Measure.MANUAL, Reason.STATUS_STALE))
    # An old red is no proof against what its issuer signed since; but no more than a person can decide that.
    since = BOOK.decide(live(said, listed, STALE, newer="code"), RECEIVER, AT)
    own = BOOK.decide(live(said, "as signed", STALE, newer="code"), RECEIVER, AT)
    assert (since.state, since.measure, since.reasons) == (own.state, own.measure, own.reasons)
    assert since.measure is (Measure.DENY if said == "red" else Measure.MANUAL)


@pytest.mark.parametrize("age", [FRESH, AGING, STALE])
@pytest.mark.parametrize("newer", ["list", "code"])
@pytest.mark.parametrize(
    ("said", "state", "measure", "reason", "step"),
    [
        ("green", CodeState.UNKNOWN, Measure.MANUAL, Reason.STATUS_UNAVAILABLE, Step.STATUS),
        ("under_review", CodeState.UNKNOWN, Measure.MANUAL, Reason.STATUS_UNAVAILABLE, Step.STATUS),
        ("nobody explained this", CodeState.UNKNOWN, Measure.MANUAL, Reason.STATUS_UNAVAILABLE, Step.STATUS),
        ("red", CodeState.RED, Measure.DENY, Reason.STATE_RED, Step.POLICY),
    ],
)
def test_a_place_that_was_never_given_out_passes_nobody_and_takes_no_red_back(
    said: str, state: CodeState, measure: Measure, reason: Reason, step: Step, age: float, newer: str
) -> None:
    decision = BOOK.decide(live(said, "unknown", age, newer=newer), RECEIVER, AT)
    assert (decision.state, decision.measure, decision.reasons) == (state, measure, (reason,))
    assert decision.stopped_at is step


@pytest.mark.parametrize("freshness", [Freshness.STALE, Freshness.UNAVAILABLE])
@pytest.mark.parametrize("said", ["green", "red"])
def test_without_a_division_the_status_is_told_first(said: str, freshness: Freshness) -> None:
    found = replace(live(said, "as signed", FRESH, newer="list"), freshness=freshness)
    decision = BOOK.decide(found, None, AT)
    assert (decision.measure, decision.reasons[0]) == (Measure.MANUAL, Reason[f"STATUS_{freshness.name}"])


@pytest.mark.parametrize("newer", ["list", "code"])
@pytest.mark.parametrize(
    ("listed", "state"),
    [("green", "UNCONFIRMED"), ("suspended", "UNDER_REVIEW"), ("cancelled", "REVOKED"), ("as signed", "UNCONFIRMED")],
)
def test_a_certificate_that_is_still_good_is_no_green_code(listed: str, state: str, newer: str) -> None:
    found = live("vaccinated", listed, FRESH, newer=newer, format=Format.HCERT)
    assert state_of(found).name == state


def test_a_code_without_an_issue_time_is_never_the_newer_one() -> None:
    found = replace(live("yellow", "green", FRESH, newer="list"), observed_time=Instant(AT - FRESH))
    undated = replace(found.authentic, claimed=replace(found.authentic.claimed, issue_time=None))
    assert state_of(replace(found, authentic=undated)) is CodeState.GREEN


def test_what_code_and_list_both_say_the_code_says_too() -> None:
    """Its reason and its meaning stand beside it; they do not stand beside what only the list says."""
    code = authentic(statement="02", states={"02": CodeState.YELLOW}, status_pointer=POINTER)
    code = replace(
        code, reason_class=ReasonClass.YELLOW_OTHER, issuer=replace(code.issuer, meanings={"02": "Seven days at home."})
    )
    for word, says in ((YELLOW, True), (AS_SIGNED, True), (SUSPENDED, False), (RED, False)):
        found = observe(code, {}, AT, holding(GUIZHOU, word, AT - FRESH), BUDGETS)
        decision = BOOK.decide(found, RECEIVER, AT)
        assert code_says(found, decision.state) is says
        assert decision.reason_class is (ReasonClass.YELLOW_OTHER if says else None)
        assert decision.meaning == ("Seven days at home." if says else None)


def test_the_table_is_whole_for_every_colour_and_word() -> None:
    said = {"green", "yellow", "red", "nobody explained this"}
    told = {(code, word) for code, word, *_ in TABLE}
    missing = set(product(said, {"green", "yellow", "red", "cancelled"})) - told
    assert missing == set()
