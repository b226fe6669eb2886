"""JSON Web Keys: every reason for which one is refused, and that no bad key costs the others."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from keys import sm2
from keys.algorithms import Sm2Settings
from keys.jwk import MAX_KEYS, SMART_HEALTH_CARD, key_from_jwk, keys_from_jwks, thumbprint
from keys.sm2_settings import written_settings
from keys.values import Algorithm, IssuerId, KeyId, KeyRefusal, KeyRefused

from .making import base64url, ec_jwk, ec_key, ed25519_jwk, number, rsa_jwk, rsa_key
from .sm2_example import X, Y

ISSUER = IssuerId("issuer")
SM2_SETTINGS = Sm2Settings(b"1234567812345678", z_mode=True, raw=True)


def without(jwk: dict[str, object], member: str) -> dict[str, object]:
    return {name: value for name, value in jwk.items() if name != member}


def refusal(jwk: object) -> KeyRefusal:
    with pytest.raises(KeyRefused) as refused:
        key_from_jwk(jwk, issuer=ISSUER)
    return refused.value.reason


EC, RSA, OKP = ec_jwk(kid="k"), rsa_jwk(kid="k", alg="PS256"), ed25519_jwk(kid="k")
N = rsa_key().public_key().public_numbers().n


@pytest.mark.parametrize(
    ("jwk", "reason"),
    [
        ("kty", KeyRefusal.MALFORMED),
        (None, KeyRefusal.MALFORMED),
        ([EC], KeyRefusal.MALFORMED),
        ({}, KeyRefusal.MISSING_MEMBER),
        (without(EC, "kty"), KeyRefusal.MISSING_MEMBER),
        (without(EC, "crv"), KeyRefusal.MISSING_MEMBER),
        (without(EC, "x"), KeyRefusal.MISSING_MEMBER),
        (without(EC, "y"), KeyRefusal.MISSING_MEMBER),
        (without(OKP, "x"), KeyRefusal.MISSING_MEMBER),
        (without(RSA, "n"), KeyRefusal.MISSING_MEMBER),
        (without(RSA, "e"), KeyRefusal.MISSING_MEMBER),
        (without(RSA, "alg"), KeyRefusal.MISSING_MEMBER),
        ({**EC, "kty": 5}, KeyRefusal.MALFORMED),
        ({**EC, "kty": "ec"}, KeyRefusal.UNSUPPORTED_KEY_TYPE),
        ({"kty": "oct", "k": "AAAA", "alg": "HS256"}, KeyRefusal.UNSUPPORTED_KEY_TYPE),
        ({**EC, "crv": "P-521"}, KeyRefusal.UNSUPPORTED_CURVE),
        ({**EC, "crv": "secp256k1"}, KeyRefusal.UNSUPPORTED_CURVE),
        ({**EC, "crv": "Ed25519"}, KeyRefusal.UNSUPPORTED_CURVE),
        ({**OKP, "crv": "X25519"}, KeyRefusal.UNSUPPORTED_CURVE),
        ({**OKP, "crv": "Ed448"}, KeyRefusal.UNSUPPORTED_CURVE),
        ({**EC, "alg": "ES256K"}, KeyRefusal.UNSUPPORTED_ALGORITHM),
        ({**EC, "alg": "ES384"}, KeyRefusal.UNSUPPORTED_ALGORITHM),
        ({**EC, "alg": "es256"}, KeyRefusal.UNSUPPORTED_ALGORITHM),
        ({**EC, "alg": "none"}, KeyRefusal.UNSUPPORTED_ALGORITHM),
        ({**EC, "alg": "HS256"}, KeyRefusal.UNSUPPORTED_ALGORITHM),
        ({**RSA, "alg": "PS384"}, KeyRefusal.UNSUPPORTED_ALGORITHM),
        ({**RSA, "alg": "RSA-OAEP"}, KeyRefusal.UNSUPPORTED_ALGORITHM),
        ({**OKP, "alg": "ES256"}, KeyRefusal.UNSUPPORTED_ALGORITHM),
        ({**EC, "alg": ["ES256"]}, KeyRefusal.MALFORMED),
        ({**EC, "use": "enc"}, KeyRefusal.WRONG_USE),
        ({**EC, "use": None}, KeyRefusal.WRONG_USE),
        ({**EC, "use": ["sig"]}, KeyRefusal.WRONG_USE),
        ({**EC, "key_ops": ["sign"]}, KeyRefusal.WRONG_USE),
        ({**EC, "key_ops": []}, KeyRefusal.WRONG_USE),
        ({**EC, "key_ops": "verify"}, KeyRefusal.WRONG_USE),
        ({**EC, "d": "AAAA"}, KeyRefusal.PRIVATE_PART),
        ({**OKP, "d": ""}, KeyRefusal.PRIVATE_PART),
        ({**RSA, "dp": "AAAA"}, KeyRefusal.PRIVATE_PART),
        ({**EC, "x": EC["y"]}, KeyRefusal.NOT_ON_CURVE),
        ({**EC, "x": base64url(bytes(32)), "y": base64url(bytes(32))}, KeyRefusal.NOT_ON_CURVE),
        ({**EC, "x": base64url(bytes(31))}, KeyRefusal.MALFORMED),
        ({**EC, "x": base64url(bytes(33))}, KeyRefusal.MALFORMED),
        ({**EC, "x": f"{EC['x']}="}, KeyRefusal.MALFORMED),
        ({**EC, "x": "é" * 43}, KeyRefusal.MALFORMED),
        ({**EC, "x": "\ud800" * 43}, KeyRefusal.MALFORMED),
        ({**EC, "x": "A" * 1_000_000}, KeyRefusal.MALFORMED),
        ({**EC, "x": 17}, KeyRefusal.MALFORMED),
        ({**EC, "kid": ""}, KeyRefusal.MALFORMED),
        ({**EC, "kid": 7}, KeyRefusal.MALFORMED),
        ({**EC, "kid": "k" * 257}, KeyRefusal.MALFORMED),
        ({**EC, "kid": "é" * 129}, KeyRefusal.MALFORMED),
        ({**EC, "kid": "\ud800"}, KeyRefusal.MALFORMED),
        ({**EC, "kty": "\ud800"}, KeyRefusal.MALFORMED),
        ({**OKP, "x": base64url(bytes(32))}, KeyRefusal.LOW_ORDER),
        ({**OKP, "x": base64url((2**255 - 19 + 3).to_bytes(32, "little"))}, KeyRefusal.NON_CANONICAL),
        ({**OKP, "x": base64url((2).to_bytes(32, "little"))}, KeyRefusal.NOT_ON_CURVE),
        ({**RSA, "n": number(1 << 1023 | 1)}, KeyRefusal.RSA_TOO_SHORT),
        ({**RSA, "n": number(1 << 8192 | 1)}, KeyRefusal.RSA_TOO_LONG),
        ({**RSA, "e": number(3)}, KeyRefusal.RSA_BAD_EXPONENT),
        ({**RSA, "n": number(N, 257)}, KeyRefusal.NON_CANONICAL),
        ({**RSA, "e": "AAEAAQ"}, KeyRefusal.NON_CANONICAL),
    ],
)
def test_refused(jwk: object, reason: KeyRefusal) -> None:
    assert refusal(jwk) is reason


@pytest.mark.parametrize(
    ("jwk", "algorithm"),
    [
        (ec_jwk(), Algorithm.ES256),
        (ec_jwk(alg="ES256", use="sig", key_ops=["verify"], crlVersion=3, date="x", x5c=["x"]), Algorithm.ES256),
        (ec_jwk(ec_key("P-384")), Algorithm.ES384),
        (ed25519_jwk(), Algorithm.ED25519),
        (ed25519_jwk(alg="EdDSA"), Algorithm.ED25519),
        (ed25519_jwk(alg="Ed25519"), Algorithm.ED25519),
        (rsa_jwk(alg="PS256"), Algorithm.PS256),
        (rsa_jwk(alg="RS256"), Algorithm.RS256),
    ],
)
def test_taken_with_one_algorithm(jwk: dict[str, object], algorithm: Algorithm) -> None:
    key = key_from_jwk({**jwk, "kid": "schlüssel"}, issuer=ISSUER)
    assert (key.issuer, key.key_id, key.algorithm) == (ISSUER, "schlüssel".encode(), algorithm)
    assert (key.not_before, key.not_after, key.uses) == (None, None, frozenset())
    assert key_from_jwk(jwk, issuer=ISSUER).key_id == thumbprint(jwk).encode()


def test_an_sm2_key_needs_its_settings() -> None:
    jwk = {"kty": "EC", "crv": "SM2", "x": base64url(X), "y": base64url(Y), "kid": "k"}
    assert refusal(jwk) is KeyRefusal.MISSING_MEMBER
    assert refusal({**jwk, "alg": "ES256"}) is KeyRefusal.UNSUPPORTED_ALGORITHM
    # The same point under the name of another curve is not a key of that curve.
    assert refusal({**jwk, "crv": "P-256"}) is KeyRefusal.NOT_ON_CURVE
    if sm2.available():
        assert key_from_jwk(jwk, issuer=ISSUER, sm2=SM2_SETTINGS).algorithm is Algorithm.SM2
        own = {**jwk, "sm2": {"id": "1234567812345678", "z": True, "signature": "raw"}}
        assert key_from_jwk(own, issuer=ISSUER).algorithm is Algorithm.SM2
        assert key_from_jwk(own, issuer=ISSUER, sm2=SM2_SETTINGS).algorithm is Algorithm.SM2


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"id": "1234567812345678", "z": True},
        {"id": "1234567812345678", "z": True, "signature": "raw", "more": 1},
        {"id": 1, "z": True, "signature": "raw"},
        {"id": "i" * 513, "z": True, "signature": "raw"},
        {"id": "é", "z": True, "signature": "raw"},
        {"id": "", "z": 1, "signature": "raw"},
        {"id": "", "z": True, "signature": "RAW"},
        {"id": "", "z": True, "signature": ["raw"]},
        "raw",
        [],
    ],
    ids=str,
)
def test_settings_that_cannot_be_read_refuse_the_sm2_key(stated: object) -> None:
    jwk = {"kty": "EC", "crv": "SM2", "x": base64url(X), "y": base64url(Y), "sm2": stated}
    assert refusal(jwk) is KeyRefusal.MALFORMED
    # Of another key the member means nothing, like any that is not known.
    assert key_from_jwk(ec_jwk(sm2=stated), issuer=ISSUER).algorithm is Algorithm.ES256


@pytest.mark.parametrize("change", [{"id": ""}, {"z": False}, {"signature": "der"}], ids=str)
def test_settings_other_than_those_pinned_refuse_the_sm2_key(change: dict[str, object]) -> None:
    stated = written_settings(SM2_SETTINGS) | change
    jwk = {"kty": "EC", "crv": "SM2", "x": base64url(X), "y": base64url(Y), "sm2": stated}
    with pytest.raises(KeyRefused) as refused:
        key_from_jwk(jwk, issuer=ISSUER, sm2=SM2_SETTINGS)
    assert refused.value.reason is KeyRefusal.MALFORMED


def test_thumbprint_of_rfc_7638() -> None:
    # Source: RFC 7638 section 3.1
    jwk = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF"
        "V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZH"
        "zu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU"
        "8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert thumbprint({**jwk, "use": "sig", "x5t": "?"}) == thumbprint(jwk)


def test_thumbprint_of_rfc_8037() -> None:
    # Source: RFC 8037 appendix A.3
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def shc(jwk: dict[str, object]) -> tuple[int, list[KeyRefusal]]:
    taken, refused = keys_from_jwks(
        {"keys": [jwk]}, issuer=ISSUER, algorithms=SMART_HEALTH_CARD, require_thumbprint=True
    )
    return len(taken), [one.reason for one in refused]


def test_the_rules_of_smart_health_cards() -> None:
    good = ec_jwk(use="sig", alg="ES256")
    good["kid"] = thumbprint(good)
    assert shc(good) == (1, [])
    assert shc({**good, "kid": "another"}) == (0, [KeyRefusal.WRONG_KEY_ID])
    assert shc(without(good, "kid")) == (0, [KeyRefusal.MISSING_MEMBER])
    assert shc(ec_jwk(ec_key("P-384"), kid="k")) == (0, [KeyRefusal.UNSUPPORTED_CURVE])
    assert shc(rsa_jwk(kid="k")) == (0, [KeyRefusal.UNSUPPORTED_KEY_TYPE])
    assert shc(ed25519_jwk(kid="k")) == (0, [KeyRefusal.UNSUPPORTED_KEY_TYPE])
    assert shc({**good, "alg": "ES256K"}) == (0, [KeyRefusal.UNSUPPORTED_ALGORITHM])
    assert shc({**good, "use": "enc"}) == (0, [KeyRefusal.WRONG_USE])


def test_one_bad_key_costs_no_other_and_is_told_with_its_place() -> None:
    good = [ec_jwk(kid="a"), ed25519_jwk(kid="b")]
    bad = [{"kty": "EC", "kid": "bad"}, "?"]
    taken, refused = keys_from_jwks({"keys": [good[0], *bad, good[1]]}, issuer=ISSUER)
    assert [key.key_id for key in taken] == [b"a", b"b"]
    assert [(one.issuer, one.key_id, one.position, one.reason) for one in refused] == [
        (ISSUER, KeyId(b"bad"), "keys[1]", KeyRefusal.MISSING_MEMBER),
        (ISSUER, None, "keys[2]", KeyRefusal.MALFORMED),
    ]


def test_two_keys_may_share_a_kid_and_one_key_may_not_come_twice() -> None:
    one, other = ed25519_jwk(kid="k"), ed25519_jwk(kid="k")
    taken, refused = keys_from_jwks({"keys": [one, other, {**one, "use": "sig"}]}, issuer=ISSUER)
    assert [key.key_id for key in taken] == [b"k", b"k"]
    assert [(no.position, no.reason) for no in refused] == [("keys[2]", KeyRefusal.DUPLICATE)]


@pytest.mark.parametrize("jwks", [None, [], {}, {"keys": {}}, {"keys": "x"}, {"keys": [{}] * (MAX_KEYS + 1)}])
def test_what_is_no_key_set_is_refused_whole(jwks: object) -> None:
    with pytest.raises(KeyRefused) as refused:
        keys_from_jwks(jwks, issuer=ISSUER)
    assert refused.value.reason is KeyRefusal.MALFORMED


def test_a_refusal_holds_nothing_of_the_key() -> None:
    private = rsa.generate_private_key(65_537, 2048).private_numbers()
    jwk = rsa_jwk(alg="PS256", d=number(private.d))
    with pytest.raises(KeyRefused) as refused:
        key_from_jwk(jwk, issuer=ISSUER)
    text = f"{refused.value!r} {refused.value}"
    assert number(private.d)[:16] not in text
    assert str(jwk["n"])[:16] not in text


@pytest.mark.parametrize(
    ("published", "counter"), [(None, None), (0, 0), (3, 3), (True, 2**53), ("3", 2**53), (-1, 2**53), (1.5, 2**53)]
)
def test_the_edition_of_its_revocation_list_is_kept_and_an_odd_one_is_past_every_list(
    published: object, counter: int | None
) -> None:
    key = key_from_jwk(ec_jwk(alg="ES256", kid="1", crlVersion=published), issuer=IssuerId("i"))
    assert key.revocation_counter == counter
