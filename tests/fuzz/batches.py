"""What must hold of batches of live status and of snapshots' manifests, whatever the bytes are; and where to start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.changes import (
    MAX_BLOCK_BYTES,
    MAX_CAPACITY,
    MAX_CHANGES,
    MAX_NUMBER,
    BatchDigest,
    BatchRefusal,
    BatchRefused,
    BatchSignature,
    Block,
    ListHead,
    ListName,
    SignedBatch,
    StateDigest,
    StatusBatch,
)
from gateway.rpc.snapshots import Manifest, read_manifest, write_manifest
from gateway.rpc.status_convert import WIRE, write_batch
from gateway.status import words
from gateway.values import Instant, IssuerId, KeyId
from keys.values import EARLIEST, LATEST
from tests.simulators.status_issuer import group

AT: Final = Instant(1_700_000_000.0)
NAME: Final = ListName(IssuerId("guizhou"), "https://status.gz.example/1")
DIGEST: Final = bytes(range(32))

OF_FORM: Final = frozenset({BatchRefusal.MALFORMED, BatchRefusal.TOO_LARGE, BatchRefusal.INDEX_REPEATED})


def batch_seeds() -> list[bytes]:
    """Return batches of every kind."""
    groups = (group(words.RED, [1, 5, 900], corrects=2), group(words.GREEN, [2, 4]))
    found = (
        StatusBatch(NAME, 1, None, AT, 1_024, blocks=(Block(0, b"\xcd" * 200), Block(600, b"\xff" * 12))),
        StatusBatch(NAME, 7, BatchDigest(DIGEST), AT, None, groups=groups, state_digest=StateDigest(DIGEST)),
        StatusBatch(NAME, MAX_NUMBER, BatchDigest(DIGEST), AT, None, closing=True),
    )
    return [write_batch(one) for one in found]


def signed_seeds() -> list[bytes]:
    """Return signed batches; what is signed is not looked at."""
    signatures = tuple(BatchSignature(KeyId(name), b"s" * 64) for name in (b"one", b"two"))
    return [WIRE.write_signed(SignedBatch(body, signatures)) for body in batch_seeds()]


def manifest_seeds() -> list[bytes]:
    """Return manifests."""
    head = ListHead(NAME, 1_024, 7, BatchDigest(DIGEST), AT, AT)
    closed = ListHead(NAME, MAX_CAPACITY, MAX_NUMBER, BatchDigest(DIGEST), AT, AT, closed=True)
    return [write_manifest(Manifest(one, StateDigest(DIGEST), AT, IssuerId("gateway-1"))) for one in (head, closed)]


def check_batch(data: bytes) -> str | None:
    """Return None if `data` was refused, else which promise the batch breaks, empty if it keeps all."""
    return _checked(lambda: _fault_of(WIRE.read_batch(data)))


def check_signed(data: bytes) -> str | None:
    """See check_batch."""

    def fault() -> str:
        signed = WIRE.read_signed(data)
        return "" if WIRE.read_signed(WIRE.write_signed(signed)) == signed else "written, it reads the same"

    return _checked(fault)


def check_manifest(data: bytes) -> str | None:
    """See check_batch."""

    def fault() -> str:
        manifest = read_manifest(data)
        head = manifest.head
        if not 0 < head.capacity <= MAX_CAPACITY or head.capacity % 2 or not 0 < head.number <= MAX_NUMBER:
            return "numbers are within their bounds"
        again = read_manifest(write_manifest(manifest))
        return (
            "" if again.head.name == head.name and again.state_digest == manifest.state_digest else "it reads the same"
        )

    return _checked(fault)


def _checked(fault: Callable[[], str]) -> str | None:
    try:
        return fault()
    except BatchRefused as refused:
        if refused.refusal not in OF_FORM or refused.__cause__ is not None:
            return "what is refused is refused for its form, and quotes nothing"
        if len(refused.field) > 60 or not refused.field.isascii():
            return "the field is a short path"
        return None


def _fault_of(batch: StatusBatch) -> str:
    indices = [index for one in batch.groups for index in one.indices]
    written = sum(len(block.words) for block in batch.blocks)
    if len(indices) > MAX_CHANGES or len(set(indices)) != len(indices) or written > MAX_BLOCK_BYTES:
        return "no place twice, and no more than there may be"
    if any(list(one.indices) != sorted(one.indices) or not one.indices for one in batch.groups):
        return "indices ascend"
    if not 1 <= batch.number <= MAX_NUMBER or (batch.capacity is not None) != (batch.number == 1):
        return "only number 1 has a capacity"
    if (batch.previous is None) != (batch.number == 1) or not EARLIEST <= batch.issued <= LATEST + 1:
        return "chain and time"
    states = {one.word for one in batch.groups}
    states |= {word for block in batch.blocks for byte in set(block.words) for word in (byte & 15, byte >> 4)}  # type: ignore[misc]
    if not states <= words.PUBLISHED:
        return "nothing but what an issuer may publish"
    again = WIRE.read_batch(write_batch(batch))
    return (
        "" if (again.name, again.groups, again.blocks) == (batch.name, batch.groups, batch.blocks) else "reads the same"
    )
