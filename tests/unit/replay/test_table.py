"""The rules of showings: one passage through one gate, and nothing that a clock or a want of room could open."""

from __future__ import annotations

import pytest

from gateway.replay.layout import BUCKET_SLOTS, Geometry
from gateway.replay.memory import own_memory
from gateway.replay.showing import Seen, Unchecked
from gateway.replay.table import ShowingTable
from gateway.values import Instant, IssuerId, Passage
from tests.unit.replay.gates import AT, GATE, GENERATION_S, LIFE_S, OTHER_GATE, PASSAGE_S, Clock, Station, gate

FIRST, SAME, SUSPECTED, UNCHECKED = Seen.FIRST, Seen.SAME_PASSAGE, Seen.SUSPECTED, Seen.UNCHECKED


@pytest.mark.parametrize(
    ("after", "scope", "seen"),
    [
        (0.0, GATE, SAME),
        (PASSAGE_S, GATE, SAME),
        (PASSAGE_S + 0.01, GATE, SUSPECTED),
        (LIFE_S - 1, GATE, SUSPECTED),
        (0.0, OTHER_GATE, SUSPECTED),
        (LIFE_S - 1, OTHER_GATE, SUSPECTED),
        (1.0, gate(division="330100"), SUSPECTED),
        (1.0, gate(caller="spiffe://zj.example/hub/west"), SUSPECTED),
        (1.0, gate(checkpoint=""), SUSPECTED),
    ],
)
def test_a_code_is_good_for_one_passage_through_one_gate(after: float, scope: bytes, seen: Seen) -> None:
    station = Station()
    ends = station.clock.wall + LIFE_S
    assert station.show(until=ends).seen is FIRST
    station.clock.passes(after)
    assert station.show(scope=scope, until=ends).seen is seen


def test_other_codes_and_other_issuers_are_other_showings() -> None:
    station = Station()
    shown = [station.show("a"), station.show("b"), station.show("a", issuer=IssuerId("https://other.example"))]
    assert [one.seen for one in shown] == [FIRST, FIRST, FIRST]


def test_a_passage_goes_on_from_its_last_showing() -> None:
    station = Station()
    ends = station.clock.wall + LIFE_S
    station.show(until=ends)
    for _ in range(10):
        station.clock.passes(PASSAGE_S - 1)
        assert station.show(until=ends).seen is SAME


def test_a_suspected_showing_begins_no_new_passage() -> None:
    station = Station()
    ends = station.clock.wall + LIFE_S
    station.show(until=ends)
    station.clock.passes(5)
    assert station.show(scope=OTHER_GATE, until=ends).seen is SUSPECTED
    assert station.show(scope=OTHER_GATE, until=ends).seen is SUSPECTED
    assert station.show(until=ends).seen is SAME  # the person that it was shown by first
    station.clock.passes(PASSAGE_S + 1)
    assert station.show(until=ends).seen is SUSPECTED
    assert station.show(until=ends).seen is SUSPECTED


def test_a_thousand_screenshots_at_a_second_gate_are_all_suspected() -> None:
    station = Station(capacity=2_000)
    codes = [f"code-{number}" for number in range(1_000)]
    assert {station.show(code).seen for code in codes} == {FIRST}
    assert {station.show(code, OTHER_GATE).seen for code in codes} == {SUSPECTED}
    assert station.table.held == 1_000


def test_ten_thousand_retries_are_one_passage() -> None:
    station = Station()
    station.show(until=AT + 300)
    for _ in range(10_000):
        station.clock.passes(0.02)
        assert station.show(until=AT + 300).seen is SAME


@pytest.mark.parametrize("age", [0.0, GENERATION_S - 1, GENERATION_S * 1.5])
def test_a_showing_is_known_across_the_end_of_its_generation(age: float) -> None:
    station = Station()
    station.show("opens the first generation")
    station.clock.passes(age)
    ends = station.clock.wall + GENERATION_S - 1
    assert station.show(until=ends).seen is FIRST
    for _ in range(3):
        station.clock.passes(GENERATION_S / 3 - 1)
        assert station.show(scope=OTHER_GATE, until=ends).seen is SUSPECTED


def test_a_generation_is_dropped_whole_with_its_key() -> None:
    station = Station()
    station.show()
    records = station.memory[64:192]  # type: ignore[index]
    key = records[24:56]
    assert any(key)
    for _ in range(2):
        station.clock.passes(GENERATION_S)
        station.table.tend(AT)
    assert station.table.held == 0
    assert station.memory.find(key, 0, 1 << 16) == -1  # type: ignore[union-attr]
    size = Geometry.of(station.capacity).total_bytes
    assert not any(station.memory[4096:size])  # type: ignore[index]


def test_nothing_of_code_or_gate_stands_in_the_memory() -> None:
    station = Station()
    station.show("c4n4ry-code", gate("c4n4ry-gate"))
    size = Geometry.of(station.capacity).total_bytes
    assert station.memory.find(b"c4n4ry", 0, size) == -1  # type: ignore[union-attr]
    assert station.memory.find(b"spiffe", 0, size) == -1  # type: ignore[union-attr]


def test_two_showings_at_one_gate_do_not_look_alike() -> None:
    station = Station(capacity=16)
    station.show("a")
    station.show("b")
    rests = station.memory[4096 + 64 + 512 : 4096 + 64 + 512 + 96]  # type: ignore[index]
    assert any(rests[:16])
    assert any(rests[48:64])
    assert rests[:16] != rests[48:64]


# The clock


def test_a_clock_that_is_set_changes_no_passage() -> None:
    station = Station()
    ends = AT + LIFE_S
    station.show(until=ends)
    station.clock.wall -= 3_600
    assert station.show(until=ends).seen is SAME
    assert station.show(scope=OTHER_GATE, until=ends).seen is SUSPECTED
    station.clock.wall += 7_200
    assert station.show(scope=OTHER_GATE, until=ends).seen is SUSPECTED


def test_a_clock_that_is_set_back_makes_nothing_new_of_what_was_forgotten() -> None:
    station = Station()
    ends = station.clock.wall + LIFE_S
    station.show(until=ends)
    for _ in range(2):
        station.clock.passes(GENERATION_S)
        station.table.tend(station.clock.wall)  # type: ignore[arg-type]
    assert station.table.held == 0
    station.clock.wall = AT + 1  # and the code is valid again
    assert station.why(scope=OTHER_GATE, until=ends) is Unchecked.FORGOTTEN
    assert station.why("never shown", until=ends) is Unchecked.FORGOTTEN
    assert station.show("never shown", until=ends + 2).seen is FIRST


def test_codes_of_now_are_checked_however_many_generations_have_passed() -> None:
    station = Station()
    for number in range(20):
        assert station.show(f"code-{number}").seen is FIRST
        station.clock.passes(GENERATION_S / 3)


# Codes from the future: refused, but recorded


YEAR_S = 365 * 86_400.0


@pytest.mark.parametrize("ahead", [LIFE_S + 600, GENERATION_S, GENERATION_S + 0.5, GENERATION_S + 1, YEAR_S])
@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.999])
def test_a_code_from_the_future_makes_no_honest_code_a_forgotten_one(ahead: float, fraction: float) -> None:
    station = Station(clock=Clock(wall=AT + fraction))
    for step in range(60):
        assert station.show(f"future-{step}", until=station.clock.wall + ahead).seen is FIRST
        # Also one with hardly a moment left, and one from before in whatever part of its life.
        assert station.show(f"honest-{step}").seen is FIRST
        assert station.show(f"ending-{step}", until=station.clock.wall + 0.01).seen is FIRST
        station.clock.passes(GENERATION_S / 12)
        station.table.tend(Instant(station.clock.wall))


def test_the_last_showing_of_a_generation_may_be_of_the_future_too() -> None:
    station = Station()
    station.show("opens the generation")
    station.clock.passes(GENERATION_S - 0.001)
    station.show("future", until=AT + YEAR_S)
    station.clock.passes(0.001)
    station.show("opens the next")
    station.clock.passes(GENERATION_S)
    assert station.show("honest", until=station.clock.wall + 0.001).seen is FIRST


def test_a_code_from_the_future_is_remembered_like_any_other() -> None:
    station = Station()
    ends = AT + YEAR_S
    station.show(until=ends)
    for _ in range(2):
        station.clock.passes(GENERATION_S - 1)
        station.table.tend(Instant(station.clock.wall))
        assert station.show(scope=OTHER_GATE, until=ends).seen is SUSPECTED
    station.clock.passes(GENERATION_S)
    assert station.show("honest").seen is FIRST


# Want of room


def fill(station: Station, *, until: float) -> int:
    """Fill the one bucket there is; return how many fitted."""
    for number in range(10 * BUCKET_SLOTS):
        if station.show(f"filler-{number}", until=until).seen is UNCHECKED:
            return number
    raise AssertionError("it never fills")


def test_without_room_nothing_is_let_through_unseen() -> None:
    station = Station(capacity=1)
    assert fill(station, until=AT + LIFE_S) == BUCKET_SLOTS
    assert station.why("one more") is Unchecked.FULL
    assert station.show("filler-0", OTHER_GATE).seen is SUSPECTED
    assert station.table.held == BUCKET_SLOTS


def test_what_has_ended_makes_room() -> None:
    station = Station(capacity=1)
    fill(station, until=AT + 60)
    station.clock.passes(61)
    assert station.show("one more").seen is FIRST
    assert station.show("one more", OTHER_GATE).seen is SUSPECTED
    assert station.table.held == BUCKET_SLOTS


def test_what_made_room_is_not_new_when_the_clock_is_set_back() -> None:
    station = Station(capacity=1)
    fill(station, until=AT + 60)
    station.clock.passes(61)
    for number in range(BUCKET_SLOTS):
        station.show(f"newer-{number}")
    station.clock.wall = AT + 1
    assert station.why("filler-3", OTHER_GATE, until=AT + 60) is Unchecked.FORGOTTEN


def test_an_issuer_that_says_longer_is_remembered_for_longer() -> None:
    station = Station(capacity=1)
    fill(station, until=AT + 60)
    station.show("filler-7", OTHER_GATE, until=AT + 300)
    station.clock.passes(61)
    for number in range(BUCKET_SLOTS - 1):
        assert station.show(f"newer-{number}").seen is FIRST
    assert station.show("filler-7", OTHER_GATE, until=AT + 300).seen is SUSPECTED


# Receipts


def passage(station: Station, code: str = "code-1", scope: bytes = GATE, *, said: int = 1) -> Passage | None:
    return station.show(code, scope, until=AT + 300, said=said, passage=True).passage


def test_the_receipts_of_one_passage_are_made_of_the_same() -> None:
    station = Station()
    first = passage(station)
    station.clock.passes(4)
    again = passage(station)
    assert first is not None
    assert (first.first_time, len(first.secret)) == (AT, 32)
    assert again == first


def test_another_code_passage_or_verdict_has_other_receipts() -> None:
    station = Station()
    first, other_code = passage(station), passage(station, "code-2")
    station.clock.passes(4)
    turned_red = passage(station, said=2)
    assert passage(station, scope=OTHER_GATE) is None
    assert turned_red is not None
    assert turned_red.first_time == AT + 4
    secrets = {one.secret for one in (first, other_code, turned_red) if one is not None}
    assert len(secrets) == 3
    assert passage(station, said=2) == turned_red


def test_who_wants_no_receipt_gets_nothing_to_make_one_of() -> None:
    assert Station().show().passage is None


def test_a_passage_shows_nothing_in_its_repr() -> None:
    found = passage(Station())
    assert found is not None
    assert found.secret.hex() not in repr(found)
    assert repr(found.secret) not in repr(found)


# Restarts of a process


def test_who_comes_later_to_the_same_memory_knows_what_was_shown() -> None:
    station = Station()
    station.show()
    memory = station.memory
    assert memory is not None
    size = Geometry.of(station.capacity).total_bytes
    newcomer = ShowingTable(memory, size, same_passage_s=PASSAGE_S, monotonic=station.clock.monotonic)
    station.table = newcomer
    assert station.show().seen is SAME
    assert station.show(scope=OTHER_GATE).seen is SUSPECTED


def test_two_memories_have_nothing_in_common() -> None:
    clock = Clock()
    one, other = Station(clock=clock), Station(clock=clock)
    assert passage(one) != passage(other)
    memory = own_memory(1_000, GENERATION_S)
    assert memory[0:64] != own_memory(1_000, GENERATION_S)[0:64]
