"""One key, one algorithm, one check: from a public key to a `Verifier`.

A mistake here is a wrong PASS, so the rules are few and hard:

- The algorithm comes from the trust list, never from the code. A verifier does one algorithm and cannot be asked for
  another, so there is nothing to confuse.
- A key is judged once, when it is registered (`KeyRefused` says why not), and parsed once.
- A signature of the wrong length is refused before anything is cut out of it.
- `verify` answers True or False. It never raises on hostile input, and nothing else than the library's own "valid"
  turns into True.
- ECDSA signatures exist in two equal spellings (s and n - s), both valid: nothing may ever be keyed on one.

Where the algorithms live: Ed25519 in ed25519.py, RSA in rsa.py, SM2 in sm2.py, ECDSA here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .ed25519 import Ed25519Verifier
from .rsa import RsaVerifier
from .values import Algorithm, IssuerId, KeyId, KeyRefusal, KeyRefused, Verifier

PublicKey = bytes | Ed25519PublicKey | ec.EllipticCurvePublicKey | RSAPublicKey
"""bytes: an Ed25519 key (32) or an SM2 point (64 as x||y, or 65 with the leading 04)."""


@dataclass(frozen=True, slots=True)
class Sm2Settings:
    """What an SM2 signature covers and how it is written: pinned per key, never guessed (GM/T 0009 leaves it open)."""

    signer_id: bytes
    z_mode: bool
    """True: the standard's e = SM3(Z || M). False: e = SM3(M), which some systems sign instead."""
    raw: bool
    """True: r || s in 64 bytes. False: DER."""


@dataclass(frozen=True, slots=True)
class RefusedKey:
    """A key that was offered and not taken: where it stood in its source, and why."""

    issuer: IssuerId
    key_id: KeyId | None
    position: str
    """Path in the source: `issuers[3].keys[0]`, or a file name."""
    reason: KeyRefusal
    detail: str = ""


def make_verifier(algorithm: Algorithm, public_key: PublicKey, *, sm2: Sm2Settings | None = None) -> Verifier:
    """Register a public key for one algorithm.

    Guarantees that the key is of the algorithm's type and curve, and not of a kind that lets others sign in its name
    (see ed25519.py and rsa.py). Does not check whose key it is.

    Args:
        algorithm: what the trust list says; the only algorithm that the verifier will ever do.
        public_key: of the type that belongs to `algorithm`.
        sm2: needed for SM2, ignored for all others.

    Raises:
        KeyRefused: the key must not be registered; `reason` says why.

    Source: RFC 7518 section 3, RFC 8725 sections 3.1 and 3.4.

    """
    match algorithm, public_key:
        case Algorithm.ED25519, bytes():
            return Ed25519Verifier(public_key)
        case Algorithm.ED25519, Ed25519PublicKey():
            return Ed25519Verifier(public_key.public_bytes_raw())
        case ((Algorithm.ES256 | Algorithm.ES384), ec.EllipticCurvePublicKey()):
            return EcdsaVerifier(algorithm, public_key)
        case ((Algorithm.PS256 | Algorithm.RS256), RSAPublicKey()):
            return RsaVerifier(public_key, pss=algorithm is Algorithm.PS256)
        case Algorithm.SM2, bytes():
            return _sm2_verifier(public_key, sm2)
        case _:
            raise KeyRefused(KeyRefusal.UNSUPPORTED_KEY_TYPE, f"this is not a key for {algorithm.value}")


@dataclass(frozen=True, slots=True)
class _EcdsaKind:
    curve: type[ec.EllipticCurve]
    scheme: ec.ECDSA
    scalar_bytes: int


_ECDSA: Final = {
    Algorithm.ES256: _EcdsaKind(ec.SECP256R1, ec.ECDSA(hashes.SHA256()), 32),
    Algorithm.ES384: _EcdsaKind(ec.SECP384R1, ec.ECDSA(hashes.SHA384()), 48),
}

# DER heads by content length. Two scalars of at most 49 bytes with their heads stay under 128: lengths of one byte.
_SEQUENCE_HEAD: Final = tuple(bytes((0x30, length)) for length in range(128))
_INTEGER_HEAD: Final = tuple(bytes((0x02, length)) for length in range(50))


class EcdsaVerifier:
    """One registered P-256 or P-384 key; signatures are r || s of fixed length, as JOSE and COSE write them."""

    __slots__ = ("_scalar_bytes", "_scheme", "_signature_bytes", "_verify")

    def __init__(self, algorithm: Algorithm, public_key: ec.EllipticCurvePublicKey) -> None:
        """Register a key. Raises: KeyRefused with UNSUPPORTED_CURVE."""
        kind = _ECDSA[algorithm]
        if not isinstance(public_key.curve, kind.curve):
            raise KeyRefused(KeyRefusal.UNSUPPORTED_CURVE, f"{algorithm.value} is not for {public_key.curve.name}")
        self._verify = public_key.verify
        self._scheme = kind.scheme
        self._scalar_bytes = kind.scalar_bytes
        self._signature_bytes = 2 * kind.scalar_bytes

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether `signature` is this key's over exactly `message`. Never raises on hostile input."""
        # RFC 7518 3.4: before it is split. Halving a signature of another length reads other numbers than were
        # written, and stripped or padded spellings of valid signatures pass.
        if len(signature) != self._signature_bytes:
            return False
        # The library wants DER. Built by hand it costs half of what the library's own encoder does: leading zeros off,
        # one back on where the top bit would read as a minus.
        r = signature[: self._scalar_bytes].lstrip(b"\0")
        s = signature[self._scalar_bytes :].lstrip(b"\0")
        # Zero is no valid r or s, and has no DER spelling that this code could build.
        if not r or not s:
            return False
        if r[0] & 0x80:
            r = b"\0" + r
        if s[0] & 0x80:
            s = b"\0" + s
        r = _INTEGER_HEAD[len(r)] + r
        s = _INTEGER_HEAD[len(s)] + s
        try:
            self._verify(_SEQUENCE_HEAD[len(r) + len(s)] + r + s, message, self._scheme)
        except InvalidSignature:
            return False
        return True


def _sm2_verifier(public_key: bytes, settings: Sm2Settings | None) -> Verifier:
    if settings is None:
        raise KeyRefused(KeyRefusal.MISSING_MEMBER, "an SM2 key needs its signer id, Z mode and signature form")
    # Here and not above: SM2 looks for a shared library, which no other algorithm needs.
    from .sm2 import Sm2Verifier

    return Sm2Verifier(
        public_key,
        signer_id=settings.signer_id,
        z_mode=settings.z_mode,
        raw=settings.raw,
    )
