"""Lists that are held, as small as can be: words by issuer, address and index."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.changes import Listed, Word
from gateway.status.words import STATES, UNKNOWN
from gateway.values import Instant, IssuerId, StatusPointer

URI = "https://status.gz.example/2026-w1"
POINTER = StatusPointer(URI, 7)


@dataclass
class HeldLists:
    """Behaves like mapped lists: one reading of the clock by which each list's issuer last spoke."""

    observed: dict[tuple[IssuerId, str], Instant | None] = field(default_factory=dict)
    """The lists that are held; None: our own, judged by who writes it."""
    words: dict[tuple[IssuerId, str, int], Word] = field(default_factory=dict)
    asked: list[IssuerId] = field(default_factory=list)

    def look_up(self, issuer: IssuerId, pointer: StatusPointer, at: Instant) -> Listed | None:
        self.asked.append(issuer)
        if (issuer, pointer.uri) not in self.observed:
            return None
        word = self.words.get((issuer, pointer.uri, pointer.index), UNKNOWN)
        return Listed(STATES[word], self.observed[issuer, pointer.uri])


def holding(issuer: IssuerId, word: Word, observed: float | None, pointer: StatusPointer = POINTER) -> HeldLists:
    """Return one list of `issuer` that says `word` at `pointer` and was last spoken of at `observed`."""
    when = None if observed is None else Instant(observed)
    return HeldLists({(issuer, pointer.uri): when}, {(issuer, pointer.uri, pointer.index): word})
