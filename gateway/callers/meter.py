"""How much a caller may ask in a second: calls, and codes.

Rules:

- Counted in a sliding window as long as the burst takes at the rate: at no time more than the burst, and over time not
  more than the rate. Of several workers each counts for itself, and allows its share of the rate.
- What is refused is not counted, so that whoever tries again too early does not shut herself out.
- In memory, found by the caller's name; gone with the process. A window that has passed is forgotten.
- The clock only ever goes on: setting the system's neither opens nor shuts anything.

The strategy is that of `limits`; its own storage in memory is not used, because it reads the system's clock and starts
a thread every 10 ms to forget.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from typing import Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import Storage
from limits.storage.base import SlidingWindowCounterSupport
from limits.strategies import SlidingWindowCounterRateLimiter

from gateway.errors import RateLimited

MAX_WINDOWS: Final = 16_384
"""Windows that are held before those that have passed are looked for."""

SHORTEST_WAIT_S: Final = 0.05
"""Nobody is told to try again earlier."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one caller may ask."""

    calls_per_s: int
    calls_burst: int
    codes_per_s: int
    """0: she has no use for codes."""
    codes_burst: int


class Meters:
    """The rates of all callers of one process."""

    def __init__(self, *, workers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        """Take among how many processes each rate is shared."""
        self._workers = workers
        self._limiter = SlidingWindowCounterRateLimiter(_Windows(clock))

    def meter(self, name: str, limits: Limits) -> Meter:
        """Return what counts for the caller of this name. Two of one name and the same limits count together."""
        return Meter(
            self._limiter,
            name,
            self._item(limits.calls_per_s, limits.calls_burst, "calls"),
            self._item(limits.codes_per_s, limits.codes_burst, "codes") if limits.codes_per_s else None,
        )

    def _item(self, per_s: int, burst: int, what: str) -> RateLimitItem:
        return RateLimitItemPerSecond(burst, ceil(burst * self._workers / per_s), namespace=what)


class Meter:
    """Counts for one caller."""

    __slots__ = ("_calls", "_codes", "_limiter", "_name")

    def __init__(
        self, limiter: SlidingWindowCounterRateLimiter, name: str, calls: RateLimitItem, codes: RateLimitItem | None
    ) -> None:
        self._limiter = limiter
        self._name = name
        self._calls = calls
        self._codes = codes

    def take_call(self) -> None:
        """Count a call. Raises: RateLimited."""
        self._take(self._calls, 1)

    def take_codes(self, codes: int) -> None:
        """Count codes, all of them or none. Raises: RateLimited."""
        if self._codes is not None and codes:
            self._take(self._codes, codes)

    def _take(self, item: RateLimitItem, cost: int) -> None:
        if not self._limiter.hit(item, self._name, cost=cost):
            left = self._limiter.get_window_stats(item, self._name).reset_time - time.time()
            raise RateLimited(max(left, SHORTEST_WAIT_S))


class _Windows(Storage, SlidingWindowCounterSupport):
    """Counters of this and the last window, by key. For one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._held: dict[str, _Window] = {}

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` if that leaves no more than `limit`."""
        now = self._clock() / expiry
        window = self._held.get(key)
        if window is None:
            if len(self._held) >= MAX_WINDOWS:
                self._forget()
            window = self._held[key] = _Window(expiry)
        window.turn(int(now))
        if floor(window.before * (1 - now % 1)) + window.count + amount > limit:
            return False
        window.count += amount
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return count and seconds left of the last window, and of this one."""
        now = self._clock() / expiry
        window = self._held.get(key) or _Window(expiry)
        window.turn(int(now))
        left = (1 - now % 1) * expiry
        return window.before, left, window.count, left + expiry

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


class _Window:
    """One key's counters."""

    __slots__ = ("before", "count", "expiry", "number")

    def __init__(self, expiry: int) -> None:
        self.expiry = expiry
        self.number = 0
        self.before = 0
        self.count = 0

    def turn(self, number: int) -> None:
        """Go on to the window of this number."""
        if number != self.number:
            self.before = self.count if number == self.number + 1 else 0
            self.count = 0
            self.number = number
