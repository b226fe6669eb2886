"""What somebody with the folder in his hands, and without the key, may do to a log: one deed at a random place.

Each deed returns which fault it may be told as and which entries it concerned, so that a test can hold the report
against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from gateway.audit.faults import LogFault, Place
from gateway.audit.tiles import CHECKPOINT, Tile, pack, tiles_of, unpack

BAD_BUNDLE = frozenset({LogFault.ENTRY_ALTERED, LogFault.BUNDLE_MALFORMED})
ENTRIES = frozenset(
    {
        LogFault.ENTRY_ALTERED,
        LogFault.ENTRY_DROPPED,
        LogFault.ENTRY_INSERTED,
        LogFault.ENTRIES_REORDERED,
        LogFault.ENTRIES_TRUNCATED,
    }
)


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done."""

    what: str
    file: str
    faults: frozenset[LogFault]
    first: int | None = None
    """The first entry that it concerns; None: it concerns none by itself."""

    def is_named_by(self, fault: LogFault, place: Place) -> bool:
        """Tell whether a finding names this deed and its place."""
        if fault not in self.faults or place.file != self.file:
            return False
        return self.first is None or (place.first is not None and place.first <= self.first < (place.end or 0))


Tamper = Callable[[Path, int, Random], Deed]


def flip_in_bundle(folder: Path, size: int, random: Random) -> Deed:
    """Flip a bit of an entry, or of its length."""
    bundle, entries = _bundle(folder, size, random)
    data = bytearray((folder / bundle.path).read_bytes())
    at = random.randrange(len(data))
    data[at] ^= 1 << random.randrange(8)
    (folder / bundle.path).write_bytes(data)
    end = 0
    for index, entry in enumerate(entries):
        end += 2 + len(entry)
        if at < end:
            return Deed("flip", bundle.path, BAD_BUNDLE | ENTRIES, bundle.first + index)
    raise AssertionError


def drop(folder: Path, size: int, random: Random) -> Deed:
    """Take one entry out of its bundle."""
    bundle, entries = _bundle(folder, size, random)
    at = random.randrange(len(entries))
    del entries[at]
    fault = LogFault.ENTRIES_TRUNCATED if at == len(entries) else LogFault.ENTRY_DROPPED
    return _put(folder, bundle, entries, Deed("drop", bundle.path, frozenset({fault}), bundle.first + at))


def drop_and_move_up(folder: Path, size: int, random: Random) -> Deed:
    """Take one entry out, and let all behind it move up, over all bundles."""
    bundles = list(tiles_of(size, None))
    entries = [one for bundle in bundles for one in unpack((folder / bundle.path).read_bytes()) or ()]
    at = random.randrange(size - 1)
    del entries[at]
    for bundle in bundles:
        (folder / bundle.path).write_bytes(pack(entries[bundle.first : bundle.end]))
    file = bundles[at >> 8].path
    faults = {LogFault.ENTRY_DROPPED, LogFault.ENTRIES_TRUNCATED, LogFault.ENTRY_ALTERED}
    return Deed("drop and move up", file, frozenset(faults), at)


def reorder(folder: Path, size: int, random: Random) -> Deed:
    """Let two entries of a bundle change places."""
    bundle, entries = _bundle(folder, size, random)
    one, other = sorted(random.sample(range(len(entries)), 2))
    entries[one], entries[other] = entries[other], entries[one]
    done = Deed("reorder", bundle.path, frozenset({LogFault.ENTRIES_REORDERED}), bundle.first + one)
    return _put(folder, bundle, entries, done)


def swap_bundles(folder: Path, size: int, random: Random) -> Deed:
    """Let two bundles change places."""
    full = [bundle for bundle in tiles_of(size, None) if bundle.width == 256]
    one, other = random.sample(full, 2)
    first, second = (folder / one.path).read_bytes(), (folder / other.path).read_bytes()
    (folder / one.path).write_bytes(second)
    (folder / other.path).write_bytes(first)
    return Deed("swap bundles", one.path, ENTRIES, one.first)


def duplicate(folder: Path, size: int, random: Random) -> Deed:
    """Put a copy of an entry beside it."""
    bundle, entries = _bundle(folder, size, random)
    at = random.randrange(len(entries))
    entries.insert(at, entries[at])
    done = Deed("duplicate", bundle.path, frozenset({LogFault.ENTRY_INSERTED}), bundle.first + at + 1)
    return _put(folder, bundle, entries, done)


def duplicate_over(folder: Path, size: int, random: Random) -> Deed:
    """Put a copy of an entry in another's place."""
    bundle, entries = _bundle(folder, size, random)
    one, other = random.sample(range(len(entries)), 2)
    entries[other] = entries[one]
    return _put(folder, bundle, entries, Deed("duplicate over", bundle.path, ENTRIES, bundle.first + other))


def truncate_bundle(folder: Path, size: int, random: Random) -> Deed:
    """Cut a bundle off at any byte."""
    bundle, entries = _bundle(folder, size, random)
    data = (folder / bundle.path).read_bytes()
    length = random.randrange(len(data))
    (folder / bundle.path).write_bytes(data[:length])
    whole = 0
    for entry in entries:
        if length < 2 + len(entry):
            break
        length -= 2 + len(entry)
        whole += 1
    faults = frozenset({LogFault.ENTRIES_TRUNCATED, LogFault.BUNDLE_MALFORMED})
    return Deed("truncate bundle", bundle.path, faults, bundle.first + whole)


def remove_bundle(folder: Path, size: int, random: Random) -> Deed:
    """Take a whole bundle away."""
    bundle, _ = _bundle(folder, size, random)
    (folder / bundle.path).unlink()
    return Deed("remove bundle", bundle.path, frozenset({LogFault.BUNDLE_MISSING}), bundle.first)


def forge(folder: Path, size: int, random: Random) -> Deed:
    """Alter an entry, and its hash in the tile with it."""
    from gateway.audit.tree import leaf_hash

    bundle, entries = _bundle(folder, size, random)
    at = random.randrange(len(entries))
    entries[at] = entries[at].replace(b"decision", b"DECISION")
    tile = folder / Tile(0, bundle.number, bundle.width).path
    data = bytearray(tile.read_bytes())
    data[at * 32 : at * 32 + 32] = leaf_hash(entries[at])
    tile.write_bytes(data)
    if bundle.width < 256:
        return _put(folder, bundle, entries, Deed("forge", CHECKPOINT, frozenset({LogFault.ROOT_MISMATCH})))
    return _put(folder, bundle, entries, Deed("forge", bundle.path, ENTRIES, bundle.first + at))


def flip_in_tile(folder: Path, size: int, random: Random) -> Deed:
    """Flip a bit of a hash."""
    tile = _tile(size, random)
    data = bytearray((folder / tile.path).read_bytes())
    at = random.randrange(len(data))
    data[at] ^= 1 << random.randrange(8)
    (folder / tile.path).write_bytes(data)
    first = tile.first + (at // 32 << 8 * (tile.level or 0))
    return Deed("flip in tile", tile.path, frozenset({LogFault.TILE_ALTERED}), first)


def truncate_tile(folder: Path, size: int, random: Random) -> Deed:
    """Cut a tile off."""
    tile = _tile(size, random)
    data = (folder / tile.path).read_bytes()
    (folder / tile.path).write_bytes(data[: random.randrange(len(data))])
    return Deed("truncate tile", tile.path, frozenset({LogFault.TILE_SIZE}), tile.first)


def remove_tile(folder: Path, size: int, random: Random) -> Deed:
    """Take a tile away."""
    tile = _tile(size, random)
    (folder / tile.path).unlink()
    return Deed("remove tile", tile.path, frozenset({LogFault.TILE_MISSING}), tile.first)


HEAD = frozenset(
    {
        LogFault.CHECKPOINT_MALFORMED,
        LogFault.CHECKPOINT_SIGNATURE,
        LogFault.CHECKPOINT_KEY,
        LogFault.CHECKPOINT_ORIGIN,
        LogFault.CHECKPOINT_MISSING,
    }
)


def flip_in_head(folder: Path, size: int, random: Random) -> Deed:
    """Flip a bit of the signed head."""
    data = bytearray((folder / CHECKPOINT).read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    (folder / CHECKPOINT).write_bytes(data)
    return Deed("flip in head", CHECKPOINT, HEAD)


def truncate_head(folder: Path, size: int, random: Random) -> Deed:
    """Cut the signed head off."""
    data = (folder / CHECKPOINT).read_bytes()
    (folder / CHECKPOINT).write_bytes(data[: random.randrange(len(data))])
    return Deed("truncate head", CHECKPOINT, HEAD)


def remove_head(folder: Path, size: int, random: Random) -> Deed:
    """Take the signed head away."""
    (folder / CHECKPOINT).unlink()
    return Deed("remove head", CHECKPOINT, frozenset({LogFault.CHECKPOINT_MISSING}))


def stray(folder: Path, size: int, random: Random) -> Deed:
    """Put a bundle behind the last one."""
    path = f"tile/entries/{(size >> 8) + 1 + random.randrange(100):03d}"
    (folder / path).write_bytes(pack([b"one more"]))
    return Deed("stray", path, frozenset({LogFault.STRAY}))


DEEDS: Sequence[Tamper] = (
    flip_in_bundle,
    drop,
    drop_and_move_up,
    reorder,
    swap_bundles,
    duplicate,
    duplicate_over,
    truncate_bundle,
    remove_bundle,
    forge,
    flip_in_tile,
    truncate_tile,
    remove_tile,
    flip_in_head,
    truncate_head,
    remove_head,
    stray,
)


def _bundle(folder: Path, size: int, random: Random) -> tuple[Tile, list[bytes]]:
    bundle = random.choice(list(tiles_of(size, None)))
    entries = unpack((folder / bundle.path).read_bytes())
    assert entries is not None
    return bundle, entries


def _tile(size: int, random: Random) -> Tile:
    return random.choice([tile for level in (0, 1) for tile in tiles_of(size, level)])


def _put(folder: Path, bundle: Tile, entries: Sequence[bytes], done: Deed) -> Deed:
    (folder / bundle.path).write_bytes(pack(entries))
    return done
