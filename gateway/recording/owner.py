"""The one writer of one log: what comes in from all processes is appended in groups, and published.

Rules:

- What waits when a write begins goes in one append, which is durable when it returns; only then it is acknowledged.
- Each entry stands once in the log, whatever is sent again: by the numbers of its run, which are found again in the log
  itself after a kill.
- A log that cannot be written is told of at once, and tried again; what came in stays and is written first. A write
  that does not come back is told of as well.
- A checkpoint that cannot be published is told of, and tried again at the next: entries are taken meanwhile.

For one event loop; the disk is waited for by a thread.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entries import LogName, RunId, writer_of
from gateway.audit.faults import DegradedReason, LogDegraded
from gateway.values import Instant

from .settings import RETRY_S, STALL_S, WINDOW_ENTRIES
from .thread import DiskThread

MOST_ENTRIES: Final = 8_192
"""Of one append."""

KNOWN_RUNS: Final = 1_024
"""Runs whose last number is remembered: the oldest is forgotten."""

LOOK_BACK: Final = 16 * WINDOW_ENTRIES
"""Entries at the log's end that are read after a start: what a run may send again is among the last that were written
before the kill, a window of each process at most."""

CLOSE_S: Final = 5.0
"""Seconds for what is pending at the end."""

T = TypeVar("T")


class WritesLog(Protocol):
    """A log, as its owner sees it. Blocks for as long as the disk does; used by one thread."""

    @property
    def size(self) -> int:
        """How many entries are durable."""
        ...

    @property
    def forgotten(self) -> int:
        """How many entries, from the first, have been deleted."""
        ...

    def append(self, entries: Sequence[bytes]) -> int:
        """Append, durably, and return the index of the first. Raises: LogDegraded."""
        ...

    def last(self, most: int) -> Iterable[bytes]:
        """Yield the last entries, as many as are kept of `most`, in order."""
        ...

    def publish(self, at: Instant) -> Checkpoint:
        """Publish a checkpoint of all that is durable. Raises: LogDegraded."""
        ...

    def forget_while(self, is_old: Callable[[bytes], bool], at: Instant) -> int:
        """Delete from the first entry on while they are old, some at a time; return the index of the first kept.

        Raises: LogDegraded.
        """
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


class OwnerObserver(Protocol):
    """Told how a log is. May not raise or wait."""

    def appended(self, log: LogName, entries: int, seconds: float, size: int) -> None:
        """Take note of a group that is durable now, and took so long."""

    def published(self, log: LogName, size: int, at: Instant) -> None:
        """Take note of a checkpoint."""

    def not_published(self, log: LogName, why: str) -> None:
        """Take note of a checkpoint that could not be written."""

    def degraded(self, log: LogName, why: str) -> None:
        """Take note that nothing can be written from now on."""

    def well(self, log: LogName, why: str, seconds: float) -> None:
        """Take note that it can again, after so long."""

    def failed(self, failure: Exception) -> None:
        """Take note of a bug. Of `failure` only the type and the frames may be told on."""


@dataclass(frozen=True, slots=True)
class _Group:
    run: RunId
    first: int
    entries: Sequence[bytes]
    done: Callable[[int], None]


class LogOwner:
    """Owns one log. Make, open, start and close it in the same event loop."""

    def __init__(
        self,
        name: LogName,
        open_log: Callable[[], WritesLog],
        observer: OwnerObserver,
        clock: Callable[[], Instant],
        *,
        publish_s: float = 1.0,
        stall_s: float = STALL_S,
        retry_s: float = RETRY_S,
    ) -> None:
        """`open_log` opens the log, in the thread."""
        self.name = name
        self.states: set[Callable[[bool], None]] = set()
        """Told when the log cannot be written, and when it can again."""
        self.size = 0
        self._open_log = open_log
        self._observer = observer
        self._clock = clock
        self._publish_s = publish_s
        self._stall_s = stall_s
        self._retry_s = retry_s
        self._thread = DiskThread(f"hcgw-audit-{name.value}")
        self._log: WritesLog | None = None
        self._runs: OrderedDict[RunId, int] = OrderedDict()
        self._pending: deque[_Group] = deque()
        self._due = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._why: str | None = None
        self._since = 0.0
        self._published = -1
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def degraded(self) -> bool:
        """Whether nothing can be written now."""
        return self._why is not None

    async def open(self) -> None:
        """Open the log, and find which entries of which run it has.

        A disk that takes nothing now refuses no start: the log is degraded, and is opened when it can be.

        Raises: what `open_log` raises of a log that is not whole.
        """
        try:
            await self._opened()
        except LogDegraded as failed:
            self._degrade(failed.reason.value)

    def start(self) -> None:
        """Begin to write and to publish."""
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._publish_again_and_again())]

    def last(self, run: RunId) -> int:
        """Return up to which number the entries of a run are durable; 0: none is known to be."""
        return self._runs.get(run, 0)

    def submit(self, run: RunId, first: int, entries: Sequence[bytes], done: Callable[[int], None]) -> None:
        """Take entries whose numbers go on from `first`. `done` is told up to which number they are durable."""
        self._pending.append(_Group(run, first, entries, done))
        self._idle.clear()
        self._due.set()

    async def with_log(self, work: Callable[[WritesLog], T]) -> T:
        """Do something with the log, between two writes. Raises: what it raises; LogDegraded if it is not open."""
        log = self._log
        if log is None:
            raise LogDegraded(DegradedReason.CLOSED)
        return await self._thread.do(lambda: work(log))

    async def publish(self) -> None:
        """Publish a checkpoint if anything has come since the last one. What fails is told of."""
        if self._log is None or self.size == self._published:
            return
        at = self._clock()
        try:
            self._published = (await self.with_log(lambda log: log.publish(at))).size
        except LogDegraded as failed:
            self._observer.not_published(self.name, failed.reason.value)
        else:
            self._observer.published(self.name, self._published, at)

    async def close(self) -> None:
        """Write what is pending, publish, and let go, in bounded time."""
        if self._closed:
            return
        self._closed = True
        if self._tasks:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.publish()
                if self._log is not None:
                    await self.with_log(lambda log: log.close())
        await self._thread.end(CLOSE_S)

    async def _write(self) -> None:
        while True:
            await self._due.wait()
            groups = self._taken()
            for run, number in (await self._append(groups)).items():
                self._runs[run] = number
                self._runs.move_to_end(run)
            while len(self._runs) > KNOWN_RUNS:
                self._runs.popitem(last=False)
            for group in groups:
                group.done(self._runs.get(group.run, 0))
            if not self._pending:
                self._due.clear()
                self._idle.set()

    def _taken(self) -> list[_Group]:
        taken, entries = [], 0
        while self._pending and entries < MOST_ENTRIES:
            taken.append(self._pending.popleft())
            entries += len(taken[-1].entries)
        return taken

    async def _opened(self) -> WritesLog:
        """Return the log, opened if it was not. Raises: as `open`; LogDegraded."""
        if self._log is None:
            log = await self._thread.do(self._open_log)
            self._runs.update(await self._thread.do(lambda: _last_numbers(log)))
            self._log, self.size = log, log.size
        return self._log

    async def _append(self, groups: Sequence[_Group]) -> dict[RunId, int]:
        """Append what is not in the log yet, however often it must be tried; return up to where each run's is now."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            appending = asyncio.create_task(self._append_once(groups))
            done, _ = await asyncio.wait({appending}, timeout=self._stall_s)
            if not done:
                self._degrade("stalled")
            try:
                entries, last = await appending
            except LogDegraded as failed:
                self._degrade(failed.reason.value)
            except Exception as failure:  # noqa: BLE001 a bug, or a log that is broken: told, and never acknowledged
                if self._why != "fault":
                    self._observer.failed(failure)
                self._degrade("fault")
            else:
                self._well()
                if entries:
                    self._observer.appended(self.name, entries, loop.time() - began, self.size)
                return last
            await asyncio.sleep(self._retry_s)

    async def _append_once(self, groups: Sequence[_Group]) -> tuple[int, dict[RunId, int]]:
        """Return how many entries were appended, and up to where each run's are durable."""
        log = await self._opened()
        fresh: list[bytes] = []
        last: dict[RunId, int] = {}
        for group in groups:
            known = last.get(group.run, self.last(group.run))
            fresh += group.entries[max(0, known - group.first + 1) :]
            last[group.run] = max(known, group.first + len(group.entries) - 1)
        if fresh:
            await self._thread.do(lambda: log.append(fresh))
            self.size = log.size
        return len(fresh), last

    def _degrade(self, why: str) -> None:
        if self._why is None:
            self._why, self._since = why, asyncio.get_running_loop().time()
            self._observer.degraded(self.name, why)
            for told in tuple(self.states):
                told(True)  # noqa: FBT003 a flag of two values

    def _well(self) -> None:
        if self._why is not None:
            why, self._why = self._why, None
            self._observer.well(self.name, why, asyncio.get_running_loop().time() - self._since)
            for told in tuple(self.states):
                told(False)  # noqa: FBT003

    async def _publish_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._publish_s)
            try:
                await self.publish()
            except Exception as failure:  # noqa: BLE001 one turn that fails must not be the last one
                self._observer.failed(failure)


def _last_numbers(log: WritesLog) -> dict[RunId, int]:
    found: dict[RunId, int] = {}
    for entry in log.last(LOOK_BACK):
        writer = writer_of(entry)
        if writer is not None:
            run, number = writer
            found[run] = max(number, found.pop(run, 0))
    return found
