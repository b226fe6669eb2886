"""Follows one plain Token Status List: fetches it when its time has come, and hands it on if it may be taken.

Rules:

- How long a list is kept is what its `ttl` says, between ten seconds and a day; without one, five minutes. Asked a
  little earlier, so that all who follow it do not ask at once.
- A failure is tried again after ten seconds, then twice as long each time, ten minutes at most; what is held stays.
- Nothing older than what is held is taken, also once that has expired, also after a restart.
- A list past its `exp` says nothing any more, whoever does not deliver a newer one.
- One that fails never stops another: each source has a follower of its own.

Source: IETF Token Status List, sections 8.3, 11.5 and 13.7.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from gateway.changes import StoreDegraded
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Instant

from .token_list_check import Circumstances, check_token
from .token_list_fetch import FetchedToken, TokenListHttp
from .token_list_source import (
    HeldTokenList,
    NobodyObservesTokenLists,
    TokenListObserver,
    TokenListRefusal,
    TokenListRefused,
    TokenListSink,
    TokenListSource,
)

LEAST_PAUSE_S: Final = 10.0
MOST_PAUSE_S: Final = 86_400.0
USUAL_PAUSE_S: Final = 300.0
MOST_BACKOFF_S: Final = 600.0
_LEAST_TIME_S: Final = 1.0
_EARLY: Final = 0.1
"""The part of a pause that chance may take off."""


class TokenListFollower:
    """Follows one source."""

    def __init__(
        self,
        source: TokenListSource,
        *,
        trust: Callable[[], TrustSnapshot],
        sink: TokenListSink,
        folder: Path,
        clock: Callable[[], Instant],
        tls: ssl.SSLContext | None = None,
        observer: TokenListObserver | None = None,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take what to follow, and where to keep it. `folder`: for what has come and is not taken yet.

        `chance` draws from 0 to below 1; `sleep` waits for seconds.
        """
        self._source = source
        self._trust = trust
        self._sink = sink
        self._clock = clock
        self._observer: TokenListObserver = observer or NobodyObservesTokenLists()
        self._chance = chance
        self._sleep = sleep
        self._http = TokenListHttp(source, tls)
        name = hashlib.sha256("\0".join(source.name).encode()).hexdigest()[:32]
        self._words = folder / f"{name}.words"
        self._tag: str | None = None
        self._digest: bytes | None = None
        self._pause = USUAL_PAUSE_S
        self._failures = 0
        self._lapsed: HeldTokenList | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            while True:
                await self._wait(await self._refresh_or_tell())
        finally:
            await self.close()

    async def refresh(self) -> float:
        """Fetch the list once, and return after how many seconds to do so again.

        1. let what is held lapse, if its time is over: whoever keeps the follower waiting does not keep that up
        2. fetch, judge and hand on; or take note why not
        3. as 1, for the time may have gone by meanwhile
        4. the pause, which ends no later than what is held: but ten seconds it is, however short its issuer makes it
        """
        # 1
        await self._time_left()
        # 2
        try:
            await self._follow()
            self._failures = 0
            pause = self._pause * (1 - _EARLY * self._chance())
        except TokenListRefused as refused:
            self._observer.refused(self._source.name, refused.refusal, refused.detail)
            pause = self._backoff()
        # 3
        left = await self._time_left()
        # 4
        return pause if left is None else min(pause, max(left, LEAST_PAUSE_S))

    async def close(self) -> None:
        """Close the connection, and remove what has come and was not taken."""
        await self._http.close()
        self._words.unlink(missing_ok=True)

    async def _wait(self, pause: float) -> None:
        """Wait, and let what is held lapse on time."""
        while pause > 0:
            left = await self._time_left_or_tell()
            nap = pause if left is None else min(pause, left)
            await self._sleep(nap)
            pause -= nap

    async def _time_left(self) -> float | None:
        """Return for how long what is held may still be said, at least a second; None if it has no end, or is over.

        Lets it lapse if it is over.
        """
        name = self._source.name
        held, at = self._sink.held(name), self._clock()
        if held is None or held.expires is None:
            return None
        if held.expires > at:
            return max(held.expires - at, _LEAST_TIME_S)
        if self._lapsed != held:
            await self._sink.lapse(name)
            self._lapsed = held
            self._observer.lapsed(name)
        return None

    async def _time_left_or_tell(self) -> float | None:
        try:
            return await self._time_left()
        except Exception as exc:  # noqa: BLE001 as below; the next fetch begins with the same look
            self._observer.follower_failed(self._source.name, exc)
            return None

    async def _refresh_or_tell(self) -> float:
        try:
            return await self.refresh()
        except Exception as exc:  # noqa: BLE001 a bug in one source's following must not end it
            self._observer.follower_failed(self._source.name, exc)
            return self._backoff()

    async def _follow(self) -> None:
        name = self._source.name
        held = self._sink.held(name)
        limit, left = self._source.time_limit_s, await self._time_left()
        fetched = await self._http.fetch(
            self._tag if held is not None else None, limit if left is None else min(limit, left)
        )
        if fetched is None:
            self._observer.unchanged(name)
            return
        digest = hashlib.sha256(fetched.token).digest()
        if held is not None and digest == self._digest:
            self._observer.unchanged(name)
            return
        await self._take(fetched)
        self._tag, self._digest = fetched.tag, digest

    async def _take(self, fetched: FetchedToken) -> None:
        name = self._source.name
        circumstances = Circumstances(self._trust(), self._sink.held(name), self._clock())
        try:
            taken = await asyncio.to_thread(check_token, self._source, fetched, circumstances, self._words)
            await self._sink.take(taken)
        except (StoreDegraded, OSError):
            unkept = TokenListRefused(TokenListRefusal.NOT_KEPT)
        else:
            self._pause = USUAL_PAUSE_S if taken.ttl is None else min(max(taken.ttl, LEAST_PAUSE_S), MOST_PAUSE_S)
            self._observer.taken(name, taken.capacity, len(fetched.token))
            return
        finally:
            self._words.unlink(missing_ok=True)
        raise unkept

    def _backoff(self) -> float:
        self._failures = min(self._failures + 1, 16)
        return min(LEAST_PAUSE_S * (1 << self._failures - 1), MOST_BACKOFF_S) * (1 - self._chance() / 2)
