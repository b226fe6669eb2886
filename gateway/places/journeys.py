"""Was a confirmed case aboard: by date, number and, if it is known, carriage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from gateway.values import Instant, IssuerId

from .names import Mode, carriage, journey_numbers
from .published_list import Journey, PublishedList


class JourneyMatch(IntEnum):
    """Whether the lists name a journey. Numbers are those of the wire."""

    AFFECTED = 1
    OTHER_CARRIAGE = 2
    NOT_LISTED = 3
    UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class JourneyAnswer:
    """What the lists say, and which of them decided."""

    match: JourneyMatch
    publisher: IssuerId | None = None
    published: Instant | None = None


@dataclass(frozen=True, slots=True)
class _Listed:
    journey: Journey
    by: PublishedList


class Journeys:
    """All journeys of all lists, found in one look. Immutable."""

    def __init__(self, lists: Iterable[PublishedList]) -> None:
        """Index the journeys of `lists`."""
        self._lists = tuple(lists)
        self._found: dict[tuple[date, Mode, str], list[_Listed]] = {}
        for one in self._lists:
            for journey in one.journeys:
                for number in journey.numbers:
                    self._found.setdefault((journey.day, journey.mode, number), []).append(_Listed(journey, one))

    def check(self, day: date, mode: Mode, number: str, where: str, at: Instant) -> JourneyAnswer:
        """Return whether a case was aboard, by the lists in force at `at`.

        `number` and `where` (the carriage; empty if it is not known) are as typed. Of several lists the worst counts;
        without a carriage any carriage does. NOT_LISTED needs a list that covers the day and mode.

        Raises: NameInvalid if what was typed is no number, or no carriage.
        """
        numbers, wanted = journey_numbers(number, mode), carriage(where) if where else ""
        other: _Listed | None = None
        for name in numbers:
            for listed in self._found.get((day, mode, name), ()):
                if at >= listed.by.expires:
                    continue
                if not wanted or not listed.journey.carriages or wanted in listed.journey.carriages:
                    return JourneyAnswer(JourneyMatch.AFFECTED, listed.by.issuer, listed.by.issued)
                other = listed
        if other is not None:
            return JourneyAnswer(JourneyMatch.OTHER_CARRIAGE, other.by.issuer, other.by.issued)
        for one in self._lists:
            cover = one.cover
            if at < one.expires and mode in cover.modes and cover.since <= day <= cover.until:
                return JourneyAnswer(JourneyMatch.NOT_LISTED, None, one.issued)
        return JourneyAnswer(JourneyMatch.UNKNOWN)
