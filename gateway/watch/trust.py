"""What is trusted, how old it is and when it ends, read from the snapshot in force at each scrape.

Rules:

- Ages and ends are of the snapshot that answers are given from, never of the file on disk.
- One series per issuer at the most: of an issuer's keys, the one that ends last, because that is when its codes stop
  being verifiable. An issuer with a key that never ends has none.
- A list that names no end has the end +Inf, so that an alert on the end never fires for want of a series.
"""

from __future__ import annotations

import math
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.values import Algorithm, Instant, IssuerId, IssuerProfile, KeyId, TrustedKey

AGE: Final = "hcgw_trust_list_age_seconds"
EXPIRY: Final = "hcgw_trust_list_expiry_timestamp_seconds"
EPOCH: Final = "hcgw_trust_epoch"
ISSUERS: Final = "hcgw_trust_issuers"
KEYS: Final = "hcgw_trust_keys"
REFUSED: Final = "hcgw_trust_keys_refused"
KEY_END: Final = "hcgw_key_not_after_timestamp_seconds"

HELP: Final[Mapping[str, str]] = {
    AGE: "Seconds since the oldest trust list in force was issued.",
    EXPIRY: "When the first of the trust lists in force ends; +Inf if none names an end.",
    EPOCH: "Grows by one with each reload of the trust lists since the start.",
    ISSUERS: "Issuers on the trust lists in force.",
    KEYS: "Keys in force, by algorithm.",
    REFUSED: "Keys that stand on the trust lists in force and were not taken.",
    KEY_END: "When an issuer's last key ends (trusted issuers whose keys end), or the gateway's own receipt key.",
}
_LABELS: Final[Mapping[str, tuple[str, ...]]] = {KEYS: ("algorithm",), KEY_END: ("issuer", "kid")}


class TrustInForce(Protocol):
    """What the metrics need to know of a trust snapshot."""

    @property
    def issued(self) -> Instant | None: ...  # noqa: D102
    @property
    def expires(self) -> Instant | None: ...  # noqa: D102
    @property
    def epoch(self) -> int: ...  # noqa: D102
    @property
    def issuers(self) -> Mapping[IssuerId, IssuerProfile]: ...  # noqa: D102
    @property
    def keys(self) -> Sequence[TrustedKey]: ...  # noqa: D102
    @property
    def refused(self) -> Sequence[object]: ...  # noqa: D102


def key_label(key_id: KeyId) -> str:
    """Return a key id as a label: its own text if it is printable ASCII, else base64url."""
    if key_id.isascii() and key_id.decode("ascii").isprintable():
        return key_id.decode("ascii")
    return urlsafe_b64encode(key_id).rstrip(b"=").decode("ascii")


class TrustMetrics(Collector):
    """Shows the trust snapshot in force. `own_key` is (issuer, key id, end or None) of the receipt key."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._snapshot: TrustInForce | None = None
        self._ends: list[tuple[IssuerId, KeyId, Instant]] = []
        self._algorithms: Counter[Algorithm] = Counter()
        self._own_key: tuple[str, KeyId, Instant | None] | None = None

    def in_force(self, snapshot: TrustInForce) -> None:
        """Show `snapshot` from now on."""
        self._ends = last_ends(snapshot.keys)
        self._algorithms = Counter(key.algorithm for key in snapshot.keys)
        self._snapshot = snapshot

    def own_key(self, issuer: str, key_id: KeyId, not_after: Instant | None) -> None:
        """Show the gateway's own receipt key from now on."""
        self._own_key = (issuer, key_id, not_after)

    def collect(self) -> Iterable[Metric]:
        """Return the families, as the registry wants them."""
        families = self._families()
        if (snapshot := self._snapshot) is not None:
            if snapshot.issued is not None:
                families[AGE].add_metric((), self._clock() - snapshot.issued)
            families[EXPIRY].add_metric((), _end(snapshot.expires))
            families[EPOCH].add_metric((), snapshot.epoch)
            families[ISSUERS].add_metric((), len(snapshot.issuers))
            families[REFUSED].add_metric((), len(snapshot.refused))
        for algorithm in Algorithm:
            families[KEYS].add_metric((algorithm.value,), self._algorithms[algorithm])
        for issuer, key_id, end in self._ends:
            families[KEY_END].add_metric((issuer, key_label(key_id)), end)
        if self._own_key is not None:
            own, key_id, not_after = self._own_key
            families[KEY_END].add_metric((own, key_label(key_id)), _end(not_after))
        return families.values()

    def describe(self) -> Iterable[Metric]:
        """Return the families without series."""
        return self._families().values()

    @staticmethod
    def _families() -> dict[str, GaugeMetricFamily]:
        return {name: GaugeMetricFamily(name, text, labels=_LABELS.get(name, ())) for name, text in HELP.items()}


def last_ends(keys: Iterable[TrustedKey]) -> list[tuple[IssuerId, KeyId, Instant]]:
    """Return, for each issuer whose keys all end, the one that ends last."""
    ends: dict[IssuerId, tuple[KeyId, Instant] | None] = {}
    for key in keys:
        if key.not_after is None:
            ends[key.issuer] = None
            continue
        found = ends.get(key.issuer, (key.key_id, key.not_after))
        if found is not None:
            ends[key.issuer] = max(found, (key.key_id, key.not_after), key=lambda one: one[1])
    return [(issuer, *end) for issuer, end in ends.items() if end is not None]


def _end(instant: Instant | None) -> float:
    return math.inf if instant is None else instant
