"""The gateway's own list: words, places, names; nothing in it can be counted, and nothing comes back."""

from __future__ import annotations

import itertools

import pytest

from gateway.conversion import register
from gateway.conversion.register import MAX_GIVEN, PLACES, RegisterFull, StatusRegister
from gateway.formats.native_claims import NativeClaims, check_claims
from gateway.status.words import WORDS
from gateway.values import CodeState, StatusPointer

BASE = "https://interop.zhejiang.example/status"


@pytest.mark.parametrize("state", sorted(WORDS))
def test_a_place_reads_what_was_written(state: CodeState) -> None:
    lists = StatusRegister(BASE)
    pointer = lists.give_out(state)
    assert lists.look_up(pointer) is state
    neighbour = StatusPointer(pointer.uri, pointer.index ^ 1)  # the other half of the same byte
    assert lists.look_up(neighbour) is CodeState.UNKNOWN
    for other in WORDS:
        lists.write(pointer, other)
        assert lists.look_up(pointer) is other
        assert lists.look_up(neighbour) is CodeState.UNKNOWN


def test_the_words_are_those_of_the_design() -> None:
    assert {state.name: word for state, word in WORDS.items()} == {
        "GREEN": 0x0,
        "REVOKED": 0x1,
        "UNDER_REVIEW": 0x2,
        "UNCONFIRMED": 0x2,
        "YELLOW": 0xC,
        "RED": 0xD,
        "STALE_DECLARATION": 0xE,
        "UNKNOWN": 0xF,
    }


def test_what_was_never_given_out_is_unknown_and_another_list_is_none_of_ours() -> None:
    lists = StatusRegister(BASE)
    uri = lists.give_out(CodeState.GREEN).uri
    others = [index for index in range(0, PLACES, 997) if StatusPointer(uri, index) != lists.give_out(CodeState.GREEN)]
    assert others
    assert lists.look_up(StatusPointer(uri, PLACES)) is CodeState.UNKNOWN
    assert lists.look_up(StatusPointer(uri, (1 << 32) - 1)) is CodeState.UNKNOWN
    for foreign in (BASE, BASE + "/", uri + "/", uri.upper(), uri[:-1], "https://status.example/1", ""):
        assert lists.look_up(StatusPointer(foreign, 0)) is None


def test_no_two_lists_have_one_name_and_each_name_can_stand_in_a_code() -> None:
    uris = {StatusRegister(BASE).give_out(CodeState.GREEN).uri for _ in range(50)}
    assert len(uris) == 50
    for uri in uris:
        assert uri.startswith(BASE + "/")
        check_claims(
            *NativeClaims("i", "330000", "green", 1_600_000_000, 1_600_000_001, "j", status_uri=uri, status_index=0)
        )
    assert StatusRegister(BASE + "/").give_out(CodeState.GREEN).uri.startswith(BASE + "/")


def test_places_are_drawn_and_never_counted_up() -> None:
    lists = StatusRegister(BASE)
    drawn = [lists.give_out(CodeState.GREEN).index for _ in range(4_000)]
    assert len(set(drawn)) == 4_000
    steps = [after - before for before, after in itertools.pairwise(drawn)]
    assert sum(abs(step) == 1 for step in steps) < 10
    assert 0.4 < sum(step > 0 for step in steps) / len(steps) < 0.6
    # All over the list, from the first codes on: the highest number tells nothing of how many there are.
    eighths = {index * 8 // PLACES for index in drawn[:200]}
    assert eighths == set(range(8))


def test_a_place_that_was_taken_back_is_unknown_and_nobodys_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = StatusRegister(BASE)
    pointer = lists.give_out(CodeState.GREEN)
    lists.take_back(pointer)
    assert lists.look_up(pointer) is CodeState.UNKNOWN
    draws = iter([pointer.index, pointer.index, 7 if pointer.index != 7 else 8])
    monkeypatch.setattr("secrets.randbelow", lambda _most: next(draws))
    assert lists.give_out(CodeState.GREEN).index != pointer.index


def test_a_list_is_closed_at_half_and_gone_with_its_last_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MAX_GIVEN", 3)
    assert MAX_GIVEN == PLACES // 2
    lists = StatusRegister(BASE)
    pointers = [lists.give_out(CodeState.GREEN) for _ in range(5)]
    assert [pointer.uri == pointers[0].uri for pointer in pointers] == [True, True, True, False, False]
    for pointer in pointers[:2]:
        lists.take_back(pointer)
    assert lists.look_up(pointers[2]) is CodeState.GREEN
    assert lists.look_up(pointers[0]) is CodeState.UNKNOWN
    lists.take_back(pointers[2])
    assert lists.look_up(pointers[2]) is None
    for pointer in pointers[3:]:
        lists.take_back(pointer)
    assert lists.look_up(pointers[3]) is CodeState.UNKNOWN, "the list in use stays"


def test_lists_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MAX_GIVEN", 1)
    monkeypatch.setattr(register, "MAX_LISTS", 3)
    lists = StatusRegister(BASE)
    first = lists.give_out(CodeState.GREEN)
    for _ in range(2):
        lists.give_out(CodeState.GREEN)
    with pytest.raises(RegisterFull):
        lists.give_out(CodeState.GREEN)
    lists.take_back(first)
    assert lists.give_out(CodeState.GREEN).uri != first.uri
