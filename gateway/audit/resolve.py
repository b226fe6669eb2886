"""Which hashes of a tree are genuine, told from the signed root downwards.

Each node is there more than once: in its own tile, as the root of the tile below, and (for leaves) as the hash of the
entry. What has been altered disagrees somewhere. A list of nodes is genuine if it hashes to what is known to be
genuine above it; of lists with a few nodes in doubt each combination is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Final

Hashes = Sequence[bytes]
Candidates = Sequence[Sequence[bytes | None] | None]
"""Lists that may be it, all of one length, best first; None where something is missing."""

MOST_TRIED: Final = 1 << 12
_MOST_WORK: Final = 1 << 20
"""Nodes that are hashed over all tries."""


def resolve(candidates: Candidates, is_genuine: Callable[[Hashes], bool]) -> Hashes | None:
    """Return the list that is genuine; None if none of those that can be put together is.

    1. Each list by itself. 2. Every combination of what they say, where that is not too many.
    """
    lists = [one for one in candidates if one is not None]
    # 1
    for one in lists:
        whole = [node for node in one if node is not None]
        if len(whole) == len(one) and is_genuine(whole):
            return whole
    # 2
    for tried in _combinations(lists) if lists else ():
        if is_genuine(tried):
            return tried
    return None


def _combinations(lists: Sequence[Sequence[bytes | None]]) -> Iterator[Hashes]:
    """Yield every list that can be put together, if they are not too many."""
    choices = [list(dict.fromkeys(node for node in nodes if node is not None)) for nodes in zip(*lists, strict=True)]
    many = 1
    for choice in choices:
        many *= len(choice)
        if not 0 < many <= MOST_TRIED or many * len(choices) > _MOST_WORK:
            return
    yield from product(*choices)
