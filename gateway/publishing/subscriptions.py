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

    @property
    def size(self) -> int:
        """How many bytes it takes while it waits: a block of 4 MiB is signed as some KiB."""
        blocks, groups = self.batch.blocks, self.batch.groups
        inflated = sum(len(block.words) for block in blocks) + sum(len(group.indices) for group in groups) * 4
        return len(self.signed) + inflated


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
        self._waiting: deque[tuple[Applied | Lagged, int]] = deque()
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
        event, size = self._waiting.popleft()
        self._bytes -= size
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

    def put(self, event: Applied, size: int) -> bool:
        """Let the reader hear of a batch that takes `size` bytes. Tell whether she kept up."""
        if len(self._waiting) >= self._most_batches or self._bytes + size > self._most_bytes:
            self.lag()
            return False
        self._waiting.append((event, size))
        self._bytes += size
        self._news.set()
        return True

    def lag(self) -> None:
        """Drop what waits, and let the reader hear of that."""
        self._waiting.clear()
        self._waiting.append((Lagged(), 0))
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
        size = event.size
        for one in self._all:
            if not one.put(event, size):
                self._observer.subscriber_lagged()

    def tell_of_jump(self) -> None:
        """Tell all that a list is another one now, without a batch that says how."""
        for one in self._all:
            one.lag()

    def close(self) -> None:
        """End all of them."""
        for one in tuple(self._all):
            one.close()
