"""Whose certificates may name callers of which domain: each domain has authorities of its own.

Rules:

- TLS lets in who has a certificate of any of the authorities. Who she is, only those of her own domain can say: a
  SPIFFE id under another domain's authority is nobody.
- A name without a domain is vouched for by every domain whose authorities signed it; the registry says whose counts.
- A certificate is looked at once, then remembered by its SHA-256 until it, or one above it, expires; one that nobody
  vouches for for a minute.
- Keys are those of the Web PKI: P-256, P-384, P-521, RSA from 2,048 bits. Revocation lists are not read: take
  the authority away, or the row in the registry.

Source: RFC 5280, section 6, with the bounds of `cryptography.x509.verification`; X509-SVID, section 5. Of extensions
only what that needs is asked for: authorities of agencies are often made without what the Web PKI asks of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.values import Instant

from .identity import domain_of, is_spiffe

MAX_PEM_BYTES: Final = 1 << 20
MAX_REMEMBERED: Final = 4_096
"""Certificates; beyond, all are looked at anew."""
LOOK_AGAIN_S: Final = 60.0
"""Seconds for which nobody vouches for a certificate that was not vouched for: it may not be valid yet."""

_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_RSA_BITS: Final = 2_048

NOBODY: Final[frozenset[str]] = frozenset()


class RootsUnusable(Exception):
    """The authorities of a domain cannot be used."""

    def __init__(self, domain: str, file: Path, why: str) -> None:
        super().__init__(f"{domain}: {file}: {why}")
        self.domain = domain
        self.file = file
        self.why = why


@dataclass(frozen=True, slots=True)
class _Seen:
    """A certificate that was looked at."""

    domains: frozenset[str]
    until: float


class DomainRoots:
    """The authorities of all domains. Immutable but for what it remembers: a reload puts another in its place."""

    def __init__(self, authorities: Mapping[str, Collection[x509.Certificate]]) -> None:
        """Take at least one authority for each domain."""
        self._stores = {domain: verification.Store(list(found)) for domain, found in authorities.items()}
        self._seen: dict[tuple[str, bytes], _Seen] = {}

    @classmethod
    def load(cls, files: Mapping[str, Path]) -> DomainRoots:
        """Read the authorities of each domain from its PEM file. Raises: RootsUnusable."""
        return cls({domain: _authorities(domain, file) for domain, file in files.items()})

    @property
    def domains(self) -> frozenset[str]:
        """The domains that have authorities."""
        return frozenset(self._stores)

    def vouching(self, name: str, chain: bytes, at: Instant) -> frozenset[str]:
        """Return the domains whose authorities vouch for `name`; none if it is nobody's.

        `chain` is what the caller showed in TLS, in PEM, her own certificate first; `name` was read off that one.
        """
        key = (name, sha256(chain).digest())
        seen = self._seen.get(key)
        if seen is None or at >= seen.until:
            if len(self._seen) >= MAX_REMEMBERED:
                self._seen.clear()
            seen = self._seen[key] = self._look(name, chain, at)
        return seen.domains

    def vouching_for_leaf(self, name: str, certificate: bytes, at: Instant) -> frozenset[str]:
        """Return the same of a certificate alone, in DER: what stands between it and its root is among the roots."""
        try:
            pem = x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)
        except ValueError:
            return NOBODY
        return self.vouching(name, pem, at)

    def _look(self, name: str, chain: bytes, at: Instant) -> _Seen:
        try:
            leaf, *between = x509.load_pem_x509_certificates(chain)
        except ValueError:
            return _Seen(NOBODY, at + LOOK_AGAIN_S)
        if not _is_taken(leaf):
            return _Seen(NOBODY, at + LOOK_AGAIN_S)
        domain = domain_of(name)
        if domain is not None:
            asked: Collection[str] = (domain,) if domain in self._stores and _is_svid(leaf, name) else ()
        else:
            asked = () if is_spiffe(name) else self._stores
        ends = {one: end for one in asked if (end := self._end(one, leaf, between, at)) is not None}
        if not ends:
            return _Seen(NOBODY, at + LOOK_AGAIN_S)
        return _Seen(frozenset(ends), min(ends.values()))

    def _end(self, domain: str, leaf: x509.Certificate, between: list[x509.Certificate], at: Instant) -> float | None:
        """Return until when `domain` vouches for a certificate; None if it does not."""
        verifier = (
            verification.PolicyBuilder()
            .store(self._stores[domain])
            .time(datetime.fromtimestamp(at, UTC))
            .extension_policies(ca_policy=_AUTHORITY, ee_policy=_LEAF)
            .build_client_verifier()
        )
        try:
            chain = verifier.verify(leaf, between).chain
        except (verification.VerificationError, ValueError, x509.ExtensionNotFound):
            return None
        return min(one.not_valid_after_utc for one in chain).timestamp()


def _must_sign(_policy: verification.Policy, _certificate: x509.Certificate, found: x509.BasicConstraints) -> None:
    if not found.ca:
        raise ValueError("no authority")


def _may_sign(_policy: verification.Policy, _certificate: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError("may not sign certificates")


def _must_not_sign(
    _policy: verification.Policy, _certificate: x509.Certificate, found: x509.BasicConstraints | None
) -> None:
    if found is not None and found.ca:
        raise ValueError("an authority is no caller")


def _for_callers(
    _policy: verification.Policy, _certificate: x509.Certificate, found: x509.ExtendedKeyUsage | None
) -> None:
    if found is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in found:
        raise ValueError("not for callers")


_EITHER: Final = verification.Criticality.AGNOSTIC
_AUTHORITY: Final = (
    verification.ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, _EITHER, _must_sign)
    .may_be_present(x509.KeyUsage, _EITHER, _may_sign)
)
_LEAF: Final = (
    verification.ExtensionPolicy.permit_all()
    .may_be_present(x509.BasicConstraints, _EITHER, _must_not_sign)
    .may_be_present(x509.ExtendedKeyUsage, _EITHER, _for_callers)
)


def _is_taken(leaf: x509.Certificate) -> bool:
    """Tell whether a caller's own key is of a kind that is taken: the library looks at those of authorities only."""
    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, _CURVES)
    return isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS


def _is_svid(leaf: x509.Certificate, name: str) -> bool:
    """Tell whether the id is the only URI of the certificate, as one of SPIFFE has it."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return names.get_values_for_type(x509.UniformResourceIdentifier) == [name]


def _authorities(domain: str, file: Path) -> list[x509.Certificate]:
    try:
        with file.open("rb") as opened:
            pem = opened.read(MAX_PEM_BYTES + 1)
    except OSError as unreadable:
        raise RootsUnusable(domain, file, unreadable.strerror or "cannot be read") from None
    if len(pem) > MAX_PEM_BYTES:
        raise RootsUnusable(domain, file, f"is larger than {MAX_PEM_BYTES} bytes")
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise RootsUnusable(domain, file, "holds no certificates in PEM") from None
    for one in found:
        try:
            authority = one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (ValueError, x509.ExtensionNotFound):
            authority = False
        if not authority:
            raise RootsUnusable(domain, file, "holds a certificate that is no authority's")
    return found
