"""How much a caller may ask in a second: calls, and codes.

Rules:

- Counted in a sliding window as long as the burst takes at the rate: at no time more than the burst, and over time not
  more than the rate. Of several workers each counts for itself, and allows its share of the rate.
- Where processes count together (`shared_rates.py`), each allows the whole rate as long as it knows what the others
  count, and its share whenever it does not. Both are counted all the time, so that going from one to the other gives
  nobody a burst that she has used up here.
- What is refused is not counted, so that whoever tries again too early does not shut herself out.
- In memory, found by the caller's name; gone with the process. Nothing is waited for.
- The clock only ever goes on: setting the system's neither opens nor shuts anything.

The strategy is that of `limits`; its own storage in memory is not used, because it reads the system's clock and starts
a thread every 10 ms to forget.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf
from typing import Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.strategies import SlidingWindowCounterRateLimiter

from gateway.errors import RateLimited

from .windows import Rate, Windows

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


class _Counted:
    """One kind of windows, and the strategy over them."""

    __slots__ = ("limiter", "windows", "workers")

    def __init__(self, workers: int, clock: Callable[[], float]) -> None:
        self.workers = workers
        self.windows = Windows(clock)
        self.limiter = SlidingWindowCounterRateLimiter(self.windows)

    def item(self, per_s: int, burst: int, what: str) -> RateLimitItem:
        return RateLimitItemPerSecond(burst, ceil(burst * self.workers / per_s), namespace=what)


class Meters:
    """The rates of all callers of one process."""

    def __init__(
        self, *, workers: int = 1, together: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take among how many processes each rate is shared, and whether they count `together` when they can."""
        self.clock = clock
        self.shares = _Counted(workers, clock)
        """What each process counts for itself."""
        self.whole = _Counted(1, clock) if together else None
        """What all of them count, as far as this one knows."""
        self.known_until = -inf
        """Until when it is known well enough what the others count."""

    @property
    def knows_others(self) -> bool:
        """Whether this process allows the whole of a rate, and not its share."""
        return self.whole is not None and self.clock() < self.known_until

    def meter(self, name: str, limits: Limits) -> Meter:
        """Return what counts for the caller of this name. Two of one name and the same limits count together."""
        calls = self._metered(name, limits.calls_per_s, limits.calls_burst, "calls")
        codes = self._metered(name, limits.codes_per_s, limits.codes_burst, "codes") if limits.codes_per_s else None
        return Meter(self, name, calls, codes)

    def _metered(self, name: str, per_s: int, burst: int, what: str) -> _Metered:
        share = self.shares.item(per_s, burst, what)
        whole = share if self.whole is None else self.whole.item(per_s, burst, what)
        return _Metered(share, _rate(share, name), whole, _rate(whole, name))


@dataclass(frozen=True, slots=True)
class _Metered:
    """One limit of one caller: her share here, and the whole."""

    share: RateLimitItem
    share_rate: Rate
    whole: RateLimitItem
    whole_rate: Rate


def _rate(item: RateLimitItem, name: str) -> Rate:
    return Rate(item.key_for(name), item.amount, item.get_expiry())


class Meter:
    """Counts for one caller."""

    __slots__ = ("_calls", "_codes", "_meters", "_name")

    def __init__(self, meters: Meters, name: str, calls: _Metered, codes: _Metered | None) -> None:
        self._meters = meters
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

    def _take(self, metered: _Metered, cost: int) -> None:
        whole, shares = self._meters.whole, self._meters.shares
        if whole is None:
            self._hit(shares.limiter, metered.share, cost)
        elif self._meters.knows_others:
            self._hit(whole.limiter, metered.whole, cost)
            shares.windows.fill(metered.share_rate, cost)
            whole.windows.tell(metered.whole_rate, metered.share_rate, cost)
        else:
            self._hit(shares.limiter, metered.share, cost)
            whole.windows.add(metered.whole_rate.key, metered.whole_rate.expiry, cost)
            whole.windows.tell(metered.whole_rate, metered.share_rate, cost)

    def _hit(self, limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, cost: int) -> None:
        if not limiter.hit(item, self._name, cost=cost):
            left = limiter.get_window_stats(item, self._name).reset_time - time.time()
            raise RateLimited(max(left, SHORTEST_WAIT_S))
