"""Signing keys of every algorithm, made for one test run and never written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from keys.algorithms import PublicKey, Sm2Settings, make_verifier
from keys.sm2 import DEFAULT_SIGNER_ID, Sm2Signer
from keys.values import Algorithm, Instant, IssuerId, KeyId, TrustedKey

Sign = Callable[[bytes], bytes]

SM2_SETTINGS = Sm2Settings(DEFAULT_SIGNER_ID, z_mode=True, raw=True)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with the one algorithm that it signs by."""

    algorithm: Algorithm
    key_id: KeyId
    sign: Sign = field(repr=False)
    """Takes what is signed; returns the signature as JOSE and COSE write it."""
    public: PublicKey = field(repr=False)
    private: object = field(repr=False)
    """The library's own key object, for tests that sign wrongly on purpose."""
    sm2: Sm2Settings | None = None
    """What is pinned with an SM2 key."""

    def trusted(
        self, issuer: IssuerId, *, not_before: Instant | None = None, not_after: Instant | None = None
    ) -> TrustedKey:
        """Return the key as a trust list would vouch for it."""
        verifier = make_verifier(self.algorithm, self.public, sm2=self.sm2)
        return TrustedKey(issuer, self.key_id, self.algorithm, verifier, not_before, not_after)


def make_key(algorithm: Algorithm, key_id: str, *, sm2: Sm2Settings = SM2_SETTINGS) -> SigningKey:
    """Return a new key; one for SM2 signs by `sm2`, no other looks at it."""
    name = KeyId(key_id.encode())
    if algorithm is Algorithm.ED25519:
        edwards = ed25519.Ed25519PrivateKey.generate()
        return SigningKey(algorithm, name, edwards.sign, edwards.public_key(), edwards)
    if algorithm in (Algorithm.ES256, Algorithm.ES384):
        curve = ec.generate_private_key(ec.SECP256R1() if algorithm is Algorithm.ES256 else ec.SECP384R1())
        return SigningKey(algorithm, name, _ecdsa(curve), curve.public_key(), curve)
    if algorithm in (Algorithm.RS256, Algorithm.PS256):
        long = rsa.generate_private_key(65537, 2048)
        return SigningKey(algorithm, name, _rsa(long, pss=algorithm is Algorithm.PS256), long.public_key(), long)
    national = Sm2Signer.generate(signer_id=sm2.signer_id, z_mode=sm2.z_mode, raw=sm2.raw)
    return SigningKey(algorithm, name, national.sign, national.public_key, national, sm2)


def _ecdsa(key: ec.EllipticCurvePrivateKey) -> Sign:
    size = key.key_size // 8
    scheme = ec.ECDSA(hashes.SHA256() if size == 32 else hashes.SHA384())

    def sign(message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(key.sign(message, scheme))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return sign


def _rsa(key: rsa.RSAPrivateKey, *, pss: bool) -> Sign:
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else padding.PKCS1v15()
    return lambda message: key.sign(message, scheme, hashes.SHA256())
