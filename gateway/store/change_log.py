"""What must survive, as the rest of the gateway sees it: the log of signed batches of all lists.

Rules, held by every implementation and by one contract test suite:

- What `append` has returned from survives a power cut. What it raised `NumberTaken` for is not in the log, in no part.
- What it raised `StoreDegraded` for is not in the log either, with one exception that nothing can rule out: if the
  power, or the way to the database, fails in the middle of a commit, it may stand there afterwards, whole. The log
  tells: its row says so after a restart, and `changed` names the list if the process lived on. The same batch sent
  again is then answered `NumberTaken`, and the log holds its very bytes.
- A list's numbers have no gap and no second batch; two nodes that append the same number at one time: one of them is
  told `NumberTaken`. Nothing is appended to a list that is closed: `NumberTaken`.
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

        Concurrent calls share one commit where the store can (group commit). Who is cancelled while she waits does not
        take it back.

        Raises: NumberTaken, StoreDegraded; ValueError if batch 1 has no capacity, or another one has.
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

        Raises: NumberTaken if the log holds more of the list than that, another batch under that number, or a closed
        list that would be open again: nothing goes back. StoreDegraded.
        """
        ...

    async def prune(self, name: ListName, keep_after: int, received_before: Instant) -> int:
        """Forget batches up to `keep_after` that were received before an instant. Return how many. The row stays.

        None is forgotten behind one that is kept: `base` goes up, and the batches above it have no gap.
        """
        ...

    async def forget(self, name: ListName) -> None:
        """Drop all batches of a list. Its row stays, closed: its address is never opened again from number 1."""
        ...

    def changed(self) -> AsyncIterator[ListName]:
        """Yield lists to which another node has appended, until closed. One that nobody else writes yields nothing.

        A list may be named without need: after a connection to a database was lost, all of them are.
        """
        ...

    async def check(self) -> None:
        """Return if the store can be written now."""
        ...

    async def close(self) -> None:
        """End, in bounded time. What was acknowledged stays."""
        ...
