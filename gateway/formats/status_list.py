"""A Token Status List: what it says of itself, and the places in it.

Rules:

- 1, 2, 4 or 8 bits a place, the lower place in the lower bits of a byte; one zlib stream, whole, and nothing behind it
- `sub`, `iat` and `status_list` are there; `exp`, `nbf`, `ttl`, `iss` may be; nothing is ever null
- times are finite and within 2000 to 2100; it expires after it was issued; `ttl` is more than nothing
- it is unpacked piece by piece, so that neither a bomb nor a nation takes more memory than a piece; who unpacks it has
  checked the signature before
- a place is translated by the 2, 4, 16 or 256 words that its issuer's map has, to the four bits that the gateway holds

A claim that is not listed here is ignored.

Source: IETF Token Status List (draft-ietf-oauth-status-list), sections 4, 5 and 7.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.changes import MAX_CAPACITY, Word
from gateway.errors import CodeUnreadable, Reason
from gateway.values import Algorithm, Instant, IssuerId, KeyId
from keys.values import EARLIEST, LATEST

__all__ = ["MAX_TOKEN_BYTES", "SIZES", "ClaimedStatusList", "WordTable", "pack", "status_at", "unpacked"]

SIZES: Final = frozenset({1, 2, 4, 8})
"""Bits a place."""

MAX_TOKEN_BYTES: Final = 64 << 20
"""Of a list as it is sent. The most populous province at 4 bits, of which a tenth is not green, takes 14 MB."""

MAX_TTL_S: Final = 10 * 366 * 86_400.0
"""Longer than any list may be kept: said by mistake."""

_PIECE: Final = 1 << 20
_SLICE: Final = 1 << 16
"""What zlib has not used yet is copied at each step: it is fed in slices, or a long list would cost the square."""

_ISSUER_FORM: Final = re.compile(r"[!-~]{1,128}")
_ADDRESS_FORM: Final = re.compile(r"[!-~]{1,512}")


@dataclass(frozen=True, slots=True)
class ClaimedStatusList:
    """What a list says of itself. Nothing in it is proven, and nothing of it is unpacked."""

    uri: str
    """`sub`: must be the address that codes point at."""
    issuer: IssuerId | None
    """`iss`, which the specification does not ask for."""
    key_id: KeyId | None
    algorithm: Algorithm | None
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    issue_time: Instant
    not_before: Instant | None
    expire_time: Instant | None
    ttl: float | None
    """Seconds that it may be kept before it is fetched again."""
    bits: int
    packed: bytes = field(repr=False)
    """The places, as a zlib stream."""
    aggregation_uri: str | None = None
    obstacle: Reason | None = None
    """Why the signature cannot be checked here."""


def claimed_status_list(
    *,
    uri: object,
    issuer: object,
    issue_time: object,
    not_before: object,
    expire_time: object,
    ttl: object,
    bits: object,
    packed: bytes,
    aggregation_uri: object,
    key_id: KeyId | None,
    algorithm: Algorithm | None,
    obstacle: Reason | None,
    signed: bytes,
    signature: bytes,
) -> ClaimedStatusList:
    """Return the list if its claims keep the rules above. None is an absent claim.

    Raises: CodeUnreadable with MISSING_CLAIM, BAD_CLAIM or TIME_OUT_OF_RANGE.
    """
    issued = _time(issue_time, "iat")
    starts = None if not_before is None else _time(not_before, "nbf")
    expires = None if expire_time is None else _time(expire_time, "exp")
    if expires is not None and (expires <= issued or (starts is not None and expires <= starts)):
        raise CodeUnreadable(Reason.BAD_CLAIM, "exp")
    if type(bits) is not int or bits not in SIZES:
        raise CodeUnreadable(Reason.MISSING_CLAIM if bits is None else Reason.BAD_CLAIM, "bits")
    return ClaimedStatusList(
        uri=_text(uri, _ADDRESS_FORM, "sub"),
        issuer=None if issuer is None else IssuerId(_text(issuer, _ISSUER_FORM, "iss")),
        key_id=key_id,
        algorithm=algorithm,
        signed=signed,
        signature=signature,
        issue_time=issued,
        not_before=starts,
        expire_time=expires,
        ttl=None if ttl is None else _seconds(ttl),
        bits=bits,
        packed=packed,
        aggregation_uri=None if aggregation_uri is None else _text(aggregation_uri, _ADDRESS_FORM, "aggregation_uri"),
        obstacle=obstacle,
    )


def pack(pieces: Iterable[bytes], *, level: int = 9) -> bytes:
    """Return the zlib stream of raw places. Level 9 is what the specification recommends; 6 takes a tenth of the time.

    Source: the same, section 4.1.
    """
    packer = zlib.compressobj(level)
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def unpacked(packed: bytes, bits: int, *, most_places: int = MAX_CAPACITY) -> Iterator[bytes]:
    """Yield the raw places in pieces, each but the last of 1 MiB. What was yielded counts only once the end is reached.

    Raises: CodeUnreadable with BAD_COMPRESSION (no such stream, or a truncated one), DECOMPRESSION_BOMB (more than
    `most_places`), TRAILING_BYTES (something follows the stream) or BAD_CLAIM (not one place).
    """
    most, total = most_places * bits // 8, 0
    made = bytearray()
    for piece in _inflated(packed):
        total += len(piece)
        if total > most:
            raise CodeUnreadable(Reason.DECOMPRESSION_BOMB, "lst")
        made += piece
        if len(made) >= _PIECE:
            yield bytes(made[:_PIECE])
            del made[:_PIECE]
    if not total:
        raise CodeUnreadable(Reason.BAD_CLAIM, "lst")
    if made:
        yield bytes(made)


def _inflated(packed: bytes) -> Iterator[bytes]:
    """Yield what a zlib stream unpacks to, at most a piece at a time; raise as `unpacked` once it is found broken."""
    stream = zlib.decompressobj()
    for place in range(0, len(packed), _SLICE):
        fed = packed[place : place + _SLICE]
        # At its end a stream may still name what follows as not consumed, again and again.
        while fed and not stream.eof:
            yield _step(stream, fed)
            fed = stream.unconsumed_tail
        if stream.eof:
            if stream.unused_data or place + _SLICE < len(packed):
                raise CodeUnreadable(Reason.TRAILING_BYTES, "lst")
            return
    raise CodeUnreadable(Reason.BAD_COMPRESSION, "lst is truncated")


def _step(stream: zlib._Decompress, fed: bytes) -> bytes:
    try:
        return stream.decompress(fed, _PIECE)
    except zlib.error:
        pass
    raise CodeUnreadable(Reason.BAD_COMPRESSION, "lst")


def status_at(raw: bytes, bits: int, index: int) -> int | None:
    """Return what stands at one place of an unpacked list; None if it has no such place.

    Source: the same, section 4.1.
    """
    place, within = divmod(index * bits, 8)
    if not 0 <= place < len(raw):
        return None
    return (raw[place] >> within) & ((1 << bits) - 1)


class WordTable:
    """How the places of one list become words: by tables of a byte, without a look at single places."""

    __slots__ = ("_tables", "bits")

    def __init__(self, bits: int, words: Sequence[Word]) -> None:
        """Take the word of each status, 2, 4, 16 or 256 of them. Raises: ValueError if they do not fit the size."""
        if bits not in SIZES or len(words) != 1 << bits or any(not 0 <= word <= 0xF for word in words):
            raise ValueError(f"{len(words)} words for {bits} bits")
        self.bits = bits
        self._tables: tuple[bytes, ...]
        if bits == 8:
            self._tables = (bytes(words), bytes(word << 4 for word in words))
            return
        mask, pairs = (1 << bits) - 1, 4 // bits
        self._tables = tuple(
            bytes(
                words[byte >> 2 * bits * pair & mask] | words[byte >> 2 * bits * pair + bits & mask] << 4
                for byte in range(256)
            )
            for pair in range(pairs)
        )

    def words(self, raw: bytes) -> bytes:
        """Return the words of raw places, two to a byte, the lower place in the lower half.

        Of 8 bits a place an odd number may end the list: the half behind it reads 0xF.
        """
        if self.bits == 8:
            return self._joined(raw)
        if self.bits == 4:
            return raw.translate(self._tables[0])
        made = bytearray(len(raw) * len(self._tables))
        for pair, table in enumerate(self._tables):
            made[pair :: len(self._tables)] = raw.translate(table)
        return bytes(made)

    def _joined(self, raw: bytes) -> bytes:
        lower, upper = raw[0::2].translate(self._tables[0]), raw[1::2].translate(self._tables[1])
        if len(upper) < len(lower):
            upper += b"\xf0"
        # As two large numbers: the one operation on whole texts that "or" has.
        both = int.from_bytes(lower, "little") | int.from_bytes(upper, "little")
        return both.to_bytes(len(lower), "little")


def _text(value: object, form: re.Pattern[str], claim: str) -> str:
    if isinstance(value, str) and form.fullmatch(value):
        return value
    raise CodeUnreadable(Reason.MISSING_CLAIM if value is None else Reason.BAD_CLAIM, claim)


def _time(value: object, claim: str) -> Instant:
    # type() and not isinstance(): True is an int.
    if type(value) in (int, float) and isinstance(value, int | float) and EARLIEST <= value <= LATEST:
        return Instant(float(value))
    raise CodeUnreadable(Reason.MISSING_CLAIM if value is None else Reason.TIME_OUT_OF_RANGE, claim)


def _seconds(value: object) -> float:
    if type(value) in (int, float) and isinstance(value, int | float) and 0 < value <= MAX_TTL_S:
        return float(value)
    raise CodeUnreadable(Reason.BAD_CLAIM, "ttl")
