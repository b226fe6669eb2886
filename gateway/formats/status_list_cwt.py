"""The Token Status List as a CWT: read and written.

Rules:

- a COSE_Sign1 without a tag, or tagged 18 as earlier editions had it; never tagged as a CWT
- `typ` stands in the protected header and is application/statuslist+cwt
- the payload is one strict CBOR map of few items without null anywhere at its top or in the list

Source: IETF Token Status List, sections 4.3 and 5.2; RFC 8392, section 3; RFC 9596, section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.errors import CodeUnreadable, Reason
from gateway.values import Algorithm, Instant, IssuerId, KeyId

from . import cbor, cose, native_cwt
from .status_list import MAX_TOKEN_BYTES, ClaimedStatusList, claimed_status_list

CWT_TYPE: Final = "statuslist+cwt"
MEDIA_TYPE: Final = f"application/{CWT_TYPE}"

TTL: Final = 65_534
STATUS_LIST: Final = 65_533

_TYPES: Final = (MEDIA_TYPE, CWT_TYPE)


def read(token: bytes, *, max_bytes: int = MAX_TOKEN_BYTES) -> ClaimedStatusList:
    """Read a list from its CWT. Nothing is unpacked.

    1. envelope: size, tag, kind
    2. payload: one strict CBOR map
    3. claims

    Checks neither signature nor times against a clock, nor whose list it is.

    Raises: CodeUnreadable with what `cose.read_sign1` and `cbor.decode` raise, BAD_ENVELOPE, WRONG_TYPE, MISSING_CLAIM,
    BAD_CLAIM or TIME_OUT_OF_RANGE.
    """
    # 1
    if token.startswith(cose.TAG_CWT):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "tag")
    message = cose.read_sign1(token, max_bytes=max_bytes)
    if message.header.get(native_cwt.HEADER_TYPE) not in _TYPES:
        raise CodeUnreadable(Reason.WRONG_TYPE, "typ")
    # 2
    payload = cbor.decode(message.payload, max_bytes=max_bytes)
    if not isinstance(payload, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "payload")
    # 3
    listed = payload.get(STATUS_LIST)
    if not isinstance(listed, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM if STATUS_LIST in payload else Reason.MISSING_CLAIM, "status_list")
    if None in payload.values() or None in listed.values():
        raise CodeUnreadable(Reason.BAD_CLAIM, "null")
    places = listed.get("lst")
    if not isinstance(places, bytes):
        raise CodeUnreadable(Reason.MISSING_CLAIM if places is None else Reason.BAD_CLAIM, "lst")
    return claimed_status_list(
        uri=payload.get(native_cwt.SUBJECT),
        issuer=payload.get(native_cwt.ISSUER),
        issue_time=payload.get(native_cwt.ISSUE_TIME),
        not_before=payload.get(native_cwt.NOT_BEFORE),
        expire_time=payload.get(native_cwt.EXPIRE_TIME),
        ttl=payload.get(TTL),
        bits=listed.get("bits"),
        packed=places,
        aggregation_uri=listed.get("aggregation_uri"),
        key_id=message.key_id,
        algorithm=message.algorithm,
        obstacle=message.obstacle,
        signed=message.signed,
        signature=message.signature,
    )


def write(
    *,
    uri: str,
    bits: int,
    packed: bytes,
    issue_time: Instant,
    expire_time: Instant | None = None,
    ttl: int | None = None,
    issuer: IssuerId | None = None,
    key_id: KeyId,
    algorithm: Algorithm,
    sign: Callable[[bytes], bytes],
    tags: bytes = b"",
) -> bytes:
    """Return the CWT of a list; `sign` returns a signature in the form of COSE. `tags` as in `cose.encode_sign1`.

    `packed` is what `status_list.pack` made. Does not check its arguments: read it back, as everybody else will.
    """
    header = {cose.LABEL_ALGORITHM: cose.ALGORITHM_NUMBERS[algorithm], native_cwt.HEADER_TYPE: MEDIA_TYPE}
    claims: dict[int, object | None] = {
        native_cwt.ISSUER: issuer,
        native_cwt.SUBJECT: uri,
        native_cwt.ISSUE_TIME: int(issue_time),
        native_cwt.EXPIRE_TIME: None if expire_time is None else int(expire_time),
        TTL: ttl,
        STATUS_LIST: {"bits": bits, "lst": packed},
    }
    payload = cbor.encode({claim: value for claim, value in claims.items() if value is not None})
    return cose.encode_sign1(header, payload, sign, unprotected={cose.LABEL_KEY_ID: key_id}, tags=tags)
