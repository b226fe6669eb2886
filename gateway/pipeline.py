"""The spine: the way of a code through the rooms, and nothing else.

The type checker refuses a skipped step: each room takes what the room before it returned.
"""

from __future__ import annotations

from typing import Final, Protocol

from gateway.clinical import ClinicalItem
from gateway.errors import REASONS, CodeStopped, NotReady, Outcome, Reason, Step
from gateway.formats import read_code, recognise
from gateway.formats.opaque import OpaqueShapes
from gateway.policy.book import NO_RISKS, KnowsRisks, PolicyBook
from gateway.status.freshness import BUDGETS, Budgets
from gateway.status.observe import NO_LISTS, StatusLists, observe
from gateway.trust.authenticate import SignedCode, find_signer, permit
from gateway.trust.marks import DYNAMIC_MAX_S
from gateway.trust.online import OnlineIssuers, answered, displayed
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import (
    Assurance,
    ClaimedCode,
    CodeMarks,
    CodeState,
    Decision,
    DisplayedCode,
    DivisionCode,
    Format,
    Instant,
    Measure,
    OnlineAnswer,
    OpaqueCode,
    Purpose,
    Way,
)

_UNKNOWN: Final = Format.UNKNOWN
"""Of a class, Python 3.11 takes 70 ns to look a member up."""

_STATE_OF: Final = {
    Reason.EXPIRED: CodeState.EXPIRED,
    Reason.REVOKED: CodeState.REVOKED,
    Reason.CODE_NOT_FOUND: CodeState.NOT_FOUND,
}


class AsksIssuers(Protocol):
    """The connectors, as the pipeline sees them."""

    async def resolve(self, code: OpaqueCode, *, at: Instant, time_left: float) -> OnlineAnswer:
        """Return what the issuer of `code` says, within `time_left` seconds.

        Raises: CodeStopped with what the issuer says instead of a state, or why it says nothing.
        """
        ...


class NobodyAsks:
    """Has no connection to any issuer."""

    async def resolve(self, code: OpaqueCode, *, at: Instant, time_left: float) -> OnlineAnswer:  # noqa: ARG002
        """See AsksIssuers."""
        raise CodeStopped(Reason.ISSUER_NOT_CONNECTED)


class Pipeline:
    """From scanned bytes to a decision. Reads no clock, keeps nothing of a code; the only I/O is `ask_issuer`'s.

    Immutable: a reload of trust, rules or profiles makes another pipeline, so that no code, batch or stream item is
    judged by half of the old and half of the new.
    """

    __slots__ = ("_asks", "_budgets", "_dynamic_max_s", "_lists", "_online", "_opaque", "_policies", "_risks", "_trust")

    def __init__(
        self,
        trust: TrustSnapshot,
        policies: PolicyBook,
        *,
        opaque: OpaqueShapes | None = None,
        online: OnlineIssuers | None = None,
        asks: AsksIssuers | None = None,
        lists: StatusLists = NO_LISTS,
        budgets: Budgets = BUDGETS,
        risks: KnowsRisks = NO_RISKS,
        dynamic_max_s: float = DYNAMIC_MAX_S,
    ) -> None:
        """Take what the rooms work with. What is left out is not there: no opaque code, no list, no risk is known.

        `dynamic_max_s`: seconds that a native code lives at most to be good for one showing only (`CodeMarks.showing`).
        """
        self._trust = trust
        self._policies = policies
        self._opaque = opaque or OpaqueShapes()
        self._online = online or OnlineIssuers()
        self._asks = asks or NobodyAsks()
        self._lists = lists
        self._budgets = budgets
        self._risks = risks
        self._dynamic_max_s = dynamic_max_s

    def verify(
        self,
        code: bytes,
        *,
        at: Instant,
        division: DivisionCode | None,
        way: Way = Way.VERIFY,
        purpose: Purpose | None = None,
        item: ClinicalItem | None = None,
    ) -> Decision | OpaqueCode:
        """Return what the receiving `division` makes of `code` at `at`; whatever the bytes are, it is a verdict.

        `purpose` decides how old a live status may be; without one that is what holds of all purposes. `item` is what a
        granted profile wants of the code beside: it is kept, sealed, and nothing else of the holder.

        1. formats     what does it say?      (decode)
        2. trust       who says it?           (signature, key usage)
        3. status      is it still true?      (validity, status)
        4. policy      what does it mean here?

        5, disclosure, and 6, receipts, are the asker's: the edge calls them with the profile that she may use.

        An opaque code comes back as what is to be asked: the way goes on with `ask_issuer`.

        Raises: NotReady if the trust list has expired: then nothing can be answered.
        """
        trust = self._trust
        if trust.expired(at):
            raise NotReady("the trust list has expired")
        found = recognise(code)
        claimed = signed = None
        try:
            if found is _UNKNOWN:
                return self._opaque.read(code)  # 1
            claimed = read_code(code, found, item)  # 1
            signed = find_signer(claimed, trust, self._dynamic_max_s)  # 2
            live = observe(permit(signed, at), trust.revocations, at, self._lists, self._budgets, purpose)  # 2, 3
            return self._policies.decide(live, division, at, way=way, risks=self._risks)  # 4
        except CodeStopped as stopped:
            return _stopped(stopped.reason, at, found, claimed, signed)

    def verify_offline(
        self, code: bytes, *, at: Instant, division: DivisionCode | None, purpose: Purpose | None = None
    ) -> Decision:
        """Return what `verify` does, and of an opaque code that nobody could be asked. Raises: as `verify`."""
        found = self.verify(code, at=at, division=division, purpose=purpose)
        return found if isinstance(found, Decision) else _stopped(Reason.ISSUER_NOT_CONNECTED, at, Format.OPAQUE)

    async def ask_issuer(
        self,
        code: OpaqueCode,
        *,
        at: Instant,
        division: DivisionCode | None,
        time_left: float,
        way: Way = Way.VERIFY,
        purpose: Purpose | None = None,
    ) -> Decision:
        """Return what `division` makes of an opaque code, once its issuer has been asked within `time_left` seconds."""
        marks = None
        try:
            answer = await self._asks.resolve(code, at=at, time_left=time_left)
            authentic = answered(code, answer, self._online, at)  # 2
            marks = authentic.marks
            live = observe(authentic, self._trust.revocations, at, purpose=purpose)  # 3
            return self._policies.decide(live, division, at, way=way, risks=self._risks)  # 4
        except CodeStopped as stopped:
            return _stopped(stopped.reason, at, Format.OPAQUE, marks=marks)

    def assess(
        self, code: DisplayedCode, *, at: Instant, division: DivisionCode | None, purpose: Purpose | None = None
    ) -> Decision:
        """Return what `division` makes of a code that a checker only saw."""
        try:
            live = observe(displayed(code, self._online), self._trust.revocations, at, purpose=purpose)
            return self._policies.decide(live, division, at, way=Way.DISPLAY, risks=self._risks)
        except CodeStopped as stopped:
            return _stopped(stopped.reason, at, Format.OPAQUE, assurance=Assurance.DISPLAYED)


def _stopped(
    reason: Reason,
    at: Instant,
    found: Format,
    claimed: ClaimedCode | None = None,
    signed: SignedCode | None = None,
    *,
    assurance: Assurance | None = None,
    marks: CodeMarks | None = None,
) -> Decision:
    """Return the decision on a code that a room stopped. Its claims are told only once its signature is proven."""
    row = REASONS[reason]
    reasons = (reason,) if claimed is None else (reason, *claimed.notes)
    state = _STATE_OF.get(reason, CodeState.UNKNOWN)
    if signed is None:
        return Decision(
            Measure[row.effect.value], reasons, at, row.step, found, state, assurance=assurance, marks=marks
        )
    return Decision(
        Measure[row.effect.value],
        reasons,
        at,
        row.step,
        found,
        state,
        signed.issuer.issuer,
        signed.issuer.division,
        observed_time=signed.claimed.issue_time,
        valid_until=signed.claimed.expire_time,
        marks=signed.marks,
    )


def step_outcomes(decision: Decision) -> dict[Step, Outcome]:
    """Return how each step ended, in order: ok up to the one that stopped the code, not reached after it."""
    if decision.stopped_at is None:
        return dict.fromkeys(Step, Outcome.OK)
    outcome = REASONS[decision.reasons[0]].outcome
    if outcome is Outcome.OK:  # a rule of the receiving division stopped it
        outcome = Outcome.REFUSED if decision.measure is Measure.DENY else Outcome.UNDETERMINED
    steps = list(Step)
    place = steps.index(decision.stopped_at)
    return {
        step: Outcome.OK if rank < place else outcome if rank == place else Outcome.NOT_REACHED
        for rank, step in enumerate(steps)
    }
