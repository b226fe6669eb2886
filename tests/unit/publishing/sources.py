"""What a follower is served: honest snapshots, to be told from lies."""

from __future__ import annotations

from gateway.changes import (
    ListHead,
    SignedBatch,
)
from gateway.status import words
from gateway.values import Instant
from tests.simulators.status_issuer import StatusIssuer

from .house import House, province


async def published(source: House, batches: int = 3) -> StatusIssuer:
    """Return a province that has published to the source."""
    zhejiang, at = province(), source.clock()
    await source.submit(zhejiang.open(at))
    for number in range(1, batches):
        await source.submit(zhejiang.change({words.RED: [number], words.GREEN: [900 + number]}, at))
    return zhejiang


def head_of(zhejiang: StatusIssuer, at: Instant) -> ListHead:
    """Return how far a province is, as an honest source would say."""
    assert zhejiang.digest is not None
    return ListHead(zhejiang.name, zhejiang.capacity, zhejiang.number, zhejiang.digest, at, at)


async def adopt(house: House, head: ListHead, raw: bytes, last: SignedBatch) -> None:
    file = house.folder.parent / "raw"
    file.write_bytes(raw)
    await house.ledger.adopt(head, file, last, house.clock())


async def adopted(house: House, zhejiang: StatusIssuer) -> None:
    await adopt(house, head_of(zhejiang, house.clock()), bytes(zhejiang.held), zhejiang.batches[-1])
