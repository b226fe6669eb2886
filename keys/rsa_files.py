"""RSA-SHA256 with keys in PEM files, for systems that know nothing else: signs their requests, checks their answers.

PKCS #1 v1.5 (RFC 8017, 8.2), keys of 2,048 bits or more. No code is signed with these.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from .algorithms import make_verifier
from .own_files import FileRefused, read_public_file, read_secret_file
from .values import Algorithm, KeyRefused, Verifier

SHORTEST_RSA_BITS: Final = 2048
MAX_KEY_FILE_BYTES: Final = 16 * 1024

Signs = Callable[[bytes], bytes]


def open_rsa_signer(path: Path) -> Signs:
    """Return what signs with the private key in a PEM file.

    Raises: FileRefused, also if there is no such key of at least 2,048 bits in it.
    """
    pem = read_secret_file(path, MAX_KEY_FILE_BYTES)
    # The library's own messages are left behind: some quote what they could not read.
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, RSAPrivateKey) or private.key_size < SHORTEST_RSA_BITS:
        raise FileRefused(path, f"not an unencrypted RSA private key in PEM, {SHORTEST_RSA_BITS} bits or more")
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()

    def sign(data: bytes) -> bytes:
        return private.sign(data, scheme, digest)

    return sign


def open_rsa_verifier(path: Path) -> Verifier:
    """Return what checks with the public key in a PEM file.

    Raises: FileRefused, also if there is no key in it that may be registered.
    """
    pem = read_public_file(path, MAX_KEY_FILE_BYTES)
    try:
        public = serialization.load_pem_public_key(pem)
        if isinstance(public, RSAPublicKey):
            return make_verifier(Algorithm.RS256, public)
    except (ValueError, TypeError, UnsupportedAlgorithm, KeyRefused):
        pass
    raise FileRefused(path, "not an RSA public key in PEM that may be trusted")
