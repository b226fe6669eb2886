"""What the handlers need to judge a code, in one piece that is swapped whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.disclosure import Disclosure
from gateway.instants import now
from gateway.values import Caller, Decision, DivisionCode, Instant, Profile, Purpose


class JudgesCodes(Protocol):
    """The pipeline, as a handler sees it."""

    def verify(self, code: bytes, *, at: Instant, division: DivisionCode | None) -> Decision:
        """Return the decision on `code`, whatever its bytes are. Raises NotReady if nothing can be judged."""
        ...


class WritesReceipts(Protocol):
    """The receipt room, as a handler sees it."""

    def issue(self, said: Disclosure, *, caller: Caller, purpose: Purpose, request_id: str) -> str:
        """Return the signed receipt of exactly what was `said` to `caller`."""
        ...


def _nobody(decision: Decision) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a caller may ask."""

    max_profile: Profile
    """The most that she may be told."""
    purposes: frozenset[Purpose] = frozenset(Purpose)


def everyone_may(rights: Rights) -> Callable[[Caller], Rights]:
    """Return a register in which all callers have the same `rights`: those that the configuration gives."""
    return lambda _caller: rights


@dataclass(frozen=True, slots=True)
class VerificationDesk:
    """The rooms, and what the configuration allows. Immutable: a reload puts another desk in its place."""

    pipeline: JudgesCodes
    receipts: WritesReceipts | None
    """None if the gateway has no signer: then a request for a receipt is NotReady."""
    rights_of: Callable[[Caller], Rights]
    clock: Callable[[], Instant] = now
    """Read once per request, batch or stream item."""
    watch: Callable[[Decision], None] = _nobody
    """Told of every decision, for counting; must not raise or wait."""
