"""The way of a code, from bytes to a decision: each step can stop it, and says so."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

import pytest
from nacl.signing import SigningKey

from gateway.errors import NotReady, Outcome, Reason, Step
from gateway.formats.native_claims import NativeClaims
from gateway.formats.native_encode import encode_jws
from gateway.pipeline import Pipeline, step_outcomes
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Algorithm, CodeState, Decision, DivisionCode, Format, Instant, KeyId, Measure, RevokedCodes
from keys.algorithms import make_verifier
from keys.ring import KeyRing
from tests.unit.codes import AT, GUIZHOU, key, profile

SEED = SigningKey(hashlib.sha256(b"hcgw test key: pipeline").digest())
ZHEJIANG = DivisionCode("330000")
POLICIES = PolicyBook.load(SHIPPED)


def trust(*, expires: Instant | None = None, revoked: bool = False) -> TrustSnapshot:
    verifier = make_verifier(Algorithm.ED25519, bytes(SEED.verify_key))
    ring = KeyRing([dataclasses.replace(key(), verifier=verifier)])
    revocations = {(GUIZHOU, KeyId(b"key-1")): RevokedCodes(1, {"code-1": None})} if revoked else {}
    return TrustSnapshot(ring, {GUIZHOU: profile()}, revocations, expires=expires)


def code(state: str = "green", *, issued: int = -60, expires: int = 60, division: str = "520100") -> bytes:
    claims = NativeClaims(GUIZHOU, division, state, int(AT) + issued, int(AT) + expires, "code-1")
    return encode_jws(
        claims, key_id=KeyId(b"key-1"), algorithm=Algorithm.ED25519, sign=lambda data: SEED.sign(data).signature
    ).encode()


def verify(scanned: bytes, snapshot: TrustSnapshot | None = None) -> Decision:
    decision = Pipeline(snapshot or trust(), POLICIES).verify(scanned, at=AT, division=ZHEJIANG)
    assert isinstance(decision, Decision)
    return decision


def test_a_green_code_passes_every_step() -> None:
    decision = verify(code())
    assert (decision.measure, decision.state, decision.issuer) == (Measure.PASS, CodeState.GREEN, GUIZHOU)
    assert set(step_outcomes(decision).values()) == {Outcome.OK}


def flipped(scanned: bytes) -> bytes:
    last = scanned[-20:-19]
    return scanned[:-20] + (b"A" if last != b"A" else b"B") + scanned[-19:]


@pytest.mark.parametrize(
    ("scanned", "snapshot", "reason", "measure", "step", "outcome", "state", "issuer"),
    [
        (b"", trust, Reason.EMPTY_CODE, "MANUAL", Step.DECODE, "refused", "UNKNOWN", None),
        (b"hello", trust, Reason.UNRECOGNISED, "MANUAL", Step.DECODE, "refused", "UNKNOWN", None),
        (b"x" * 40_000, trust, Reason.TOO_LARGE, "MANUAL", Step.DECODE, "refused", "UNKNOWN", None),
        (flipped(code()), trust, Reason.BAD_SIGNATURE, "DENY", Step.SIGNATURE, "refused", "UNKNOWN", None),
        (
            code(division="530100"),
            trust,
            Reason.DIVISION_MISMATCH,
            "DENY",
            Step.SIGNATURE,
            "refused",
            "UNKNOWN",
            None,
        ),
        (code(expires=-1), trust, Reason.EXPIRED, "DENY", Step.VALIDITY, "refused", "EXPIRED", GUIZHOU),
        (code(issued=45), trust, Reason.NOT_YET_VALID, "DENY", Step.VALIDITY, "refused", "UNKNOWN", GUIZHOU),
        (code(), lambda: trust(revoked=True), Reason.REVOKED, "DENY", Step.STATUS, "refused", "REVOKED", GUIZHOU),
        (code(issued=-90_000), trust, Reason.STATUS_STALE, "MANUAL", Step.STATUS, "undetermined", "GREEN", GUIZHOU),
        (code("red"), trust, Reason.STATE_RED, "DENY", Step.POLICY, "refused", "RED", GUIZHOU),
        (code("mauve"), trust, Reason.UNKNOWN_STATE, "MANUAL", Step.POLICY, "undetermined", "UNKNOWN", GUIZHOU),
        (
            code("under_review"),
            trust,
            Reason.STATE_UNDER_REVIEW,
            "MANUAL",
            Step.POLICY,
            "undetermined",
            "UNDER_REVIEW",
            GUIZHOU,
        ),
    ],
)
def test_each_step_can_stop_a_code_and_says_so(
    scanned: bytes,
    snapshot: Callable[[], TrustSnapshot],
    reason: Reason,
    measure: str,
    step: Step,
    outcome: str,
    state: str,
    issuer: str | None,
) -> None:
    decision = verify(scanned, snapshot())
    assert decision.reasons[0] is reason
    assert (decision.measure.name, decision.state.name, decision.issuer) == (measure, state, issuer)
    outcomes = step_outcomes(decision)
    place = list(Step).index(step)
    assert [found.value for found in outcomes.values()] == (
        ["ok"] * place + [outcome] + ["not_reached"] * (len(Step) - place - 1)
    )


def test_an_expired_trust_list_answers_nothing() -> None:
    with pytest.raises(NotReady):
        verify(code(), trust(expires=AT))
    assert verify(code(), trust(expires=Instant(AT + 1))).measure is Measure.PASS


def test_a_decision_shows_nothing_of_the_code() -> None:
    scanned = code()
    shown = repr(verify(scanned)) + repr(verify(flipped(scanned)))
    for segment in (*scanned.decode().split("."), "code-1"):
        assert segment not in shown


def test_an_unknown_format_is_told() -> None:
    assert verify(b"hello").format is Format.UNKNOWN
    assert verify(code()).format is Format.NATIVE
