"""A code is shown: the guard is told of it, and what it says makes the decision stricter, or leaves it as it is.

Rules:

- A presentation is a code that a caller hands in to be judged: VerifyCode, VerifyCodes, StreamVerifications and
  ConvertCode. What the gateway looks at again by itself is none (watched codes, originals of converted ones).
- Only of dynamic codes; a code that has ended is not shown any more, and one that has not begun not yet: it passes
  nowhere now, and its first showing is the one at which it may. Any other that is not let through is shown.
- The gate is the caller, the receiving division and her own name for the checkpoint. Nothing of it is kept in the open.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, NamedTuple
from zlib import crc32

from gateway.errors import Reason
from gateway.policy.replay import checked_here_only, unchecked
from gateway.replay.guard import Guarded
from gateway.replay.showing import Seen, Showing
from gateway.rpc.desk import VerificationDesk
from gateway.values import Decision, DivisionCode, Instant, Passage

_NOT_SHOWN: Final = frozenset({Reason.NOT_YET_VALID, Reason.EXPIRED})


class Shown(NamedTuple):
    """A decision that the guard has looked at."""

    decision: Decision
    passage: Passage | None = None
    """If a receipt is wanted: what makes it the one of before, where the same gate asks again."""


def show(
    decision: Decision,
    scope: bytes,
    division: DivisionCode | None,
    at: Instant,
    desk: VerificationDesk,
    *,
    receipt: bool,
) -> Shown | Awaitable[Shown]:
    """Return what becomes of `decision`, now that its code is shown at the gate `scope` of `division`.

    Awaitable only if other nodes are asked. `receipt`: whether one is wanted.
    """
    guard, marks = desk.replay, decision.marks
    if guard is None or marks is None or marks.showing is None or decision.reasons[0] in _NOT_SHOWN:
        return Shown(decision)
    said = crc32(bytes((decision.measure, *decision.reasons)))
    guarded = guard.show(Showing(marks, scope, at, said), passage=receipt)
    if isinstance(guarded, Guarded):
        return _shown(decision, guarded, division, desk)
    return _once_known(decision, guarded, division, desk)


async def _once_known(
    decision: Decision, guarded: Awaitable[Guarded], division: DivisionCode | None, desk: VerificationDesk
) -> Shown:
    return _shown(decision, await guarded, division, desk)


def _shown(decision: Decision, guarded: Guarded, division: DivisionCode | None, desk: VerificationDesk) -> Shown:
    seen = guarded.seen
    if seen is Seen.SUSPECTED:
        decision = desk.suspect(decision, division)
    elif seen is Seen.UNCHECKED:
        decision = unchecked(decision)
    if guarded.here_only:
        decision = checked_here_only(decision)
    return Shown(decision, guarded.passage)
