"""What was recorded here while Redis was away: it is told when Redis is back, as far as it still matters.

As keyed digests, like everything that Redis is told; for no longer than the codes are valid; and no more than `MOST`,
beyond which the oldest, which ends first, is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from .questions import Question

MOST: Final = 100_000
"""Some 60 MB."""


class Offer(NamedTuple):
    """A showing that Redis does not know of."""

    question: Question
    shown: float
    """Monotonic seconds."""


class Offers:
    """Waits for Redis. `dropped` is told of each that there was no room for."""

    def __init__(self, dropped: Callable[[], None], *, most: int = MOST) -> None:
        self._dropped = dropped
        self._most = most
        self._held: deque[Offer] = deque()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, question: Question, shown: float) -> None:
        """Keep one."""
        if len(self._held) >= self._most:
            self._held.popleft()
            self._dropped()
        self._held.append(Offer(question, shown))

    def take(self, most: int, now: float) -> tuple[list[Offer], int]:
        """Return up to `most` whose codes are still valid, the oldest first, and how many before them were not."""
        taken: list[Offer] = []
        ended = 0
        while self._held and len(taken) < most:
            one = self._held.popleft()
            if (now - one.shown) * 1_000 < one.question.left_ms:
                taken.append(one)
            else:
                ended += 1
        return taken, ended

    def give_back(self, offers: list[Offer]) -> None:
        """Keep what was taken and could not be told."""
        self._held.extendleft(reversed(offers))
