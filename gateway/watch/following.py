"""Following other gateways and issuers' plain lists, and callers' watches: how it goes.

Rules:

- Sources are named by the configuration, outcomes by us: nothing that arrives is ever a label.
- A source that is away is told once, until it is back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.values import Instant

from .events_status import SourceBack, SourceGone, SourceListRefused, TokenListLapsed
from .logs import EventLog

if TYPE_CHECKING:
    from enum import StrEnum

    from gateway.changes import BatchRefusal, ListName
    from gateway.values import IssuerId

FAILURES: Final = ("unreachable", "refused", "silent", "broken", "gap", "store_degraded")
"""Why a session with a source ends; a test holds this equal to what gateway/follow says."""

_CHANGE_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class FollowMetrics:
    """The numbers of sources that are followed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the families."""
        self._connected = Gauge(
            "hcgw_follow_connected", "1 while a gateway that is followed sends.", ("source",), registry=registry
        )
        self._heard = Gauge(
            "hcgw_follow_caught_up_timestamp_seconds",
            "When a source last said that everything it holds has arrived.",
            ("source",),
            registry=registry,
        )
        self._batches = Counter(
            "hcgw_follow_batches", "Batches that came from a source.", ("source", "outcome"), registry=registry
        )
        self._snapshots = Counter(
            "hcgw_follow_snapshots",
            "Lists that were taken over from a source's snapshot.",
            ("source",),
            registry=registry,
        )
        self._refused = Counter(
            "hcgw_follow_lists_refused", "Times that a source's list was refused.", ("source",), registry=registry
        )
        self._failures = Counter(
            "hcgw_follow_failures", "Sessions with a source that ended, by why.", ("source", "why"), registry=registry
        )

    def announce(self, source: str) -> None:
        """Show a source before anything happened to it."""
        self._connected.labels(source).set(0)
        self._heard.labels(source).set(0)
        for outcome in ("new", "repeated"):
            self._batches.labels(source, outcome)
        self._snapshots.labels(source)
        self._refused.labels(source)
        for why in FAILURES:
            self._failures.labels(source, why)

    def connected(self, source: str, *, connected: bool) -> None:
        """Show whether a source sends."""
        self._connected.labels(source).set(1 if connected else 0)

    def caught_up(self, source: str, at: float) -> None:
        """Show when everything had arrived."""
        self._heard.labels(source).set(at)

    def batch(self, source: str, *, repeated: bool) -> None:
        """Count a batch."""
        self._batches.labels(source, "repeated" if repeated else "new").inc()

    def snapshot(self, source: str) -> None:
        """Count a snapshot."""
        self._snapshots.labels(source).inc()

    def refused(self, source: str) -> None:
        """Count a list that is refused."""
        self._refused.labels(source).inc()

    def failed(self, source: str, why: str) -> None:
        """Count the end of a session."""
        self._failures.labels(source, why).inc()


class FollowWatch:
    """Told of sources by gateway/follow (its `FollowObserver`)."""

    def __init__(self, metrics: FollowMetrics, log: EventLog, clock: Callable[[], Instant]) -> None:
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._gone: set[str] = set()

    def connected(self, source: IssuerId) -> None:
        """Show that a source sends; tell it if it was gone."""
        self._metrics.connected(source, connected=True)
        if source in self._gone:
            self._gone.discard(source)
            self._log.emit(SourceBack(source))

    def caught_up(self, source: IssuerId) -> None:
        """Show that everything has arrived."""
        self._metrics.caught_up(source, self._clock())

    def batch_followed(self, source: IssuerId, name: ListName, *, repeated: bool) -> None:  # noqa: ARG002
        """Count a batch."""
        self._metrics.batch(source, repeated=repeated)

    def list_set_aside(self, source: IssuerId, name: ListName, refusal: BatchRefusal) -> None:
        """Count and tell that a source's list is refused."""
        self._metrics.refused(source)
        self._log.emit(SourceListRefused(source, name.issuer, name.uri, refusal.value))

    def snapshot_taken(self, source: IssuerId, name: ListName, number: int) -> None:  # noqa: ARG002
        """Count a snapshot."""
        self._metrics.snapshot(source)

    def failed(self, source: IssuerId, why: StrEnum) -> None:
        """Count the end of a session; tell it once, until the source is back."""
        self._metrics.failed(source, why.value)
        self._metrics.connected(source, connected=False)
        if source not in self._gone:
            self._gone.add(source)
            self._log.emit(SourceGone(source, why.value))

    def follower_failed(self, source: IssuerId, failure: Exception) -> None:  # noqa: ARG002
        """Tell of a fault of ours: the type and our own frames."""
        self._log.unhandled("loop", failure)


class TokenListWatch:
    """Told of plain lists by gateway/follow (its `TokenListObserver`). Each counts under its issuer as the source."""

    def __init__(self, metrics: FollowMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log
        self._refused: set[ListName] = set()

    def taken(self, name: ListName, capacity: int, token_bytes: int) -> None:  # noqa: ARG002
        """Count a newer list."""
        self._metrics.snapshot(name.issuer)
        self._came(name)

    def unchanged(self, name: ListName) -> None:
        """Show that the issuer answers."""
        self._came(name)

    def refused(self, name: ListName, refusal: StrEnum, detail: str) -> None:  # noqa: ARG002
        """Count what was not taken; tell it once, until the issuer's list is taken again."""
        self._metrics.refused(name.issuer)
        self._metrics.connected(name.issuer, connected=False)
        if name not in self._refused:
            self._refused.add(name)
            self._log.emit(SourceListRefused(name.issuer, name.issuer, name.uri, refusal.value))

    def lapsed(self, name: ListName) -> None:
        """Tell that a list says nothing any more."""
        self._log.emit(TokenListLapsed(name.issuer, name.uri))

    def follower_failed(self, name: ListName, failure: Exception) -> None:  # noqa: ARG002
        """Tell of a fault of ours: the type and our own frames."""
        self._log.unhandled("loop", failure)

    def _came(self, name: ListName) -> None:
        self._refused.discard(name)
        self._metrics.connected(name.issuer, connected=True)


class WatchMetrics:
    """The numbers of callers' watches."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the families, each with its zeros."""
        self.watches = Gauge("hcgw_watches", "Watches that callers have open, or may go on with.", registry=registry)
        self.codes = Gauge("hcgw_watched_codes", "Codes that are watched.", registry=registry)
        self.changed = Histogram(
            "hcgw_watch_change_seconds",
            "Seconds from a change until the watched code's new verdict stood.",
            buckets=_CHANGE_SECONDS,
            registry=registry,
        )
        self.lost = Counter("hcgw_watches_lost", "Times that a caller could not go on with a watch.", registry=registry)


class WatchesWatch:
    """Told of watches by gateway/watches (its `WatchObserver`)."""

    def __init__(self, metrics: WatchMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log

    def watches_held(self, watches: int, codes: int) -> None:
        """Show how many there are."""
        self._metrics.watches.set(watches)
        self._metrics.codes.set(codes)

    def code_changed(self, seconds: float) -> None:
        """Take the time to a new verdict."""
        self._metrics.changed.observe(seconds)

    def watch_lost(self) -> None:
        """Count a watch that could not be gone on with."""
        self._metrics.lost.inc()

    def judging_failed(self, failure: Exception) -> None:
        """Tell of a fault of ours: the type and our own frames."""
        self._log.unhandled("loop", failure)
