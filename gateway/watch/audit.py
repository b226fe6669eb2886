"""The audit log: entries and who waits for them, the one writer and its disk, other nodes' heads.

Rules:

- Labels are the two logs, words of ours, and peers' names of the configuration.
- What lasts is logged when it begins and when it ends.
- How many entries there are is read off the outboxes at a scrape: an entry costs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.values import Instant

from .events_audit import (
    AuditAvailable,
    AuditDegraded,
    AuditEntriesLost,
    AuditForgotten,
    AuditHeadsDisagree,
    AuditNotPublished,
    AuditOpened,
    AuditPeerBack,
    AuditPeerGone,
    AuditRunCutOff,
    AuditUnavailable,
    AuditWell,
)
from .logs import EventLog

if TYPE_CHECKING:
    from enum import StrEnum

LOGS: Final = ("decisions", "changes")
"""A test holds this equal to what gateway/audit says; so it does the next two."""

PEER_FAULTS: Final = ("forked", "rolled_back", "own_forked")

_WAITS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_APPENDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class OutboxSeen(Protocol):
    """What the metrics need to know of an outbox."""

    @property
    def log(self) -> StrEnum: ...  # noqa: D102
    @property
    def put_so_far(self) -> int: ...  # noqa: D102
    @property
    def waiting(self) -> int: ...  # noqa: D102


class OutboxNumbers(Collector):
    """What this process has to write, looked at at each scrape."""

    def __init__(self) -> None:
        self._outboxes: Callable[[], Sequence[OutboxSeen]] = tuple

    def show(self, outboxes: Callable[[], Sequence[OutboxSeen]]) -> None:
        """Show what `outboxes` returns, from now on."""
        self._outboxes = outboxes

    def collect(self) -> Iterable[Metric]:
        """Return the families, as the registry wants them."""
        put, waiting = self.describe()
        for outbox in self._outboxes():
            put.add_metric((outbox.log.value,), float(outbox.put_so_far))
            waiting.add_metric((outbox.log.value,), float(outbox.waiting))
        return put, waiting

    def describe(self) -> tuple[CounterMetricFamily, GaugeMetricFamily]:
        """Return the families without series."""
        return (
            CounterMetricFamily("hcgw_audit_entries", "Entries that this process had to write.", labels=("log",)),
            GaugeMetricFamily("hcgw_audit_entries_waiting", "Those that are not durable yet.", labels=("log",)),
        )


class AuditMetrics:
    """The numbers of one process about the audit log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the families, each with its zeros."""
        self.outboxes = OutboxNumbers()
        registry.register(self.outboxes)
        self.wait_seconds = Histogram(
            "hcgw_audit_wait_seconds",
            "Seconds that answers waited for their entry to be durable.",
            buckets=_WAITS,
            registry=registry,
        )
        answers = Counter(
            "hcgw_audit_answers",
            "Answers that could not wait for their entry: not given, or given without.",
            ("outcome",),
            registry=registry,
        )
        self.answers = {outcome: answers.labels(outcome) for outcome in ("refused", "untraced")}
        self.lost = _by_log(
            Counter("hcgw_audit_entries_lost", "Entries that found no room and are lost.", ("log",), registry=registry)
        )
        self.unavailable = _by_log(
            Gauge(
                "hcgw_audit_unavailable",
                "1 while this process cannot have its entries written.",
                ("log",),
                registry=registry,
            )
        )
        self.degraded = _by_log(
            Gauge("hcgw_audit_degraded", "1 while a log cannot be written.", ("log",), registry=registry)
        )
        append = Histogram(
            "hcgw_audit_append_seconds",
            "Seconds that a group of entries took to be durable.",
            ("log",),
            buckets=_APPENDS,
            registry=registry,
        )
        self.append_seconds = {log: append.labels(log) for log in LOGS}
        self.size = _by_log(Gauge("hcgw_audit_log_entries", "Entries of a log.", ("log",), registry=registry))
        self.published = _by_log(
            Gauge("hcgw_audit_published_entries", "Entries under the last checkpoint.", ("log",), registry=registry)
        )
        self.published_at = _by_log(
            Gauge(
                "hcgw_audit_published_timestamp_seconds",
                "When a checkpoint was last published.",
                ("log",),
                registry=registry,
            )
        )
        self.forgotten = _by_log(
            Gauge(
                "hcgw_audit_forgotten_entries",
                "Entries, from the first on, that were deleted because their time was over.",
                ("log",),
                registry=registry,
            )
        )
        self.cut_off = _by_log(
            Counter(
                "hcgw_audit_runs_cut_off",
                "Processes that ended without a word and may have taken entries with them.",
                ("log",),
                registry=registry,
            )
        )
        self._compared = Gauge(
            "hcgw_audit_peer_compared_timestamp_seconds",
            "When a peer's heads were last compared and found to go together.",
            ("peer",),
            registry=registry,
        )
        self._reachable = Gauge(
            "hcgw_audit_peer_reachable",
            "1 if a peer's heads could be had at the last look.",
            ("peer",),
            registry=registry,
        )
        self._disagreed = Counter(
            "hcgw_audit_heads_disagree",
            "Pairs of signed heads of one log that do not go together.",
            ("peer", "fault"),
            registry=registry,
        )

    def announce(self, peer: str) -> None:
        """Show a peer before it was looked at."""
        self._compared.labels(peer).set(0)
        self._reachable.labels(peer).set(0)
        for fault in PEER_FAULTS:
            self._disagreed.labels(peer, fault)

    def compared(self, peer: str, at: Instant) -> None:
        """Show that a peer's heads go together."""
        self._compared.labels(peer).set(at)

    def reachable(self, peer: str, *, reachable: bool) -> None:
        """Show whether a peer's heads could be had."""
        self._reachable.labels(peer).set(1 if reachable else 0)

    def disagree(self, peer: str, fault: str) -> None:
        """Count two heads that do not go together."""
        self._disagreed.labels(peer, fault).inc()


_Family = TypeVar("_Family", Gauge, Counter)


def _by_log(family: _Family) -> dict[str, _Family]:
    return {log: family.labels(log) for log in LOGS}


class OutboxWatch:
    """Told of a process's entries by gateway/recording (its `OutboxObserver`)."""

    def __init__(self, metrics: AuditMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log
        self._losing: set[str] = set()

    def entry_lost(self, log: StrEnum) -> None:
        """Count an entry that found no room; tell of the first."""
        self._metrics.lost[log.value].inc()
        if log.value not in self._losing:
            self._losing.add(log.value)
            self._log.emit(AuditEntriesLost(log.value))

    def unavailable(self, log: StrEnum, trouble: StrEnum) -> None:
        """Show and tell that nothing can be written from now on."""
        self._metrics.unavailable[log.value].set(1)
        self._log.emit(AuditUnavailable(log.value, trouble.value))

    def available(self, log: StrEnum, seconds: float) -> None:
        """Show and tell that it can again."""
        self._metrics.unavailable[log.value].set(0)
        self._losing.discard(log.value)
        self._log.emit(AuditAvailable(log.value, round(seconds, 3)))

    def waited(self, seconds: float) -> None:
        """Take the time that an answer waited."""
        self._metrics.wait_seconds.observe(seconds)

    def refused(self) -> None:
        """Count an answer that was not given."""
        self._metrics.answers["refused"].inc()

    def untraced(self) -> None:
        """Count an answer that was given before its entry was durable."""
        self._metrics.answers["untraced"].inc()


class LogWatch:
    """Told of the logs by gateway/recording (its `OwnerObserver`, and what else the owner does)."""

    def __init__(self, metrics: AuditMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log
        self._unpublished: set[str] = set()

    def opened(self, log: StrEnum, entries: int, *, torn: bool) -> None:
        """Show and tell of a log that is open."""
        self._metrics.size[log.value].set(entries)
        self._log.emit(AuditOpened(log.value, entries, torn))

    def appended(self, log: StrEnum, entries: int, seconds: float, size: int) -> None:  # noqa: ARG002
        """Take the time of a group, and show how long the log is."""
        self._metrics.append_seconds[log.value].observe(seconds)
        self._metrics.size[log.value].set(size)

    def published(self, log: StrEnum, size: int, at: Instant) -> None:
        """Show a checkpoint."""
        self._metrics.published[log.value].set(size)
        self._metrics.published_at[log.value].set(at)
        self._unpublished.discard(log.value)

    def not_published(self, log: StrEnum, why: str) -> None:
        """Tell of a checkpoint that could not be written, once."""
        if log.value not in self._unpublished:
            self._unpublished.add(log.value)
            self._log.emit(AuditNotPublished(log.value, why))

    def degraded(self, log: StrEnum, why: str) -> None:
        """Show and tell that a log cannot be written."""
        self._metrics.degraded[log.value].set(1)
        self._log.emit(AuditDegraded(log.value, why))

    def well(self, log: StrEnum, why: str, seconds: float) -> None:  # noqa: ARG002
        """Show and tell that it can again."""
        self._metrics.degraded[log.value].set(0)
        self._log.emit(AuditWell(log.value, round(seconds, 3)))

    def failed(self, failure: BaseException) -> None:
        """Tell of a fault of ours: the type and our own frames."""
        self._log.unhandled("loop", failure)

    def cut_off(self, log: StrEnum) -> None:
        """Count and tell of a process that ended without a word."""
        self._metrics.cut_off[log.value].inc()
        self._log.emit(AuditRunCutOff(log.value))

    def forgotten(self, log: StrEnum, entries: int) -> None:
        """Show and tell up to where nothing is left."""
        self._metrics.forgotten[log.value].set(entries)
        self._log.emit(AuditForgotten(log.value, entries))


class PeerWatch:
    """Told of other nodes' heads by gateway/recording (its `PeerObserver`)."""

    def __init__(self, metrics: AuditMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log
        self._gone: set[str] = set()
        self._disagreeing: set[tuple[str, str, str]] = set()

    def compared(self, peer: str, at: Instant) -> None:
        """Show that a peer's heads go together; tell if it was gone."""
        self._metrics.reachable(peer, reachable=True)
        self._metrics.compared(peer, at)
        self._disagreeing = {one for one in self._disagreeing if one[0] != peer}
        if peer in self._gone:
            self._gone.discard(peer)
            self._log.emit(AuditPeerBack(peer))

    def gone(self, peer: str, why: str) -> None:
        """Show that a peer's heads cannot be had; tell it once."""
        self._metrics.reachable(peer, reachable=False)
        if peer not in self._gone:
            self._gone.add(peer)
            self._log.emit(AuditPeerGone(peer, why))

    def disagree(self, peer: str, origin: str, fault: StrEnum, held: int, shown: int) -> None:
        """Count two heads of one log that do not go together, at each look; tell of them once, until they do."""
        self._metrics.reachable(peer, reachable=True)
        self._metrics.disagree(peer, fault.value)
        if (peer, origin, fault.value) not in self._disagreeing:
            self._disagreeing.add((peer, origin, fault.value))
            self._log.emit(AuditHeadsDisagree(peer, origin, fault.value, held, shown))

    def failed(self, failure: BaseException) -> None:
        """Tell of a fault of ours: the type and our own frames."""
        self._log.unhandled("loop", failure)
