"""Whether the clock was set: how old a list is, and whether a code has ended, is judged by it.

Rules:

- The wall clock is compared with the monotonic one, which nobody sets, each second over the last minute: a jump is told
  whether it was made at once or in steps, and once. A clock that is slewed (half a thousandth at most) makes none.
- Both are read within one moment; a reading that was interrupted in between says nothing.
- A machine that was asleep wakes to a jump forward: what is held has aged meanwhile.
- Nothing is corrected here. After a jump back what was heard before is from the future, and out of date.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

from gateway.values import Instant

LOOK_S: Final = 1.0
"""Seconds between two looks."""

JUMP_S: Final = 2.0
"""Seconds by which the clocks must disagree: a leap second is none."""

_LOOKS: Final = 60
_MOMENT_S: Final = 0.1
"""Seconds that a reading of both clocks may take."""


class ClockObserver(Protocol):
    """Is told of jumps. Must neither raise nor wait."""

    def clock_jumped(self, seconds: float) -> None:
        """Take note that the clock was set by so many seconds: forward, or back if negative."""
        ...


class ClockWatch:
    """Looks at the clock again and again. Make, start and stop it in the same event loop."""

    def __init__(
        self, clock: Callable[[], Instant], observer: ClockObserver, steady: Callable[[], float] = monotonic
    ) -> None:
        """Take the clock to be watched, who is told, and a clock that nobody sets."""
        self._clock = clock
        self._observer = observer
        self._steady = steady
        self._ahead: deque[float] = deque(maxlen=_LOOKS)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin. Called again, it does nothing."""
        if self._task is None:
            self.look()
            self._task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """End now. Called again, it does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> float:
        """Return by how many seconds the clock was set since the looks of the last minute; 0.0 if it was not.

        A jump is told to the observer, and the next looks are compared with this one.
        """
        before, at, after = self._steady(), self._clock(), self._steady()
        if after - before > _MOMENT_S:
            return 0.0
        ahead = at - after
        jump = ahead - self._ahead[0] if self._ahead else 0.0
        if abs(jump) <= JUMP_S:
            self._ahead.append(ahead)
            return 0.0
        self._ahead.clear()
        self._ahead.append(ahead)
        self._observer.clock_jumped(jump)
        return jump
