"""A public key from an X.509 certificate.

- The certificate is a carrier of a key, its window and its uses. Nothing here vouches for it: its own signature is not
  checked, because being on the trust list is what makes a key trusted.
- Real issuers publish certificates with extensions that break ASN.1's rules (an encoded default in Finland's, an empty
  key-usage list), and strict parsers refuse to tell anything about those. This reader walks to the few fields that
  it needs and looks at no others, so that one damaged extension does not cost a country its key.
- Lenient about what does not matter, closed about what does: a key whose permitted uses cannot be read is refused, for
  "may attest anything" would be the guess that lets a wrong code pass.

Sources: RFC 5280; hcert-spec, electronic health certificate specification, section 3.3.3 (key id) and 4.4 (key usage);
DCC technical specifications volume 5 (extended key usage).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from . import der as asn1
from .algorithms import PublicKey, Sm2Settings, make_verifier
from .rsa import rsa_public_key
from .values import EARLIEST, LATEST, Algorithm, Instant, IssuerId, KeyId, KeyRefusal, KeyRefused, KeyUse, TrustedKey

MAX_CERTIFICATE_BYTES: Final = 16 * 1024
"""No real signer's certificate comes near."""

KEY_ID_BYTES: Final = 8

# The first three are those of the specification; the others stand in most certificates that were really issued.
_USES: Final = {
    "1.3.6.1.4.1.1847.2021.1.1": KeyUse.TEST,
    "1.3.6.1.4.1.1847.2021.1.2": KeyUse.VACCINATION,
    "1.3.6.1.4.1.1847.2021.1.3": KeyUse.RECOVERY,
    "1.3.6.1.4.1.0.1847.2021.1.1": KeyUse.TEST,
    "1.3.6.1.4.1.0.1847.2021.1.2": KeyUse.VACCINATION,
    "1.3.6.1.4.1.0.1847.2021.1.3": KeyUse.RECOVERY,
}
_EXTENDED_KEY_USAGE: Final = "2.5.29.37"
_COUNTRY: Final = "2.5.4.6"
_VERSION_TAG: Final = 0xA0
_EXTENSIONS_TAG: Final = 0xA3

_EC_KEY: Final = "1.2.840.10045.2.1"
_RSA_KEYS: Final = ("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10")
_ED25519_KEY: Final = "1.3.101.112"
_NIST_CURVES: Final[dict[str, tuple[Algorithm, ec.EllipticCurve]]] = {
    "1.2.840.10045.3.1.7": (Algorithm.ES256, ec.SECP256R1()),
    "1.3.132.0.34": (Algorithm.ES384, ec.SECP384R1()),
}
_SM2_CURVE: Final = "1.2.156.10197.1.301"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the gateway reads of a certificate. Nothing in it is proven."""

    key_id: KeyId
    algorithms: tuple[Algorithm, ...]
    """Those that the key can do; the first is the one that health certificates use."""
    public_key: PublicKey
    not_before: Instant
    not_after: Instant
    uses: frozenset[KeyUse]
    """Empty: no health-certificate use is named, so any."""
    country: str | None
    """C of the subject."""


def key_from_certificate(
    der: bytes,
    *,
    issuer: IssuerId,
    algorithm: Algorithm | None = None,
    key_id: KeyId | None = None,
    sm2: Sm2Settings | None = None,
) -> TrustedKey:
    """Return the certificate's key, trusted for `issuer`, inside the certificate's window and for its uses.

    Does not check the certificate's signature, chain or revocation, nor that `issuer` is its subject.

    Args:
        der: the certificate, at most MAX_CERTIFICATE_BYTES.
        issuer: whose codes the key signs.
        algorithm: None takes the key's own: P-256 ES256, P-384 ES384, RSA PS256 (what HCERT prescribes; name RS256 to
            get that), Ed25519, SM2.
        key_id: None takes the first 8 bytes of the SHA-256 of `der`.
        sm2: needed if the key lies on the SM2 curve.

    Raises:
        KeyRefused: the key must not be registered.

    Source: RFC 5280 section 4.1; hcert-spec section 3.3.3.

    """
    certificate = read_certificate(der)
    if algorithm is None:
        algorithm = certificate.algorithms[0]
    elif algorithm not in certificate.algorithms:
        raise KeyRefused(KeyRefusal.UNSUPPORTED_ALGORITHM, f"the certificate's key is not for {algorithm.value}")
    return TrustedKey(
        issuer=issuer,
        key_id=certificate.key_id if key_id is None else key_id,
        algorithm=algorithm,
        verifier=make_verifier(algorithm, certificate.public_key, sm2=sm2),
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        uses=certificate.uses,
    )


def certificate_key_id(der: bytes) -> KeyId:
    """Return the key id by which health certificates name a certificate: the start of its SHA-256."""
    return KeyId(hashlib.sha256(der).digest()[:KEY_ID_BYTES])


def read_certificate(der: bytes) -> Certificate:
    """Walk a certificate.

    1. Down to the part that is signed; nothing may follow the certificate.
    2. Past version, serial number, algorithm and issuer.
    3. Window, subject, key.
    4. Extensions: only the extended key usage is opened.

    Raises: KeyRefused with MALFORMED, UNSUPPORTED_KEY_TYPE, UNSUPPORTED_CURVE, NOT_ON_CURVE or an RSA reason.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise KeyRefused(KeyRefusal.MALFORMED, f"a certificate of more than {MAX_CERTIFICATE_BYTES} bytes")
    try:
        # 1
        outer = asn1.elements(asn1.single(der, asn1.SEQUENCE))
        fields = list(asn1.elements(next(outer, _NOTHING).expect(asn1.SEQUENCE)))
        # 2
        if fields and fields[0].tag == _VERSION_TAG:
            fields = fields[1:]
        if len(fields) < 6:
            raise asn1.DerError("too few fields")
        # 3
        not_before, not_after = _window(fields[3].expect(asn1.SEQUENCE))
        country = _country(fields[4].expect(asn1.SEQUENCE))
        algorithms, public_key = _public_key(fields[5].expect(asn1.SEQUENCE))
        # 4
        uses = _uses(next((field.content for field in fields[6:] if field.tag == _EXTENSIONS_TAG), None))
    except asn1.DerError as broken:
        raise KeyRefused(KeyRefusal.MALFORMED, f"certificate: {broken}") from None
    return Certificate(certificate_key_id(der), algorithms, public_key, not_before, not_after, uses, country)


_NOTHING: Final = asn1.Element(0, b"")


def _window(validity: bytes) -> tuple[Instant, Instant]:
    times = list(asn1.elements(validity))
    if len(times) != 2:
        raise asn1.DerError("a validity is two times")
    not_before, not_after = map(_time, times)
    if not_before > not_after:
        raise asn1.DerError("the validity ends before it begins")
    return not_before, not_after


def _time(element: asn1.Element) -> Instant:
    form = {asn1.UTC_TIME: "%y%m%d%H%M%SZ", asn1.GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}.get(element.tag)
    if form is None:
        raise asn1.DerError("a validity is two times")
    try:
        text = element.content.decode("ascii")
        found = datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        raise asn1.DerError("not a time in UTC with seconds") from None
    # RFC 5280 4.1.2.5.1: two-digit years are 1950 to 2049; strptime's are 1969 to 2068.
    if element.tag == asn1.UTC_TIME and found.year >= 2050:
        found = found.replace(year=found.year - 100)
    # "99991231235959Z" is the standard's own word for "without end" (RFC 5280 4.1.2.5).
    return Instant(min(max(found.timestamp(), EARLIEST), LATEST))


def _country(subject: bytes) -> str | None:
    for relative_name in asn1.elements(subject):
        for attribute in asn1.elements(relative_name.expect(asn1.SET)):
            parts = list(asn1.elements(attribute.expect(asn1.SEQUENCE)))
            if len(parts) == 2 and asn1.dotted(parts[0].expect(asn1.OBJECT_IDENTIFIER)) == _COUNTRY:
                text = parts[1].content
                return text.decode("ascii") if len(text) == 2 and text.isalpha() and text.isascii() else None
    return None


def _public_key(info: bytes) -> tuple[tuple[Algorithm, ...], PublicKey]:
    parts = list(asn1.elements(info))
    if len(parts) != 2:
        raise asn1.DerError("a public key is an algorithm and its bits")
    kind = list(asn1.elements(parts[0].expect(asn1.SEQUENCE)))
    if not kind:
        raise asn1.DerError("a public key without an algorithm")
    name = asn1.dotted(kind[0].expect(asn1.OBJECT_IDENTIFIER))
    bits = asn1.whole_bytes(parts[1].expect(asn1.BIT_STRING))
    if name == _EC_KEY:
        return _curve_key(kind[1:], bits)
    if name in _RSA_KEYS:
        numbers = list(asn1.elements(asn1.single(bits, asn1.SEQUENCE)))
        if len(numbers) != 2:
            raise asn1.DerError("an RSA key is two numbers")
        modulus, exponent = (asn1.unsigned(number.expect(asn1.INTEGER)) for number in numbers)
        return (Algorithm.PS256, Algorithm.RS256), rsa_public_key(modulus, exponent)
    if name == _ED25519_KEY:
        return (Algorithm.ED25519,), bits
    raise KeyRefused(KeyRefusal.UNSUPPORTED_KEY_TYPE, f"certificate: public key algorithm {name}")


def _curve_key(parameters: list[asn1.Element], point: bytes) -> tuple[tuple[Algorithm, ...], PublicKey]:
    # Only a curve's name is taken. Parameters that are spelled out can name a known point as generator, for which
    # anybody knows the private key (CVE-2020-0601).
    if len(parameters) != 1 or parameters[0].tag != asn1.OBJECT_IDENTIFIER:
        raise KeyRefused(KeyRefusal.UNSUPPORTED_CURVE, "certificate: the curve is not given by its name")
    name = asn1.dotted(parameters[0].content)
    if name == _SM2_CURVE:
        return (Algorithm.SM2,), point
    if name not in _NIST_CURVES:
        raise KeyRefused(KeyRefusal.UNSUPPORTED_CURVE, f"certificate: curve {name}")
    algorithm, curve = _NIST_CURVES[name]
    try:
        return (algorithm,), ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    except ValueError:
        raise KeyRefused(KeyRefusal.NOT_ON_CURVE, "certificate: not a point of its curve") from None


def _uses(extensions: bytes | None) -> frozenset[KeyUse]:
    """Return the uses that the extended key usage names; empty if there is none, or none of ours in it.

    An extension whose name cannot be read might be the one that limits the key: that is DerError, hence a refused key.
    What stands inside the others is never looked at.
    """
    if extensions is None:
        return frozenset()
    found: list[bytes] = []
    for extension in asn1.elements(asn1.single(extensions, asn1.SEQUENCE)):
        parts = asn1.elements(extension.expect(asn1.SEQUENCE))
        if asn1.dotted(next(parts, _NOTHING).expect(asn1.OBJECT_IDENTIFIER)) != _EXTENDED_KEY_USAGE:
            continue
        *_, value = [_NOTHING, *parts]
        found.append(value.expect(asn1.OCTET_STRING))
    if len(found) > 1:
        raise asn1.DerError("two extended key usages")
    purposes = asn1.elements(asn1.single(found[0], asn1.SEQUENCE)) if found else ()
    names = (asn1.dotted(purpose.expect(asn1.OBJECT_IDENTIFIER)) for purpose in purposes)
    return frozenset(_USES[name] for name in names if name in _USES)
