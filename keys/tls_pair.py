"""A certificate and its private key, as TLS servers and clients have them in PEM files.

Looked at before they are put to use: a pair that does not fit would only show in handshakes that fail.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


class PairUnusable(Exception):
    """A certificate and a key cannot be used together. Says why, and nothing of the key."""


def check_pair(chain: bytes, key: bytes) -> None:
    """Return if `key` is the private key of the first certificate of `chain`, both in PEM.

    Does not check who signed the certificate, nor whether it has expired.

    Raises: PairUnusable.
    """
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        named = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise PairUnusable("the certificate cannot be read") from None
    try:
        held = (
            load_pem_private_key(key, None).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise PairUnusable("the key cannot be read, or is encrypted") from None
    if named != held:
        raise PairUnusable("the key is not that of the certificate")


def check_authorities(pem: bytes) -> None:
    """Return if `pem` holds at least one certificate. Raises: PairUnusable."""
    try:
        x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise PairUnusable("the authorities cannot be read") from None
