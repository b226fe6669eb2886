"""Reads the files of a log, for whoever asks: the writer when it opens, readers, proofs.

- Nothing is believed here: hashes are compared by the caller.
- A partial tile that has become a full one is read out of that: a writer removes it then.
- Missing, too short, too long: told by name, with the file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from gateway.receipts.merkle import HASH_BYTES

from .faults import LogFault, LogUnusable, Place
from .tiles import CHECKPOINT, LENGTH_BYTES, MAX_ENTRY_BYTES, Tile, full_path, split, tile_at, unpack_all
from .tree import EMPTY_ROOT, TILE_LEVELS, TILE_WIDTH, root_of_edges, root_over

MAX_BUNDLE_BYTES: Final = TILE_WIDTH * (LENGTH_BYTES + MAX_ENTRY_BYTES)
MAX_NOTE_BYTES: Final = 64 * 1024
_TILES_HELD: Final = 64


def read_file(folder: Path, file: str, most: int) -> bytes | None:
    """Return a file of a log; None if there is none.

    Raises: LogUnusable with UNREADABLE: the system refuses, it is no regular file, or it has more than `most` bytes.
    """
    try:
        fd = os.open(folder / file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        raise LogUnusable(LogFault.UNREADABLE, Place(file)) from None
    try:
        with os.fdopen(fd, "rb") as found:
            data = found.read(most + 1)
    except OSError:
        raise LogUnusable(LogFault.UNREADABLE, Place(file)) from None
    if len(data) > most:
        raise LogUnusable(LogFault.UNREADABLE, Place(file))
    return data


class TileReader:
    """The tiles of a tree of one size. Believed of them is nothing, or (`trust`) only what leads to a signed root."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._is_checked = False
        self.size: Final = size
        self._held = lru_cache(_TILES_HELD)(self._read)

    def tile(self, level: int, number: int) -> Sequence[bytes]:
        """Return the hashes of a tile, as many as the tree has of it.

        Raises: LogUnusable: TILE_MISSING, TILE_SIZE, UNREADABLE; once trusted, TILE_ALTERED.
        """
        return self._held(level, number)

    def edges(self) -> list[list[bytes]]:
        """Return the partial tiles at the right, from level 0, none where it is full. Raises: as `tile`."""
        edges: list[list[bytes]] = []
        nodes = self.size
        while nodes:
            edges.append(list(self.tile(len(edges), nodes >> TILE_LEVELS)) if nodes % TILE_WIDTH else [])
            nodes >>= TILE_LEVELS
        return edges

    def range_hash(self, start: int, end: int) -> bytes:
        """Return the RFC 6962 tree head over the entries from `start` up to `end`, as they stand in a tree.

        `start` must be a multiple of the smallest power of two that is not below `end - start`. Raises: as `tile`.
        """
        length = end - start
        if length & (length - 1) == 0:
            return self._node(length.bit_length() - 1, start // length)
        middle = start + (1 << (length.bit_length() - 1))
        return root_over([self.range_hash(start, middle), self.range_hash(middle, end)])

    def prefix_root(self, size: int) -> bytes:
        """Return the root over the first `size` entries, at most all. Raises: as `tile`."""
        return self.range_hash(0, size) if size else EMPTY_ROOT

    def trust(self, root: bytes) -> None:
        """From now on give only hashes that lead to `root`, which was signed for a tree of this size.

        Raises: LogUnusable: ROOT_MISMATCH if the tiles at the right do not lead to it; as `tile`.
        """
        if root_of_edges(self.edges()) != root:
            raise LogUnusable(LogFault.ROOT_MISMATCH, Place(CHECKPOINT, 0, self.size))
        self._is_checked = True
        # Those at the right are held already, and have just been checked together.
        edges = {
            (level, self.size >> TILE_LEVELS * (level + 1)): edge for level, edge in enumerate(self.edges()) if edge
        }
        self._held = lru_cache(_TILES_HELD)(
            lambda level, number: edges.get((level, number)) or self._read(level, number)
        )

    def _node(self, height: int, index: int) -> bytes:
        """Return a node that is over 2**height entries."""
        level, rest = divmod(height, TILE_LEVELS)
        first = index << rest
        number, at = divmod(first, TILE_WIDTH)
        return root_over(self.tile(level, number)[at : at + (1 << rest)])

    def _read(self, level: int, number: int) -> Sequence[bytes]:
        tile = tile_at(self.size, level, number)
        data = read_tile(self._folder, tile)
        if data is None:
            raise LogUnusable(LogFault.TILE_MISSING, Place(tile.path, tile.first, tile.end))
        if len(data) != tile.width * HASH_BYTES:
            raise LogUnusable(LogFault.TILE_SIZE, Place(tile.path, tile.first, tile.end))
        hashes = split(data)
        if self._is_checked:
            above, at = divmod(number, TILE_WIDTH)
            if root_over(hashes) != self.tile(level + 1, above)[at]:
                raise LogUnusable(LogFault.TILE_ALTERED, Place(tile.path, tile.first, tile.end))
        return hashes


def read_tile(folder: Path, tile: Tile) -> bytes | None:
    """Return the bytes of a tile's file, or of the full tile's as much as it needs; None if neither is there.

    Raises: LogUnusable with UNREADABLE.
    """
    most = TILE_WIDTH * HASH_BYTES
    data = read_file(folder, tile.path, most)
    if data is None and tile.width < TILE_WIDTH:
        whole = read_file(folder, full_path(tile.level, tile.number), most)
        data = None if whole is None else whole[: tile.width * HASH_BYTES]
    return data


def read_bundle(folder: Path, bundle: Tile) -> Sequence[bytes] | None:
    """Return the entries of a bundle, or of the full one as many as it needs; None if neither file is there.

    The number of entries is not checked. Raises: LogUnusable: UNREADABLE, BUNDLE_MALFORMED.
    """
    found = read_bundle_as_far_as_it_goes(folder, bundle)
    if found is not None and not found[1]:
        raise LogUnusable(LogFault.BUNDLE_MALFORMED, Place(bundle.path, bundle.first, bundle.end))
    return None if found is None else found[0]


def read_bundle_as_far_as_it_goes(folder: Path, bundle: Tile) -> tuple[Sequence[bytes], bool] | None:
    """Return the same, and whether the lengths in it fit. Raises: LogUnusable with UNREADABLE."""
    data = read_file(folder, bundle.path, MAX_BUNDLE_BYTES)
    cut = None
    if data is None and bundle.width < TILE_WIDTH:
        cut = bundle.width
        data = read_file(folder, full_path(None, bundle.number), MAX_BUNDLE_BYTES)
    if data is None:
        return None
    entries, is_whole = unpack_all(data)
    return entries[:cut], is_whole
