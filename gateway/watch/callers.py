"""Callers who were turned away, by why, and whether rates are counted together.

Who they were is nobody's number: a name may be that of one gate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from .events_callers import RatesApart, RatesTogether
from .logs import EventLog

SAID_AGAIN_S: Final = 60.0
"""Seconds in which a fault of one type is said once."""

REASONS: Final = (
    "NO_IDENTITY",
    "CALL_NOT_ALLOWED",
    "PURPOSE_NOT_ALLOWED",
    "DIVISION_NOT_ALLOWED",
    "PROFILE_NOT_ALLOWED",
    "ITEM_NOT_ALLOWED",
    "NOT_ENROLLED",
    "RATE_LIMITED",
)
"""As in the ErrorInfo that the caller gets."""


class CallerMetrics:
    """The numbers of one gateway's callers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the family, with every reason at 0."""
        family = Counter(
            "hcgw_callers_refused",
            "Calls that ended because they were not the caller's.",
            ("reason",),
            registry=registry,
        )
        self._refused = {reason: family.labels(reason) for reason in REASONS}
        self._together = Gauge(
            "hcgw_callers_rates_together",
            "1 while rates are counted with all processes and nodes, 0 while a share is allowed; 1 if they never are.",
            registry=registry,
        )
        self._together.set(1)

    def show_together(self, together: Callable[[], bool]) -> None:
        """Show whether rates are counted together: asked at each look at the numbers."""
        self._together.set_function(together)

    def refused(self, reason: str) -> None:
        """Count a caller who was turned away."""
        found = self._refused.get(reason)
        if found is not None:
            found.inc()


class RatesWatch:
    """Told whether processes count together by gateway/callers (its `RatesObserver`)."""

    __slots__ = ("_log", "_monotonic", "_said")

    def __init__(self, log: EventLog, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._said: dict[str, float] = {}

    def rates_apart(self, why: str) -> None:
        """Tell that this process allows its share of each rate."""
        self._log.emit(RatesApart(why))

    def rates_together(self) -> None:
        """Tell that it allows the whole, shared with all others."""
        self._log.emit(RatesTogether())

    def rates_failed(self, failure: Exception) -> None:
        """Tell of a fault of ours, once a minute: the type and our own frames, never the text."""
        what, now = type(failure).__name__, self._monotonic()
        if now - self._said.get(what, -SAID_AGAIN_S) >= SAID_AGAIN_S:
            self._said[what] = now
            self._log.unhandled("loop", failure)
