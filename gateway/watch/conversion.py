"""Conversions: how many were asked for and live, which places were marked, and how looking again goes.

Labels are words of ours: outcomes and states. Nothing tells of an issuer, a province or a code.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.errors import GatewayError
from gateway.values import CodeState

from .logs import EventLog

OUTCOMES: Final = (
    "converted",
    "not_let_through",
    "suspected",
    "already_converted",
    "unnamed",
    "undated",
    "ending",
    "full",
)
"""What comes of a wish for a converted code; a test holds this equal to what gateway/conversion says."""

RECHECKS: Final = ("stands", "worse", "silent")
"""What a new look at an original gives; a test holds this equal, too."""

MARKS: Final = (
    CodeState.GREEN,
    CodeState.YELLOW,
    CodeState.RED,
    CodeState.UNDER_REVIEW,
    CodeState.UNCONFIRMED,
    CodeState.STALE_DECLARATION,
    CodeState.REVOKED,
    CodeState.UNKNOWN,
)
"""What a place can read. Back to a colour: from unknown, once the original was heard of again."""


class ConversionMetrics:
    """The numbers of one gateway's conversions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the families, each with its zeros."""
        asked = Counter(
            "hcgw_conversions", "Wishes for a converted code, by what came of them.", ("outcome",), registry=registry
        )
        marked = Counter(
            "hcgw_conversion_marks",
            "Changes of a converted code's place in the status list, by what it reads then.",
            ("state",),
            registry=registry,
        )
        looked = Counter(
            "hcgw_conversion_rechecks",
            "New looks at originals of converted codes, by what they gave.",
            ("outcome",),
            registry=registry,
        )
        self.live = Gauge("hcgw_conversions_live", "Converted codes that have not ended.", registry=registry)
        self.published = Histogram(
            "hcgw_conversion_list_publish_seconds",
            "Seconds from a change of a converted code's place until every process here can read it.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0),
            registry=registry,
        )
        self.unpublished = Counter(
            "hcgw_conversion_list_failures",
            "Times that a batch of the own lists was not taken; it is sent again.",
            registry=registry,
        )
        self.asked = {outcome: asked.labels(outcome) for outcome in OUTCOMES}
        self.looked = {outcome: looked.labels(outcome) for outcome in RECHECKS}
        self.marked = {state: marked.labels(state.name) for state in MARKS}


class RegisterWatch:
    """Told by gateway/conversion how the lists of converted codes reach the keeper (its `PublishingObserver`)."""

    __slots__ = ("_log", "_metrics")

    def __init__(self, metrics: ConversionMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log

    def register_published(self, changes: int, seconds: float) -> None:  # noqa: ARG002
        """Take the time that a batch took."""
        self._metrics.published.observe(seconds)

    def register_unpublished(self, failure: Exception) -> None:
        """Count a batch that is not held yet; tell of it if it is a fault of ours."""
        self._metrics.unpublished.inc()
        if not isinstance(failure, GatewayError):
            self._log.unhandled("loop", failure)


class ConversionWatch:
    """Told of every conversion by gateway/conversion (its `ConversionObserver`)."""

    __slots__ = ("_log", "_metrics")

    def __init__(self, metrics: ConversionMetrics, log: EventLog) -> None:
        self._metrics = metrics
        self._log = log

    def conversion_asked(self, outcome: str) -> None:
        """Count what came of a wish."""
        self._metrics.asked[outcome].inc()

    def conversions_live(self, count: int) -> None:
        """Show how many converted codes live."""
        self._metrics.live.set(count)

    def conversion_marked(self, state: CodeState) -> None:
        """Count a place that reads something else now."""
        self._metrics.marked[state].inc()

    def original_rechecked(self, outcome: str) -> None:
        """Count a new look."""
        self._metrics.looked[outcome].inc()

    def recheck_failed(self, failure: Exception) -> None:
        """Tell of a fault of ours: the type and our own frames, never the text, which may quote a code."""
        self._log.unhandled("loop", failure)
