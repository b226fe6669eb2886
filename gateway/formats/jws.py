"""The compact JWS: a header, a payload, a signature, and exactly what the signature covers.

Rules:

- three base64url segments in their one spelling; nothing before or after; the JSON serialisations are not read
- the header is strict JSON (`keys.strict`) and names an algorithm; one that is not on the allow-list is kept as "none
  that we read", so that trust stops with it instead of guessing
- `crit` and `b64` are refused: the gateway knows no critical extension
- `jku`, `jwk`, `x5u`, `x5c` and everything else are ignored: a token never says where its key comes from
- `typ` is compared by the caller's own list before anything else is looked at, so that kinds cannot be confused

A header is read once per key, not once per code: it is the same for all of them and says nothing about anyone.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.errors import CodeUnreadable, Reason
from gateway.values import Algorithm, KeyId
from keys.strict import StrictError, StrictFault, base64url_decode, parse_json

__all__ = ["CompactJws", "JoseHeader", "read_base64url", "read_compact", "read_header", "read_json"]

MAX_TOKEN_BYTES: Final = 32_768
MAX_HEADER_BYTES: Final = 8_192
"""The header's segment; a certificate chain that nobody will look at may stand in it."""
MAX_KEY_ID_CHARACTERS: Final = 256

_HEADER_DEPTH: Final = 4
_CACHED_HEADERS: Final = 1_024
_MOST_CACHED_BYTES: Final = 512

_ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    **{algorithm.value: algorithm for algorithm in Algorithm},
    "EdDSA": Algorithm.ED25519,  # RFC 8037; RFC 9864 calls it Ed25519
}

_REASONS: Final[Mapping[StrictFault, Reason]] = {
    StrictFault.BAD_BASE64: Reason.BAD_TEXT_ENCODING,
    StrictFault.BAD_JSON: Reason.BAD_JSON,
    StrictFault.DUPLICATE_KEY: Reason.DUPLICATE_KEY,
    StrictFault.TOO_DEEP: Reason.TOO_DEEP,
    StrictFault.NOT_FINITE: Reason.NOT_FINITE,
    StrictFault.NOT_UTF8: Reason.NOT_UTF8,
}


@dataclass(frozen=True, slots=True)
class JoseHeader:
    """What a protected header says, as far as anyone may care."""

    algorithm: Algorithm | None
    """None if it names one that the gateway does not read: then `obstacle` says so."""
    key_id: KeyId | None
    type: str | None
    """`typ` without the optional "application/"."""
    compression: str | None
    """`zip`."""
    obstacle: Reason | None


class CompactJws(NamedTuple):
    """One compact JWS, taken apart. Nothing in it is proven. A tuple, because one is made for every code."""

    header: JoseHeader
    payload: bytes
    signature: bytes
    signing_input: bytes
    """Exactly what the signature covers."""

    def __repr__(self) -> str:
        """Show what concerns nobody in person."""
        return f"CompactJws(header={self.header!r})"


def read_compact(token: bytes, *, types: Set[str | None] | None = None, max_bytes: int = MAX_TOKEN_BYTES) -> CompactJws:
    """Take a compact JWS apart.

    1. size, and nothing around it
    2. the header, and whether it is of a kind that the caller reads
    3. exactly three segments
    4. payload and signature

    Guarantees the rules above. Checks no signature, nothing of the payload, no length of the signature. `types` are the
    `typ` values that the caller reads (None among them: no `typ` at all); without it any is read. `max_bytes` is for
    tokens that are no codes.

    Source: RFC 7515, sections 3.1, 4.1 and 5.2; RFC 7797, section 6; RFC 8725, sections 3.1, 3.10 and 3.11.

    Raises: CodeUnreadable with TOO_LARGE, TRAILING_BYTES, WRONG_TYPE, BAD_ENVELOPE, BAD_TEXT_ENCODING, or what
    `read_header` raises.
    """
    # 1
    if len(token) > max_bytes:
        raise CodeUnreadable(Reason.TOO_LARGE, "JWS")
    head, dot, rest = token.partition(b".")
    if not dot:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "JWS segments")
    if token[0] <= 0x20 or token[-1] <= 0x20:
        raise CodeUnreadable(Reason.TRAILING_BYTES, "JWS")
    # 2
    header = read_header(head)
    if types is not None and header.type not in types:
        raise CodeUnreadable(Reason.WRONG_TYPE, "typ")
    # 3
    payload, dot, signature = rest.partition(b".")
    if not dot or b"." in signature:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "JWS segments")
    # 4
    signing_input = token[: -len(signature) - 1]
    try:
        return CompactJws(header, base64url_decode(payload), base64url_decode(signature), signing_input)
    except StrictError as error:
        reason = _REASONS[error.fault]
    raise CodeUnreadable(reason, "JWS segment")


def read_header(segment: bytes) -> JoseHeader:
    """Read a protected header from its base64url segment.

    Source: RFC 7515, section 4.1; RFC 7797, section 3.

    Raises: CodeUnreadable with TOO_LARGE, BAD_TEXT_ENCODING, what `read_json` raises, CRITICAL_HEADER, or BAD_ENVELOPE
    (no object, no `alg`, or a parameter of the wrong type).
    """
    if len(segment) <= _MOST_CACHED_BYTES:
        return _read_header_cached(segment)
    if len(segment) > MAX_HEADER_BYTES:
        raise CodeUnreadable(Reason.TOO_LARGE, "JWS header")
    return _read_header(segment)


def _read_header(segment: bytes) -> JoseHeader:
    header = read_json(read_base64url(segment, "JWS header"), max_depth=_HEADER_DEPTH, what="JWS header")
    if not isinstance(header, dict):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "JWS header")
    if "crit" in header or "b64" in header:
        raise CodeUnreadable(Reason.CRITICAL_HEADER, "JWS header")
    name = header.get("alg")
    key_id = header.get("kid")
    kind = header.get("typ")
    compression = header.get("zip")
    if not (
        isinstance(name, str)
        and isinstance(key_id, str | None)
        and isinstance(kind, str | None)
        and isinstance(compression, str | None)
    ):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "JWS header parameter")
    if key_id is not None and not 1 <= len(key_id) <= MAX_KEY_ID_CHARACTERS:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "kid")
    algorithm = _ALGORITHMS.get(name)
    return JoseHeader(
        algorithm,
        None if key_id is None else KeyId(key_id.encode()),
        None if kind is None else kind.removeprefix("application/"),
        compression,
        Reason.UNSUPPORTED_ALGORITHM if algorithm is None else None,
    )


_read_header_cached = lru_cache(_CACHED_HEADERS)(_read_header)


def read_base64url(text: bytes, what: str) -> bytes:
    """Decode canonical base64url; `what` names the part for operators.

    Raises: CodeUnreadable with BAD_TEXT_ENCODING.
    """
    try:
        return base64url_decode(text)
    except StrictError as error:
        reason = _REASONS[error.fault]
    raise CodeUnreadable(reason, what)


def read_json(data: bytes, *, max_depth: int, what: str) -> object:
    """Read one strict JSON value (`keys.strict.parse_json`); `what` names the part for operators.

    Raises: CodeUnreadable with BAD_JSON, DUPLICATE_KEY, TOO_DEEP, NOT_FINITE or NOT_UTF8.
    """
    try:
        return parse_json(data, max_depth=max_depth)
    except StrictError as error:
        reason = _REASONS[error.fault]
    raise CodeUnreadable(reason, what)
