"""The words of live status: a list, what stands in it, and the signed batches that change it.

- A list belongs to one issuer, who alone may change it. Its name is issuer and address, so that nobody can hold a list
  under another's address.
- A batch is a number, the digest of the batch before, and what changes. Equal content has one effect however often it
  comes: a batch sets states, it never toggles them.
- A word is the four bits that stand in a list (gateway/status/words.py).

Source: IETF Token Status List; docs/live-status.md.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple, NewType

from gateway.errors import GatewayError
from gateway.values import CodeState, Instant, IssuerId, KeyId, ReasonClass

BatchDigest = NewType("BatchDigest", bytes)
"""SHA-256 of a batch's bytes, exactly as they were signed."""

StateDigest = NewType("StateDigest", bytes)
"""SHA-256 of a list's raw bytes: four bits a place, the lower index in the lower half of a byte."""

Word = NewType("Word", int)
"""What stands at one index: four bits."""

MAX_CAPACITY: Final = 1 << 28
"""Indices of one list: twice the most populous province."""

MAX_CHANGES: Final = 1 << 16
"""Indices in the groups of one batch."""

MAX_BLOCK_BYTES: Final = 4 << 20
"""Of one block, once inflated."""

MAX_CLOCK_SKEW: Final = 30.0
"""Seconds that an issuer's clock, or another gateway's, may be ahead of ours."""

MAX_NUMBER: Final = (1 << 53) - 1

BATCH_CONTEXT: Final = b"hcg-status-batch-v1\0"
"""What stands before a batch where it is signed, so that no other token's bytes are ever one."""

SNAPSHOT_CONTEXT: Final = b"hcg-status-snapshot-v1\0"


class ListName(NamedTuple):
    """Which list: whose, and its address as in the codes that point at it."""

    issuer: IssuerId
    uri: str


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Places that all read `word` from now on, for one reason, by one authority's order."""

    word: Word
    indices: array[int] = field(repr=False)
    """Typecode I, strictly ascending, not empty."""
    authority: str
    reason_class: ReasonClass | None = None
    corrects: int | None = None
    """The number of the batch whose change this one corrects."""


@dataclass(frozen=True, slots=True)
class Block:
    """A run of places from `first`, an even index, on."""

    first: int
    words: bytes = field(repr=False)
    """Four bits a place, two to a byte, the lower index in the lower half; inflated."""


@dataclass(frozen=True, slots=True)
class BatchSignature:
    """One signature over BATCH_CONTEXT and a batch's bytes."""

    key_id: KeyId
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """A batch as it is published, kept and handed on. Nothing of it is proven."""

    body: bytes = field(repr=False)
    signatures: tuple[BatchSignature, ...]

    @property
    def digest(self) -> BatchDigest:
        """What the next batch of the list names as the one before it."""
        return BatchDigest(sha256(self.body).digest())


@dataclass(frozen=True, slots=True)
class StatusBatch:
    """What a batch says: well-formed, not proven, not judged against the list."""

    name: ListName
    number: int
    previous: BatchDigest | None
    issued: Instant
    capacity: int | None
    """Of a list that this batch opens, number 1."""
    groups: tuple[ChangeGroup, ...] = ()
    blocks: tuple[Block, ...] = ()
    state_digest: StateDigest | None = None
    closing: bool = False

    @property
    def changes(self) -> int:
        """How many places it writes."""
        return sum(len(group.indices) for group in self.groups) + sum(2 * len(block.words) for block in self.blocks)


@dataclass(frozen=True, slots=True)
class ListHead:
    """How far a list is held."""

    name: ListName
    capacity: int
    number: int
    digest: BatchDigest
    issued: Instant
    """When its issuer said so: of the batch `number`."""
    opened: Instant
    closed: bool = False


class Listed(NamedTuple):
    """What a list that is held says of one index."""

    state: CodeState | None
    """None: valid, as it was signed (a list of another make than ours says no colour)."""
    observed: Instant | None
    """When its issuer last said anything of this list; None if the list is our own and judged by ourselves."""


class BatchRefusal(StrEnum):
    """Why a batch is not taken. The names are those on the wire (ErrorInfo.reason), and in metrics."""

    MALFORMED = "BATCH_MALFORMED"
    TOO_LARGE = "BATCH_TOO_LARGE"
    UNKNOWN_ISSUER = "BATCH_UNKNOWN_ISSUER"
    BAD_SIGNATURE = "BATCH_BAD_SIGNATURE"
    SECOND_SIGNATURE_REQUIRED = "BATCH_SECOND_SIGNATURE_REQUIRED"
    UNKNOWN_LIST = "BATCH_UNKNOWN_LIST"
    TOO_MANY_LISTS = "BATCH_TOO_MANY_LISTS"
    LIST_CLOSED = "BATCH_LIST_CLOSED"
    NUMBER_GAP = "BATCH_NUMBER_GAP"
    NUMBER_OLD = "BATCH_NUMBER_OLD"
    """Lower than what is held, and no longer kept to compare with."""
    NUMBER_TAKEN = "BATCH_NUMBER_TAKEN"
    """Another batch is held under this number: its issuer says two things at once."""
    BROKEN_CHAIN = "BATCH_BROKEN_CHAIN"
    IN_THE_FUTURE = "BATCH_IN_THE_FUTURE"
    TIME_GOES_BACK = "BATCH_TIME_GOES_BACK"
    INDEX_OUT_OF_RANGE = "BATCH_INDEX_OUT_OF_RANGE"
    INDEX_REPEATED = "BATCH_INDEX_REPEATED"
    REASON_CONTRADICTS = "BATCH_REASON_CONTRADICTS"
    REASON_REQUIRED = "BATCH_REASON_REQUIRED"
    AUTHORITY_REQUIRED = "BATCH_AUTHORITY_REQUIRED"
    CORRECTS_NOTHING = "BATCH_CORRECTS_NOTHING"
    BLOCK_TOO_LATE = "BATCH_BLOCK_TOO_LATE"
    """A list is filled before it is changed."""
    DIGEST_MISMATCH = "BATCH_DIGEST_MISMATCH"


class BatchRefused(GatewayError):
    """A batch is not taken, and nothing of it is applied. `field` is its path in the message, empty if it is the whole.

    `held` is the highest number that is held of the list, 0 if none is.
    """

    def __init__(self, refusal: BatchRefusal, field: str = "", *, held: int = 0) -> None:
        super().__init__(f"{refusal.value}: {field}" if field else refusal.value)
        self.refusal = refusal
        self.field = field
        self.held = held


class StoreDegraded(GatewayError):
    """What must survive cannot be written now: a full disk, a failing one, a lost database. Nothing is acknowledged."""
