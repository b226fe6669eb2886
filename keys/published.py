"""Public keys of this gateway that sign nothing now, read from files, to be published beside those that do.

- PEM (SubjectPublicKeyInfo) or one JWK; Ed25519, P-256 or SM2, as `signer.py` signs with. An SM2 key in PEM is one that
  signs as the gateway does; a JWK says so itself.
- A JWK keeps its `kid`; without one, and in PEM, the key id is the RFC 7638 thumbprint, which a signer's key has.
- A file that holds a private key is refused: whoever publishes it has lost it.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .jwk import key_from_jwk, public_members
from .sm2_der import SM2_CURVE, public_key_from_spki
from .sm2_settings import MEMBER, own_jwk
from .strict import StrictError, parse_json
from .values import Algorithm, IssuerId, KeyRefused

MAX_PUBLIC_KEY_BYTES: Final = 16 * 1024
PUBLISHED_AS: Final = {Algorithm.ED25519: "EdDSA", Algorithm.ES256: "ES256", Algorithm.SM2: "SM2"}
"""The `alg` that verifiers of today read."""

_MAX_DEPTH: Final = 4
_PEM: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")
_P256_BYTES: Final = 32


class PublicKeyUnreadable(Exception):
    """A file holds no public key that can be published. Says why, and nothing of what stands in it."""


def read_public_key(path: Path) -> Mapping[str, object]:
    """Return the public key in a file as a JWK for a key set: its own members, `kid`, `use`, `alg`; of SM2 `sm2`.

    Raises: PublicKeyUnreadable.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PUBLIC_KEY_BYTES + 1)
    except OSError as no:
        raise PublicKeyUnreadable(no.strerror or "cannot be read") from None
    if len(data) > MAX_PUBLIC_KEY_BYTES:
        raise PublicKeyUnreadable("too large for a public key")
    if b"PRIVATE KEY" in data:
        raise PublicKeyUnreadable("holds a private key: only public keys are published")
    jwk = _from_json(data) if data.lstrip().startswith(b"{") else _from_pem(data)
    try:
        key = key_from_jwk(jwk, issuer=IssuerId("published"), algorithms=frozenset(PUBLISHED_AS))
        members: dict[str, object] = {**public_members(jwk)}
    except KeyRefused as refused:
        raise PublicKeyUnreadable(f"{refused.reason.value}: {refused.detail}") from None
    if key.algorithm is Algorithm.SM2:
        members[MEMBER] = jwk[MEMBER]
    return {**members, "kid": key.key_id.decode(), "use": "sig", "alg": PUBLISHED_AS[key.algorithm]}


def _from_json(data: bytes) -> dict[str, object]:
    try:
        value = parse_json(data, max_depth=_MAX_DEPTH)
    except StrictError:
        value = None
    if not isinstance(value, dict):
        raise PublicKeyUnreadable("neither a JWK nor a public key in PEM")
    return value


def _from_pem(data: bytes) -> dict[str, object]:
    if (der := _der_of(data)) is not None and SM2_CURVE in der:
        try:
            return own_jwk(public_key_from_spki(der))
        except KeyRefused as refused:
            raise PublicKeyUnreadable(f"{refused.reason.value}: {refused.detail}") from None
    try:
        public = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise PublicKeyUnreadable("neither a JWK nor a public key in PEM") from None
    if isinstance(public, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public.public_bytes_raw())}
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        numbers = public.public_numbers()
        x, y = (_base64url(number.to_bytes(_P256_BYTES, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    raise PublicKeyUnreadable("the key is neither Ed25519 nor P-256 nor SM2")


def _der_of(pem: bytes) -> bytes | None:
    block = _PEM.fullmatch(pem.strip())
    try:
        return None if block is None else b64decode(b"".join(block[1].split()), validate=True)
    except binascii.Error:
        return None


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
