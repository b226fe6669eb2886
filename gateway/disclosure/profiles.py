"""The disclosure profiles and what each may say.

GATE, STAFF and PROVINCE say nothing about the holder; each says what the one before does and more. PROVINCE adds a name
for her that means something to its caller only. CLINIC stands beside them: the core, and one clinical item.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.clinical import ClinicalEntry, ClinicalItem, EntryState
from gateway.errors import Reason, Step
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
    PairwiseHandle,
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
    reason_class: ReasonClass | None
    issuer_meaning: str | None
    """What the issuer means by the state, in a sentence of its own rules."""
    origin_division: DivisionCode | None
    """Of the code that a converted code was made from."""


@quick
@dataclass(frozen=True, slots=True)
class ProvinceDisclosure:
    """What staff see, and what a province needs to put two answers together and to account for them."""

    measure: Measure
    reasons: tuple[Reason, ...]
    decided_time: Instant
    staff: StaffDisclosure
    rule_version: str | None
    handle: PairwiseHandle | None = field(repr=False)
    """None until the issuer is established: then nobody is known."""


@quick
@dataclass(frozen=True, slots=True)
class ClinicDisclosure:
    """The core, and the one clinical item that was asked for."""

    measure: Measure
    reasons: tuple[Reason, ...]
    decided_time: Instant
    item: ClinicalItem
    state: EntryState
    entry: ClinicalEntry | None = field(default=None, repr=False)
    """There if, and only if, it is SHOWN."""


Disclosure = GateDisclosure | StaffDisclosure | ProvinceDisclosure | ClinicDisclosure


def disclose(
    decision: Decision,
    profile: Profile,
    *,
    handle: PairwiseHandle | None = None,
    item: ClinicalItem | None = None,
) -> Disclosure:
    """Return as much of `decision` as `profile` may see.

    `handle` is the caller's own for the person, told to a PROVINCE only. `item` is what a CLINIC asked for.

    Whether the caller may use that profile is the edge's question, asked before anything is decided.

    Raises: ValueError if CLINIC names no item: whoever calls this has let a question through that is none.
    """
    if profile is Profile.STAFF:
        return _for_staff(decision)
    if profile is Profile.PROVINCE:
        return ProvinceDisclosure(
            decision.measure,
            decision.reasons,
            decision.decided_time,
            _for_staff(decision),
            decision.rule_version,
            handle,
        )
    if profile is Profile.CLINIC:
        if item is None:
            raise ValueError("CLINIC without an item")
        return _for_a_clinic(decision, item)
    return GateDisclosure(decision.measure, decision.reasons, decision.decided_time)


def _for_staff(decision: Decision) -> StaffDisclosure:
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
        decision.reason_class,
        decision.meaning,
        None if decision.origin is None else decision.origin.division,
    )


_GENUINE_AND_VALID = (None, Step.POLICY)
"""Where a code may have been stopped of which an item is told: by the receiving division's rules, and no earlier."""


def _for_a_clinic(decision: Decision, item: ClinicalItem) -> ClinicDisclosure:
    """Open the sealed item, of a code that is genuine, inside its validity and not revoked."""
    core = (decision.measure, decision.reasons, decision.decided_time, item)
    if decision.stopped_at not in _GENUINE_AND_VALID or decision.marks is None:
        return ClinicDisclosure(*core, EntryState.NOT_PROVEN)
    if decision.clinical is None:
        return ClinicDisclosure(*core, EntryState.NOT_IN_CODE)
    return ClinicDisclosure(*core, EntryState.SHOWN, decision.clinical.open())
