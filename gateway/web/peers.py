"""Who is at the other end of an HTTP connection: by the rule that the gRPC edge has (gateway/rpc/callers.py).

Rules:

- Over mutual TLS: the certificate's first URI name, else its first DNS name, else its common name; a name that cannot
  be printed, or is longer than 255 letters, is passed over.
- In plaintext: LOOPBACK from this machine's own addresses, else nobody.
- A socket of the machine itself is nobody: who may reach it is not a question of names.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

NOBODY: Final = ""
LOOPBACK: Final = "dev-loopback"
MAX_NAME_CHARACTERS: Final = 255


class TlsUnusable(Exception):
    """The files of a TLS edge cannot be used. Names the part and the fault, nothing of a key."""


def caller_of(certificate: Mapping[str, object] | None, address: object, *, encrypted: bool) -> str:
    """Return the caller's name, NOBODY if there is none.

    `certificate` is what the ssl module tells of a peer that it has verified, `address` the transport's `peername`.
    """
    if encrypted:
        return next(_names(certificate or {}), NOBODY)
    host = address[0] if isinstance(address, tuple) and address else None
    return LOOPBACK if isinstance(host, str) and _is_loopback(host) else NOBODY


def mutual_tls(certificate: Path, key: Path, client_authorities: Path) -> ssl.SSLContext:
    """Return how the edge proves who it is and has clients prove who they are: TLS 1.2 or later, certificates required.

    No session is resumed: each connection proves anew who it is, so that an authority that is taken away is away.

    Raises: TlsUnusable. Does not check who else may read the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A password is given, so that an encrypted key is a refusal and not a question on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as unusable:
        raise TlsUnusable(f"certificate and key: {_fault(unusable)}") from None
    try:
        context.load_verify_locations(client_authorities)
    except (OSError, ValueError) as unusable:
        raise TlsUnusable(f"client authorities: {_fault(unusable)}") from None
    return context


def _fault(unusable: Exception) -> str:
    if isinstance(unusable, ssl.SSLError):
        return unusable.reason or "not PEM, or not a pair"
    return (unusable.strerror if isinstance(unusable, OSError) else None) or "cannot be used"


def _names(certificate: Mapping[str, object]) -> Iterator[str]:
    alternatives = list(_pairs(certificate.get("subjectAltName")))
    for kind, names in (
        ("URI", alternatives),
        ("DNS", alternatives),
        ("commonName", [pair for name in _parts(certificate.get("subject")) for pair in _pairs(name)]),
    ):
        for found, name in names:
            if found == kind and name.isprintable() and 0 < len(name) <= MAX_NAME_CHARACTERS:
                yield name


def _parts(value: object) -> Iterable[object]:
    return value if isinstance(value, tuple) else ()


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    for pair in _parts(value):
        if isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], str):
            yield pair[0], pair[1]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
