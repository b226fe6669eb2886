"""May this batch be the next of its list? Pure: nothing is read, nothing is written.

Rules:

- Number 1 opens a list, each further number is one more; the batch names the digest of the one before.
- Its time is never before that of the one before, and not ahead of ours by more than clocks differ.
- A list is filled before it is changed: blocks come in batches that come before any group.
- Yellow and red have a reason of their own class, no other state has any. Every group names who ordered it. A
  correction names an earlier batch.
- What writes many places is signed by two keys.
- After the closing batch there is none.

Does not check what `BatchWire.read_batch` has: that indices ascend and none stands twice, that words may be published.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.changes import MAX_CLOCK_SKEW, BatchDigest, BatchRefusal, BatchRefused, ListHead, StatusBatch, Word
from gateway.status import words
from gateway.values import Instant, ReasonClass

_CLASSES: Final = {
    words.RED: frozenset(one for one in ReasonClass if one.name.startswith("RED_")),
    words.YELLOW: frozenset(one for one in ReasonClass if one.name.startswith("YELLOW_")),
}
"""Word -> the reasons of its own class."""


def check_order(batch: StatusBatch, head: ListHead | None) -> None:
    """Tell whether a batch comes next in its list, whose number is higher than what is held.

    1. a list that is there, or is opened by number 1; one that is not closed
    2. no gap, and the chain

    Raises: BatchRefused with UNKNOWN_LIST, LIST_CLOSED, NUMBER_GAP or BROKEN_CHAIN.
    """
    # 1
    if head is None:
        if batch.number != 1 or batch.capacity is None:
            raise BatchRefused(BatchRefusal.UNKNOWN_LIST, "number")
        return
    if head.closed:
        raise BatchRefused(BatchRefusal.LIST_CLOSED, "number", held=head.number)
    # 2
    if batch.number != head.number + 1:
        raise BatchRefused(BatchRefusal.NUMBER_GAP, "number", held=head.number)
    if batch.previous != head.digest:
        raise BatchRefused(BatchRefusal.BROKEN_CHAIN, "previous_digest", held=head.number)


def check_content(
    batch: StatusBatch,
    head: ListHead | None,
    at: Instant,
    *,
    keys: int,
    bulk_size: int,
    changed: bool,
) -> None:
    """Tell whether the next batch of a list says what it may say at `at`.

    `keys`: how many different keys signed it. `changed`: whether the list has had a group.

    1. its time
    2. where it writes
    3. who says so: two keys for many places
    4. the closing batch writes nothing
    5. blocks before groups
    6. each group's reason, authority and correction

    Raises: BatchRefused.
    """
    held = 0 if head is None else head.number
    capacity = head.capacity if head is not None else batch.capacity or 0
    # 1
    if batch.issued > at + MAX_CLOCK_SKEW:
        raise BatchRefused(BatchRefusal.IN_THE_FUTURE, "issue_time", held=held)
    if head is not None and batch.issued < head.issued:
        raise BatchRefused(BatchRefusal.TIME_GOES_BACK, "issue_time", held=held)
    # 2
    check_range(batch, capacity, held)
    # 3
    check_people(batch, keys, bulk_size, held)
    # 4
    if batch.closing and (batch.groups or batch.blocks or head is None):
        raise BatchRefused(BatchRefusal.MALFORMED, "closing", held=held)
    # 5
    if batch.blocks and (changed or batch.groups):
        raise BatchRefused(BatchRefusal.BLOCK_TOO_LATE, "blocks", held=held)
    # 6
    for place, group in enumerate(batch.groups):
        _check_reason(group.word, group.reason_class, f"groups[{place}].reason_class", held)
        if not group.authority.strip():
            raise BatchRefused(BatchRefusal.AUTHORITY_REQUIRED, f"groups[{place}].authority", held=held)
        if group.corrects is not None and not 1 <= group.corrects < batch.number:
            raise BatchRefused(BatchRefusal.CORRECTS_NOTHING, f"groups[{place}].corrects", held=held)


def check_people(batch: StatusBatch, keys: int, bulk_size: int, held: int = 0) -> None:
    """Tell whether enough people signed a batch. Raises: BatchRefused with SECOND_SIGNATURE_REQUIRED."""
    if keys < 2 and batch.changes > bulk_size:
        raise BatchRefused(BatchRefusal.SECOND_SIGNATURE_REQUIRED, "signatures", held=held)


def check_range(batch: StatusBatch, capacity: int, held: int = 0) -> None:
    """Tell whether all that a batch writes lies in a list of `capacity` places. Raises: BatchRefused."""
    for place, block in enumerate(batch.blocks):
        if block.first + 2 * len(block.words) > capacity:
            raise BatchRefused(BatchRefusal.INDEX_OUT_OF_RANGE, f"blocks[{place}]", held=held)
    for place, group in enumerate(batch.groups):
        if group.indices[-1] >= capacity:
            raise BatchRefused(BatchRefusal.INDEX_OUT_OF_RANGE, f"groups[{place}].indices", held=held)


def head_after(head: ListHead | None, batch: StatusBatch, digest: BatchDigest) -> ListHead:
    """Return how far a list is held once `batch`, whose order was checked, is."""
    if head is None:
        return ListHead(batch.name, batch.capacity or 0, batch.number, digest, batch.issued, opened=batch.issued)
    return replace(head, number=batch.number, digest=digest, issued=batch.issued, closed=batch.closing)


def _check_reason(word: Word, reason: ReasonClass | None, path: str, held: int) -> None:
    classes = _CLASSES.get(word)
    if classes is None:
        if reason is not None:
            raise BatchRefused(BatchRefusal.REASON_CONTRADICTS, path, held=held)
    elif reason is None:
        raise BatchRefused(BatchRefusal.REASON_REQUIRED, path, held=held)
    elif reason not in classes:
        raise BatchRefused(BatchRefusal.REASON_CONTRADICTS, path, held=held)
