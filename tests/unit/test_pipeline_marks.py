"""The marks that a decision carries: of every code whose issuer is established, and of no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import Reason
from gateway.formats.opaque import OpaqueShapes
from gateway.pipeline import Pipeline
from gateway.trust.online import OnlineIssuers
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import CodeMarks, Decision, DisplayedCode, DivisionCode, Instant, OnlineAnswer, OpaqueCode
from keys.ring import KeyRing
from tests.unit.codes import AT, GUIZHOU
from tests.unit.test_pipeline import POLICIES, ZHEJIANG, code, flipped, trust
from tests.unit.test_pipeline_doors import CODE, HAINAN, RECEIVER, SECRET, Answers, answer, known, shape


@pytest.mark.parametrize(
    ("scanned", "snapshot", "reason"),
    [
        (code(), trust(), Reason.STATE_GREEN),
        (code("red"), trust(), Reason.STATE_RED),
        (code("mauve"), trust(), Reason.UNKNOWN_STATE),
        (code(), trust(revoked=True), Reason.REVOKED),
        (code(issued=29, expires=60), trust(), Reason.STATE_GREEN),
    ],
)
def test_a_code_with_a_proven_signature_has_marks(scanned: bytes, snapshot: TrustSnapshot, reason: Reason) -> None:
    decision = Pipeline(snapshot, POLICIES).verify(scanned, at=AT, division=ZHEJIANG)
    assert isinstance(decision, Decision)
    assert decision.reasons[0] is reason
    assert decision.marks == CodeMarks(GUIZHOU, b"code id\0code-1", b"code-1", Instant(AT + 60))


@pytest.mark.parametrize("scanned", [b"", b"hello", flipped(code()), code(division="530100")])
def test_a_code_that_proves_nothing_has_none(scanned: bytes) -> None:
    decision = Pipeline(trust(), POLICIES).verify(scanned, at=AT, division=ZHEJIANG)
    assert isinstance(decision, Decision)
    assert decision.marks is None


def test_the_pipeline_says_how_long_a_dynamic_code_lives_at_most() -> None:
    for most, showing in ((119.0, None), (120.0, b"code-1")):
        decision = Pipeline(trust(), POLICIES, dynamic_max_s=most).verify(code(), at=AT, division=ZHEJIANG)
        assert isinstance(decision, Decision)
        assert decision.marks is not None
        assert decision.marks.showing == showing


@pytest.mark.parametrize(
    ("says", "reason", "marked"),
    [
        (answer(), Reason.NO_RULES, True),
        (answer("10"), Reason.STATE_RED, True),
        (answer(expire_time=Instant(AT)), Reason.EXPIRED, True),
        (Reason.CODE_NOT_FOUND, Reason.CODE_NOT_FOUND, False),
        (Reason.UPSTREAM_UNAVAILABLE, Reason.UPSTREAM_UNAVAILABLE, False),
    ],
)
async def test_an_opaque_code_has_marks_once_its_issuer_has_answered(
    says: OnlineAnswer | Reason,
    reason: Reason,
    marked: bool,
) -> None:
    issuer = replace(known().issuers[HAINAN], dynamic_s=90.0)
    pipeline = Pipeline(
        TrustSnapshot(KeyRing([]), {}, {}),
        POLICIES,
        opaque=OpaqueShapes([shape()]),
        online=OnlineIssuers({HAINAN: issuer}),
        asks=Answers(says),
    )
    found = pipeline.verify(CODE, at=AT, division=RECEIVER)
    assert isinstance(found, OpaqueCode)
    decision = await pipeline.ask_issuer(found, at=AT, division=DivisionCode("999999"), time_left=1.0)
    assert decision.reasons[0] is reason
    assert (None if decision.marks is None else decision.marks.showing) == (SECRET.encode() if marked else None)
    assert SECRET not in repr(decision)


def test_a_code_that_was_only_seen_has_none() -> None:
    pipeline = Pipeline(TrustSnapshot(KeyRing([]), {}, {}), POLICIES, online=known())
    decision = pipeline.assess(DisplayedCode(DivisionCode("460000"), "green"), at=AT, division=RECEIVER)
    assert decision.marks is None
