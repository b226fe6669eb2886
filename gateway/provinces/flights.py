"""Equal questions share one call, and nobody's leaving harms the others.

- A call is a task of its own: no asker runs it, so that no asker's cancellation or impatience ends it.
- An asker holds the very call that she waits for and takes the answer from nothing else; who leaves leaves nothing
  behind that another could pick up.
- A call that is under way with the province runs to its end, which its lane bounds: its end is worth remembering, and
  the breaker must learn of a province that outlasts everybody's patience.
- A call that has not departed yet, and that nobody waits for any more, is given up.
- Calls are found by a keyed digest of the question, never by its text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context

from gateway.errors import Reason
from gateway.values import OnlineAnswer

from .dialect import UpstreamFailure

Heard = OnlineAnswer | Reason | UpstreamFailure
"""What came of a question: an answer, the verdict that the issuer gave instead of one, or how it failed."""


class Flight:
    """One call under way."""

    __slots__ = ("askers", "departed", "task")

    def __init__(self, call: Callable[[Flight], Coroutine[None, None, Heard]]) -> None:
        self.askers = 0
        self.departed = False
        """Whether the question has been put; set by the call."""
        # In a context of its own: nothing of whoever came first belongs to a call that is everybody's.
        self.task = asyncio.get_running_loop().create_task(call(self), context=Context())


class Flights:
    """The calls under way of one lane. For one event loop."""

    __slots__ = ("_under_way",)

    def __init__(self) -> None:
        self._under_way: dict[bytes, Flight] = {}

    def find(self, key: bytes) -> Flight | None:
        """Return the call that asks this, if one is under way."""
        return self._under_way.get(key)

    def begin(self, key: bytes, call: Callable[[Flight], Coroutine[None, None, Heard]]) -> Flight:
        """Return a new call that asks this. `call` never raises. To be followed by `wait` without a pause."""
        flight = self._under_way[key] = Flight(call)
        flight.task.add_done_callback(lambda _: self._forget(key, flight))
        return flight

    async def wait(self, key: bytes, flight: Flight, time_left: float) -> Heard:
        """Return what comes of `flight`; TIMEOUT after `time_left` seconds, UNREACHABLE if the lane is closed first."""
        flight.askers += 1
        try:
            done, _ = await asyncio.wait((flight.task,), timeout=time_left)
        finally:
            flight.askers -= 1
            if not flight.askers and not flight.departed:
                self._forget(key, flight)
                flight.task.cancel()
        if not done:
            return UpstreamFailure.TIMEOUT
        return UpstreamFailure.UNREACHABLE if flight.task.cancelled() else flight.task.result()

    async def ended(self, patience: float) -> None:
        """Return when no call is under way, or after `patience` seconds."""
        if self._under_way:
            await asyncio.wait([flight.task for flight in self._under_way.values()], timeout=patience)

    async def close(self) -> None:
        """End all calls; whoever waits hears UNREACHABLE."""
        tasks = [flight.task for flight in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: bytes, flight: Flight) -> None:
        if self._under_way.get(key) is flight:
            del self._under_way[key]
