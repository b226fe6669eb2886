"""A disk under SQLite that loses what was not synced when its power is cut, and fails when it is told to.

A VFS over the real one: what is written is really there, for reading, locking and shared memory. Beside it each file is
kept as it would be found after a power cut: what was synced for certain, and what was written since in part, sector by
sector, in any order. A sync that fails takes with it what it was asked to sync, as Linux does: some of it is on the
disk, and the rest is never tried again although it can still be read. Names of files become durable when a new file is
synced for the first time: SQLite syncs its folder then.

disk = Disk("a name", Random(7))
log = await SqliteLog.open(path, vfs=disk.name)
disk.cut_at(120)  # or disk.fail("sync", Fault.EIO)
disk.survivors(another_folder)
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

import apsw

SECTOR = 512


class Fault(Enum):
    """What a disk does wrong."""

    EIO = "EIO"
    FULL = "FULL"
    READ_ONLY = "READ_ONLY"


@dataclass
class _Kept:
    """A file as the disk has it: what is there for certain, and what may be."""

    durable: bytearray | None
    """None: not even its name."""
    since: list[tuple[int, bytes] | int] = field(default_factory=list)
    """Writes (offset, bytes) and truncations (to a size), in order."""
    deleted: bool = False

    @property
    def new(self) -> bool:
        """Whether its name is not durable yet."""
        return self.durable is None or 0 in self.since[:1]

    def settle(self) -> None:
        """All of it is on the disk now."""
        self.durable = applied(bytes(self.durable or b""), self.since)
        self.since.clear()

    def lose(self, random: Random) -> None:
        """Some of it is on the disk, the rest never will be."""
        self.durable = applied(bytes(self.durable or b""), torn(self.since, random))
        self.since.clear()


def applied(content: bytes, changes: list[tuple[int, bytes] | int]) -> bytearray:
    """Return a file's content after changes."""
    result = bytearray(content)
    for change in changes:
        if isinstance(change, int):
            del result[change:]
            continue
        offset, data = change
        if len(result) < offset:
            result.extend(bytes(offset - len(result)))
        result[offset : offset + len(data)] = data
    return result


def torn(changes: list[tuple[int, bytes] | int], random: Random) -> list[tuple[int, bytes] | int]:
    """Return what of changes reached the disk: nothing, all, the first of them, or any sectors of any of them."""
    way = random.randrange(4)
    if way == 0:
        return []
    if way == 1:
        return list(changes)
    if way == 2:
        return changes[: random.randrange(len(changes) + 1)]
    kept: list[tuple[int, bytes] | int] = []
    for change in changes:
        if isinstance(change, int):
            kept += [change] * random.randrange(2)
            continue
        offset, data = change
        begin = offset
        while begin < offset + len(data):
            end = min((begin // SECTOR + 1) * SECTOR, offset + len(data))
            if random.randrange(2):
                kept.append((begin, data[begin - offset : end - offset]))
            begin = end
    return kept


class Disk(apsw.VFS):
    """The disk. Unregister it in the end: `close`."""

    def __init__(self, name: str, random: Random) -> None:
        super().__init__(name, "")
        self.name = name
        self.steps = 0
        """Writes, syncs, truncations and deletions so far."""
        self._off = False
        self._cut_at: int | None = None
        self._cut_at_a_sync = False
        self._faults: dict[str, Fault] = {}
        self._fail_once: tuple[int, Fault] | None = None
        self._random = random
        self._files: dict[str, _Kept] = {}
        self._lock = threading.RLock()
        self.holding = threading.Event()
        """Clear it, and syncs hang."""
        self.holding.set()
        self.hanging = threading.Event()
        """Set when a sync hangs."""

    def cut_at(self, step: int, *, at_a_sync: bool = False) -> None:
        """Cut the power in the middle of a step, or of the first sync from it on."""
        self._cut_at = step
        self._cut_at_a_sync = at_a_sync

    def is_off(self) -> bool:
        """Tell whether the power has been cut."""
        return self._off

    def fail_sync_at(self, step: int) -> None:
        """Let the first sync from a step on fail, once."""
        self._fail_once = (step, Fault.EIO)

    def mend(self) -> None:
        """Let the disk work again after a cut, as if it had only failed for a while."""
        self._cut_at, self._off = None, False

    def fail(self, what: str, fault: Fault | None) -> None:
        """Let every `write`, `sync` or `truncate` fail from now on, or (None) none any more."""
        with self._lock:
            if fault is None:
                self._faults.pop(what, None)
            else:
                self._faults[what] = fault

    def survivors(self, folder: Path) -> None:
        """Write what is found after a power cut into an empty folder."""
        with self._lock:
            for path, kept in self._files.items():
                if kept.deleted and self._random.randrange(2):
                    continue
                if kept.durable is None and self._random.randrange(2):
                    continue
                content = applied(bytes(kept.durable or b""), torn(kept.since, self._random))
                (folder / Path(path).name).write_bytes(content)

    def close(self) -> None:
        """Forget the disk."""
        self.unregister()

    def xOpen(self, name: Any, flags: list[int]) -> DiskFile:  # noqa: N802 the library's names
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        with self._lock:
            kept = self._files.get(path)
            if kept is None:
                there = Path(path)
                self._files[path] = _Kept(bytearray(there.read_bytes()) if there.exists() else None)
            elif kept.deleted:
                kept.deleted = False
                kept.since.append(0)
        return DiskFile(self, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        with self._lock:
            self.step("delete")
            super().xDelete(filename, syncdir)
            if syncdir:
                self._files.pop(filename, None)
            elif filename in self._files:
                self._files[filename].deleted = True

    def step(self, what: str) -> None:
        """Go one step on. Raises: apsw.IOError, apsw.FullError, apsw.ReadOnlyError."""
        self.steps += 1
        if self._cut_at is not None and self.steps >= self._cut_at and (what == "sync" or not self._cut_at_a_sync):
            self._off = True
        if self._off:
            raise told(Fault.EIO, what)
        if what in self._faults:
            raise told(self._faults[what], what)

    def write(self, path: str, data: bytes, offset: int) -> None:
        """Take note of a write; one that is cut may still be on the disk in part."""
        with self._lock:
            if not self._off and "write" not in self._faults:
                self._files[path].since.append((offset, data))
            self.step("write")

    def truncate(self, path: str, size: int) -> None:
        with self._lock:
            self.step("truncate")
            self._files[path].since.append(size)

    def sync(self, path: str) -> None:
        """Sync a file, or fail and lose."""
        if not self.holding.is_set():
            self.hanging.set()
            self.holding.wait()
        with self._lock:
            kept = self._files[path]
            if self._fail_once is not None and self.steps >= self._fail_once[0] and not self._off:
                self._fail_once = None
                kept.lose(self._random)
                raise told(Fault.EIO, "sync")
            try:
                self.step("sync")
            except apsw.Error:
                if not self._off:
                    kept.lose(self._random)
                raise
            if kept.new:
                self._files = {name: one for name, one in self._files.items() if not one.deleted}
            kept.settle()


class DiskFile(apsw.VFSFile):
    """One open file of a disk."""

    def __init__(self, disk: Disk, path: str, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._path = path

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.write(self._path, bytes(data), offset)
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.truncate(self._path, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        # The real one is left out: it costs time, and nobody cuts the real power.
        self._disk.sync(self._path)


def told(fault: Fault, what: str) -> apsw.Error:
    """Return what a VFS raises for a fault."""
    failed: apsw.Error
    if fault is Fault.FULL:
        failed, code = apsw.FullError("the disk is full"), apsw.SQLITE_FULL
    elif fault is Fault.READ_ONLY:
        failed, code = apsw.ReadOnlyError("the disk is read-only"), apsw.SQLITE_READONLY
    else:
        codes = {
            "write": apsw.SQLITE_IOERR_WRITE,
            "sync": apsw.SQLITE_IOERR_FSYNC,
            "truncate": apsw.SQLITE_IOERR_TRUNCATE,
        }
        failed, code = apsw.IOError("the disk fails"), codes.get(what, apsw.SQLITE_IOERR_DELETE)
    failed.__dict__["extendedresult"] = code
    return failed
