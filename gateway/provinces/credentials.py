"""Credentials of the dialects: read once from the files that a profile names, judged as signing keys are.

- A secret is its owner's alone (0600 or stricter), the owner being this process's user or root; a regular file, judged
  by the open file. What is public (a platform's key, authorities) may be read by all and changed by nobody else.
- Errors name the file and what is wrong with it, never what is in it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from keys.algorithms import make_verifier
from keys.values import Algorithm, KeyRefused, Verifier

MAX_CREDENTIAL_BYTES: Final = 16 * 1024
MAX_PUBLIC_BYTES: Final = 1024 * 1024
"""A file of authorities holds some hundred certificates."""
SHORTEST_RSA_BITS: Final = 2048

_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

Signs = Callable[[bytes], bytes]


class CredentialsUnavailable(Exception):
    """A province cannot be asked with what its profile gives. Names a file and the fault, never a secret."""

    def __init__(self, file: Path | str, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file
        self.why = why


def read_secret(path: Path) -> bytes:
    """Return what a secret's file holds, without the line break at its end.

    Raises: CredentialsUnavailable: missing, empty, open to others, another user's, too large, not a regular file.
    """
    secret = _read(path, _OTHERS_MAY, MAX_CREDENTIAL_BYTES).rstrip(b"\r\n")
    if not secret.strip():
        raise CredentialsUnavailable(path, "empty")
    return secret


def read_secret_text(path: Path) -> str:
    """Return a secret that is one line of visible text. Raises: CredentialsUnavailable, as `read_secret`."""
    try:
        text = read_secret(path).decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if not text.isprintable() or not text or " " in text:
        raise CredentialsUnavailable(path, "not one line of visible ASCII letters")
    return text


def read_public(path: Path) -> bytes:
    """Return what a public file holds. Raises: CredentialsUnavailable, as `read_secret`, but others may read it."""
    public = _read(path, _OTHERS_MAY_WRITE, MAX_PUBLIC_BYTES)
    if not public.strip():
        raise CredentialsUnavailable(path, "empty")
    return public


def open_rsa_signer(path: Path) -> Signs:
    """Return what signs with RSA-SHA256 (PKCS #1 v1.5, RFC 8017 8.2) and the private key in a PEM file.

    Raises: CredentialsUnavailable, also if there is no such key of at least 2,048 bits in it.
    """
    pem = read_secret(path)
    # The library's own messages are left behind: some quote what they could not read.
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, RSAPrivateKey) or private.key_size < SHORTEST_RSA_BITS:
        raise CredentialsUnavailable(
            path, f"not an unencrypted RSA private key in PEM, {SHORTEST_RSA_BITS} bits or more"
        )
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()

    def sign(data: bytes) -> bytes:
        return private.sign(data, scheme, digest)

    return sign


def open_rsa_verifier(path: Path) -> Verifier:
    """Return what checks RSA-SHA256 (PKCS #1 v1.5) with the public key in a PEM file.

    Raises: CredentialsUnavailable, also if there is no key in it that may be registered.
    """
    pem = read_public(path)
    try:
        public = serialization.load_pem_public_key(pem)
        if isinstance(public, RSAPublicKey):
            return make_verifier(Algorithm.RS256, public)
    except (ValueError, TypeError, UnsupportedAlgorithm, KeyRefused):
        pass
    raise CredentialsUnavailable(path, "not an RSA public key in PEM that may be trusted")


def _read(path: Path, forbidden: int, most: int) -> bytes:
    """Read a file that nobody else may touch in a forbidden way.

    1. Judged by the open file, so that it cannot be swapped between the look and the reading. A link is followed
       (that is how secrets are mounted); what counts is the file behind it.
    2. A regular file of this process's user, or of root.
    3. No larger than allowed, whatever its size was said to be.
    """
    # 1
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as no:
        raise CredentialsUnavailable(path, f"cannot be opened: {no.strerror}") from None
    try:
        # 2
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise CredentialsUnavailable(path, "not a regular file")
        if found.st_mode & forbidden:
            raise CredentialsUnavailable(path, f"mode is {stat.S_IMODE(found.st_mode):04o}: open to others")
        if found.st_uid not in (os.geteuid(), 0):
            raise CredentialsUnavailable(path, "belongs to another user")
        # 3
        content = os.read(handle, most + 1)
    finally:
        os.close(handle)
    if len(content) > most:
        raise CredentialsUnavailable(path, "too large")
    return content
