"""A gateway that holds a province's list for real, judges that province's native codes by it, and serves watches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.callers.rights import Rights, up_to
from gateway.formats.native_encode import NativeClaims, encode_jws
from gateway.held.mapped_lists import MappedLists
from gateway.pipeline import Pipeline
from gateway.policy.book import PolicyBook
from gateway.policy.rules import parse_rules
from gateway.publishing.settings import LedgerSettings
from gateway.rpc.methods import STATUS
from gateway.rpc.server import GrpcServer, Service
from gateway.rpc.settings import GrpcSettings
from gateway.rpc.status_service import StatusServicer
from gateway.rpc.watch_codes import PipelineJudge, WatchDesk, WatchServicer
from gateway.status.freshness import BUDGETS
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import CodeState, DivisionCode, Format, Instant, IssuerId, IssuerProfile, Profile
from gateway.watches.follow import WatchTasks
from gateway.watches.observer import WatchObserver
from gateway.watches.settings import WatchSettings
from gateway.watches.watches import Watches
from keys.ring import KeyRing

from .status_issuer import StatusIssuer
from .status_world import Country, Node, running_node

HERE = DivisionCode("330000")
PROVINCE = "guizhou"
RULES = """
division = "330000"
version = "330000-test"
[[rule]]
from = ["*"]
states = ["GREEN"]
ways = ["verify", "convert"]
measure = "PASS"
max_age_hours = 24
source = "test"
"""


@dataclass
class WatchedCountry:
    """The province, the gateway's node, and where the gateway listens."""

    province: StatusIssuer
    node: Node
    watches: Watches
    pipeline: Pipeline
    target: str

    def code(self, index: int, at: Instant, lives: int = 3_600) -> bytes:
        """Return a green code of the province that points to a place of its list."""
        key = self.province.keys[0]
        claims = NativeClaims(
            PROVINCE,
            "520100",
            "green",
            int(at),
            int(at) + lives,
            f"code-{index}",
            status_uri=self.province.name.uri,
            status_index=index,
        )
        return encode_jws(claims, key_id=key.key_id, algorithm=key.algorithm, sign=key.sign).encode()


@asynccontextmanager
async def watched_country(
    folder: Path,
    clock: Callable[[], Instant],
    *,
    capacity: int = 1_024,
    settings: WatchSettings | None = None,
    observer: WatchObserver | None = None,
) -> AsyncIterator[WatchedCountry]:
    """Run it until the block ends. The list is open, and reads unknown."""
    country = Country()
    province = country.province(PROVINCE, capacity=capacity)
    issuer = IssuerId(PROVINCE)
    keys = [key.trusted(issuer) for key in country.keys[issuer]]
    listed = IssuerProfile(
        issuer, DivisionCode("520000"), frozenset({Format.NATIVE}), {"green": CodeState.GREEN, "red": CodeState.RED}
    )
    ledger_settings = LedgerSettings(bulk_size=1 << 20)
    async with running_node(folder, country, clock, serves=False, settings=ledger_settings) as node:
        pipeline = Pipeline(
            TrustSnapshot(KeyRing(keys), {issuer: listed}, {}, keys=tuple(keys)),
            PolicyBook([parse_rules(RULES)]),
            lists=MappedLists(folder / "lists"),
        )
        watches = Watches(
            PipelineJudge(lambda: pipeline), node.ledger, BUDGETS, settings or WatchSettings(), clock, observer
        )
        tasks = WatchTasks(watches, node.ledger.subscribe, observer)
        desk = WatchDesk(watches, lambda _caller: Rights(up_to(Profile.STAFF)))
        chosen = GrpcSettings("127.0.0.1", 0, insecure_plaintext_on_loopback=True, lame_duck_s=0.0, grace_s=2.0)
        services = (
            Service(STATUS, StatusServicer(lambda: node.desk).handlers()),
            Service(STATUS, WatchServicer(lambda: desk).handlers()),
        )
        server = GrpcServer(chosen, services)
        port = await server.start()
        tasks.start()
        try:
            await node.ledger.submit(province.open(clock()), clock())
            yield WatchedCountry(province, node, watches, pipeline, f"127.0.0.1:{port}")
        finally:
            await tasks.stop()
            await server.stop()
