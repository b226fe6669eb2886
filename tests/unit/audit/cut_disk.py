"""A disk that loses what was not synced when its power is cut.

What is written is really there, for reading. Beside it is kept what would be found after a cut: the content of a file
as of its last sync, and names as of the last sync of their folder. What has changed since may have reached the disk or
not, name by name, and of a file that grew any first part of what was added.

disk = CutDisk(folder, Random(7))
disk.cut_at(120)
...                                 # raises PowerCut at the 120th call
disk.survivors(another_folder)
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from gateway.audit.disk import Disk

File = tuple[int, int]
"""A file: its inode, and how often that was given out anew."""


class PowerCut(BaseException):
    """The machine is off. No code that is tested may take it for a fault of the disk."""


class CutDisk(Disk):
    """The disk below one folder."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.steps = 0
        self._folder = folder
        self._random = random
        self._cut_at: int | None = None
        self._given_out: dict[int, int] = {}
        self._content: dict[File, bytes] = {}
        """What is on the disk for certain."""
        self._names: dict[Path, File] = {}
        """Names that are there for certain."""

    def cut_at(self, step: int) -> None:
        """Cut the power before a step."""
        self._cut_at = step

    def settle(self) -> None:
        """Take all that is there now for certain."""
        for path in self._folder.rglob("*"):
            if path.is_file():
                self._names[path] = self._file(path.stat())
                self._content[self._names[path]] = path.read_bytes()

    def write(self, fd: int, data: bytes) -> None:
        self._step()
        super().write(fd, data)

    def sync(self, fd: int) -> None:
        self._step()
        super().sync(fd)
        found = os.fstat(fd)
        self._content[self._file(found)] = os.pread(fd, found.st_size, 0)

    def rename(self, path: Path, final: Path) -> None:
        self._step()
        super().rename(path, final)

    def unlink(self, path: Path) -> None:
        self._step()
        super().unlink(path)

    def create(self, path: Path) -> int:
        self._step()
        fd = super().create(path)
        inode = os.fstat(fd).st_ino
        self._given_out[inode] = self._given_out.get(inode, 0) + 1
        return fd

    def sync_folder(self, folder: Path) -> None:
        self._step()
        now = {path: self._file(path.stat()) for path in folder.iterdir() if path.is_file()}
        self._names = {path: file for path, file in self._names.items() if path.parent != folder} | now

    def survivors(self, folder: Path) -> None:
        """Write what is found after the cut into an empty folder."""
        now = {path: self._file(path.stat()) for path in self._folder.rglob("*") if path.is_file()}
        for path in sorted({*now, *self._names}):
            before, after = self._names.get(path), now.get(path)
            file = self._random.choice((before, after))
            if file is None:
                continue
            content = self._content.get(file, b"")
            if file == after:  # what was added since may be there in part
                added = path.read_bytes()[len(content) :]
                content += added[: self._random.randrange(len(added) + 1)]
            there = folder / path.relative_to(self._folder)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(content)

    def _file(self, found: os.stat_result) -> File:
        return found.st_ino, self._given_out.get(found.st_ino, 0)

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self._cut_at:
            raise PowerCut
