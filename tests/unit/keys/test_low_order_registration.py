"""Wherever a public key is registered, none of the 14 encodings of Ed25519 points of small order is taken.

Under such a key anybody can sign anything. The places: a key or certificate on a trust list (provinces, followed
gateways and converters stand there too), a key set that is imported or that receipts are checked with, a key that is
published beside the gateway's own, a caller's certificate, and her authority.
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.callers.roots import DomainRoots
from gateway.values import Instant
from keys.ed25519 import LOW_ORDER
from keys.jwk import key_from_jwk, keys_from_jwks
from keys.published import PublicKeyUnreadable, read_public_key
from keys.trust_list import parse_trust_list
from keys.values import Algorithm, IssuerId, KeyRefusal, KeyRefused
from keys.x509 import key_from_certificate

from .test_trust_list import certified, issuer, key, trust_list, written

ISSUER = IssuerId("A")
ALL = pytest.mark.parametrize("point", sorted(LOW_ORDER), ids=bytes.hex)
GOOD = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
NAME = "spiffe://zj.example/hub/330100/rail/east"
AT = datetime(2026, 1, 1, tzinfo=UTC)
AUTHORITY = ec.generate_private_key(ec.SECP256R1())
SPKI_HEAD = bytes.fromhex("302a300506032b6570032100")
"""RFC 8410: what stands before the point in a SubjectPublicKeyInfo."""


def jwk(point: bytes) -> dict[str, object]:
    return {"kty": "OKP", "crv": "Ed25519", "x": urlsafe_b64encode(point).rstrip(b"=").decode()}


def pem(point: bytes) -> str:
    return f"-----BEGIN PUBLIC KEY-----\n{b64encode(SPKI_HEAD + point).decode()}\n-----END PUBLIC KEY-----\n"


Public = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def certificate(key: bytes | Public, *, authority: bool = False) -> x509.Certificate:
    """Return a certificate about a key, or an Ed25519 point, rightly signed by an authority of ours."""
    public = Ed25519PublicKey.from_public_bytes(key) if isinstance(key, bytes) else key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ours" if authority else "her")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ours")]))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(AT)
        .not_valid_after(AT + timedelta(days=300))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return builder.sign(AUTHORITY, hashes.SHA256())


def offered(point: bytes) -> list[object]:
    """Return the reasons for which a trust list leaves out the point, as a JWK and in a certificate."""
    der = certificate(point).public_bytes(Encoding.DER)
    listed = trust_list(issuer("A", key("good"), key("bad", jwk=jwk(point)), certified(der, algorithm="Ed25519")))
    found = parse_trust_list(written(listed))
    assert len(found.issuers[0].keys) + len(found.refused) == 3
    return [one.reason for one in found.refused]


@ALL
def test_no_trust_list_has_one(point: bytes) -> None:
    assert offered(point) == [KeyRefusal.LOW_ORDER] * 2


@ALL
def test_no_key_set_and_no_certificate_has_one(point: bytes) -> None:
    takers: tuple[Callable[[], object], ...] = (
        lambda: key_from_jwk({**jwk(point), "kid": "k"}, issuer=ISSUER, algorithms=frozenset({Algorithm.ED25519})),
        lambda: key_from_certificate(certificate(point).public_bytes(Encoding.DER), issuer=ISSUER),
    )
    for take in takers:
        with pytest.raises(KeyRefused) as refused:
            take()
        assert refused.value.reason is KeyRefusal.LOW_ORDER
    taken, left = keys_from_jwks(
        {"keys": [{**jwk(point), "kid": "k"}]}, issuer=ISSUER, algorithms=frozenset({Algorithm.ED25519})
    )
    assert (taken, [one.reason for one in left]) == ([], [KeyRefusal.LOW_ORDER])


@ALL
def test_none_is_published_beside_the_gateways_own(point: bytes, tmp_path: Path) -> None:
    for text in (pem(point), json.dumps(jwk(point))):
        (tmp_path / "key").write_text(text)
        with pytest.raises(PublicKeyUnreadable, match="low_order"):
            read_public_key(tmp_path / "key")


OWN = (
    x509.CertificateBuilder()
    .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ours")]))
    .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ours")]))
    .public_key(AUTHORITY.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(AT)
    .not_valid_after(AT + timedelta(days=300))
    .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    .sign(AUTHORITY, hashes.SHA256())
)
LATER = Instant((AT + timedelta(days=1)).timestamp())


def vouched_for(key: bytes | Public) -> bool:
    return bool(DomainRoots({"zj.example": [OWN]}).vouching(NAME, certificate(key).public_bytes(Encoding.PEM), LATER))


@ALL
def test_no_caller_and_no_authority_has_one(point: bytes) -> None:
    assert not vouched_for(point)
    caller = certificate(point).public_bytes(Encoding.PEM)
    forged = certificate(point, authority=True)
    assert DomainRoots({"zj.example": [forged]}).vouching(NAME, caller, LATER) == frozenset()


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        (ec.generate_private_key(ec.SECP256R1()).public_key(), True),
        (ec.generate_private_key(ec.SECP384R1()).public_key(), True),
        (ec.generate_private_key(ec.SECP521R1()).public_key(), True),
        (rsa.generate_private_key(65_537, 2_048).public_key(), True),
        (rsa.generate_private_key(65_537, 1_024).public_key(), False),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), False),
        (GOOD, False),
    ],
    ids=["P-256", "P-384", "P-521", "RSA 2048", "RSA 1024", "secp256k1", "Ed25519"],
)
def test_callers_have_keys_of_the_kinds_that_are_written_down(key: bytes | Public, *, taken: bool) -> None:
    assert vouched_for(key) is taken


def test_the_places_take_a_good_key(tmp_path: Path) -> None:
    assert offered(GOOD) == []
    for text in (pem(GOOD), json.dumps(jwk(GOOD))):
        (tmp_path / "key").write_text(text)
        assert read_public_key(tmp_path / "key")["x"] == jwk(GOOD)["x"]
