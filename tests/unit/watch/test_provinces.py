"""What is told of the provinces: counts, states, and the few lines in the log."""

from __future__ import annotations

import io
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.provinces.breaker import BreakerState
from gateway.provinces.dialect import UpstreamFailure
from gateway.provinces.observer import ANSWERED, ProvinceObserver
from gateway.provinces.profile import ProvinceName
from gateway.watch.logs import EventLog
from gateway.watch.metrics import Metrics
from gateway.watch.observer import LaneObserver
from gateway.watch.provinces import BUCKETS, NOT_PUT, OUTCOMES
from tests.conftest import FakeClock

CANARY = "Canary Zhang 330102199001011234"
ZHEJIANG, GUIZHOU = ProvinceName("zhejiang"), ProvinceName("guizhou")
Labels = dict[str, str]


class Bench:
    """An observer with its numbers and its log."""

    def __init__(self, clock: FakeClock) -> None:
        self.metrics = Metrics(clock, version="1")
        self.stream = io.StringIO()
        self.observer: ProvinceObserver = LaneObserver(self.metrics.provinces, EventLog(self.stream))

    def samples(self, name: str) -> list[tuple[Labels, float]]:
        body, _ = self.metrics.exposition("")
        families = text_string_to_metric_families(body.decode())
        return [(one.labels, one.value) for family in families for one in family.samples if one.name == name]

    def value(self, name: str, **labels: str) -> float:
        (found,) = [number for its, number in self.samples(name) if its.items() >= labels.items()]
        return found

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def bench(clock: FakeClock) -> Bench:
    return Bench(clock)


def test_the_outcomes_are_those_that_there_are() -> None:
    assert set(OUTCOMES) == {ANSWERED, *(failure.value for failure in UpstreamFailure)}
    assert len(OUTCOMES) == len(set(OUTCOMES))
    assert {UpstreamFailure.SHED.value, UpstreamFailure.RESTING.value} == NOT_PUT


def test_a_new_lane_is_prefilled(bench: Bench) -> None:
    assert bench.samples("hcgw_breaker_state") == []
    bench.observer.breaker(ZHEJIANG, BreakerState.CLOSED)
    bench.observer.in_flight(ZHEJIANG, 0)
    its = {"province": "zhejiang"}
    assert bench.samples("hcgw_breaker_state") == [(its, 0)]
    assert bench.samples("hcgw_upstream_in_flight") == [(its, 0)]
    assert bench.samples("hcgw_upstream_seconds_count") == [(its, 0)]
    assert bench.samples("hcgw_upstream_requests_total") == [({**its, "outcome": one}, 0) for one in OUTCOMES]
    assert {labels["how"] for labels, _ in bench.samples("hcgw_upstream_saved_total")} == {"remembered", "joined"}
    assert {labels["outcome"] for labels, _ in bench.samples("hcgw_upstream_fallbacks_total")} == {"answered", "failed"}
    edges = {labels["le"] for labels, _ in bench.samples("hcgw_upstream_seconds_bucket")}
    assert {"0.05", "0.1", "0.3", "0.5", "1.0", "3.0", "+Inf"} <= edges
    assert len(edges) == len(BUCKETS) + 1
    assert bench.events() == []


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_is_counted_and_timed_if_it_went_out(bench: Bench, outcome: str) -> None:
    bench.observer.asked(ZHEJIANG, outcome, 0.2)
    assert bench.value("hcgw_upstream_requests_total", province="zhejiang", outcome=outcome) == 1
    assert sum(number for _, number in bench.samples("hcgw_upstream_requests_total")) == 1
    timed = 0 if outcome in NOT_PUT else 1
    assert bench.value("hcgw_upstream_seconds_count") == timed
    assert bench.value("hcgw_upstream_seconds_sum") == pytest.approx(0.2 * timed)


def test_what_was_saved_and_who_stood_in(bench: Bench) -> None:
    bench.observer.remembered(ZHEJIANG)
    bench.observer.joined(ZHEJIANG)
    bench.observer.joined(ZHEJIANG)
    bench.observer.fell_back(ZHEJIANG, answered=True)
    bench.observer.fell_back(ZHEJIANG, answered=False)
    bench.observer.fell_back(ZHEJIANG, answered=False)
    assert bench.value("hcgw_upstream_saved_total", how="remembered") == 1
    assert bench.value("hcgw_upstream_saved_total", how="joined") == 2
    assert bench.value("hcgw_upstream_fallbacks_total", outcome="answered") == 1
    assert bench.value("hcgw_upstream_fallbacks_total", outcome="failed") == 2


def test_a_breaker_is_told_when_it_opens_and_when_it_closes(bench: Bench) -> None:
    for state in (BreakerState.CLOSED, BreakerState.OPEN):
        bench.observer.asked(ZHEJIANG, "timeout", 1.0)
        bench.observer.breaker(ZHEJIANG, state)
    for state in (BreakerState.HALF_OPEN, BreakerState.OPEN) * 10:
        bench.observer.breaker(ZHEJIANG, state)
        assert bench.value("hcgw_breaker_state", province="zhejiang") == state
    assert bench.events() == ["breaker_opened"]
    line = json.loads(bench.stream.getvalue())
    assert (line["province"], line["failure"], line["level"]) == ("zhejiang", "timeout", "warning")
    bench.observer.breaker(GUIZHOU, BreakerState.OPEN)
    bench.observer.breaker(ZHEJIANG, BreakerState.CLOSED)
    assert bench.events() == ["breaker_opened", "breaker_opened", "breaker_closed"]


def test_refused_credentials_are_told_once_until_something_is_answered(bench: Bench) -> None:
    for _ in range(5):
        bench.observer.asked(ZHEJIANG, "refused", 0.1)
        bench.observer.asked(ZHEJIANG, "resting", 0.0)
        bench.observer.asked(ZHEJIANG, "timeout", 1.0)
    bench.observer.asked(GUIZHOU, "refused", 0.1)
    assert bench.events() == ["credentials_refused"] * 2
    bench.observer.asked(ZHEJIANG, "answered", 0.1)
    bench.observer.asked(ZHEJIANG, "refused", 0.1)
    assert bench.events() == ["credentials_refused"] * 3


def test_a_fault_of_a_dialect_is_told_without_its_text(bench: Bench) -> None:
    bench.observer.broke(ZHEJIANG, KeyError(CANARY))
    assert bench.events() == ["connector_failed"]
    assert CANARY not in bench.stream.getvalue()
    assert json.loads(bench.stream.getvalue())["exception"] == "KeyError"


def test_a_province_that_is_gone_keeps_its_counts_only(bench: Bench) -> None:
    for name in (ZHEJIANG, GUIZHOU):
        bench.observer.breaker(name, BreakerState.OPEN)
        bench.observer.in_flight(name, 3)
        bench.observer.asked(name, "refused", 0.1)
    bench.observer.gone(ZHEJIANG)
    bench.observer.fell_back(ZHEJIANG, answered=True)
    assert bench.samples("hcgw_breaker_state") == [({"province": "guizhou"}, 2)]
    assert bench.samples("hcgw_upstream_in_flight") == [({"province": "guizhou"}, 3)]
    assert bench.value("hcgw_upstream_requests_total", province="zhejiang", outcome="refused") == 1
    bench.observer.breaker(ZHEJIANG, BreakerState.OPEN)
    bench.observer.asked(ZHEJIANG, "refused", 0.1)
    assert bench.events().count("breaker_opened") == 3
    assert bench.events().count("credentials_refused") == 3
    assert bench.value("hcgw_breaker_state", province="zhejiang") == 2
