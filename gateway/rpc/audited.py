"""The decisions of one call on their way into the audit log.

Rules:

- Each decision is written down once it is made, also if its answer is never sent.
- One call waits once: for its last entry, and with that for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from gateway.receipts.commitment import code_digest
from gateway.recording.trail import Asked
from gateway.values import Decision


class KeepsAudit(Protocol):
    """The audit log, as a handler sees it."""

    def refuse(self) -> None:
        """Return if an answer may be given now. Raises: NotReady."""
        ...

    def decided(self, asked: Asked, decision: Decision, commitment: bytes | None) -> int:
        """Write down a decision, and return the entry's number. Raises: NotReady."""
        ...

    def durable(self, number: int) -> Awaitable[None] | None:
        """Return what an answer must wait for; None: nothing. Raises, now or when awaited: NotReady."""
        ...


class Trace:
    """What one call leaves behind."""

    __slots__ = ("_asked", "_audit", "_last")

    def __init__(self, audit: KeepsAudit | None, asked: Asked) -> None:
        """Refuse at once what could not be written down; without a log nothing is. Raises: NotReady."""
        self._audit = audit
        self._asked = asked
        self._last = 0
        if audit is not None:
            audit.refuse()

    def write(self, decision: Decision, code: bytes | None, salt: bytes) -> None:
        """Write down a decision on `code`, None if it was only seen. `salt` is the receipt's, empty without one.

        Raises: NotReady.
        """
        if self._audit is not None:
            commitment = code_digest(code, salt) if salt and code is not None else None
            self._last = max(self._last, self._audit.decided(self._asked, decision, commitment))

    def waiting(self) -> Awaitable[None] | None:
        """Return what the answer must wait for; None: nothing. Raises, now or when awaited: NotReady."""
        return None if self._audit is None else self._audit.durable(self._last)

    async def kept(self) -> None:
        """Return once the answer may be sent. Raises: NotReady."""
        waiting = self.waiting()
        if waiting is not None:
            await waiting
