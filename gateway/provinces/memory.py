"""What a province said a moment ago, for as long as it may be relied on.

- The key is a keyed digest of the question, its secret drawn at random and never told: neither a code nor a person can
  be found in here, and it is no use outside this process.
- What is held is a handful of words about nobody. It is dropped in generations, whole: no more than two are held, each
  is closed when it is half of what may be held, or when its time is over. So it never becomes a log of who was checked.
- The newest word of an issuer counts: an older one never replaces it.
- No colour is held longer than another.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from gateway.errors import Reason
from gateway.values import Instant, OnlineAnswer, OpaqueCode

MOST_ENTRIES: Final = 20_000
CLOCK_STEP_S: Final = 30.0
"""Seconds that one request's reading of the clock may lie before another's; further back the clock was set."""


@dataclass(frozen=True, slots=True)
class _Entry:
    said: OnlineAnswer | Reason
    said_time: Instant
    kept_time: Instant
    until: Instant

    def holds(self, at: Instant) -> bool:
        """Tell whether it may be relied on at `at`. What was kept after `at` is of a clock that was set back."""
        return self.kept_time - CLOCK_STEP_S <= at < self.until


class Memory:
    """What one province said."""

    __slots__ = ("_half", "_newer", "_older", "_secret")

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        """Hold at most `most` answers."""
        self._half = most // 2
        self._secret = secrets.token_bytes(32)
        self._newer: dict[bytes, _Entry] = {}
        self._older: dict[bytes, _Entry] = {}

    def __len__(self) -> int:
        return len(self._newer) + len(self._older)

    def key_of(self, code: OpaqueCode) -> bytes:
        """Return what stands for the question: of equal ones the same, of others another."""
        question = f"{len(code.issuer)}:{code.issuer}{len(code.identifier)}:{code.identifier}{code.text}"
        return hmac.digest(self._secret, question.encode("utf-8", "surrogatepass"), "sha256")

    def recall(self, key: bytes, at: Instant) -> OnlineAnswer | Reason | None:
        """Return what was said, if it may still be relied on at `at`."""
        entry = self._newer.get(key) or self._older.get(key)
        return entry.said if entry is not None and entry.holds(at) else None

    def keep(self, key: bytes, said: OnlineAnswer | Reason, *, said_time: Instant, at: Instant, until: Instant) -> None:
        """Hold what was `said` at `said_time` and heard at `at`, to be relied on before `until`."""
        if until <= at:
            return
        held = self._newer.get(key) or self._older.get(key)
        if held is not None and held.said_time > said_time and held.holds(at):
            return
        if len(self._newer) >= self._half:
            self.turn()
        self._newer[key] = _Entry(said, said_time, at, until)

    def turn(self) -> None:
        """Begin a new generation and drop the one before the last."""
        self._older, self._newer = self._newer, {}

    def clear(self) -> None:
        """Drop everything."""
        self._newer, self._older = {}, {}
