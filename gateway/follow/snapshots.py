"""Taking a snapshot of one list from another gateway: it is whole, of the right list, and somebody vouches for it.

Rules:

- Before content is asked on: the manifest is the followed gateway's, of this very list, further than what is held; the
  batch that it names is there, and its issuer's.
- Content comes in order, without gaps, bounded by the list's capacity, in parts of some size, and within a time that
  depends on the capacity.
- It counts when it is whole and has the digest of the manifest; and that of the issuer, if the last batch says one.
- What is refused leaves no file behind.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import (
    MAX_BLOCK_BYTES,
    MAX_CLOCK_SKEW,
    SNAPSHOT_CONTEXT,
    BatchRefusal,
    BatchRefused,
    ListHead,
    ListName,
    SignedBatch,
)
from gateway.publishing.signatures import signing_keys
from gateway.rpc.snapshots import Manifest, longest_s, read_manifest
from gateway.rpc.status_convert import WIRE, block_of, signature_of, signed_of
from gateway.status.words import PUBLISHED_BYTES
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Instant, IssuerId

from .gateway_observer import FollowFailure
from .gateway_source import GatewaySource, SourceFailed

LEAST_PART_BYTES: Final = 65_536
"""Of content, on average: smaller parts would cost more than they bring."""


@dataclass(frozen=True, slots=True)
class TakenSnapshot:
    """A list as another gateway holds it: whole, and vouched for by it; its last batch is the issuer's."""

    head: ListHead
    raw: Path
    last: SignedBatch


@asynccontextmanager
async def taken_snapshot(
    source: GatewaySource,
    name: ListName,
    *,
    held: int,
    gateway: IssuerId,
    trust: TrustSnapshot,
    at: Instant,
    folder: Path,
) -> AsyncIterator[TakenSnapshot]:
    """Yield a snapshot of `name` that goes further than `held`; its file is gone afterwards.

    1. the head: the manifest of `gateway`, with its signature, and the issuer's last batch
    2. the content, within its bounds
    3. the digests

    Raises: BatchRefused if it is not such a snapshot; SourceFailed; OSError if it cannot be written down.
    """
    async with aclosing(source.snapshot(name)) as parts:
        # 1
        first = await anext(parts, None)
        if not isinstance(first, pb.SnapshotHead):
            raise BatchRefused(BatchRefusal.MALFORMED, "head")
        manifest, last = _head(first, name, held=held, gateway=gateway, trust=trust, at=at)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="snapshot-") as file:
            # 2
            content = _Content(file, manifest.head.capacity // 2)
            try:
                async with asyncio.timeout(longest_s(manifest.head.capacity)):
                    async for part in parts:
                        if not isinstance(part, pb.StatusBlock):
                            raise BatchRefused(BatchRefusal.MALFORMED, "block")
                        await asyncio.to_thread(content.add, part)
            except TimeoutError:
                raise SourceFailed(FollowFailure.SILENT) from None
            # 3
            content.prove(manifest)
            file.flush()
            yield TakenSnapshot(manifest.head, Path(file.name), last)


def _head(
    message: pb.SnapshotHead, name: ListName, *, held: int, gateway: IssuerId, trust: TrustSnapshot, at: Instant
) -> tuple[Manifest, SignedBatch]:
    """Return who vouches for what, and the issuer's last batch.

    1. signed by the gateway that is followed, in its own name, and not from the future
    2. the list that was asked for, and further than what is held: nothing goes back
    3. the batch that the manifest names, signed by the list's issuer; what both say is the same
    """
    # 1
    signature = signature_of(message.signature, "head.signature")
    signed = SNAPSHOT_CONTEXT + message.manifest
    if trust.expired(at) or not any(
        key.valid_at(at) and not key.uses and key.verifier.verify(signature.signature, signed)
        for key in trust.ring.find(gateway, signature.key_id)
    ):
        raise BatchRefused(BatchRefusal.BAD_SIGNATURE, "head.signature", held=held)
    manifest = read_manifest(message.manifest)
    head = manifest.head
    if manifest.gateway != gateway:
        raise BatchRefused(BatchRefusal.BAD_SIGNATURE, "manifest.gateway", held=held)
    if manifest.created > at + MAX_CLOCK_SKEW:
        raise BatchRefused(BatchRefusal.IN_THE_FUTURE, "manifest.create_time", held=held)
    # 2
    if head.name != name:
        raise BatchRefused(BatchRefusal.UNKNOWN_LIST, "manifest.head.list", held=held)
    if head.number <= held:
        raise BatchRefused(BatchRefusal.NUMBER_OLD, "manifest.head.number", held=held)
    # 3
    last = signed_of(message.last_batch)
    if last.digest != head.digest:
        raise BatchRefused(BatchRefusal.BROKEN_CHAIN, "head.last_batch", held=held)
    batch = WIRE.read_batch(last.body)
    if (batch.name, batch.number, batch.closing) != (name, head.number, head.closed):
        raise BatchRefused(BatchRefusal.BROKEN_CHAIN, "manifest.head", held=held)
    if batch.capacity not in (None, head.capacity) or batch.state_digest not in (None, manifest.state_digest):
        raise BatchRefused(BatchRefusal.DIGEST_MISMATCH, "manifest", held=held)
    signing_keys(name.issuer, last, trust, at)
    # The wire's times are rounded; the batch has its own.
    return replace(manifest, head=replace(head, issued=batch.issued, opened=min(head.opened, batch.issued))), last


class _Content:
    """A list's raw bytes, as they come in."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.size = size
        self._file = file
        self._come = 0
        self._parts = 0
        self._digest = sha256()

    def add(self, part: pb.StatusBlock) -> None:
        """Take the next part. Raises: BatchRefused; OSError."""
        self._parts += 1
        if self._parts > 1 + self.size // LEAST_PART_BYTES:
            raise BatchRefused(BatchRefusal.TOO_LARGE, "block")
        left = min(MAX_BLOCK_BYTES, self.size - self._come)
        block = block_of(part, "block", left)
        if block.first != 2 * self._come:
            raise BatchRefused(BatchRefusal.MALFORMED, "block.first_index")
        if block.words.translate(None, PUBLISHED_BYTES):
            raise BatchRefused(BatchRefusal.MALFORMED, "block.deflated_words")
        self._come += len(block.words)
        self._digest.update(block.words)
        self._file.write(block.words)

    def prove(self, manifest: Manifest) -> None:
        """Return if this is, whole, what the manifest vouches for. Raises: BatchRefused."""
        if self._come != self.size or self._digest.digest() != manifest.state_digest:
            raise BatchRefused(BatchRefusal.DIGEST_MISMATCH, "block")
