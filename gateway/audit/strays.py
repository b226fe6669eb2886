"""Files in a log's folder beside those that its head needs: what may be there, and what may not.

May be there: partial tiles of earlier heads, if they are what the genuine tile begins with; tiles of entries that are
durable and in no head yet; what a crash has left unfinished (`.new`). Anything else is a stray.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .classify import classify
from .disk import NEW_SUFFIX
from .faults import Finding, LogFault, LogUnusable, Place
from .journal import JOURNAL
from .reading import read_bundle, read_tile
from .retention import FORGOTTEN
from .tiles import CHECKPOINT, Tile, parse_path, split, tile_at
from .tree import TILE_LEVELS, leaf_hash

if TYPE_CHECKING:
    from .genuine import GenuineTree

LOCK: Final = "lock"
_TOP: Final = frozenset({CHECKPOINT, JOURNAL, FORGOTTEN, LOCK})


def find_strays(folder: Path, size: int, durable: Callable[[], int], tree: GenuineTree) -> Iterator[Finding]:
    """Yield what does not belong into a log with a head over `size` entries.

    Args: durable: tells how many are durable; it is asked after the files were listed, as a writer may go on meanwhile.
    """
    ahead = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = str((Path(place) / name).relative_to(folder))
            if name.endswith(NEW_SUFFIX) or file in _TOP:
                continue
            tile = parse_path(file)
            if tile is None:
                yield Finding(LogFault.STRAY, Place(file))
            elif not _may_be(tile, size):
                ahead.append(tile)
            elif _is_earlier(tile, size):
                yield from _compared(folder, tile, tree, size)
    if ahead:
        reached = durable()
        yield from (Finding(LogFault.STRAY, Place(tile.path)) for tile in ahead if not _may_be(tile, reached))


def _may_be(tile: Tile, durable: int) -> bool:
    nodes = durable >> TILE_LEVELS * (tile.level or 0)
    return (tile.number << TILE_LEVELS) + tile.width <= nodes


def _is_earlier(tile: Tile, size: int) -> bool:
    """Tell whether this is a partial tile that has grown since."""
    nodes = size >> TILE_LEVELS * (tile.level or 0)
    return (tile.number << TILE_LEVELS) + tile.width < nodes and tile != tile_at(size, tile.level, tile.number)


def _compared(folder: Path, tile: Tile, tree: GenuineTree, size: int) -> Iterator[Finding]:
    try:
        genuine = tree.genuine(tile_at(size, tile.level, tile.number))
        if genuine is None:
            return  # what it must begin with is not known: that is told already
        wanted = list(genuine[: tile.width])
        if tile.level is None:
            entries = read_bundle(folder, tile) or ()
            yield from classify(tile, wanted, list(map(leaf_hash, entries)))
        elif list(split(read_tile(folder, tile) or b"")) != wanted:
            yield Finding(LogFault.TILE_ALTERED, Place(tile.path, tile.first, tile.end))
    except LogUnusable as unusable:
        yield Finding(unusable.fault, unusable.place)
