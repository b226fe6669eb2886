"""Brings what was written to a file onto the disk in small pieces, so that others' fsyncs find the disk free.

An fsync of a list that changed everywhere puts tens of megabytes before whatever comes next; a batch that waits for its
commit would wait for all of them. So they go piece by piece, with as long a pause after each as it took.

Nothing here makes anything durable: an fsync comes after, and finds little left to do.

Source: sync_file_range(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from typing import Final

PIECE_BYTES: Final = 1 << 20
MOST_PAUSE_S: Final = 0.02

_WRITE_AND_WAIT: Final = 7
"""SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER."""

_NOT_HERE: Final = frozenset({errno.ENOSYS, errno.ESPIPE, errno.EINVAL, errno.EPERM})
"""What says that this kernel, file system or sandbox cannot do it: then the fsync does it all at once."""

_libc: Final = ctypes.CDLL(None, use_errno=True)


def write_out(fd: int, size: int) -> None:
    """Write the first `size` bytes of a file out, piece by piece. Blocks; lets other threads run meanwhile.

    Raises: OSError. A failure that it tells may not be told by the next fsync again: treat it as that one's.
    """
    for start in range(0, size, PIECE_BYTES):
        began = time.monotonic()
        if not _write_piece(fd, start, min(PIECE_BYTES, size - start)):
            return
        time.sleep(min(time.monotonic() - began, MOST_PAUSE_S))


def _write_piece(fd: int, start: int, length: int) -> bool:
    """Write one piece out; tell whether that can be done here. Raises: OSError."""
    try:
        call = _libc.sync_file_range
    except AttributeError:
        return False
    if call(fd, ctypes.c_int64(start), ctypes.c_int64(length), ctypes.c_uint(_WRITE_AND_WAIT)) == 0:
        return True
    failed = ctypes.get_errno()
    if failed in _NOT_HERE:
        return False
    raise OSError(failed, os.strerror(failed))
