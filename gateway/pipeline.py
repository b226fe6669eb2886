"""The spine: the way of a code through the rooms, and nothing else.

The type checker refuses a skipped step: each room takes what the room before it returned.
"""

from __future__ import annotations

from gateway.errors import REASONS, CodeStopped, NotReady, Outcome, Reason, Step
from gateway.formats import read_code, recognise
from gateway.policy.book import PolicyBook
from gateway.status.observe import observe
from gateway.trust.authenticate import SignedCode, find_signer, permit
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import ClaimedCode, CodeState, Decision, DivisionCode, Format, Instant, Measure

_STATE_OF = {Reason.EXPIRED: CodeState.EXPIRED, Reason.REVOKED: CodeState.REVOKED}


class Pipeline:
    """From scanned bytes to a decision. Does no I/O, reads no clock, keeps nothing of a code.

    Immutable: a reload of trust or rules makes another pipeline, so that no code, batch or stream item is judged by
    half of the old and half of the new.
    """

    __slots__ = ("_policies", "_trust")

    def __init__(self, trust: TrustSnapshot, policies: PolicyBook) -> None:
        self._trust = trust
        self._policies = policies

    def verify(self, code: bytes, *, at: Instant, division: DivisionCode | None) -> Decision:
        """Return what the receiving `division` makes of `code` at `at`; whatever the bytes are, it is a verdict.

        1. formats     what does it say?      (decode)
        2. trust       who says it?           (signature, key usage)
        3. status      is it still true?      (validity, status)
        4. policy      what does it mean here?

        5, disclosure, and 6, receipts, are the asker's: the edge calls them with the profile that she may use.

        Raises: NotReady if the trust list has expired: then nothing can be answered.
        """
        trust = self._trust
        if trust.expired(at):
            raise NotReady("the trust list has expired")
        found = recognise(code)
        claimed = signed = None
        try:
            claimed = read_code(code, found)  # 1
            signed = find_signer(claimed, trust)  # 2
            live = observe(permit(signed, at), trust.revocations, at)  # 2, 3
            return self._policies.decide(live, division, at)  # 4
        except CodeStopped as stopped:
            return _stopped(stopped.reason, at, found, claimed, signed)


def _stopped(
    reason: Reason, at: Instant, found: Format, claimed: ClaimedCode | None, signed: SignedCode | None
) -> Decision:
    """Return the decision on a code that a room stopped. Its claims are told only once its signature is proven."""
    row = REASONS[reason]
    reasons = (reason,) if claimed is None else (reason, *claimed.notes)
    state = _STATE_OF.get(reason, CodeState.UNKNOWN)
    if signed is None:
        return Decision(Measure[row.effect.value], reasons, at, row.step, found, state)
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
