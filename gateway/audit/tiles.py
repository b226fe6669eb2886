"""Where the parts of a log are, and how they are written: hash tiles and entry bundles.

- A tile holds up to 256 hashes of one level; level n + 1 is over full tiles of level n. A partial one has its width in
  its name, so that no file ever changes once it has its name.
- A bundle holds the entries whose hashes are in the tile of the same number of level 0, each behind its length.
- Numbers are written in groups of three digits, all but the last behind an x: 1234067 is x001/x234/067.

Source: C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from gateway.receipts.merkle import HASH_BYTES

from .tree import TILE_LEVELS, TILE_WIDTH

MAX_ENTRY_BYTES: Final = (1 << 16) - 1
CHECKPOINT: Final = "checkpoint"
TILE_FOLDER: Final = "tile"
BUNDLES: Final = "entries"
LENGTH_BYTES: Final = 2


class Tile(NamedTuple):
    """One tile of a tree, or (level None) the bundle of entries of that number."""

    level: int | None
    number: int
    width: int

    @property
    def path(self) -> str:
        """Its file, relative to the log's folder."""
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return full_path(self.level, self.number) + partial

    @property
    def first(self) -> int:
        """Index of the first entry below it."""
        return self.number << TILE_LEVELS * ((self.level or 0) + 1)

    @property
    def end(self) -> int:
        """Index after the last entry below its full nodes."""
        return self.first + (self.width << TILE_LEVELS * (self.level or 0))


def full_path(level: int | None, number: int) -> str:
    """Return the file of a full tile (level None: bundle); its partial ones are in a folder named so, with `.p`."""
    return f"{TILE_FOLDER}/{BUNDLES if level is None else level}/{_digits(number)}"


def parse_path(text: str) -> Tile | None:
    """Return what a file, relative to the log's folder, is by its name; None: neither tile nor bundle."""
    whole, partial, width = text.partition(".p/")
    top, _, rest = whole.partition("/")
    kind, _, digits = rest.partition("/")
    number = digits.replace("/", "").replace("x", "")
    level = None if kind == BUNDLES else kind
    if top != TILE_FOLDER or not all(one.isdecimal() for one in (number, level or "0", width if partial else "1")):
        return None
    tile = Tile(None if level is None else int(level), int(number), int(width) if partial else TILE_WIDTH)
    return tile if tile.path == text and 0 < tile.width <= TILE_WIDTH else None


def _digits(number: int) -> str:
    last = f"{number % 1000:03d}"
    while number := number // 1000:
        last = f"x{number % 1000:03d}/{last}"
    return last


def tiles_of(size: int, level: int | None) -> Iterator[Tile]:
    """Yield the tiles of one level (None: the bundles) of a tree of `size` leaves, the partial one last."""
    nodes = size >> TILE_LEVELS * (level or 0)
    for number in range(nodes >> TILE_LEVELS):
        yield Tile(level, number, TILE_WIDTH)
    if nodes % TILE_WIDTH:
        yield Tile(level, nodes >> TILE_LEVELS, nodes % TILE_WIDTH)


def tile_at(size: int, level: int | None, number: int) -> Tile:
    """Return one tile of a tree of `size` leaves, as wide as it is there. It must have a node in it."""
    nodes = size >> TILE_LEVELS * (level or 0)
    return Tile(level, number, min(nodes - (number << TILE_LEVELS), TILE_WIDTH))


def levels_of(size: int) -> int:
    """Return how many levels of tiles a tree of `size` leaves has."""
    return (max(size.bit_length() - 1, 0)) // TILE_LEVELS + 1 if size else 0


def pack(entries: Iterable[bytes]) -> bytes:
    """Return entries as a bundle holds them. Each has at most MAX_ENTRY_BYTES (OverflowError)."""
    return b"".join([piece for entry in entries for piece in (len(entry).to_bytes(LENGTH_BYTES, "big"), entry)])


def unpack(data: bytes) -> list[bytes] | None:
    """Return the entries of a bundle; None if its lengths do not fit what is there."""
    entries, is_whole = unpack_all(data)
    return entries if is_whole else None


def unpack_all(data: bytes) -> tuple[list[bytes], bool]:
    """Return what entries can be read out of a bundle, and whether its lengths fit what is there."""
    entries = []
    at, end = 0, len(data)
    while at < end:
        begin = at + LENGTH_BYTES
        at = begin + int.from_bytes(data[at:begin], "big")
        entries.append(data[begin:at])
    return entries, at == end


def split(data: bytes) -> Sequence[bytes]:
    """Return the hashes of a tile."""
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]
