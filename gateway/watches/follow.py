"""The tasks that keep watches up to date: following the ledger, judging what was touched, looking at the clock.

- Batches that were missed, and a list that was taken over whole, let every code be judged anew.
- A fault of ours in one of the tasks ends none of them. What the fault may have swallowed is made up for: every code is
  judged anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from gateway.publishing.subscriptions import Applied, Lagged

from .observer import NobodyObserves, WatchObserver
from .watches import Watches

LOOK_S: Final = 0.5
"""Seconds between two looks at the clock."""

AGAIN_S: Final = 1.0
"""Seconds after a fault until a task goes on."""


class Subscription(Protocol):
    """What the ledger applies from now on. See gateway.publishing.subscriptions."""

    def __aiter__(self) -> Subscription: ...

    async def __anext__(self) -> Applied | Lagged: ...

    def close(self) -> None:
        """Hear of nothing more."""
        ...


class WatchTasks:
    """Keeps watches up to date. Make, start and stop it in the same event loop."""

    def __init__(
        self, watches: Watches, subscribe: Callable[[], Subscription], observer: WatchObserver | None = None
    ) -> None:
        """Take the watches, and how to follow what the ledger applies."""
        self._watches = watches
        self._subscribe = subscribe
        self._observer = observer or NobodyObserves()
        self._first: Subscription | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Begin. Called again, it does nothing."""
        if not self._tasks:
            self._first = self._subscribe()  # now: nothing is missed until the task takes its first step
            self._tasks = tuple(
                asyncio.create_task(self._in_spite_of_faults(work)) for work in (self.follow, self.judge, self.look)
            )

    async def stop(self) -> None:
        """End now. Called again, it does nothing."""
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._first is not None:
            self._first.close()
            self._first = None

    async def follow(self) -> None:
        """Follow the ledger until it is closed. Each batch touches the codes at its places; others have their turn."""
        following, self._first = self._first or self._subscribe(), None
        try:
            async for event in following:
                if isinstance(event, Applied):
                    self._watches.applied(event.batch)
                else:
                    self._watches.judge_again()
                await asyncio.sleep(0)
        finally:
            following.close()

    async def judge(self) -> None:
        """Judge what is touched, whenever it is."""
        while True:
            await self._watches.work.wait()
            await self._watches.judge_touched()

    async def look(self) -> None:
        """Look at the clock, again and again."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._watches.sweep()

    async def _in_spite_of_faults(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception as failure:  # noqa: BLE001 see the rules
                self._observer.judging_failed(failure)
                await asyncio.sleep(AGAIN_S)
                self._watches.judge_again()  # `follow` subscribes before anybody else has a turn
            else:
                return
