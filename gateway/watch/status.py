"""Live status: batches and lists, their age, the store, and who follows and watches.

Rules:

- Labels are issuers of lists that are held, outcomes of ours, and gateways of the configuration: nothing of a batch
  that nobody signed, no list's address, no index.
- What lasts is logged when it begins and when it ends. Of refused batches at most so many lines a second are written:
  anybody with an identity may send forged ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.changes import BatchRefusal, ListName
from gateway.values import Instant, IssuerId

from .events import ClockJumped
from .events_status import (
    BatchRefused,
    IssuerContradictsItself,
    StatusListAdopted,
    StatusListClosed,
    StatusListOpened,
    StatusListSetAside,
    StoreDegraded,
    StoreWell,
)
from .logs import EventLog

if TYPE_CHECKING:
    from enum import StrEnum

SOURCES: Final = ("here", "other_node")
"""Whence a batch came; a test holds this equal to what gateway/publishing says."""

SET_ASIDE: Final = (
    "not_in_log",
    "ahead_of_log",
    "behind_log",
    "other_capacity",
    "unfit_batch",
    "distrusted",
    "failed_sync",
)
"""Why a list is not used any more; a test holds this equal, too."""

_BATCH_AGES: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)
_LINES_PER_SECOND: Final = 5


class ListHeld(Protocol):
    """What the metrics need to know of one list."""

    @property
    def name(self) -> ListName: ...  # noqa: D102
    @property
    def observed(self) -> Instant: ...  # noqa: D102
    @property
    def capacity(self) -> int: ...  # noqa: D102


class HeldLists(Collector):
    """The lists that this process reads, looked at at each scrape: what codes are judged by here."""

    _HELP: Final = {
        "hcgw_status_lists": "Status lists that codes of an issuer are judged by.",
        "hcgw_status_list_entries": "Places of those lists.",
        "hcgw_status_list_age_seconds": "Seconds since an issuer last said anything of a list: its oldest one.",
    }

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._lists: Callable[[], Sequence[ListHeld]] = tuple

    def show(self, lists: Callable[[], Sequence[ListHeld]]) -> None:
        """Show what `lists` returns, from now on."""
        self._lists = lists

    def collect(self) -> Iterable[Metric]:
        """Return the families, as the registry wants them."""
        families = [GaugeMetricFamily(name, text, labels=("issuer",)) for name, text in self._HELP.items()]
        by_issuer: dict[IssuerId, list[ListHeld]] = {}
        for held in self._lists():
            by_issuer.setdefault(held.name.issuer, []).append(held)
        at = self._clock()
        for issuer, its in by_issuer.items():
            values = (len(its), sum(one.capacity for one in its), at - min(one.observed for one in its))
            for family, value in zip(families, values, strict=True):
                family.add_metric((issuer,), float(value))
        return families

    def describe(self) -> Iterable[Metric]:
        """Return the families without series."""
        return [GaugeMetricFamily(name, text, labels=("issuer",)) for name, text in self._HELP.items()]


class StatusMetrics:
    """The numbers of one process that keeps lists."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], Instant]) -> None:
        """Make the families, each with its zeros."""
        self.held = HeldLists(clock)
        registry.register(self.held)
        batches = Counter(
            "hcgw_status_batches", "Batches of live status, by what came of them.", ("outcome",), registry=registry
        )
        outcomes = (*(f"applied_{source}" for source in SOURCES), "repeated", *(one.value for one in BatchRefusal))
        self.batches = {outcome: batches.labels(outcome) for outcome in outcomes}
        self.changes = Counter("hcgw_status_changes", "Places that applied batches wrote.", registry=registry)
        self.batch_age = Histogram(
            "hcgw_status_batch_age_seconds",
            "Seconds from when an issuer made a batch until every worker here sees it.",
            buckets=_BATCH_AGES,
            registry=registry,
        )
        set_aside = Counter(
            "hcgw_status_lists_set_aside",
            "Lists or their files that are not used any more.",
            ("why",),
            registry=registry,
        )
        self.set_aside = {why: set_aside.labels(why) for why in SET_ASIDE}
        self.contradictions = Counter(
            "hcgw_status_contradictions",
            "Times that an issuer signed two batches under one number: somebody else has its keys.",
            registry=registry,
        )
        self.degraded = Gauge(
            "hcgw_status_degraded",
            "1 while no batch can be acknowledged: the store cannot be written.",
            registry=registry,
        )
        self.checkpoint_seconds = Histogram(
            "hcgw_status_checkpoint_seconds",
            "Seconds that a checkpoint of the lists took.",
            buckets=(0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
            registry=registry,
        )
        jumps = Counter("hcgw_clock_jumps", "Times that the system's clock was set.", ("direction",), registry=registry)
        self.clock_jumps = {direction: jumps.labels(direction) for direction in ("forward", "back")}
        self.lagging = Counter(
            "hcgw_status_subscribers_lagged", "Times that a follower or watch did not keep up.", registry=registry
        )


class ClockJumps:
    """Told of the clock by gateway/clock_watch.py (its observer)."""

    def __init__(self, metrics: StatusMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log

    def clock_jumped(self, seconds: float) -> None:
        """Count and tell that the clock was set, forward or (negative) back."""
        self._metrics.clock_jumps["forward" if seconds > 0 else "back"].inc()
        self._log.emit(ClockJumped(round(seconds, 3)))


class LedgerWatch:
    """Told of batches and lists by gateway/publishing (its `LedgerObserver`)."""

    def __init__(self, metrics: StatusMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log
        self._second = 0
        self._written = 0
        self._suppressed = 0

    def batch_applied(self, name: ListName, changes: int, age_s: float, source: StrEnum) -> None:  # noqa: ARG002
        """Count a batch that is visible now."""
        metrics = self._metrics
        metrics.batches[f"applied_{source.value}"].inc()
        metrics.changes.inc(changes)
        metrics.batch_age.observe(max(0.0, age_s))

    def batch_repeated(self, name: ListName) -> None:  # noqa: ARG002
        """Count a batch that was held already."""
        self._metrics.batches["repeated"].inc()

    def batch_refused(self, issuer: IssuerId | None, refusal: BatchRefusal) -> None:
        """Count a refused batch, and tell of it."""
        self._metrics.batches[refusal.value].inc()
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= _LINES_PER_SECOND:
            self._suppressed += 1
            return
        self._written += 1
        suppressed, self._suppressed = self._suppressed, 0
        self._log.emit(BatchRefused(issuer or "", refusal.value, suppressed))

    def issuer_contradicts_itself(self, name: ListName, number: int, held: bytes, other: bytes) -> None:
        """Count and tell that an issuer signed two histories of one list."""
        self._metrics.contradictions.inc()
        self._log.emit(IssuerContradictsItself(name.issuer, name.uri, number, held.hex(), other.hex()))

    def list_opened(self, name: ListName, capacity: int) -> None:
        """Tell of a new list."""
        self._log.emit(StatusListOpened(name.issuer, name.uri, capacity))

    def list_closed(self, name: ListName) -> None:
        """Tell of a list that is closed."""
        self._log.emit(StatusListClosed(name.issuer, name.uri))

    def list_adopted(self, name: ListName, number: int) -> None:
        """Tell of a list that was taken over from a snapshot."""
        self._log.emit(StatusListAdopted(name.issuer, name.uri, number))

    def list_set_aside(self, name: ListName, why: StrEnum) -> None:
        """Count and tell of a list, or a file, that is not used any more."""
        self._metrics.set_aside[why.value].inc()
        self._log.emit(StatusListSetAside(name.issuer, name.uri, why.value))

    def store_degraded(self, why: str) -> None:
        """Show and tell that nothing can be acknowledged from now on."""
        self._metrics.degraded.set(1)
        self._log.emit(StoreDegraded(why))

    def store_well(self) -> None:
        """Show and tell that the store works again."""
        self._metrics.degraded.set(0)
        self._log.emit(StoreWell())

    def checkpoint_done(self, seconds: float, lists: int) -> None:  # noqa: ARG002
        """Take the time of a checkpoint."""
        self._metrics.checkpoint_seconds.observe(seconds)

    def subscriber_lagged(self) -> None:
        """Count a subscriber who did not keep up."""
        self._metrics.lagging.inc()

    def ledger_failed(self, failure: Exception) -> None:
        """Tell of a fault of ours: the type and our own frames."""
        self._log.unhandled("loop", failure)
