"""How risky is a place on a day.

Rules:

- A place has the highest risk that a list in force gives to it or to what it lies in: a county in a high-risk
  prefecture is at high risk. A community at risk does not make its county one.
- A list that covers a division and does not speak of a place in it says LOW. Where no list covers it, it is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from gateway.trust.authenticate import lies_within
from gateway.values import DivisionCode, Instant, IssuerId, RiskLevel

from .days import day_of
from .names import community as community_name
from .published_list import Place, PublishedList


@dataclass(frozen=True, slots=True)
class PlaceAnswer:
    """What the lists say, and which of them decided."""

    risk: RiskLevel
    publisher: IssuerId | None = None
    published: Instant | None = None


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
        self._communities: dict[str, list[_Listed]] = {}
        for one in self._lists:
            for place in one.places:
                listed = _Listed(place, one)
                self._found.setdefault((place.division, place.community), []).append(listed)
                if place.community:
                    self._communities.setdefault(place.division[:2], []).append(listed)
        for found in self._communities.values():
            found.sort(key=lambda listed: (listed.place.division, listed.place.name))

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

    def affected(self, division: DivisionCode, day: date, at: Instant) -> tuple[Place, ...]:
        """Return the communities of `division` that are above low risk on `day`, by division and name."""
        return tuple(
            listed.place
            for listed in self._communities.get(division[:2], ())
            if listed.place.risk > RiskLevel.LOW
            and listed.holds(day, at)
            and lies_within(listed.place.division, division)
        )

    def covered(self, division: DivisionCode, day: date, at: Instant) -> bool:
        """Tell whether a list in force covers the whole of `division` on `day`."""
        return self._covering(division, day, at) is not None

    def _speaking_of(self, division: DivisionCode, community: str) -> Iterator[_Listed]:
        for outer in dict.fromkeys((division, division[:4] + "00", division[:2] + "0000")):
            yield from self._found.get((DivisionCode(outer), ""), ())
        if community:
            yield from self._found.get((division, community), ())

    def _covering(self, division: DivisionCode, day: date, at: Instant) -> PublishedList | None:
        for one in self._lists:
            cover = one.cover
            in_force = at < one.expires and cover.since <= day <= cover.until
            if in_force and any(outer == "100000" or lies_within(division, outer) for outer in cover.divisions):
                return one
        return None
