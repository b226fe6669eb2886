"""The guard: the memory of this machine, and that of all nodes where there is one. The stricter of the two counts.

Rules:

- Every showing is recorded here first; that costs microseconds and waits for nobody.
- What is suspected here is suspected: nobody else is asked. Anything else is asked of Redis too, within a budget.
- What another node saw first is noted here as that: should Redis go away, it is suspected at every gate of this one; as
  long as it is there, it knows the one gate that is not.
- Redis that is slow or away changes nothing here: this machine decides, and the answer says that it was alone.
- What cannot be recorded is UNCHECKED, never let through; so is any fault of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol

from gateway.values import Instant, Passage

from .observer import NOBODY_WATCHES, ReplayObserver
from .showing import Recorded, Seen, Showing, Unchecked

TEND_S: Final = 5.0
"""Seconds between two looks at whether a generation is to be dropped."""

_UNUSABLE: Final = Recorded(Seen.UNCHECKED, None, Unchecked.UNUSABLE)


class Guarded(NamedTuple):
    """What the guard says of a showing."""

    seen: Seen
    here_only: bool = False
    """Whether there are other nodes that could not be asked."""
    passage: Passage | None = None


class RemembersHere(Protocol):
    """The memory of this machine."""

    @property
    def held(self) -> int:
        """Showings that are held."""
        ...

    @property
    def capacity(self) -> int:
        """Showings that there is room for."""
        ...

    def show(self, showing: Showing, *, passage: bool = False) -> Recorded:
        """Record a showing and return what it is. Raises: OSError."""
        ...

    def disown(self, showing: Showing) -> None:
        """Take note that a showing was not the first of all. Raises: OSError."""
        ...

    def tend(self, at: Instant) -> None:
        """Drop what is old. Raises: OSError."""
        ...


class RemembersEverywhere(Protocol):
    """The memory of all nodes."""

    def ask(self, showing: Showing) -> Awaitable[Seen | None] | None:
        """Record a showing and return what it is, within the budget.

        None, at once or later: it is not known, and what was recorded here will be told it afterwards.
        """
        ...

    def start(self) -> None:
        """Begin to connect. Call it in the event loop."""
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...


class ReplayGuard:
    """Guards the codes that are shown to one process. For one event loop; `close` ends it."""

    def __init__(
        self,
        here: RemembersHere,
        everywhere: RemembersEverywhere | None = None,
        observer: ReplayObserver | None = None,
        *,
        clock: Callable[[], Instant],
    ) -> None:
        self.here = here
        self.everywhere = everywhere
        self._observer = observer or NOBODY_WATCHES
        self._clock = clock
        self._tending: asyncio.Task[None] | None = None

    @property
    def asks_others(self) -> bool:
        """Whether there are other nodes: then an answer may have to wait."""
        return self.everywhere is not None

    def show(self, showing: Showing, *, passage: bool = False) -> Guarded | Awaitable[Guarded]:
        """Record a showing and return what it is; awaitable only where others are asked. Never raises.

        `passage`: whether a receipt is wanted, which is to be the same for the same passage.

        1. Here.
        2. Everywhere, unless that could change nothing.
        """
        # 1
        try:
            here = self.here.show(showing, passage=passage)
        except Exception as failure:  # noqa: BLE001 a guard that fails lets nobody through, and stops nobody's answer
            self._observer.failed(failure)
            here = _UNUSABLE
        # 2
        everywhere = self.everywhere
        if everywhere is None or (here.seen is Seen.SUSPECTED and not here.elsewhere):
            return self._told(here, here_only=False)
        asked = everywhere.ask(showing)
        return self._told(here, here_only=True) if asked is None else self._both(showing, here, asked)

    def start(self) -> None:
        """Begin to drop what is old, and to connect. Call it in the event loop."""
        self._tending = asyncio.create_task(self._tend())
        if self.everywhere is not None:
            self.everywhere.start()

    async def close(self) -> None:
        """Ask nobody any more. What is remembered here stays with the memory."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait([self._tending])
            self._tending = None
        if self.everywhere is not None:
            await self.everywhere.close()

    async def _both(self, showing: Showing, here: Recorded, asked: Awaitable[Seen | None]) -> Guarded:
        """Return the stricter of what is known here and there.

        1. There is nothing known: here counts.
        2. It is not the first of all: its gate has no claim to it here either.
        3. Another node's first showing: whether this is its gate, only all together know.
        """
        there = await asked
        # 1
        if there is None:
            return self._told(here, here_only=True)
        # 2
        if there is Seen.SUSPECTED:
            if not here.elsewhere:
                self._disown(showing)
            return self._told(Recorded(there, None, here.why), here_only=False)
        # 3
        if here.elsewhere and there is Seen.SAME_PASSAGE:
            return self._told(Recorded(there), here_only=False)
        seen = max(here.seen, there)
        return self._told(Recorded(seen, here.passage, here.why), here_only=False)

    def _disown(self, showing: Showing) -> None:
        try:
            self.here.disown(showing)
        except Exception as failure:  # noqa: BLE001 the answer is known, and stands
            self._observer.failed(failure)

    def _told(self, found: Recorded, *, here_only: bool) -> Guarded:
        self._observer.shown(found.seen, found.why, here_only=here_only)
        return Guarded(found.seen, here_only, found.passage)

    async def _tend(self) -> None:
        while True:
            try:
                self.here.tend(self._clock())
            except Exception as failure:  # noqa: BLE001 one that fails must not be the last one
                self._observer.failed(failure)
            await asyncio.sleep(TEND_S)
