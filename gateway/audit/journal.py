"""The journal: what is durable before it is in tiles.

The file: a head (magic, index of its first entry, 16 random bytes, CRC), then groups. A group: a head (magic, index of
its first entry, count, bytes, CRC of the bytes, CRC of the head itself), then the entries as in a bundle. Numbers are
big-endian; each CRC-32 goes on from one over the file's random bytes, so that nothing of another journal fits.

Rules:

- One write and one sync for a group. It counts when the sync has returned.
- A last group that is cut short or does not fit its sums was never acknowledged: it is dropped when a log is opened.
- The same with a whole group behind it is damage that no crash does: the log is not opened.
- A journal is never mended. It is replaced, whole and synced, by one that holds what is still needed.

CRCs tell accidents. Who may write the file can make a journal that fits; what is behind the last signed head is
protected by the file's owner alone, for the second until the next one.
"""

from __future__ import annotations

import os
import secrets
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .disk import NEW_SUFFIX, Disk
from .faults import LogFault, LogUnusable, Place
from .tiles import pack, unpack

JOURNAL: Final = "journal"

_FILE_MAGIC: Final = b"hcgwjnl1"
_GROUP_MAGIC: Final = b"\xf5grp"
_NONCE_BYTES: Final = 16
_FILE_HEAD: Final = struct.Struct(f">8sQ{_NONCE_BYTES}sI")
_GROUP_HEAD: Final = struct.Struct(">4sQIIII")
_SUM_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Found:
    """What a journal holds."""

    first: int
    """Index of its first entry."""
    entries: Sequence[bytes]
    torn_at: int | None
    """Byte at which a group was cut short, by a crash before it was acknowledged; None: nothing was."""


def read_journal(data: bytes) -> Found:
    """Return what a journal's bytes hold.

    Raises: LogUnusable with JOURNAL_DAMAGED and the byte and entry at which it broke.
    """
    if len(data) < _FILE_HEAD.size:
        raise _damaged(0, None)
    magic, first, nonce, total = _FILE_HEAD.unpack_from(data)
    if magic != _FILE_MAGIC or total != zlib.crc32(data[: _FILE_HEAD.size - _SUM_BYTES]):
        raise _damaged(0, None)
    seed = zlib.crc32(nonce)
    entries: list[bytes] = []
    at = _FILE_HEAD.size
    while at < len(data):
        group = _group_at(data, at, seed)
        if group is None or group[0] != first + len(entries):
            if group is not None or _any_group_behind(data, at, seed):
                raise _damaged(at, first + len(entries))
            return Found(first, entries, at)
        entries += group[1]
        at = group[2]
    return Found(first, entries, None)


def _group_at(data: bytes, at: int, seed: int) -> tuple[int, list[bytes], int] | None:
    """Return index, entries and end of the group at a byte; None if there is no whole one."""
    head = _head_at(data, at, seed)
    if head is None:
        return None
    index, count, length, total = head
    begin = at + _GROUP_HEAD.size
    payload = data[begin : begin + length]
    if len(payload) != length or zlib.crc32(payload, seed) != total:
        return None
    entries = unpack(payload)
    return None if entries is None or len(entries) != count else (index, entries, begin + length)


def _head_at(data: bytes, at: int, seed: int) -> tuple[int, int, int, int] | None:
    if at + _GROUP_HEAD.size > len(data):
        return None
    magic, index, count, length, total, own = _GROUP_HEAD.unpack_from(data, at)
    if magic != _GROUP_MAGIC or own != zlib.crc32(data[at : at + _GROUP_HEAD.size - _SUM_BYTES], seed):
        return None
    return index, count, length, total


def _any_group_behind(data: bytes, at: int, seed: int) -> bool:
    """Tell whether a group's head stands anywhere behind a byte."""
    while (at := data.find(_GROUP_MAGIC, at + 1)) >= 0:
        if _head_at(data, at, seed) is not None:
            return True
    return False


def _damaged(offset: int, entry: int | None) -> LogUnusable:
    return LogUnusable(LogFault.JOURNAL_DAMAGED, Place(JOURNAL, entry, None if entry is None else entry + 1, offset))


class Journal:
    """The file as its only writer has it."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        """Nothing is opened yet: call `replace`."""
        self._folder = folder
        self._disk = disk
        self._fd = -1
        self._seed = 0
        self._end = 0

    @property
    def length(self) -> int:
        """How long the file is; 0 if it is not to be relied on."""
        return self._end if self._fd >= 0 else 0

    @property
    def is_open(self) -> bool:
        """Whether a group can be appended; if not, `replace` comes first."""
        return self._fd >= 0

    def replace(self, first: int, entries: Sequence[bytes]) -> None:
        """Put a new journal in the old one's place. `entries`: those that must be in it, from `first` on.

        Raises: OSError. Then the old one may still be there, or the new one already: both hold what was acknowledged,
        and neither is appended to before the next `replace`.
        """
        self.close()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        seed = zlib.crc32(nonce)
        head = _FILE_HEAD.pack(_FILE_MAGIC, first, nonce, 0)[:-_SUM_BYTES]
        data = head + zlib.crc32(head).to_bytes(_SUM_BYTES, "big")
        if entries:
            data += _group(first, entries, seed)
        path = self._folder / JOURNAL
        unfinished = path.with_name(JOURNAL + NEW_SUFFIX)
        fd = self._disk.create(unfinished)
        try:
            self._disk.write(fd, data)
            self._disk.sync(fd)
            self._disk.rename(unfinished, path)
            self._disk.sync_folder(self._folder)
        except OSError:
            os.close(fd)
            raise
        self._fd, self._seed, self._end = fd, seed, len(data)

    def append(self, index: int, entries: Sequence[bytes]) -> None:
        """Write one group and sync it. `entries`: at least one, from `index` on.

        Raises: OSError. Then the file is not relied on any more: what is in it behind the last group that was
        acknowledged is cut off if the disk allows it, and `replace` must come next.
        """
        data = _group(index, entries, self._seed)
        try:
            self._disk.write(self._fd, data)
            self._disk.sync(self._fd)
        except OSError:
            self._cut_off()
            raise
        self._end += len(data)

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _cut_off(self) -> None:
        with suppress(OSError):  # what is left is not acknowledged, and gone when the journal is replaced
            os.ftruncate(self._fd, self._end)
        self.close()


def _group(index: int, entries: Sequence[bytes], seed: int) -> bytes:
    payload = pack(entries)
    total = zlib.crc32(payload, seed)
    head = _GROUP_HEAD.pack(_GROUP_MAGIC, index, len(entries), len(payload), total, 0)[:-_SUM_BYTES]
    return head + zlib.crc32(head, seed).to_bytes(_SUM_BYTES, "big") + payload
