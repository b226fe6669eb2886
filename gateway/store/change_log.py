"""What must survive, as the rest of the gateway sees it: the log of signed batches of all lists.

Rules, held by every implementation and by one contract test suite:

- What `append` has returned from survives a power cut. What it raised for is not in the log, in no part.
- A list's numbers have no gap and no second batch; two nodes that append the same number at one time: one of them is
  told `NumberTaken`.
- Nothing here checks a signature or reads a batch: bytes in, the same bytes out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.changes import BatchDigest, ListName
from gateway.values import Instant


class NumberTaken(Exception):
    """Another node has appended this number, or the number before it is not in the log."""

    def __init__(self, name: ListName, number: int) -> None:
        super().__init__(f"number {number}")
        self.name = name
        self.number = number


@dataclass(frozen=True, slots=True)
class LoggedBatch:
    """One batch as it is kept."""

    name: ListName
    number: int
    digest: BatchDigest
    signed: bytes = field(repr=False)
    """A SignedBatch, encoded by its owner."""
    issued: Instant
    received: Instant
    capacity: int | None = None
    """Of a list that this batch opens."""
    closing: bool = False


@dataclass(frozen=True, slots=True)
class ListRow:
    """One list of the log."""

    name: ListName
    capacity: int
    opened: Instant
    base: int
    """Batches up to this number are not in the log: what they did stands in the list's file."""
    last: int
    """The highest number, `base` if there is none above it."""
    digest: BatchDigest
    """Of batch `last`."""
    issued: Instant
    """Of batch `last`."""
    closed: bool = False


class ChangeLog(Protocol):
    """The log. Use from one event loop. All methods raise StoreDegraded if the store cannot be read or written now."""

    async def append(self, batches: Sequence[LoggedBatch]) -> None:
        """Put all of them into the log, durably, or none. Each list's numbers go on where its row ends.

        Concurrent calls share one commit where the store can (group commit).

        Raises: NumberTaken, StoreDegraded.
        """
        ...

    async def lists(self) -> Sequence[ListRow]:
        """Return every list of the log."""
        ...

    async def read(self, name: ListName, after: int, most_bytes: int) -> Sequence[LoggedBatch]:
        """Return the batches above `after` in order: at least one if there is any, else up to `most_bytes` of them."""
        ...

    async def rebase(self, row: ListRow) -> None:
        """Let a list begin anew at `row`, whose `base` and `last` are equal: a snapshot was taken over.

        Raises: NumberTaken if the log holds more of the list than that: nothing goes back.
        """
        ...

    async def prune(self, name: ListName, keep_after: int, received_before: Instant) -> int:
        """Forget batches up to `keep_after` that were received before an instant. Return how many. The row stays."""
        ...

    async def forget(self, name: ListName) -> None:
        """Drop a list and all of its batches."""
        ...

    async def changed(self) -> AsyncIterator[ListName]:
        """Yield lists to which another node has appended, until closed. One that nobody else writes yields nothing."""
        ...
        yield  # pragma: no cover

    async def check(self) -> None:
        """Return if the store can be written now."""
        ...

    async def close(self) -> None:
        """End, in bounded time. What was acknowledged stays."""
        ...
