"""Two heads of one log, as two readers have them, and whether one is the other's continuation.

A log that shows one history to some and another to others must sign two heads that cannot both be true. Whoever puts
the two side by side, with the tiles that belong to either, can prove it; neither reader can alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .checkpoint import Checkpoint
from .proofs import consistency_proof
from .reading import TileReader


class Relation(StrEnum):
    """How two heads stand to one another."""

    SAME = "same"
    CONSISTENT = "consistent"
    """The longer one goes on from the shorter."""
    FORKED = "forked"
    """Both cannot be true: two histories were signed."""
    OTHER_LOG = "other_log"
    UNPROVEN = "unproven"
    """Their sizes differ, and the tiles that are there do not reach to both."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found."""

    relation: Relation
    proof: Sequence[bytes] = ()
    """For CONSISTENT: what proves it (RFC 6962, section 2.1.2)."""


def compare_heads(one: Checkpoint, other: Checkpoint, tiles: TileReader | None = None) -> Comparison:
    """Tell how two heads stand to one another. Both must have been opened with the log's key.

    1. Of one log? 2. Of one size, the roots decide. 3. Else both must lie on the tree of `tiles` (`trusted_tiles`).

    Raises: LogUnusable: a tile is missing, too short, altered.
    """
    # 1
    if one.origin != other.origin:
        return Comparison(Relation.OTHER_LOG)
    # 2
    if one.size == other.size:
        return Comparison(Relation.SAME if one.root == other.root else Relation.FORKED)
    # 3
    shorter, longer = sorted((one, other), key=lambda head: head.size)
    if tiles is None:
        return Comparison(Relation.UNPROVEN)
    if shorter.size <= tiles.size and tiles.prefix_root(shorter.size) != shorter.root:
        return Comparison(Relation.FORKED)
    if longer.size > tiles.size:
        return Comparison(Relation.UNPROVEN)
    if tiles.prefix_root(longer.size) != longer.root:
        return Comparison(Relation.FORKED)
    return Comparison(Relation.CONSISTENT, consistency_proof(tiles, shorter.size, longer.size))


def trusted_tiles(folder: Path, head: Checkpoint) -> TileReader:
    """Return the tiles of the tree that a log's own head was signed for.

    Only of those does a head that does not lie on them prove anything. Raises: LogUnusable: they do not lead to it.
    """
    tiles = TileReader(folder, head.size)
    tiles.trust(head.root)
    return tiles
