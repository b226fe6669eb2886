"""The replay guard: what showings were, how full its memory is, and how Redis does.

Labels are words of ours. Nothing tells of a code, a gate, a caller or an issuer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .events_replay import ReplayFound, ReplayGuardAlone, ReplayGuardShared, ReplayUnchecked
from .logs import EventLog

SEEN: Final = ("first", "same_passage", "suspected", "unchecked")
"""What a showing can be; a test holds this equal to what gateway/replay says."""

UNCHECKED: Final = ("full", "busy", "forgotten", "unusable")
"""Why it cannot be told; likewise."""

OFFERED: Final = ("taken", "conflict", "expired", "dropped")
"""What becomes of showings that Redis is told of afterwards; likewise."""

SAID_AGAIN_S: Final = 60.0
"""Seconds in which the same trouble is said once."""


class _Word(Protocol):
    """A member of an enumeration of gateway/replay, which nothing here imports."""

    @property
    def name(self) -> str:
        """Its name, in capitals."""
        ...


class ReplayMetrics:
    """The numbers of one process's guard."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the families, each with its zeros."""
        showings = Counter(
            "hcgw_replay_showings",
            "Dynamic codes that were shown, by what is known of it.",
            ("seen",),
            registry=registry,
        )
        unchecked = Counter(
            "hcgw_replay_unchecked",
            "Showings of which nobody could tell whether they were the first, by why.",
            ("why",),
            registry=registry,
        )
        self.alone = Counter(
            "hcgw_replay_local",
            "Showings that this machine decided alone although there are other nodes.",
            registry=registry,
        )
        offered = Counter(
            "hcgw_replay_offered",
            "Showings recorded here alone, by what became of them once Redis was back.",
            ("outcome",),
            registry=registry,
        )
        self.redis_up = Gauge(
            "hcgw_replay_redis_up", "1 while other nodes are asked; 1 if there are none.", registry=registry
        )
        self.redis_up.set(1)
        self.redis_seconds = Histogram(
            "hcgw_replay_redis_seconds",
            "Seconds from a question to Redis to its answer, if it came within the budget.",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25),
            registry=registry,
        )
        self.held = Gauge(
            "hcgw_replay_held",
            "Showings that are remembered, by all workers of this machine together.",
            registry=registry,
        )
        self.capacity = Gauge(
            "hcgw_replay_capacity", "Showings that one generation has room for; two are held.", registry=registry
        )
        self.showings = {seen: showings.labels(seen) for seen in SEEN}
        self.unchecked = {why: unchecked.labels(why) for why in UNCHECKED}
        self.offered = {outcome: offered.labels(outcome) for outcome in OFFERED}

    def show(self, held: Callable[[], float], capacity: float) -> None:
        """Show how full the memory is: asked at each look at the numbers."""
        self.held.set_function(held)
        self.capacity.set(capacity)


class ReplayWatch:
    """Told of every showing by gateway/replay (its `ReplayObserver`)."""

    __slots__ = ("_log", "_metrics", "_monotonic", "_said", "_seen")

    def __init__(self, metrics: ReplayMetrics, log: EventLog, monotonic: Callable[[], float]) -> None:
        self._metrics = metrics
        self._log = log
        self._monotonic = monotonic
        self._said: dict[str, float] = {}
        # By number: a dictionary of strings would cost a name to be made small for each showing.
        self._seen = tuple(metrics.showings[seen] for seen in ("first", "same_passage", "unchecked", "suspected"))

    def shown(self, seen: int, why: _Word | None, *, here_only: bool) -> None:
        """Count a showing; tell of one that cannot be checked, once a minute."""
        self._seen[seen].inc()
        if here_only:
            self._metrics.alone.inc()
        if why is not None:
            word = why.name.lower()
            self._metrics.unchecked[word].inc()
            if self._again(word):
                self._log.emit(ReplayUnchecked(word))

    def asked(self, seconds: float) -> None:
        """Take the time of an answer."""
        self._metrics.redis_seconds.observe(seconds)

    def shared_gone(self, why: str) -> None:
        """Tell that this machine decides alone."""
        self._metrics.redis_up.set(0)
        self._log.emit(ReplayGuardAlone(str(why)))

    def shared_back(self) -> None:
        """Tell that all nodes are asked again."""
        self._metrics.redis_up.set(1)
        self._log.emit(ReplayGuardShared())

    def offered(self, outcome: str, count: int = 1) -> None:
        """Count what became of showings that were recorded here alone; tell of replays that nobody saw in time."""
        self._metrics.offered[str(outcome)].inc(count)
        if outcome == "conflict":
            self._log.emit(ReplayFound(count))

    def failed(self, failure: Exception) -> None:
        """Tell of a fault of ours, once a minute: the type and our own frames, never the text."""
        if self._again(type(failure).__name__):
            self._log.unhandled("loop", failure)

    def _again(self, what: str) -> bool:
        now = self._monotonic()
        if now - self._said.get(what, -SAID_AGAIN_S) < SAID_AGAIN_S:
            return False
        self._said[what] = now
        return True
