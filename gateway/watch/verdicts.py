"""hcgw_verifications_total: verifications by issuer, format, measure and deciding reason.

Rules:

- Labels are bounded by what we hold, never by what a caller sends: the issuer is one of the trust list, and only once
  the signature has proven it; otherwise "unknown". Format, measure and reason are enumerations.
- Counting is one dictionary step (no label look-up, no lock): everything that counts runs on the event loop.
- Prefilled with 0: for "unknown", each format with each reason of the steps before an issuer is proven, under the one
  measure that the reason brings. For the issuers of the trust list, each of their formats with each reason of the
  later steps under the measures that it can bring, while that makes at most `PREFILL_LIMIT` series; with more issuers
  a series starts at its first verdict, because 27 series for each of hundreds of issuers would cost every scrape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.errors import REASONS, Effect, Reason, Step
from gateway.values import Decision, Format, IssuerId, IssuerProfile, Measure

NAME: Final = "hcgw_verifications"
HELP: Final = "Codes judged, by issuer (of the trust list, else unknown), format, measure and deciding reason."
LABELS: Final = ("issuer", "format", "measure", "reason")
UNKNOWN: Final = IssuerId("unknown")
PREFILL_LIMIT: Final = 2_000

_BEFORE_ISSUER = frozenset({Step.DECODE, Step.SIGNATURE})
_MEASURES: Final[Mapping[Effect, tuple[Measure, ...]]] = {
    Effect.DENY: (Measure.DENY,),
    Effect.MANUAL: (Measure.MANUAL,),
    Effect.NOTE: (),
    Effect.RULE: (Measure.LIMITED, Measure.DENY, Measure.MANUAL),
}

_Series = tuple[IssuerId | None, Format, Measure, Reason]


def outcomes(*, issuer_proven: bool) -> Iterator[tuple[Measure, Reason]]:
    """Yield each measure with each reason that may decide it, before or after the issuer is proven.

    A condition follows the state that decided, so it is never the deciding reason itself; only green may pass.
    """
    if issuer_proven:
        yield Measure.PASS, Reason.STATE_GREEN
    for reason, row in REASONS.items():
        if (row.step in _BEFORE_ISSUER) is not issuer_proven and not reason.name.startswith("CONDITION_"):
            for measure in _MEASURES[row.effect]:
                yield measure, reason


class VerdictCounts(Collector):
    """Counts verdicts. Use from one thread; may be collected from another."""

    def __init__(self) -> None:
        self._counts: dict[_Series, int] = {
            (None, found, measure, reason): 0 for found in Format for measure, reason in outcomes(issuer_proven=False)
        }

    def count(self, decision: Decision) -> None:
        """Count one decision."""
        series = (decision.issuer, decision.format, decision.measure, decision.reasons[0])
        counts = self._counts
        counts[series] = counts.get(series, 0) + 1

    def prefill(self, issuers: Iterable[IssuerProfile]) -> None:
        """Show 0 for what has not happened yet, as the module says. Keeps what was counted."""
        later = tuple(outcomes(issuer_proven=True))
        pairs = [(profile.issuer, found) for profile in issuers for found in sorted(profile.formats)]
        if len(pairs) * len(later) > PREFILL_LIMIT:
            return
        for issuer, found in pairs:
            for measure, reason in later:
                self._counts.setdefault((issuer, found, measure, reason), 0)

    def collect(self) -> Iterable[Metric]:
        """Return the family, as the registry wants it."""
        family = CounterMetricFamily(NAME, HELP, labels=LABELS)
        for (issuer, found, measure, reason), value in list(self._counts.items()):
            family.add_metric((issuer or UNKNOWN, found.value, measure.name, reason.name), value)
        return (family,)

    def describe(self) -> Iterable[Metric]:
        """Return the family without series."""
        return (CounterMetricFamily(NAME, HELP, labels=LABELS),)
