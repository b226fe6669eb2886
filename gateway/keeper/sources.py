"""Whom the keeper follows, of its configuration: other gateways, and issuers of plain Token Status Lists."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grpc

from gateway.changes import ListName, Word
from gateway.config.status import FollowSection, StatusSection, TokenListSection
from gateway.follow.gateway_source import FollowedGateway
from gateway.follow.token_list_fetch import client_tls
from gateway.follow.token_list_source import SourceInvalid, TokenListSource
from gateway.loading import StartRefused
from gateway.status import words
from gateway.values import IssuerId

_MEANINGS: Final[Mapping[str, Word]] = {
    "VALID": words.AS_SIGNED,
    "GREEN": words.GREEN,
    "YELLOW": words.YELLOW,
    "RED": words.RED,
    "UNDER_REVIEW": words.SUSPENDED,
    "STALE_DECLARATION": words.STALE_DECLARATION,
    "REVOKED": words.CANCELLED,
}
"""What the configuration may say of a number."""


def followed_gateways(status: StatusSection) -> list[FollowedGateway]:
    """Return the gateways that are followed. Raises: StartRefused if a PEM file cannot be read."""
    return [
        FollowedGateway(
            gateway=IssuerId(one.gateway),
            target=str(one.target),
            credentials=_credentials(one, f"status.follow.{place}"),
            issuers=frozenset(IssuerId(issuer) for issuer in one.issuers),
        )
        for place, one in enumerate(status.follow)
    ]


def plain_lists(status: StatusSection) -> list[tuple[TokenListSource, ssl.SSLContext]]:
    """Return the plain lists that are followed, each with how its server is known. Raises: StartRefused."""
    found = []
    for place, one in enumerate(status.token_lists):
        option = f"status.token_lists.{place}"
        try:
            source = TokenListSource(
                ListName(IssuerId(one.issuer), one.uri),
                address=one.address,
                signed_by=None if one.signed_by is None else IssuerId(one.signed_by),
                words=_words(one, option),
            )
            tls = client_tls(one.ca_file, one.certificate_file, one.key_file)
        except SourceInvalid as invalid:
            raise StartRefused("status", option, "", str(invalid)) from None
        found.append((source, tls))
    return found


def _words(section: TokenListSection, option: str) -> Mapping[int, Word] | None:
    if not section.words:
        return None
    found: dict[int, Word] = {0: words.AS_SIGNED, 1: words.CANCELLED, 2: words.SUSPENDED}
    for number, meaning in section.words.items():
        if not (number.isascii() and number.isdigit() and int(number) <= 0xFF):
            raise StartRefused("status", f"{option}.words", "", "a number of 0 to 255 is required")
        if meaning not in _MEANINGS:
            raise StartRefused("status", f"{option}.words", "", "must be one of " + ", ".join(_MEANINGS))
        found[int(number)] = _MEANINGS[meaning]
    return found


def _credentials(section: FollowSection, option: str) -> grpc.ChannelCredentials | None:
    if section.insecure_plaintext_to_loopback:
        return None
    return grpc.ssl_channel_credentials(
        root_certificates=_pem(section.ca_file, option),
        private_key=_pem(section.key_file, option),
        certificate_chain=_pem(section.certificate_file, option),
    )


def _pem(file: Path | None, option: str) -> bytes:
    """Return the content of a file that the configuration requires. Raises: StartRefused."""
    if file is None:
        raise StartRefused("status", option, "", "ca_file, certificate_file and key_file are required")
    try:
        content = file.read_bytes()
    except OSError as failed:
        raise StartRefused("status", option, str(file), failed.strerror or "cannot be read") from None
    if b"-----BEGIN " not in content:
        raise StartRefused("status", option, str(file), "no PEM in it")
    return content
