"""A log in memory, observers that remember, and small settings."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entries import (
    Cause,
    DecisionGapEntry,
    EditionEntry,
    Gap,
    LogName,
    Matter,
    Milliseconds,
    body_of,
    read_entry,
)
from gateway.audit.faults import DegradedReason, LogDegraded
from gateway.recording.outbox import Outbox, Trouble
from gateway.recording.settings import RecordingSettings
from gateway.values import Instant

AT = Instant(1_800_000_123.456)
PATIENCE_S = 20.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 it is set by a thread, a peer or a file
            await asyncio.sleep(0.005)


async def soon(waiting: Awaitable[object]) -> None:
    """Await what must end."""
    async with asyncio.timeout(PATIENCE_S):
        await waiting


class MemoryLog:
    """A log that survives its owner, and whose disk does as it is told."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.groups: list[int] = []
        self.published: list[int] = []
        self.fault: DegradedReason | None = None
        self.free = threading.Event()
        self.free.set()
        self.closed = 0
        self.forgotten = 0
        self.dies_after_append = False

    @property
    def size(self) -> int:
        return len(self.entries)

    def append(self, entries: Sequence[bytes]) -> int:
        self.free.wait(PATIENCE_S)
        if self.fault is not None:
            raise LogDegraded(self.fault)
        self.entries += entries
        self.groups.append(len(entries))
        if self.dies_after_append:
            raise SystemError("killed between append and acknowledgement")
        return len(self.entries) - len(entries)

    def last(self, most: int) -> Iterable[bytes]:
        return self.entries[-most:]

    def publish(self, at: Instant) -> Checkpoint:
        if self.fault is not None:
            raise LogDegraded(self.fault)
        self.published.append(self.size)
        return Checkpoint("test", self.size, bytes(32), b"", at)

    def forget_while(self, is_old: Callable[[bytes], bool], at: Instant) -> int:
        while self.forgotten < self.size and is_old(self.entries[self.forgotten]):
            self.forgotten += 1
        return self.forgotten

    def close(self) -> None:
        self.closed += 1

    def numbers(self) -> list[tuple[str, int]]:
        """Return run and number of each entry."""
        return [read_entry(one)[1:] for one in self.entries]


@dataclass
class Remembered:
    """What outboxes and owners told."""

    lost: list[LogName] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    available_again: int = 0
    waits: int = 0
    refusals: int = 0
    untraced_answers: int = 0
    degradations: list[str] = field(default_factory=list)
    well_again: list[str] = field(default_factory=list)
    unpublished: list[str] = field(default_factory=list)
    checkpoints: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def entry_lost(self, log: LogName) -> None:
        self.lost.append(log)

    def unavailable(self, log: LogName, trouble: Trouble) -> None:
        self.troubles.append(trouble)

    def available(self, log: LogName, seconds: float) -> None:
        self.available_again += 1

    def waited(self, seconds: float) -> None:
        self.waits += 1

    def refused(self) -> None:
        self.refusals += 1

    def untraced(self) -> None:
        self.untraced_answers += 1

    def appended(self, log: LogName, entries: int, seconds: float, size: int) -> None:
        self.groups.append(entries)

    def published(self, log: LogName, size: int, at: Instant) -> None:
        self.checkpoints.append(size)

    def not_published(self, log: LogName, why: str) -> None:
        self.unpublished.append(why)

    def degraded(self, log: LogName, why: str) -> None:
        self.degradations.append(why)

    def well(self, log: LogName, why: str, seconds: float) -> None:
        self.well_again.append(why)

    def failed(self, failure: Exception) -> None:
        self.failures.append(failure)


def gap_body(lost: int, _seconds: float) -> bytes:
    """Return the body of the entry that so many were lost."""
    return body_of(DecisionGapEntry(Gap.QUEUE_FULL, 0, 0, bytes(16), lost))


def outbox(settings: RecordingSettings | None = None, told: Remembered | None = None) -> Outbox:
    """Return an outbox of decisions."""
    return Outbox(LogName.DECISIONS, settings or RecordingSettings(), told or Remembered(), gap=gap_body)


BODY = body_of(EditionEntry(Milliseconds(1), Matter.TRUST, "p", Cause.START, ("7:x",), bytes(16)))
"""The body of an entry."""
