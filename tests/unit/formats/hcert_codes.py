"""HCERT codes of one issuer, for the tests of the reader and of what it makes of a payload."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import hcert
from gateway.values import Algorithm
from tests.simulators.hcert_issuer import HcertIssuer, vaccination

ISSUED = 1_624_000_000.0
EXPIRES = 1_655_000_000.0
KEY_ID = b"\x01\x02\x03\x04\x05\x06\x07\x08"


def quick_sign(message: bytes) -> bytes:
    return b"signature of " + str(zlib.crc32(message)).encode()


ISSUER = HcertIssuer(quick_sign, KEY_ID, Algorithm.ES256)
GOOD = ISSUER.issue(vaccination(), issued=ISSUED, expires=EXPIRES)


def issued(payload: Any) -> bytes:
    return ISSUER.issue(payload, issued=ISSUED, expires=EXPIRES)


def with_claims(**changes: object) -> bytes:
    """Return a good code with claims changed: iss, iat, exp, nbf, hcert; ... as a value takes the claim away."""
    names = {"iss": 1, "exp": 4, "nbf": 5, "iat": 6, "hcert": -260}
    claims: dict[int, object] = {1: "XA", 4: EXPIRES, 6: ISSUED, -260: {1: vaccination()}}
    claims.update({names[name]: value for name, value in changes.items()})
    return ISSUER.issue_claims({claim: value for claim, value in claims.items() if value is not ...})


def reason_of(code: bytes) -> Reason:
    with pytest.raises(CodeUnreadable) as refused:
        hcert.read(code)
    return refused.value.reason
