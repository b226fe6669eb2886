"""COSE_Sign1: a payload, who signed it, and exactly what the signature covers.

Rules:

- the array of four, bare, tagged 18, or tagged 61 (CWT) around 18; no other tag
- the algorithm counts only in the protected header: what the signature does not cover cannot say how to check it
- the key id counts in the protected header first, then in the unprotected one: it is only a hint for finding the key
- a protected header of no entries is signed as the empty byte string, however it was encoded
- `crit` anywhere is refused: the gateway knows no critical extension
- a detached payload is refused: there is nothing beside the code

A protected header is read once per key, not once per code: it is the same for all of them and says nothing about
anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from gateway.errors import CodeUnreadable, Reason
from gateway.quick import quick
from gateway.values import Algorithm, KeyId

from . import cbor

TAG_SIGN1: Final = b"\xd2"
"""Tag 18, as it stands before the array."""
TAG_CWT: Final = b"\xd8\x3d"
"""Tag 61, as it stands before tag 18."""

LABEL_ALGORITHM: Final = 1
LABEL_CRITICAL: Final = 2
LABEL_KEY_ID: Final = 4

ALGORITHM_NUMBERS: Final[Mapping[Algorithm, int]] = {
    Algorithm.ES256: -7,
    Algorithm.ED25519: -8,
    Algorithm.ES384: -35,
    Algorithm.PS256: -37,
    Algorithm.RS256: -257,
    # SM2 has no registered number; this one is of the range for private use.
    Algorithm.SM2: -65537,
}
"""The number that an encoder writes."""

_ALGORITHMS: Final[Mapping[object, Algorithm]] = {
    **{number: algorithm for algorithm, number in ALGORITHM_NUMBERS.items()},
    # RFC 9864: the same algorithms, with the curve in the name.
    -9: Algorithm.ES256,
    -19: Algorithm.ED25519,
    -51: Algorithm.ES384,
}

_CACHED_HEADERS: Final = 1_024
_MOST_CACHED_BYTES: Final = 256
_EMPTY_MAP: Final = b"\xa0"
_SIGNATURE1: Final = b"\x84\x6aSignature1"
_NO_EXTERNAL_DATA: Final = b"\x40"


@quick
@dataclass(frozen=True, slots=True)
class Sign1:
    """One COSE_Sign1, taken apart. Nothing in it is proven."""

    header: Mapping[object, object] = field(repr=False)
    """The protected header."""
    key_id: KeyId | None
    algorithm: Algorithm | None
    """None if the protected header names none, or one that the gateway does not read: then `obstacle` says so."""
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    """Exactly what the signature covers."""
    signature: bytes = field(repr=False)
    obstacle: Reason | None = None


@dataclass(frozen=True, slots=True)
class _Header:
    """A protected header, as far as anyone may care."""

    entries: Mapping[object, object] = field(repr=False)
    key_id: bytes | None
    algorithm: Algorithm | None
    obstacle: Reason | None


def read_sign1(data: bytes, *, max_bytes: int = cbor.MAX_BYTES) -> Sign1:
    """Take a COSE_Sign1 apart.

    1. one strict CBOR item behind its tags
    2. four elements: byte string, map, byte string, byte string
    3. the protected header: a map inside the byte string, or nothing
    4. the unprotected header: nothing critical, and the key id if the protected one has none

    Guarantees the rules above. Checks no signature, nothing of the payload, no length of the signature. `max_bytes` is
    for what is no code.

    Source: RFC 9052, sections 2, 3, 4.2 and 4.4; RFC 8392, section 6; RFC 9864, section 2.

    Raises: CodeUnreadable with what `cbor.decode` raises, BAD_ENVELOPE (not a COSE_Sign1) or CRITICAL_HEADER.
    """
    # 1
    if data.startswith(TAG_CWT + TAG_SIGN1):
        data = data[3:]
    elif data.startswith(TAG_SIGN1):
        data = data[1:]
    message = cbor.decode(data, max_bytes=max_bytes)
    # 2
    if not isinstance(message, list) or len(message) != 4:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "COSE_Sign1 array")
    protected, unprotected, payload, signature = message
    if not (
        isinstance(protected, bytes)
        and isinstance(unprotected, dict)
        and isinstance(payload, bytes)
        and isinstance(signature, bytes)
    ):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "COSE_Sign1 element")
    # 3
    if protected == _EMPTY_MAP:
        protected = b""
    header = _read_header_cached(protected) if len(protected) <= _MOST_CACHED_BYTES else _read_header(protected)
    # 4
    if LABEL_CRITICAL in unprotected:
        raise CodeUnreadable(Reason.CRITICAL_HEADER, "crit")
    key_id = header.key_id
    if key_id is None:
        key_id = _key_id(unprotected)
    return Sign1(
        header.entries,
        None if key_id is None else KeyId(key_id),
        header.algorithm,
        payload,
        signed_bytes(protected, payload),
        signature,
        header.obstacle,
    )


def _read_header(protected: bytes) -> _Header:
    entries = cbor.decode(protected) if protected else {}
    if not isinstance(entries, dict):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "protected header")
    if LABEL_CRITICAL in entries:
        raise CodeUnreadable(Reason.CRITICAL_HEADER, "crit")
    named = entries.get(LABEL_ALGORITHM)
    if not isinstance(named, int | str | None) or isinstance(named, bool):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "alg")
    algorithm = _ALGORITHMS.get(named)
    return _Header(
        MappingProxyType(entries),
        _key_id(entries),
        algorithm,
        Reason.UNSUPPORTED_ALGORITHM if algorithm is None and named is not None else None,
    )


_read_header_cached = lru_cache(_CACHED_HEADERS)(_read_header)


def _key_id(header: Mapping[object, object]) -> bytes | None:
    key_id = header.get(LABEL_KEY_ID)
    if not isinstance(key_id, bytes | None):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "kid")
    return key_id


def signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """Return exactly what the signature of a COSE_Sign1 covers: the Sig_structure, without external data.

    `protected` is the encoded protected header, b"" if it has no entries.

    Source: RFC 9052, section 4.4.
    """
    return b"".join(
        (_SIGNATURE1, cbor.byte_string(protected), _NO_EXTERNAL_DATA, cbor.byte_string(payload)),
    )


def encode_sign1(
    header: Mapping[int, object],
    payload: bytes,
    sign: Callable[[bytes], bytes],
    *,
    unprotected: Mapping[int, object] | None = None,
    tags: bytes = TAG_SIGN1,
) -> bytes:
    """Sign `payload` and return the COSE_Sign1.

    `header` is the protected header, written in the order given; `sign` takes the Sig_structure and returns the
    signature; `tags` is what stands before the array: TAG_SIGN1, TAG_CWT + TAG_SIGN1, or nothing.

    Source: RFC 9052, sections 4.2 and 4.4.
    """
    protected = cbor.encode(dict(header)) if header else b""
    signature = sign(signed_bytes(protected, payload))
    return tags + cbor.encode([protected, dict(unprotected or {}), payload, signature])
