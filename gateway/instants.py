"""Instants from people and files: RFC 3339 as it is written in the wild."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from gateway.values import Instant
from keys.values import EARLIEST, LATEST


def parse_instant(text: str) -> Instant:
    """Return the instant that `text` names: RFC 3339, also with "+0000" for an offset; without one it is UTC.

    Raises: ValueError if it names none, or one outside 2000 to 2100, where no code can be valid.
    """
    moment = datetime.fromisoformat(text.strip().upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    at = Instant(moment.timestamp())
    if not EARLIEST <= at <= LATEST:
        raise ValueError("outside 2000 to 2100")
    return at


def format_instant(at: Instant) -> str:
    """Return `at` as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> Instant:
    """Return the system clock's instant. The one place where the process reads it."""
    return Instant(time.time())
