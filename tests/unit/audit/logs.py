"""Logs for tests: a key, entries, a disk that fails when it is told to."""

from __future__ import annotations

import errno
import os
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from gateway.audit.disk import Disk
from gateway.audit.log import AuditLog
from gateway.audit.reading import read_bundle
from gateway.audit.tiles import tiles_of
from gateway.values import Instant
from keys.notes import NoteSigner
from keys.signer import generate_dev_key

ORIGIN = "gateway.example/audit/decisions"
AT = Instant(1_600_000_000.0)


@cache
def note_signer(name: str = ORIGIN, which: int = 0) -> NoteSigner:
    """Return a signer that is the same for the whole run."""
    with TemporaryDirectory() as folder:
        return NoteSigner(name, generate_dev_key(Path(folder) / f"{which}.pem"))


def entry(index: int, say: str = "") -> bytes:
    """Return an entry as the gateway makes them, of about 250 bytes, always the same for an index."""
    random = Random(f"{index}{say}")
    salt = random.randbytes(16).hex()
    filler = "x" * random.randrange(100, 200)
    at = 1_600_000_000 + index
    return f'{{"at":{at},"index":{index},"kind":"decision","salt":"{salt}","say":"{say}{filler}"}}'.encode()


def entries(first: int, end: int, say: str = "") -> list[bytes]:
    """Return the entries from `first` up to `end`."""
    return [entry(index, say) for index in range(first, end)]


def open_log(folder: Path, **more: object) -> AuditLog:
    """Open a log with the usual name and key."""
    return AuditLog.open(folder, **{"origin": ORIGIN, "signer": note_signer(), **more})  # type: ignore[arg-type]


def make_log(folder: Path, size: int, *, groups: int = 1_000) -> None:
    """Make a log with so many entries, published group by group, and close it."""
    log = open_log(folder, disk=QuickDisk())
    for first in range(0, size, groups):
        log.append(entries(first, min(first + groups, size)))
        log.publish(AT)
    log.close()


def held(folder: Path, size: int) -> list[bytes]:
    """Return all entries that stand in bundles."""
    return [one for bundle in tiles_of(size, None) for one in read_bundle(folder, bundle) or ()]


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class QuickDisk(Disk):
    """A disk that syncs nothing: for large logs whose durability is not what is tested."""

    def sync(self, fd: int) -> None:
        """Do nothing."""

    def sync_folder(self, folder: Path) -> None:
        """Do nothing."""


class FailingDisk(Disk):
    """A disk that fails: what is named in `faults` (write, sync, rename, unlink, sync_folder, create) raises."""

    def __init__(self) -> None:
        self.faults: dict[str, int] = {}
        """Call -> errno."""
        self.skip = 0
        """Calls that go well before a fault."""
        self.calls: list[str] = []
        self.short_write: int | None = None
        """Bytes that a write that fails leaves behind; None: nothing."""

    def write(self, fd: int, data: bytes) -> None:
        if self._fails("write") and self.short_write is not None:
            os.write(fd, data[: self.short_write])
        self._step("write")
        super().write(fd, data)

    def sync(self, fd: int) -> None:
        self._step("sync")
        super().sync(fd)

    def rename(self, path: Path, final: Path) -> None:
        self._step("rename")
        super().rename(path, final)

    def unlink(self, path: Path) -> None:
        self._step("unlink")
        super().unlink(path)

    def sync_folder(self, folder: Path) -> None:
        self._step("sync_folder")
        super().sync_folder(folder)

    def create(self, path: Path) -> int:
        self._step("create")
        return super().create(path)

    def fail(self, *calls: str, code: int = errno.EIO, skip: int = 0) -> None:
        """Let calls fail from now on, after so many that go well."""
        self.faults = dict.fromkeys(calls, code)
        self.skip = skip

    def mend(self) -> None:
        """Let nothing fail any more."""
        self.faults = {}

    def _fails(self, call: str) -> bool:
        return call in self.faults and self.skip == 0

    def _step(self, call: str) -> None:
        self.calls.append(call)
        if call in self.faults:
            if self.skip:
                self.skip -= 1
                return
            raise OSError(self.faults[call], os.strerror(self.faults[call]))
