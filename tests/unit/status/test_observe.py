"""Validity, revocation and age at one instant."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.changes import MAX_CLOCK_SKEW
from gateway.errors import CodeStopped, Reason
from gateway.status.observe import observe
from gateway.values import (
    Assurance,
    Format,
    Freshness,
    Instant,
    IssuerId,
    KeyId,
    Revocations,
    RevokedCodes,
)
from tests.unit.codes import AT, GUIZHOU, KEY_ID, authentic, key


def test_a_good_code_is_live_and_says_that_nothing_is_published() -> None:
    live = observe(authentic(), {}, AT)
    assert live.assurance is Assurance.SCANNED_SIGNED
    assert live.freshness is Freshness.NOT_PUBLISHED
    assert live.notes == (Reason.NOT_PUBLISHED,)
    assert (live.observed_time, live.status_age, live.valid_until) == (AT - 60, 60.0, AT + 60)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issue_time": Instant(AT + MAX_CLOCK_SKEW + 1)}, Reason.NOT_YET_VALID),
        ({"not_before": Instant(AT + MAX_CLOCK_SKEW + 1)}, Reason.NOT_YET_VALID),
        ({"expire_time": AT}, Reason.EXPIRED),
        ({"expire_time": Instant(AT - 0.5)}, Reason.EXPIRED),
        ({"expire_time": Instant(AT - 0.5), "format": Format.HCERT}, Reason.EXPIRED),
    ],
)
def test_the_codes_own_times_stop_it(changes: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(CodeStopped) as stopped:
        observe(authentic(**changes), {}, AT)
    assert stopped.value.reason is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"issue_time": Instant(AT + MAX_CLOCK_SKEW)},
        {"not_before": Instant(AT + MAX_CLOCK_SKEW)},
        {"expire_time": None},
        {"issue_time": None},
        {"expire_time": Instant(AT + 0.5)},
        {"expire_time": AT, "format": Format.HCERT},
    ],
)
def test_the_edges_of_validity_are_inside(changes: dict[str, Any]) -> None:
    live = observe(authentic(**changes), {}, AT)
    assert live.status_age is None or live.status_age >= 0.0


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ({"not_before": Instant(AT + MAX_CLOCK_SKEW + 1)}, Reason.KEY_NOT_YET_VALID),
        ({"not_after": Instant(AT - 1)}, Reason.KEY_EXPIRED),
    ],
)
def test_a_key_outside_its_window_stops_the_code(window: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(CodeStopped) as stopped:
        observe(authentic(by=key(**window)), {}, AT)
    assert stopped.value.reason is reason


def test_a_code_that_expired_says_so_rather_than_blaming_its_key() -> None:
    with pytest.raises(CodeStopped) as stopped:
        observe(authentic(expire_time=Instant(AT - 1), by=key(not_after=Instant(AT - 1))), {}, AT)
    assert stopped.value.reason is Reason.EXPIRED


ISSUED = Instant(AT - 60)


@pytest.mark.parametrize(
    ("listed", "stops"),
    [
        ({"code-1": None}, True),
        ({"code-1": Instant(ISSUED + 1)}, True),
        ({"code-1": ISSUED}, False),
        ({"code-1": Instant(ISSUED - 1)}, False),
        ({"code-2": None}, False),
        ({}, False),
    ],
)
def test_a_revocation_list_of_the_key_is_honoured(listed: dict[str, Instant | None], *, stops: bool) -> None:
    if stops:
        with pytest.raises(CodeStopped) as stopped:
            observe(authentic(), listing(1, listed), AT)
        assert stopped.value.reason is Reason.REVOKED
    else:
        live = observe(authentic(), listing(1, listed), AT)
        assert live.freshness is Freshness.FRESH
        assert live.notes == ()


def listing(counter: int, codes: dict[str, Instant | None]) -> Revocations:
    return {(GUIZHOU, KEY_ID): RevokedCodes(counter, codes)}


def test_a_revoked_id_without_an_issue_time_is_revoked_whatever_the_list_says_of_time() -> None:
    with pytest.raises(CodeStopped) as stopped:
        observe(authentic(issue_time=None), listing(1, {"code-1": Instant(1e9)}), AT)
    assert stopped.value.reason is Reason.REVOKED


def test_a_list_of_another_key_or_issuer_says_nothing() -> None:
    revoked = RevokedCodes(1, {"code-1": None})
    other = {(GUIZHOU, KeyId(b"key-2")): revoked, (IssuerId("https://elsewhere.example"), KEY_ID): revoked}
    assert observe(authentic(), other, AT).freshness is Freshness.NOT_PUBLISHED


def test_for_a_code_without_an_id_nothing_is_published() -> None:
    live = observe(authentic(code_id=None, by=key(revocation_counter=7)), listing(1, {"code-1": None}), AT)
    assert live.freshness is Freshness.NOT_PUBLISHED
    assert live.notes == (Reason.NOT_PUBLISHED,)


@pytest.mark.parametrize(
    ("held", "current", "freshness"),
    [
        (3, None, Freshness.FRESH),
        (3, 3, Freshness.FRESH),
        (3, 2, Freshness.FRESH),
        (3, 4, Freshness.STALE),
        (None, 0, Freshness.STALE),
        (None, None, Freshness.NOT_PUBLISHED),
    ],
)
def test_a_list_older_than_its_key_says_is_stale(held: int | None, current: int | None, freshness: Freshness) -> None:
    lists: Revocations = {} if held is None else listing(held, {})
    assert observe(authentic(by=key(revocation_counter=current)), lists, AT).freshness is freshness


def test_a_stale_list_still_revokes() -> None:
    with pytest.raises(CodeStopped) as stopped:
        observe(authentic(by=key(revocation_counter=9)), listing(1, {"code-1": None}), AT)
    assert stopped.value.reason is Reason.REVOKED


def test_a_list_shows_nobody() -> None:
    assert "code-1" not in repr(listing(1, {"code-1": None}))
