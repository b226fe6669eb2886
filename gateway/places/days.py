"""Days of local time, which is one for all of China."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

from gateway.divisions import CHINA_TIME
from gateway.values import Instant

_WRITTEN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST, _LAST = date(2000, 1, 1), date(2100, 1, 1)


def day_of(at: Instant) -> date:
    """Return the local day of an instant."""
    return datetime.fromtimestamp(at, UTC).astimezone(CHINA_TIME).date()


def parse_day(text: str) -> date:
    """Return the day that `text` names, as in 2020-02-17. Raises: ValueError if it names none of 2000 to 2100."""
    if not _WRITTEN.fullmatch(text):
        raise ValueError("not written as a day")
    day = date.fromisoformat(text)
    if not _FIRST <= day < _LAST:
        raise ValueError("no day of 2000 to 2100")
    return day
