"""The one thread that waits for the disk: what it is given is done in order, beside the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class DiskThread:
    """Does one thing after the other. A daemon: a disk that hangs must not keep the process from ending."""

    def __init__(self, name: str) -> None:
        """Name it. It starts when it is first given something."""
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = False

    def do(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Have `work` done; the future has what it returned or raised. Who stops waiting does not stop it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(settle_with: Callable[[Any], None], outcome: object) -> None:
            if not future.done():
                settle_with(outcome)

        def run() -> None:
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001 handed to who asked; the thread lives on
                told, outcome = future.set_exception, raised
            else:
                told, outcome = future.set_result, result  # type: ignore[assignment]
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(settle, told, outcome)

        self._queue.put(run)
        if not self._started:
            self._started = True
            self._thread.start()
        return future

    async def end(self, within_s: float) -> bool:
        """Do what was asked for, and end; tell whether that was so in time."""
        self._queue.put(None)
        if not self._started:
            return True
        await asyncio.to_thread(self._thread.join, within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (run := self._queue.get()) is not None:
            run()
