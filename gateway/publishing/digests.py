"""What a list's digest would be after a batch: known before the batch is written anywhere."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import sha256
from typing import Final

from gateway.changes import StateDigest, StatusBatch, Word
from gateway.status.words import HOLE

PIECE_BYTES: Final = 1 << 20


def digest_after(raw: memoryview, batch: StatusBatch) -> StateDigest:
    """Return the digest of the list `raw` once `batch` is applied to it. Nothing is changed; blocks.

    Only the pieces that the batch touches are copied. Its indices must lie inside.
    """
    digest = sha256()
    for start in range(0, len(raw), PIECE_BYTES):
        piece = raw[start : start + PIECE_BYTES]
        digest.update(_touched(piece, start, batch))
    return StateDigest(digest.digest())


def digest_of_nothing(capacity: int) -> StateDigest:
    """Return the digest of a list in which every place reads unknown."""
    digest, left = sha256(), (capacity + 1) // 2
    piece = bytes((HOLE,)) * PIECE_BYTES
    for start in range(0, left, PIECE_BYTES):
        digest.update(piece[: left - start])
    return StateDigest(digest.digest())


def _touched(piece: memoryview, start: int, batch: StatusBatch) -> memoryview | bytearray:
    """Return a piece as it will be, itself if the batch leaves it as it is."""
    end = start + len(piece)
    after: bytearray | None = None
    for block in batch.blocks:
        first = block.first >> 1
        low, high = max(start, first), min(end, first + len(block.words))
        if low < high:
            after = bytearray(piece) if after is None else after
            after[low - start : high - start] = block.words[low - first : high - first]
    for group in batch.groups:
        low, high = bisect_left(group.indices, 2 * start), bisect_left(group.indices, 2 * end)
        if low < high:
            after = bytearray(piece) if after is None else after
            write_words(after, start, group.word, group.indices[low:high])
    return piece if after is None else after


def write_words(piece: bytearray, start: int, word: Word, indices: array[int]) -> None:
    """Let places read `word` in a piece of a list that begins at byte `start`."""
    high = word << 4
    for index in indices:
        place = (index >> 1) - start
        piece[place] = piece[place] & 0x0F | high if index & 1 else piece[place] & 0xF0 | word
