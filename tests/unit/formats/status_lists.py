"""Token Status Lists to break: each part can be given, and whatever they say is rightly signed."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

from gateway.formats import cbor, cose, status_list
from gateway.values import Algorithm, Instant
from tests.simulators.signing import SigningKey, make_key

URI: Final = "https://code.gz.example/s/1"
ISSUED: Final = Instant(1_700_000_000.0)
EXPIRES: Final = Instant(1_700_086_400.0)
RAW: Final = bytes((0x10, 0xDC, 0xFF))
PACKED: Final = status_list.pack([RAW])
KEY: Final = make_key(Algorithm.ED25519, "status-1")

LISTED: Final[Mapping[str, object]] = {"bits": 4, "lst": PACKED}
"""`status_list`, its places as bytes in both spellings."""
CLAIMS: Final[Mapping[str, object]] = {"sub": URI, "iat": int(ISSUED), "exp": int(EXPIRES), "ttl": 60}

_LABELS: Final = {"iss": 1, "sub": 2, "exp": 4, "nbf": 5, "iat": 6, "ttl": 65_534}
_JWT_HEADER: Final = {"alg": "EdDSA", "kid": "status-1", "typ": "statuslist+jwt"}


def segment(data: bytes) -> bytes:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=")


def jwt(
    claims: Mapping[str, object] = CLAIMS,
    listed: object = LISTED,
    *,
    header: Mapping[str, object] = _JWT_HEADER,
    key: SigningKey = KEY,
) -> bytes:
    """Return the JWT of claims and a list; None as the list leaves it out."""
    if isinstance(listed, Mapping):
        listed = {name: segment(said).decode() if isinstance(said, bytes) else said for name, said in listed.items()}
    said = dict(claims) if listed is None else {**claims, "status_list": listed}
    covered = segment(json.dumps(dict(header)).encode()) + b"." + segment(json.dumps(said).encode())
    return covered + b"." + segment(key.sign(covered))


def cwt(
    claims: Mapping[str, object] = CLAIMS,
    listed: object = LISTED,
    *,
    header: Mapping[int, object] | None = None,
    tags: bytes = b"",
    key: SigningKey = KEY,
) -> bytes:
    """Return the CWT of claims and a list; None as the list leaves it out."""
    said = {_LABELS[name]: value for name, value in claims.items()}
    if listed is not None:
        said[65_533] = dict(listed) if isinstance(listed, Mapping) else listed
    usual = {1: cose.ALGORITHM_NUMBERS[key.algorithm], 16: "application/statuslist+cwt"}
    protected = usual if header is None else header
    return cose.encode_sign1(protected, cbor.encode(said), key.sign, unprotected={4: key.key_id}, tags=tags)
