"""One signature for many: the Merkle tree of RFC 9162, whose root is signed once.

- A leaf is hashed behind a byte 0, two nodes behind a byte 1, so that no node is ever taken for a leaf.
- A tree of n leaves is split at the largest power of two below n. Built from the bottom that is: hash pairs, and take a
  last one that has no partner up as it is.
- Only SHA-256. An empty tree is not made here: nothing was said.

Source: RFC 9162, sections 2.1.1 and 2.1.3; the same hashing as RFC 6962.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32

MAX_PATH: Final = 64 * HASH_BYTES
"""Bytes of a path: more than any tree has."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The root of a tree, and the path of each of its leaves."""

    root: bytes
    paths: tuple[bytes, ...]
    """From the leaf's sibling up to below the root, side by side; empty in a tree of one leaf."""


def tree_over(leaves: Sequence[bytes]) -> Tree:
    """Return the tree over `leaves`, of which there must be at least one."""
    if not leaves:
        raise ValueError("a tree needs a leaf")
    level = [sha256(b"\0" + leaf).digest() for leaf in leaves]
    levels = []
    while len(level) > 1:
        levels.append(level)
        paired = [sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired if len(level) % 2 == 0 else [*paired, level[-1]]
    return Tree(level[0], tuple(_path(index, levels) for index in range(len(leaves))))


def _path(index: int, levels: Sequence[Sequence[bytes]]) -> bytes:
    path = []
    for level in levels:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return b"".join(path)


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash that stands for a leaf."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return sha256(b"\1" + left + right).digest()


def is_included(leaf: bytes, index: int, size: int, path: bytes, root: bytes) -> bool:
    """Tell whether `path` leads from `leaf`, number `index` of `size`, to `root`. Never raises."""
    return is_hash_included(leaf_hash(leaf), index, size, path, root)


def is_hash_included(leaf: bytes, index: int, size: int, path: bytes, root: bytes) -> bool:
    """Tell the same by the hash of a leaf, for whoever does not have the leaf any more. Never raises.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size or len(path) % HASH_BYTES or len(path) > MAX_PATH:
        return False
    node, last = index, size - 1
    found = leaf
    for start in range(0, len(path), HASH_BYTES):
        if last == 0:
            return False
        sibling = path[start : start + HASH_BYTES]
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:  # it was taken up without a partner
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root
