"""A province that issues native codes: JWS and QR text, rightly signed whatever their parts say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.formats import base45, cbor, cose, native_cwt
from gateway.formats.native_claims import CWT_TYPE, JWS_TYPE, QR_PREFIX
from keys.values import Instant, IssuerId

from .shc_issuer import base64url
from .signing import SigningKey

LIFETIME = 60


@dataclass(frozen=True, slots=True)
class NativeIssuer:
    """One province."""

    issuer: IssuerId
    division: str

    def claims(self, at: Instant) -> dict[str, object]:
        """Return the claims of a green code that is shown the second after it was made."""
        return {
            "iss": self.issuer,
            "div": self.division,
            "st": "green",
            "iat": int(at) - 1,
            "nbf": int(at) - 1,
            "exp": int(at) + LIFETIME,
            "jti": "code-1",
            "sub": "pseudonym-1",
        }

    def header(self, key: SigningKey) -> dict[str, object]:
        """Return the header of this province's tokens."""
        return {"alg": key.algorithm.value, "kid": key.key_id.decode(), "typ": JWS_TYPE}

    def issue(self, key: SigningKey, at: Instant) -> bytes:
        """Return a green code as a compact JWS."""
        return sign_jws(key, as_json(self.header(key)), as_json(self.claims(at)))

    def qr_claims(self, at: Instant) -> dict[object, object]:
        """Return the same claims by their numbers."""
        return {
            native_cwt.ISSUER: self.issuer,
            native_cwt.DIVISION: self.division,
            native_cwt.STATE: "green",
            native_cwt.ISSUE_TIME: int(at) - 1,
            native_cwt.NOT_BEFORE: int(at) - 1,
            native_cwt.EXPIRE_TIME: int(at) + LIFETIME,
            native_cwt.CODE_ID: b"code-1",
            native_cwt.SUBJECT: "pseudonym-1",
        }

    def qr_header(self, key: SigningKey) -> dict[object, object]:
        """Return the protected header of this province's QR texts."""
        return {
            cose.LABEL_ALGORITHM: cose.ALGORITHM_NUMBERS[key.algorithm],
            cose.LABEL_KEY_ID: key.key_id,
            native_cwt.HEADER_TYPE: CWT_TYPE,
        }

    def issue_qr(self, key: SigningKey, at: Instant) -> bytes:
        """Return a green code as QR text."""
        message = sign_cose(key, cbor.encode(self.qr_header(key)), cbor.encode(self.qr_claims(at)))
        return QR_PREFIX + base45.encode(message)


def as_json(value: object) -> bytes:
    """Return minified JSON, NaN and all."""
    return json.dumps(value, separators=(",", ":")).encode()


def sign_jws(key: SigningKey, header: bytes, payload: bytes) -> bytes:
    """Return the compact JWS of exactly these bytes."""
    signing_input = base64url(header) + b"." + base64url(payload)
    return signing_input + b"." + base64url(key.sign(signing_input))


def sign_cose(
    key: SigningKey,
    protected: bytes,
    payload: bytes,
    *,
    unprotected: Mapping[object, object] | None = None,
    tag: bytes = cose.TAG_SIGN1,
) -> bytes:
    """Return the COSE_Sign1 of exactly these bytes."""
    signature = key.sign(cose.signed_bytes(protected, payload))
    return tag + cbor.encode([protected, dict(unprotected or {}), payload, signature])
