"""Codes without a signature: by their issuer's answer, by another's in its place, by what is seen."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from gateway.errors import CodeStopped, Reason
from gateway.trust.online import DISPLAY_FRESH_FOR, OnlineIssuers, answered, displayed
from gateway.values import (
    Assurance,
    CodeState,
    DisplayedCode,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    OnlineAnswer,
    OpaqueCode,
    ReasonClass,
)
from tests.unit.codes import AT

PROVINCE, NATIONAL, STRANGER = (
    IssuerId("https://p.example"),
    IssuerId("https://n.example"),
    IssuerId("https://x.example"),
)
DIVISION = DivisionCode("330000")
OWN = IssuerProfile(
    PROVINCE, DIVISION, frozenset({Format.OPAQUE}), {"10": CodeState.GREEN}, {"10": "The province's ten."}
)
PLATFORM = IssuerProfile(
    NATIONAL, DivisionCode("100000"), frozenset({Format.OPAQUE}), {"10": CodeState.RED}, {"10": "The platform's ten."}
)
SCREEN = IssuerProfile(PROVINCE, DIVISION, frozenset({Format.OPAQUE}), {"gray": CodeState.UNCONFIRMED})
KNOWN = OnlineIssuers(
    MappingProxyType({PROVINCE: OWN, NATIONAL: PLATFORM}),
    MappingProxyType({DIVISION: SCREEN}),
)
CODE = OpaqueCode(PROVINCE, DivisionCode("330100"), "text-1", "id-1")


def answer(by: IssuerId | None = None) -> OnlineAnswer:
    """Return an answer that says "10"."""
    notes = () if by is None else (Reason.ANSWERED_BY_NATIONAL_PLATFORM,)
    return OnlineAnswer("10", AT, 60.0, Instant(AT + 30), ReasonClass.RED_INBOUND, by, notes)


@pytest.mark.parametrize("by", [None, PROVINCE])
def test_an_answer_of_the_issuer_is_its_own_word(by: IssuerId | None) -> None:
    code = answered(CODE, answer(by), KNOWN, AT)
    assert code.issuer == OWN
    assert (code.claimed.statement, code.claimed.issue_time, code.claimed.expire_time) == ("10", AT, AT + 30)
    assert (code.claimed.issuer, code.claimed.division) == (PROVINCE, "330100")
    assert (code.assurance, code.fresh_for, code.key) == (Assurance.SCANNED_ONLINE, 60.0, None)
    assert code.reason_class is ReasonClass.RED_INBOUND


def test_an_answer_in_the_issuers_place_is_read_as_the_one_means_it_who_gave_it() -> None:
    code = answered(CODE, answer(NATIONAL), KNOWN, AT)
    assert (code.issuer.issuer, code.issuer.division) == (PROVINCE, DIVISION)
    assert code.issuer.states == PLATFORM.states
    assert code.issuer.meanings == PLATFORM.meanings
    assert code.claimed.notes == (Reason.ANSWERED_BY_NATIONAL_PLATFORM,)


@pytest.mark.parametrize(
    ("known", "by"),
    [(OnlineIssuers(), None), (OnlineIssuers(MappingProxyType({NATIONAL: PLATFORM})), NATIONAL), (KNOWN, STRANGER)],
)
def test_nobody_answers_for_an_issuer_that_is_not_connected(known: OnlineIssuers, by: IssuerId | None) -> None:
    with pytest.raises(CodeStopped) as stopped:
        answered(CODE, answer(by), known, AT)
    assert stopped.value.reason is Reason.ISSUER_NOT_CONNECTED


def test_what_is_seen_has_the_least_assurance_and_the_words_of_screens() -> None:
    seen = displayed(DisplayedCode(DIVISION, "gray", AT), KNOWN)
    assert (seen.assurance, seen.key, seen.fresh_for) == (Assurance.DISPLAYED, None, DISPLAY_FRESH_FOR)
    assert (seen.issuer, seen.claimed.statement, seen.claimed.issue_time) == (SCREEN, "gray", AT)


def test_a_screen_that_nobody_explained_is_of_an_unknown_issuer() -> None:
    with pytest.raises(CodeStopped) as stopped:
        displayed(DisplayedCode(DivisionCode("990000"), "green"), KNOWN)
    assert stopped.value.reason is Reason.UNKNOWN_ISSUER


def test_neither_shows_what_was_scanned_or_said() -> None:
    shown = repr(answered(CODE, answer(), KNOWN, AT)) + repr(CODE)
    assert "text-1" not in shown
    assert "id-1" not in shown
