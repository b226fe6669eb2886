"""One key, one algorithm: what a verifier takes, and what it answers to anything else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.algorithms import PublicKey, make_verifier
from keys.rsa import check_numbers
from keys.values import Algorithm, KeyRefusal, KeyRefused

from .making import ec_key, rsa_key

MESSAGE = b"what is signed"

KINDS = {
    Algorithm.ES256: ("P-256", hashes.SHA256(), 32),
    Algorithm.ES384: ("P-384", hashes.SHA384(), 48),
}


def raw_signature(algorithm: Algorithm, message: bytes = MESSAGE) -> tuple[bytes, int]:
    curve, digest, size = KINDS[algorithm]
    r, s = utils.decode_dss_signature(ec_key(curve).sign(message, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big"), size


@pytest.mark.parametrize("algorithm", KINDS)
def test_ecdsa_takes_r_and_s_of_full_length_and_nothing_else(algorithm: Algorithm) -> None:
    verifier = make_verifier(algorithm, ec_key(KINDS[algorithm][0]).public_key())
    signature, size = raw_signature(algorithm)
    zero = b"\0" * size
    assert verifier.verify(signature, MESSAGE)
    assert not verifier.verify(signature, MESSAGE + b"!")
    hostile = {
        "empty": b"",
        "one byte short": signature[:-1],
        "one byte long": signature + b"\0",
        "padded on both": b"\0" + signature[:size] + b"\0" + signature[size:],
        "twice": signature * 2,
        "r is zero": zero + signature[size:],
        "s is zero": signature[:size] + zero,
        "both are zero": zero * 2,
        "all ones": b"\xff" * (2 * size),
        "swapped": signature[size:] + signature[:size],
        "DER": ec_key(KINDS[algorithm][0]).sign(MESSAGE, ec.ECDSA(KINDS[algorithm][1])),
    }
    assert [name for name, one in hostile.items() if verifier.verify(one, MESSAGE)] == []


def test_ecdsa_in_der_by_hand_is_the_librarys() -> None:
    # Short scalars, and scalars with the top bit set, are where DER by hand goes wrong: sign until both were seen.
    verifier = make_verifier(Algorithm.ES256, ec_key().public_key())
    lengths = set()
    for number in range(1200):
        message = number.to_bytes(2, "big")
        signature, size = raw_signature(Algorithm.ES256, message)
        assert verifier.verify(signature, message)
        lengths |= {len(half.lstrip(b"\0")) for half in (signature[:size], signature[size:])}
    assert {31, 32} <= lengths


@settings(max_examples=200)
@given(signature=st.binary(max_size=300), message=st.binary(max_size=64))
def test_no_verifier_raises_or_takes_noise(signature: bytes, message: bytes) -> None:
    for algorithm, key in VERIFIABLE.items():
        assert make_verifier(algorithm, key).verify(signature, message) is False


VERIFIABLE: dict[Algorithm, PublicKey] = {
    Algorithm.ED25519: Ed25519PrivateKey.generate().public_key(),
    Algorithm.ES256: ec_key().public_key(),
    Algorithm.ES384: ec_key("P-384").public_key(),
    Algorithm.PS256: rsa_key().public_key(),
    Algorithm.RS256: rsa_key().public_key(),
}


def test_the_two_rsa_algorithms_are_two_keys() -> None:
    private = rsa_key()
    digest = hashes.SHA256()
    pss = private.sign(MESSAGE, padding.PSS(padding.MGF1(digest), 32), digest)
    pkcs1 = private.sign(MESSAGE, padding.PKCS1v15(), digest)
    ps256 = make_verifier(Algorithm.PS256, private.public_key())
    rs256 = make_verifier(Algorithm.RS256, private.public_key())
    assert (ps256.verify(pss, MESSAGE), rs256.verify(pkcs1, MESSAGE)) == (True, True)
    assert (ps256.verify(pkcs1, MESSAGE), rs256.verify(pss, MESSAGE)) == (False, False)
    assert not ps256.verify(b"\0" + pss, MESSAGE)
    assert not rs256.verify(pkcs1[:-1], MESSAGE)


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 64])
def test_pss_demands_a_salt_as_long_as_the_hash(salt: int) -> None:
    private = rsa_key()
    signature = private.sign(MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
    assert not make_verifier(Algorithm.PS256, private.public_key()).verify(signature, MESSAGE)


def test_pss_demands_sha256_in_mgf1_too() -> None:
    private = rsa_key()
    signature = private.sign(MESSAGE, padding.PSS(padding.MGF1(hashes.SHA384()), 32), hashes.SHA256())
    assert not make_verifier(Algorithm.PS256, private.public_key()).verify(signature, MESSAGE)


ODD_2048 = (1 << 2047) + 1


@pytest.mark.parametrize(
    ("modulus", "exponent", "reason"),
    [
        ((1 << 1023) + 1, 65_537, KeyRefusal.RSA_TOO_SHORT),
        ((1 << 2046) + 1, 65_537, KeyRefusal.RSA_TOO_SHORT),
        ((1 << 8192) + 1, 65_537, KeyRefusal.RSA_TOO_LONG),
        (ODD_2048, 1, KeyRefusal.RSA_BAD_EXPONENT),
        (ODD_2048, 3, KeyRefusal.RSA_BAD_EXPONENT),
        (ODD_2048, 65_535, KeyRefusal.RSA_BAD_EXPONENT),
        (ODD_2048, 65_538, KeyRefusal.RSA_BAD_EXPONENT),
        (ODD_2048, (1 << 64) + 1, KeyRefusal.RSA_BAD_EXPONENT),
        (ODD_2048 + 1, 65_537, KeyRefusal.MALFORMED),
    ],
)
def test_an_rsa_key_that_must_not_be_registered(modulus: int, exponent: int, reason: KeyRefusal) -> None:
    with pytest.raises(KeyRefused) as refused:
        check_numbers(modulus, exponent)
    assert refused.value.reason is reason


@pytest.mark.parametrize("bits", [2048, 8192])
@pytest.mark.parametrize("exponent", [65_537, (1 << 64) - 1])
def test_an_rsa_key_at_the_bounds_may_be_registered(bits: int, exponent: int) -> None:
    check_numbers((1 << bits - 1) + 1, exponent)


def test_a_modulus_of_the_roca_generator_is_refused() -> None:
    # n = 65537**a modulo M, the product of the primes up to 167, lifted to 2048 bits: the generator's fingerprint.
    product = 1
    for prime in (n for n in range(2, 168) if all(n % divisor for divisor in range(2, n))):
        product *= prime
    modulus = (1 << 2048) // product * product - 5 * product + pow(65_537, 12_345, product)
    assert modulus.bit_length() == 2048
    with pytest.raises(KeyRefused) as refused:
        check_numbers(modulus, 65_537)
    assert refused.value.reason is KeyRefusal.WEAK_KEY
    check_numbers(modulus + 2 * product + 2, 65_537)


@pytest.mark.parametrize("exponent", [3])
def test_a_key_object_with_a_small_exponent_is_refused(exponent: int) -> None:
    public = rsa.RSAPublicNumbers(exponent, rsa_key().public_key().public_numbers().n).public_key()
    for algorithm in (Algorithm.PS256, Algorithm.RS256):
        with pytest.raises(KeyRefused) as refused:
            make_verifier(algorithm, public)
        assert refused.value.reason is KeyRefusal.RSA_BAD_EXPONENT


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA", "Ed25519", "bytes"])
def test_a_key_of_one_kind_is_never_taken_for_another(algorithm: Algorithm, kind: str) -> None:
    public: PublicKey
    if kind == "RSA":
        public = rsa_key().public_key()
    elif kind == "Ed25519":
        public = Ed25519PrivateKey.generate().public_key()
    elif kind == "bytes":
        public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    else:
        public = ec_key(kind).public_key()
    allowed = {
        "P-256": {Algorithm.ES256},
        "P-384": {Algorithm.ES384},
        "P-521": set(),
        "RSA": {Algorithm.PS256, Algorithm.RS256},
        "Ed25519": {Algorithm.ED25519},
        "bytes": {Algorithm.ED25519},
    }[kind]
    if algorithm in allowed:
        assert make_verifier(algorithm, public).verify(b"", b"") is False
        return
    with pytest.raises(KeyRefused) as refused:
        make_verifier(algorithm, public)
    expected = KeyRefusal.UNSUPPORTED_KEY_TYPE
    if algorithm in KINDS and kind.startswith("P-"):
        expected = KeyRefusal.UNSUPPORTED_CURVE
    if algorithm is Algorithm.SM2 and kind == "bytes":
        expected = KeyRefusal.MISSING_MEMBER
    assert refused.value.reason is expected
