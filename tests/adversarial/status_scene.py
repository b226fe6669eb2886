"""A node that follows a lying gateway: what the tests of following share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import SignedBatch, StateDigest
from gateway.rpc.snapshots import Manifest
from gateway.status import words
from gateway.values import IssuerId
from tests.conftest import FakeClock
from tests.simulators.following import Followed, following
from tests.simulators.signing import SigningKey
from tests.simulators.status_issuer import StatusIssuer
from tests.simulators.status_source import (
    ScriptedGateway,
    batch_event,
    head_of,
    scripted_gateway,
)
from tests.simulators.status_world import Country, Node, running_node

LIAR = "gateway-2"


@dataclass(slots=True)
class Scene:
    """A node that holds guizhou's list, and a source that it follows."""

    country: Country
    clock: FakeClock
    folder: Path
    node: Node
    source: ScriptedGateway
    guizhou: StatusIssuer
    zhejiang: StatusIssuer
    key: SigningKey
    """The source's own, which is trusted."""
    stack: AsyncExitStack

    async def follow(self, source: ScriptedGateway | None = None, **options: Any) -> Followed:
        """Begin to follow."""
        target = (source or self.source).target
        return await self.stack.enter_async_context(following(self.node, target, self.country, self.clock, **options))

    def number(self, issuer: StatusIssuer) -> int:
        """Return how far the node holds a list."""
        head = self.node.ledger.head(issuer.name)
        return head.number if head is not None else 0

    def holds(self, issuer: StatusIssuer) -> bool:
        """Tell whether the node holds a list exactly as its issuer does."""
        return self.number(issuer) == issuer.number and self.node.raw(issuer.name) == bytes(issuer.held)

    def manifest(self, issuer: StatusIssuer, raw: bytes | None = None) -> Manifest:
        """Return a right manifest of what an issuer holds."""
        content = bytes(issuer.held) if raw is None else raw
        digest = StateDigest(sha256(content).digest())
        return Manifest(head_of(issuer, self.clock()), digest, self.clock(), IssuerId(LIAR))


@asynccontextmanager
async def begun_scene(folder: Path, clock: FakeClock) -> AsyncIterator[Scene]:
    """Run the node and the source."""
    country = Country()
    guizhou, zhejiang = country.province("guizhou"), country.province("zhejiang")
    key = country.gateway(LIAR)
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(running_node(folder, country, clock, serves=False))
        source = await stack.enter_async_context(scripted_gateway())
        yield Scene(country, clock, folder, node, source, guizhou, zhejiang, key, stack)


async def hold(scene: Scene, *issuers: StatusIssuer) -> None:
    """Let the node hold what these issuers have published."""
    for issuer in issuers:
        for signed in issuer.batches:
            await scene.node.ledger.submit(signed, scene.clock())


def begin(scene: Scene) -> None:
    """Open both lists, with one red person in guizhou's."""
    scene.guizhou.open(scene.clock())
    scene.guizhou.change({words.RED: [5]}, scene.clock())
    scene.zhejiang.open(scene.clock())


def events(signed: Iterable[SignedBatch]) -> list[pb.StreamChangesResponse]:
    """Return batches as a source sends them."""
    return [batch_event(one) for one in signed]
