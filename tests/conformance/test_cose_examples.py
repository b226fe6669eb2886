"""The COSE working group's own examples (COSE_Sign1 and CWT), each one: verified, refused, or named with its reason.

A code that is no COSE_Sign1 is refused by its tag. One whose algorithm is not read stops as an obstacle. One whose key
cannot be registered, or whose signature covers something that is not in the code, is not verified.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import cbor, cose
from keys.algorithms import PublicKey, make_verifier
from keys.strict import base64url_decode
from keys.values import Algorithm, KeyRefusal, KeyRefused
from tests.vectors import require_vectors

VERIFIED = {
    "CWT/A_3.json": Algorithm.ES256,
    "ecdsa-examples/ecdsa-sig-01.json": Algorithm.ES256,
    "ecdsa-examples/ecdsa-sig-02.json": Algorithm.ES384,
    "eddsa-examples/eddsa-sig-01.json": Algorithm.ED25519,
    "sign1-tests/sign-pass-01.json": Algorithm.ES256,
    "sign1-tests/sign-pass-03.json": Algorithm.ES256,
}
"""By the algorithm of the key. sign-pass-01 names none where it counts: then the key's own is the only one tried."""

NOT_SIGN1 = {
    "CWT/A_4.json": "COSE_Mac0",
    "CWT/A_5.json": "COSE_Encrypt0",
    "CWT/A_6.json": "COSE_Encrypt0 around a COSE_Sign1",
    "CWT/A_7.json": "COSE_Mac0",
    "ecdsa-examples/ecdsa-01.json": "COSE_Sign",
    "ecdsa-examples/ecdsa-02.json": "COSE_Sign",
    "ecdsa-examples/ecdsa-03.json": "COSE_Sign",
    "ecdsa-examples/ecdsa-04.json": "COSE_Sign",
    "eddsa-examples/eddsa-01.json": "COSE_Sign",
    "eddsa-examples/eddsa-02.json": "COSE_Sign",
    "rsa-pss-examples/rsa-pss-01.json": "COSE_Sign",
    "rsa-pss-examples/rsa-pss-02.json": "COSE_Sign",
    "rsa-pss-examples/rsa-pss-03.json": "COSE_Sign",
    "sign1-tests/sign-fail-01.json": "tag 998",
}

OBSTACLES = {
    "ecdsa-examples/ecdsa-sig-03.json": "ES512",
    "ecdsa-examples/ecdsa-sig-04.json": "ES512 with a P-256 key",
    "sign1-tests/sign-fail-03.json": "algorithm -999",
    "sign1-tests/sign-fail-04.json": "algorithm 'unknown'",
}

KEY_REFUSED = {"eddsa-examples/eddsa-sig-02.json": "EdDSA over Ed448"}

NOT_VERIFIED = {
    "sign1-tests/sign-fail-02.json": "the payload was changed",
    "sign1-tests/sign-fail-06.json": "a protected entry was added",
    "sign1-tests/sign-fail-07.json": "a protected entry was removed",
    "sign1-tests/sign-pass-02.json": "covers external data, of which a code has none",
}

CURVES = {"P-256": (ec.SECP256R1(), Algorithm.ES256), "P-384": (ec.SECP384R1(), Algorithm.ES384)}


def examples() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((require_vectors() / "cose-sign1-cwt.json").read_text())
    return found


def read(name: str) -> cose.Sign1:
    return cose.read_sign1(bytes.fromhex(examples()[name]["output"]["cbor"]))


def key_of(name: str) -> tuple[Algorithm, PublicKey]:
    """Return the example's own public key, and the algorithm that a trust list would bind to it."""
    key = examples()[name]["input"]["sign0"]["key"]
    x = member(key, "x")
    if key["kty"] == "OKP":
        return Algorithm.ED25519, x
    curve, algorithm = CURVES[key["crv"]]
    return algorithm, ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + x + member(key, "y"))


def member(key: dict[str, str], name: str) -> bytes:
    in_hex = key.get(f"{name}_hex")
    return base64url_decode(key[name].encode()) if in_hex is None else bytes.fromhex(in_hex)


def is_verified(name: str) -> bool:
    envelope = read(name)
    return make_verifier(*key_of(name)).verify(envelope.signature, envelope.signed)


def test_every_example_is_accounted_for_once() -> None:
    groups = (VERIFIED, NOT_SIGN1, OBSTACLES, KEY_REFUSED, NOT_VERIFIED)
    named = [name for group in groups for name in group]
    assert sorted(named) == sorted(examples())
    assert len(named) == 29


def test_no_example_that_must_fail_is_verified() -> None:
    must_fail = {name for name, example in examples().items() if example.get("fail")}
    assert len(must_fail) == 6
    assert must_fail.isdisjoint(VERIFIED)


@pytest.mark.parametrize("name", VERIFIED)
def test_verified(name: str) -> None:
    envelope = read(name)
    assert envelope.signed == bytes.fromhex(examples()[name]["intermediates"]["ToBeSign_hex"])
    algorithm, _ = key_of(name)
    assert algorithm is VERIFIED[name]
    assert envelope.algorithm in (algorithm, None)
    assert envelope.obstacle is None
    assert is_verified(name)


@pytest.mark.parametrize("name", VERIFIED)
def test_a_changed_bit_is_not_verified(name: str) -> None:
    envelope, verifier = read(name), make_verifier(*key_of(name))
    for place in range(0, len(envelope.signed), 7):
        changed = bytearray(envelope.signed)
        changed[place] ^= 1
        assert not verifier.verify(envelope.signature, bytes(changed))


def test_the_signed_cwt_is_read_as_it_is_printed() -> None:
    envelope = read("CWT/A_3.json")
    assert envelope.payload == bytes.fromhex(examples()["CWT/A_3.json"]["input"]["plaintext_hex"])
    assert cbor.decode(envelope.payload) == {
        1: "coap://as.example.com",
        2: "erikw",
        3: "coap://light.example.com",
        4: 1444064944,
        5: 1443944944,
        6: 1443944944,
        7: b"\x0bq",
    }


@pytest.mark.parametrize("name", NOT_SIGN1)
def test_what_is_no_sign1_is_refused(name: str) -> None:
    with pytest.raises(CodeUnreadable) as refused:
        read(name)
    assert refused.value.reason is Reason.BAD_CBOR


@pytest.mark.parametrize("name", OBSTACLES)
def test_an_algorithm_that_is_not_read_is_an_obstacle(name: str) -> None:
    envelope = read(name)
    assert (envelope.algorithm, envelope.obstacle) == (None, Reason.UNSUPPORTED_ALGORITHM)


@pytest.mark.parametrize("name", KEY_REFUSED)
def test_a_key_of_another_curve_is_not_registered(name: str) -> None:
    assert read(name).algorithm is Algorithm.ED25519, "COSE names both curves EdDSA; the key decides"
    with pytest.raises(KeyRefused) as refused:
        make_verifier(*key_of(name))
    assert refused.value.reason is KeyRefusal.MALFORMED


@pytest.mark.parametrize("name", NOT_VERIFIED)
def test_not_verified(name: str) -> None:
    assert read(name).obstacle is None
    assert not is_verified(name)
