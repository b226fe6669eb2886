"""The folder of list files, as its only writer sees it.

Rules:

- One process writes: it holds a lock on the folder until it ends. Readers take no lock.
- A file gets its name when it is whole. What a crash leaves unfinished has another name and is removed.
- A broken, foreign or truncated file is set aside under another name and told, never read. Its list is as good as lost:
  the log, or a snapshot of another gateway, makes it anew.
- Whenever a file comes or goes the generation grows, after the fact: a reader that sees it finds the file.
- Space is taken when a file is made: a disk that runs full refuses a new list and never a write to one that is there.

Methods block for as long as the disk does, and may be called in a thread, one at a time.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.changes import ListName
from gateway.errors import GatewayError
from gateway.held.layout import (
    BROKEN_SUFFIX,
    FILE_ID_BYTES,
    GENERATION_BYTES,
    GENERATION_FILE,
    HEADER_BYTES,
    NEW_SUFFIX,
    SUFFIX,
    Fault,
    FileBroken,
    Header,
    Mark,
    file_bytes,
    file_name,
    pack_header,
    raw_bytes,
    read_header_of,
)
from gateway.held.writable_list import PIECE_BYTES, WritableList
from gateway.status.words import HOLE

__all__ = ["FolderInUse", "ListFiles", "SetAside", "WritableList"]

_LOCK_FILE: Final = "lock"
_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700


class FolderInUse(GatewayError):
    """Another process writes this folder."""


class SetAside(NamedTuple):
    """A file that is not read."""

    file: str
    """What it is called now."""
    fault: Fault


class ListFiles:
    """All lists of one folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folder if need be, and lock it. Raises: FolderInUse, OSError."""
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        self._folder = folder
        self._lists: dict[ListName, WritableList] = {}
        self._lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT, _MODE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._generation_map = _map_generation(folder / GENERATION_FILE)
        except BlockingIOError:
            os.close(self._lock)
            raise FolderInUse("the folder of status lists is written by another process") from None
        except OSError:
            os.close(self._lock)
            raise
        self._generation = memoryview(self._generation_map).cast("Q")
        self.set_aside: list[SetAside] = []
        """What `open_all` did not read."""

    @property
    def lists(self) -> Mapping[ListName, WritableList]:
        """Every list that is open, as they come and go."""
        return MappingProxyType(self._lists)

    def open_all(self) -> Mapping[ListName, WritableList]:
        """Return every list whose file is whole. Call it first, and until it succeeds.

        A list that a writer of this boot left shown is shown on, so that readers see no gap while a writer is started
        anew. Any other is hidden until `show`.

        Raises: OSError.
        """
        for path in sorted(self._folder.iterdir()):
            if path.suffix == NEW_SUFFIX:
                path.unlink(missing_ok=True)
            elif path.suffix == SUFFIX:
                self._open(path)
        self._bump()
        return self.lists

    def create(self, name: ListName, capacity: int) -> WritableList:
        """Return a new list in which every place reads UNKNOWN, hidden until `show`. One of that name is replaced.

        It is not fsynced: what is written to it before its first checkpoint stands in the log only.

        Raises: OSError (ENOSPC: there is no room for it), ValueError (see `pack_header`).
        """
        with self._new_file(name, capacity) as (fd, path):
            piece = memoryview(bytes((HOLE,)) * PIECE_BYTES)
            start, end = HEADER_BYTES, file_bytes(capacity)
            while start < end:
                start += os.pwrite(fd, piece[: end - start], start)
            return self._put(fd, path, name)

    def replace(
        self, name: ListName, capacity: int, raw: Path, mark: Mark | None = None, held: int = 0
    ) -> WritableList:
        """Return a list with the places of a raw file. One of that name that is there is closed.

        Readers that still map the file before read it as it was, until their next look-up.

        With `mark`, the batch that the raw file stands for: it is on the disk as that checkpoint, and shown so at once,
        unless more is `held` of the list: readers may have seen that. Without, it is hidden until `show`.

        Raises: OSError, ValueError (the raw file has another size).
        """
        with raw.open("rb") as source, self._new_file(name, capacity) as (fd, path):
            if os.fstat(source.fileno()).st_size != raw_bytes(capacity):
                raise ValueError("raw file")
            os.lseek(fd, HEADER_BYTES, os.SEEK_SET)
            start = 0
            while sent := os.sendfile(fd, source.fileno(), start, PIECE_BYTES * 16):
                start += sent
            if start != raw_bytes(capacity):
                raise OSError(errno.EIO, "the raw file is shorter than it was")
            os.fsync(fd)
            made = self._put(fd, path, name, mark, held)
        self._sync_folder()
        return made

    def drop(self, name: ListName) -> None:
        """Remove a list, if it is there. Raises: OSError."""
        held = self._lists.pop(name, None)
        if held is None:
            return
        held.hide()
        held.path.unlink(missing_ok=True)
        self._bump()
        held.close()
        self._sync_folder()

    def put_aside(self, name: ListName) -> None:
        """Read a list no more, but keep its file under the name of a broken one. Raises: OSError."""
        held = self._lists.pop(name, None)
        if held is None:
            return
        held.hide()
        held.path.rename(held.path.with_suffix(BROKEN_SUFFIX))
        self._bump()
        held.close()
        self._sync_folder()

    def close(self) -> None:
        """Let go of all files and of the folder."""
        for held in self._lists.values():
            held.close()
        self._lists.clear()
        if not self._generation_map.closed:
            self._generation.release()
            self._generation_map.close()
            os.close(self._lock)

    def _open(self, path: Path) -> None:
        if any(held.path == path for held in self._lists.values()):
            return
        try:
            found = _open(path)
        except FileBroken as broken:
            self.set_aside.append(SetAside(path.rename(path.with_suffix(BROKEN_SUFFIX)).name, broken.fault))
            return
        found.take_over()
        self._lists[found.name] = found

    @contextmanager
    def _new_file(self, name: ListName, capacity: int) -> Iterator[tuple[int, Path]]:
        """Give a file of full size under a name that nobody reads. It is gone again if the block fails."""
        page = pack_header(Header(name, capacity, secrets.token_bytes(FILE_ID_BYTES)))
        path = (self._folder / file_name(name)).with_suffix(NEW_SUFFIX)
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE)
        try:
            os.posix_fallocate(fd, 0, file_bytes(capacity))
            os.pwrite(fd, page, 0)
            yield fd, path
        except BaseException:
            path.unlink(missing_ok=True)
            os.close(fd)
            raise

    def _put(self, fd: int, path: Path, name: ListName, mark: Mark | None = None, held: int = 0) -> WritableList:
        """Give a file that is whole its name, and let readers know."""
        final = path.with_suffix(SUFFIX)
        made = WritableList(fd, final, read_header_of(fd, final.name))
        made.stake()
        if mark is not None:
            made.checkpoint(*mark)
            if held <= mark.number:
                made.show(mark.number, mark.issued)
        path.rename(final)
        before = self._lists.pop(name, None)
        self._lists[name] = made
        self._bump()
        if before is not None:
            before.close()
        return made

    def _sync_folder(self) -> None:
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _bump(self) -> None:
        self._generation[0] += 1


def _open(path: Path) -> WritableList:
    """Open a file that was found. Raises: FileBroken, OSError."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError as failed:
        if failed.errno in (errno.EISDIR, errno.ELOOP):
            raise FileBroken(Fault.CONTENT) from None
        raise
    try:
        return WritableList(fd, path, read_header_of(fd, path.name))
    except BaseException:
        os.close(fd)
        raise


def _map_generation(path: Path) -> mmap.mmap:
    """Map the folder's generation, made if need be. Raises: OSError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
    try:
        os.posix_fallocate(fd, 0, GENERATION_BYTES)
        return mmap.mmap(fd, GENERATION_BYTES)
    finally:
        os.close(fd)
