"""Trust lists to start fuzzing from: one key of each algorithm, a certificate, uses, states, revocations."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from keys.sm2 import Sm2Signer


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _coordinates(point: bytes) -> dict[str, str]:
    half = len(point) // 2
    return {"x": _text(point[1 : half + 1]), "y": _text(point[half + 1 :])}


def _key(algorithm: str, jwk: dict[str, str], **more: object) -> dict[str, object]:
    return {"algorithm": algorithm, "key_id": _text(algorithm.encode()), "jwk": jwk, **more}


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "XX")])
    start = datetime(2024, 1, 1, tzinfo=UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 7, start, start + timedelta(days=700))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def trust_list() -> list[bytes]:
    """Return trust lists with keys made at this moment."""
    edwards = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    curve = ec.generate_private_key(ec.SECP256R1())
    point = curve.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    modulus = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n
    sm2 = Sm2Signer.generate(signer_id=b"", z_mode=True, raw=True).public_key
    certificate = _certificate(curve)
    keys = [
        _key("Ed25519", {"kty": "OKP", "crv": "Ed25519", "x": _text(edwards)}, not_before="2024-01-01T00:00:00Z"),
        _key("ES256", {"kty": "EC", "crv": "P-256", **_coordinates(point)}, uses=["test", "vaccination"]),
        _key("RS256", {"kty": "RSA", "n": _text(modulus.to_bytes(256, "big")), "e": "AQAB"}),
        _key(
            "SM2",
            {"kty": "EC", "crv": "SM2", **_coordinates(sm2)},
            sm2={"id": "1234567812345678", "z": True, "signature": "raw"},
        ),
    ]
    issuer = {"issuer": "https://code.gz.example", "name": "Guizhou", "division": "520000", "formats": ["native"]}
    listed: dict[str, object] = {
        "algorithm": "ES256",
        "key_id": _text(sha256(certificate).digest()[:8]),
        "certificate": base64.b64encode(certificate).decode(),
    }
    revocation = {"kid": "ES256", "method": "rid", "ctr": 1, "rids": ["a", "b.1700000000"]}
    documents = [
        [{**issuer, "keys": [key], "states": {"orange": "YELLOW"}, "revocations": [revocation]} for key in keys[:1]],
        [{**issuer, "keys": keys[1:]}],
        [{**issuer, "issuer": "XX", "formats": ["hcert", "vdsnc"], "keys": [listed]}],
    ]
    head = {"format_version": 1, "sequence": 1, "environment": "test", "issued": "2026-01-01T00:00:00Z"}
    return [json.dumps({**head, "issuers": issuers}).encode() for issuers in documents]
