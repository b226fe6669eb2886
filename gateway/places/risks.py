"""How risky is a place on a day.

Rules:

- A place has the highest risk that a list in force gives to it or to what it lies in: a county in a high-risk
  prefecture is at high risk, and everything lies in the nation (division 100000). A community at risk does not make its
  county one.
- A list that covers a division and does not speak of a place in it says LOW. Where no list covers it, it is UNKNOWN.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from gateway.divisions import NATION, enclosing, shared_digits
from gateway.values import DivisionCode, Instant, IssuerId, RiskLevel

from .days import day_of
from .names import community as community_name
from .published_list import Place, PublishedList

MOST_LOOKED_AT: Final = 5_000
"""Places that one page looks at: some milliseconds, whatever a list holds."""

_AFTER_DIGITS: Final = ":"


@dataclass(frozen=True, slots=True)
class PlaceAnswer:
    """What the lists say, and which of them decided."""

    risk: RiskLevel
    publisher: IssuerId | None = None
    published: Instant | None = None


class Page(NamedTuple):
    """Some of the communities at risk, in order."""

    places: tuple[Place, ...]
    next: int | None
    """Where the next page begins; None: there is none."""


@dataclass(frozen=True, slots=True)
class _Listed:
    place: Place
    by: PublishedList

    def holds(self, day: date, at: Instant) -> bool:
        place = self.place
        return at < self.by.expires and place.since <= day and (place.until is None or day < place.until)


class Risks:
    """All places of all lists. Immutable."""

    def __init__(self, lists: Iterable[PublishedList]) -> None:
        """Index the places of `lists`."""
        self._lists = tuple(lists)
        self._found: dict[tuple[DivisionCode, str], list[_Listed]] = {}
        for one in self._lists:
            for place in one.places:
                listed = _Listed(place, one)
                self._found.setdefault((place.division, place.community), []).append(listed)
        communities = [one for (_, name), rows in self._found.items() if name for one in rows]
        self._communities = sorted(communities, key=lambda listed: (listed.place.division, listed.place.name))
        self._divisions = [listed.place.division for listed in self._communities]

    def risk_of(self, division: DivisionCode, at: Instant) -> RiskLevel:
        """Return how risky a division as a whole is today; UNKNOWN if no list in force says."""
        return self.assess(division, "", day_of(at), at).risk

    def assess(self, division: DivisionCode, community: str, day: date, at: Instant) -> PlaceAnswer:
        """Return how risky a division, or the `community` (as typed) in it, is on `day`, by the lists in force at `at`.

        Raises: NameInvalid if the community's name is none.
        """
        name = community_name(community) if community else ""
        worst: _Listed | None = None
        for listed in self._speaking_of(division, name):
            if listed.holds(day, at) and (worst is None or listed.place.risk > worst.place.risk):
                worst = listed
        if worst is not None:
            return PlaceAnswer(worst.place.risk, worst.by.issuer, worst.by.issued)
        covering = self._covering(division, day, at)
        if covering is None:
            return PlaceAnswer(RiskLevel.UNKNOWN)
        return PlaceAnswer(RiskLevel.LOW, covering.issuer, covering.issued)

    def affected(self, division: DivisionCode, day: date, at: Instant, *, begin: int = 0, most: int) -> Page:
        """Return at most `most` communities of `division` that are above low risk on `day`, by division and name.

        `begin` is 0, or `next` of the page before. Of no more than MOST_LOOKED_AT places it is judged whether they are
        at risk, so that a page may be short, or empty, and not the last.
        """
        stem = shared_digits(division)
        first, end = bisect_left(self._divisions, stem), bisect_left(self._divisions, stem + _AFTER_DIGITS)
        place = first = max(first, begin)
        found: list[Place] = []
        for place in range(first, min(end, first + MOST_LOOKED_AT)):
            if len(found) == most:
                return Page(tuple(found), place)
            listed = self._communities[place]
            if listed.place.risk > RiskLevel.LOW and listed.holds(day, at):
                found.append(listed.place)
        return Page(tuple(found), place + 1 if place + 1 < end else None)

    def covered(self, division: DivisionCode, day: date, at: Instant) -> bool:
        """Tell whether a list in force covers the whole of `division` on `day`."""
        return self._covering(division, day, at) is not None

    def _speaking_of(self, division: DivisionCode, community: str) -> Iterator[_Listed]:
        for outer in _around(division):
            yield from self._found.get((outer, ""), ())
        if community:
            yield from self._found.get((division, community), ())

    def _covering(self, division: DivisionCode, day: date, at: Instant) -> PublishedList | None:
        for one in self._lists:
            cover = one.cover
            in_force = at < one.expires and cover.since <= day <= cover.until
            if in_force and not cover.divisions.isdisjoint(_around(division)):
                return one
        return None


def _around(division: DivisionCode) -> tuple[DivisionCode, ...]:
    """Return `division` and all that it lies in, the nation too."""
    outer = enclosing(division)
    return (*outer, NATION) if division.isdigit() and division != NATION else outer
