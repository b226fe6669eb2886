"""Batches of status changes: messages <-> values.

Rules:

- A batch is what its issuer signed: whatever is unknown, unset, out of bounds or said twice refuses the whole of it,
  and names the field.
- Bounded before and after inflating; crowds of fields are counted before anything is parsed.
- Nothing here proves who signed, or judges a batch against its list (gateway/publishing does).
- Indices are moved in bulk: a batch of 65,536 takes milliseconds.

Source: protos/healthcode/interop/v1/status_service.proto; RFC 1950.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn
from zlib import compress

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from healthcode.interop.v1 import status_service_pb2 as pb

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
    ChangeGroup,
    ListName,
    SignedBatch,
    StateDigest,
    StatusBatch,
    Word,
)
from gateway.errors import CodeUnreadable, Reason
from gateway.formats.inflate import inflate
from gateway.rpc.convert import fill_time
from gateway.rpc.crowded import crowded
from gateway.status import words
from gateway.values import Instant, IssuerId, KeyId, ReasonClass
from keys.values import EARLIEST, LATEST

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

MAX_BATCH_BYTES: Final = 4_000_000
"""Of an encoded batch: what fits a request of 4 MiB with its signatures."""

MAX_GROUPS: Final = 4_096
"""Each state, class and authority of a province is one."""

MAX_BLOCKS: Final = 256
MAX_SIGNATURES: Final = 8
MAX_SIGNATURE_BYTES: Final = 1_024
"""RSA of 8192 bits."""

MAX_ISSUER: Final = 128
MAX_URI: Final = 256
MAX_KEY_ID: Final = 128
MAX_AUTHORITY: Final = 128

DIGEST_BYTES: Final = 32

STATE_WORDS: Final[Mapping[int, Word]] = MappingProxyType(
    {
        pb.LISTED_STATE_GREEN: words.GREEN,
        pb.LISTED_STATE_CANCELLED: words.CANCELLED,
        pb.LISTED_STATE_SUSPENDED: words.SUSPENDED,
        pb.LISTED_STATE_YELLOW: words.YELLOW,
        pb.LISTED_STATE_RED: words.RED,
        pb.LISTED_STATE_STALE_DECLARATION: words.STALE_DECLARATION,
        pb.LISTED_STATE_UNKNOWN: words.UNKNOWN,
    }
)
"""Number on the wire -> what stands in a list."""

WORD_STATES: Final[Mapping[Word, int]] = MappingProxyType({word: state for state, word in STATE_WORDS.items()})

_REASON_CLASSES: Final[Mapping[int, ReasonClass | None]] = MappingProxyType(
    {0: None} | {one.value: one for one in ReasonClass}
)


class StatusWire:
    """How batches are encoded. Without state; `WIRE` is one."""

    def read_signed(self, raw: bytes) -> SignedBatch:
        """Return the signed batch that `raw` encodes; its body is not looked at. Raises: BatchRefused."""
        if len(raw) > MAX_BATCH_BYTES + MAX_SIGNATURES * (MAX_SIGNATURE_BYTES + MAX_KEY_ID + 16):
            raise BatchRefused(BatchRefusal.TOO_LARGE)
        if crowded(raw, MAX_SIGNATURES + 1):
            raise BatchRefused(BatchRefusal.TOO_LARGE, "signatures")
        try:
            message = pb.SignedBatch.FromString(raw)
        except DecodeError:
            raise BatchRefused(BatchRefusal.MALFORMED) from None
        return signed_of(message)

    def write_signed(self, signed: SignedBatch) -> bytes:
        """Return `signed`, encoded."""
        return signed_message(signed).SerializeToString()

    def read_batch(self, body: bytes) -> StatusBatch:
        """Return what the batch `body` says. Raises: BatchRefused with MALFORMED, TOO_LARGE or INDEX_REPEATED."""
        return read_batch(body)


WIRE: Final = StatusWire()


def signed_of(message: pb.SignedBatch) -> SignedBatch:
    """Return a parsed signed batch. Raises: BatchRefused."""
    refuse_unknown(message, "")
    if not message.batch:
        raise BatchRefused(BatchRefusal.MALFORMED, "batch")
    if len(message.batch) > MAX_BATCH_BYTES:
        raise BatchRefused(BatchRefusal.TOO_LARGE, "batch")
    if not 0 < len(message.signatures) <= MAX_SIGNATURES:
        raise BatchRefused(BatchRefusal.MALFORMED, "signatures")
    return SignedBatch(
        message.batch, tuple(signature_of(one, f"signatures[{place}]") for place, one in enumerate(message.signatures))
    )


def signature_of(message: pb.BatchSignature, path: str) -> BatchSignature:
    """Return a parsed signature. Raises: BatchRefused."""
    refuse_unknown(message, path)
    key_id = message.key_id.encode()
    if not 0 < len(key_id) <= MAX_KEY_ID:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.key_id")
    if not 0 < len(message.signature) <= MAX_SIGNATURE_BYTES:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.signature")
    return BatchSignature(KeyId(key_id), message.signature)


def signed_message(signed: SignedBatch) -> pb.SignedBatch:
    """Return `signed` as a message."""
    message = pb.SignedBatch(batch=signed.body)
    for one in signed.signatures:
        message.signatures.add(key_id=one.key_id.decode(), signature=one.signature)
    return message


def name_of(message: pb.StatusListName, path: str) -> ListName:
    """Return which list is named. Raises: BatchRefused with MALFORMED."""
    refuse_unknown(message, path)
    issuer, uri = message.issuer, message.uri
    if not 0 < len(issuer) <= MAX_ISSUER or not issuer.isprintable():
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.issuer")
    if not 9 <= len(uri) <= MAX_URI or not (uri.isascii() and uri.isprintable()) or " " in uri:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.uri")
    return ListName(IssuerId(issuer), uri)


def fill_name(message: pb.StatusListName, name: ListName) -> None:
    """Write `name` into `message`."""
    message.issuer, message.uri = name


def instant_of(stamp: Timestamp, path: str) -> Instant:
    """Return the time in `stamp`. Raises: BatchRefused with MALFORMED if it is no time of 2000 to 2100."""
    if not EARLIEST <= stamp.seconds <= LATEST or not 0 <= stamp.nanos < 1_000_000_000:
        raise BatchRefused(BatchRefusal.MALFORMED, path)
    return Instant(stamp.seconds + stamp.nanos / 1e9)


def read_batch(body: bytes) -> StatusBatch:
    """Return what the batch `body` says.

    1. bytes, and fields, no more than a batch has
    2. which list, number, the batch before, time; capacity with number 1 and else not
    3. groups: each index once in a batch, and no more of them than are read
    4. blocks: ascending, whole, of words that an issuer may write

    Raises: BatchRefused with MALFORMED, TOO_LARGE or INDEX_REPEATED.
    """
    # 1
    if len(body) > MAX_BATCH_BYTES or crowded(body, MAX_GROUPS + MAX_BLOCKS + 16):
        raise BatchRefused(BatchRefusal.TOO_LARGE)
    try:
        message = pb.StatusBatch.FromString(body)
    except DecodeError:
        raise BatchRefused(BatchRefusal.MALFORMED) from None
    refuse_unknown(message, "")
    # 2
    name = name_of(message.list, "list")
    if not 1 <= message.number <= MAX_NUMBER:
        raise BatchRefused(BatchRefusal.MALFORMED, "number")
    opens = message.number == 1
    if len(message.previous_digest) != (0 if opens else DIGEST_BYTES):
        raise BatchRefused(BatchRefusal.MALFORMED, "previous_digest")
    if not message.HasField("issue_time"):
        raise BatchRefused(BatchRefusal.MALFORMED, "issue_time")
    if len(message.state_digest) not in (0, DIGEST_BYTES):
        raise BatchRefused(BatchRefusal.MALFORMED, "state_digest")
    return StatusBatch(
        name=name,
        number=message.number,
        previous=None if opens else BatchDigest(message.previous_digest),
        issued=instant_of(message.issue_time, "issue_time"),
        capacity=_capacity(message.capacity, opens=opens),
        groups=_groups(message.groups),
        blocks=_blocks(message.blocks),
        state_digest=StateDigest(message.state_digest) if message.state_digest else None,
        closing=message.closing,
    )


def looked_over(body: bytes) -> tuple[ListName, int]:
    """Return the list of a batch, and how many bytes it may take once it is read. Nothing else is looked at.

    Raises: BatchRefused.
    """
    if len(body) > MAX_BATCH_BYTES or crowded(body, MAX_GROUPS + MAX_BLOCKS + 16):
        raise BatchRefused(BatchRefusal.TOO_LARGE)
    try:
        message = pb.StatusBatch.FromString(body)
    except DecodeError:
        raise BatchRefused(BatchRefusal.MALFORMED) from None
    return name_of(message.list, "list"), len(body) + (MAX_BLOCK_BYTES if message.blocks else 0)


def write_batch(batch: StatusBatch, *, level: int = 6) -> bytes:
    """Return `batch`, encoded, as it is then signed: the bytes are not those of another encoder.

    `level` is that of deflating blocks. Does not check what `read_batch` checks.
    """
    message = pb.StatusBatch(number=batch.number, previous_digest=batch.previous or b"", closing=batch.closing)
    fill_name(message.list, batch.name)
    fill_time(message.issue_time, batch.issued)
    message.capacity = batch.capacity or 0
    message.state_digest = batch.state_digest or b""
    for group in batch.groups:
        added = message.groups.add(authority=group.authority, corrects=group.corrects or 0)
        added.state = WORD_STATES[group.word]  # type: ignore[assignment]  # an enum's number
        added.reason_class = group.reason_class or 0  # type: ignore[assignment]
        added.indices.extend(group.indices)
    for block in batch.blocks:
        message.blocks.add(first_index=block.first, deflated_words=compress(block.words, level))
    return message.SerializeToString()


def block_of(message: pb.StatusBlock, path: str, most: int = MAX_BLOCK_BYTES) -> Block:
    """Return a run of places, inflated to at most `most` bytes. Raises: BatchRefused with MALFORMED or TOO_LARGE."""
    refuse_unknown(message, path)
    if message.first_index % 2:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.first_index")
    try:
        content = inflate(message.deflated_words, raw=False, limit=most)
    except CodeUnreadable as unreadable:
        too_large = unreadable.reason is Reason.DECOMPRESSION_BOMB
        raise BatchRefused(
            BatchRefusal.TOO_LARGE if too_large else BatchRefusal.MALFORMED, f"{path}.deflated_words"
        ) from None
    if not content:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.deflated_words")
    return Block(message.first_index, content)


def _capacity(places: int, *, opens: bool) -> int | None:
    if places > MAX_CAPACITY:
        raise BatchRefused(BatchRefusal.TOO_LARGE, "capacity")
    if (places > 0) is not opens or places % 2:
        raise BatchRefused(BatchRefusal.MALFORMED, "capacity")
    return places or None


def _groups(messages: Sequence[pb.ChangeGroup]) -> tuple[ChangeGroup, ...]:
    if len(messages) > MAX_GROUPS:
        raise BatchRefused(BatchRefusal.TOO_LARGE, "groups")
    if sum(len(one.indices) for one in messages) > MAX_CHANGES:
        raise BatchRefused(BatchRefusal.TOO_LARGE, "groups")
    groups = tuple(_group(one, f"groups[{place}]") for place, one in enumerate(messages))
    if len(groups) > 1 and not _ascending(sorted(chain.from_iterable(group.indices for group in groups))):
        raise BatchRefused(BatchRefusal.INDEX_REPEATED, "groups")
    return groups


def _group(message: pb.ChangeGroup, path: str) -> ChangeGroup:
    refuse_unknown(message, path)
    word = STATE_WORDS.get(message.state)
    if word is None:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.state")
    if message.reason_class not in _REASON_CLASSES:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.reason_class")
    if len(message.authority) > MAX_AUTHORITY or not message.authority.isprintable():
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.authority")
    if message.corrects > MAX_NUMBER:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.corrects")
    indices = array("I", message.indices)
    if not indices:
        raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.indices")
    if not _ascending(indices):
        _refuse_order(indices, f"{path}.indices")
    return ChangeGroup(
        word,
        indices,
        message.authority,
        _REASON_CLASSES[message.reason_class],
        message.corrects or None,
    )


def _blocks(messages: Sequence[pb.StatusBlock]) -> tuple[Block, ...]:
    if len(messages) > MAX_BLOCKS:
        raise BatchRefused(BatchRefusal.TOO_LARGE, "blocks")
    blocks: list[Block] = []
    left, beyond = MAX_BLOCK_BYTES, 0
    for place, message in enumerate(messages):
        path = f"blocks[{place}]"
        block = block_of(message, path, left)
        if block.first < beyond:
            raise BatchRefused(BatchRefusal.INDEX_REPEATED, f"{path}.first_index")
        if block.words.translate(None, words.PUBLISHED_BYTES):
            raise BatchRefused(BatchRefusal.MALFORMED, f"{path}.deflated_words")
        left -= len(block.words)
        beyond = block.first + 2 * len(block.words)
        blocks.append(block)
    return tuple(blocks)


def _ascending(indices: Sequence[int]) -> bool:
    """Tell whether each of `indices` is greater than the one before."""
    return all(map(operator.lt, indices, islice(indices, 1, None)))


def _refuse_order(indices: Iterable[int], path: str) -> NoReturn:
    """Tell a place that is named twice from one that stands out of order."""
    told = sorted(indices)
    repeated = any(map(operator.eq, told, islice(told, 1, None)))
    raise BatchRefused(BatchRefusal.INDEX_REPEATED if repeated else BatchRefusal.MALFORMED, path)


def refuse_unknown(message: Message, path: str) -> None:
    """Refuse what this gateway has no word for: it might turn what is said around."""
    if len(UnknownFieldSet(message)):
        raise BatchRefused(BatchRefusal.MALFORMED, path)
