"""The published lists in files: loaded together, swapped whole or not at all.

- A file that is missing, broken or not its issuer's refuses all of them, and the old ones stay.
- A list never goes back: a sequence lower than the one held of that issuer and kind is refused.
- A list that has run out stays and says nothing: what it covered is UNKNOWN from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Instant, IssuerId

from .journeys import Journeys
from .published_list import MAX_LIST_BYTES, ListInvalid, ListKind, PublishedList, read_list
from .risks import Risks


class ListsUnavailable(Exception):
    """The lists cannot be loaded. `file` and `why` are for the operator."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file
        self.why = why


@dataclass(frozen=True, slots=True)
class PublishedLists:
    """What is published, as it was loaded. Immutable."""

    lists: tuple[PublishedList, ...] = ()
    journeys: Journeys = field(default_factory=lambda: Journeys(()))
    risks: Risks = field(default_factory=lambda: Risks(()))


NOTHING_PUBLISHED = PublishedLists()


def load_lists(
    files: Sequence[Path], trust: TrustSnapshot, at: Instant, *, before: PublishedLists = NOTHING_PUBLISHED
) -> PublishedLists:
    """Return the lists in `files`, each signed by an issuer of `trust`. `before` are those held until now.

    Raises: ListsUnavailable, and then none of them may be used.
    """
    held = {(one.issuer, one.kind): one.sequence for one in before.lists}
    found: dict[tuple[IssuerId, ListKind], PublishedList] = {}
    for file in files:
        one = _read(file, trust, at)
        place = (one.issuer, one.kind)
        if place in found:
            raise ListsUnavailable(str(file), f"is a second list of {one.kind} by the same issuer")
        if one.sequence < held.get(place, 0):
            raise ListsUnavailable(str(file), f"sequence {one.sequence} is older than the {held[place]} that is held")
        found[place] = one
    lists = tuple(found.values())
    return PublishedLists(lists, Journeys(lists), Risks(lists))


def _read(file: Path, trust: TrustSnapshot, at: Instant) -> PublishedList:
    try:
        with file.open("rb") as opened:
            return read_list(opened.read(MAX_LIST_BYTES + 1), trust, at)
    except OSError as unreadable:
        raise ListsUnavailable(str(file), unreadable.strerror or "cannot be read") from unreadable
    except ListInvalid as invalid:
        raise ListsUnavailable(str(file), str(invalid)) from invalid
