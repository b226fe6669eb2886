"""What a live status list adds to a code: its word, its age, and whether that age is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.changes import MAX_CLOCK_SKEW, Listed, Word
from gateway.errors import Reason
from gateway.status.freshness import Budget, Budgets
from gateway.status.observe import OwnAndFollowed, observe
from gateway.status.words import (
    AS_SIGNED,
    CANCELLED,
    GREEN,
    RED,
    STALE_DECLARATION,
    STATES,
    SUSPENDED,
    UNKNOWN,
    YELLOW,
)
from gateway.values import (
    CodeState,
    Freshness,
    Instant,
    IssuerId,
    LiveCode,
    Purpose,
    RevokedCodes,
    StatusPointer,
)
from tests.unit.codes import AT, GUIZHOU, KEY_ID, authentic, key
from tests.unit.status.lists import POINTER, HeldLists, holding

BUDGETS = Budgets(
    Budget(60.0, 900.0),
    by_purpose={Purpose.VENUE_ENTRY: Budget(10.0, 20.0)},
    by_both={(GUIZHOU, Purpose.MEDICAL_CARE): Budget(60.0, 86_400.0)},
)
LONG_AGO = Instant(AT - 30_000)


def live(word: Word = GREEN, age: float | None = 5.0, purpose: Purpose | None = None, **changes: Any) -> LiveCode:
    """Observe a code that was issued long before its list's last batch, which is `age` old."""
    lists = holding(GUIZHOU, word, None if age is None else AT - age)
    code = authentic(**{"status_pointer": POINTER, "issue_time": LONG_AGO, **changes})
    return observe(code, {}, AT, lists, BUDGETS, purpose)


@pytest.mark.parametrize(
    ("age", "freshness", "notes", "told"),
    [
        (0.0, Freshness.FRESH, (), 0.0),
        (60.0, Freshness.FRESH, (), 60.0),
        (60.5, Freshness.AGING, (Reason.STATUS_AGING,), 60.5),
        (900.0, Freshness.AGING, (Reason.STATUS_AGING,), 900.0),
        (900.5, Freshness.STALE, (), 900.5),
        (-MAX_CLOCK_SKEW, Freshness.FRESH, (), 0.0),
        (-MAX_CLOCK_SKEW - 0.5, Freshness.STALE, (), None),
        (-86_400.0, Freshness.STALE, (), None),
    ],
)
@pytest.mark.parametrize("word", [GREEN, YELLOW, RED, CANCELLED, SUSPENDED, STALE_DECLARATION, AS_SIGNED])
def test_a_list_is_fresh_then_aging_then_out_of_date(
    word: Word, age: float, freshness: Freshness, notes: tuple[Reason, ...], told: float | None
) -> None:
    found = live(word, age)
    assert (found.freshness, found.notes) == (freshness, notes)
    assert (found.observed_time, found.status_age) == (AT - age, told)
    assert found.listed_state is STATES[word]


@pytest.mark.parametrize(
    ("purpose", "freshness"),
    [
        (None, Freshness.AGING),
        (Purpose.TRANSPORT_ARRIVAL, Freshness.AGING),
        (Purpose.VENUE_ENTRY, Freshness.STALE),
        (Purpose.MEDICAL_CARE, Freshness.AGING),
    ],
)
def test_the_purpose_decides_how_old_it_may_be(purpose: Purpose | None, freshness: Freshness) -> None:
    assert live(age=500.0, purpose=purpose).freshness is freshness
    assert (live(age=5_000.0, purpose=purpose).freshness is Freshness.AGING) is (purpose is Purpose.MEDICAL_CARE)


@pytest.mark.parametrize("age", [5.0, 5_000.0, -5_000.0])
def test_a_place_that_was_never_given_out_is_unavailable_however_old_the_list(age: float) -> None:
    for word in {*map(Word, range(16))} - {GREEN, CANCELLED, SUSPENDED, AS_SIGNED, YELLOW, RED, STALE_DECLARATION}:
        found = live(word, age)
        assert (found.freshness, found.listed_state, found.notes) == (Freshness.UNAVAILABLE, CodeState.UNKNOWN, ())
        assert found.observed_time == AT - age


@pytest.mark.parametrize(
    "lists",
    [
        HeldLists(),
        holding(GUIZHOU, GREEN, AT - 5, StatusPointer(POINTER.uri + "/other", POINTER.index)),
        holding(IssuerId("https://elsewhere.example"), GREEN, AT - 5),
    ],
    ids=["none", "under another address", "of another issuer under the same address"],
)
def test_a_list_that_is_not_held_is_unavailable(lists: HeldLists) -> None:
    found = observe(authentic(status_pointer=POINTER), {}, AT, lists, BUDGETS)
    assert (found.freshness, found.listed_state) == (Freshness.UNAVAILABLE, CodeState.UNKNOWN)
    assert (found.observed_time, found.status_age) == (AT - 60, 60.0)
    assert lists.asked == [GUIZHOU], "asked for the issuer whose signature was proven"


def test_our_own_list_is_as_old_as_the_code() -> None:
    found = live(YELLOW, None)
    assert (found.listed_state, found.freshness) == (CodeState.YELLOW, Freshness.FRESH)
    assert (found.observed_time, found.status_age) == (LONG_AGO, AT - LONG_AGO)


@pytest.mark.parametrize("word", [GREEN, YELLOW, RED, CANCELLED])
@pytest.mark.parametrize(
    ("age", "issued", "counts"),
    [
        (800.0, AT - 900, True),
        (800.0, AT - 700, True),
        (1_000.0, AT - 1_000, True),
        (1_000.0, AT - 999, False),
        (1_000.0, None, True),
    ],
)
def test_a_list_out_of_date_says_nothing_against_a_newer_code(
    word: Word, age: float, issued: Instant | None, *, counts: bool
) -> None:
    found = live(word, age, issue_time=issued)
    assert found.listed_state is (STATES[word] if counts else None)
    assert found.freshness is (Freshness.STALE if age > 900 else Freshness.AGING)


def test_a_fresh_list_does_not_mend_a_revocation_list_that_is_out_of_date() -> None:
    code = authentic(by=key(revocation_counter=9), status_pointer=POINTER, issue_time=LONG_AGO)
    found = observe(code, {(GUIZHOU, KEY_ID): RevokedCodes(1, {})}, AT, holding(GUIZHOU, GREEN, AT - 5), BUDGETS)
    assert (found.freshness, found.notes) == (Freshness.STALE, ())


def test_without_a_pointer_no_list_is_asked() -> None:
    lists = holding(GUIZHOU, RED, AT)
    assert observe(authentic(), {}, AT, lists, BUDGETS).listed_state is None
    assert lists.asked == []


@pytest.mark.parametrize(
    ("issuer", "own", "followed", "found"),
    [
        ("ours", GREEN, RED, (CodeState.GREEN, None)),
        ("ours", None, RED, (CodeState.RED, AT)),
        ("ours", None, None, None),
        ("theirs", None, RED, (CodeState.RED, AT)),
        ("theirs", None, None, None),
    ],
)
def test_our_own_lists_come_before_those_that_are_followed(
    issuer: str, own: Word | None, followed: Word | None, found: Listed | None
) -> None:
    """A converted code of another worker process is in a list that this one follows, like any other's."""
    name = IssuerId(issuer)
    mine = HeldLists() if own is None else holding(name, own, None)
    theirs = HeldLists() if followed is None else holding(name, followed, AT)
    lists = OwnAndFollowed({IssuerId("ours"): mine}, theirs)
    assert lists.look_up(name, POINTER, AT) == found
    assert mine.asked == ([name] if issuer == "ours" else [])


@pytest.mark.parametrize("word", range(16))
def test_one_word_reads_green_and_what_is_not_assigned_reads_unknown(word: int) -> None:
    assert (STATES[word] is CodeState.GREEN) is (word == GREEN)
    assert word in (GREEN, CANCELLED, SUSPENDED, AS_SIGNED, YELLOW, RED, STALE_DECLARATION, UNKNOWN) or (
        STATES[word] is CodeState.UNKNOWN
    )
