"""When a code is to be judged again though nobody said anything: it ends, it begins, or it has not been for a while.

A code whose time has come stands in line again at once, later. At the end of a day many end in the same second: they
are taken up in parts.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Iterable
from typing import Final

from gateway.errors import Reason
from gateway.values import Instant

from .watch import Watched

AT_ONCE: Final = 2_000
"""Codes that are taken up in one look: a quarter of a second of judging."""

RETRY_S: Final = 60.0
"""Seconds to the next look at a code that is not valid yet, or that could not be judged."""

_STEPS: Final = 1_024
_SPARE: Final = 1_000
_NOT_YET: Final = frozenset({Reason.NOT_YET_VALID, Reason.KEY_NOT_YET_VALID})


class DueCodes:
    """All live codes, by when they are due."""

    def __init__(self, again_s: float) -> None:
        """Take the longest time, in seconds, for which a code is not looked at."""
        self._again_s = again_s
        self._line: list[tuple[Instant, int, Watched]] = []
        self._made = 0

    def schedule(self, watched: Watched, at: Instant) -> None:
        """Let a code be due when it ends, when it may have begun, or some time from `at`: not all at once."""
        decision = watched.decision
        due = at + self._again_s * (0.5 + secrets.randbelow(_STEPS) / (2 * _STEPS))
        if not _NOT_YET.isdisjoint(decision.reasons):
            due = min(due, at + RETRY_S)
        if decision.valid_until is not None and decision.valid_until >= at:
            due = min(due, decision.valid_until + 0.001)
        self._push(watched, Instant(due))

    def retry(self, watched: Watched, at: Instant) -> None:
        """Let a code be due soon."""
        self._push(watched, Instant(at + RETRY_S))

    def take(self, at: Instant, live: int) -> list[Watched]:
        """Return codes that are due at `at`, the longest waiting first, of `live` in all."""
        taken: list[Watched] = []
        while len(taken) < AT_ONCE and self._line and self._line[0][0] <= at:
            watched = heapq.heappop(self._line)[2]
            if watched.live:
                self.schedule(watched, at)
                taken.append(watched)
        if len(self._line) > 2 * live + _SPARE:
            earliest = {entry[2]: entry for entry in sorted(self._line, reverse=True) if entry[2].live}
            self._line = list(earliest.values())
            heapq.heapify(self._line)
        return taken

    def begin_anew(self, codes: Iterable[Watched], at: Instant) -> None:
        """Let `codes`, which are all, be due as seen from `at`: the clock was set back."""
        self._line = []
        for watched in codes:
            self.schedule(watched, at)

    def _push(self, watched: Watched, due: Instant) -> None:
        self._made += 1
        heapq.heappush(self._line, (due, self._made, watched))
