"""Files that a process may rely on: its own user's or root's, regular, and closed to others as far as it matters.

- A secret is its owner's alone: nobody else may read, change or run it (0600 or stricter). What is public (a platform's
  key, authorities) may be read by all and changed by nobody else.
- A file is judged by the open file, so that it cannot be swapped between the look and the reading. A link is followed
  (that is how secrets are mounted); what counts is the file behind it.
- Errors name the file and what is wrong with it, never what is in it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class FileRefused(Exception):
    """A file cannot be relied on. `file` and `why` are for the operator."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file
        self.why = why


def read_secret_file(path: Path, most: int) -> bytes:
    """Return what a secret's file holds, at most `most` bytes.

    Raises: FileRefused: missing, open to others, another user's, too large, not a regular file.
    """
    return _read(path, _OTHERS_MAY, most)


def read_public_file(path: Path, most: int) -> bytes:
    """Return what a public file holds, at most `most` bytes. Raises: FileRefused, as above, but others may read it."""
    return _read(path, _OTHERS_MAY_WRITE, most)


def _read(path: Path, forbidden: int, most: int) -> bytes:
    """Read a file: 1. open it, 2. regular, of this process's user or of root, 3. no larger than allowed."""
    # 1
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as no:
        raise FileRefused(path, f"cannot be opened: {no.strerror}") from None
    try:
        # 2
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise FileRefused(path, "not a regular file")
        if found.st_mode & forbidden:
            mode = stat.S_IMODE(found.st_mode)
            allowed = "0600" if forbidden == _OTHERS_MAY else "0644"
            raise FileRefused(path, f"mode is {mode:04o}, must be {allowed} or stricter: others may touch it")
        if found.st_uid not in (os.geteuid(), 0):
            raise FileRefused(path, "belongs to another user")
        # 3: whatever its size was said to be
        content = os.read(handle, most + 1)
    finally:
        os.close(handle)
    if len(content) > most:
        raise FileRefused(path, "too large")
    return content
