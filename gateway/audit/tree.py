"""The hash tree of a log: growing it, and checking what somebody else says of it.

- The hashing is that of `gateway/receipts/merkle.py`: a leaf behind a byte 0, two nodes behind a byte 1, SHA-256.
- `GrowingTree` holds the right edge only, at most 255 hashes for each 8 levels, so that a log of any size grows at the
  same cost.
- `is_consistent` and `is_hash_included` judge proofs; they never raise on what they are given.

Source: RFC 6962, section 2.1; RFC 9162, sections 2.1.4.2 (consistency); C2SP tlog-tiles (tiles of height 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from gateway.receipts.merkle import is_hash_included, leaf_hash, node_hash

__all__ = [
    "EMPTY_ROOT",
    "TILE_LEVELS",
    "TILE_WIDTH",
    "GrowingTree",
    "is_consistent",
    "is_hash_included",
    "leaf_hash",
    "node_hash",
    "root_of_edges",
    "root_over",
]

TILE_LEVELS: Final = 8
TILE_WIDTH: Final = 1 << TILE_LEVELS
EMPTY_ROOT: Final = sha256(b"").digest()


def root_over(hashes: Sequence[bytes]) -> bytes:
    """Return the root over nodes of one level, at least one, of which the last may stand for fewer leaves."""
    level = list(hashes)
    while len(level) > 1:
        paired = [sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired if len(level) % 2 == 0 else [*paired, level[-1]]
    return level[0]


def root_of_edges(edges: Sequence[Sequence[bytes]]) -> bytes:
    """Return the root of a tree by the tiles of its right edge.

    Args: edges: for each tile level from 0, the hashes of its last tile as far as that is partial; none if it is full.
    """
    carried: bytes | None = None
    for edge in edges:
        nodes = [*edge] if carried is None else [*edge, carried]
        carried = root_over(nodes) if nodes else None
    return EMPTY_ROOT if carried is None else carried


class GrowingTree:
    """The right edge of a tree, and the tiles that have become full since they were last taken."""

    __slots__ = ("edges", "full", "size")

    def __init__(self, size: int = 0, edges: Sequence[Sequence[bytes]] = ()) -> None:
        """Go on from a tree. Args: size: its leaves; edges: as `root_of_edges` takes them."""
        self.size = size
        self.edges: list[list[bytes]] = [list(edge) for edge in edges] or [[]]
        self.full: list[tuple[int, int, bytes]] = []
        """Level, number and hashes of each tile that has become full. Whoever writes them empties the list."""

    def add(self, leaf: bytes) -> None:
        """Add the hash of one leaf."""
        self.edges[0].append(leaf)
        self.size += 1
        if len(self.edges[0]) == TILE_WIDTH:
            self._fold()

    def root(self) -> bytes:
        """Return the root over all leaves."""
        return root_of_edges(self.edges)

    def _fold(self) -> None:
        """Take tiles that are full out of the edge, and put their roots into the level above."""
        level = 0
        while len(self.edges[level]) == TILE_WIDTH:
            tile = self.edges[level]
            number = (self.size >> TILE_LEVELS * (level + 1)) - 1
            self.full.append((level, number, b"".join(tile)))
            self.edges[level] = []
            level += 1
            if level == len(self.edges):
                self.edges.append([])
            self.edges[level].append(root_over(tile))


def is_consistent(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether `proof` shows that the tree of `size` leaves goes on from the one of `old_size`. Never raises.

    An empty tree is continued by any; a tree continues itself, by an empty proof and the same root only.

    Source: RFC 9162, section 2.1.4.2.
    """
    if not 0 <= old_size <= size:
        return False
    if old_size in (0, size):
        return not proof and old_root == (EMPTY_ROOT if old_size == 0 else root)
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    found_old = found = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            found_old, found = node_hash(sibling, found_old), node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found_old == old_root and found == root
