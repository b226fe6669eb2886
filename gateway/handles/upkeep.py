"""Looks after the keys again and again, in a thread, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.values import Instant

from .current import Handles
from .observer import HandleObserver

LOOK_S: Final = 5.0
"""Seconds between two looks: as long a destroyed key may still be used, and a clock that jumped goes without one."""


class Upkeep:
    """The looks of one process. Start and stop it in the same event loop."""

    def __init__(
        self, handles: Handles, clock: Callable[[], Instant], observer: HandleObserver, *, every_s: float = LOOK_S
    ) -> None:
        self._handles = handles
        self._observer = observer
        self._clock = clock
        self._every_s = every_s
        self._looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._look_again_and_again())

    async def look(self) -> None:
        """Look now."""
        async with self._looking:
            await asyncio.to_thread(self._handles.look, self._clock())

    async def stop(self) -> None:
        """End. In bounded time: a look that waits for a disk is left to itself."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            # Gathered: to suppress its cancellation would be to swallow one of our own, which a second signal is.
            await asyncio.gather(task, return_exceptions=True)

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.look()
            except Exception as failure:  # noqa: BLE001 one look that fails must not be the last one
                self._observer.look_failed(failure)
