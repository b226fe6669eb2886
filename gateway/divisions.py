"""Divisions of China: which lies in which, and the one time that all of them keep.

- A code of six digits names three levels of two: 330106 lies in 330100, that in 330000. 100000 is the nation: every
  division lies in it.
- A country abroad is two letters; it lies in nothing, and nothing but itself lies in it.

Source: GB/T 2260. No summer time since 1991.
"""

from __future__ import annotations

import re
from datetime import timedelta, timezone
from typing import Final

from gateway.values import DivisionCode

NATION: Final = DivisionCode("100000")

CHINA_TIME: Final = timezone(timedelta(hours=8))
"""A day begins at its midnight, in every division."""

is_division = re.compile(r"[1-9][0-9]{5}").fullmatch
"""Tells whether a text has the form of a division of China. Not whether there is one of that number."""


def enclosing(division: DivisionCode | None) -> tuple[DivisionCode, ...]:
    """Return `division`, its prefecture and its province, narrowest first. The nation is left to who means it."""
    if division is None:
        return ()
    if not division.isdigit():
        return (division,)
    return tuple(dict.fromkeys((division, DivisionCode(division[:4] + "00"), DivisionCode(division[:2] + "0000"))))


def lies_within(division: str, outer: str) -> bool:
    """Tell whether `division` is `outer` or part of it."""
    return division.startswith(shared_digits(outer)) and (outer != NATION or division.isdigit())


def shared_digits(division: str) -> str:
    """Return the digits that `division` and all within it begin with; none for the nation."""
    if division.endswith("0000"):
        return "" if division == NATION else division[:2]
    return division[:4] if division.endswith("00") else division
