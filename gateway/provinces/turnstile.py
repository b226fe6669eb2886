"""So many questions to one province at a time; others wait in a line, or are turned away.

- First come, first served. A place that becomes free goes to the first in the line, never to a newcomer.
- Turned away at once: whoever would wait longer than her time, judged by how long questions take of late, and whoever
  finds `MOST_WAITING` or four times the places before her.
- A waiter who is cancelled, or whose patience ends, leaves no place taken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MOST_WAITING: Final = 512
"""A whole batch may wait; its items have the same time, so the line is kept short by that."""

_MEMORY: Final = 0.2
"""What the newest question counts for in how long they take."""


class Turnstile:
    """The places of one lane. For one event loop."""

    __slots__ = ("_free", "_line", "_most", "_places", "_takes")

    def __init__(self, places: int) -> None:
        """Let `places` in at a time."""
        self._places = places
        self._free = places
        self._most = max(MOST_WAITING, 4 * places)
        self._line: deque[asyncio.Future[None]] = deque()
        self._takes = 0.0

    @property
    def inside(self) -> int:
        """How many have a place."""
        return self._places - self._free

    @property
    def waiting(self) -> int:
        """How many stand in the line."""
        return len(self._line)

    async def enter(self, *, time_left: float, patience: float) -> bool:
        """Return True with a place, which `leave` gives back, or False without one.

        `time_left`: seconds within which the line must be expected to end, or it is not joined. `patience`: seconds
        to wait in it.
        """
        if self._free:
            self._free -= 1
            return True
        if len(self._line) >= self._most or self._wait_for(len(self._line) + 1) > time_left:
            return False
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        try:
            await asyncio.wait((place,), timeout=patience)
        except asyncio.CancelledError:
            if place.done():
                self._next()
            else:
                self._line.remove(place)
            raise
        if place.done():
            return True
        self._line.remove(place)
        return False

    def leave(self, took: float | None) -> None:
        """Give the place back after `took` seconds with the province; None: it was not asked."""
        if took is not None:
            self._takes = took if not self._takes else self._takes + _MEMORY * (took - self._takes)
        self._next()

    def _next(self) -> None:
        if self._line:
            self._line.popleft().set_result(None)
        else:
            self._free += 1

    def _wait_for(self, rank: int) -> float:
        return rank * self._takes / self._places
