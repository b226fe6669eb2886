"""What a log asks of the disk, in one place: whole files under their final name, and one file that grows.

Rules:

- A file gets its name when it is whole and synced; its folder is synced before anybody relies on the name.
- What a failure leaves unfinished has another name (`.new`) and is written over by the next try.
- Nothing here decides what a failure means: OSError goes to the caller.

Source: fsync(2), rename(2).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

NEW_SUFFIX: Final = ".new"
_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700


class Disk:
    """The real one. Tests put one in its place that fails when it is told to."""

    def write(self, fd: int, data: bytes) -> None:
        """Write all of `data` at a file's end. Raises: OSError, and then any part of it may be there."""
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def sync(self, fd: int) -> None:
        """Bring a file's content and size onto the disk. Raises: OSError."""
        os.fdatasync(fd)

    def rename(self, path: Path, final: Path) -> None:
        """Give a file its name, in place of another. Raises: OSError."""
        path.replace(final)

    def unlink(self, path: Path) -> None:
        """Remove a file, if it is there. Raises: OSError."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Bring the names in a folder onto the disk. Raises: OSError."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def create(self, path: Path) -> int:
        """Return a new, empty file, in place of what a failure has left. Raises: OSError."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)

    def put(self, path: Path, data: bytes) -> None:
        """Write a file whole, synced and under its name. Its folder is not synced yet. Raises: OSError."""
        unfinished = path.with_name(path.name + NEW_SUFFIX)
        fd = self.create(unfinished)
        try:
            self.write(fd, data)
            self.sync(fd)
        finally:
            os.close(fd)
        self.rename(unfinished, path)

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, each synced into the one above. Raises: OSError."""
        if folder.is_dir():
            return
        self.make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=_FOLDER_MODE)
        self.sync_folder(folder.parent)

    def put_all(self, files: Iterable[tuple[Path, bytes]]) -> None:
        """Write files as `put` does, and sync the folders that they are in. Raises: OSError."""
        folders: dict[Path, None] = {}
        for path, data in files:
            if path.parent not in folders:
                self.make_folder(path.parent)
                folders[path.parent] = None
            self.put(path, data)
        for folder in folders:
            self.sync_folder(folder)
