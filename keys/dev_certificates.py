"""Throw-away certificates for development and tests: an authority, and what it signs. Never for production.

Rules:

- Keys are P-256. An authority's own key is never written: nobody can sign in its name once the process has gone.
- A file is made anew or not at all: nothing is written over. Keys are their owner's alone (0600).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class FileExists(Exception):
    """A file is there already, or cannot be made."""


@dataclass(frozen=True, slots=True, repr=False)
class IssuedCertificate:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


class DevAuthority:
    """An authority that lives as long as the process."""

    def __init__(self, name: str, at: float, *, days: float = 30) -> None:
        """Make it: valid from an hour before `at` (seconds of the epoch), for so many days."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        public = self._key.public_key()
        self._certificate = (
            _begun(self._name, self._name, public, at, days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> bytes:
        """Its certificate, PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue_server(self, name: str, hosts: list[str], at: float, *, days: float = 30) -> IssuedCertificate:
        """Return a server's certificate for these host names and addresses."""
        names: list[x509.GeneralName] = [_host(host) for host in hosts]
        return self._issue(name, names, ExtendedKeyUsageOID.SERVER_AUTH, at, days)

    def issue_caller(self, name: str, uri: str, at: float, *, days: float = 30) -> IssuedCertificate:
        """Return a caller's certificate with this URI name; without one if it is empty."""
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)] if uri else []
        return self._issue(name, names, ExtendedKeyUsageOID.CLIENT_AUTH, at, days)

    def _issue(
        self, name: str, names: list[x509.GeneralName], use: x509.ObjectIdentifier, at: float, days: float
    ) -> IssuedCertificate:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            _begun(subject, self._name, key.public_key(), at, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        made = builder.sign(self._key, hashes.SHA256())
        return IssuedCertificate(made.public_bytes(serialization.Encoding.PEM), private)


def write_new(path: Path, content: bytes, *, secret: bool) -> None:
    """Write a file that is not there yet. Raises: FileExists."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    except OSError as no:
        raise FileExists(f"{path}: cannot be made: {no.strerror}") from None
    with os.fdopen(handle, "wb") as out:
        out.write(content)


def _begun(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, at: float, days: float
) -> x509.CertificateBuilder:
    moment = datetime.fromtimestamp(at, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(hours=1))
        .not_valid_after(moment + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
