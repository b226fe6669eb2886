"""What the guard's suspicion makes of a decision: stricter or as strict, never better.

Strictness: PASS, LIMITED, MANUAL, DENY. A decision that is stricter already stays, and only says what is suspected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gateway.errors import Reason, Step
from gateway.values import LETS_THROUGH, Decision, DivisionCode, Measure


@dataclass(frozen=True, slots=True)
class OnReplay:
    """What a receiving division makes of a code that was shown elsewhere already."""

    measure: Measure = Measure.MANUAL
    """LIMITED, MANUAL or DENY."""
    conditions: tuple[Reason, ...] = ()
    """Of LIMITED."""


TO_A_PERSON: Final = OnReplay()
"""If a division says nothing."""

_STRICTNESS: Final = {Measure.PASS: 0, Measure.LIMITED: 1, Measure.MANUAL: 2, Measure.DENY: 3}


def suspected(decision: Decision, wanted: OnReplay) -> Decision:
    """Return what becomes of `decision` where its code is suspected to be shown a second time."""
    reason, conditions = Reason.REPLAY_SUSPECTED, wanted.conditions
    if _STRICTNESS[wanted.measure] < _STRICTNESS[decision.measure]:
        return _noted(decision, reason)
    if wanted.measure is decision.measure:
        new = tuple(one for one in conditions if one not in decision.reasons)
        return replace(decision, reasons=(decision.reasons[0], reason, *new, *decision.reasons[1:]))
    return _tightened(decision, wanted.measure, (reason, *conditions))


def to_a_person(decision: Decision, division: DivisionCode | None) -> Decision:  # noqa: ARG001 as PolicyBook.suspect
    """Return what becomes of it where no division has said anything: a person decides."""
    return suspected(decision, TO_A_PERSON)


def unchecked(decision: Decision) -> Decision:
    """Return what becomes of `decision` where nobody can tell whether its code was shown before: a person decides."""
    if decision.measure in LETS_THROUGH:
        return _tightened(decision, Measure.MANUAL, (Reason.REPLAY_UNCHECKED,))
    return _noted(decision, Reason.REPLAY_UNCHECKED)


def checked_here_only(decision: Decision) -> Decision:
    """Return `decision` with the note that other machines could not be asked."""
    return _noted(decision, Reason.REPLAY_GUARD_LOCAL)


def _tightened(decision: Decision, measure: Measure, reasons: tuple[Reason, ...]) -> Decision:
    # What an earlier step has stopped was never proven to be genuine and valid, whatever else is known of it.
    stopped_at = None if measure in LETS_THROUGH else decision.stopped_at or Step.POLICY
    return replace(decision, measure=measure, reasons=reasons + decision.reasons, stopped_at=stopped_at)


def _noted(decision: Decision, reason: Reason) -> Decision:
    # Not at the end: an answer holds eight reasons at most.
    return replace(decision, reasons=(decision.reasons[0], reason, *decision.reasons[1:]))
