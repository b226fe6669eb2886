"""A code that points to a status list, from bytes to a decision: the issuer that is asked is the one that signed."""

from __future__ import annotations

import dataclasses

import pytest
from nacl.signing import SigningKey

from gateway.changes import Word
from gateway.errors import Reason, Step
from gateway.formats.native_claims import NativeClaims
from gateway.formats.native_encode import encode_jws, encode_qr
from gateway.pipeline import Pipeline
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.status.freshness import Budget, Budgets
from gateway.status.words import AS_SIGNED, CANCELLED, GREEN, RED, UNKNOWN, YELLOW
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Algorithm, CodeState, Decision, DivisionCode, IssuerId, KeyId, Measure, Purpose
from keys.algorithms import make_verifier
from keys.ring import KeyRing
from tests.unit.codes import AT, GUIZHOU, key, profile
from tests.unit.status.lists import POINTER, HeldLists, holding

YUNNAN = IssuerId("https://code.yn.example")
ZHEJIANG = DivisionCode("330000")
POLICIES = PolicyBook.load(SHIPPED)
BUDGETS = Budgets(
    Budget(60.0, 900.0),
    by_purpose={Purpose.VENUE_ENTRY: Budget(10.0, 30.0)},
    by_both={(GUIZHOU, Purpose.MEDICAL_CARE): Budget(60.0, 7_200.0)},
)
SEEDS = {GUIZHOU: SigningKey(b"hcgw test key: listed, guizhou".ljust(32)), YUNNAN: SigningKey(b"yunnan".ljust(32))}
KEYS = [
    dataclasses.replace(key(), issuer=issuer, verifier=make_verifier(Algorithm.ED25519, bytes(seed.verify_key)))
    for issuer, seed in SEEDS.items()
]
PROFILES = {
    GUIZHOU: profile(),
    YUNNAN: dataclasses.replace(profile(), issuer=YUNNAN, division=DivisionCode("530000")),
}


def code(state: str = "green", *, issuer: IssuerId = GUIZHOU, qr: bool = False) -> bytes:
    division = "520100" if issuer == GUIZHOU else "530100"
    claims = NativeClaims(
        issuer,
        division,
        state,
        int(AT) - 3_000,
        int(AT) + 60,
        "code-1",
        status_uri=POINTER.uri,
        status_index=POINTER.index,
    )
    encode = encode_qr if qr else encode_jws
    return encode(
        claims,
        key_id=KeyId(b"key-1"),
        algorithm=Algorithm.ED25519,
        sign=lambda data: SEEDS[issuer].sign(data).signature,
    ).encode()


def verify(scanned: bytes, lists: HeldLists, purpose: Purpose | None = None) -> Decision:
    pipeline = Pipeline(TrustSnapshot(KeyRing(KEYS), PROFILES, {}), POLICIES, lists=lists, budgets=BUDGETS)
    decision = pipeline.verify(scanned, at=AT, division=ZHEJIANG, purpose=purpose)
    assert decision == pipeline.verify_offline(scanned, at=AT, division=ZHEJIANG, purpose=purpose)
    assert isinstance(decision, Decision)
    return decision


@pytest.mark.parametrize("qr", [False, True])
@pytest.mark.parametrize(
    ("word", "measure", "reasons", "state", "step"),
    [
        (GREEN, Measure.PASS, (Reason.STATE_GREEN,), CodeState.GREEN, None),
        (AS_SIGNED, Measure.PASS, (Reason.STATE_GREEN,), CodeState.GREEN, None),
        (RED, Measure.DENY, (Reason.STATE_RED,), CodeState.RED, Step.POLICY),
        (CANCELLED, Measure.DENY, (Reason.REVOKED,), CodeState.REVOKED, Step.STATUS),
        (UNKNOWN, Measure.MANUAL, (Reason.STATUS_UNAVAILABLE,), CodeState.UNKNOWN, Step.STATUS),
    ],
)
def test_a_green_code_is_what_its_list_says(
    word: Word, measure: Measure, reasons: tuple[Reason, ...], state: CodeState, step: Step | None, *, qr: bool
) -> None:
    decision = verify(code(qr=qr), holding(GUIZHOU, word, AT - 5))
    assert (decision.measure, decision.reasons, decision.state) == (measure, reasons, state)
    assert decision.stopped_at is step
    assert (decision.observed_time, decision.status_age) == (AT - 5, 5.0)
    assert decision.issuer == GUIZHOU


def test_a_list_of_another_issuer_says_nothing_of_this_ones_code() -> None:
    """Yunnan may write whatever it likes under the address that Guizhou's codes point to."""
    lists = holding(YUNNAN, GREEN, AT - 5)
    decision = verify(code(), lists)
    assert (decision.measure, decision.reasons) == (Measure.MANUAL, (Reason.STATUS_UNAVAILABLE,))
    assert verify(code(issuer=YUNNAN), lists).measure is Measure.PASS
    assert set(lists.asked) == {GUIZHOU, YUNNAN}


def test_a_signed_red_stays_red_although_no_list_is_held() -> None:
    decision = verify(code("red"), HeldLists())
    assert (decision.measure, decision.reasons, decision.state) == (
        Measure.DENY,
        (Reason.STATE_RED,),
        CodeState.RED,
    )


@pytest.mark.parametrize(
    ("age", "purpose", "measure", "reasons"),
    [
        (5.0, None, Measure.PASS, (Reason.STATE_GREEN,)),
        (20.0, None, Measure.PASS, (Reason.STATE_GREEN,)),
        (20.0, Purpose.VENUE_ENTRY, Measure.PASS, (Reason.STATE_GREEN, Reason.STATUS_AGING)),
        (31.0, Purpose.VENUE_ENTRY, Measure.MANUAL, (Reason.STATUS_STALE,)),
        (31.0, Purpose.TRANSPORT_ARRIVAL, Measure.PASS, (Reason.STATE_GREEN,)),
        (900.0, None, Measure.PASS, (Reason.STATE_GREEN, Reason.STATUS_AGING)),
        (901.0, None, Measure.MANUAL, (Reason.STATUS_STALE,)),
        (901.0, Purpose.MEDICAL_CARE, Measure.PASS, (Reason.STATE_GREEN, Reason.STATUS_AGING)),
        (7_201.0, Purpose.MEDICAL_CARE, Measure.MANUAL, (Reason.STATUS_STALE,)),
        (-31.0, None, Measure.MANUAL, (Reason.STATUS_STALE,)),
    ],
)
def test_age_and_purpose_decide_whether_it_can_be_relied_on(
    age: float, purpose: Purpose | None, measure: Measure, reasons: tuple[Reason, ...]
) -> None:
    decision = verify(code(), holding(GUIZHOU, GREEN, AT - age), purpose)
    assert (decision.measure, decision.reasons) == (measure, reasons)
    assert decision.status_age == (age if age >= 0 else None)


def test_a_condition_is_told_before_the_notes() -> None:
    decision = verify(code(), holding(GUIZHOU, YELLOW, AT - 100))
    assert decision.measure is Measure.LIMITED
    assert decision.reasons[0] is Reason.STATE_YELLOW
    assert decision.reasons[-1] is Reason.STATUS_AGING


def test_a_decision_shows_neither_list_nor_place() -> None:
    shown = repr(verify(code(), holding(GUIZHOU, RED, AT - 5)))
    assert POINTER.uri not in shown
    assert "index" not in shown
