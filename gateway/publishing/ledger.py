"""The lists that this gateway holds: every batch goes this way, published here or followed.

    read -> signatures -> order and content -> log (durable) -> file -> number shown -> told on -> acknowledged

Rules:

- What `submit` has returned from survives a power cut, and every worker sees it. What it refused changed nothing.
- One list's batches go one after another; lists go side by side, and share the log's commits.
- The same batch again is acknowledged again; a batch of its issuer that contradicts what is held is told as that.
- A store that fails is declared at once: nothing is acknowledged until a probe has found that it works. What it holds
  then is what counts, also what a failed commit left there.
- The log may have another writer (several nodes on one database): what that one appends is applied here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path

from gateway.changes import (
    BatchRefusal,
    BatchRefused,
    ListHead,
    ListName,
    SignedBatch,
    StoreDegraded,
)
from gateway.held.list_files import ListFiles, WritableList
from gateway.store.change_log import ChangeLog, LoggedBatch
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Instant, IssuerId

from .check import check_people
from .health import StoreHealth
from .job import Accepted, Job
from .lane import Lane
from .listening import listen
from .means import BatchWire, Means, Room
from .observer import LedgerObserver, NobodyObserves, SetAside
from .settings import LedgerSettings
from .signatures import signing_keys
from .snapshot import ListSnapshot, copy_list, digest_of_file, take_over
from .subscriptions import Subscription, Subscriptions
from .upkeep import Upkeep


class Ledger:
    """All lists. For one event loop; `recover` first, `close` ends it."""

    def __init__(
        self,
        log: ChangeLog,
        files: ListFiles,
        wire: BatchWire,
        trust: Callable[[], TrustSnapshot],
        settings: LedgerSettings,
        clock: Callable[[], Instant],
        observer: LedgerObserver | None = None,
    ) -> None:
        """Hold in `files` what `log` has; who opened the two closes the log, the ledger closes the files."""
        told = observer or NobodyObserves()
        self._trust = trust
        self._means = Means(
            log=log,
            files=files,
            wire=wire,
            settings=settings,
            clock=clock,
            observer=told,
            health=StoreHealth(told),
            room=Room(settings),
            subscriptions=Subscriptions(settings.subscription_batches, settings.subscription_bytes, told),
        )
        self._lanes: dict[ListName, Lane] = {}
        self._begun: dict[ListName, Lane] = {}
        self._found: dict[ListName, WritableList] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._upkeep = Upkeep(self._means, self._lane, self._lanes)
        self._closed = False

    @property
    def degraded(self) -> bool:
        """Whether nothing can be acknowledged now."""
        return self._means.health.degraded

    def heads(self) -> tuple[ListHead, ...]:
        """Return how far each list is held, closed ones too, by name. Lists that need a snapshot are not among them."""
        lanes = sorted(self._lanes.items())
        return tuple(lane.held.head for _, lane in lanes if lane.held.head is not None and lane.held.whole)

    def head(self, name: ListName) -> ListHead | None:
        """Return how far a list is held; None if it is not, or needs a snapshot."""
        lane = self._lanes.get(name)
        return None if lane is None or not lane.held.whole else lane.held.head

    def base(self, name: ListName) -> int:
        """Return up to which number a list's batches are not kept any more; 0 also if there is no such list."""
        lane = self._lanes.get(name)
        return 0 if lane is None else lane.held.base

    def missing(self) -> tuple[ListName, ...]:
        """Return the lists that the log knows and that cannot be read here: a snapshot of each is needed."""
        return tuple(sorted(name for name, lane in self._lanes.items() if not lane.held.whole))

    async def recover(self) -> None:
        """Open the files, and write what the log holds above their checkpoints. If it fails it may be called again.

        A file without a row in the log is put aside and kept: if the log is the wrong one, the file is the only copy of
        what the right one has forgotten.

        Raises: StoreDegraded.
        """
        means = self._means
        if self._found is None:
            self._found = dict(await means.with_files(means.files.open_all))
        rows = await means.health.tried(means.log.lists())
        known = {row.name for row in rows}
        for name in [name for name in self._found if name not in known]:
            means.observer.list_set_aside(name, SetAside.NOT_IN_LOG)
            await means.with_files(lambda name=name: means.files.put_aside(name))  # type: ignore[misc]
            del self._found[name]
        for row in rows:
            if row.name in self._lanes:
                continue
            lane = self._begun.get(row.name)
            if lane is None:
                lane = self._begun[row.name] = Lane(row.name, means, self._idle)
                lane.held.file = self._found.pop(row.name, None)
            await lane.held.restore(row)
            self._lanes[row.name] = self._begun.pop(row.name)
        means.health.well()
        self._start(listen(self._means, self._lane))
        self._start(self._warm())
        self._start(self._save_when_due())

    async def submit(self, signed: SignedBatch, at: Instant) -> Accepted:
        """Take a batch, from its issuer or from whoever handed it on. Durable and visible on return.

        Who is cancelled while she waits does not take it back.

        Raises: BatchRefused, and then nothing has changed; StoreDegraded, and then it may be sent again.
        """
        proven: IssuerId | None = None
        try:
            batch = self._means.wire.read_batch(signed.body)
            keys = signing_keys(batch.name.issuer, signed, self._trust(), at)
            proven = batch.name.issuer
            self._refuse_if_closed()
            self._means.health.refuse()
            done: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
            return await self._lane(batch.name).submit(Job(signed, batch, signed.digest, len(keys), at, done))
        except BatchRefused as refused:
            self._means.observer.batch_refused(proven, refused.refusal)
            raise

    async def read(self, name: ListName, after: int, most_bytes: int) -> Sequence[LoggedBatch]:
        """Return the batches above `after` in order, at least one if there is any, else up to `most_bytes` of them.

        If the first is not `after` + 1, those between are not kept any more: `base` tells. Raises: StoreDegraded.
        """
        logged = await self._means.health.tried(self._means.log.read(name, after, most_bytes))
        lane = self._lanes.get(name)
        if lane is not None and logged:
            lane.held.base = max(lane.held.base, logged[0].number - 1 if logged[0].number > after + 1 else 0)
        return logged

    def subscribe(self) -> Subscription:
        """Return a new subscription to all batches from now on; close it."""
        return self._means.subscriptions.open()

    async def snapshot(self, name: ListName, folder: Path) -> ListSnapshot:
        """Return a copy of a list as it stands, in `folder`; whoever has it closes it.

        Raises: BatchRefused with UNKNOWN_LIST, StoreDegraded.
        """
        lane = self._lanes.get(name)
        if lane is None:
            raise BatchRefused(BatchRefusal.UNKNOWN_LIST)
        held = lane.held
        head, last, path = await lane.alone(lambda: copy_list(held, self._means, folder))
        try:
            return ListSnapshot(head, await asyncio.to_thread(digest_of_file, path), path, last)
        except BaseException as failed:
            path.unlink(missing_ok=True)
            if isinstance(failed, OSError):
                raise StoreDegraded(f"snapshot: {failed.strerror}") from failed
            raise

    async def adopt(self, head: ListHead, raw: Path, last: SignedBatch, at: Instant) -> None:
        """Take over a snapshot: `raw` is what the list reads at `head`, `last` the batch that it names.

        Nothing happens if that number is held already. Does not check who vouches for the content.

        Raises: BatchRefused, and then nothing has changed; StoreDegraded.
        """
        means, proven = self._means, False
        try:
            batch = means.wire.read_batch(last.body)
            keys = signing_keys(batch.name.issuer, last, self._trust(), at)
            proven = True
            check_people(batch, len(keys), means.settings.bulk_size)
            self._refuse_if_closed()
            means.health.refuse()
            lane = self._lane(batch.name)
            await lane.alone(lambda: take_over(lane.held, means, head, raw, last, batch, at))
        except BatchRefused as refused:
            means.observer.batch_refused(head.name.issuer if proven else None, refused.refusal)
            raise

    async def distrust(self, name: ListName) -> None:
        """Let nobody read a list until a snapshot of it was adopted: what is held is not what its issuer holds.

        For a follower that is told DIGEST_MISMATCH for a batch which others took. Raises: StoreDegraded.
        """
        lane = self._lanes.get(name)
        if lane is not None and lane.held.head is not None and lane.held.whole:
            await lane.alone(lane.held.distrust)

    async def probe(self) -> None:
        """While the store is degraded, try whether it works again; then hold what it holds. Raises nothing."""
        await self._upkeep.probe()

    async def checkpoint(self) -> None:
        """Bring what was written onto the disk, and forget batches that need not be kept. Does nothing while degraded.

        Raises: StoreDegraded.
        """
        await self._upkeep.checkpoint()

    async def close(self) -> None:
        """Finish what was begun, write a last checkpoint if the disk lets it, close the files. Not the log."""
        if self._closed:
            return
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for lane in tuple(self._lanes.values()):
            await lane.ended()
        await self._upkeep.ended()
        with suppress(StoreDegraded):
            await self.checkpoint()
        self._means.subscriptions.close()
        with suppress(StoreDegraded):
            await self._means.with_files(self._means.files.close)

    async def _warm(self) -> None:
        """Bring all lists into memory after a start: one pass each, instead of a page at a time while batches wait."""
        for lane in tuple(self._lanes.values()):
            await lane.held.warm()

    async def _save_when_due(self) -> None:
        """Write a checkpoint whenever so much has changed that a restart would take long."""
        while True:
            await self._means.due.wait()
            with suppress(StoreDegraded):
                await self.checkpoint()
            self._means.due.clear()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreDegraded("the ledger ends")

    def _lane(self, name: ListName) -> Lane:
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(name, self._means, self._idle)
        return lane

    def _idle(self, lane: Lane) -> None:
        """Forget a lane without a list: refused batches must not fill the memory."""
        if lane.held.head is None and not lane.in_use and self._lanes.get(lane.held.name) is lane:
            del self._lanes[lane.held.name]

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
