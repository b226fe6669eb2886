"""A province that publishes live status: holds its own list, and signs numbered batches of what changes.

Rightly numbered, chained and signed, unless a test asks for something else; a wrong batch changes nothing of what the
province itself holds. `held` is its own list, to compare with: every follower must end with exactly these bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from gateway.changes import (
    BATCH_CONTEXT,
    BatchDigest,
    BatchSignature,
    Block,
    ChangeGroup,
    ListName,
    SignedBatch,
    StateDigest,
    StatusBatch,
    Word,
)
from gateway.rpc.status_convert import write_batch
from gateway.status import words
from gateway.values import Instant, IssuerId, ReasonClass

from .signing import SigningKey

AUTHORITY = "city command centre"
BLOCK_BYTES = 4 << 20

REASONS: Mapping[Word, ReasonClass] = {
    words.YELLOW: ReasonClass.YELLOW_OTHER,
    words.RED: ReasonClass.RED_OTHER_ORDER,
}
"""The class that a group gets if the test names none."""


def sign_body(body: bytes, keys: Iterable[SigningKey]) -> SignedBatch:
    """Return exactly these bytes, signed by each of `keys`."""
    return SignedBatch(body, tuple(BatchSignature(key.key_id, key.sign(BATCH_CONTEXT + body)) for key in keys))


def group(
    word: Word,
    indices: Iterable[int],
    *,
    reason: ReasonClass | None = None,
    authority: str = AUTHORITY,
    corrects: int | None = None,
) -> ChangeGroup:
    """Return a group of changes, in ascending order, with a reason that goes with its word."""
    return ChangeGroup(word, array("I", sorted(indices)), authority, reason or REASONS.get(word), corrects)


def write_word(raw: bytearray, index: int, word: Word) -> None:
    """Write one place of a raw list."""
    place, high = divmod(index, 2)
    raw[place] = (raw[place] & 0x0F) | word << 4 if high else (raw[place] & 0xF0) | word


def read_word(raw: Sequence[int], index: int) -> Word:
    """Read one place of a raw list."""
    return Word(raw[index // 2] >> 4 if index % 2 else raw[index // 2] & 0x0F)


@dataclass(slots=True)
class StatusIssuer:
    """One list of one province.

    Every method that makes a batch takes `wrong`: members of StatusBatch to be replaced in what is signed, as in
    `change({words.RED: [5]}, at, number=7)`, and `keys` to sign with others than its own. A batch that was made with
    either is not counted: the province goes on as if it had never been.
    """

    name: ListName
    keys: tuple[SigningKey, ...]
    capacity: int
    number: int = 0
    digest: BatchDigest | None = None
    held: bytearray = field(default_factory=bytearray, repr=False)
    batches: list[SignedBatch] = field(default_factory=list, repr=False)
    """All that were made rightly, in order."""

    @classmethod
    def make(cls, issuer: str, uri: str, keys: Iterable[SigningKey], capacity: int = 1_024) -> StatusIssuer:
        """Return a province whose list is not opened yet."""
        return cls(ListName(IssuerId(issuer), uri), tuple(keys), capacity, held=bytearray(b"\xff") * (capacity // 2))

    @property
    def state_digest(self) -> StateDigest:
        """Of what it holds now."""
        return StateDigest(sha256(self.held).digest())

    def read(self, index: int) -> Word:
        """Return what its own list says of one place."""
        return read_word(self.held, index)

    def open(
        self, at: Instant, *, blocks: Iterable[Block] = (), keys: Iterable[SigningKey] | None = None, **wrong: Any
    ) -> SignedBatch:
        """Return the batch that opens the list. Signed by all of its keys, as all that fills is."""
        return self._next(at, keys or self.keys, wrong, capacity=self.capacity, blocks=tuple(blocks))

    def fill(
        self, first: int, content: bytes, at: Instant, *, keys: Iterable[SigningKey] | None = None, **wrong: Any
    ) -> SignedBatch:
        """Return a batch that fills a run of places from `first` on."""
        return self._next(at, keys or self.keys, wrong, blocks=(Block(first, content),))

    def fill_all(self, content: bytes, at: Instant) -> list[SignedBatch]:
        """Return the batches that open the list and fill it with `content`, 4 MiB each."""
        made = [self.open(at)] if not self.number else []
        starts = range(0, len(content), BLOCK_BYTES)
        return [*made, *(self.fill(2 * begin, content[begin : begin + BLOCK_BYTES], at) for begin in starts)]

    def change(
        self,
        changes: Mapping[Word, Iterable[int]] | Iterable[ChangeGroup],
        at: Instant,
        *,
        keys: Iterable[SigningKey] | None = None,
        prove: bool = False,
        **wrong: Any,
    ) -> SignedBatch:
        """Return a batch of changes, signed by its first key; with `prove` it carries the list's state digest."""
        groups = (
            tuple(group(word, indices) for word, indices in changes.items())
            if isinstance(changes, Mapping)
            else tuple(changes)
        )
        return self._next(at, keys or self.keys[:1], wrong, prove=prove, groups=groups)

    def heartbeat(
        self, at: Instant, *, keys: Iterable[SigningKey] | None = None, prove: bool = False, **wrong: Any
    ) -> SignedBatch:
        """Return a batch without changes: a sign of life."""
        return self._next(at, keys or self.keys[:1], wrong, prove=prove)

    def close(self, at: Instant, *, keys: Iterable[SigningKey] | None = None, **wrong: Any) -> SignedBatch:
        """Return the batch that closes the list."""
        return self._next(at, keys or self.keys[:1], wrong, closing=True)

    def _next(
        self,
        at: Instant,
        keys: Iterable[SigningKey],
        wrong: Mapping[str, Any],
        *,
        prove: bool = False,
        **content: Any,
    ) -> SignedBatch:
        batch = StatusBatch(self.name, self.number + 1, self.digest, at, **({"capacity": None} | content))
        signers = tuple(keys)
        right = not wrong and all(key in self.keys for key in signers)
        after = self._after(batch, self.held if right else self.held[:])
        if prove:
            batch = replace(batch, state_digest=StateDigest(sha256(after).digest()))
        signed = sign_body(write_batch(replace(batch, **wrong)), signers)
        if right:
            self.number, self.digest, self.held = batch.number, signed.digest, after
            self.batches.append(signed)
        return signed

    def _after(self, batch: StatusBatch, held: bytearray) -> bytearray:
        """Write `batch` into `held`; what lies beyond its end is left to who reads it."""
        if batch.closing:
            held[:] = b"\xff" * len(held)
        for block in batch.blocks:
            begin = block.first // 2
            kept = block.words[: max(0, len(held) - begin)]
            held[begin : begin + len(kept)] = kept
        for one in batch.groups:
            for index in one.indices:
                if index < self.capacity:
                    write_word(held, index, one.word)
        return held
