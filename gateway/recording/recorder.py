"""What one process writes into the audit log: its outboxes, its links, and the entries of its own life.

Rules:

- Changes never make anybody wait, and never fail: they are done when they are written down. What is lost of them is
  counted.
- What a process judges by is written at its start and whenever a reload has changed it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.audit.entries import (
    MAX_BODY,
    SALT_BYTES,
    Cause,
    ChangeGapEntry,
    DecisionGapEntry,
    EditionEntry,
    Entry,
    Gap,
    LogName,
    Matter,
    Milliseconds,
    body_of,
)
from gateway.values import Instant

from .link import Link
from .outbox import Outbox, OutboxObserver, Trouble
from .settings import Answer, RecordingSettings, WhenUnavailable
from .trail import DecisionTrail, bucket_of

Editions = Mapping[Matter, tuple[str, ...]]
"""What is in force of each."""


def milliseconds(at: Instant) -> Milliseconds:
    """Return an instant as entries have it."""
    return Milliseconds(round(at * 1_000))


def salt() -> bytes:
    """Return what makes an entry of no secrets unguessable."""
    return secrets.token_bytes(SALT_BYTES)


class Recorder:
    """Writes for one process. Make, start and close it in the same event loop."""

    def __init__(
        self,
        settings: RecordingSettings,
        observer: OutboxObserver,
        clock: Callable[[], Instant],
        *,
        process: str,
        bucket_s: int,
    ) -> None:
        """`process` is this one's name, as in its log lines."""
        self._observer = observer
        self._clock = clock
        self._process = process
        self._bucket_s = bucket_s
        self._editions: Editions = {}
        self.decisions = Outbox(LogName.DECISIONS, settings, observer, gap=self._decisions_lost)
        beside = replace(settings, answer=Answer.AT_ONCE, when_unavailable=WhenUnavailable.ANSWER)
        self.changes = Outbox(LogName.CHANGES, beside, observer, gap=self._changes_lost)
        self._links: list[Link] = []

    @property
    def outboxes(self) -> tuple[Outbox, Outbox]:
        """Both of them."""
        return self.decisions, self.changes

    def trail(self, trust: tuple[str, ...]) -> DecisionTrail:
        """Return what handlers write decisions with, while these trust lists are in force."""
        return DecisionTrail(self.decisions, trust, self._bucket_s)

    def start(self, link: Callable[[Outbox], Link]) -> None:
        """Begin to hand entries over; `link` makes the way for an outbox."""
        self._links = [link(outbox) for outbox in self.outboxes]
        for one in self._links:
            one.start()

    async def close(self) -> None:
        """Hand over what is left, in bounded time."""
        await asyncio.gather(*(link.close() for link in self._links))
        self._links = []

    def look(self) -> Trouble | None:
        """Return why decisions cannot be written now; None if they can."""
        for outbox in (self.changes, self.decisions):
            found = outbox.look()
        return found

    def waiting(self, log: LogName) -> int:
        """Return how many entries for a log are not durable yet."""
        return self._outbox(log).waiting

    async def emptied(self, log: LogName) -> None:
        """Return once all entries for a log are durable."""
        await self._outbox(log).emptied()

    def changed(self, entry: Entry) -> None:
        """Write down a change; of one that is longer than an entry may be, that it is missing."""
        body = body_of(entry)
        if len(body) > MAX_BODY:
            self._observer.entry_lost(LogName.CHANGES)
            body = body_of(ChangeGapEntry(milliseconds(self._clock()), Gap.TOO_LONG, salt(), lost=1))
        self.changes.put(body)

    def in_force(self, editions: Editions, cause: Cause) -> None:
        """Write down what this process judges by from now on, as far as that is another than before."""
        for matter, after in editions.items():
            before = self._editions.get(matter)
            if after != before:
                at = milliseconds(self._clock())
                self.changed(EditionEntry(at, matter, self._process, cause, after, salt(), before))
        self._editions = dict(editions)

    def cut_off(self, log: LogName) -> None:
        """Write down that a process ended without a word, and may have taken entries with it."""
        at = self._clock()
        if log is LogName.CHANGES:
            self.changed(ChangeGapEntry(milliseconds(at), Gap.RUN_CUT_OFF, salt()))
        else:
            bucket = bucket_of(at, self._bucket_s)
            self.decisions.put(body_of(DecisionGapEntry(Gap.RUN_CUT_OFF, bucket, bucket, salt())))

    def _outbox(self, log: LogName) -> Outbox:
        return self.decisions if log is LogName.DECISIONS else self.changes

    def _decisions_lost(self, lost: int, seconds: float) -> bytes:
        at, size = self._clock(), self._bucket_s
        since = bucket_of(Instant(at - seconds), size)
        return body_of(DecisionGapEntry(Gap.QUEUE_FULL, since, bucket_of(at, size), salt(), lost))

    def _changes_lost(self, lost: int, _seconds: float) -> bytes:
        return body_of(ChangeGapEntry(milliseconds(self._clock()), Gap.QUEUE_FULL, salt(), lost))
