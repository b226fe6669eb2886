"""What is done for all lists now and then: checkpoints, forgetting old batches, trying a store that failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Final

from gateway.changes import ListName, StoreDegraded
from gateway.values import Instant

from .lane import Lane
from .means import Means

MOST_PAUSE_S: Final = 0.5
"""Between the checkpoints of two lists."""


class Upkeep:
    """The upkeep of one ledger; one thing at a time."""

    def __init__(self, means: Means, lane_of: Callable[[ListName], Lane], lanes: Mapping[ListName, Lane]) -> None:
        """Look after `lanes`; `lane_of` makes one that is not there yet."""
        self._means = means
        self._lane_of = lane_of
        self._lanes = lanes
        self._busy = asyncio.Lock()
        self._hurried = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pruned: Instant | None = None

    async def probe(self) -> None:
        """While the store is degraded, try whether it works again; then hold what it holds. Raises nothing."""
        if self._means.health.degraded and not self._busy.locked():
            with suppress(StoreDegraded):
                await self._to_its_end(self._probe())

    async def checkpoint(self) -> None:
        """Do what `Ledger.checkpoint` says, to its end even if the caller goes away. Raises: StoreDegraded."""
        if not self._means.health.degraded and not self._busy.locked():
            await self._to_its_end(self._checkpoint())

    async def ended(self) -> None:
        """Return when nothing is under way, and take no pauses from now on."""
        self._hurried.set()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def _breathe(self, seconds: float) -> None:
        """Leave the disk to batches for as long as a list took it: they wait for fsyncs of their own.

        Not while so much has changed that a restart would take long, nor at the end.
        """
        if self._means.unsaved < self._means.settings.checkpoint_changes:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), min(seconds, MOST_PAUSE_S))

    async def _to_its_end(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._has_ended)
        await asyncio.shield(task)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it

    async def _probe(self) -> None:
        async with self._busy:
            await self._means.log.check()
            await self._compare_with_log()
            self._means.health.well()

    async def _checkpoint(self) -> None:
        means = self._means
        async with self._busy:
            loop = asyncio.get_running_loop()
            begun, unsaved = loop.time(), means.unsaved
            means.due.clear()
            await self._compare_with_log()
            written = 0
            for lane in tuple(self._lanes.values()):
                means.health.refuse()
                started = loop.time()
                if await lane.held.checkpoint():
                    written += 1
                    await self._breathe(loop.time() - started)
            means.unsaved -= unsaved
            await self._prune()
            means.observer.checkpoint_done(loop.time() - begun, written)

    async def _compare_with_log(self) -> None:
        """Apply what the log holds and the lists do not, and mend what is broken. Raises: StoreDegraded."""
        means = self._means
        for row in await means.health.tried(means.log.lists()):
            lane = self._lane_of(row.name)
            held = lane.held
            if not held.whole:
                continue
            if row.base > held.number:
                held.fall_behind(row)  # another process took a snapshot over
                continue
            held.base = max(held.base, row.base)
            if row.last > held.number or held.needs_mending:
                await lane.alone(held.catch_up)

    async def _prune(self) -> None:
        means, now = self._means, self._means.clock()
        if self._pruned is not None and 0 <= now - self._pruned < means.settings.prune_s:
            return
        self._pruned = now
        for name, lane in tuple(self._lanes.items()):
            held = lane.held
            if held.head is None or not held.whole:
                continue
            # The last one is kept: a snapshot carries it.
            up_to = held.number if held.file is None else held.file.checkpointed
            up_to = min(up_to, held.number - 1)
            if up_to > held.base:
                before = Instant(now - means.settings.keep_s)
                held.base += await means.health.tried(means.log.prune(name, up_to, before))
