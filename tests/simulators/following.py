"""A follower under test: an observer that remembers and can be waited for, pauses that take no time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from gateway.changes import BatchRefusal, ListName
from gateway.follow.gateway_observer import FollowFailure
from gateway.follow.gateway_source import FollowedGateway
from gateway.follow.gateways import FollowLimits, GatewayFollower
from gateway.values import Instant, IssuerId

from .status_world import Country, Node

PATIENCE_S = 60.0
"""How long a test waits before it fails; none takes that long."""


@dataclass(slots=True)
class Followed:
    """Remembers what a follower was told, and lets a test wait for it."""

    seen: list[tuple[str, ...]] = field(default_factory=list)
    bugs: list[Exception] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def _add(self, *what: str) -> None:
        self.seen.append(what)
        self._news.set()

    def connected(self, source: IssuerId) -> None:
        self._add("connected", source)

    def caught_up(self, source: IssuerId) -> None:
        self._add("caught_up", source)

    def batch_followed(self, source: IssuerId, name: ListName, *, repeated: bool) -> None:
        self._add("repeated" if repeated else "followed", source, name.issuer)

    def list_set_aside(self, source: IssuerId, name: ListName, refusal: BatchRefusal) -> None:
        self._add("aside", source, name.issuer, refusal.value)

    def snapshot_taken(self, source: IssuerId, name: ListName, number: int) -> None:
        self._add("snapshot", source, name.issuer, str(number))

    def failed(self, source: IssuerId, why: FollowFailure) -> None:
        self._add("failed", source, why.value)

    def follower_failed(self, source: IssuerId, failure: Exception) -> None:
        self.bugs.append(failure)
        self._add("bug", source)

    async def until(self, *what: str, times: int = 1) -> None:
        """Return once `what` was told so often. Its first words are enough."""
        await self.until_true(lambda: sum(one[: len(what)] == what for one in self.seen) >= times)

    async def until_true(self, holds: Callable[[], bool]) -> None:
        """Return once something holds that comes with news."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not seen: {self.seen[-8:]}, {self.bugs}") from None


@asynccontextmanager
async def following(
    node: Node,
    target: str,
    country: Country,
    clock: Callable[[], Instant],
    *,
    gateway: str = "gateway-2",
    issuers: frozenset[IssuerId] = frozenset(),
    monotonic: Callable[[], float] = lambda: 0.0,
    pauses: list[float] | None = None,
    credentials: Any = None,
    **limits: Any,
) -> AsyncIterator[Followed]:
    """Follow `target` until the block ends; whatever happens, it must not have been a bug."""
    seen = Followed()

    async def pause(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)
        await asyncio.sleep(0.001)

    follower = GatewayFollower(
        FollowedGateway(IssuerId(gateway), target, credentials, issuers),
        node.ledger,
        country.trust,
        node.folder,
        clock,
        observer=seen,
        limits=FollowLimits(**limits),
        sleep=pause,
        monotonic=monotonic,
    )
    task = asyncio.create_task(follower.run())
    try:
        yield seen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert not seen.bugs
