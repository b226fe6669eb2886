"""Dates of validity as certificates write them: a year, a month, a day, or a time.

Rules:

- a date without a time is a whole period: it begins with its first instant and ends when it is over
- no offset means UTC
- no date, null or blanks: no limit; anything else that is no date is refused, for it might have been the limit
- what lies outside 2000 to 2100 is moved to that border, which changes no answer between the two
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.errors import CodeUnreadable, Reason
from gateway.values import Instant
from keys.values import EARLIEST, LATEST

_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)([T ].+)?)?)?")


def first_instant(value: object, name: str) -> Instant | None:
    """Return the first instant of a date; None if there is no date. Raises: CodeUnreadable with BAD_CLAIM."""
    period = _period(value, name)
    return None if period is None else period[0]


def end_instant(value: object, name: str) -> Instant | None:
    """Return the instant at which a date is over; None if there is no date. Raises: CodeUnreadable with BAD_CLAIM."""
    period = _period(value, name)
    return None if period is None else period[1]


def _period(value: object, name: str) -> tuple[Instant, Instant] | None:
    """Return the first instant of a year, month, day or time, and the instant at which it is over."""
    value = value.strip() if isinstance(value, str) else value
    if value is None or value == "":
        return None
    parts = _DATE.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise CodeUnreadable(Reason.BAD_CLAIM, name)
    year, month, day, time = parts.groups()
    try:
        if time is not None:
            first = end = datetime.fromisoformat(parts.group())
        else:
            first = datetime(int(year), int(month or 1), int(day or 1))  # noqa: DTZ001 - made UTC below
            if day is not None:
                end = first + timedelta(days=1)
            elif month is not None:
                end = (first + timedelta(days=31)).replace(day=1)
            else:
                end = first.replace(year=first.year + 1)
    except (ValueError, OverflowError):
        end = None
    if end is None:
        raise CodeUnreadable(Reason.BAD_CLAIM, name)
    return _instant_of(first), _instant_of(end)


def _instant_of(moment: datetime) -> Instant:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Instant(min(max(moment.timestamp(), EARLIEST), LATEST))
