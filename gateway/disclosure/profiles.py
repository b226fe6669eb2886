"""The disclosure profiles and what each may say. Neither says anything about the holder."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import Reason
from gateway.quick import quick
from gateway.values import (
    Assurance,
    CodeState,
    Decision,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    Measure,
    Profile,
    ReasonClass,
)


@dataclass(frozen=True, slots=True)
class GateDisclosure:
    """The core, for every caller: what to do and why."""

    measure: Measure
    reasons: tuple[Reason, ...]
    decided_time: Instant


@quick
@dataclass(frozen=True, slots=True)
class StaffDisclosure:
    """The core, and what a member of staff needs to explain it."""

    measure: Measure
    reasons: tuple[Reason, ...]
    decided_time: Instant
    state: CodeState
    issuer: IssuerId | None
    issuer_division: DivisionCode | None
    format: Format
    assurance: Assurance | None
    observed_time: Instant | None
    status_age: float | None
    valid_until: Instant | None
    rule_version: str | None
    reason_class: ReasonClass | None
    issuer_meaning: str | None
    """What the issuer means by the state, in a sentence of its own rules."""
    origin_division: DivisionCode | None
    """Of the code that a converted code was made from."""


Disclosure = GateDisclosure | StaffDisclosure


def disclose(decision: Decision, profile: Profile) -> Disclosure:
    """Return as much of `decision` as `profile` may see.

    Whether the caller may use that profile is the edge's question, asked before anything is decided.
    """
    if profile is not Profile.STAFF:
        return GateDisclosure(decision.measure, decision.reasons, decision.decided_time)
    return StaffDisclosure(
        decision.measure,
        decision.reasons,
        decision.decided_time,
        decision.state,
        decision.issuer,
        decision.division,
        decision.format,
        decision.assurance,
        decision.observed_time,
        decision.status_age,
        decision.valid_until,
        decision.rule_version,
        decision.reason_class,
        decision.meaning,
        None if decision.origin is None else decision.origin.division,
    )
