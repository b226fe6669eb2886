"""One list, as its only writer sees it.

Rules:

- Words first, `show` after: readers are told of a batch once all of it stands there.
- Each byte holds two places; both are stored at once, and there is one writer, so no neighbour is ever lost.
- A checkpoint tells which batches are on the disk. It is written after the words are, with an fsync of its own.
- Once an fsync has failed the file is not trusted again: the kernel forgets what it could not write, may read the older
  page back at any time, and says at the next fsync that all is well. So the list is shown as of its checkpoint, which
  holds whatever the kernel does, and goes no further. Copy it, replace it, and write what the log holds above that.

`warm`, `digest`, `sync`, `checkpoint` and `copy_to` block for as long as the disk does; they let other threads run
meanwhile. Nothing is written to the list while `digest` or `copy_to` is in a thread: they are of one number.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
from array import array
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.changes import BatchDigest, ListName, StateDigest, Word
from gateway.held.layout import (
    CLAIM,
    DISTRUST,
    HEADER_BYTES,
    NO_CLAIM,
    NUMBER,
    OBSERVED,
    Header,
    Mark,
    claim_of,
    file_bytes,
    pack_slot,
    raw_bytes,
    read_slots,
)
from gateway.held.write_out import write_out
from gateway.status.words import HOLE
from gateway.values import Instant

MADV_POPULATE_READ: Final = 22
"""Linux 5.14: map the pages now, without a fault for each. An older kernel answers EINVAL."""

PIECE_BYTES: Final = 1 << 20
"""What is read or written at a time."""

_HIDDEN: Final = 0.0
_LOWER: Final = tuple(bytes(byte & 0xF0 | word for byte in range(256)) for word in range(16))
_UPPER: Final = tuple(bytes(byte & 0x0F | word << 4 for byte in range(256)) for word in range(16))


class WritableList:
    """A file, mapped to be written. Made by ListFiles, and closed by it."""

    __slots__ = ("_distrust", "_fd", "_header", "_map", "_number", "_observed", "_sequence", "_words", "mark", "path")

    def __init__(self, fd: int, path: Path, header: Header) -> None:
        """Take over `fd`, open for reading and writing."""
        self._fd = fd
        self._header = header
        self.path = path
        self._map = mmap.mmap(fd, file_bytes(header.capacity))
        view = memoryview(self._map)
        self._words = view[HEADER_BYTES:]
        self._number = view[NUMBER].cast("Q")
        self._observed = view[OBSERVED].cast("d")
        self._distrust = view[DISTRUST].cast("Q")
        self.mark: Mark | None = None
        """The last checkpoint."""
        self._sequence, self.mark = read_slots(self._map[:HEADER_BYTES], header.file_id)

    @property
    def name(self) -> ListName:
        """Which list it is."""
        return self._header.name

    @property
    def capacity(self) -> int:
        """How many places it has."""
        return self._header.capacity

    @property
    def checkpointed(self) -> int:
        """The number up to which the disk holds all batches; 0 without a checkpoint."""
        return 0 if self.mark is None else self.mark.number

    @property
    def shown(self) -> tuple[int, Instant] | None:
        """The number and time that readers see; None while they see no list."""
        observed = self._observed[0]
        return (self._number[0], Instant(observed)) if observed else None

    @property
    def reached(self) -> int:
        """The highest number that readers may have seen, or that the disk holds."""
        return max(self._number[0], self.checkpointed)

    @property
    def distrusted(self) -> bool:
        """Whether an fsync of this file failed: see the rules."""
        return bool(self._distrust[0])

    def stake(self) -> None:
        """Claim a file that this process has just made."""
        self._map[CLAIM] = self._claim()

    def take_over(self) -> None:
        """Claim a file that was found.

        1. Of this boot: all that was written to it is in memory, as it was when its last writer ended.
        2. Of another: nobody can say which words reached the disk. What is shown is hidden, and a file without a
           checkpoint is cleared; the log is replayed from the checkpoint on.
        3. An fsync of it failed before: each page is written again, so that the next one tells the truth.
        """
        claim = self._claim()
        if claim == NO_CLAIM or self._map[CLAIM] != claim:  # 2
            self.hide()
            if self.mark is None:
                self.clear()
            self.stake()
        if self.distrusted:  # 3
            words = self._words
            for start in range(0, len(words), PIECE_BYTES):
                words[start : start + PIECE_BYTES] = bytes(words[start : start + PIECE_BYTES])
            self._distrust[0] = 0

    def _claim(self) -> bytes:
        status = os.fstat(self._fd)
        return claim_of(status.st_dev, status.st_ino)

    def write_group(self, word: Word, indices: array[int]) -> None:
        """Let all places of `indices` read `word`.

        Raises: IndexError if one is outside; those before it are written.
        """
        words, halves = self._words, (_LOWER[word], _UPPER[word])
        for index in indices:
            place = index >> 1
            words[place] = halves[index & 1][words[place]]

    def write_block(self, first: int, words: bytes) -> None:
        """Let the places from the even index `first` on read `words`. Raises: IndexError if they do not fit."""
        start = first >> 1
        if first & 1 or first < 0 or start + len(words) > len(self._words):
            raise IndexError(first)
        self._words[start : start + len(words)] = words

    def write_final(self, words: Mapping[int, int]) -> None:
        """Let each index read its word. A byte that holds it already is not touched, so its page stays clean."""
        held = self._words
        for index, word in words.items():
            place = index >> 1
            old = held[place]
            new = (_UPPER if index & 1 else _LOWER)[word][old]
            if new != old:
                held[place] = new

    def read(self, index: int) -> Word:
        """Return what stands at `index`. Raises: IndexError."""
        if not 0 <= index < self.capacity:
            raise IndexError(index)
        return Word(self._words[index >> 1] >> (index & 1) * 4 & 0xF)

    def show(self, number: int, issued: Instant) -> None:
        """Let readers know that all up to batch `number`, of the time `issued`, stands here.

        Without effect on a file that is not trusted, and on one that is hidden until a later batch (`hide_until`).
        """
        if self.distrusted or (not self._observed[0] and number < self._number[0]):
            return
        self._number[0] = number
        self._observed[0] = issued

    def hide(self) -> None:
        """Let readers see no list here."""
        self._observed[0] = _HIDDEN

    def hide_until(self, number: int) -> None:
        """Let readers see no list here before batch `number` is shown: they have seen that much of it."""
        self.hide()
        self._number[0] = number

    def clear(self) -> None:
        """Let every place read UNKNOWN."""
        piece = bytes((HOLE,)) * PIECE_BYTES
        words = self._words
        for start in range(0, len(words), PIECE_BYTES):
            end = min(start + PIECE_BYTES, len(words))
            words[start:end] = piece[: end - start]

    def warm(self) -> None:
        """Bring the file into memory in one pass: a cold page at a time costs a hundred times as much."""
        buffer = bytearray(PIECE_BYTES)
        start = 0
        while read := os.preadv(self._fd, [buffer], start):
            start += read
        populate(self._map)

    def view(self) -> memoryview:
        """Return the places as they stand, read-only. Release it before the list is dropped or replaced."""
        return self._words.toreadonly()

    def digest(self) -> StateDigest:
        """Return the digest of all places."""
        return StateDigest(sha256(self._words).digest())

    def sync(self) -> None:
        """Return once all that was written before stands on the disk. Raises: OSError, then and ever after."""
        if self.distrusted:
            raise OSError(errno.EIO, "an fsync of this file has failed before")
        try:
            write_out(self._fd, file_bytes(self._header.capacity))
            os.fdatasync(self._fd)
        except OSError:
            self._distrust_it()
            raise

    def checkpoint(self, number: int, digest: BatchDigest, issued: Instant) -> None:
        """Note, durably, that the disk holds all up to batch `number`: call `sync` between writing it and this.

        Raises: OSError; the checkpoint before then still stands.
        """
        mark = Mark(number, digest, issued)
        start, slot = pack_slot(self._header.file_id, self._sequence + 1, mark)
        self._map[start : start + len(slot)] = slot
        self.sync()
        self._sequence += 1
        self.mark = mark

    def _distrust_it(self) -> None:
        if self.mark is None:
            self.hide()
        elif self.shown is not None:
            self._number[0], self._observed[0] = self.mark.number, self.mark.issued
        self._distrust[0] = 1

    def copy_to(self, path: Path) -> None:
        """Write the raw list to a new file, without an fsync. Raises: OSError."""
        with path.open("xb") as file:
            start, end = HEADER_BYTES, HEADER_BYTES + raw_bytes(self.capacity)
            while start < end:
                sent = os.sendfile(file.fileno(), self._fd, start, min(end - start, PIECE_BYTES * 16))
                if not sent:
                    raise OSError(errno.EIO, "the list's file is shorter than it was")
                start += sent

    def close(self) -> None:
        """Let go of the file. It stays mapped only for as long as another thread still reads from it."""
        with contextlib.suppress(BufferError):
            for view in (self._words, self._number, self._observed, self._distrust):
                view.release()
            self._map.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def populate(mapping: mmap.mmap) -> None:
    """Map all pages of a file that is in memory, if the kernel can."""
    with contextlib.suppress(OSError):
        mapping.madvise(MADV_POPULATE_READ)
