"""Whose signatures count: a trusted issuer's own keys, in force now, each once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.changes import BATCH_CONTEXT, BatchRefusal, BatchRefused, BatchSignature, SignedBatch
from gateway.publishing.signatures import signing_keys
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Algorithm, Format, Instant, IssuerId, KeyId, KeyUse
from keys.ring import KeyRing
from tests.conftest import NOON
from tests.simulators.signing import SigningKey, make_key
from tests.simulators.status_issuer import sign_body

from .house import ISSUER, KEYS, trust_of

BODY = b"any bytes"
FIRST, SECOND = KEYS
NAME = IssuerId(ISSUER)


def found(signed: SignedBatch, trust: TrustSnapshot | None = None, issuer: str = ISSUER) -> list[KeyId]:
    return [key.key_id for key in signing_keys(IssuerId(issuer), signed, trust or trust_of(), NOON)]


@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.ES256, Algorithm.RS256])
def test_a_key_of_any_algorithm_signs(algorithm: Algorithm) -> None:
    key = make_key(algorithm, "k")
    assert found(sign_body(BODY, [key]), trust_of([key])) == [b"k"]


def test_two_keys_are_two() -> None:
    assert found(sign_body(BODY, KEYS)) == [b"first", b"second"]


def test_one_key_is_one_however_often_it_signs_and_however_it_is_called() -> None:
    assert found(sign_body(BODY, [FIRST, FIRST])) == [b"first"]
    alias = replace(FIRST, key_id=KeyId(b"alias"))
    assert found(sign_body(BODY, [FIRST, alias]), trust_of([FIRST, alias])) == [b"first"]


def test_keys_of_one_name_are_each_tried() -> None:
    other = make_key(Algorithm.ED25519, "first")
    assert found(sign_body(BODY, [FIRST]), trust_of([other, FIRST])) == [b"first"]


def _altered(signed: SignedBatch) -> SignedBatch:
    return replace(signed, body=signed.body + b".")


def _not_in_context() -> SignedBatch:
    return SignedBatch(BODY, (BatchSignature(FIRST.key_id, FIRST.sign(BODY)),))


STRANGER = make_key(Algorithm.ED25519, "first")


@pytest.mark.parametrize(
    "signed",
    [
        _altered(sign_body(BODY, [FIRST])),
        _not_in_context(),
        sign_body(BODY, [STRANGER]),
        sign_body(BODY, [make_key(Algorithm.ED25519, "unknown")]),
        SignedBatch(BODY, (BatchSignature(FIRST.key_id, b""),)),
        SignedBatch(BODY, (BatchSignature(FIRST.key_id, SECOND.sign(BATCH_CONTEXT + BODY)),)),
        SignedBatch(BODY, ()),
    ],
    ids=["altered", "no context", "stranger", "unknown key", "empty", "another key's", "none"],
)
def test_what_is_no_signature_of_its_issuer(signed: SignedBatch) -> None:
    with pytest.raises(BatchRefused) as refused:
        found(signed)
    assert refused.value.refusal is BatchRefusal.BAD_SIGNATURE


def test_one_bad_signature_beside_a_good_one_refuses_the_batch() -> None:
    good, bad = sign_body(BODY, [FIRST]), sign_body(BODY, [STRANGER])
    with pytest.raises(BatchRefused) as refused:
        found(SignedBatch(BODY, good.signatures + bad.signatures))
    assert (refused.value.refusal, refused.value.field) == (BatchRefusal.BAD_SIGNATURE, "signatures[1]")


def _trust_with(key: SigningKey, **window: Instant) -> TrustSnapshot:
    return replace(trust_of(), ring=KeyRing([key.trusted(NAME, **window)]))


@pytest.mark.parametrize(
    ("trust", "refusal"),
    [
        (trust_of(KEYS, "another"), BatchRefusal.UNKNOWN_ISSUER),
        (trust_of(formats=(Format.HCERT,)), BatchRefusal.UNKNOWN_ISSUER),
        (trust_of(expires=NOON), BatchRefusal.UNKNOWN_ISSUER),
        (_trust_with(FIRST, not_after=Instant(NOON - 1)), BatchRefusal.BAD_SIGNATURE),
        (_trust_with(FIRST, not_before=Instant(NOON + 1)), BatchRefusal.BAD_SIGNATURE),
        (
            replace(trust_of(), ring=KeyRing([replace(FIRST.trusted(NAME), uses=frozenset({KeyUse.TEST}))])),
            BatchRefusal.BAD_SIGNATURE,
        ),
        (replace(trust_of(), ring=KeyRing([FIRST.trusted(IssuerId("another"))])), BatchRefusal.BAD_SIGNATURE),
        (replace(trust_of(), ring=KeyRing([], unbound=[FIRST.trusted(NAME)])), BatchRefusal.BAD_SIGNATURE),
    ],
    ids=["not listed", "no colours", "list run out", "ended", "not begun", "medical only", "another's", "unbound"],
)
def test_a_key_that_may_not_sign_here(trust: TrustSnapshot, refusal: BatchRefusal) -> None:
    with pytest.raises(BatchRefused) as refused:
        found(sign_body(BODY, [FIRST]), trust)
    assert refused.value.refusal is refusal
