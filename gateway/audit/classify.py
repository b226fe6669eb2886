"""What has been done to the entries of one bundle, told by their hashes.

Known are the hashes that must be there and those of what is there. The simplest deed that leads from the one to the
other is named; where several would, the first of: reordered, dropped, inserted, truncated, altered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .faults import Finding, LogFault, Place
from .tiles import Tile


def classify(bundle: Tile, wanted: Sequence[bytes], found: Sequence[bytes]) -> Iterator[Finding]:
    """Yield what is wrong with a bundle; nothing if `found` is `wanted`."""
    if found == wanted:
        return
    at = _common(wanted, found)
    missing = len(wanted) - len(found)

    def told(fault: LogFault, first: int, end: int) -> Finding:
        return Finding(fault, Place(bundle.path, bundle.first + first, bundle.first + end))

    if missing == 0 and sorted(found) == sorted(wanted):
        last = max(index for index in range(len(wanted)) if wanted[index] != found[index])
        yield told(LogFault.ENTRIES_REORDERED, at, last + 1)
    elif at == len(found):
        yield told(LogFault.ENTRIES_TRUNCATED, at, len(wanted))
    elif missing >= 0 and (gone := _dropped(wanted, found, at, missing)):
        yield told(LogFault.ENTRY_DROPPED, at, at + gone)
    elif missing <= 0 and (more := _dropped(found, wanted, at, -missing)):
        yield told(LogFault.ENTRY_INSERTED, at, at + more)
    elif missing == 0:
        for first, end in _runs(wanted, found):
            yield told(LogFault.ENTRY_ALTERED, first, end)
    else:
        yield told(LogFault.ENTRY_ALTERED, at, max(len(wanted), len(found)))


def _common(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """Return how many hashes both begin with."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def _dropped(longer: Sequence[bytes], shorter: Sequence[bytes], at: int, missing: int) -> int:
    """Return how many are left out of `longer` from `at` on, if that is all that was done; else 0.

    Of equal length: one was left out, and another has moved up from behind the bundle.
    """
    if missing:
        return missing if longer[at + missing :] == shorter[at:] else 0
    return int(at < len(longer) - 1 and longer[at + 1 :] == shorter[at:-1])


def _runs(wanted: Sequence[bytes], found: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Yield the ranges in which two lists of one length differ."""
    first = None
    for index in range(len(wanted) + 1):
        differs = index < len(wanted) and wanted[index] != found[index]
        if differs and first is None:
            first = index
        elif not differs and first is not None:
            yield first, index
            first = None
