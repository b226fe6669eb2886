"""HCERT: the text `HC1:` and a signed CWT. EU DCC (all schema versions), WHO DDCC, ICVP.

The way in, each step strict and bounded by the one before:

    HC1: -> base45 -> zlib -> COSE_Sign1 -> CWT claims -> statement

Rules:

- nothing is trimmed: what does not belong to the code is refused
- MAX_INFLATED bounds what a code unpacks to. The largest QR symbol holds 2,864 bytes in Base45, real CBOR shrinks to a
  half at best, and the largest real codes unpack to 2 KiB; `cbor.MAX_BYTES`, which bounds the time, would refuse more
- times (claims 4, 5, 6) are numbers, with or without a fraction, between 2000 and 2100
- an issuer that is no text (null, where a serialiser writes what is absent) names nobody; it is a schema deviation
- one exception, for an issuer that writes NaN where it means "none" (Uruguay): such an expiry is a schema deviation
  and counts as long past, never as for ever; NaN anywhere else is refused
- whether the code has expired, and who signed it, is for later rooms
- of the holder nothing is kept but what the signature covers, an EU DCC's medical entries for rules to judge, and,
  sealed, the one clinical item that was asked for
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Final

from gateway.clinical import ClinicalItem
from gateway.errors import CodeUnreadable, Reason
from gateway.values import ClaimedCode, Format, Instant, IssuerId
from keys.values import EARLIEST, LATEST

from . import base45, cbor, clinical_dcc, cose
from .hcert_payload import read_payload
from .inflate import inflate

PREFIX: Final = b"HC1:"
MAX_INFLATED: Final = cbor.MAX_BYTES

CLAIM_ISSUER: Final = 1
CLAIM_EXPIRE_TIME: Final = 4
CLAIM_NOT_BEFORE: Final = 5
CLAIM_ISSUE_TIME: Final = 6
CLAIM_HCERT: Final = -260


def read(code: bytes, item: ClinicalItem | None = None) -> ClaimedCode:
    """Read an HCERT code; keep the clinical `item` of it, if one is wanted.

    1. the text: prefix, base45, zlib
    2. the envelope
    3. the claims: a map; issuer and times
    4. what the payload states

    Guarantees that every byte of the code was read and understood, and that `signed` is what the signature covers.
    Checks no signature, no validity, no value set. The caller has bounded the size of `code`.

    Source: eHealth Network, "Technical Specifications for DCC" volumes 1 and 3; RFC 8392, section 3.1.

    Raises: CodeUnreadable. The text: UNRECOGNISED (not the prefix), BAD_TEXT_ENCODING, BAD_COMPRESSION,
    DECOMPRESSION_BOMB, TRAILING_BYTES. The envelope: what `cose.read_sign1` raises. The claims: what `cbor.decode`
    raises, MISSING_CLAIM, BAD_CLAIM, TIME_OUT_OF_RANGE.
    """
    # 1
    if not code.startswith(PREFIX):
        raise CodeUnreadable(Reason.UNRECOGNISED, "prefix")
    packed = base45.decode(code[len(PREFIX) :])
    # 2
    envelope = cose.read_sign1(inflate(packed, raw=False, limit=MAX_INFLATED))
    # 3
    claims = cbor.decode(envelope.payload, finite=False)
    if not isinstance(claims, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "CWT claims")
    undated = _is_nan(claims.get(CLAIM_EXPIRE_TIME))
    if undated:
        claims[CLAIM_EXPIRE_TIME] = EARLIEST
    cbor.require_finite(claims, envelope.payload)
    issuer = claims.get(CLAIM_ISSUER, "")
    misnamed = not isinstance(issuer, str)
    issue_time = _time(claims, CLAIM_ISSUE_TIME, "iat")
    not_before = _time(claims, CLAIM_NOT_BEFORE, "nbf")
    expire_time = _time(claims, CLAIM_EXPIRE_TIME, "exp")
    # 4
    statement = read_payload(claims)
    return ClaimedCode(
        Format.HCERT,
        IssuerId("" if misnamed else issuer),
        envelope.key_id,
        envelope.algorithm,
        envelope.signed,
        envelope.signature,
        statement.word,
        issue_time,
        _later(not_before, statement.not_before),
        _earlier(expire_time, statement.expire_time),
        required_use=statement.required_use,
        notes=(Reason.SCHEMA_DEVIATION,) if statement.deviates or undated or misnamed else (),
        obstacle=envelope.obstacle,
        evidence=statement.evidence,
        clinical=None if item is None else clinical_dcc.find(claims, item),
    )


def write(message: bytes) -> bytes:
    """Return the code that carries a COSE_Sign1. For encoders."""
    return PREFIX + base45.encode(zlib.compress(message, 9))


def _time(claims: Mapping[object, object], claim: int, name: str) -> Instant | None:
    if claim not in claims:
        return None
    value = claims[claim]
    if not isinstance(value, int | float) or isinstance(value, bool) or not EARLIEST <= value <= LATEST:
        raise CodeUnreadable(Reason.TIME_OUT_OF_RANGE, name)
    return Instant(float(value))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _later(one: Instant | None, other: Instant | None) -> Instant | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _earlier(one: Instant | None, other: Instant | None) -> Instant | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
