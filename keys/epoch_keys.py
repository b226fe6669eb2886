"""Keys of epochs: one random key for each stretch of time, in a file of its own, destroyed when the stretch has ended.

    FOLDER (0700)
      epoch-START-END.key   32 random bytes (0600), the key of START <= t < END, in seconds since 1970
      destroyed-END         empty: what ended by END has no key any more, and never again
      .new-...              a key that is being made

Rules:

- A key is made once: whoever is first links a whole file to its name; the others read that one.
- What is destroyed stays destroyed. The mark is written before the file goes, and looked at after a key was read or
  made: neither a clock that was set back nor a process that raced with the destroyer brings a key to life again.
- To destroy is to write over, to remove, and to make the folder's change durable. What a disk, a snapshot or a backup
  keeps of it beside is out of reach: leave the folder out of both.
- A folder or file that others may touch is refused. No key is shown, logged or put into an error.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from .hmac_sha256 import HmacSha256
from .own_files import FileRefused, read_secret_file
from .values import Instant

KEY_BYTES: Final = 32
ABANDONED_S: Final = 3_600
"""Seconds after which a file that was never linked is left over from a process that died."""

_KEY_NAME: Final = re.compile(r"epoch-([0-9]{1,12})-([0-9]{1,12})\.key")
_MARK_NAME: Final = re.compile(r"destroyed-([0-9]{1,12})")
_TEMPORARY: Final = ".new-"


class Epoch(NamedTuple):
    """A stretch of time, in whole seconds since 1970: from `start`, up to and without `end`."""

    start: int
    end: int

    def covers(self, at: Instant) -> bool:
        """Tell whether `at` lies in it."""
        return self.start <= at < self.end

    @property
    def next(self) -> Epoch:
        """The one after it, of the same length."""
        return Epoch(self.end, 2 * self.end - self.start)


def epoch_at(at: Instant, length_s: int) -> Epoch:
    """Return the epoch that `at` lies in: epochs of one length begin at its multiples, on every machine alike."""
    start = int(at // length_s) * length_s
    return Epoch(start, start + length_s)


class KeyFault(StrEnum):
    """Why an epoch has no key."""

    DESTROYED = "destroyed"
    """It had one, or had ended when others were destroyed."""
    MISSING = "missing"
    """Nobody has made one, and this process must not."""
    UNUSABLE = "unusable"
    """Its file, or the folder, cannot be read or written, or others may touch it."""


class WhichKey(StrEnum):
    """Which key something is about, to whoever makes use of keys as time goes on."""

    CURRENT = "current"
    NEXT = "next"
    ENDED = "ended"


class EpochKeyUnavailable(Exception):
    """An epoch has no key. `fault` is for machines, `why` for the operator; neither holds key material."""

    def __init__(self, fault: KeyFault, why: str) -> None:
        super().__init__(f"{fault.value}: {why}")
        self.fault = fault
        self.why = why


@dataclass(frozen=True, slots=True)
class EpochKey:
    """The key of one epoch, ready for use."""

    epoch: Epoch
    prf: HmacSha256
    until: Instant = field(init=False)
    """When the epoch ends."""

    def __post_init__(self) -> None:
        """Tell it once."""
        object.__setattr__(self, "until", Instant(float(self.epoch.end)))


class EpochFolder:
    """The keys of one folder. All calls wait for the disk; any number of processes and nodes may use one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, at: Instant) -> None:
        """Make the folder if there is none, and clear what dead processes left. Raises: EpochKeyUnavailable."""
        try:
            with suppress(FileExistsError):
                self._folder.mkdir(mode=0o700, parents=True)
            self._judge_folder()
            for file in self._folder.glob(f"{_TEMPORARY}*"):
                self._clear(file, at)
        except OSError as failed:
            raise _unusable(self._folder, failed.strerror) from None

    def judge(self) -> None:
        """Return if the folder is there and nobody else's. Raises: EpochKeyUnavailable."""
        try:
            self._judge_folder()
        except OSError as failed:
            raise _unusable(self._folder, failed.strerror) from None

    def key(self, epoch: Epoch, *, make: bool) -> tuple[EpochKey, bool]:
        """Return the key of `epoch`, and whether it was made now.

        `make`: whether this process may make one that is not there.

        Raises: EpochKeyUnavailable.
        """
        try:
            self._judge_folder()
            self._refuse_destroyed(epoch)
            made = make and self._make(epoch)
            key = self._read(epoch)
            try:
                self._refuse_destroyed(epoch)
            except EpochKeyUnavailable:
                _overwrite_and_remove(self._path(epoch))
                raise
        except OSError as failed:
            raise _unusable(self._folder, failed.strerror) from None
        return EpochKey(epoch, HmacSha256(key)), made

    def epochs(self) -> tuple[Epoch, ...]:
        """Return the epochs that have a key, the earliest first. Raises: EpochKeyUnavailable."""
        try:
            names = [file.name for file in self._folder.iterdir()]
        except OSError as failed:
            raise _unusable(self._folder, failed.strerror) from None
        return tuple(sorted(Epoch(*map(int, found.groups())) for name in names if (found := _KEY_NAME.fullmatch(name))))

    def destroyed_until(self) -> int:
        """Return the instant up to which all epochs that have ended have no key any more; 0: none was destroyed yet."""
        try:
            return max(self._marks(), default=0)
        except OSError as failed:
            raise _unusable(self._folder, failed.strerror) from None

    def destroy(self, epochs: Iterable[Epoch]) -> tuple[Epoch, ...]:
        """Destroy the keys of these epochs and of all that end no later; return those that had one.

        1. The mark, durable: from here on nobody reads or makes one of them.
        2. Each file is written over and removed, and the folder made durable.
        3. Marks that say less are removed.

        Raises: EpochKeyUnavailable; then some of them may be gone, and calling again does the rest.
        """
        until = max((epoch.end for epoch in epochs), default=0)
        if not until:
            return ()
        try:
            # 1
            mark = os.open(self._folder / f"destroyed-{until}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.close(mark)
            self._sync()
            # 2
            gone = tuple(epoch for epoch in self.epochs() if epoch.end <= until)
            for epoch in gone:
                _overwrite_and_remove(self._path(epoch))
            self._sync()
            # 3
            last = max(self._marks())
            for end in self._marks():
                if end < last:
                    (self._folder / f"destroyed-{end}").unlink(missing_ok=True)
            self._sync()
        except OSError as failed:
            raise _unusable(self._folder, failed.strerror) from None
        return gone

    def _make(self, epoch: Epoch) -> bool:
        """Make the file of a key; False if it is there already. It has its name only once it is whole."""
        path = self._path(epoch)
        if path.exists():
            return False
        temporary = self._folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
        finally:
            temporary.unlink(missing_ok=True)
        self._sync()
        return True

    def _read(self, epoch: Epoch) -> bytes:
        path = self._path(epoch)
        if not path.exists():
            raise EpochKeyUnavailable(KeyFault.MISSING, f"{path}: not there")
        try:
            key = read_secret_file(path, KEY_BYTES)
        except FileRefused as refused:
            raise EpochKeyUnavailable(KeyFault.UNUSABLE, str(refused)) from None
        if len(key) != KEY_BYTES or not any(key):  # zeros: its destroyer died between writing over and removing it
            raise EpochKeyUnavailable(KeyFault.UNUSABLE, f"{path}: no key of {KEY_BYTES} bytes")
        return key

    def _refuse_destroyed(self, epoch: Epoch) -> None:
        if epoch.end <= max(self._marks(), default=0):
            raise EpochKeyUnavailable(KeyFault.DESTROYED, f"{self._path(epoch)}: destroyed")

    def _marks(self) -> list[int]:
        return [int(found[1]) for file in self._folder.iterdir() if (found := _MARK_NAME.fullmatch(file.name))]

    def _judge_folder(self) -> None:
        found = self._folder.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise EpochKeyUnavailable(KeyFault.UNUSABLE, f"{self._folder}: not a folder")
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(found.st_mode)
            raise EpochKeyUnavailable(KeyFault.UNUSABLE, f"{self._folder}: mode is {mode:04o}, must be 0700")
        if found.st_uid != os.geteuid():
            raise EpochKeyUnavailable(KeyFault.UNUSABLE, f"{self._folder}: belongs to another user")

    def _clear(self, temporary: Path, at: Instant) -> None:
        with suppress(FileNotFoundError):
            found = temporary.stat()
            if found.st_nlink > 1:  # linked: the key has its name, and this one is too many
                temporary.unlink()
            elif found.st_mtime < at - ABANDONED_S:
                _overwrite_and_remove(temporary)

    def _sync(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _path(self, epoch: Epoch) -> Path:
        return self._folder / f"epoch-{epoch.start}-{epoch.end}.key"


def _overwrite_and_remove(path: Path) -> None:
    """Write over a key's file and remove it; that it is gone already is well."""
    with suppress(FileNotFoundError):
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.write(handle, bytes(KEY_BYTES))
            os.fsync(handle)
        finally:
            os.close(handle)
        path.unlink()


def _unusable(folder: Path, why: str | None) -> EpochKeyUnavailable:
    return EpochKeyUnavailable(KeyFault.UNUSABLE, f"{folder}: {why or 'cannot be used'}")
