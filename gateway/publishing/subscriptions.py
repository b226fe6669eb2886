"""Who wants to hear of each batch as soon as it is visible.

Rules:

- A list's batches come in order, each once, from the moment of subscribing on.
- Nobody is waited for: what a subscriber does not take in time is dropped, and in its place she finds `Lagged`. Then
  she reads what she needs from the log, and drops what comes again with a number that she has.
- `Lagged` also comes when a list was taken over from a snapshot: its words changed without a batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Self

from gateway.changes import ListName, StatusBatch

from .observer import LedgerObserver


@dataclass(frozen=True, slots=True)
class Applied:
    """A batch that every worker can see."""

    name: ListName
    number: int
    signed: bytes = field(repr=False)
    """A SignedBatch, encoded."""
    batch: StatusBatch


@dataclass(frozen=True, slots=True)
class Lagged:
    """Batches, or a whole list, went by: read the log, look at everything anew."""


class Subscription:
    """An asynchronous iterator of what happens. For one reader; close it, or use it in `with`."""

    def __init__(self, owner: Subscriptions, most_batches: int, most_bytes: int) -> None:
        """Hold at most so much for a reader who is slow."""
        self._owner = owner
        self._most_batches = most_batches
        self._most_bytes = most_bytes
        self._waiting: deque[Applied | Lagged] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Applied | Lagged:
        """Return the next event; ends once it is closed and all was taken."""
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        event = self._waiting.popleft()
        if isinstance(event, Applied):
            self._bytes -= len(event.signed)
        return event

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Hear of nothing more."""
        self._closed = True
        self._owner.forget(self)
        self._news.set()

    def put(self, event: Applied) -> bool:
        """Let the reader hear of a batch. Tell whether she kept up."""
        if len(self._waiting) >= self._most_batches or self._bytes + len(event.signed) > self._most_bytes:
            self.lag()
            return False
        self._waiting.append(event)
        self._bytes += len(event.signed)
        self._news.set()
        return True

    def lag(self) -> None:
        """Drop what waits, and let the reader hear of that."""
        self._waiting.clear()
        self._waiting.append(Lagged())
        self._bytes = 0
        self._news.set()


class Subscriptions:
    """All subscribers of one ledger."""

    def __init__(self, most_batches: int, most_bytes: int, observer: LedgerObserver) -> None:
        """Bound what waits for each."""
        self._most_batches = most_batches
        self._most_bytes = most_bytes
        self._observer = observer
        self._all: set[Subscription] = set()

    def open(self) -> Subscription:
        """Return a new subscription."""
        made = Subscription(self, self._most_batches, self._most_bytes)
        self._all.add(made)
        return made

    def forget(self, one: Subscription) -> None:
        """Tell this one nothing any more."""
        self._all.discard(one)

    def tell(self, event: Applied) -> None:
        """Tell all of a batch."""
        for one in self._all:
            if not one.put(event):
                self._observer.subscriber_lagged()

    def tell_of_jump(self) -> None:
        """Tell all that a list is another one now, without a batch that says how."""
        for one in self._all:
            one.lag()

    def close(self) -> None:
        """End all of them."""
        for one in tuple(self._all):
            one.close()
