"""Several processes and nodes count together: they tell each other what they have counted, beside the calls.

How it goes:

- No call waits. One task tells, every SYNC_S, for each key that counts here what was counted since it last told, and
  learns the new total: what is in it beyond its own was counted by others, and counts here as if it were asked here. So
  a caller gets the rate, and what passes before the others know.
- While that was done within FRESH_S, a process allows the whole of a rate. As soon as it is not, its share: never more
  for want of an answer.
- What was counted while nobody could be told is not told later: a rate is about now. Within FRESH_S it is told again:
  what an unanswered exchange did is counted twice rather than never.
- A total that is smaller than it could be was forgotten or emptied, and is a fresh beginning. A key that is told for
  the first time says nothing of others yet: its total may be of any age.
- Only counters leave the process, under names that say nothing without the secret: HMAC of caller, kind and limits.

Not checked: that all nodes have the same limits; a caller with other limits elsewhere has another counter there.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from hmac import digest
from math import inf
from typing import Final, NamedTuple, Protocol

from .meter import Meters
from .windows import MAX_WINDOWS, Window

SYNC_S: Final = 0.2
"""Seconds between two exchanges."""

FRESH_S: Final = 2.0
"""Seconds after the beginning of an exchange for which a process believes that it knows what the others count."""

MOST_AT_ONCE: Final = 500
"""Keys of one call: Redis does nothing else meanwhile, for about a millisecond."""

KEPT_WINDOWS: Final = 4
"""Windows after which a counter that nobody tells of is forgotten."""

LONGEST_AGAIN_S: Final = 2.0
"""Seconds between two attempts to connect at most; the first wait is SYNC_S."""

OPEN_S: Final = 5.0
"""Seconds to connect. Nobody waits for it."""

PREFIX: Final = "hcgw:rates:"

_PURPOSE: Final = b"hcgw rates of callers\0"
"""The secret is the replay guard's too: under a key of their own the names of neither are those of the other."""


class RatesSilent(Exception):
    """The others cannot be told. `why` in a word, for the operator."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Count(NamedTuple):
    """What was counted here for one key since it was last told."""

    name: str
    amount: int
    kept_ms: int
    """For how long the total is remembered."""


class Line(Protocol):
    """A connection to who adds up. All but `close` may raise RatesSilent."""

    async def open(self) -> None:
        """Connect."""
        ...

    async def add(self, counts: Sequence[Count]) -> list[int]:
        """Add these, in one step; return the new totals."""
        ...

    async def close(self) -> None:
        """Give it up. Raises nothing."""
        ...


class RatesObserver(Protocol):
    """Told whether processes count together. None of it names a caller; none of it may raise or wait."""

    def rates_apart(self, why: str) -> None:
        """Tell that this process allows its share of each rate from now on."""

    def rates_together(self) -> None:
        """Tell that it allows the whole, shared with all others."""

    def rates_failed(self, failure: Exception) -> None:
        """Tell of a fault of ours: its type and our own frames, never its text."""


class NobodyWatches:
    """Is told, and tells nobody."""

    def rates_apart(self, why: str) -> None:
        """See RatesObserver."""

    def rates_together(self) -> None:
        """See RatesObserver."""

    def rates_failed(self, failure: Exception) -> None:
        """See RatesObserver."""


NOBODY_WATCHES: Final = NobodyWatches()


class SharedRates:
    """Lets the meters of one process know what the others count. For one event loop; `close` ends it."""

    def __init__(
        self,
        meters: Meters,
        connect: Callable[[], Line],
        secret: bytes,
        *,
        budget_s: float,
        observer: RatesObserver = NOBODY_WATCHES,
    ) -> None:
        """Take the meters, made to count together. `budget_s`: how long one answer may take.

        Raises: ValueError, if they count apart.
        """
        if meters.whole is None:
            raise ValueError("these meters count apart")
        self._meters = meters
        self._windows = meters.whole.windows
        self._shares = meters.shares.windows
        self._connect = connect
        self._key = digest(secret, _PURPOSE, "sha256")
        self._budget_s = budget_s
        self._observer = observer
        self._edition = 0
        self._told: bool | None = None
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell and to learn."""
        self._serving = asyncio.create_task(self._serve())

    async def close(self) -> None:
        """Tell nobody any more; from now on each allows its share."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])
            self._serving = None
        self._meters.known_until = -inf

    def renew(self, connect: Callable[[], Line], secret: bytes) -> None:
        """Go on with another address or secret, from the next exchange on."""
        self._connect, self._key = connect, digest(secret, _PURPOSE, "sha256")
        self._edition += 1
        # Under other names, or elsewhere, totals are others.
        self._windows.stay_untold()

    async def exchange(self, line: Line) -> None:
        """Tell what was counted here, and learn what the others have counted.

        Raises: RatesSilent; then nothing that was not answered has been learned.
        """
        began, edition = self._meters.clock(), self._edition
        if not self._meters.knows_others:
            self._windows.stay_untold()
        live = self._windows.live()
        if len(live) > MAX_WINDOWS:
            raise RatesSilent("crowded")
        # Also with nothing to tell: that there would be an answer is what makes the whole of a rate safe.
        for start in range(0, max(1, len(live)), MOST_AT_ONCE):
            some = live[start : start + MOST_AT_ONCE]
            counts = [Count(self._name(key), one.untold, KEPT_WINDOWS * one.expiry * 1_000) for key, one in some]
            try:
                async with asyncio.timeout(self._budget_s):
                    totals = await line.add(counts)
            except TimeoutError:
                raise RatesSilent("slow") from None
            if len(totals) != len(counts):
                raise RatesSilent("broken")
            if edition != self._edition:
                raise RatesSilent("renewed")
            for (key, window), count, total in zip(some, counts, totals, strict=True):
                self._learn(key, window, count.amount, total)
        self._meters.known_until = began + FRESH_S

    def _learn(self, key: str, window: Window, told: int, total: int) -> None:
        last, window.total = window.total, total
        window.untold -= told
        if last is None:
            return
        others = max(0, total - told if total < last + told else total - last - told)
        if others:
            self._windows.add(key, window.expiry, others)
            if window.share is not None:
                self._shares.fill(window.share, others)

    def _name(self, key: str) -> str:
        return PREFIX + urlsafe_b64encode(digest(self._key, key.encode(), "sha256")[:15]).decode("ascii")

    async def _serve(self) -> None:
        """Connect, exchange until that fails, and connect again."""
        again_s = SYNC_S
        while True:
            why = "broken"
            try:
                line = self._connect()
                try:
                    edition = self._edition
                    async with asyncio.timeout(OPEN_S):
                        await line.open()
                    while edition == self._edition:
                        await self.exchange(line)
                        self._tell(why="")
                        again_s = SYNC_S
                        await asyncio.sleep(SYNC_S)
                    continue
                finally:
                    await line.close()
            except RatesSilent as silent:
                why = silent.why
            except TimeoutError:
                why = "slow"
            except Exception as failure:  # noqa: BLE001 a fault of ours must not leave processes apart for good
                self._observer.rates_failed(failure)
            self._tell(why)
            await asyncio.sleep(again_s)
            again_s = min(2 * again_s, LONGEST_AGAIN_S)

    def _tell(self, why: str) -> None:
        """Tell of what has changed. A failure that is made good within FRESH_S has changed nothing."""
        together = self._meters.knows_others
        if together is not self._told:
            self._told = together
            if together:
                self._observer.rates_together()
            else:
                self._observer.rates_apart(why or "slow")
