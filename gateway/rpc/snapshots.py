"""Snapshots of lists: heads and manifests, values <-> messages, and the parts that one is sent in.

Rules:

- A manifest is signed as the bytes that it was encoded to, behind SNAPSHOT_CONTEXT.
- Reading refuses whatever is unknown, unset or out of bounds; it proves nothing.
- Content goes out in parts of 1 MiB, read and deflated in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import compress

from google.protobuf.message import DecodeError
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import (
    MAX_CAPACITY,
    MAX_NUMBER,
    SNAPSHOT_CONTEXT,
    BatchDigest,
    BatchRefusal,
    BatchRefused,
    ListHead,
    ListName,
    StateDigest,
)
from gateway.rpc.convert import fill_time
from gateway.rpc.status_convert import DIGEST_BYTES, MAX_ISSUER, fill_name, instant_of, name_of, refuse_unknown
from gateway.rpc.status_desk import StatusDesk
from gateway.values import Instant, IssuerId

PART_BYTES: Final = 1 << 20
"""Of content, before it is deflated; deflated it is hardly more."""

MAX_MANIFEST_BYTES: Final = 4_096

LEAST_BYTES_PER_S: Final = 256 * 1024
GRACE_S: Final = 30.0
"""Seconds on top of what the content takes at the least pace: then either side gives up."""


def longest_s(capacity: int) -> float:
    """Return how many seconds the transfer of a list may take."""
    return GRACE_S + capacity / 2 / LEAST_BYTES_PER_S


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a gateway vouches for."""

    head: ListHead
    state_digest: StateDigest
    created: Instant
    gateway: IssuerId


def fill_head(message: pb.StatusListHead, head: ListHead) -> None:
    """Write `head` into `message`."""
    fill_name(message.list, head.name)
    message.capacity = head.capacity
    message.number = head.number
    message.batch_digest = head.digest
    fill_time(message.issue_time, head.issued)
    message.closed = head.closed


def head_of(message: pb.StatusListHead, path: str, opened: Instant) -> ListHead:
    """Return how far a list is said to be held. Raises: BatchRefused with MALFORMED."""
    refuse_unknown(message, path)
    if not 0 < message.capacity <= MAX_CAPACITY or message.capacity % 2:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.capacity")
    if not 1 <= message.number <= MAX_NUMBER:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.number")
    if len(message.batch_digest) != DIGEST_BYTES:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.batch_digest")
    return ListHead(
        name_of(message.list, f"{path}.list"),
        message.capacity,
        message.number,
        BatchDigest(message.batch_digest),
        instant_of(message.issue_time, f"{path}.issue_time"),
        opened,
        message.closed,
    )


def write_manifest(manifest: Manifest) -> bytes:
    """Return `manifest`, encoded, as it is then signed."""
    message = pb.SnapshotManifest(state_digest=manifest.state_digest, gateway=manifest.gateway)
    fill_head(message.head, manifest.head)
    fill_time(message.create_time, manifest.created)
    fill_time(message.open_time, manifest.head.opened)
    return message.SerializeToString()


def read_manifest(raw: bytes) -> Manifest:
    """Return what the manifest `raw` says. Raises: BatchRefused with MALFORMED or TOO_LARGE."""
    if len(raw) > MAX_MANIFEST_BYTES:
        raise BatchRefused(BatchRefusal.TOO_LARGE, "manifest")
    try:
        message = pb.SnapshotManifest.FromString(raw)
    except DecodeError:
        raise BatchRefused(BatchRefusal.MALFORMED, "manifest") from None
    refuse_unknown(message, "manifest")
    if len(message.state_digest) != DIGEST_BYTES:
        raise BatchRefused(BatchRefusal.MALFORMED, "manifest.state_digest")
    if not 0 < len(message.gateway) <= MAX_ISSUER:
        raise BatchRefused(BatchRefusal.MALFORMED, "manifest.gateway")
    opened = instant_of(message.open_time, "manifest.open_time")
    return Manifest(
        head_of(message.head, "manifest.head", opened),
        StateDigest(message.state_digest),
        instant_of(message.create_time, "manifest.create_time"),
        IssuerId(message.gateway),
    )


async def snapshot_parts(desk: StatusDesk, name: ListName) -> AsyncGenerator[pb.StreamSnapshotResponse, None]:
    """Yield a list as it stands now: head, then content.

    Raises: BatchRefused with UNKNOWN_LIST if it is not held; StoreDegraded if it cannot be copied now.
    """
    if desk.ledger.head(name) is None:
        raise BatchRefused(BatchRefusal.UNKNOWN_LIST, "list")
    with await desk.ledger.snapshot(name, desk.folder) as snapshot:
        manifest = write_manifest(Manifest(snapshot.head, snapshot.state_digest, desk.clock(), desk.gateway))
        response = pb.StreamSnapshotResponse()
        response.head.manifest = manifest
        response.head.signature.key_id = desk.signer.key_id.decode()
        response.head.signature.signature = desk.signer.sign(SNAPSHOT_CONTEXT + manifest)
        response.head.last_batch.MergeFromString(snapshot.last)
        yield response
        for first in range(0, snapshot.head.capacity, 2 * PART_BYTES):
            deflated = await asyncio.to_thread(_part, snapshot.path, first // 2)
            yield pb.StreamSnapshotResponse(block=pb.StatusBlock(first_index=first, deflated_words=deflated))


def _part(path: Path, begin: int) -> bytes:
    with path.open("rb") as content:
        content.seek(begin)
        return compress(content.read(PART_BYTES), 6)
