"""What a new look at an original says of the codes that were made from it.

- A look that decided nothing because its issuer could not be asked is silence: it says neither good nor bad.
- A look at which the original would not be let through any more holds the converted codes back, whatever the reason:
  a converted code is never better than its original is now.
- Of two states the worse one stays. Two that are neither equal nor better or worse than one another (yellow, and under
  review) hold the code back: no rule of a receiving division can be guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.errors import REASONS, Effect, Reason
from gateway.values import LETS_THROUGH, CodeState, Decision

_SILENCE: Final = frozenset(
    {
        Reason.UPSTREAM_UNAVAILABLE,
        Reason.UPSTREAM_INVALID,
        Reason.UPSTREAM_REFUSED,
        Reason.ISSUER_NOT_CONNECTED,
        Reason.STATUS_UNAVAILABLE,
    }
)
_ENDED: Final = frozenset({CodeState.EXPIRED, CodeState.REVOKED})

FINAL: Final = frozenset({CodeState.RED, CodeState.REVOKED})
"""What a converted code never gets over."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The original's state, and whether it would still be let through."""

    state: CodeState
    stands: bool


def heard(decision: Decision) -> Heard | None:
    """Return what `decision`, a new one on the original, says; None for silence.

    1. Let through: its state.
    2. Red or no longer a code: that, for good. So is whatever else is proven bad.
    3. Its issuer cannot be asked: silence.
    4. A person must decide, or a rule denies it: its state if it is known, and it does not stand.
    """
    # 1
    if decision.measure in LETS_THROUGH:
        return Heard(decision.state, stands=True)
    # 2
    reason = decision.reasons[0]
    if decision.state is CodeState.RED:
        return Heard(CodeState.RED, stands=False)
    if decision.state in _ENDED or REASONS[reason].effect is Effect.DENY:
        return Heard(CodeState.REVOKED, stands=False)
    # 3
    if reason in _SILENCE:
        return None
    # 4
    return Heard(decision.state, stands=False)


def settled(before: CodeState, said: CodeState) -> CodeState:
    """Return the state of a converted code after its original was said to have the state `said`. Never better."""
    if before is CodeState.REVOKED or said is CodeState.REVOKED:
        return CodeState.REVOKED
    if said is CodeState.RED:
        return CodeState.RED
    return said if before is CodeState.GREEN and said in _RULED else before


def agrees(state: CodeState, said: CodeState) -> bool:
    """Tell whether a converted code of `state` is no better than its original, which has the state `said`."""
    return state in FINAL or said is state or said is CodeState.GREEN


_RULED: Final = frozenset(
    {CodeState.YELLOW, CodeState.UNDER_REVIEW, CodeState.UNCONFIRMED, CodeState.STALE_DECLARATION}
)
"""The states between green and red."""
