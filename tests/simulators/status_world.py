"""A country that publishes live status: provinces with keys, gateways that hold lists and hand them on.

A node is the real thing on loopback: SQLite log, list files, ledger, StatusService; it can be ended and begun again on
what it left on disk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.changes import ListName
from gateway.held.list_files import ListFiles
from gateway.publishing.ledger import Ledger
from gateway.publishing.settings import LedgerSettings
from gateway.rpc.methods import STATUS
from gateway.rpc.server import GrpcServer, Service
from gateway.rpc.settings import GrpcSettings, TlsFiles
from gateway.rpc.status_convert import WIRE
from gateway.rpc.status_desk import StatusDesk
from gateway.rpc.status_service import StatusServicer
from gateway.store.sqlite_log import SqliteLog
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Caller, Format, Instant, IssuerId, IssuerProfile, TrustedKey
from keys.ring import KeyRing
from keys.values import Algorithm

from .signing import SigningKey, make_key
from .status_issuer import StatusIssuer

NOON = Instant(1_600_000_000.0)


@dataclass(slots=True)
class Country:
    """Who is trusted: provinces, each with two keys, and gateways, each with one."""

    keys: dict[IssuerId, tuple[SigningKey, ...]] = field(default_factory=dict)
    epoch: int = 0
    """Set it anew to tell that others are trusted."""
    _trust: TrustSnapshot | None = field(default=None, repr=False)

    def province(self, name: str, uri: str = "", capacity: int = 1_024) -> StatusIssuer:
        """Return a list of a province, which is trusted from now on."""
        issuer = IssuerId(name)
        if issuer not in self.keys:
            self.keys[issuer] = tuple(make_key(Algorithm.ED25519, f"{name}-{number}") for number in (1, 2))
        return StatusIssuer.make(name, uri or f"https://status.{name}.example/1", self.keys[issuer], capacity)

    def gateway(self, name: str) -> SigningKey:
        """Return the key of a gateway, which is trusted from now on."""
        issuer = IssuerId(name)
        if issuer not in self.keys:
            self.keys[issuer] = (make_key(Algorithm.ED25519, f"{name}-1"),)
        return self.keys[issuer][0]

    def trust(self) -> TrustSnapshot:
        """Return who is trusted now. The same until somebody is added."""
        if self._trust is not None and (self._trust.epoch, len(self._trust.issuers)) == (self.epoch, len(self.keys)):
            return self._trust
        trusted: list[TrustedKey] = [key.trusted(issuer) for issuer, keys in self.keys.items() for key in keys]
        profiles = {issuer: IssuerProfile(issuer, None, frozenset({Format.NATIVE})) for issuer in self.keys}
        self._trust = TrustSnapshot(KeyRing(trusted), profiles, {}, epoch=self.epoch)
        return self._trust


@dataclass(slots=True)
class Node:
    """One running gateway, as far as it keeps lists."""

    name: IssuerId
    ledger: Ledger
    files: ListFiles
    desk: StatusDesk
    target: str
    folder: Path
    """For what is only passing through."""

    def raw(self, name: ListName) -> bytes:
        """Return a list's raw bytes, as every worker of the node reads them."""
        with self.files.lists[name].view() as words:
            return bytes(words)


@asynccontextmanager
async def running_node(
    folder: Path,
    country: Country,
    clock: Callable[[], Instant],
    *,
    name: str = "gateway-1",
    enrolled: Callable[[Caller], bool] = lambda _caller: True,
    settings: LedgerSettings | None = None,
    beat_s: float = 5.0,
    stream_s: float = 1_500.0,
    serves: bool = True,
    tls: TlsFiles | None = None,
    observer: Any = None,
    delivering: Any = None,
) -> AsyncIterator[Node]:
    """Run a node on what is in `folder`, until the block ends."""
    passing = folder / "passing"
    passing.mkdir(parents=True, exist_ok=True)
    log = await SqliteLog.open(folder / "status.db")
    files = ListFiles(folder / "lists")
    ledger = Ledger(log, files, WIRE, country.trust, settings or LedgerSettings(), clock, observer)
    server: GrpcServer | None = None
    try:
        await ledger.recover()
        signer: Any = country.gateway(name)
        desk = StatusDesk(ledger, enrolled, IssuerId(name), signer, passing, clock, beat_s, stream_s)
        if delivering is not None:
            desk = replace(desk, delivering=delivering)
        port = 0
        if serves:
            chosen = GrpcSettings(
                "127.0.0.1", 0, tls, insecure_plaintext_on_loopback=tls is None, lame_duck_s=0.0, grace_s=2.0
            )
            server = GrpcServer(chosen, (Service(STATUS, StatusServicer(lambda: desk).handlers()),))
            port = await server.start()
        yield Node(IssuerId(name), ledger, files, desk, f"127.0.0.1:{port}", passing)
    finally:
        if server is not None:
            await server.stop()
        await ledger.close()
        await log.close()
        files.close()
