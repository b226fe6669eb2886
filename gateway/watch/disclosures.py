"""What was disclosed: answers by profile, clinical items by item, basis and what became of them.

Counting is one dictionary step, as for verdicts. Labels are enumerations: who asked, and about whom, is no number.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Final

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.clinical import ClinicalItem, ClinicalQuestion, EntryState, LawfulBasis
from gateway.values import Profile

PROFILES: Final = ("hcgw_disclosures", "Verdicts that were told, by disclosure profile.", ("profile",))
ITEMS: Final = (
    "hcgw_clinical_items",
    "Clinical items that were asked for, by item, the lawful basis stated, and what became of it.",
    ("item", "basis", "state"),
)


class DisclosureCounts(Collector):
    """Counts disclosures (gateway/rpc's `WatchesDisclosures`). Use from one thread; may be collected from another."""

    def __init__(self) -> None:
        self._profiles = dict.fromkeys(Profile, 0)
        self._items = dict.fromkeys(product(ClinicalItem, LawfulBasis, EntryState), 0)

    def told(self, profile: Profile) -> None:
        """Count an answer."""
        self._profiles[profile] += 1

    def item_told(self, question: ClinicalQuestion, state: EntryState) -> None:
        """Count a clinical item that was asked for."""
        self._items[question.item, question.basis, state] += 1

    def collect(self) -> Iterable[Metric]:
        """Return the families, as the registry wants them."""
        profiles, items = self.describe()
        for profile, told in self._profiles.items():
            profiles.add_metric((profile.name,), told)
        for (item, basis, state), asked in self._items.items():
            items.add_metric((item.name, basis.name, state.name), asked)
        return (profiles, items)

    def describe(self) -> tuple[CounterMetricFamily, CounterMetricFamily]:
        """Return the families without series."""
        return CounterMetricFamily(*PROFILES[:2], labels=PROFILES[2]), CounterMetricFamily(*ITEMS[:2], labels=ITEMS[2])
