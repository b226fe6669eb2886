"""The tree of a log, hashed anew and judged from its signed head downwards.

1. Up: every bundle is hashed and compared with its tile; the roots of both are kept, and both lists where they differ.
2. The right edge of all levels together must have the signed root: which of what is there does?
3. Down: each genuine hash decides which list of hashes below it is genuine, to the leaves.
4. What is there and is not genuine is a finding, with its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from gateway.receipts.merkle import HASH_BYTES

from .checkpoint import Checkpoint
from .classify import classify
from .faults import Finding, LogFault, LogUnusable, Place
from .reading import read_bundle_as_far_as_it_goes, read_tile
from .resolve import Hashes, resolve
from .tiles import CHECKPOINT, Tile, full_path, levels_of, split, tile_at, tiles_of
from .tree import TILE_LEVELS, TILE_WIDTH, leaf_hash, root_of_edges, root_over

Nodes = list[bytes | None]
"""All nodes of one level, from one source; None where the source has none."""


class _Pair(NamedTuple):
    """The two sources of the leaves below one tile."""

    stored: Hashes | None
    hashed: Hashes | None
    """From the entries; None: forgotten, missing. Of another length than the tile if entries were added or taken."""


class GenuineTree:
    """One pass over a log. Findings are added to the list that it is given."""

    def __init__(self, folder: Path, head: Checkpoint, forgotten: int, from_tile: int, findings: list[Finding]) -> None:
        """Prepare. Args: forgotten: index of the first entry that is kept. from_tile: `leaves` is wanted from there."""
        self._folder = folder
        self._head = head
        self._forgotten = forgotten
        self._from_tile = from_tile
        self._findings = findings
        self.checked = 0
        """Entries that were hashed."""
        self._pairs: dict[int, _Pair] = {}
        self._by_entries: list[Nodes] = [[], []]
        """Level -> roots of what is below, from the entries, as far as they are there. Level 0 is not kept."""
        self._by_tiles: list[Nodes] = [[], []]
        """Level -> roots of the tiles below."""
        self._stored: list[Nodes] = [[]]
        """Level -> what stands in tiles."""
        self._genuine: list[Nodes] = []
        self._leaves: dict[int, Hashes] = {}

    def check(self, known_good: int = 0) -> None:
        """Do it all.

        Args: known_good: entries that an earlier head vouches for: if the root is wrong, it is so behind them.
        """
        size = self._head.size
        if size == 0:
            return
        self._hash_entries()
        self._read_levels()
        self._genuine = [[None] * (size >> TILE_LEVELS * level) for level in range(levels_of(size))]
        if not self._resolve_edges():
            self._findings.append(Finding(LogFault.ROOT_MISMATCH, Place(CHECKPOINT, known_good, size)))
            self._tell_disagreements()
            return
        for level in range(len(self._genuine) - 1, 0, -1):
            for number, genuine in enumerate(self._genuine[level]):
                if genuine is not None:
                    self._resolve_tile(Tile(level - 1, number, TILE_WIDTH), genuine)

    def leaves(self, number: int) -> Hashes | None:
        """Return the genuine hashes of the leaves below a tile, from `from_tile` on; None: they are not known."""
        return self._leaves.get(number)

    def genuine(self, tile: Tile) -> Hashes | None:
        """Return the genuine hashes of a tile; None: they are not known."""
        if tile.level in (None, 0):
            return self._leaves.get(tile.number) or self._agreed_leaves(tile.number)
        return [node for node in _part(self._genuine, tile) if node is not None] or None

    def _agreed_leaves(self, number: int) -> Hashes | None:
        """Return what entries and tile agreed about, if it is genuine: it was not kept."""
        above = self._genuine[1][number] if len(self._genuine) > 1 and number < len(self._genuine[1]) else None
        data = None if above is None else read_tile(self._folder, Tile(0, number, TILE_WIDTH))
        return split(data) if data and root_over(split(data)) == above else None

    # up

    def _hash_entries(self) -> None:
        for tile in tiles_of(self._head.size, 0):
            stored = self._stored_tile(tile)
            hashed = self._hashed_bundle(tile_at(self._head.size, None, tile.number), stored)
            if hashed != stored or stored is None or tile.width < TILE_WIDTH or tile.number >= self._from_tile:
                self._pairs[tile.number] = _Pair(stored, hashed)
            if tile.width == TILE_WIDTH:
                by_tile = None if stored is None else root_over(stored)
                fits = hashed is not None and len(hashed) == TILE_WIDTH
                by_entries = by_tile if hashed is None or hashed == stored else root_over(hashed) if fits else None
                self._by_tiles[1].append(by_tile)
                self._by_entries[1].append(by_entries)

    def _hashed_bundle(self, bundle: Tile, stored: Hashes | None) -> Hashes | None:
        try:
            found = read_bundle_as_far_as_it_goes(self._folder, bundle)
        except LogUnusable as unusable:
            self._findings.append(Finding(unusable.fault, unusable.place))
            return None
        if found is None:
            if bundle.end > self._forgotten:
                self._findings.append(Finding(LogFault.BUNDLE_MISSING, Place(bundle.path, bundle.first, bundle.end)))
            return None
        entries, is_whole = found
        hashed = list(map(leaf_hash, entries))
        self.checked += len(hashed)
        if not is_whole:
            # Up to the first that is not as its tile has it: there its length, or the one before it, is wrong.
            good = 0
            while good < len(hashed) and stored is not None and good < len(stored) and hashed[good] == stored[good]:
                good += 1
            place = Place(bundle.path, bundle.first + good, bundle.end)
            self._findings.append(Finding(LogFault.BUNDLE_MALFORMED, place))
            return None
        return hashed

    def _read_levels(self) -> None:
        size = self._head.size
        for level in range(1, levels_of(size)):
            stored: Nodes = []
            for tile in tiles_of(size, level):
                stored += self._stored_tile(tile) or [None] * tile.width
            self._stored.append(stored)
            self._by_tiles.append(_folded(stored))
            self._by_entries.append(_folded(self._by_entries[level]))

    def _stored_tile(self, tile: Tile) -> Hashes | None:
        try:
            data = read_tile(self._folder, tile)
        except LogUnusable as unusable:
            self._findings.append(Finding(unusable.fault, unusable.place))
            return None
        if data is not None and len(data) == tile.width * HASH_BYTES:
            return split(data)
        fault = LogFault.TILE_MISSING if data is None else LogFault.TILE_SIZE
        self._findings.append(Finding(fault, Place(tile.path, tile.first, tile.end)))
        return None

    # down

    def _sources(self, tile: Tile) -> list[Sequence[bytes | None] | None]:
        """Return the lists that a tile's hashes may be, all as wide as it is."""
        if tile.level == 0:
            pair = self._pairs.get(tile.number, _Pair(None, None))
            return [one for one in pair if one is None or len(one) == tile.width]
        return [_part(source, tile) for source in (self._stored, self._by_tiles, self._by_entries)]

    def _resolve_edges(self) -> bool:
        """Find the genuine hashes of the partial tiles of all levels; tell whether there are any."""
        size = self._head.size
        edges = [tile_at(size, level, number) for level, number in _edge_numbers(size)]
        starts = [0]
        for tile in edges:
            starts.append(starts[-1] + tile.width)
        by_level = {tile.level: span for tile, span in zip(edges, pairwise(starts), strict=True)}

        def is_genuine(hashes: Hashes) -> bool:
            parts = [hashes[slice(*by_level[level])] if level in by_level else () for level in range(levels_of(size))]
            return root_of_edges(parts) == self._head.root

        sources = [self._sources(tile) for tile in edges]
        most = max(map(len, sources))
        lists = []
        for which in range(most):
            joined: Nodes = []
            for tile, one in zip(edges, sources, strict=True):
                usable = [source for source in one if source is not None]
                joined += usable[min(which, len(usable) - 1)] if usable else [None] * tile.width
            lists.append(joined)
        found = resolve(lists, is_genuine)
        if found is None:
            return False
        for tile, (start, end) in zip(edges, pairwise(starts), strict=True):
            self._take(tile, found[start:end])
        return True

    def _resolve_tile(self, tile: Tile, above: bytes) -> None:
        """Find the genuine hashes of a full tile by the genuine one above it."""
        if tile.level == 0 and tile.number not in self._pairs:
            # Entries and tile agree.
            if self._by_tiles[1][tile.number] != above:
                place = Place(full_path(None, tile.number), tile.first, tile.end)
                self._findings.append(Finding(LogFault.ENTRY_ALTERED, place))
            return
        found = resolve(self._sources(tile), lambda hashes: root_over(hashes) == above)
        if found is None:
            self._tell_unresolved(tile)
        else:
            self._take(tile, found)

    def _tell_unresolved(self, tile: Tile) -> None:
        """Tell of a full tile that nothing of what is there for it is genuine."""
        fault, file = LogFault.UNDETERMINED, tile.path
        if tile.level == 0:
            stored, hashed = self._pairs[tile.number]
            if stored is None and hashed is None:
                return  # told already: nothing is there
            if hashed is None:
                fault = LogFault.TILE_ALTERED
            elif stored is None or stored == hashed:
                fault, file = LogFault.ENTRY_ALTERED, full_path(None, tile.number)
        self._findings.append(Finding(fault, Place(file, tile.first, tile.end)))

    def _take(self, tile: Tile, genuine: Hashes) -> None:
        """Keep what is genuine, and tell what is not."""
        if tile.level == 0:
            pair = self._pairs[tile.number]
            self._leaves[tile.number] = genuine
            stored: Sequence[bytes | None] | None = pair.stored
            if pair.hashed is not None:
                bundle = tile_at(self._head.size, None, tile.number)
                self._findings.extend(classify(bundle, list(genuine), list(pair.hashed)))
        else:
            stored = _part(self._stored, tile)
            first = tile.number << TILE_LEVELS
            self._genuine[tile.level or 0][first : first + tile.width] = genuine
        self._tell_altered(tile, stored, genuine)

    def _tell_altered(self, tile: Tile, stored: Sequence[bytes | None] | None, genuine: Hashes) -> None:
        differ = [at for at, node in enumerate(stored or ()) if node is not None and node != genuine[at]]
        if differ:
            shift = TILE_LEVELS * (tile.level or 0)
            first, end = tile.first + (differ[0] << shift), tile.first + (differ[-1] + 1 << shift)
            self._findings.append(Finding(LogFault.TILE_ALTERED, Place(tile.path, first, end, differ[0] * HASH_BYTES)))

    def _tell_disagreements(self) -> None:
        """Tell where entries and tiles disagree, when nothing says which of them is genuine."""
        for number, pair in self._pairs.items():
            if pair.stored is not None and pair.hashed is not None and pair.stored != pair.hashed:
                tile = tile_at(self._head.size, 0, number)
                self._findings.append(Finding(LogFault.UNDETERMINED, Place(tile.path, tile.first, tile.end)))
        for level in range(1, len(self._stored)):
            for index, (stored, below) in enumerate(zip(self._stored[level], self._by_tiles[level], strict=True)):
                if stored is not None and below is not None and stored != below:
                    tile = tile_at(self._head.size, level, index >> TILE_LEVELS)
                    span = TILE_LEVELS * level
                    place = Place(tile.path, index << span, index + 1 << span)
                    self._findings.append(Finding(LogFault.UNDETERMINED, place))


def _part(levels: Sequence[Nodes], tile: Tile) -> Nodes:
    """Return the nodes of one tile, out of those of all levels."""
    first = tile.number << TILE_LEVELS
    return levels[tile.level or 0][first : first + tile.width]


def _folded(nodes: Nodes) -> Nodes:
    """Return the roots of each 256 nodes; None where one is missing."""
    folded: Nodes = []
    for first in range(0, len(nodes) - TILE_WIDTH + 1, TILE_WIDTH):
        tile = [node for node in nodes[first : first + TILE_WIDTH] if node is not None]
        folded.append(root_over(tile) if len(tile) == TILE_WIDTH else None)
    return folded


def _edge_numbers(size: int) -> list[tuple[int, int]]:
    """Return level and number of each partial tile of a tree."""
    edges = []
    for level in range(levels_of(size)):
        nodes = size >> TILE_LEVELS * level
        if nodes % TILE_WIDTH:
            edges.append((level, nodes >> TILE_LEVELS))
    return edges
