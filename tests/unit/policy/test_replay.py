"""What a suspected replay makes of a decision: never better, and what its division says."""

from __future__ import annotations

import pytest

from gateway.errors import REASONS, Effect, Outcome, Reason, Step
from gateway.pipeline import step_outcomes
from gateway.policy.book import PolicyBook
from gateway.policy.replay import OnReplay, checked_here_only, suspected, to_a_person, unchecked
from gateway.policy.rules import RulesInvalid, parse_rules
from gateway.values import Decision, DivisionCode, Format, Measure
from tests.unit.codes import AT

PASS, LIMITED, DENY, MANUAL = Measure.PASS, Measure.LIMITED, Measure.DENY, Measure.MANUAL
GREEN, RED, STALE = Reason.STATE_GREEN, Reason.STATE_RED, Reason.STATUS_STALE
SUSPECTED, TEST, WATCH = (
    Reason.REPLAY_SUSPECTED,
    Reason.CONDITION_TEST_WITHIN_48_HOURS,
    Reason.CONDITION_HEALTH_MONITORING,
)
TO_MANUAL, TO_DENY, TO_LIMITED = OnReplay(), OnReplay(DENY), OnReplay(LIMITED, (TEST,))


def decision(measure: Measure, *reasons: Reason) -> Decision:
    stopped_at = None if measure in {PASS, LIMITED} else Step.STATUS if STALE in reasons else Step.POLICY
    return Decision(measure, reasons, AT, stopped_at, Format.NATIVE)


PASSED, LIMITS = decision(PASS, GREEN), decision(LIMITED, GREEN, WATCH)
ALREADY_TEST, TO_PERSON, DENIED = (
    decision(LIMITED, GREEN, TEST),
    decision(MANUAL, STALE, GREEN),
    decision(DENY, RED),
)


@pytest.mark.parametrize(
    ("before", "wanted", "measure", "reasons"),
    [
        (PASSED, TO_MANUAL, MANUAL, (SUSPECTED, GREEN)),
        (PASSED, TO_DENY, DENY, (SUSPECTED, GREEN)),
        (PASSED, TO_LIMITED, LIMITED, (SUSPECTED, TEST, GREEN)),
        (LIMITS, TO_MANUAL, MANUAL, (SUSPECTED, GREEN, WATCH)),
        (LIMITS, TO_DENY, DENY, (SUSPECTED, GREEN, WATCH)),
        (LIMITS, TO_LIMITED, LIMITED, (GREEN, SUSPECTED, TEST, WATCH)),
        (ALREADY_TEST, TO_LIMITED, LIMITED, (GREEN, SUSPECTED, TEST)),
        (TO_PERSON, TO_MANUAL, MANUAL, (STALE, SUSPECTED, GREEN)),
        (TO_PERSON, TO_DENY, DENY, (SUSPECTED, STALE, GREEN)),
        (TO_PERSON, TO_LIMITED, MANUAL, (STALE, SUSPECTED, GREEN)),
        (DENIED, TO_MANUAL, DENY, (RED, SUSPECTED)),
        (DENIED, TO_DENY, DENY, (RED, SUSPECTED)),
        (DENIED, TO_LIMITED, DENY, (RED, SUSPECTED)),
    ],
)
def test_a_suspected_replay_is_never_better(
    before: Decision, wanted: OnReplay, measure: Measure, reasons: tuple[Reason, ...]
) -> None:
    after = suspected(before, wanted)
    assert (after.measure, after.reasons) == (measure, reasons)
    assert (after.stopped_at is None) is (measure in {PASS, LIMITED})
    # Whatever it is, each step's end can be told.
    assert set(step_outcomes(after)) == set(Step)


@pytest.mark.parametrize(("wanted", "outcome"), [(TO_MANUAL, Outcome.UNDETERMINED), (TO_DENY, Outcome.REFUSED)])
def test_a_replay_stops_a_code_at_the_last_step(wanted: OnReplay, outcome: Outcome) -> None:
    after = suspected(PASSED, wanted)
    assert step_outcomes(after)[Step.POLICY] is outcome
    assert set(list(step_outcomes(after).values())[:-1]) == {Outcome.OK}


@pytest.mark.parametrize("reason", [reason for reason in Reason if REASONS[reason].effect is Effect.MANUAL])
def test_a_code_that_was_stopped_earlier_is_stopped_where_it_was(reason: Reason) -> None:
    stopped = Decision(MANUAL, (reason, GREEN), AT, REASONS[reason].step, Format.NATIVE)
    after = suspected(stopped, TO_DENY)
    assert (after.measure, after.reasons[0], after.stopped_at) == (DENY, SUSPECTED, stopped.stopped_at)
    before_it = list(step_outcomes(stopped).items())
    assert [step for step, outcome in step_outcomes(after).items() if outcome is Outcome.OK] == [
        step for step, outcome in before_it if outcome is Outcome.OK
    ]


@pytest.mark.parametrize(
    ("before", "measure", "reasons"),
    [
        (PASSED, MANUAL, (Reason.REPLAY_UNCHECKED, GREEN)),
        (LIMITS, MANUAL, (Reason.REPLAY_UNCHECKED, GREEN, WATCH)),
        (TO_PERSON, MANUAL, (STALE, Reason.REPLAY_UNCHECKED, GREEN)),
        (DENIED, DENY, (RED, Reason.REPLAY_UNCHECKED)),
    ],
)
def test_what_cannot_be_checked_is_never_let_through(
    before: Decision, measure: Measure, reasons: tuple[Reason, ...]
) -> None:
    after = unchecked(before)
    assert (after.measure, after.reasons) == (measure, reasons)


def test_that_only_this_machine_was_asked_is_a_note() -> None:
    after = checked_here_only(PASSED)
    assert (after.measure, after.reasons) == (PASS, (GREEN, Reason.REPLAY_GUARD_LOCAL))


FILE = """\
division = "330000"
version = "v1"
[[rule]]
from = ["*"]
states = ["GREEN"]
measure = "PASS"
source = "test"
"""
MORE = """
[suspected_replay]
measure = "LIMITED"
conditions = ["test_within_48_hours"]
source = "test"
"""


def test_a_divisions_file_says_what_becomes_of_it() -> None:
    hangzhou = FILE.replace("330000", "330100") + MORE
    book = PolicyBook([parse_rules(FILE), parse_rules(hangzhou)])
    measures = {
        division: book.suspect(PASSED, None if division is None else DivisionCode(division)).measure
        for division in ("330000", "330100", "330102", "330200", "110000", None)
    }
    assert measures == {
        "330000": MANUAL,
        "330100": LIMITED,
        "330102": LIMITED,
        "330200": MANUAL,
        "110000": MANUAL,
        None: MANUAL,
    }
    assert to_a_person(PASSED, DivisionCode("330100")) == suspected(PASSED, TO_MANUAL)


@pytest.mark.parametrize(
    ("written", "instead", "place"),
    [
        ('measure = "LIMITED"', 'measure = "PASS"', "suspected_replay.measure"),
        ('measure = "LIMITED"', "measure = 3", "suspected_replay.measure"),
        ('measure = "LIMITED"', 'measure = "DENY"', "suspected_replay.conditions"),
        ('conditions = ["test_within_48_hours"]', "", "suspected_replay.conditions"),
        ('conditions = ["test_within_48_hours"]', 'conditions = ["smile"]', "suspected_replay.conditions"),
        ('conditions = ["test_within_48_hours"]', "conditions = 3", "suspected_replay.conditions"),
        ('source = "test"', "", "suspected_replay.source"),
        ('source = "test"', 'source = " "', "suspected_replay.source"),
        ('source = "test"', 'source = "test"\nfrom = ["*"]', "suspected_replay.from"),
    ],
)
def test_a_table_that_would_let_through_or_says_too_little_is_refused(written: str, instead: str, place: str) -> None:
    with pytest.raises(RulesInvalid) as refused:
        parse_rules(FILE + MORE.replace(written, instead))
    assert refused.value.path == place


def test_it_is_a_table() -> None:
    with pytest.raises(RulesInvalid) as refused:
        parse_rules('suspected_replay = "DENY"\n' + FILE)
    assert (refused.value.path, refused.value.line) == ("suspected_replay", 1)
