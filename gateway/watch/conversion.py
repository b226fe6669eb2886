"""Conversions: how many were asked for and live, which places were marked, and how looking again goes.

Labels are words of ours: outcomes and states. Nothing tells of an issuer, a province or a code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.values import CodeState

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
    """The numbers of one gateway's conversions; a gateway.conversion.observer.ConversionObserver."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        outcomes: Iterable[str],
        rechecks: Iterable[str],
        failed: Callable[[Exception], None],
    ) -> None:
        """Make the families, with a 0 for each of `outcomes` and `rechecks`; `failed` is told of bugs."""
        self._asked = Counter(
            "hcgw_conversions", "Wishes for a converted code, by what came of them.", ("outcome",), registry=registry
        )
        self._live = Gauge("hcgw_conversions_live", "Converted codes that have not ended.", registry=registry)
        self._marked = Counter(
            "hcgw_conversions_marked", "Changes of a converted code's place, by what it reads then.", ("state",),
            registry=registry,
        )  # fmt: skip
        self._rechecked = Counter(
            "hcgw_conversion_rechecks", "New looks at originals of converted codes.", ("outcome",), registry=registry
        )
        self._failed = failed
        for outcome in outcomes:
            self._asked.labels(outcome)
        for outcome in rechecks:
            self._rechecked.labels(outcome)
        for state in MARKS:
            self._marked.labels(state.name)

    def conversion_asked(self, outcome: str) -> None:
        """See ConversionObserver."""
        self._asked.labels(outcome).inc()

    def conversions_live(self, count: int) -> None:
        """See ConversionObserver."""
        self._live.set(count)

    def conversion_marked(self, state: CodeState) -> None:
        """See ConversionObserver."""
        self._marked.labels(state.name).inc()

    def original_rechecked(self, outcome: str) -> None:
        """See ConversionObserver."""
        self._rechecked.labels(outcome).inc()

    def recheck_failed(self, failure: Exception) -> None:
        """See ConversionObserver."""
        self._failed(failure)
