"""How long the running call may still take: set by the edge, read where somebody else is asked.

Rules:

- What is left of the caller's time is not all for asking: `RESERVE_S` of it is kept to answer with.
- A call without a deadline (a stream) leaves each item `UNLIMITED_S`.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Final

RESERVE_S: Final = 0.05
"""Seconds kept back, so that the caller gets our MANUAL and not her own time-out."""

UNLIMITED_S: Final = 3.0
"""Seconds for one item of a call that has no deadline of its own."""

_ends: ContextVar[float] = ContextVar("ends")


def enter(seconds: float) -> None:
    """Give the running call `seconds` from now."""
    _ends.set(asyncio.get_running_loop().time() + seconds)


def time_left() -> float:
    """Return the seconds that asking somebody else may take, never negative."""
    ends = _ends.get(None)
    if ends is None:
        return UNLIMITED_S
    return max(0.0, ends - asyncio.get_running_loop().time() - RESERVE_S)
