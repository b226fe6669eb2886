"""The logs of this machine, kept by one process: opened, written for all, published, and forgotten when it is time.

Rules:

- One log per class of retention, each with a folder, a disk thread and a name of its own; both are signed with one key.
- A log that is not whole refuses the start: nothing is written behind what somebody has touched. One that cannot be
  written now does not.
- What happens to a log is an entry of the changes: that it was opened, could not be written, has forgotten.
- Up to where each list stands is known once the changes are really open, and not before: who asks waits.
- Where a process may take entries with it, a file stands beside the logs until all of them have ended in order: a start
  that finds it writes that entries may be missing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from gateway.audit.disk import Disk
from gateway.audit.entries import (
    DecisionEntry,
    DecisionGapEntry,
    DegradedEntry,
    Entry,
    EntryInvalid,
    ForgottenEntry,
    LogName,
    OpenedEntry,
    RunId,
    read_entry,
)
from gateway.audit.faults import LogDegraded, LogFault, LogUnusable, degraded
from gateway.audit.log import AuditLog
from gateway.values import Instant
from keys.notes import NoteSigner, NoteVerifier
from keys.signer import Signer

from .gate import AUDIT_SOCKET, RecordingGate
from .link import DirectLink
from .outbox import Outbox
from .owner import LogOwner, OwnerObserver, WritesLog
from .positions import Positions
from .recorder import Recorder, milliseconds, salt

FIRST_FORGET_S: Final = 60.0
FORGET_EVERY_S: Final = 3_600.0
"""Between two looks for what is due to be forgotten."""

MARK_EVERY_S: Final = 30.0
"""Between two marks of up to where each list stands."""

MOST_BEHIND: Final = 1 << 18
"""Entries that are read behind the mark."""


UNFINISHED: Final = "unfinished"
"""In the folder of the logs, while a process may still take entries with it."""


class KeepingRefused(Exception):
    """The logs cannot be kept. `fault` tells why, `place` is the file.

    `may_pass`: another process has not let go yet, or the system refuses a file now.
    """

    def __init__(self, fault: str, place: str, *, may_pass: bool = False) -> None:
        super().__init__(f"{place}: {fault}")
        self.fault = fault
        self.place = place
        self.may_pass = may_pass


class LogsObserver(OwnerObserver, Protocol):
    """Told what happens to the logs. May not raise or wait."""

    def opened(self, log: LogName, entries: int, *, torn: bool) -> None:
        """Take note of a log that is open; `torn`: a crash had cut a group short that was not acknowledged."""

    def cut_off(self, log: LogName) -> None:
        """Take note of a process that ended without a word."""

    def forgotten(self, log: LogName, entries: int) -> None:
        """Take note of up to where nothing is left."""


@dataclass(frozen=True, slots=True)
class KeepingSettings:
    """Where the logs are kept, under which name, and for how long."""

    directory: Path
    origin: str
    decisions_s: float
    changes_s: float
    bucket_s: int
    may_lose: bool
    """Whether a process that is killed may take entries with it whose answers were given."""
    former: Sequence[NoteVerifier] = ()
    """Keys that signed before this one; their names do not count."""
    publish_s: float = 1.0


def log_folder(directory: Path, log: LogName) -> Path:
    """Return where a log lies."""
    return directory / log.value


def log_origin(origin: str, log: LogName) -> str:
    """Return a log's name in its checkpoints, which is its key's too."""
    return f"{origin}/{log.value}"


def log_verifier(key: NoteVerifier, log: LogName) -> NoteVerifier:
    """Return a node's key as it signs one of its logs; `key` may be named after the node or after any of them."""
    origin = key.name
    for one in LogName:
        origin = origin.removesuffix(f"/{one.value}")
    return NoteVerifier(log_origin(origin, log), key.public_key)


class AuditKeeping:
    """Keeps both logs. Make, open, start and close it in the same event loop."""

    def __init__(
        self,
        settings: KeepingSettings,
        signer: Signer,
        recorder: Recorder,
        observer: LogsObserver,
        clock: Callable[[], Instant],
    ) -> None:
        """Take `recorder`, which writes what is to be written about the logs. Raises: NoteRefused."""
        self._settings = settings
        self._recorder = recorder
        self._observer = observer
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        watching = _Watching(observer, self._well)
        self.owners = {
            log: LogOwner(
                log,
                self._opening(log, NoteSigner(log_origin(settings.origin, log), signer)),
                watching,
                clock,
                publish_s=settings.publish_s,
            )
            for log in LogName
        }
        self.positions = Positions(settings.directory)
        self.positions_found = asyncio.Event()
        """Set once `positions` are those of the log."""
        self._gate: RecordingGate | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def degraded(self) -> bool:
        """Whether one of the logs cannot be written."""
        return any(owner.degraded for owner in self.owners.values())

    async def open(self) -> None:
        """Open both logs. Raises: KeepingRefused."""
        self._settings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for log, owner in self.owners.items():
            try:
                await owner.open()
            except LogUnusable as broken:
                place = str(log_folder(self._settings.directory, log) / str(broken.place))
                may_pass = broken.fault in {LogFault.IN_USE, LogFault.UNREADABLE}
                raise KeepingRefused(broken.fault.value, place, may_pass=may_pass) from None

    async def start(self, *, serve: bool) -> None:
        """Begin to write; `serve`: for the other processes of this machine too. Raises: KeepingRefused."""
        for owner in self.owners.values():
            owner.start()
        if serve:
            path = self._settings.directory / AUDIT_SOCKET
            self._gate = RecordingGate(self.owners, path, self._cut_off)
            try:
                await self._gate.start()
            except OSError as refused:
                # A path that is too long is no error of the system's, and stays too long.
                may_pass = bool(refused.errno)
                raise KeepingRefused(refused.strerror or "cannot listen", str(path), may_pass=may_pass) from None
        decisions = self.owners[LogName.DECISIONS].size
        self._recorder.changed(OpenedEntry(milliseconds(self._clock()), decisions, salt()))
        work = ((FIRST_FORGET_S, FORGET_EVERY_S, self.forget), (MARK_EVERY_S, MARK_EVERY_S, self.mark))
        self._tasks = [asyncio.create_task(self._again_and_again(*one)) for one in work]

    def link(self, outbox: Outbox) -> DirectLink:
        """Return the way for an outbox of this very process."""
        return DirectLink(outbox, self.owners[outbox.log])

    async def close(self) -> None:
        """Write what came in, publish, and let go, in bounded time."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._gate is not None:
            await self._gate.stop()
        with suppress(OSError):
            await self.mark()
        await asyncio.gather(*(owner.close() for owner in self.owners.values()))
        if self._all_in_order():
            with suppress(OSError):  # it stays, and the next start says more than it would have to
                (self._settings.directory / UNFINISHED).unlink(missing_ok=True)

    async def mark(self) -> None:
        """Keep up to where each list stands, if all of that is durable now. Raises: OSError."""
        changes = self._recorder.changes
        if not changes.waiting and not changes.lost:
            await asyncio.to_thread(self.positions.save, self.owners[LogName.CHANGES].size)

    async def forget(self) -> None:
        """Delete what is due, and write that down."""
        at = self._clock()
        for log, owner in self.owners.items():
            kept_s = self._settings.decisions_s if log is LogName.DECISIONS else self._settings.changes_s
            before = at - kept_s
            begin = kept = await owner.with_log(lambda one: one.forgotten)
            while True:
                after = await owner.with_log(_forgetting(self._is_due(before), at))
                if after == kept:
                    break
                kept = after
            if kept > begin:
                self._observer.forgotten(log, kept)
                entry = ForgottenEntry(milliseconds(at), log, milliseconds(Instant(before)), kept, salt())
                self._recorder.changed(entry)

    def _opening(self, log: LogName, signer: NoteSigner) -> Callable[[], WritesLog]:
        settings = self._settings

        def opened() -> WritesLog:
            found = AuditLog.open(
                log_folder(settings.directory, log),
                origin=signer.verifier.name,
                signer=signer,
                accepts=[log_verifier(key, log) for key in settings.former],
            )
            try:
                cut_off = log is LogName.CHANGES and self._begin(found)
            except BaseException:
                found.close()
                raise
            torn = found.recovered.torn is not None
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(lambda: self._opened(log, found.size, torn=torn, cut_off=cut_off))
            return found

        return opened

    def _begin(self, changes: AuditLog) -> bool:
        """Find up to where each list stands, and whether the last run that might lose entries ended without a word.

        In the thread of the changes, when they are open. Raises: LogDegraded, LogUnusable.
        """
        marked = self.positions.load(changes.size)
        self.positions.read(changes.last(min(MOST_BEHIND, changes.size - marked)))
        disk, unfinished = Disk(), self._settings.directory / UNFINISHED
        try:
            cut_off = unfinished.exists()
            if self._settings.may_lose and not cut_off:
                os.close(disk.create(unfinished))
                disk.sync_folder(unfinished.parent)
        except OSError as failed:
            raise degraded(failed) from None
        return cut_off

    def _opened(self, log: LogName, entries: int, *, torn: bool, cut_off: bool) -> None:
        self._observer.opened(log, entries, torn=torn)
        if log is LogName.CHANGES:
            self.positions_found.set()
        for one in LogName if cut_off else ():
            self._write_cut_off(one)

    def _all_in_order(self) -> bool:
        """Tell whether nothing can be missing that anybody had to write, once all is closed."""
        all_said_bye = self._gate is None or not self._gate.missed
        written = not any(outbox.waiting or outbox.lost for outbox in self._recorder.outboxes)
        return all_said_bye and written and self.positions_found.is_set()

    def _is_due(self, before: float) -> Callable[[bytes], bool]:
        def due(raw: bytes) -> bool:
            try:
                return self._written_at(read_entry(raw).entry) < before
            except EntryInvalid as strange:
                self._observer.failed(strange)
                return False

        return due

    def _written_at(self, entry: Entry) -> float:
        if isinstance(entry, DecisionEntry):
            return entry.bucket + self._settings.bucket_s
        if isinstance(entry, DecisionGapEntry):
            return entry.until + self._settings.bucket_s
        return entry.at / 1_000

    def _cut_off(self, log: LogName, run: RunId) -> None:  # noqa: ARG002 a run is nobody's number
        if self._settings.may_lose:
            self._write_cut_off(log)

    def _write_cut_off(self, log: LogName) -> None:
        self._observer.cut_off(log)
        self._recorder.cut_off(log)

    def _well(self, log: LogName, why: str, seconds: float) -> None:
        at = self._clock()
        since = milliseconds(Instant(at - seconds))
        self._recorder.changed(DegradedEntry(milliseconds(at), log, since, why, salt()))

    async def _again_and_again(self, first_s: float, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(first_s)
        while True:
            try:
                with suppress(LogDegraded):  # it is declared, and tried again
                    await work()
            except Exception as failure:  # noqa: BLE001 one turn that fails must not be the last one
                self._observer.failed(failure)
            await asyncio.sleep(every_s)


def _forgetting(is_due: Callable[[bytes], bool], at: Instant) -> Callable[[WritesLog], int]:
    return lambda log: log.forget_while(is_due, at)


class _Watching:
    """Tells the observer, and writes down each time that a log has got well."""

    def __init__(self, observer: OwnerObserver, well: Callable[[LogName, str, float], None]) -> None:
        self.appended = observer.appended
        self.published = observer.published
        self.not_published = observer.not_published
        self.degraded = observer.degraded
        self.failed = observer.failed
        self._told = observer
        self._written = well

    def well(self, log: LogName, why: str, seconds: float) -> None:
        """See OwnerObserver."""
        self._told.well(log, why, seconds)
        self._written(log, why, seconds)
