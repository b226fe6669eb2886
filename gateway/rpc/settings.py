"""What can be chosen about the gRPC server, and what cannot (the table of channel options, each with its reason)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


class ServingRefused(Exception):
    """The server does not start like this. The text is for the operator; it names an option or a file."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Mutual TLS, all PEM: our chain, our private key, and the authorities of those who may call."""

    certificate: Path
    key: Path
    client_authorities: Path
    more_authorities: tuple[Path, ...] = ()
    """Those of the domains that have their own: TLS accepts them all, identity does not (gateway/callers/roots.py)."""


@dataclass(frozen=True, slots=True)
class GrpcSettings:
    """How to serve."""

    host: str
    """A literal address, or localhost."""
    port: int
    """0 lets the system choose."""
    tls: TlsFiles | None = None
    insecure_plaintext_on_loopback: bool = False
    reflection: bool = False
    """Publish the schema: for development."""
    default_deadline_s: float = 3.0
    """Seconds for a call whose caller set no deadline; also the most that any gets. Streams are not limited."""
    minimum_deadline_s: float = 0.002
    """Seconds: with less left, a call is refused at once instead of worked on in vain."""
    lame_duck_s: float = 5.0
    """Seconds of serving on after the health service says NOT_SERVING."""
    grace_s: float = 10.0
    """Seconds that running calls get to end, after that."""
    max_request_bytes: int = 4 * MIB
    """More is RESOURCE_EXHAUSTED, TOO_LARGE. An oversize code (over 32,768 bytes) within it is a verdict."""

    reuse_port: bool = False
    """Share the port with other processes of this gateway; else a port that is taken is refused."""
    unix_socket: Path | None = None
    """Listen on this socket file too, for this gateway's own processes; whoever may open it is a LOCAL caller."""

    def channel_options(self) -> list[tuple[str, int | str]]:
        """Return the hardening table: options of grpc core, as it names them."""
        return [
            # Above our own cap, so that we can still answer typed. Above this one core answers RESOURCE_EXHAUSTED with
            # a text of its own and no details, before any of our code runs.
            ("grpc.max_receive_message_length", self.max_request_bytes + MIB),
            # A message that inflates to gigabytes never meets the caps above. Codes do not compress: identity only.
            ("grpc.compression_enabled_algorithms_bitset", 1),
            ("grpc.max_metadata_size", 8_192),
            ("grpc.absolute_max_metadata_size", 16_384),
            # One connection cannot take everything.
            ("grpc.max_concurrent_streams", 200),
            # A dead gate is noticed within 80 s; a gate may ping as often as every 10 s.
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.http2.max_ping_strikes", 2),
            # Connections move on after a restart elsewhere; core adds jitter. Streams are reopened by their gates.
            ("grpc.max_connection_age_ms", 30 * 60_000),
            ("grpc.max_connection_age_grace_ms", 30_000),
            ("grpc.max_connection_idle_ms", 5 * 60_000),
            # Slow handshakes hold no socket for long.
            ("grpc.server_handshake_timeout_ms", 10_000),
            # Two gateways on one port by accident would share its calls; workers of one share it on purpose.
            ("grpc.so_reuseport", int(self.reuse_port)),
            ("grpc.enable_channelz", 0),
        ]

    def address(self) -> str:
        """Return host and port as grpc wants them. The name localhost is not looked up."""
        host = "127.0.0.1" if self.host == "localhost" else self.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
