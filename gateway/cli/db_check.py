"""What `hcgw db check` looks at in a log, and what it says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from gateway.changes import BatchDigest, BatchRefused, ListName
from gateway.rpc.status_convert import WIRE
from gateway.store.change_log import ListRow, LoggedBatch
from gateway.store.inspection import InspectableLog

_AT_ONCE_BYTES: Final = 8 << 20
_MOST_FAULTS: Final = 5
"""Of one list: what is wrong with one batch is often wrong with all behind it."""


@dataclass(frozen=True, slots=True)
class Line:
    """Something to be told."""

    text: str
    fault: bool = False


async def checked(log: InspectableLog, *, writable: bool, deep: bool) -> AsyncIterator[Line]:
    """Look at a log: 1. it answers, 2. what it rests on, 3. numbers, 4. the chain of digests. Raises: StoreDegraded."""
    # 1
    if writable:
        await log.check()
        yield Line("it can be written")
    # 2
    for fault in await log.faults():
        yield Line(fault, fault=True)
    lists = batches = 0
    for listed in await log.lists():
        lists += 1
        # 3
        row, faults = await _numbers(log, listed)
        batches += row.last - row.base
        # 4
        if deep and not faults:
            faults = await _chain(log, row)
        for fault in faults[:_MOST_FAULTS]:
            yield Line(f"{row.name.issuer} {row.name.uri}: {fault}", fault=True)
    yield Line(f"{lists} lists, {batches} batches")


async def _numbers(log: InspectableLog, row: ListRow) -> tuple[ListRow, list[str]]:
    """Count a list; return its row, and what is wrong. One that is pruned meanwhile is counted again."""
    while True:
        found = await log.tally(row.name, row.last)
        now = {one.name: one for one in await log.lists()}.get(row.name, row)
        if now.base == row.base:
            break
        row = now
    faults = []
    if found.count != row.last - row.base:
        faults.append(f"{found.count} batches where numbers {row.base + 1} to {row.last} should be")
    if not found.continuous or (found.count and found.first != row.base + 1):
        faults.append("a number is missing")
    if found.count and (found.last, found.last_digest) != (row.last, row.digest):
        faults.append("its row names another last batch than the one that is there")
    return row, faults


async def _chain(log: InspectableLog, row: ListRow) -> list[str]:
    """Follow a list from its base to its last batch; return what is wrong."""
    based = await log.based(row.name)
    previous = None if based is None else based.digest
    faults: list[str] = []
    after = row.base
    while len(faults) < _MOST_FAULTS and after < row.last:
        batches = await log.read(row.name, after, _AT_ONCE_BYTES)
        if not batches:
            break
        for batch in batches:
            faults += _faults_of(batch, row.name, previous)
            previous, after = batch.digest, batch.number
    return faults


def _faults_of(batch: LoggedBatch, name: ListName, previous: BatchDigest | None) -> list[str]:
    """Return what is wrong with one batch: it is read as it was signed, and compared with what is kept beside it."""
    try:
        signed = WIRE.read_signed(batch.signed)
        said = WIRE.read_batch(signed.body)
    except BatchRefused as refused:
        return [f"batch {batch.number} cannot be read: {refused}"]
    told = {
        "bytes have another digest": signed.digest == batch.digest,
        "bytes are another list's": said.name == name,
        "bytes have another number": said.number == batch.number,
        "bytes name another batch before it": said.previous == previous,
        "bytes have another time": said.issued == batch.issued,
        "bytes open or close the list, its row does not": (said.capacity, said.closing)
        == (batch.capacity, batch.closing),
    }
    return [f"batch {batch.number}: its {what}" for what, right in told.items() if not right]
