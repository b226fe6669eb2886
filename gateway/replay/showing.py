"""The words of the guard."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from gateway.values import Caller, CodeMarks, DivisionCode, Instant, Passage


class Seen(IntEnum):
    """What is known of a showing. The greater number is the stricter."""

    FIRST = 0
    """Nobody has shown this code before."""
    SAME_PASSAGE = 1
    """It was shown at this gate a moment ago: a retry."""
    UNCHECKED = 2
    """Whether it is the first cannot be told."""
    SUSPECTED = 3
    """It was shown at another gate, or at this one too long ago."""


class Unchecked(IntEnum):
    """Why it cannot be told."""

    FULL = 0
    """There is no room to record it."""
    BUSY = 1
    """Somebody holds that part of the memory and does not let go."""
    FORGOTTEN = 2
    """The clock was set back: showings of codes of that time are not remembered any more."""
    UNUSABLE = 3
    """The memory, or its locks, do not work."""


@dataclass(frozen=True, slots=True)
class Showing:
    """One dynamic code, shown at one gate."""

    marks: CodeMarks
    """Of a dynamic code: `showing` and `shown_until` are set."""
    scope: bytes = field(repr=False)
    """The gate: caller, receiving division and checkpoint (`scope_of`)."""
    at: Instant
    said: int
    """A number of the verdict, so that a receipt is the same only as long as what it says."""


class Recorded(NamedTuple):
    """What a memory says of a showing."""

    seen: Seen
    passage: Passage | None = None
    """Of the first showing and of a retry, if it was asked for: what makes a receipt the same receipt."""
    why: Unchecked | None = None
    elsewhere: bool = False
    """Suspected because its first showing was at a gate of another node: only all nodes together know at which."""


def scope_of(caller: Caller, division: DivisionCode | None, checkpoint: str) -> bytes:
    """Return the gate in one piece. None of the parts can hold the NUL between them."""
    return f"{caller.caller_id}\0{division or ''}\0{checkpoint}".encode()
