"""What a province can do wrong, and the switch that makes it do so while it runs.

- A fault strikes a share of the questions, spread evenly and without chance: a share of 0.5 strikes every second one.
- Turning the switch lets go of every question that hangs.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """One way of failing."""

    NONE = "none"
    SLOW = "slow"
    """Answers rightly, after `seconds`."""
    HANG = "hang"
    """Takes the question and never answers."""
    DRIP = "drip"
    """Answers one byte every `seconds`."""
    RESET = "reset"
    """Cuts the connection with RST when the question has come."""
    SERVER_ERROR = "server_error"
    """500 with a stack trace that quotes the holder."""
    OVERLOAD = "overload"
    """Says that it drowns, in its own way."""
    GARBAGE = "garbage"
    """Answers something else each time: a login page, half a document, a name for a colour."""
    WRONG_SIGNATURE = "wrong_signature"
    """Signs its answer wrongly; a system that signs none finds the gateway's own signature wrong."""
    OTHER_PERSON = "other_person"
    """Answers about somebody else, who is green."""
    EXPIRED_AS_SUCCESS = "expired_as_success"
    """Answers a success, and says in its own way that the code has expired."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is switched on."""

    kind: FaultKind = FaultKind.NONE
    seconds: float = 0.0
    share: float = 1.0
    """Of the questions; the rest is answered rightly."""


HEALTHY = Fault()


class FaultSwitch:
    """Which fault a province has now."""

    def __init__(self) -> None:
        self._fault = HEALTHY
        self._turned = asyncio.Event()
        self._struck = asyncio.Event()
        self._due = 0.0
        self.questions = 0
        self.struck = 0

    @property
    def fault(self) -> Fault:
        """Return what is switched on."""
        return self._fault

    def turn(self, fault: Fault) -> None:
        """Switch to `fault`, and let go of what hangs."""
        self._fault = fault
        self._due = 0.0
        self._turned.set()
        self._turned = asyncio.Event()
        self._struck = asyncio.Event()

    def strike(self) -> Fault:
        """Return what becomes of the question that has just come."""
        self.questions += 1
        if self._fault.kind is FaultKind.NONE:
            return HEALTHY
        self._due += self._fault.share
        if self._due < 1.0 - 1e-9:
            return HEALTHY
        self._due -= 1.0
        self.struck += 1
        self._struck.set()
        return self._fault

    async def until_struck(self) -> None:
        """Wait until the fault that is switched on has struck."""
        await self._struck.wait()

    async def until_turned(self) -> None:
        """Wait until the switch is turned."""
        await self._turned.wait()
