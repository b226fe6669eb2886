"""What tells a code and a person from others, and which codes are good for one showing only."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from gateway.errors import CodeStopped, Reason
from gateway.trust.authenticate import find_signer, permit
from gateway.trust.marks import marks_of, marks_of_answered
from gateway.trust.online import OnlineIssuers, answered, displayed
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import (
    CodeMarks,
    DisplayedCode,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    KeyUse,
    OnlineAnswer,
    OpaqueCode,
)
from keys.ring import KeyRing
from tests.unit.codes import AT, GUIZHOU, claimed, key, profile

HAINAN = IssuerId("https://hainan.example")
DIVISION = DivisionCode("460000")
OPAQUE = OpaqueCode(HAINAN, DIVISION, "text:c4n4ry", "c4n4ry")


def test_a_native_code_of_a_few_minutes_is_good_for_one_showing() -> None:
    marks = marks_of(claimed(), GUIZHOU)
    assert marks == CodeMarks(GUIZHOU, b"code id\0code-1", b"code-1", Instant(AT + 60))


@pytest.mark.parametrize(
    ("changes", "most", "dynamic"),
    [
        ({"issue_time": AT, "expire_time": Instant(AT + 300)}, 300.0, True),
        ({"issue_time": AT, "expire_time": Instant(AT + 301)}, 300.0, False),
        ({"issue_time": AT, "expire_time": Instant(AT + 301)}, 600.0, True),
        ({"issue_time": Instant(AT - 3600)}, 300.0, False),
        ({"issue_time": None}, 300.0, False),
        ({"expire_time": None}, 300.0, False),
        ({"code_id": None}, 300.0, False),
        ({"format": Format.HCERT}, 300.0, False),
        ({"format": Format.SHC}, 300.0, False),
        ({"format": Format.VDSNC}, 300.0, False),
        ({"format": Format.DIVOC}, 300.0, False),
    ],
)
def test_any_other_is_shown_again_and_again(changes: dict[str, Any], most: float, dynamic: bool) -> None:
    marks = marks_of(claimed(**changes), GUIZHOU, most)
    assert (marks.showing is not None, marks.shown_until is not None) == (dynamic, dynamic)


def test_a_person_is_told_by_her_subject_else_the_codes_id_else_what_was_signed() -> None:
    persons = [
        marks_of(claimed(**changes), GUIZHOU).person
        for changes in (
            {"subject": "same", "code_id": "other"},
            {"code_id": "same"},
            {"code_id": None, "signed": b"same"},
        )
    ]
    assert persons == [b"subject\0same", b"code id\0same", b"payload\0" + sha256(b"same").digest()]


def test_marks_name_the_issuer_that_the_key_vouches_for() -> None:
    one = key()
    trust = TrustSnapshot(KeyRing([], unbound=[one]), {}, {})
    code = permit(find_signer(claimed(issuer=IssuerId("")), trust), AT)
    assert code.marks is not None
    assert code.marks.issuer == code.issuer.issuer == GUIZHOU


def test_the_signer_is_found_with_the_marks_also_where_the_key_may_not_say_it() -> None:
    trust = TrustSnapshot(KeyRing([key(uses=frozenset({KeyUse.TEST}))]), {GUIZHOU: profile()}, {})
    signed = find_signer(claimed(), trust, dynamic_max_s=60.0)
    assert signed.marks == CodeMarks(GUIZHOU, b"code id\0code-1")
    with pytest.raises(CodeStopped) as stopped:
        permit(signed, AT)
    assert stopped.value.reason is Reason.KEY_USE_REFUSED


@pytest.mark.parametrize(
    ("dynamic_s", "expires", "until"),
    [
        (60.0, None, AT + 60),
        (60.0, Instant(AT + 30), AT + 30),
        (60.0, Instant(AT + 86_400), AT + 60),
        (None, Instant(AT + 30), None),
        (None, None, None),
    ],
)
def test_an_opaque_code_is_dynamic_if_its_province_says_so(
    dynamic_s: float | None, expires: Instant | None, until: float | None
) -> None:
    marks = marks_of_answered(OPAQUE, dynamic_s, AT, expires)
    assert marks == CodeMarks(HAINAN, b"code id\0c4n4ry", None if until is None else b"c4n4ry", until)  # type: ignore[arg-type]


def test_an_answer_brings_the_marks_and_a_look_at_a_screen_none() -> None:
    issuer = IssuerProfile(HAINAN, DIVISION, frozenset({Format.OPAQUE}), {}, dynamic_s=60.0)
    known = OnlineIssuers({HAINAN: issuer}, {DIVISION: replace(issuer, dynamic_s=None)})
    asked = answered(OPAQUE, OnlineAnswer("00", AT, 30.0), known, AT)
    assert asked.marks == CodeMarks(HAINAN, b"code id\0c4n4ry", b"c4n4ry", Instant(AT + 60))
    assert displayed(DisplayedCode(DIVISION, "green"), known).marks is None


@pytest.mark.parametrize("said", [-59.0, 0.0, 20.0])
def test_a_code_of_a_showing_is_remembered_from_when_it_is_shown(said: float) -> None:
    """An issuer may repeat for a minute what it has found out once: its code does not end the sooner for that."""
    issuer = IssuerProfile(HAINAN, DIVISION, frozenset({Format.OPAQUE}), {}, dynamic_s=60.0)
    asked = answered(OPAQUE, OnlineAnswer("00", Instant(AT + said), 60.0), OnlineIssuers({HAINAN: issuer}), AT)
    assert asked.marks is not None
    assert asked.marks.shown_until == AT + 60


def test_marks_show_nothing_of_code_or_person() -> None:
    marks = marks_of(claimed(subject="c4n4ry", code_id="c4n4ry"), GUIZHOU)
    signed = find_signer(claimed(subject="c4n4ry"), TrustSnapshot(KeyRing([key()]), {GUIZHOU: profile()}, {}))
    assert "c4n4ry" not in repr(marks) + repr(signed) + repr(signed.marks) + repr(permit(signed, AT).marks)
