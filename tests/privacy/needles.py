"""The search for the simulated people's data, in every spelling in which it could slip out."""

from __future__ import annotations

from tests.privacy.test_canaries import spellings
from tests.simulators.provinces.people import MARKS

NEEDLES = tuple(sorted({needle.lower() for mark in MARKS for needle in spellings(mark) if len(needle) >= 8}))


def marks_in(said: bytes) -> list[bytes]:
    """Return the spellings of marks that occur in `said`, whatever the case of letters."""
    lower = said.lower()
    return [needle for needle in NEEDLES if needle in lower]
