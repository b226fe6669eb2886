"""Credentials of the dialects: read once from the files that a profile names, judged as signing keys are (keys).

Errors name the file and what is wrong with it, never what is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from keys.own_files import FileRefused, read_public_file, read_secret_file
from keys.rsa_files import Signs
from keys.rsa_files import open_rsa_signer as _open_rsa_signer
from keys.rsa_files import open_rsa_verifier as _open_rsa_verifier
from keys.values import Verifier

MAX_CREDENTIAL_BYTES: Final = 16 * 1024
MAX_PUBLIC_BYTES: Final = 1024 * 1024
"""A file of authorities holds some hundred certificates."""


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
    with _in_our_words():
        secret = read_secret_file(path, MAX_CREDENTIAL_BYTES).rstrip(b"\r\n")
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
    with _in_our_words():
        public = read_public_file(path, MAX_PUBLIC_BYTES)
    if not public.strip():
        raise CredentialsUnavailable(path, "empty")
    return public


def open_rsa_signer(path: Path) -> Signs:
    """Return what signs with the RSA key in a PEM file. Raises: CredentialsUnavailable."""
    with _in_our_words():
        return _open_rsa_signer(path)


def open_rsa_verifier(path: Path) -> Verifier:
    """Return what checks with the RSA key in a PEM file. Raises: CredentialsUnavailable."""
    with _in_our_words():
        return _open_rsa_verifier(path)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except FileRefused as refused:
        raise CredentialsUnavailable(refused.file, refused.why) from None
