"""A process that is ended at any byte of what it writes: no code that was shown is ever first again."""

from __future__ import annotations

import random

import pytest

from gateway.replay.layout import BUCKET_SLOTS
from gateway.replay.memory import own_memory
from gateway.replay.showing import Seen
from gateway.replay.table import ShowingTable
from tests.unit.replay.gates import AT, GATE, GENERATION_S, OTHER_GATE, PASSAGE_S, Clock, Station


class Ended(BaseException):
    """The process has been killed."""


class TornMemory:
    """A memory whose writer is ended after so many more bytes; they are written one after the other."""

    def __init__(self, size: int) -> None:
        self._bytes = bytearray(size)
        self.left: int | None = None

    def find(self, sub: bytes, start: int, end: int) -> int:
        return self._bytes.find(sub, start, end)

    def __getitem__(self, key: slice) -> bytes:
        return bytes(self._bytes[key])

    def __setitem__(self, key: slice, value: bytes) -> None:
        self._write(key.start, value)

    def madvise(self, option: int, start: int, length: int) -> None:
        # Page by page, as the kernel does it.
        for page in range(start, start + length, 4096):
            if self.left is not None:
                self.left -= 1
                if self.left <= 0:
                    raise Ended
            self._bytes[page : page + 4096] = bytes(4096)

    def _write(self, start: int, value: bytes) -> None:
        written = value if self.left is None else value[: self.left]
        self._bytes[start : start + len(written)] = written
        if self.left is not None:
            self.left -= len(value)
            if self.left <= 0:
                raise Ended


def station(capacity: int = 1) -> tuple[Station, TornMemory]:
    memory = TornMemory(len(own_memory(capacity, GENERATION_S)))
    return Station(capacity, Clock(), memory), memory


def end_within(memory: TornMemory, table: Station, left: int, code: str, scope: bytes = GATE) -> bool:
    """Show a code and be ended after `left` bytes; tell whether there were so many to write."""
    memory.left = left
    try:
        table.show(code, scope, until=AT + 200)
    except Ended:
        return True
    finally:
        memory.left = None
        restart(table)
    return False


def restart(one: Station) -> None:
    """Begin as another process with the same memory."""
    assert one.memory is not None
    size = len(own_memory(one.capacity, GENERATION_S))
    one.table = ShowingTable(one.memory, size, same_passage_s=PASSAGE_S, monotonic=one.clock.monotonic)


@pytest.mark.parametrize("scope", [GATE, OTHER_GATE])
def test_a_first_showing_that_is_cut_off_leaves_all_others_known(scope: bytes) -> None:
    cut = 0
    for left in range(1, 200):
        one, memory = station()
        shown = [f"code-{number}" for number in range(5)]
        assert {one.show(code, until=AT + 200).seen for code in shown} == {Seen.FIRST}
        cut += end_within(memory, one, left, "cut off")
        assert {one.show(code, OTHER_GATE, until=AT + 200).seen for code in shown} == {Seen.SUSPECTED}
        # What was cut off had no answer: it is new, or known, and from now on it is known.
        if one.show("cut off", scope, until=AT + 200).seen is Seen.FIRST:
            assert one.show("cut off", gate_of(scope), until=AT + 200).seen is Seen.SUSPECTED
        assert one.show("cut off", gate_of(scope), until=AT + 200).seen is not Seen.FIRST
    assert cut == 48 + 16 + 16


def gate_of(scope: bytes) -> bytes:
    return OTHER_GATE if scope is GATE else GATE


@pytest.mark.parametrize("scope", [GATE, OTHER_GATE])
def test_another_showing_that_is_cut_off_makes_nothing_new(scope: bytes) -> None:
    cut = 0
    for left in range(1, 60):
        one, memory = station()
        one.show("code", until=AT + 200)
        one.clock.passes(3)
        cut += end_within(memory, one, left, "code", scope)
        assert one.show("code", until=AT + 200).seen is not Seen.FIRST
        assert one.show("code", OTHER_GATE, until=AT + 200).seen is Seen.SUSPECTED
    assert cut == 48


def test_a_slot_that_is_given_away_and_cut_off_makes_nothing_new() -> None:
    for left in range(1, 150):
        one, memory = station()
        for number in range(BUCKET_SLOTS):
            one.show(f"old-{number}", until=AT + 20)
        one.clock.passes(21)
        end_within(memory, one, left, "newer")
        one.clock.wall = AT + 1
        for number in range(BUCKET_SLOTS):
            assert one.show(f"old-{number}", OTHER_GATE, until=AT + 20).seen is not Seen.FIRST


def test_a_change_of_generation_that_is_cut_off_is_done_again() -> None:
    cut = 0
    for left in range(1, 260):
        one, memory = station()
        one.show("oldest", until=AT + 300)
        one.clock.passes(GENERATION_S)
        ends = one.clock.wall + 300
        one.show("kept", until=ends)
        one.clock.passes(GENERATION_S)
        memory.left = left
        try:
            one.table.tend(AT)
        except Ended:
            cut += 1
        memory.left = None
        restart(one)
        ends_now = one.clock.wall + 300
        assert one.show("kept", OTHER_GATE, until=ends_now).seen is Seen.SUSPECTED
        assert one.show("new", until=ends_now).seen is Seen.FIRST
        assert one.show("new", OTHER_GATE, until=ends_now).seen is Seen.SUSPECTED
        one.clock.wall = AT + 1
        assert one.show("oldest", OTHER_GATE, until=AT + 300).seen is not Seen.FIRST
    assert cut > 100


def test_kills_at_random_bytes_of_a_long_day_open_nothing() -> None:
    chance = random.Random(4)
    one, memory = station(64)
    answered: dict[str, float] = {}
    for turn in range(6_000):
        one.clock.passes(chance.random() * 4)
        code = chance.choice(list(answered)) if answered and chance.random() < 0.6 else f"code-{turn}"
        scope = chance.choice((GATE, OTHER_GATE))
        ends = answered.get(code, one.clock.wall + chance.choice((20, 60, 200)))
        if chance.random() < 0.2:
            memory.left = chance.randint(1, 130)
        try:
            seen = one.show(code, scope, until=ends).seen
        except Ended:
            memory.left = None
            restart(one)
            continue
        memory.left = None
        assert not (code in answered and seen is Seen.FIRST)
        if seen is not Seen.UNCHECKED:
            answered[code] = ends
        answered = {name: until for name, until in answered.items() if until > one.clock.wall}
