"""The bench measures what it says: distinct codes, judged as they should be, with one raw check each."""

from __future__ import annotations

import pytest

from gateway.formats import recognise
from gateway.replay.memory import own_memory
from gateway.replay.table import ShowingTable
from tests.bench import replay_cost
from tests.bench.codes import KINDS, make
from tests.bench.replay import Answer, Phase, results_of
from tests.bench.rooms import measure


@pytest.mark.parametrize("name", KINDS)
def test_the_bench_verifies_what_it_says(name: str) -> None:
    kind = KINDS[name]
    made = make(kind, 16)
    assert len(set(made.codes)) == len(made.raw_checks) == 16
    assert {recognise(code) for code in made.codes} == {kind.format}
    measured = measure(kind, made, rounds=2)
    assert len(measured.ratios) == 2


def test_a_wrong_verdict_stops_the_bench() -> None:
    kind = KINDS["native_qr_ed25519"]
    made, foreign = make(kind, 1), make(kind, 1)
    with pytest.raises(AssertionError, match="BAD_SIGNATURE"):
        measure(kind, type(made)(made.codes, foreign.trust, made.raw_checks), rounds=1)


def test_the_guards_step_is_measured_over_codes_that_are_let_through() -> None:
    memory = own_memory(2_000, 360.0)
    table = ShowingTable(memory, len(memory), same_passage_s=10.0)
    cost = replay_cost.step(table, rounds=1, count=200)
    assert cost.first > 0
    assert cost.again > 0
    assert table.held == 400
    assert replay_cost.marks(rounds=1, count=10) > 0


def test_a_guard_that_was_open_or_silent_misses_its_limit() -> None:
    well, bad = Phase(), Phase()
    for phase in (well, bad):
        phase.add(Answer("PASS", ("STATE_GREEN", "REPLAY_GUARD_LOCAL"), 0.001))
    assert not any(one.misses for one in results_of({"well": well}).values())
    bad.add(Answer("", ("UNAVAILABLE",), 0.001))
    bad.opened_here, bad.opened_there, bad.false_alarms = 1, 1, 1
    missed = {name for name, one in results_of({"well": well, "bad": bad}).items() if one.misses}
    assert missed == {
        "calls that were not answered",
        "open at a second gate of the same node",
        "open at the other node, unsaid",
        "false alarms at the same gate",
    }


@pytest.mark.parametrize(
    ("answer", "closed"),
    [
        (Answer("PASS", ("STATE_GREEN",), 0.0), False),
        (Answer("LIMITED", ("STATE_GREEN",), 0.0), False),
        (Answer("LIMITED", ("REPLAY_SUSPECTED",), 0.0), True),
        (Answer("MANUAL", ("REPLAY_UNCHECKED",), 0.0), True),
        (Answer("MANUAL", ("REPLAY_SUSPECTED",), 0.0), True),
    ],
)
def test_what_counts_as_closed(answer: Answer, closed: bool) -> None:
    assert answer.closed is closed
