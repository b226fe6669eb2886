"""How the gRPC edges of a gateway are served, of its configuration, and which methods each of them has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from gateway.config import Config
from gateway.rpc.methods import HEALTH, METHODS
from gateway.rpc.server import Service
from gateway.rpc.settings import GrpcSettings, TlsFiles
from gateway.watch.rpc import CallType

SOCKET: Final = "keeper.sock"
"""In the status directory: where the workers of this machine reach its keeper."""


def grpc_settings(config: Config) -> GrpcSettings:
    """Return how codes are answered for."""
    chosen = config.grpc
    return GrpcSettings(
        host=chosen.listen.host,
        port=chosen.listen.port,
        tls=None
        if chosen.tls is None
        else TlsFiles(
            chosen.tls.certificate_file,
            chosen.tls.key_file,
            chosen.tls.client_ca_file,
            tuple(config.callers.authorities.values()),
        ),
        insecure_plaintext_on_loopback=chosen.insecure_plaintext_on_loopback,
        reflection=chosen.reflection,
        default_deadline_s=chosen.default_deadline_s,
        lame_duck_s=chosen.lame_duck_s,
        grace_s=chosen.grace_s,
    )


def status_settings(config: Config) -> GrpcSettings:
    """Return how live status is served: as codes are, on an address of its own and on the machine's socket."""
    if config.status is None:
        raise ValueError("no [status]")
    listen = config.status.listen
    return replace(
        grpc_settings(config), host=listen.host, port=listen.port, unix_socket=config.status.directory / SOCKET
    )


_SERVER_STREAMS: Final = frozenset({"Watch", "StreamSnapshot", "StreamChanges"})
"""The methods that stream answers to one question."""


def announced(services: Iterable[Service], *, reflection: bool) -> list[tuple[str, CallType]]:
    """Return the methods of `services`, and those that every edge has, with the kind of call of each."""
    served = {HEALTH, *(service.name for service in services)}
    return [
        (path, _call_type(path, long=row.long))
        for path, row in METHODS.items()
        if path.split("/")[1] in served or (reflection and "reflection" in path)
    ]


def _call_type(path: str, *, long: bool) -> CallType:
    if not long:
        return CallType.UNARY
    return CallType.SERVER_STREAM if path.rpartition("/")[2] in _SERVER_STREAMS else CallType.BIDI_STREAM
