"""What was counted for each key in this window of time and in the last one, in memory.

Rules:

- A window that has passed is forgotten, once there are many.
- The clock only ever goes on: setting the system's neither opens nor shuts anything.
- A window of all processes remembers what others have not been told of yet, and what the total was (`shared_rates.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from typing import Final, NamedTuple

from limits.storage import Storage
from limits.storage.base import SlidingWindowCounterSupport

MAX_WINDOWS: Final = 16_384
"""Windows that are held before those that have passed are looked for."""


class Rate(NamedTuple):
    """One limit of one caller, as windows know it."""

    key: str
    limit: int
    expiry: int
    """Seconds of a window."""


class Windows(Storage, SlidingWindowCounterSupport):
    """Counters of this and the last window, by key. For one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._held: dict[str, Window] = {}

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` if that leaves no more than `limit`."""
        window, passed = self._at(key, expiry)
        if window.weighed(passed) + amount > limit:
            return False
        window.count += amount
        return True

    def add(self, key: str, expiry: int, amount: int) -> None:
        """Count `amount`, whatever that leaves."""
        self._at(key, expiry)[0].count += amount

    def fill(self, rate: Rate, amount: int) -> None:
        """Count `amount`, up to the limit: more would shut a caller out for longer than the burst takes."""
        window, passed = self._at(rate.key, rate.expiry)
        window.count += max(0, min(amount, rate.limit - window.weighed(passed)))

    def tell(self, rate: Rate, share: Rate, amount: int) -> None:
        """Note what others are to be told of, and whose share it is here. Its window is there."""
        window = self._held[rate.key]
        window.untold += amount
        window.share = share

    def live(self) -> list[tuple[str, Window]]:
        """Return the windows that count, or that others have not been told all of."""
        now = self._clock()
        return [(key, window) for key, window in self._held.items() if window.counts(int(now / window.expiry))]

    def stay_untold(self) -> None:
        """Forget what others were not told of, and the totals that they had."""
        for window in self._held.values():
            window.untold, window.total = 0, None

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return count and seconds left of the last window, and of this one."""
        now = self._clock() / expiry
        window = self._held.get(key) or Window(expiry)
        window.turn(int(now))
        left = (1 - now % 1) * expiry
        return window.before, left, window.count, left + expiry

    def _at(self, key: str, expiry: int) -> tuple[Window, float]:
        """Return the window of now, and how much of it has passed."""
        now = self._clock() / expiry
        window = self._held.get(key)
        if window is None:
            if len(self._held) >= MAX_WINDOWS:
                self._forget()
            window = self._held[key] = Window(expiry)
        window.turn(int(now))
        return window, now % 1

    def _forget(self) -> None:
        now = self._clock()
        self._held = {
            key: window for key, window in self._held.items() if window.number >= int(now / window.expiry) - 1
        }

    @property
    def base_exceptions(self) -> type[Exception]:
        """See limits.storage.Storage."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not for this strategy."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Not for this strategy."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """Not for this strategy."""
        raise NotImplementedError

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int | None:
        """Forget everything."""
        self._held.clear()
        return None

    def clear(self, key: str) -> None:
        """Forget one key."""
        self._held.pop(key, None)

    def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002 the library's signature
        """Forget one key."""
        self.clear(key)


class Window:
    """One key's counters."""

    __slots__ = ("before", "count", "expiry", "number", "share", "total", "untold")

    def __init__(self, expiry: int) -> None:
        self.expiry = expiry
        self.number = 0
        self.before = 0
        self.count = 0
        self.untold = 0
        """Of what was counted here, what others were not told of yet."""
        self.total: int | None = None
        """What all had counted when they last told each other; None: not known."""
        self.share: Rate | None = None
        """This process' share of the same rate."""

    def turn(self, number: int) -> None:
        """Go on to the window of this number."""
        if number != self.number:
            if number != self.number + 1:
                # Nobody was asked about it meanwhile: what others have counted since then has passed too.
                self.count, self.total = 0, None
            self.before = self.count
            self.count = 0
            self.number = number

    def weighed(self, passed: float) -> int:
        """Return what counts when so much of the window has passed."""
        return floor(self.before * (1 - passed)) + self.count

    def counts(self, number: int) -> bool:
        """Tell whether anything in it still counts in the window of this number."""
        here = self.count + (self.before if number == self.number else 0) if number <= self.number + 1 else 0
        return here + self.untold > 0
