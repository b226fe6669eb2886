"""What a new look says. Severity is judged by a table written here, not by one of the code."""

from __future__ import annotations

import itertools

import pytest

from gateway.conversion.heard import Heard, agrees, heard, settled
from gateway.errors import REASONS, Effect, Reason
from gateway.values import CodeState, Decision, Format, Instant, Measure

S = CodeState
SAYABLE = (S.GREEN, S.YELLOW, S.UNDER_REVIEW, S.UNCONFIRMED, S.STALE_DECLARATION, S.RED, S.REVOKED)
SEVERITY = {
    S.GREEN: 0,
    S.YELLOW: 1,
    S.UNDER_REVIEW: 1,
    S.UNCONFIRMED: 1,
    S.STALE_DECLARATION: 1,
    S.RED: 2,
    S.REVOKED: 3,
}


def decision(measure: Measure, reason: Reason, state: CodeState = S.UNKNOWN) -> Decision:
    return Decision(measure, (reason,), Instant(0.0), REASONS[reason].step, Format.NATIVE, state)


@pytest.mark.parametrize(("before", "said"), list(itertools.product(SAYABLE, repeat=2)))
def test_a_state_never_gets_better(before: CodeState, said: CodeState) -> None:
    after = settled(before, said)
    assert SEVERITY[after] == max(SEVERITY[before], SEVERITY[said])
    assert after in (before, said)
    # Where two states are neither better nor worse than one another, the code does not stay in force.
    odd = SEVERITY[before] == SEVERITY[said] == 1 and before is not said
    assert agrees(after, said) is not odd


@pytest.mark.parametrize("said", [S.UNKNOWN, S.NOT_FOUND])
@pytest.mark.parametrize("before", SAYABLE)
def test_what_nobody_knows_changes_no_state_and_agrees_with_none(before: CodeState, said: CodeState) -> None:
    assert settled(before, said) is before
    assert agrees(before, said) is (SEVERITY[before] >= 2)


def test_what_a_long_story_comes_to_is_the_worst_of_it() -> None:
    for story in itertools.permutations((S.GREEN, S.YELLOW, S.RED, S.GREEN)):
        state = S.GREEN
        for said in story:
            state = settled(state, said)
        assert state is S.RED


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (decision(Measure.PASS, Reason.STATE_GREEN, S.GREEN), Heard(S.GREEN, stands=True)),
        (decision(Measure.LIMITED, Reason.STATE_YELLOW, S.YELLOW), Heard(S.YELLOW, stands=True)),
        # for good
        (decision(Measure.DENY, Reason.STATE_RED, S.RED), Heard(S.RED, stands=False)),
        (decision(Measure.MANUAL, Reason.STATUS_STALE, S.RED), Heard(S.RED, stands=False)),
        (decision(Measure.DENY, Reason.EXPIRED, S.EXPIRED), Heard(S.REVOKED, stands=False)),
        (decision(Measure.DENY, Reason.REVOKED, S.REVOKED), Heard(S.REVOKED, stands=False)),
        # a person must decide, or a rule denies it
        (decision(Measure.MANUAL, Reason.CODE_NOT_FOUND, S.NOT_FOUND), Heard(S.NOT_FOUND, stands=False)),
        (decision(Measure.MANUAL, Reason.UNKNOWN_STATE), Heard(S.UNKNOWN, stands=False)),
        (decision(Measure.MANUAL, Reason.UNKNOWN_ISSUER), Heard(S.UNKNOWN, stands=False)),
        (decision(Measure.MANUAL, Reason.NOT_ITS_ISSUERS), Heard(S.UNKNOWN, stands=False)),
        (decision(Measure.MANUAL, Reason.STATUS_STALE, S.GREEN), Heard(S.GREEN, stands=False)),
        (decision(Measure.MANUAL, Reason.CONVERSION_NOT_AGREED, S.GREEN), Heard(S.GREEN, stands=False)),
        (decision(Measure.MANUAL, Reason.NO_RULES, S.YELLOW), Heard(S.YELLOW, stands=False)),
        (decision(Measure.DENY, Reason.STATE_YELLOW, S.YELLOW), Heard(S.YELLOW, stands=False)),
        (decision(Measure.DENY, Reason.RULES_NOT_MET, S.GREEN), Heard(S.GREEN, stands=False)),
    ],
)
def test_a_decision_is_heard_as(made: Decision, expected: Heard) -> None:
    assert heard(made) == expected


SILENCE = {
    Reason.UPSTREAM_UNAVAILABLE,
    Reason.UPSTREAM_INVALID,
    Reason.UPSTREAM_REFUSED,
    Reason.ISSUER_NOT_CONNECTED,
    Reason.STATUS_UNAVAILABLE,
}


@pytest.mark.parametrize("reason", [reason for reason, row in REASONS.items() if row.effect is not Effect.NOTE])
def test_every_reason_holds_a_code_back_or_is_silence(reason: Reason) -> None:
    effect = REASONS[reason].effect
    for measure in (Measure.MANUAL, Measure.DENY):
        said = heard(decision(measure, reason))
        if reason in SILENCE:
            assert said is None
        else:
            assert said is not None
            assert not said.stands
            assert (said.state is S.REVOKED) is (effect is Effect.DENY)
