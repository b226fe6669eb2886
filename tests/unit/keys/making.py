"""Keys, JWKs and certificates made on the spot for the tests of this folder. Nothing here is ever written down."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys.values import Algorithm, IssuerId, KeyId, TrustedKey

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey

FROM = datetime(2021, 5, 1, tzinfo=UTC)
UNTIL = datetime(2023, 5, 1, tzinfo=UTC)


_CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Return the one RSA key of this run: making one takes a while."""
    return rsa.generate_private_key(65_537, 2048)


def ec_key(curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    """Return the one key of this run on `curve`."""
    return _ec_key(curve)


@cache
def _ec_key(curve: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(_CURVES[curve])


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def ec_jwk(key: ec.EllipticCurvePrivateKey | None = None, **more: object) -> dict[str, object]:
    public = (key or ec_key()).public_key()
    size = (public.key_size + 7) // 8
    numbers = public.public_numbers()
    crv = {32: "P-256", 48: "P-384", 66: "P-521"}[size]
    return {"kty": "EC", "crv": crv, "x": number(numbers.x, size), "y": number(numbers.y, size), **more}


def rsa_jwk(key: rsa.RSAPrivateKey | None = None, **more: object) -> dict[str, object]:
    numbers = (key or rsa_key()).public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **more}


def ed25519_jwk(**more: object) -> dict[str, object]:
    point = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(point), **more}


def certificate(
    key: PrivateKey | None = None,
    *,
    uses: Sequence[str] | None = None,
    country: str | None = "XX",
    not_before: datetime = FROM,
    not_after: datetime = UNTIL,
    critical: bool = False,
) -> bytes:
    """Return a self-signed certificate (DER); `uses` are the OIDs of its extended key usage, None for no extension."""
    key = key or ec_key()
    parts = [x509.NameAttribute(x509.NameOID.COMMON_NAME, "DSC")]
    if country is not None:
        parts.append(x509.NameAttribute(x509.NameOID.COUNTRY_NAME, country))
    name = x509.Name(parts)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if uses is not None:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in uses]), critical=critical
        )
    signed = builder.sign(key, None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


class Nobody:
    """A verifier that knows no signature."""

    def verify(self, signature: bytes, message: bytes) -> bool:
        del signature, message
        return False


def trusted(issuer: str, key_id: bytes) -> TrustedKey:
    return TrustedKey(IssuerId(issuer), KeyId(key_id), Algorithm.ES256, Nobody())
