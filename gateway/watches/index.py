"""Which codes stand at the places that a batch changes.

Rules:

- The work of a batch is that of its changes in C, or of the watched codes, whichever is less: a batch of 65,536 changes
  takes milliseconds, whoever watches.
- What may have got worse comes first, so that a red is told before a thousand greens.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from gateway.changes import Block, ListName, StatusBatch
from gateway.status import words
from gateway.values import Purpose

from .watch import Watched

_SEARCH_COSTS: Final = 32
"""How many indices are run through in the time of one search for an index."""


class Touched(NamedTuple):
    """Codes to be judged anew."""

    worse: list[Watched]
    """At places that read green no more."""
    others: list[Watched]


class _Places:
    __slots__ = ("codes", "purposes")

    def __init__(self) -> None:
        self.codes: dict[int, list[Watched]] = {}
        self.purposes: Counter[Purpose] = Counter()


class WatchIndex:
    """All watched codes, by list and index."""

    def __init__(self) -> None:
        self._lists: dict[ListName, _Places] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how many codes there are."""
        return self._count

    def __contains__(self, name: ListName) -> bool:
        """Tell whether any code points to a list."""
        return name in self._lists

    def add(self, watched: Watched, name: ListName) -> None:
        """Take a code in."""
        places = self._lists.setdefault(name, _Places())
        places.codes.setdefault(watched.index, []).append(watched)
        places.purposes[watched.watch.terms.purpose] += 1
        self._count += 1

    def remove(self, watched: Watched, name: ListName) -> None:
        """Forget a code that was taken in."""
        places = self._lists[name]
        same = places.codes[watched.index]
        same.remove(watched)
        if not same:
            del places.codes[watched.index]
        purpose = watched.watch.terms.purpose
        places.purposes[purpose] -= 1
        if not places.purposes[purpose]:
            del places.purposes[purpose]
        if not places.codes:
            del self._lists[name]
        self._count -= 1

    def names(self) -> tuple[ListName, ...]:
        """Return the lists that any code points to."""
        return tuple(self._lists)

    def purposes(self, name: ListName) -> tuple[Purpose, ...]:
        """Return for which purposes codes of a list are watched."""
        return tuple(self._lists[name].purposes)

    def all_of(self, name: ListName) -> Iterator[Watched]:
        """Yield every code of a list."""
        places = self._lists.get(name)
        for same in () if places is None else places.codes.values():
            yield from same

    def everything(self) -> Iterator[Watched]:
        """Yield every code."""
        for name in self._lists:
            yield from self.all_of(name)

    def touched(self, batch: StatusBatch) -> Touched:
        """Return the codes at the places that `batch` writes; every code of its list if it closes that."""
        touched = Touched([], [])
        places = self._lists.get(batch.name)
        if places is None:
            return touched
        codes = places.codes
        if batch.closing:
            touched.worse.extend(self.all_of(batch.name))
            return touched
        for group in batch.groups:
            found = touched.others if group.word == words.GREEN else touched.worse
            for index in _common(codes, group.indices):
                found.extend(codes[index])
        for index in _filled(codes, batch.blocks):
            touched.worse.extend(codes[index])
        return touched


def _filled(codes: dict[int, list[Watched]], blocks: Sequence[Block]) -> Iterable[int]:
    """Return the keys of `codes` that stand in the ascending `blocks`. Each is looked for once."""
    firsts = [block.first for block in blocks]
    ends = [0, *(block.first + 2 * len(block.words) for block in blocks)]
    return [index for index in codes if index < ends[bisect_right(firsts, index)]] if blocks else []


def _common(codes: dict[int, list[Watched]], indices: array[int]) -> Iterable[int]:
    """Return the keys of `codes` that stand in the ascending `indices`."""
    if len(codes) * _SEARCH_COSTS >= len(indices):
        return codes.keys() & indices
    last = indices[-1]
    return [index for index in codes if index <= last and indices[bisect_left(indices, index)] == index]
