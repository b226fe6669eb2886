"""Reading the log again: what it holds above a file's checkpoint, brought into the file.

Only the last word of each place is written, so that no reader, who may be looking, ever sees an older one come back.
What cannot be brought down to last words (blocks, or too many) is written while the list is hidden.
"""

from __future__ import annotations

from typing import Final

from gateway.changes import BatchRefused, ListHead, ListName, StatusBatch
from gateway.held.list_files import WritableList
from gateway.store.change_log import LoggedBatch

from .check import check_order, check_range, head_after
from .means import Means
from .settings import READ_BYTES

MOST_FINAL: Final = 1 << 20
"""Last words that are gathered: 100 MB of memory."""


class Unfit(Exception):
    """What stands in the log is not the next batch of this list."""


def fitting(means: Means, one: LoggedBatch, head: ListHead | None) -> StatusBatch:
    """Return the batch in the log if it comes next after `head`. Raises: Unfit.

    Its signatures are not looked at: whoever appended it has, and its keys may have run out since.
    """
    try:
        signed = means.wire.read_signed(one.signed)
        batch = means.wire.read_batch(signed.body)
        if signed.digest != one.digest or batch.name != one.name or batch.number != one.number:
            raise Unfit
        check_order(batch, head)
        check_range(batch, batch.capacity or 0 if head is None else head.capacity)
    except BatchRefused:
        raise Unfit from None
    return batch


async def replay(means: Means, name: ListName, file: WritableList, head: ListHead | None) -> ListHead | None:
    """Write what the log holds above `head` into `file`. Return the head after it. Raises: Unfit, StoreDegraded."""
    final: dict[int, int] = {}
    while True:
        logged = await means.health.tried(means.log.read(name, 0 if head is None else head.number, READ_BYTES))
        if not logged:
            break
        for one in logged:
            batch = fitting(means, one, head)
            head = head_after(head, batch, one.digest)
            if batch.blocks or len(final) > MOST_FINAL:
                file.hide()
                file.write_final(final)
                final.clear()
            for block in batch.blocks:
                file.write_block(block.first, block.words)
            for group in batch.groups:
                final.update(dict.fromkeys(group.indices, group.word))
            means.count(batch.changes)
    file.write_final(final)
    return head


async def has_group(means: Means, name: ListName, base: int) -> bool:
    """Tell whether a list has had a group, or may have had: what is not in the log cannot be asked.

    Raises: StoreDegraded.
    """
    after, wire = base, means.wire
    while not base and (logged := await means.health.tried(means.log.read(name, after, READ_BYTES))):
        if any(wire.read_batch(wire.read_signed(one.signed).body).groups for one in logged):
            return True
        after = logged[-1].number
    return base > 0
