"""The questions to the provinces: how many, how they ended, how long they took, and what the lanes are doing.

Rules:

- Labels are names of profiles and enumerated words; nothing of a code or an answer.
- Every combination is prefilled with 0 when a province's lane is made, so that the first failure is seen as a rise.
- Counters are looked up once per province.
- A province that is taken out of the profiles keeps its counts and loses its gauges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REQUESTS: Final = "hcgw_upstream_requests"
SECONDS: Final = "hcgw_upstream_seconds"
IN_FLIGHT: Final = "hcgw_upstream_in_flight"
BREAKER: Final = "hcgw_breaker_state"
FALLBACKS: Final = "hcgw_upstream_fallbacks"
SAVED: Final = "hcgw_upstream_saved"

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
"""With edges at the objectives, and at the usual deadlines."""

ANSWERED: Final = "answered"
FAILED: Final = "failed"
REFUSED: Final = "refused"
NOT_PUT: Final = frozenset({"shed", "resting"})
"""Outcomes of questions that never went out; they took no time."""
OUTCOMES: Final = (
    ANSWERED,
    "timeout",
    "unreachable",
    "overloaded",
    "server_error",
    "error_number",
    REFUSED,
    "garbage",
    "wrong_code",
    "bad_signature",
    *sorted(NOT_PUT),
)
"""How a question may end; a test holds this equal to the failures that gateway/provinces knows."""


@dataclass(frozen=True, slots=True)
class ProvinceSeries:
    """The series of one province, looked up once."""

    requests: Mapping[str, Counter]
    """By outcome."""
    seconds: Histogram
    fallbacks: Mapping[bool, Counter]
    """By whether the national platform answered."""
    remembered: Counter
    joined: Counter


class ProvinceMetrics:
    """The hcgw_upstream_* families and the breakers of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        one, two = ("province",), ("province", "outcome")
        self._requests = Counter(
            REQUESTS, "Questions to provinces, each attempt, by how it ended.", two, registry=registry
        )
        self._seconds = Histogram(
            SECONDS,
            "Seconds from putting a question to a province to its end.",
            one,
            buckets=BUCKETS,
            registry=registry,
        )
        self._in_flight = Gauge(IN_FLIGHT, "Questions that are with the province now.", one, registry=registry)
        self._breaker = Gauge(
            BREAKER, "The province's breaker: 0 closed, 1 half-open, 2 open (it is left alone).", one, registry=registry
        )
        self._fallbacks = Counter(
            FALLBACKS, "Times that the national platform was asked in the province's place.", two, registry=registry
        )
        self._saved = Counter(
            SAVED,
            "Questions that were not put: remembered, or joined to an equal one under way.",
            ("province", "how"),
            registry=registry,
        )
        self._provinces: dict[str, ProvinceSeries] = {}

    def of(self, province: str) -> ProvinceSeries:
        """Return the series of a province, prefilled if they are new."""
        return self._provinces.get(province) or self._provinces.setdefault(province, self._series(province))

    def show_breaker(self, province: str, state: int) -> None:
        """Show the state of its breaker."""
        self._breaker.labels(province).set(state)

    def show_in_flight(self, province: str, questions: int) -> None:
        """Show how many questions are with it."""
        self._in_flight.labels(province).set(questions)

    def gone(self, province: str) -> None:
        """Take its gauges away."""
        self._in_flight.remove(province)
        self._breaker.remove(province)

    def _series(self, province: str) -> ProvinceSeries:
        return ProvinceSeries(
            requests={outcome: self._requests.labels(province, outcome) for outcome in OUTCOMES},
            seconds=self._seconds.labels(province),
            fallbacks={
                answered: self._fallbacks.labels(province, ANSWERED if answered else FAILED)
                for answered in (True, False)
            },
            remembered=self._saved.labels(province, "remembered"),
            joined=self._saved.labels(province, "joined"),
        )
