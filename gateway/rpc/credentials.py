"""The server's side of mutual TLS: who it is, and whose certificates callers must show. Renewed without a restart.

Rules:

- Everything is read and checked before any of it is put to use; connections that are open stay as they are.
- Core asks for news at each handshake, from a thread of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from gateway.rpc.settings import ServingRefused, TlsFiles
from keys.tls_pair import PairUnusable, check_authorities, check_pair


@dataclass(frozen=True, slots=True, repr=False)
class TlsMaterial:
    """What the files held, all PEM."""

    chain: bytes
    key: bytes
    authorities: bytes


def read_tls(files: TlsFiles) -> TlsMaterial:
    """Return what the files hold. Raises: ServingRefused, naming the file."""
    chain, key = _read(files.certificate), _read(files.key)
    try:
        check_pair(chain, key)
    except PairUnusable as unusable:
        raise ServingRefused(f"{files.certificate}, {files.key}: {unusable}") from None
    found = []
    for path in (files.client_authorities, *files.more_authorities):
        found.append(_read(path))
        try:
            check_authorities(found[-1])
        except PairUnusable as unusable:
            raise ServingRefused(f"{path}: {unusable}") from None
    return TlsMaterial(chain, key, b"\n".join(found))


class RenewableCredentials:
    """Credentials that show what was last put there."""

    def __init__(self, material: TlsMaterial) -> None:
        self._shown = _configuration(material)
        self._next: grpc.ServerCertificateConfiguration | None = None

    def for_server(self) -> grpc.ServerCredentials:
        """Return what a server listens with: callers must show a certificate of the authorities."""
        return grpc.dynamic_ssl_server_credentials(
            self._shown,
            self._news,  # type: ignore[arg-type]  # the stubs forget that None means no news
            require_client_authentication=True,
        )

    def renew(self, material: TlsMaterial) -> None:
        """Show `material` from the next handshake on."""
        self._next = _configuration(material)

    def _news(self) -> grpc.ServerCertificateConfiguration | None:
        news, self._next = self._next, None
        return news


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key, material.chain)], root_certificates=material.authorities
    )


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ServingRefused(f"{path}: {error.strerror}") from None
    if b"-----BEGIN " not in content:
        raise ServingRefused(f"{path}: no PEM in it")
    return content
