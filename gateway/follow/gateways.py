"""Following one other gateway: its batches into our ledger, as if their issuers had published them here.

Rules:

- The source is believed nothing: every batch goes the way of a published one, and a snapshot is vouched for by the
  source and ends with a batch of its issuer's.
- What is held never goes back. Where to go on from is asked of the ledger, each time anew.
- One list that cannot be taken stops no other: it is set aside for a while, and not asked for.
- A list that cannot be read here, or that its issuer says reads otherwise, is asked for whole.
- A source that fails is asked again, later each time and never exactly together with others; it stops no other source.
- Bounded: batches under way, lists set aside, batches that bring nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from gateway.changes import MAX_NUMBER, BatchRefusal, BatchRefused, ListName, SignedBatch, StoreDegraded
from gateway.publishing.ledger import Ledger
from gateway.rpc.status_convert import looked_over
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Instant

from .gateway_observer import FollowFailure, FollowObserver, NobodyObserves
from .gateway_source import CaughtUp, FollowedGateway, GatewaySource, SnapshotNeeded, SourceFailed, connected
from .snapshots import taken_snapshot

NOTHING_NEW: Final = frozenset({BatchRefusal.NUMBER_OLD, BatchRefusal.LIST_CLOSED})
"""Refusals of what a source may send that is only behind."""

PASSING: Final = frozenset({BatchRefusal.IN_THE_FUTURE})
"""Refusals that are over as soon as a clock is set: not waited for longer each time."""


@dataclass(frozen=True, slots=True)
class FollowLimits:
    """How a source is treated."""

    quiet_s: float = 20.0
    """Without a message, not even a sign of life (every 5 s), the source has failed."""
    first_pause_s: float = 0.5
    """Before the second try; twice as long each time, up to `longest_pause_s`; of that, half or more, by chance."""
    longest_pause_s: float = 10.0
    set_aside_s: float = 60.0
    """A list that was refused is asked for again after this; twice as long each time, up to `longest_aside_s`."""
    longest_aside_s: float = 3_600.0
    most_set_aside: int = 1_024
    """Lists; a source with more wrong ones has failed."""
    most_under_way: int = 256
    """Batches that the ledger has not answered for."""
    most_bytes_under_way: int = 16 << 20
    """What those may take in memory: some KiB of a batch may be blocks of 4 MiB."""
    most_repeated: int = 100_000
    """Batches in a row that were held already: more than several sources of one network bring."""


@dataclass(slots=True)
class _Aside:
    """A list that is not asked for."""

    until: float
    times: int = 1


class GatewayFollower:
    """Follows one gateway until it is cancelled."""

    def __init__(
        self,
        followed: FollowedGateway,
        ledger: Ledger,
        trust: Callable[[], TrustSnapshot],
        folder: Path,
        clock: Callable[[], Instant],
        *,
        observer: FollowObserver | None = None,
        limits: FollowLimits | None = None,
        random: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder` is for snapshots under way: as roomy as the largest list."""
        self._followed = followed
        self._ledger = ledger
        self._trust = trust
        self._folder = folder
        self._clock = clock
        self._observer = observer or NobodyObserves()
        self._limits = limits or FollowLimits()
        self._random = random or Random()  # noqa: S311 nobody gains by guessing a pause
        self._sleep = sleep
        self._monotonic = monotonic
        self._aside: dict[ListName, _Aside] = {}
        self._doubted: set[ListName] = set()
        self._failures = 0
        self._asked, self._epoch = monotonic(), -1

    async def run(self) -> None:
        """Follow, for ever: a session, a pause, the next session."""
        source, limits = self._followed.gateway, self._limits
        while True:
            try:
                await self._session()
            except SourceFailed as failed:
                # A store that works again should not wait for long.
                most = 2 if failed.why is FollowFailure.STORE_DEGRADED else 16
                self._failures = min(self._failures + 1, most)
                self._observer.failed(source, failed.why)
            except Exception as failure:  # noqa: BLE001 a bug must not end following for good
                self._failures = min(self._failures + 1, 16)
                self._observer.follower_failed(source, failure)
            pause = min(limits.longest_pause_s, limits.first_pause_s * 2.0**self._failures)
            await self._sleep(pause * (0.5 + self._random.random() / 2))

    async def _session(self) -> None:
        """Take what the source sends, until it is time to ask anew: after a snapshot, or for what was set aside.

        Raises: SourceFailed.
        """
        async with connected(self._followed, self._limits.quiet_s) as source:
            needed = await self._changes(source)
            for name, number in needed.items():
                await self._snapshot(source, name, number)

    async def _changes(self, source: GatewaySource) -> dict[ListName, int]:
        """Take batches. Return, once the source has caught up with something to be asked anew, what needs snapshots."""
        needed: dict[ListName, int] = {}
        under_way, connected_told, caught_up = _UnderWay(self, self._limits), False, False
        async with aclosing(source.changes(self._positions(), self._followed.issuers)) as events:
            try:
                async for event in events:
                    under_way.raise_failure()
                    if not connected_told:
                        self._observer.connected(self._followed.gateway)
                        connected_told = True
                    match event:
                        case SnapshotNeeded(name, number):
                            if len(needed) >= self._limits.most_set_aside:
                                raise SourceFailed(FollowFailure.BROKEN)
                            if self.wants(name):
                                needed[name] = number
                        case CaughtUp():
                            await under_way.settle()
                            self._failures, caught_up = 0, True
                            self._observer.caught_up(self._followed.gateway)
                            needed.update((name, MAX_NUMBER) for name in self._ledger.missing() if self.wants(name))
                            if needed or self._due():
                                return needed
                        case SignedBatch():
                            await under_way.submit(event)
            finally:
                await under_way.end()
        # It ended the stream by itself: it may, if it has sent all that it holds.
        if not caught_up:
            raise SourceFailed(FollowFailure.UNREACHABLE)
        return needed

    def _positions(self) -> dict[ListName, int]:
        """Return what is held and not closed; of what is set aside, or to be had whole only, more than anybody has."""
        now, epoch = self._monotonic(), self._trust().epoch
        if epoch != self._epoch:
            self._aside.clear()
        self._asked, self._epoch = now, epoch
        positions = {head.name: head.number for head in self._ledger.heads() if not head.closed}
        positions.update((name, MAX_NUMBER) for name in self._ledger.missing())
        positions.update((name, MAX_NUMBER) for name, aside in self._aside.items() if aside.until > now)
        return {name: number for name, number in positions.items() if self._is_followed(name)}

    def _is_followed(self, name: ListName) -> bool:
        return not self._followed.issuers or name.issuer in self._followed.issuers

    def wants(self, name: ListName) -> bool:
        """Tell whether anything of this list is taken from this source now."""
        aside = self._aside.get(name)
        return self._is_followed(name) and (aside is None or aside.until <= self._monotonic())

    def _due(self) -> bool:
        """Tell whether a list that was set aside when the source was asked is to be asked for again.

        Its time has come, or others are trusted than before.
        """
        now = self._monotonic()
        if self._aside and self._trust().epoch != self._epoch:
            return True
        return any(self._asked < aside.until <= now for aside in self._aside.values())

    async def take(self, signed: SignedBatch, name: ListName) -> bool:
        """Hand one batch to the ledger; return whether it was held already. Raises: SourceFailed."""
        try:
            taken = await self._ledger.submit(signed, self._clock())
        except StoreDegraded:
            if name in self._ledger.missing():
                return False
            raise SourceFailed(FollowFailure.STORE_DEGRADED) from None
        except BatchRefused as refused:
            return await self._refused(name, refused.refusal)
        if not taken.repeated:
            self._aside.pop(name, None)
        self._observer.batch_followed(self._followed.gateway, name, repeated=taken.repeated)
        return taken.repeated

    async def _refused(self, name: ListName, refusal: BatchRefusal) -> bool:
        """Draw the consequence; return whether the batch is only behind. Raises: SourceFailed."""
        if refusal in NOTHING_NEW:
            return True
        if not self.wants(name):
            return False
        if refusal is BatchRefusal.NUMBER_GAP:
            raise SourceFailed(FollowFailure.GAP)
        if refusal is BatchRefusal.DIGEST_MISMATCH and name not in self._doubted:
            # Its issuer holds another list than we do. Only once for each source: else one wrong batch, sent again and
            # again, would keep the list from everybody.
            self._doubted.add(name)
            await self._ledger.distrust(name)
            return False
        self._set_aside(name, refusal)
        return False

    async def _snapshot(self, source: GatewaySource, name: ListName, number: int) -> None:
        """Take a list over, if it is further than ours. Raises: SourceFailed."""
        head = self._ledger.head(name)
        held = head.number if head is not None else 0
        if number <= held:
            return
        at = self._clock()
        try:
            async with taken_snapshot(
                source,
                name,
                held=held,
                gateway=self._followed.gateway,
                trust=self._trust(),
                at=at,
                folder=self._folder,
            ) as taken:
                await self._ledger.adopt(taken.head, taken.raw, taken.last, self._clock())
        except BatchRefused as refused:
            self._set_aside(name, refused.refusal)
            return
        except (StoreDegraded, OSError):
            raise SourceFailed(FollowFailure.STORE_DEGRADED) from None
        self._aside.pop(name, None)
        self._observer.snapshot_taken(self._followed.gateway, name, taken.head.number)

    def _set_aside(self, name: ListName, refusal: BatchRefusal) -> None:
        limits, before = self._limits, self._aside.get(name)
        if before is None and len(self._aside) >= limits.most_set_aside:
            raise SourceFailed(FollowFailure.BROKEN)
        times = before.times + 1 if before is not None and refusal not in PASSING else 1
        seconds = min(limits.longest_aside_s, limits.set_aside_s * 2.0 ** min(times - 1, 16))
        self._aside[name] = _Aside(self._monotonic() + seconds, times)
        self._observer.list_set_aside(self._followed.gateway, name, refusal)


class _UnderWay:
    """The batches of one session that the ledger has not answered for: in order, bounded, all waited for at the end."""

    def __init__(self, follower: GatewayFollower, limits: FollowLimits) -> None:
        self._follower = follower
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes = 0
        self._repeated = 0
        self._failure: Exception | None = None

    async def submit(self, signed: SignedBatch) -> None:
        """Begin to take a batch; wait if there are too many under way. Raises: SourceFailed."""
        try:
            name, size = looked_over(signed.body)
        except BatchRefused:
            raise SourceFailed(FollowFailure.BROKEN) from None
        if not self._follower.wants(name):
            self._count(repeated=True)
            return
        while self._tasks and (
            len(self._tasks) >= self._limits.most_under_way or self._bytes + size > self._limits.most_bytes_under_way
        ):
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            self.raise_failure()
        self._bytes += size
        task = asyncio.create_task(self._take(signed, name, size))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until the ledger has answered for all. Raises: SourceFailed."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        self.raise_failure()

    async def end(self) -> None:
        """Wait until the ledger has answered for all: what was begun is not cut off."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def raise_failure(self) -> None:
        """Raise what a batch under way has failed with."""
        if self._failure is not None:
            raise self._failure

    async def _take(self, signed: SignedBatch, name: ListName, size: int) -> None:
        try:
            self._count(repeated=await self._follower.take(signed, name))
        except Exception as failure:  # noqa: BLE001 raised again by whoever reads on
            self._failure = self._failure or failure
        finally:
            self._bytes -= size

    def _count(self, *, repeated: bool) -> None:
        self._repeated = self._repeated + 1 if repeated else 0
        if self._repeated > self._limits.most_repeated:
            raise SourceFailed(FollowFailure.BROKEN)
