"""Who asks: from the transport, never from the request.

Rules:

- Over mutual TLS: the certificate's first URI name (as SPIFFE ids are), else its first DNS name, else its common name.
  Where domains have authorities of their own, those must vouch for it (gateway/callers/roots.py).
- In plaintext, which the server offers on loopback only: everyone is DEV_LOOPBACK, and only from loopback.
- On a socket file of our own, whose mode lets in only processes of the same user: everyone is LOCAL. Only a server
  that listens on one knows such callers.
- Anything else is nobody: NO_IDENTITY.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Final

from gateway.callers.identity import is_name
from gateway.callers.roots import DomainRoots
from gateway.errors import CallerRefused, RefusalReason
from gateway.loopback import is_loopback
from gateway.values import Caller, CallerId, CallerKind, Instant

DEV_LOOPBACK: Final = Caller(CallerId("dev-loopback"), CallerKind.DEV_LOOPBACK)

LOCAL: Final = Caller(CallerId("local"), CallerKind.LOCAL)

NEVER: Final = Instant(0.0)

_current: ContextVar[Caller] = ContextVar("caller")


def caller_of(
    auth: Mapping[str, Iterable[bytes]],
    peer: str,
    *,
    sockets: bool = False,
    roots: DomainRoots | None = None,
    at: Instant = NEVER,
) -> Caller:
    """Return who is at the other end.

    `auth` are the authentication properties of the connection, `peer` is the other end's address, both as grpc core
    writes them ("ipv4:127.0.0.1:50123"). `sockets` tells whether the server listens on a socket file of its own.
    `roots` are the authorities of each domain, None if they are not told apart; asked who vouches at the instant `at`.

    Raises: CallerRefused (NO_IDENTITY) if the connection does not tell.
    """
    security = tuple(auth.get("transport_security_type", ()))
    if security == (b"ssl",):
        name = _first_name(auth)
        if name and roots is None:
            return Caller(CallerId(name), CallerKind.TLS_PEER)
        if name and roots is not None:
            domains = roots.vouching(name, _chain(auth), at)
            if domains:
                return Caller(CallerId(name), CallerKind.TLS_PEER, domains)
    elif security == (b"insecure",):
        if _from_loopback(peer):
            return DEV_LOOPBACK
        if sockets and peer.startswith("unix:"):
            return LOCAL
    raise CallerRefused(RefusalReason.NO_IDENTITY)


def enter(caller: Caller) -> None:
    """Make `caller` the one of the running call."""
    _current.set(caller)


def current_caller() -> Caller:
    """Return the caller of the running call.

    Raises: CallerRefused (NO_IDENTITY) if none was established: a handler that is reached past the interceptors serves
        nobody.
    """
    caller = _current.get(None)
    if caller is None:
        raise CallerRefused(RefusalReason.NO_IDENTITY)
    return caller


def _first_name(auth: Mapping[str, Iterable[bytes]]) -> str:
    for property_name in ("peer_uri", "peer_dns", "x509_common_name"):
        for value in auth.get(property_name, ()):
            try:
                name = value.decode("utf-8")
            except UnicodeDecodeError:
                continue
            if is_name(name):
                return name
    return ""


def _chain(auth: Mapping[str, Iterable[bytes]]) -> bytes:
    """Return what the caller showed, in PEM: her own certificate first."""
    chain = b"".join(auth.get("x509_pem_cert_chain", ()))
    return chain or b"".join(auth.get("x509_pem_cert", ()))


def _from_loopback(peer: str) -> bool:
    family, _, rest = peer.partition(":")
    if family not in ("ipv4", "ipv6"):
        return False
    host = rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")
    return host != "localhost" and is_loopback(host)  # a peer is an address
