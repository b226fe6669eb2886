"""A list whole, as it stands at one number: taken for others, and taken over from others.

Rules for taking over:

- Who serves a snapshot vouches for its content; the last batch in it is the list's own issuer's, under this very
  number, and is proven like any other. Nothing goes back: not the number, not the time, not a closed list.
- Under the number that is held the batch must be the very one that is held; the content is taken only if the own is not
  to be had or not believed.
- A word that no issuer may publish refuses it; if the last batch tells the list's digest, the content must have it.

Order, so that a crash loses nothing: the log goes on from the batch before the last, takes the last, then the file is
put in place. A list whose file did not get there is not whole after a restart: the snapshot is taken again.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Final, Self

from gateway.changes import (
    MAX_CAPACITY,
    MAX_CLOCK_SKEW,
    MAX_NUMBER,
    BatchDigest,
    BatchRefusal,
    BatchRefused,
    ListHead,
    SignedBatch,
    StateDigest,
    StatusBatch,
    StoreDegraded,
)
from gateway.held.layout import raw_bytes
from gateway.status.words import HOLE, PUBLISHED_BYTES
from gateway.store.change_log import ListRow, LoggedBatch, NumberTaken
from gateway.values import Instant

from .held_list import HeldList
from .means import Means

PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ListSnapshot:
    """A copy of a list. Close it, or use it in `with`: then its file is gone."""

    head: ListHead
    state_digest: StateDigest
    path: Path
    """The raw words, two places to a byte."""
    last: bytes = field(repr=False)
    """The batch of `head`, a SignedBatch, encoded."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Remove the copy."""
        self.close()

    def close(self) -> None:
        """Remove the copy."""
        self.path.unlink(missing_ok=True)


async def copy_list(held: HeldList, means: Means, folder: Path) -> tuple[ListHead, bytes, Path]:
    """Return a list's head, its last batch, and a copy of its words in `folder`. The list must stand still.

    Raises: BatchRefused with UNKNOWN_LIST, StoreDegraded.
    """
    head = held.head
    if head is None or not held.whole:
        raise BatchRefused(BatchRefusal.UNKNOWN_LIST)
    logged = await means.health.tried(means.log.read(held.name, head.number - 1, 1))
    if not logged or logged[0].number != head.number:
        raise StoreDegraded("the last batch of this list is not in the log")
    path = folder / f"snapshot-{token_hex(8)}.raw"
    file = held.file
    try:
        if file is None:
            await asyncio.to_thread(_write_nothing, path, head.capacity)
        else:
            await asyncio.to_thread(file.copy_to, path)
    except BaseException as failed:
        path.unlink(missing_ok=True)
        if isinstance(failed, OSError):
            raise StoreDegraded(f"snapshot: {failed.strerror}") from failed
        raise
    return head, logged[0].signed, path


def check_snapshot(head: ListHead, last: SignedBatch, batch: StatusBatch, held: ListHead | None, at: Instant) -> None:
    """Tell whether a snapshot may be taken over, as far as its head says. `batch` is what `last` says, proven.

    1. head and last batch say the same
    2. nothing goes back

    Raises: BatchRefused.
    """
    number = 0 if held is None else held.number
    # 1
    same = (
        batch.name == head.name
        and batch.number == head.number
        and batch.issued == head.issued
        and last.digest == head.digest
        and batch.closing == head.closed
        and (batch.capacity is None or batch.capacity == head.capacity)
    )
    bounded = 0 < head.number <= MAX_NUMBER and 0 < head.capacity <= MAX_CAPACITY and not head.capacity % 2
    if not same or not bounded or head.opened > head.issued:
        raise BatchRefused(BatchRefusal.MALFORMED, "last_batch", held=number)
    if batch.issued > at + MAX_CLOCK_SKEW:
        raise BatchRefused(BatchRefusal.IN_THE_FUTURE, "issue_time", held=number)
    # 2
    if held is None:
        return
    if head.number < held.number:
        raise BatchRefused(BatchRefusal.NUMBER_OLD, "number", held=number)
    if head.number == held.number and head.digest != held.digest:
        raise BatchRefused(BatchRefusal.NUMBER_TAKEN, "number", held=number)
    if held.closed and not head.closed:
        raise BatchRefused(BatchRefusal.LIST_CLOSED, "number", held=number)
    if head.issued < held.issued:
        raise BatchRefused(BatchRefusal.TIME_GOES_BACK, "issue_time", held=number)
    if head.capacity != held.capacity:
        raise BatchRefused(BatchRefusal.MALFORMED, "capacity", held=number)


def digest_of_file(raw: Path) -> StateDigest:
    """Return the digest of a raw file. Blocks. Raises: OSError."""
    digest = sha256()
    with raw.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return StateDigest(digest.digest())


def check_words(raw: Path, capacity: int, said: StateDigest | None) -> None:
    """Tell whether a raw file is a list of `capacity` places. Blocks.

    Raises: BatchRefused with MALFORMED or DIGEST_MISMATCH, OSError.
    """
    digest = sha256()
    with raw.open("rb") as file:
        if os.fstat(file.fileno()).st_size != raw_bytes(capacity):
            raise BatchRefused(BatchRefusal.MALFORMED, "block")
        while piece := file.read(PIECE_BYTES):
            if piece.translate(None, PUBLISHED_BYTES):
                raise BatchRefused(BatchRefusal.MALFORMED, "block")
            digest.update(piece)
    if said is not None and said != digest.digest():
        raise BatchRefused(BatchRefusal.DIGEST_MISMATCH, "state_digest")


async def take_over(
    held: HeldList, means: Means, head: ListHead, raw: Path, last: SignedBatch, batch: StatusBatch, at: Instant
) -> bool:
    """Let a list go on from a snapshot, whose head was checked. Return whether anything changed.

    1. nothing to do for what is held and whole
    2. the content
    3. room, if it is a new list
    4. the log
    5. the file, and what the log holds above the snapshot

    Raises: BatchRefused, StoreDegraded. Nothing changes if it is refused.
    """
    before = held.head
    check_snapshot(head, last, batch, before if held.whole or before is None else _as_far_as_known(before, head), at)
    # 1
    if before is not None and held.whole and head.number == before.number:
        return False
    # 2
    if not head.closed:
        try:
            await asyncio.to_thread(check_words, raw, head.capacity, batch.state_digest)
        except OSError as failed:
            raise StoreDegraded(f"snapshot: {failed.strerror}") from failed
    # 3
    if before is None and not means.room.fits(head.name.issuer, head.capacity):
        raise BatchRefused(BatchRefusal.TOO_MANY_LISTS, "capacity")
    # 4
    row = await _log_goes_on(held, means, head, last, batch, at)
    # 5
    await held.replace(row, head, raw)
    means.subscriptions.tell_of_jump()
    means.observer.list_adopted(head.name, head.number)
    return True


def _as_far_as_known(before: ListHead, head: ListHead) -> ListHead | None:
    """Return what a snapshot must not go back behind, of a list that is not whole.

    The log may be ahead of every snapshot: then what it holds above is written after. Whether it does is seen there.
    """
    return before if head.number >= before.number else None


async def _log_goes_on(
    held: HeldList, means: Means, head: ListHead, last: SignedBatch, batch: StatusBatch, at: Instant
) -> ListRow:
    """Let the log hold the snapshot's last batch, and return the list's row.

    1. the log holds it already
    2. the log ends before it: it goes on from the batch before; from here on the list needs the snapshot

    Raises: BatchRefused, StoreDegraded.
    """
    log, tried, name = means.log, means.health.tried, head.name
    row = next((one for one in await tried(log.lists()) if one.name == name), None)
    # 1
    if row is not None and row.last >= head.number:
        if head.number <= row.base or head.capacity != row.capacity:
            raise BatchRefused(BatchRefusal.NUMBER_OLD, "number", held=row.last)
        logged = await tried(log.read(name, head.number - 1, 1))
        if not logged or logged[0].digest != head.digest:
            raise BatchRefused(BatchRefusal.NUMBER_TAKEN, "number", held=row.last)
        return row
    # 2
    one = LoggedBatch(
        name,
        head.number,
        head.digest,
        means.wire.write_signed(last),
        batch.issued,
        at,
        batch.capacity,
        batch.closing,
    )
    try:
        if head.number > 1 and (row is None or row.last < head.number - 1):
            opened = head.opened if row is None else row.opened
            issued = head.opened if row is None else row.issued
            previous = batch.previous or BatchDigest(b"")
            number = head.number - 1
            row = ListRow(name, head.capacity, opened, number, number, previous, issued)
            await tried(log.rebase(row))
            held.fall_behind(row, tell=False)
        await tried(log.append((one,)))
    except NumberTaken as taken:
        raise BatchRefused(BatchRefusal.NUMBER_TAKEN, "number", held=0 if row is None else row.last) from taken
    return next(found for found in await tried(log.lists()) if found.name == name)


def _write_nothing(path: Path, capacity: int) -> None:
    """Write a list in which every place reads unknown. Raises: OSError."""
    with path.open("xb") as file:
        left, piece = raw_bytes(capacity), bytes((HOLE,)) * PIECE_BYTES
        while left > 0:
            left -= file.write(piece[:left])
