"""Which calls are running, so that a drain waits for all of them.

The server's own `stop` forgets a call once its status is sent: a handler that aborted and is still cleaning up is then
cut off in the middle (grpc issue 37239). A call stands here from its first step to its last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class RunningCalls:
    """The tasks of all running calls of one server. Use from its event loop only."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], bool] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    def __len__(self) -> int:
        return len(self._tasks)

    @contextmanager
    def entered(self, *, long: bool) -> Iterator[None]:
        """Count the current task as a running call; a `long` one is ended early by a drain."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call runs in a task")
        self._tasks[task] = long
        self._idle.clear()
        try:
            yield
        finally:
            del self._tasks[task]
            if not self._tasks:
                self._idle.set()

    def ends(self, *, long: bool) -> bool:
        """Tell whether a drain ends calls of this kind early."""
        return long and self.draining

    def end_long_calls(self) -> None:
        """Tell streams to end now: their tasks are cancelled, which the error shield turns into UNAVAILABLE."""
        self.draining = True
        for task, long in tuple(self._tasks.items()):
            if long:
                task.cancel()

    async def wait_until_idle(self, timeout_s: float) -> bool:
        """Return whether no call is running any more, after at most `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def cancel(self) -> int:
        """Cancel what is still running; return how many calls that were."""
        for task in tuple(self._tasks):
            task.cancel()
        return len(self._tasks)
