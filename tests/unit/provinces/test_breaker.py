"""The breaker: when it opens, who the probe is, and that old ends tell it nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from gateway.provinces.breaker import Breaker, BreakerState, Permit

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN


class Bench:
    """A breaker of three failures and five seconds, with its clock and what it told."""

    def __init__(self, failures: int = 3) -> None:
        self.time = 100.0
        self.told: list[BreakerState] = []
        self.breaker = Breaker(failures, 5.0, monotonic=lambda: self.time, changed=self.told.append)

    def admitted(self) -> Permit:
        permit = self.breaker.admit()
        assert permit is not None
        return permit

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.breaker.failed(self.admitted())

    def open(self) -> None:
        self.fail(3)
        assert self.breaker.state is OPEN

    def is_now(self, state: BreakerState) -> bool:
        return self.breaker.state is state


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_so_many_failures_in_a_row_open_it(bench: Bench) -> None:
    bench.fail(2)
    bench.breaker.succeeded(bench.admitted())
    bench.fail(2)
    assert bench.is_now(CLOSED)
    bench.fail()
    assert (bench.breaker.state, bench.told) == (OPEN, [OPEN])
    assert bench.breaker.admit() is None


def test_one_probe_after_the_rest_and_nobody_else(bench: Bench) -> None:
    bench.open()
    bench.time += 4.9
    assert bench.breaker.admit() is None
    bench.time += 0.1
    probe = bench.admitted()
    assert bench.is_now(HALF_OPEN)
    assert not bench.breaker.ready
    bench.time += 1000
    assert bench.breaker.admit() is None
    bench.breaker.succeeded(probe)
    assert bench.told == [OPEN, HALF_OPEN, CLOSED]
    bench.fail(2)
    assert bench.is_now(CLOSED)


def test_a_probe_that_fails_rests_it_again(bench: Bench) -> None:
    bench.open()
    bench.time += 5
    bench.fail()
    assert bench.is_now(OPEN)
    bench.time += 4.9
    assert bench.breaker.admit() is None


def test_a_probe_that_is_given_up_makes_room_for_the_next(bench: Bench) -> None:
    bench.open()
    bench.time += 5
    bench.breaker.given_up(bench.admitted())
    assert bench.is_now(OPEN)
    bench.breaker.succeeded(bench.admitted())
    assert bench.is_now(CLOSED)


def test_a_question_that_is_given_up_while_closed_counts_for_nothing(bench: Bench) -> None:
    bench.fail(2)
    bench.breaker.given_up(bench.admitted())
    assert bench.is_now(CLOSED)
    bench.fail()
    assert bench.is_now(OPEN)


@pytest.mark.parametrize("end", ["succeeded", "failed", "given_up"])
def test_what_began_before_says_nothing_about_now(bench: Bench, end: str) -> None:
    late: list[Any] = [bench.admitted() for _ in range(5)]
    bench.open()
    getattr(bench.breaker, end)(late.pop())
    assert (bench.breaker.state, bench.told) == (OPEN, [OPEN])
    bench.time += 5
    probe = bench.admitted()
    getattr(bench.breaker, end)(late.pop())
    assert bench.is_now(HALF_OPEN)
    bench.breaker.succeeded(probe)
    for one in late:
        bench.breaker.failed(one)
    assert bench.is_now(CLOSED)
    bench.breaker.failed(probe)
    bench.fail(2)
    assert bench.is_now(CLOSED)


def test_one_failure_may_be_enough() -> None:
    bench = Bench(failures=1)
    bench.fail()
    assert bench.is_now(OPEN)


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes in whatever order: never two probes, never a question before the rest is over."""

    permits = Bundle("permits")

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.opened: float | None = None
        self.in_a_row = 0

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.9, 5.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.bench.time += seconds

    @rule(target=permits)
    def ask(self) -> tuple[Permit | None, int]:
        before = self.bench.breaker.state
        ready = self.bench.breaker.ready
        permit = self.bench.breaker.admit()
        assert (permit is not None) is ready
        if before is OPEN:
            assert self.opened is not None
            assert ready is (self.bench.time - self.opened >= 5.0)
        elif before is HALF_OPEN:
            assert permit is None
        else:
            assert permit is not None
        return permit, len(self.bench.told)

    @rule(asked=consumes(permits), how=st.sampled_from(["succeeded", "failed", "given_up"]))
    def end(self, asked: tuple[Permit | None, int], how: str) -> None:
        permit, changes = asked
        if permit is None:
            return
        before, expected = self.bench.breaker.state, self.bench.breaker.state
        if changes == len(self.bench.told):  # nothing has changed since it began
            self.in_a_row = {"succeeded": 0, "failed": self.in_a_row + 1, "given_up": self.in_a_row}[how]
            if before is HALF_OPEN:
                expected = CLOSED if how == "succeeded" else OPEN
            elif self.in_a_row == 3:
                expected = OPEN
            if expected is OPEN and how == "failed":
                self.opened = self.bench.time
            if expected is not before:
                self.in_a_row = 0
        getattr(self.bench.breaker, how)(permit)
        assert self.bench.breaker.state is expected

    @precondition(lambda self: self.bench.told)
    @invariant()
    def tells_each_change_once(self) -> None:
        told = self.bench.told
        assert told[-1] is self.bench.breaker.state
        follows = {OPEN: {HALF_OPEN}, HALF_OPEN: {OPEN, CLOSED}, CLOSED: {OPEN}}
        assert all(after in follows[before] for before, after in pairwise(told))


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestAnyOrder = AnyOrder.TestCase
