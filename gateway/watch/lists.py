"""The published lists in force: how old they are and when they end, read at each scrape.

One series per issuer and kind: both are of the lists that are held, never of a question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.values import Instant, IssuerId

AGE: Final = "hcgw_published_list_age_seconds"
EXPIRY: Final = "hcgw_published_list_expiry_timestamp_seconds"
_HELP: Final = {
    AGE: "Seconds since a published list in force was issued, by issuer and kind (journeys, places).",
    EXPIRY: "When a published list ends: from then on what it covered is unknown.",
}
_LABELS: Final = ("issuer", "kind")


class ListInForce(Protocol):
    """What the metrics need to know of one list."""

    @property
    def issuer(self) -> IssuerId: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def issued(self) -> Instant: ...  # noqa: D102
    @property
    def expires(self) -> Instant: ...  # noqa: D102


class ListMetrics(Collector):
    """Shows the published lists in force."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._lists: Sequence[ListInForce] = ()

    def in_force(self, lists: Sequence[ListInForce]) -> None:
        """Show `lists` from now on."""
        self._lists = lists

    def collect(self) -> Iterable[Metric]:
        """Return the families, as the registry wants them."""
        families = {name: GaugeMetricFamily(name, text, labels=_LABELS) for name, text in _HELP.items()}
        at = self._clock()
        for one in self._lists:
            families[AGE].add_metric((one.issuer, one.kind), at - one.issued)
            families[EXPIRY].add_metric((one.issuer, one.kind), one.expires)
        return families.values()

    def describe(self) -> Iterable[Metric]:
        """Return the families without series."""
        return [GaugeMetricFamily(name, text, labels=_LABELS) for name, text in _HELP.items()]
