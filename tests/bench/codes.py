"""Distinct signed codes of every measured kind, made anew in each run, and the trust that fits them.

Each code has its own id and its own times, so nothing that was learned from one helps with another. Payloads have the
size and shape of real ones; the persons in them do not exist.
"""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from nacl.bindings import crypto_sign_open

from gateway.formats import cbor, cose, hcert
from gateway.formats.native_encode import NativeClaims, encode_jws, encode_qr
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Algorithm, DivisionCode, Format, Instant, IssuerId, IssuerProfile, KeyId, Measure, TrustedKey
from keys.algorithms import make_verifier
from keys.ring import KeyRing

AT = Instant(1_790_000_000.0)
RECEIVING = DivisionCode("330000")
ISSUERS = 8
"""So many issuers share the codes, as at a real gate."""

Sign = Callable[[bytes], bytes]
_ES256 = ec.ECDSA(hashes.SHA256())


class Ed25519Key:
    """An Ed25519 key that also knows what libsodium alone does with its signatures."""

    algorithm = Algorithm.ED25519

    def __init__(self) -> None:
        self._private = ed25519.Ed25519PrivateKey.generate()
        self.public = self._private.public_key()

    def sign(self, message: bytes) -> bytes:
        """Return the signature."""
        return self._private.sign(message)

    def raw_check(self, signature: bytes, message: bytes) -> Callable[[], object]:
        """Return the library's check, its input ready made."""
        signed, public = signature + message, self.public.public_bytes_raw()
        return lambda: crypto_sign_open(signed, public)


class Es256Key:
    """A P-256 key that also knows what the cryptography package alone does with its signatures."""

    algorithm = Algorithm.ES256

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        self.public = self._private.public_key()

    def sign(self, message: bytes) -> bytes:
        """Return the signature as JOSE and COSE write it: r and s side by side."""
        r, s = decode_dss_signature(self._private.sign(message, _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def raw_check(self, signature: bytes, message: bytes) -> Callable[[], object]:
        """Return the library's check, its input ready made: the library wants DER."""
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        verify = self.public.verify
        return lambda: verify(der, message, _ES256)


AnyKey = Ed25519Key | Es256Key


@dataclass(frozen=True, slots=True)
class Kind:
    """One measured kind of code."""

    format: Format
    new_key: Callable[[], AnyKey]
    encode: Callable[[IssuerId, KeyId, Algorithm, int, Sign], bytes]
    expected: Measure
    limit: float | None
    """The least ratio of raw signature checks to the six rooms, in CPU time."""


@dataclass(frozen=True, slots=True)
class CodeSet:
    """Codes of one kind, whom to trust for them, and the raw signature checks that they contain."""

    codes: tuple[bytes, ...]
    trust: TrustSnapshot
    raw_checks: tuple[Callable[[], object], ...]


def make(kind: Kind, count: int) -> CodeSet:
    """Return `count` distinct codes."""
    keys = [kind.new_key() for _ in range(ISSUERS)]
    names = [IssuerId(f"https://code-{number}.example") for number in range(ISSUERS)]
    key_ids = [KeyId(f"2026-{number}".encode()) for number in range(ISSUERS)]
    checks: list[Callable[[], object]] = []

    def signing_with(key: AnyKey) -> Sign:
        def sign(message: bytes) -> bytes:
            signature = key.sign(message)
            checks.append(key.raw_check(signature, message))
            return signature

        return sign

    signers = [signing_with(key) for key in keys]
    codes = tuple(
        kind.encode(names[at], key_ids[at], keys[at].algorithm, number, signers[at])
        for number, at in ((number, number % ISSUERS) for number in range(count))
    )
    trusted = [
        TrustedKey(name, key_id, key.algorithm, make_verifier(key.algorithm, key.public))
        for name, key_id, key in zip(names, key_ids, keys, strict=True)
    ]
    profiles = {name: IssuerProfile(name, DivisionCode("520000"), frozenset({kind.format}), {}) for name in names}
    return CodeSet(codes, TrustSnapshot(ring=KeyRing(trusted), issuers=profiles, revocations={}), tuple(checks))


def _claims(issuer: IssuerId, number: int) -> NativeClaims:
    return NativeClaims(
        issuer=issuer,
        division="520100",
        state="green",
        issue_time=int(AT) - 600 - number % 1_000,
        expire_time=int(AT) + 3_600 + number,
        code_id=f"c{number:021d}",
        subject=f"p{number:021d}",
    )


def _native_jws(issuer: IssuerId, key_id: KeyId, algorithm: Algorithm, number: int, sign: Sign) -> bytes:
    return encode_jws(_claims(issuer, number), key_id=key_id, algorithm=algorithm, sign=sign).encode()


def _native_qr(issuer: IssuerId, key_id: KeyId, algorithm: Algorithm, number: int, sign: Sign) -> bytes:
    return encode_qr(_claims(issuer, number), key_id=key_id, algorithm=algorithm, sign=sign).encode()


def _hcert(issuer: IssuerId, key_id: KeyId, algorithm: Algorithm, number: int, sign: Sign) -> bytes:
    vaccination = {
        "ci": f"URN:UVCI:01:AT:{number:032X}#K",
        "co": "AT",
        "dn": 2,
        "dt": "2026-02-18",
        "is": "Ministry of Health, Austria",
        "ma": "ORG-100030215",
        "mp": "EU/1/20/1528",
        "sd": 2,
        "tg": "840539006",
        "vp": "1119349007",
    }
    name = {"fn": "Musterfrau-Goessinger", "fnt": "MUSTERFRAU<GOESSINGER", "gn": "Gabriele", "gnt": "GABRIELE"}
    dcc = {"v": [vaccination], "dob": "1998-02-26", "nam": name, "ver": "1.3.0"}
    claims = {4: int(AT) + 86_400 + number, 6: int(AT) - 86_400 - number, 1: issuer, -260: {1: dcc}}
    header = {cose.LABEL_ALGORITHM: cose.ALGORITHM_NUMBERS[algorithm], cose.LABEL_KEY_ID: key_id}
    return hcert.write(cose.encode_sign1(header, cbor.encode(claims), sign))


def _shc(issuer: IssuerId, key_id: KeyId, algorithm: Algorithm, number: int, sign: Sign) -> bytes:
    patient = {
        "resourceType": "Patient",
        "name": [{"family": "Anyperson", "given": ["John", "B."]}],
        "birthDate": "1951-01-20",
    }
    doses = [
        {
            "resourceType": "Immunization",
            "status": "completed",
            "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "207"}]},
            "patient": {"reference": "resource:0"},
            "occurrenceDateTime": f"2026-0{dose}-29",
            "performer": [{"actor": {"display": "ABC General Hospital"}}],
            "lotNumber": f"{number:07d}",
        }
        for dose in (1, 2)
    ]
    entries = [{"fullUrl": f"resource:{at}", "resource": resource} for at, resource in enumerate([patient, *doses])]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    kinds = [f"https://smarthealth.cards#{kind}" for kind in ("health-card", "immunization", "covid19")]
    subject = {"fhirVersion": "4.0.1", "fhirBundle": bundle}
    payload = {"iss": issuer, "nbf": int(AT) - 600 - number, "vc": {"type": kinds, "credentialSubject": subject}}
    header = {"zip": "DEF", "alg": algorithm.value, "kid": key_id.decode()}
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(_json(payload)) + deflate.flush()
    signing_input = _base64url(_json(header)) + b"." + _base64url(packed)
    token = signing_input + b"." + _base64url(sign(signing_input))
    return b"shc:/" + b"".join(b"%02d" % (letter - 45) for letter in token)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


KINDS = {
    "native_jws_ed25519": Kind(Format.NATIVE, Ed25519Key, _native_jws, Measure.PASS, 0.70),
    "native_jws_es256": Kind(Format.NATIVE, Es256Key, _native_jws, Measure.PASS, 0.70),
    "native_qr_ed25519": Kind(Format.NATIVE, Ed25519Key, _native_qr, Measure.PASS, None),
    "native_qr_es256": Kind(Format.NATIVE, Es256Key, _native_qr, Measure.PASS, None),
    "hcert_es256": Kind(Format.HCERT, Es256Key, _hcert, Measure.LIMITED, 0.40),
    "shc_es256": Kind(Format.SHC, Es256Key, _shc, Measure.LIMITED, None),
}
