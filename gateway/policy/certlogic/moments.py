"""Date-times: how CertLogic reads and shifts them.

- A moment is a naive `datetime` in UTC, exact to the millisecond; further decimals are cut off.
- Allowed: YYYY, YYYY-MM, YYYY-MM-DD, and YYYY-MM-DDThh:mm:ss with any decimals, then nothing, Z, or an offset as h, hh,
  hmm, hhmm, h:mm, hh:mm behind a sign. Without an offset it is UTC, without a time midnight.
- A partial date is its last day: the interpretation that favours a holder whose birth date is not known further.
- Days and hours are of fixed length. Months and years count on the calendar, and a day that the target month does not
  have runs over into the next: 29 February and a year is 1 March.
- A day that no calendar has, and a shift out of the years 1 to 9999, is refused.

Source: CertLogic specification 1.3.3, "plusTime" and "dccDateOfBirth"; ECMA-262, Date.prototype.setUTC*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

Shift = Callable[[datetime], datetime]

UNITS: Final = ("year", "month", "day", "hour")

_LONGEST: Final = 64
"""Characters. Any number of decimals is allowed; nobody means this many."""
_FULL: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]+))?"
    r"(?:Z|([+-])([0-9]{1,2})(?::?([0-9]{2}))?)?"
)
_YEAR: Final = re.compile(r"[0-9]{4}")
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")
_DAY: Final = timedelta(days=1)


def read_moment(text: str) -> datetime:
    """Return the moment that `text` names. Raises: ValueError if it names none; the error may quote it."""
    size = len(text)
    # The ways in which nearly all are written need no pattern.
    if size == 10:
        if text[4] == "-" == text[7]:
            return datetime.fromisoformat(text)
    elif (
        ((size == 20 and text[19] == "Z") or (size == 25 and text.endswith("+00:00")))
        and text[4] == "-" == text[7]
        and text[10] == "T"
        and text[13] == ":" == text[16]  # or the library reads an offset there, and the moment is not naive
    ):
        return datetime.fromisoformat(text[:19])
    return _read_other(text)


def read_date_of_birth(text: str) -> datetime:
    """Return the last moment's day that a birth date, perhaps partial, is consistent with. Raises: ValueError."""
    if len(text) > 10 or "T" in text:
        raise ValueError("not a date")
    return read_moment(text)


def shift_by(amount: int, unit: str) -> timedelta | Shift | None:
    """Return what shifts a moment by `amount` of `unit`, one of UNITS: what is to be added, or a function.

    None if it is not shifted at all. Either raises OverflowError or ValueError outside the years 1 to 9999.
    """
    if amount == 0:
        return None
    if unit in {"day", "hour"}:
        hours = amount * 24 if unit == "day" else amount
        if abs(hours) > _MOST_HOURS:
            return _never
        return timedelta(hours=hours)
    months = amount * 12 if unit == "year" else amount
    return lambda moment: _add_months(moment, months)


_MOST_HOURS: Final = 24 * 366 * 10_000


def _never(moment: datetime) -> datetime:  # noqa: ARG001
    raise OverflowError("outside the calendar")


def _add_months(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    first = moment.replace(year=moment.year + years, month=month + 1, day=1)
    return first + timedelta(days=moment.day - 1)


def _read_other(text: str) -> datetime:
    """Return a moment written in one of the rarer ways."""
    if len(text) > _LONGEST:
        raise ValueError("too long")
    found = _FULL.fullmatch(text)
    if found is not None:
        stated, decimals, sign, hours, minutes = found.groups()
        moment = datetime.fromisoformat(stated)
        if decimals:
            moment = moment.replace(microsecond=int(decimals[:3].ljust(3, "0")) * 1000)
        if sign:
            if int(hours) > 23 or int(minutes or 0) > 59:
                raise ValueError("no such offset")
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            moment = moment - offset if sign == "+" else moment + offset
        return moment
    if _YEAR.fullmatch(text):
        return datetime.fromisoformat(f"{text}-12-31")
    if _MONTH.fullmatch(text):
        return _add_months(datetime.fromisoformat(f"{text}-01"), 1) - _DAY
    raise ValueError("not a date-time")
