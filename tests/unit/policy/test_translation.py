"""What is not fixed by a format: words of provinces, screens, and words that their own reason contradicts.

The statements of the signed formats are in test_book.py, beside docs/trust-list.md.
"""

from __future__ import annotations

from itertools import product

import pytest

from gateway.policy.translation import translate
from gateway.values import Assurance, AuthenticCode, CodeState, Format, IssuerId, IssuerProfile, ReasonClass
from tests.unit.codes import claimed

PROVINCE = IssuerId("https://province.example")
G, Y, R = CodeState.GREEN, CodeState.YELLOW, CodeState.RED
UNKNOWN = CodeState.UNKNOWN
OVER = (CodeState.EXPIRED, CodeState.REVOKED, CodeState.NOT_FOUND)


def said(
    word: str,
    states: dict[str, CodeState],
    *,
    reason: ReasonClass | None = None,
    assurance: Assurance = Assurance.SCANNED_ONLINE,
    found: Format = Format.OPAQUE,
) -> AuthenticCode:
    """Return a word of a province whose profile explains `states`."""
    issuer = IssuerProfile(PROVINCE, None, frozenset({found}), states)
    return AuthenticCode(claimed(format=found, statement=word, issuer=PROVINCE), issuer, None, assurance, 60.0, reason)


@pytest.mark.parametrize("assurance", [Assurance.SCANNED_ONLINE, Assurance.DISPLAYED])
@pytest.mark.parametrize(
    ("word", "states", "state"),
    [
        ("00", {"00": G}, G),
        ("0", {"0": R, "1": G}, R),
        ("0", {"0": G}, G),
        ("0", {}, UNKNOWN),
        ("", {"00": G}, UNKNOWN),
        ("green", {"green": G}, G),
        ("green", {}, UNKNOWN),
        ("GREEN", {"green": G}, UNKNOWN),
        ("green ", {"green": G}, UNKNOWN),
        ("yellow", {}, UNKNOWN),
        ("under_review", {}, UNKNOWN),
        ("unconfirmed", {}, UNKNOWN),
        ("stale_declaration", {}, UNKNOWN),
        ("expired", {}, UNKNOWN),
        ("red", {}, R),
        ("orange", {"orange": Y}, Y),
        ("orange", {"orange": R}, R),
        ("gray", {"gray": CodeState.STALE_DECLARATION}, CodeState.STALE_DECLARATION),
        ("gray", {"gray": CodeState.UNCONFIRMED}, CodeState.UNCONFIRMED),
        ("4", {"4": CodeState.EXPIRED}, CodeState.EXPIRED),
        ("5", {"5": CodeState.NOT_FOUND}, CodeState.NOT_FOUND),
        ("9", {"9": CodeState.REVOKED}, CodeState.REVOKED),
    ],
)
def test_a_word_of_a_province_means_what_its_profile_says_and_nothing_else(
    word: str, states: dict[str, CodeState], state: CodeState, assurance: Assurance
) -> None:
    assert translate(said(word, states, assurance=assurance)) is state


FIXED = {
    "yellow": Y,
    "red": R,
    "under_review": CodeState.UNDER_REVIEW,
    "unconfirmed": CodeState.UNCONFIRMED,
    "stale_declaration": CodeState.STALE_DECLARATION,
    "expired": CodeState.EXPIRED,
    "revoked": CodeState.REVOKED,
    "not_found": CodeState.NOT_FOUND,
    "tested-positive": R,
    "laboratory": UNKNOWN,
}


@pytest.mark.parametrize("found", [found for found in Format if found is not Format.UNKNOWN])
@pytest.mark.parametrize("word", FIXED)
def test_no_map_gives_a_fixed_word_another_meaning_than_red(word: str, found: Format) -> None:
    for mapped in CodeState:
        expected = R if mapped is R else FIXED[word]
        assert translate(said(word, {word: mapped}, found=found)) is expected, mapped


def beside(state: CodeState, reason: ReasonClass) -> CodeState:
    """Return what a state is worth beside a reason: a reason for red suits red only, one for yellow no green."""
    if state is R or state in OVER:
        return state
    if reason.name.startswith("RED_") or state is G:
        return UNKNOWN
    return state


@pytest.mark.parametrize(("state", "reason"), list(product(CodeState, ReasonClass)))
def test_a_state_that_its_reason_contradicts_is_unknown(state: CodeState, reason: ReasonClass) -> None:
    assert translate(said("x", {"x": state}, reason=reason)) is beside(state, reason)


@pytest.mark.parametrize("state", CodeState)
def test_without_a_reason_nothing_is_contradicted(state: CodeState) -> None:
    assert translate(said("x", {"x": state})) is state


@pytest.mark.parametrize("reason", ReasonClass)
def test_an_unexplained_word_is_not_explained_by_its_reason(reason: ReasonClass) -> None:
    assert translate(said("mauve", {"00": G}, reason=reason)) is UNKNOWN
