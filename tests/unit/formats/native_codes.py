"""Native codes for tests: an accepted one in each spelling, and what it takes to break one part and sign the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from nacl.signing import SigningKey

from gateway.formats import base45, cbor, cose
from gateway.formats.native_encode import NativeClaims, encode_jws, encode_qr
from gateway.values import Algorithm, KeyId
from tests.simulators.shc_issuer import base64url, compact

KEY_ID = KeyId(b"gz-2026-1")
SIGNING_KEY = SigningKey(hashlib.sha256(b"healthcode-gateway unit tests: native Ed25519").digest())
DIGEST = base64url(hashlib.sha256(b"a holder").digest()).decode()

CLAIMS = NativeClaims(
    issuer="https://code.gz.example",
    division="520000",
    state="green",
    issue_time=1_700_000_000,
    expire_time=1_700_086_400,
    code_id="Aa0_-Aa0_-Aa0_-A",
)
FULL = CLAIMS._replace(
    not_before=1_700_000_100,
    subject="p-7f3a",
    status_uri="https://status.gz.example/lists/7",
    status_index=4_294_967_295,
    holder_key=DIGEST,
)
CONVERTED = CLAIMS._replace(
    issuer="https://interop.zj.example",
    division="330000",
    status_uri="https://interop.zj.example/status/Xy3_-aQ9",
    status_index=77_001,
    audience="330000",
    origin_issuer="https://code.gz.example",
    origin_division="520000",
)


def sign(message: bytes) -> bytes:
    """Sign with the test key."""
    return SIGNING_KEY.sign(message).signature


def jws(claims: NativeClaims = FULL) -> bytes:
    """Return an accepted compact JWS."""
    return encode_jws(claims, key_id=KEY_ID, algorithm=Algorithm.ED25519, sign=sign).encode()


def qr(claims: NativeClaims = FULL) -> bytes:
    """Return an accepted QR text."""
    return encode_qr(claims, key_id=KEY_ID, algorithm=Algorithm.ED25519, sign=sign).encode()


HEADER: dict[str, object] = {"alg": "Ed25519", "kid": "gz-2026-1", "typ": "hcg+jwt"}
PAYLOAD: dict[str, object] = {
    "iss": "https://code.gz.example",
    "div": "520000",
    "st": "green",
    "iat": 1_700_000_000,
    "exp": 1_700_086_400,
    "jti": "Aa0_-Aa0_-Aa0_-A",
    "nbf": 1_700_000_100,
    "sub": "p-7f3a",
    "status": {"status_list": {"idx": 4_294_967_295, "uri": "https://status.gz.example/lists/7"}},
    "cnf": {"jkt": DIGEST},
}


def jws_of(header: bytes | None = None, payload: bytes | None = None) -> bytes:
    """Return a rightly signed JWS of exactly these bytes."""
    head = compact(HEADER) if header is None else header
    body = compact(PAYLOAD) if payload is None else payload
    signing_input = base64url(head) + b"." + base64url(body)
    return signing_input + b"." + base64url(sign(signing_input))


def jws_with(**changed: object) -> bytes:
    """Return the accepted JWS with some claims changed."""
    return jws_of(payload=compact({**PAYLOAD, **changed}))


def jws_without(*names: str) -> bytes:
    """Return the accepted JWS without some claims."""
    return jws_of(payload=compact({name: value for name, value in PAYLOAD.items() if name not in names}))


def jws_header(**changed: object) -> bytes:
    """Return the accepted JWS with some header parameters changed."""
    return jws_of(compact({**HEADER, **changed}))


COSE_HEADER: dict[int, object] = {1: -8, 4: b"gz-2026-1", 16: "hcg+cwt"}
CWT: dict[object, object] = {
    1: "https://code.gz.example",
    4: 1_700_086_400,
    6: 1_700_000_000,
    7: b"Aa0_-Aa0_-Aa0_-A",
    -65537: "520000",
    -65538: "green",
    5: 1_700_000_100,
    2: "p-7f3a",
    65535: {"status_list": {"idx": 4_294_967_295, "uri": "https://status.gz.example/lists/7"}},
    8: {"jkt": hashlib.sha256(b"a holder").digest()},
}


def qr_of(
    header: Mapping[int, object] | None = None,
    payload: bytes | None = None,
    *,
    tags: bytes = cose.TAG_SIGN1,
    unprotected: Mapping[int, object] | None = None,
) -> bytes:
    """Return a rightly signed QR text of exactly this header and payload."""
    message = cose.encode_sign1(
        COSE_HEADER if header is None else header,
        cbor.encode(CWT) if payload is None else payload,
        sign,
        tags=tags,
        unprotected=unprotected,
    )
    return b"HCI1:" + base45.encode(message)


def qr_with(changed: Mapping[object, object]) -> bytes:
    """Return the accepted QR text with some claims changed."""
    return qr_of(payload=cbor.encode({**CWT, **changed}))


def qr_without(*labels: object) -> bytes:
    """Return the accepted QR text without some claims."""
    return qr_of(payload=cbor.encode({label: value for label, value in CWT.items() if label not in labels}))
