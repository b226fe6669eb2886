"""A keeper that behaves: takes batches by the real rules, holds what they say, is away or refuses when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.changes import BATCH_CONTEXT, BatchRefusal, BatchRefused, ListHead, ListName, SignedBatch, StatusBatch
from gateway.publishing.check import check_content, check_order, head_after
from gateway.rpc.status_convert import read_batch
from gateway.status import words
from gateway.values import CodeState, Instant
from keys.signer import Signer
from tests.simulators.status_issuer import read_word, write_word


@dataclass
class Keeper:
    """Holds lists."""

    clock: Callable[[], Instant]
    verify: Callable[[bytes, bytes], bool]
    """Whether a signature is that of some bytes."""
    heads: dict[ListName, ListHead] = field(default_factory=dict)
    raw: dict[ListName, bytearray] = field(default_factory=dict)
    taken: list[StatusBatch] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    """All that was sent, whatever became of it."""
    away: bool = False
    forgets_to_answer: bool = False
    """It takes a batch, and its answer is lost."""
    refuses: BatchRefusal | None = None
    gate: asyncio.Event | None = None

    async def publish(self, signed: SignedBatch) -> None:
        self.bodies.append(signed.body)
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise ConnectionError
        if self.refuses is not None:
            raise BatchRefused(self.refuses)
        assert all(self.verify(BATCH_CONTEXT + signed.body, one.signature) for one in signed.signatures)
        batch = read_batch(signed.body)
        head = self.heads.get(batch.name)
        if head is None or head.digest != signed.digest:
            self._take(batch, signed, head)
        if self.forgets_to_answer:
            self.forgets_to_answer = False
            raise TimeoutError

    def _take(self, batch: StatusBatch, signed: SignedBatch, head: ListHead | None) -> None:
        check_order(batch, head)
        check_content(batch, head, self.clock(), keys=1, bulk_size=1_000, changed=True)
        raw = self.raw.setdefault(batch.name, bytearray(b"\xff") * ((batch.capacity or 0) // 2))
        for group in batch.groups:
            for index in group.indices:
                write_word(raw, index, group.word)
        if batch.closing:
            raw[:] = b"\xff" * len(raw)
        if batch.state_digest is not None and batch.state_digest != sha256(raw).digest():
            raise BatchRefused(BatchRefusal.DIGEST_MISMATCH, "state_digest")
        self.heads[batch.name] = head_after(head, batch, signed.digest)
        self.taken.append(batch)

    def lose_everything(self) -> None:
        """Hold nothing any more: the store was lost."""
        self.heads.clear()
        self.raw.clear()

    def reads(self, name: ListName, index: int) -> CodeState | None:
        """Return what a list says there."""
        return words.STATES[read_word(self.raw[name], index)]


def verifier_of(signer: Signer) -> Callable[[bytes, bytes], bool]:
    """Return what tells whether a signature is this signer's (Ed25519 signs the same bytes the same way)."""
    return lambda data, signature: signer.sign(data) == signature
