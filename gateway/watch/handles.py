"""Handles: whether their keys are at hand, and how many were given. To whom, and for whom, is nobody's number."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from keys.epoch_keys import Epoch, KeyFault, WhichKey

from .events_handles import HandleKeyBack, HandleKeyMade, HandleKeysDestroyed, HandleKeyUnavailable
from .logs import EventLog

WHICH: Final = ("current", "next")


class HandleMetrics:
    """The numbers of one gateway's handles."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the families. Without [handles] all of them stay as they begin."""
        keys = Gauge(
            "hcgw_handle_key_missing",
            "1 if the key of the current epoch, or the next one once it is due, cannot be had.",
            ("epoch",),
            registry=registry,
        )
        self.missing = {which: keys.labels(which) for which in WHICH}
        self.ends = Gauge(
            "hcgw_handle_epoch_end_timestamp_seconds",
            "When the epoch ends that handles are given in; 0: none are.",
            registry=registry,
        )
        self.begins = Gauge(
            "hcgw_handle_epoch_start_timestamp_seconds",
            "When the epoch began that handles are given in; 0: none are.",
            registry=registry,
        )
        self.undestroyed = Gauge(
            "hcgw_handle_key_destruction_failing",
            "1 if keys of epochs that have ended cannot be destroyed.",
            registry=registry,
        )
        self.given = Counter("hcgw_handles", "Handles that were given.", registry=registry)


class HandleWatch:
    """Told of the keys by gateway/handles (its `HandleObserver`)."""

    __slots__ = ("_faults", "_log", "_metrics", "_told")

    def __init__(self, metrics: HandleMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log
        self._told: dict[str, str] = {}
        self._faults: dict[str, str] = {}

    def key_made(self, epoch: Epoch) -> None:
        """Tell it."""
        self._log.emit(HandleKeyMade(epoch.start, epoch.end))

    def keys_destroyed(self, epochs: int) -> None:
        """Tell it."""
        self._log.emit(HandleKeysDestroyed(epochs))

    def key_unavailable(self, what: WhichKey, fault: KeyFault, why: str) -> None:
        """Tell it, once."""
        self._faults[what.value] = fault.value
        if self._told.get(what.value) != fault.value:
            self._log.emit(HandleKeyUnavailable(what.value, fault.value, why))

    def keys_held(self, current: Epoch | None, *, next_is_due: bool, next_is_held: bool) -> None:
        """Show which keys are at hand; tell when all is well again."""
        metrics = self._metrics
        metrics.missing["current"].set(current is None)
        metrics.missing["next"].set(next_is_due and not next_is_held)
        metrics.undestroyed.set("ended" in self._faults)
        metrics.begins.set(0 if current is None else current.start)
        metrics.ends.set(0 if current is None else current.end)
        if self._told and not self._faults:
            self._log.emit(HandleKeyBack())
        self._told, self._faults = self._faults, {}

    def look_failed(self, failure: Exception) -> None:
        """Tell of a fault of ours."""
        self._log.unhandled("handles", failure)

    def handle_given(self) -> None:
        """Count it."""
        self._metrics.given.inc()
