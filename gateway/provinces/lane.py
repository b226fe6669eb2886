"""One province's lane: everything that keeps its trouble its own.

Rules:

- A question is answered from memory, else it shares the call of an equal one, else it is put: to a province that is not
  resting, through the turnstile, in as many attempts as are harmless and useful, within the budget's deadline.
- An asker waits for as long as she can, the call goes on for as long as the budget says: two different times.
- An attempt that is not the last leaves time for the next. Another attempt is made only after what may pass (no
  connection, overloaded, an error of the server's, too slow), after a pause that chance varies, and never while others
  wait for their first. All questions are reads, so repeating one changes nothing.
- Every attempt counts for the breaker. Refused credentials and answers that cannot be relied on do so too: a province
  that lies, or that does not know us, is not to be hammered either. Only an error number that nobody has explained says
  nothing: whoever shows strange codes must not be able to cut a province off.
- What was said is remembered for the freshness budget, a day at most and never past the issuer's own expiry; a verdict
  for a few seconds, because a code that was unknown may be known in a moment.
- Whatever a dialect does, an asker hears one of the enumerated words.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.errors import CodeStopped, Reason
from gateway.values import Instant, OnlineAnswer, OpaqueCode

from .breaker import Breaker, BreakerState, Permit
from .dialect import Dialect, Stated, UpstreamFailed, UpstreamFailure
from .flights import Flight, Flights, Heard
from .memory import Memory
from .observer import ANSWERED, NobodyWatches, ProvinceObserver
from .profile import ProvinceProfile
from .turnstile import Turnstile

MOST_FRESH_S: Final = 86_400.0
"""No answer is relied on longer than a day, whatever a profile says."""

VERDICT_FRESH_S: Final = 5.0
"""Seconds that a verdict is remembered at most."""

MAX_AHEAD_S: Final = 30.0
"""Seconds that a province's clock may be ahead of ours; beyond, its times cannot be relied on."""

VERDICTS: Final = frozenset({Reason.EXPIRED, Reason.CODE_NOT_FOUND, Reason.NOT_ITS_ISSUERS})
"""What an issuer may say instead of a state."""

SHARE_OF_AN_ATTEMPT: Final = 0.6
"""What an attempt that is not the last gets of the time that is left."""

_PAUSES: Final = {
    UpstreamFailure.UNREACHABLE: 0.02,
    UpstreamFailure.SERVER_ERROR: 0.05,
    UpstreamFailure.TIMEOUT: 0.0,
    UpstreamFailure.OVERLOADED: 0.2,
}
"""What may be repeated, and the seconds before the first repetition; each further pause is twice as long."""


class Lane:
    """The way to one province. For one event loop; `close` ends it."""

    def __init__(
        self,
        profile: ProvinceProfile,
        dialect: Dialect,
        observer: ProvinceObserver,
        *,
        places: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask the province of `profile` through `dialect`, whose owner closes it, `places` questions at a time."""
        budget = profile.budget
        self._name = profile.name
        self._states = profile.states
        self._budget = budget
        self._fresh_for = min(budget.fresh_for_s, MOST_FRESH_S)
        self._dialect = dialect
        self._observer = observer
        self._monotonic = monotonic
        self._turnstile = Turnstile(places)
        self._flights = Flights()
        self._memory = Memory()
        self._turning: asyncio.TimerHandle | None = None
        self._last_failed = False
        self._closed = False
        self._breaker = Breaker(
            budget.breaker_failures, budget.breaker_rest_s, monotonic=monotonic, changed=self._breaker_changed
        )

    @property
    def state(self) -> BreakerState:
        """The breaker's state."""
        return self._breaker.state

    @property
    def ready(self) -> bool:
        """Whether a question would be put to the province now."""
        return self._breaker.ready and not self._closed

    @property
    def in_flight(self) -> int:
        """How many questions are with the province."""
        return self._turnstile.inside

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Heard:
        """Return what comes of asking about `code`, within `time_left` seconds.

        1. What it said a moment ago, if it may still be relied on.
        2. The call that asks the same is waited for.
        3. A resting province is not asked.
        4. A new call.
        """
        key = self._memory.key_of(code)
        # 1
        said = self._memory.recall(key, at)
        if said is not None:
            self._observer.remembered(self._name)
            return self._while_cut_off(said)
        if time_left <= 0:
            return UpstreamFailure.TIMEOUT
        # 2
        flight = self._flights.find(key)
        if flight is not None:
            self._observer.joined(self._name)
            return await self._flights.wait(key, flight, time_left)
        # 3
        if self._closed:
            return UpstreamFailure.UNREACHABLE
        if not self._breaker.ready:
            return self._not_put(UpstreamFailure.RESTING)
        # 4
        flight = self._flights.begin(key, lambda own: self._call(own, key, code, at, time_left))
        return await self._flights.wait(key, flight, time_left)

    def show(self) -> None:
        """Tell the observer of a lane that was not there before."""
        self._observer.breaker(self._name, self._breaker.state)
        self._observer.in_flight(self._name, self._turnstile.inside)

    def retire(self) -> None:
        """Tell the observer nothing from now on: another lane has this one's name, or none has."""
        self._observer = NobodyWatches()

    def forget(self) -> None:
        """Answer nothing from memory that was said until now."""
        self._memory.clear()

    async def ended(self) -> None:
        """Return when no call is under way: at once, or in the time that the budget gives to the last ones."""
        await self._flights.ended(2 * self._budget.deadline_s)

    async def close(self) -> None:
        """End all calls, forget everything. Whoever waits or asks later hears UNREACHABLE."""
        self._closed = True
        if self._turning is not None:
            self._turning.cancel()
        await self._flights.close()
        self._memory.clear()

    async def _call(self, flight: Flight, key: bytes, code: OpaqueCode, at: Instant, time_left: float) -> Heard:
        """Put the question, once there is a place."""
        patience = self._budget.deadline_s
        if not await self._turnstile.enter(time_left=min(time_left, patience), patience=patience):
            return self._not_put(UpstreamFailure.SHED)
        flight.departed = True
        self._observer.in_flight(self._name, self._turnstile.inside)
        began = self._monotonic()
        heard: Heard = UpstreamFailure.RESTING
        try:
            heard = await self._attempts(code, at)
        finally:
            self._turnstile.leave(None if heard is UpstreamFailure.RESTING else self._monotonic() - began)
            self._observer.in_flight(self._name, self._turnstile.inside)
        if not isinstance(heard, UpstreamFailure):
            self._remember(key, heard, at)
        return heard

    async def _attempts(self, code: OpaqueCode, at: Instant) -> Heard:
        ends = self._monotonic() + self._budget.deadline_s
        failure: UpstreamFailure | None = None
        for left_over in reversed(range(self._budget.attempts)):
            permit = self._breaker.admit()
            if permit is None:
                return failure or self._not_put(UpstreamFailure.RESTING)
            time_left = (ends - self._monotonic()) * (SHARE_OF_AN_ATTEMPT if left_over else 1.0)
            heard = await self._attempt(permit, code, at, time_left)
            if not isinstance(heard, UpstreamFailure):
                return heard
            failure = heard
            if not left_over or self._turnstile.waiting or failure not in _PAUSES:
                break
            pause = _PAUSES[failure] * 2.0 ** (self._budget.attempts - left_over - 1)
            pause *= random.uniform(0.5, 1.5)  # noqa: S311 to spread repetitions, not to hide anything
            if self._monotonic() + pause >= ends:
                break
            await asyncio.sleep(pause)
        return failure or self._not_put(UpstreamFailure.RESTING)

    async def _attempt(self, permit: Permit, code: OpaqueCode, at: Instant, time_left: float) -> Heard:
        """Put the question once, tell breaker and observer how it went."""
        began = self._monotonic()
        heard: Heard
        try:
            async with asyncio.timeout(time_left):
                heard = self._told(await self._dialect.ask(code, at=at, time_left=time_left), at)
        except CodeStopped as stopped:
            heard = stopped.reason if stopped.reason in VERDICTS else UpstreamFailure.GARBAGE
        except UpstreamFailed as failed:
            heard = failed.failure
        except TimeoutError:
            heard = UpstreamFailure.TIMEOUT
        except Exception as exc:  # noqa: BLE001 a dialect that a province's answer breaks harms nobody else
            self._observer.broke(self._name, exc)
            heard = UpstreamFailure.GARBAGE
        except BaseException:
            self._breaker.given_up(permit)
            raise
        self._last_failed = isinstance(heard, UpstreamFailure) and heard is not UpstreamFailure.ERROR_NUMBER
        if heard is UpstreamFailure.ERROR_NUMBER:
            self._breaker.given_up(permit)
            self._observer.asked(self._name, heard, self._monotonic() - began)
        elif isinstance(heard, UpstreamFailure):
            self._breaker.failed(permit)
            self._observer.asked(self._name, heard, self._monotonic() - began)
        else:
            self._breaker.succeeded(permit)
            self._observer.asked(self._name, ANSWERED, self._monotonic() - began)
        return heard

    def _told(self, stated: Stated, at: Instant) -> Heard:
        """Return the answer that `stated` makes: none that is newer than now, in no word that is not on the list.

        Its reason is the one that was given with it, else the one that the word itself gives.
        """
        said_time = at if stated.stated_time is None else stated.stated_time
        if said_time > at + MAX_AHEAD_S:
            return UpstreamFailure.GARBAGE
        meant = self._states.get(stated.statement)
        return OnlineAnswer(
            stated.statement if meant is not None else "",
            min(said_time, at),
            self._fresh_for,
            stated.expire_time,
            stated.reason_class or (None if meant is None else meant.reason_class),
            notes=() if stated.bound else (Reason.ANSWER_NOT_BOUND,),
        )

    def _remember(self, key: bytes, heard: OnlineAnswer | Reason, at: Instant) -> None:
        if isinstance(heard, Reason):
            said_time, until = at, at + min(VERDICT_FRESH_S, self._fresh_for)
        else:
            said_time, until = heard.observed_time, heard.observed_time + heard.fresh_for
            if heard.expire_time is not None:
                until = min(until, heard.expire_time)
        self._memory.keep(key, heard, said_time=said_time, at=at, until=Instant(until))
        if self._turning is None and len(self._memory):
            self._turn_later()

    def _turn(self) -> None:
        self._memory.turn()
        self._turning = None
        if len(self._memory):
            self._turn_later()

    def _turn_later(self) -> None:
        self._turning = asyncio.get_running_loop().call_later(max(1.0, self._fresh_for), self._turn)

    def _while_cut_off(self, said: OnlineAnswer | Reason) -> Heard:
        """Return what is remembered, with a note if the province could not be asked now."""
        cut_off = self._last_failed or self._breaker.state is not BreakerState.CLOSED
        if not cut_off or isinstance(said, Reason):
            return said
        return replace(said, notes=(*said.notes, Reason.ISSUER_CUT_OFF))

    def _not_put(self, why: UpstreamFailure) -> UpstreamFailure:
        self._observer.asked(self._name, why, 0.0)
        return why

    def _breaker_changed(self, state: BreakerState) -> None:
        self._observer.breaker(self._name, state)
