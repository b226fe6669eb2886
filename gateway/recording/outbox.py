"""What one process has to write into one log: numbered, bounded, and kept until it is durable.

Rules:

- Numbers of a run have no gap. Everything is kept until it is acknowledged, and sent again after a lost connection.
- Acknowledgements are cumulative: who waits for a number waits for all before it.
- Nobody waits longer than her budget. Once an entry is older than that the log counts as unavailable, for everybody,
  until what waits is young again: who comes meanwhile is refused, or answered, at once.
- What finds no room is counted, and the count is the next entry that finds any.

For one event loop.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from heapq import heappop, heappush
from itertools import count, islice
from typing import Final, Protocol

from gateway.audit.entries import MAX_ENTRY, LogName, RunId, written
from gateway.errors import NotReady

from .settings import FRAME_BYTES, FRAME_ENTRIES, WINDOW_ENTRIES, Answer, RecordingSettings, WhenUnavailable

MARK_S: Final = 0.01
"""How finely the age of what waits is known."""


class Trouble(StrEnum):
    """Why nothing can be written now. Labels of a metric, words of /readyz: additions only."""

    OWNER_AWAY = "owner_away"
    """The process that writes is not there, or does not answer."""
    DEGRADED = "degraded"
    """It says that the disk does not take what it writes."""
    SLOW = "slow"
    """It writes, but not within the budget of an answer."""
    QUEUE_FULL = "queue_full"


class AuditUnavailable(NotReady):
    """The answer is not given, because it would leave no trace. Asked again, it may be."""


class OutboxObserver(Protocol):
    """Told what becomes of entries. May not raise or wait."""

    def entry_lost(self, log: LogName) -> None:
        """Take note of an entry that found no room. That it was lost is written once there is some."""

    def unavailable(self, log: LogName, trouble: Trouble) -> None:
        """Take note that nothing can be written from now on."""

    def available(self, log: LogName, seconds: float) -> None:
        """Take note that it can again, after so long."""

    def waited(self, seconds: float) -> None:
        """Take note of an answer that waited so long for its entry."""

    def refused(self) -> None:
        """Take note of an answer that was not given."""

    def untraced(self) -> None:
        """Take note of an answer that was given before its entry was durable, though it should not have been."""


class _Waiter:
    __slots__ = ("began", "future")

    def __init__(self, future: asyncio.Future[None], began: float) -> None:
        self.future = future
        self.began = began


class Outbox:
    """The entries of one run of one process, for one log."""

    def __init__(
        self,
        log: LogName,
        settings: RecordingSettings,
        observer: OutboxObserver,
        *,
        gap: Callable[[int, float], bytes],
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        """`gap` makes the body of the entry that so many were lost, over so many seconds until now."""
        self.log = log
        self.run = RunId(secrets.token_hex(8))
        self._settings = settings
        self._observer = observer
        self._gap = gap
        self._loop = asyncio.get_running_loop()
        self._now = monotonic or self._loop.time
        self._last = 0
        self._acked = 0
        self._sent: deque[bytes] = deque()
        self._fresh: deque[bytes] = deque()
        self._marks: deque[tuple[int, float]] = deque()
        self._due = asyncio.Event()
        self._room = asyncio.Event()
        self._waiters: list[tuple[int, int, _Waiter]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._lost = 0
        self._lost_since = 0.0
        self._linked = False
        self._degraded = False
        self._trouble: Trouble | None = None
        self._trouble_since = 0.0

    @property
    def put_so_far(self) -> int:
        """How many entries there were."""
        return self._last

    @property
    def waiting(self) -> int:
        """How many entries are not durable yet."""
        return self._last - self._acked

    @property
    def lost(self) -> int:
        """How many entries were lost of which that is not written yet."""
        return self._lost

    def put(self, body: bytes) -> int:
        """Keep an entry until it is written; return its number, 0 if it was lost for want of room.

        Raises: AuditUnavailable if there is no room, and nobody is answered without.
        """
        if self.waiting >= self._settings.queue:
            self.look()
            if self._settings.when_unavailable is WhenUnavailable.REFUSE:
                self._observer.refused()
                raise AuditUnavailable("the audit log has no room")
            if not self._lost:
                self._lost_since = self._now()
            self._lost += 1
            self._observer.entry_lost(self.log)
            return 0
        return self._put(body)

    def refuse(self) -> None:
        """Return if an answer may be given now. Raises: AuditUnavailable."""
        if self._settings.when_unavailable is WhenUnavailable.REFUSE and self.look() is not None:
            self._observer.refused()
            raise AuditUnavailable("the audit log cannot be written")

    def durable(self, number: int) -> asyncio.Future[None] | None:
        """Return what is to be awaited until entry `number` is durable, None if an answer need not wait for it.

        The future raises AuditUnavailable once the budget is over, if nobody is answered without a trace.
        """
        if number <= self._acked or self._settings.answer is Answer.AT_ONCE:
            return None
        if self.look() is not None:
            if self._settings.when_unavailable is WhenUnavailable.ANSWER:
                self._observer.untraced()
                return None
            self._observer.refused()
            raise AuditUnavailable("the audit log cannot be written")
        waiter = _Waiter(self._loop.create_future(), self._now())
        heappush(self._waiters, (number, next(self._order), waiter))
        if self._timer is None:
            self._timer = self._loop.call_later(self._settings.wait_s, self._out_of_patience)
        return waiter.future

    def look(self) -> Trouble | None:
        """Return why nothing can be written now, None if it can; tell where that has changed."""
        trouble = self._judged()
        if trouble is not None and self._trouble is None:
            self._trouble, self._trouble_since = trouble, self._now()
            self._observer.unavailable(self.log, trouble)
            self._let_go()
        elif trouble is None and self._trouble is not None:
            self._trouble = None
            self._observer.available(self.log, self._now() - self._trouble_since)
        return trouble

    def _judged(self) -> Trouble | None:
        if self._degraded:
            return Trouble.DEGRADED
        if self.waiting >= self._settings.queue:
            return Trouble.QUEUE_FULL
        if self._marks and self._now() - self._marks[0][1] > self._settings.wait_s:
            return Trouble.SLOW if self._linked else Trouble.OWNER_AWAY
        return None

    # The side of the link.

    def linked(self, *, up: bool) -> None:
        """Take note that there is, or is no, way to the owner.

        Without one its last word about the disk is forgotten: what counts then is how old the entries get.
        """
        self._linked = up
        if not up:
            self._degraded = False
            self._rewind()
        self.look()

    def degraded(self, *, degraded: bool) -> None:
        """Take note of what the owner says of its disk."""
        self._degraded = degraded
        self.look()

    async def next(self) -> tuple[int, Sequence[bytes]]:
        """Wait until there is something to send, and room in the window; return its first number, and the entries."""
        while not self._fresh or len(self._sent) >= WINDOW_ENTRIES:
            self._due.clear()
            await self._due.wait()
        first = self._acked + len(self._sent) + 1
        most = min(FRAME_ENTRIES, WINDOW_ENTRIES - len(self._sent))
        taken, size = 0, 0
        for entry in islice(self._fresh, most):
            size += len(entry)
            if taken and size > FRAME_BYTES:
                break
            taken += 1
        entries = [self._fresh.popleft() for _ in range(taken)]
        self._sent.extend(entries)
        return first, entries

    def acknowledged(self, number: int) -> None:
        """Take note that all up to `number` are durable."""
        number = min(number, self._last)
        if number <= self._acked:
            return
        for _ in range(number - self._acked):
            (self._sent or self._fresh).popleft()
        self._acked = number
        if not self.waiting:
            self._marks.clear()
        while len(self._marks) > 1 and self._marks[1][0] <= number + 1:
            self._marks.popleft()
        now = self._now()
        while self._waiters and self._waiters[0][0] <= number:
            waiter = heappop(self._waiters)[2]
            if not waiter.future.done():
                waiter.future.set_result(None)
                self._observer.waited(now - waiter.began)
        if self._lost and self.waiting < self._settings.queue:
            lost, self._lost = self._lost, 0
            self._put(self._gap(lost, now - self._lost_since))
        self._due.set()
        self._room.set()
        if self._trouble is not None:
            self.look()

    async def emptied(self) -> None:
        """Return once everything is durable."""
        while self.waiting:
            self._room.clear()
            await self._room.wait()

    def _put(self, body: bytes) -> int:
        number = self._last + 1
        entry = written(body, self.run, number)
        if len(entry) > MAX_ENTRY:
            raise ValueError("an entry is too long")
        self._last = number
        now = self._now()
        if not self._marks or now - self._marks[-1][1] > MARK_S:
            self._marks.append((number, now))  # those after it, up to the next mark, are no older
        self._fresh.append(entry)
        self._due.set()
        return number

    def _rewind(self) -> None:
        """Send again what is not acknowledged."""
        self._fresh.extendleft(reversed(self._sent))
        self._sent.clear()
        self._due.set()

    def _out_of_patience(self) -> None:
        """Let nobody wait any longer if the oldest entry is too old by now; else look again when it will be."""
        self._timer = None
        self.look()
        if self._waiters:
            oldest = min(one[2].began for one in self._waiters)
            left_s = oldest + self._settings.wait_s - self._now()
            self._timer = self._loop.call_later(max(0.001, left_s), self._out_of_patience)

    def _let_go(self) -> None:
        """Let nobody wait for a log that cannot be written."""
        waiters, self._waiters = self._waiters, []
        for _, _, waiter in waiters:
            self._release(waiter)

    def _release(self, waiter: _Waiter) -> None:
        if waiter.future.done():
            return
        if self._settings.when_unavailable is WhenUnavailable.ANSWER:
            self._observer.untraced()
            waiter.future.set_result(None)
        else:
            self._observer.refused()
            waiter.future.set_exception(AuditUnavailable("the audit log cannot be written"))
            waiter.future.exception()  # who waited may have gone: then nobody has to be told
