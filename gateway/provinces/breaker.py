"""Leaves a province alone while it does nothing but fail.

- Closed: every question is put. So many failures in a row open it.
- Open: no question is put until it has rested. Then the next one is the probe, and it is half-open.
- Half-open: nobody but the probe is out. If it succeeds the breaker closes, if it fails it rests again, if it is given
  up the next question is the probe.
- What began before the last change of state says nothing about now: its end is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NewType

Permit = NewType("Permit", int)
"""The leave to put one question; it is handed back with how that went."""


class BreakerState(IntEnum):
    """Numbers are those of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """One province's breaker. For one event loop; reads only the clock that it is given."""

    __slots__ = ("_changed", "_edition", "_failures", "_in_a_row", "_monotonic", "_opened", "_rest_s", "_state")

    def __init__(
        self,
        failures: int,
        rest_s: float,
        *,
        monotonic: Callable[[], float],
        changed: Callable[[BreakerState], None],
    ) -> None:
        """Open after `failures` in a row, for `rest_s` seconds; `changed` is told each new state."""
        self._failures = failures
        self._rest_s = rest_s
        self._monotonic = monotonic
        self._changed = changed
        self._state = BreakerState.CLOSED
        self._in_a_row = 0
        self._opened = 0.0
        self._edition = 0

    @property
    def state(self) -> BreakerState:
        """The state as of the last question. An open breaker that has rested stays open until somebody asks."""
        return self._state

    @property
    def ready(self) -> bool:
        """Whether a question would be put now."""
        return self._state is BreakerState.CLOSED or (self._state is BreakerState.OPEN and self._rested())

    def admit(self) -> Permit | None:
        """Return the leave to put one question now, or None."""
        if not self.ready:
            return None
        if self._state is BreakerState.OPEN:
            self._become(BreakerState.HALF_OPEN)
        return Permit(self._edition)

    def succeeded(self, permit: Permit) -> None:
        """Take note that the province answered, whatever it said."""
        if permit == self._edition:
            self._in_a_row = 0
            if self._state is BreakerState.HALF_OPEN:
                self._become(BreakerState.CLOSED)

    def failed(self, permit: Permit) -> None:
        """Take note that it did not, or not usefully."""
        if permit != self._edition:
            return
        self._in_a_row += 1
        if self._state is BreakerState.HALF_OPEN or self._in_a_row >= self._failures:
            self._in_a_row = 0
            self._opened = self._monotonic()
            self._become(BreakerState.OPEN)

    def given_up(self, permit: Permit) -> None:
        """Take note that nobody waited for the end: nothing was learnt."""
        if permit == self._edition and self._state is BreakerState.HALF_OPEN:
            self._become(BreakerState.OPEN)

    def _rested(self) -> bool:
        return self._monotonic() - self._opened >= self._rest_s

    def _become(self, state: BreakerState) -> None:
        self._state = state
        self._edition += 1
        self._changed(state)
