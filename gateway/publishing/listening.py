"""Hearing of what other processes put into the log, and applying it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from gateway.changes import ListName, StoreDegraded

from .lane import Lane
from .means import Means

LISTEN_AGAIN_S: Final = 1.0
"""Before the log is listened to again after that failed."""


async def listen(means: Means, lane_of: Callable[[ListName], Lane]) -> None:
    """Bring each list up to the log as soon as the log tells, lists side by side. Runs until it is cancelled."""
    reading: dict[ListName, asyncio.Task[None]] = {}
    begun: set[asyncio.Task[None]] = set()
    try:
        while True:
            try:
                async with aclosing(means.log.changed()) as changed:  # type: ignore[type-var]
                    async for name in changed:
                        if name not in reading:
                            task = asyncio.create_task(_catch_up(means, lane_of, name, reading))
                            reading[name] = task
                            begun.add(task)
                            task.add_done_callback(begun.discard)
            except StoreDegraded as failed:
                means.health.failed(str(failed))
            except Exception as failed:  # noqa: BLE001 a bug must not end the listening
                means.observer.ledger_failed(failed)
            await asyncio.sleep(LISTEN_AGAIN_S)
    finally:
        for task in begun:
            task.cancel()


async def _catch_up(
    means: Means,
    lane_of: Callable[[ListName], Lane],
    name: ListName,
    reading: dict[ListName, asyncio.Task[None]],
) -> None:
    """Read a list's batches and apply them. From when it begins to read, whatever is told needs another look."""
    # Looked up here and not before: a lane that nobody uses is forgotten.
    lane = lane_of(name)

    async def caught_up() -> None:
        reading.pop(name, None)
        await lane.held.catch_up()

    try:
        await lane.alone(caught_up)
    except StoreDegraded:
        pass  # it is declared, and the next probe catches up
    except Exception as failed:  # noqa: BLE001 a bug must not pass unseen
        means.observer.ledger_failed(failed)
