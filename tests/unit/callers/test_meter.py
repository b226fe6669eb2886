"""How much a caller may ask: bursts, rates, shares of workers, what is told when it is too much."""

from __future__ import annotations

import threading

import pytest

from gateway.callers import windows as module
from gateway.callers.meter import SHORTEST_WAIT_S, Limits, Meter, Meters
from gateway.errors import RateLimited

LIMITS = Limits(calls_per_s=10, calls_burst=20, codes_per_s=100, codes_burst=600)


class Clock:
    """A clock that only goes on when it is told to."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


def taken(meter: Meter, most: int = 1_000) -> int:
    """Return how many calls are taken before one is refused."""
    for done in range(most):
        try:
            meter.take_call()
        except RateLimited:
            return done
    return most


def test_at_once_no_more_than_the_burst_and_over_time_no_more_than_the_rate() -> None:
    clock = Clock()
    meter = Meters(clock=clock).meter("a", LIMITS)
    assert taken(meter) == 20
    total = 0
    for _ in range(600):
        clock.at += 0.1
        total += taken(meter)
    assert 500 <= total <= 600  # a minute at 10 a second


def test_a_batch_counts_all_of_its_codes_or_none() -> None:
    clock = Clock()
    meter = Meters(clock=clock).meter("a", LIMITS)
    meter.take_codes(512)
    with pytest.raises(RateLimited) as caught:
        meter.take_codes(89)
    assert caught.value.retry_after_s >= SHORTEST_WAIT_S
    meter.take_codes(88)  # what was refused was not counted
    with pytest.raises(RateLimited):
        meter.take_codes(1)
    meter.take_call()  # calls are counted by themselves
    meter.take_codes(0)


def test_callers_do_not_share_and_two_connections_of_one_do() -> None:
    meters = Meters(clock=Clock())
    one, again, other = meters.meter("a", LIMITS), meters.meter("a", LIMITS), meters.meter("b", LIMITS)
    assert taken(one) == 20
    assert taken(again) == 0
    assert taken(other) == 20


def test_each_worker_allows_its_share_of_the_rate() -> None:
    clock = Clock()
    workers = [Meters(workers=4, clock=clock).meter("a", LIMITS) for _ in range(4)]
    for meter in workers:
        taken(meter)
    total = 0
    for _ in range(600):
        clock.at += 0.1
        total += sum(taken(meter) for meter in workers)
    assert 450 <= total <= 640  # a minute at 10 a second, over all


def test_without_codes_none_are_counted() -> None:
    meter = Meters(clock=Clock()).meter("a", Limits(1, 1, 0, 0))
    meter.take_codes(1_000_000)


def test_windows_that_have_passed_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WINDOWS", 8)
    clock = Clock()
    meters = Meters(clock=clock)
    for number in range(8):
        taken(meters.meter(f"a{number}", LIMITS))
    windows = meters.shares.windows
    assert len(windows._held) == 8
    clock.at += 60
    taken(meters.meter("new", LIMITS))
    assert len(windows._held) == 1


def test_no_thread_is_started() -> None:
    before = threading.active_count()
    taken(Meters(clock=Clock()).meter("a", LIMITS))
    assert threading.active_count() == before
