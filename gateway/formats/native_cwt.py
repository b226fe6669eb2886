"""The native interop code as a COSE_Sign1 in Base45, for QR symbols (docs/native-code.md, section 4).

Rules:

- `HCI1:` and Base45, 511 bytes at most, not compressed: a small code needs no inflater
- the COSE_Sign1 is tagged 18 and nothing else, so that the text has one spelling
- type, algorithm and key id stand in the protected header
- the payload is one strict CBOR map without null anywhere at its top
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Final

from gateway.errors import CodeUnreadable, Reason
from gateway.values import ClaimedCode

from . import base45, cbor, cose
from .native_claims import (
    CWT_TYPE,
    MAX_QR_BYTES,
    QR_PREFIX,
    check_claims,
    check_key_id,
    claimed_code,
    read_member,
    read_origin,
    read_status_list,
)

HEADER_TYPE: Final = 16

ISSUER: Final = 1
SUBJECT: Final = 2
AUDIENCE: Final = 3
EXPIRE_TIME: Final = 4
NOT_BEFORE: Final = 5
ISSUE_TIME: Final = 6
CODE_ID: Final = 7
CONFIRMATION: Final = 8
STATUS: Final = 65_535
DIVISION: Final = -65_537
STATE: Final = -65_538
COMMITMENT: Final = -65_539
ORIGIN: Final = -65_540

DIGEST_BYTES: Final = 32

_TYPES: Final = (CWT_TYPE, f"application/{CWT_TYPE}")


def read(code: bytes) -> ClaimedCode:
    """Read a native code from its QR text.

    1. size and prefix
    2. Base45, COSE_Sign1 with tag 18
    3. the protected header: kind, algorithm, key id
    4. payload: one strict CBOR map
    5. claims

    Checks neither signature nor times against a clock, nor that the division is the issuer's.

    Source: docs/native-code.md, sections 2, 4 and 5; RFC 8392, section 3; RFC 9596, section 2.

    Raises: CodeUnreadable with TOO_LARGE, UNRECOGNISED, TRAILING_BYTES, what `base45.decode`, `cose.read_sign1` and
    `cbor.decode` raise, WRONG_TYPE, BAD_ENVELOPE, MISSING_CLAIM, BAD_CLAIM or TIME_OUT_OF_RANGE.
    """
    # 1
    if len(code) > MAX_QR_BYTES:
        raise CodeUnreadable(Reason.TOO_LARGE, "native QR")
    if not code.startswith(QR_PREFIX):
        raise CodeUnreadable(Reason.UNRECOGNISED, "native QR")
    if code[-1] < 0x20:
        raise CodeUnreadable(Reason.TRAILING_BYTES, "native QR")
    # 2
    data = base45.decode(code[len(QR_PREFIX) :])
    if not data.startswith(cose.TAG_SIGN1):
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "tag")
    message = cose.read_sign1(data)
    # 3
    header = message.header
    if header.get(HEADER_TYPE) not in _TYPES:
        raise CodeUnreadable(Reason.WRONG_TYPE, "typ")
    if cose.LABEL_ALGORITHM not in header:
        raise CodeUnreadable(Reason.BAD_ENVELOPE, "alg")
    key_id = check_key_id(message.key_id if cose.LABEL_KEY_ID in header else None)
    # 4
    payload = cbor.decode(message.payload)
    if not isinstance(payload, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "payload")
    if None in payload.values():
        raise CodeUnreadable(Reason.BAD_CLAIM, "null")
    # 5
    claim = payload.get
    status_uri, status_index = read_status_list(payload[STATUS]) if STATUS in payload else (None, None)
    origin_issuer, origin_division = read_origin(payload[ORIGIN]) if ORIGIN in payload else (None, None)
    claims = check_claims(
        claim(ISSUER),
        claim(DIVISION),
        claim(STATE),
        claim(ISSUE_TIME),
        claim(EXPIRE_TIME),
        _code_id(claim(CODE_ID)),
        claim(NOT_BEFORE),
        claim(SUBJECT),
        status_uri,
        status_index,
        _digest(read_member(payload[CONFIRMATION], "jkt", "cnf"), "cnf") if CONFIRMATION in payload else None,
        _digest(payload[COMMITMENT], "hcm") if COMMITMENT in payload else None,
        claim(AUDIENCE),
        origin_issuer,
        origin_division,
    )
    return claimed_code(
        claims,
        key_id=key_id,
        algorithm=message.algorithm,
        obstacle=message.obstacle,
        signed=message.signed,
        signature=message.signature,
    )


def _code_id(value: object) -> object:
    """Return a code id as the text that the other spelling has: RFC 8392 makes `cti` a byte string."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if value is None:
        return None
    raise CodeUnreadable(Reason.BAD_CLAIM, "cti")


def _digest(value: object, claim: str) -> str:
    if isinstance(value, bytes) and len(value) == DIGEST_BYTES:
        return urlsafe_b64encode(value).decode("ascii").rstrip("=")
    raise CodeUnreadable(Reason.BAD_CLAIM, claim)
