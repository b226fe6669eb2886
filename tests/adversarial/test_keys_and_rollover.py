"""Keys that must never be registered, valid twins of a signature, and codes across a change of keys."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import Reason
from gateway.trust.snapshot import index_revocations
from gateway.values import Measure, RevokedCodes
from keys.algorithms import PublicKey, make_verifier
from keys.revocation import revocation_list_from_crl
from keys.values import Algorithm, Instant, IssuerId, KeyId, KeyRefusal, KeyRefused
from tests.simulators.signing import SM2_SETTINGS, make_key

from .cases_signatures import LOW_ORDER, NOT_CANONICAL, P256_N
from .remake import jws, put, signature
from .world import AT, GUIZHOU, world

# Keys


@pytest.mark.parametrize("point", LOW_ORDER + NOT_CANONICAL)
def test_low_order_and_odd_spellings_of_ed25519_keys_are_refused(point: str) -> None:
    make_verifier(Algorithm.ED25519, world().guizhou["Ed25519"].public)
    with pytest.raises(KeyRefused) as refused:
        make_verifier(Algorithm.ED25519, bytes.fromhex(point))
    assert refused.value.reason in (KeyRefusal.LOW_ORDER, KeyRefusal.NON_CANONICAL)


def _p256_point() -> bytes:
    key = world().guizhou["ES256"].public
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def test_a_p256_key_offered_as_sm2_is_refused() -> None:
    with pytest.raises(KeyRefused) as refused:
        make_verifier(Algorithm.SM2, _p256_point(), sm2=SM2_SETTINGS)
    assert refused.value.reason is KeyRefusal.NOT_ON_CURVE


def test_an_sm2_key_moved_off_the_curve_is_refused() -> None:
    point = world().guizhou["SM2"].public
    assert isinstance(point, bytes)
    with pytest.raises(KeyRefused) as refused:
        make_verifier(Algorithm.SM2, point[:-1] + bytes((point[-1] ^ 1,)), sm2=SM2_SETTINGS)
    assert refused.value.reason is KeyRefusal.NOT_ON_CURVE


KEYS_OF_ANOTHER_KIND = [
    (algorithm, kind)
    for algorithm, kind in (
        (Algorithm.ED25519, "ES256"), (Algorithm.ED25519, "RS256"), (Algorithm.ES256, "Ed25519"),
        (Algorithm.ES256, "ES384"), (Algorithm.ES256, "SM2"), (Algorithm.ES384, "ES256"), (Algorithm.ES384, "RS256"),
        (Algorithm.PS256, "ES256"), (Algorithm.RS256, "Ed25519"), (Algorithm.SM2, "ES256"), (Algorithm.SM2, "RS256"),
    )
]  # fmt: skip


@pytest.mark.parametrize(("algorithm", "kind"), KEYS_OF_ANOTHER_KIND)
def test_a_key_of_another_kind_is_refused(algorithm: Algorithm, kind: str) -> None:
    key: PublicKey = world().guizhou[kind].public
    with pytest.raises(KeyRefused) as refused:
        make_verifier(algorithm, key, sm2=SM2_SETTINGS)
    assert refused.value.reason in (KeyRefusal.UNSUPPORTED_KEY_TYPE, KeyRefusal.UNSUPPORTED_CURVE)


# Twins


def _high_s(held: bytes) -> bytes:
    s = P256_N - int.from_bytes(held[32:], "big")
    return held[:32] + s.to_bytes(32, "big")


@pytest.mark.parametrize("kind", ["jws ES256", "shc"])
def test_the_high_s_twin_is_a_valid_ecdsa_signature(kind: str) -> None:
    """FIPS 186-5 knows no low-s rule. So nothing may ever be keyed on a signature or on the text of a token."""
    code = world().codes[kind]
    twin = signature(_high_s)(world(), code)
    assert twin != code
    assert world().judge(twin) == world().judge(code)


# Rollover


def _judged(code: bytes, *names: str, **windows: Instant) -> tuple[Measure, Reason]:
    """Judge a code when Guizhou has only these keys, under the key id that all of them share here."""
    everyone = world().guizhou
    keys = [replace(everyone[name], key_id=KeyId(b"current")).trusted(GUIZHOU.issuer, **windows) for name in names]
    decision = world().judge(code, trust=world().snapshot(tuple(keys)))
    return decision.measure, decision.reasons[0]


def _code_of(name: str) -> bytes:
    return GUIZHOU.issue(replace(world().guizhou[name], key_id=KeyId(b"current")), AT)


def test_while_both_keys_are_listed_under_one_id_codes_of_both_pass() -> None:
    for name in ("Ed25519", "shared"):
        assert _judged(_code_of(name), "Ed25519", "shared")[0] is Measure.PASS
        assert _judged(_code_of(name), "shared", "Ed25519")[0] is Measure.PASS


def test_codes_of_the_old_key_stop_when_its_id_is_given_to_a_new_one() -> None:
    old = _code_of("Ed25519")
    assert _judged(old, "Ed25519")[0] is Measure.PASS
    assert _judged(old, "shared") == (Measure.DENY, Reason.BAD_SIGNATURE)


def test_codes_of_the_old_key_stop_when_a_key_of_another_algorithm_takes_its_id() -> None:
    old = _code_of("ES256")
    assert _judged(old, "ES256")[0] is Measure.PASS
    assert _judged(old, "Ed25519") == (Measure.DENY, Reason.ALGORITHM_MISMATCH)


def test_codes_of_a_key_that_is_no_longer_listed_cannot_be_decided() -> None:
    code = world().codes["jws Ed25519"]
    keys = world().trusted()
    assert world().judge(code, trust=world().snapshot(keys)).measure is Measure.PASS
    left = tuple(key for key in keys if key.key_id != b"gz-Ed25519")
    decision = world().judge(code, trust=world().snapshot(left))
    assert (decision.measure, decision.reasons[0]) == (Measure.MANUAL, Reason.UNKNOWN_KEY)


def test_keys_outside_their_window_let_nobody_pass() -> None:
    code = _code_of("Ed25519")
    assert _judged(code, "Ed25519", not_before=Instant(AT), not_after=Instant(AT))[0] is Measure.PASS
    assert _judged(code, "Ed25519", not_after=Instant(AT - 1)) == (Measure.DENY, Reason.KEY_EXPIRED)
    assert _judged(code, "Ed25519", not_before=Instant(AT + 3_600)) == (Measure.DENY, Reason.KEY_NOT_YET_VALID)


def test_a_key_of_one_issuer_never_signs_for_another() -> None:
    stranger = make_key(Algorithm.ED25519, "gz-Ed25519")
    forged = GUIZHOU.issue(stranger, AT)
    listed_elsewhere = (*world().trusted(), stranger.trusted(IssuerId("https://code.hn.example")))
    decision = world().judge(forged, trust=world().snapshot(listed_elsewhere))
    assert (decision.measure, decision.reasons[0]) == (Measure.DENY, Reason.BAD_SIGNATURE)


def test_a_revoked_card_is_denied_and_another_card_of_the_key_is_not() -> None:
    held = world()
    place = (IssuerId(held.shc.url), KeyId(held.shc.key_id.encode()))
    code = held.codes["shc"]
    revoked = held.judge(code, trust=held.snapshot(revoked={place: RevokedCodes(1, {"MKyCxh7p6uQ": None})}))
    assert (revoked.measure, revoked.reasons[0]) == (Measure.DENY, Reason.REVOKED)
    other = held.judge(code, trust=held.snapshot(revoked={place: RevokedCodes(1, {"MKyCxh7p6uR": None})}))
    assert other.measure is Measure.PASS


@pytest.mark.parametrize("code_id", ["x", "6f1c1a34-3f0b-4c1e-9d0e-0a6b2f3f7c11", "A" * 64])
def test_a_native_code_of_any_id_can_be_revoked(code_id: str) -> None:
    held = world()
    code = jws(payload=put(jti=code_id))(held, held.codes["jws Ed25519"])
    listed = revocation_list_from_crl({"kid": "gz-Ed25519", "method": "rid", "ctr": 1, "rids": [code_id]})
    assert held.judge(code).measure is Measure.PASS
    decision = held.judge(code, trust=held.snapshot(revoked=index_revocations([(GUIZHOU.issuer, listed)])))
    assert (decision.measure, decision.reasons[0]) == (Measure.DENY, Reason.REVOKED)


def test_a_trust_list_without_anyone_lets_nobody_pass() -> None:
    for code in world().codes.values():
        decision = world().judge(code, trust=world().snapshot(keys=()))
        assert (decision.measure, decision.reasons[0]) == (Measure.MANUAL, Reason.UNKNOWN_KEY)
