"""The way of batches into one list: one after another, whoever waits for them.

Rules:

- First come, first served. What waits together is judged in order, appended together, and applied once it is durable.
- A batch that was begun is brought to its end, even if who sent it has gone: the log may hold it.
- If another process took the number, its batch is read from the log, and the own one is judged again: it may be it.
- A batch that must be judged by what the list reads (a state digest, an opening, a closing) has none before it there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from gateway.changes import BatchRefusal, BatchRefused, ListHead, ListName, StatusBatch, StoreDegraded
from gateway.store.change_log import LoggedBatch, NumberTaken

from .check import check_content, check_order, head_after
from .digests import digest_after, digest_of_nothing
from .held_list import HeldList
from .job import Accepted, Job, logged_of, settle, settle_all
from .means import Means
from .observer import Source
from .settings import MOST_BYTES_IN_ROUND, MOST_IN_ROUND, STALL_S, WARM_CHANGES

T = TypeVar("T")

MOST_TRIES: Final = 8
"""How often a batch is judged anew because another process was faster."""

YIELD_CHANGES: Final = 4_096
"""A batch of so many takes turns with those of other lists, so that everything else gets its turn in between."""


class Lane:
    """The lane of one list. For one event loop."""

    def __init__(self, name: ListName, means: Means, idle: Callable[[Lane], None]) -> None:
        """Tell `idle` whenever nobody uses the lane."""
        self.held = HeldList(name, means)
        self._means = means
        self._idle = idle
        self._free = asyncio.Lock()
        self._inbox: deque[Job] = deque()
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def in_use(self) -> bool:
        """Whether anybody waits for something here."""
        return bool(self._inbox or self._tasks) or self._running is not None

    async def submit(self, job: Job) -> Accepted:
        """Bring a batch in. Raises: BatchRefused, StoreDegraded."""
        self._inbox.append(job)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await job.done

    async def alone(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` with the list to itself, to its end even if the caller goes away."""

        async def exclusive() -> T:
            async with self._free:
                return await work()

        task = asyncio.create_task(exclusive())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def ended(self) -> None:
        """Return when nothing is under way."""
        while busy := [task for task in (*self._tasks, self._running) if task is not None]:
            await asyncio.wait(busy)

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else has to be told
        self._idle(self)

    async def _run(self) -> None:
        try:
            while self._inbox:
                async with self._free:
                    await self._round()
        finally:
            self._running = None
            for job in self._inbox:  # only if the task was cancelled: the process ends
                settle(job, StoreDegraded("the ledger ends"))
            self._inbox.clear()
            self._idle(self)

    async def _round(self) -> None:
        """Take what waits, as far as it goes together. Whatever happens, each batch that was begun is answered."""
        group: list[Job] = []
        try:
            await self._judge_in_order(group)
            if group:
                await self._take(group)
        except StoreDegraded as failed:
            settle_all(group, failed)
        except Exception as failed:  # noqa: BLE001 a bug must let nobody wait, and not end the lane
            self._means.observer.ledger_failed(failed)
            settle_all(group, failed)
        except BaseException:
            settle_all(group, StoreDegraded("the ledger ends"))
            raise

    async def _judge_in_order(self, group: list[Job]) -> None:
        """Move jobs into `group` that may be appended together: each judged as if those before were held."""
        head, size = self.held.head, 0
        while self._inbox and len(group) < MOST_IN_ROUND and size < MOST_BYTES_IN_ROUND:
            job = self._inbox[0]
            if group and (job.begins or job.batch.number != group[-1].batch.number + 1):
                return
            self._inbox.popleft()
            if job.done.done():
                continue  # she has gone, and nothing was begun
            changed = any(before.batch.groups for before in group)
            try:
                if not group and (head is None or job.batch.number > head.number + 1):
                    await self.held.catch_up()  # another process may have appended what lies between
                    head = self.held.head
                repeated = await self._judge(job, head, changed=changed)
            except (BatchRefused, StoreDegraded) as refused:
                settle(job, refused)
                continue
            except BaseException as failed:
                settle(job, failed if isinstance(failed, Exception) else StoreDegraded("the ledger ends"))
                raise
            if repeated is not None:
                settle(job, repeated)
                continue
            head, size = head_after(head, job.batch, job.digest), size + len(job.signed.body)
            group.append(job)

    async def _judge(self, job: Job, head: ListHead | None, *, changed: bool) -> Accepted | None:
        """Return None if a batch may be appended after `head`; what to answer if it is held already.

        1. a store that works, a list that can go on
        2. held already: the same, or another
        3. the next of its list
        4. says what it may
        5. room for a new list
        6. the list that its issuer holds after it

        Raises: BatchRefused, StoreDegraded.
        """
        means, held, batch = self._means, self.held, job.batch
        # 1
        means.health.refuse()
        held.refuse_unless_whole()
        # 2
        if head is not None and batch.number <= head.number:
            await self._compare(job, head)
            means.observer.batch_repeated(held.name)
            return Accepted(head.number, repeated=True)
        # 3
        try:
            check_order(batch, head)
        except BatchRefused as refused:
            if refused.refusal is BatchRefusal.BROKEN_CHAIN and head is not None:
                other = batch.previous or b""
                means.observer.issuer_contradicts_itself(held.name, head.number, head.digest, other)
            raise
        # 4
        changed = changed or (bool(batch.blocks) and await held.was_changed())
        bulk_size = means.settings.bulk_size
        check_content(batch, head, job.at, keys=job.keys, bulk_size=bulk_size, changed=changed)
        # 5
        if head is None and not means.room.fits(batch.name.issuer, batch.capacity or 0):
            raise BatchRefused(BatchRefusal.TOO_MANY_LISTS, "capacity")
        # 6
        if batch.state_digest is not None and batch.state_digest != await self._digest_after(batch):
            raise BatchRefused(BatchRefusal.DIGEST_MISMATCH, "state_digest", held=held.number)
        return None

    async def _compare(self, job: Job, head: ListHead) -> None:
        """Tell whether a batch is the one that is held under its number. Raises: BatchRefused, StoreDegraded."""
        means, held, number = self._means, self.held, job.batch.number
        digest = head.digest
        if number < head.number:
            logged: Sequence[LoggedBatch] = ()
            if number > held.base:
                logged = await means.health.tried(means.log.read(held.name, number - 1, 1))
            if not logged or logged[0].number != number:
                raise BatchRefused(BatchRefusal.NUMBER_OLD, "number", held=head.number)
            digest = logged[0].digest
        if job.digest != digest:
            means.observer.issuer_contradicts_itself(held.name, number, digest, job.digest)
            raise BatchRefused(BatchRefusal.NUMBER_TAKEN, "number", held=head.number)

    async def _digest_after(self, batch: StatusBatch) -> bytes:
        """Return what the list's digest will be; the batch is the first of its group, so the list is as before it."""
        file = self.held.file
        if batch.closing or file is None:
            capacity = batch.capacity or (0 if self.held.head is None else self.held.head.capacity)
            if batch.closing or not batch.changes:
                return await asyncio.to_thread(digest_of_nothing, capacity)
            return await asyncio.to_thread(digest_after, memoryview(b"\xff" * (capacity // 2)), batch)
        with file.view() as raw:
            return await asyncio.to_thread(digest_after, raw, batch)

    async def _take(self, group: list[Job]) -> None:
        """Append what was judged, then apply it.

        1. the file of a new list, so that a full disk refuses it before the log has it
        2. durable
        3. visible, told, acknowledged

        Raises: StoreDegraded.
        """
        means, held, first = self._means, self.held, group[0]
        opens = held.head is None
        # 1
        if opens:
            if not means.room.fits(held.name.issuer, first.batch.capacity or 0):
                settle(first, BatchRefused(BatchRefusal.TOO_MANY_LISTS, "capacity"))
                return
            means.room.take(held.name, first.batch.capacity or 0)
        try:
            if opens:
                await held.make_file(first.batch.capacity or 0)
            logged = [logged_of(job, means.wire.write_signed(job.signed)) for job in group]
            # 2
            await self._append(logged, sum(job.batch.changes for job in group))
        except BaseException as failed:
            if opens:
                means.room.give_back(held.name)
                with suppress(StoreDegraded):
                    await held.drop()
            if not isinstance(failed, NumberTaken):
                raise
            await self._give_way(group)
            return
        # 3
        for job, one in zip(group, logged, strict=True):
            if job.batch.changes < YIELD_CHANGES:
                held.apply(job.batch, job.digest, one.signed, Source.HERE)
            else:
                async with means.turn:
                    held.apply(job.batch, job.digest, one.signed, Source.HERE)
            if held.file is not None and held.file.distrusted:
                settle(job, StoreDegraded("an fsync of the list's file has failed"))
            else:
                settle(job, Accepted(job.batch.number, repeated=False))
        if first.batch.closing:
            await held.close()

    async def _append(self, logged: Sequence[LoggedBatch], changes: int) -> None:
        """Put batches into the log; meanwhile a list that much will be written to comes into memory."""
        means = self._means
        warming = asyncio.create_task(self.held.warm()) if changes >= WARM_CHANGES else None
        stalled = asyncio.get_running_loop().call_later(STALL_S, means.health.failed, "the log does not answer")
        try:
            await means.health.tried(means.log.append(logged))
        finally:
            stalled.cancel()
            if warming is not None:
                await warming

    async def _give_way(self, group: list[Job]) -> None:
        """Read what another process has appended, and let `group` be judged again."""
        for job in group:
            job.tries += 1
            if job.tries >= MOST_TRIES:
                raise StoreDegraded("the log does not tell what it holds")
        self._inbox.extendleft(reversed(group))
        await self.held.catch_up()
