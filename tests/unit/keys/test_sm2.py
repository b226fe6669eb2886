"""SM2 with SM3: known answers, making and checking, the three pinned settings, private keys.

Sources: GB/T 32918.5-2017 annex A.2 (signature), GB/T 32905-2016 annex A (SM3). All other keys are made here.
"""

from __future__ import annotations

import base64
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keys import sm2, sm2_libcrypto
from keys.sm2 import DEFAULT_SIGNER_ID, Sm2Signer, names_the_curve
from keys.sm2_curve import N
from keys.sm2_der import pkcs8_from_scalar, signature_from_raw, signature_to_raw, spki_from_public_key
from keys.values import KeyRefusal, KeyRefused
from tests.conformance.receipts import sm2_by_hand

from .sm2_example import MESSAGE, POINT, SCALAR, R, S, signer, verifier

# Known answers


def test_standards_example_verifies() -> None:
    assert verifier().verify(R + S, MESSAGE)


def test_standards_private_key_gives_its_public_key() -> None:
    assert signer().public_key == POINT


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3_known_answers_by_both_ways(message: bytes, digest: str) -> None:
    assert sm2.sm3(message).hex() == digest
    assert sm2_libcrypto.sm3(message).hex() == digest


def test_sm3_asks_libcrypto_where_hashlib_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sm3(name: str, data: bytes = b"") -> None:
        raise ValueError(name)

    monkeypatch.setattr("hashlib.new", no_sm3)
    assert sm2.sm3(b"abc").hex().startswith("66c7f0f4")


def test_self_test_passes_and_sm2_is_available() -> None:
    assert sm2.self_test() is None
    assert sm2.available()


# Making and checking

SETTINGS = [(z_mode, raw) for z_mode in (True, False) for raw in (True, False)]


@pytest.mark.parametrize(("z_mode", "raw"), SETTINGS)
@pytest.mark.parametrize("signer_id", [DEFAULT_SIGNER_ID, b"", b"ALICE123@YAHOO.COM", b"\x00" * 8190])
@pytest.mark.parametrize("message", [b"", b"\x00NUL\x00", b"m" * 5000])
def test_round_trip(message: bytes, signer_id: bytes, z_mode: bool, raw: bool) -> None:
    made = Sm2Signer.generate(signer_id=signer_id, z_mode=z_mode, raw=raw)
    checker = verifier(made.public_key, signer_id, z_mode=z_mode, raw=raw)
    signature = made.sign(message)
    assert checker.verify(signature, message)
    assert not checker.verify(signature, message + b"\x00")
    assert not verifier(POINT, signer_id, z_mode=z_mode, raw=raw).verify(signature, message)


def verifies_by_the_book(point: bytes, signer_id: bytes, z_mode: bool, signature: bytes, message: bytes) -> bool:
    """GB/T 32918.2-2016 clause 7.1 word for word, with none of the code under test but SM3."""
    key = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    covered = sm2_by_hand.z(signer_id, key) + message if z_mode else message
    e = int.from_bytes(sm2.sm3(covered), "big")
    r_, s_ = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    sum_ = sm2_by_hand.added(sm2_by_hand.times(s_), sm2_by_hand.times((r_ + s_) % N, key))
    return sum_ is not None and (e + sum_[0]) % N == r_


@pytest.mark.parametrize("z_mode", [True, False])
@pytest.mark.parametrize("signer_id", [DEFAULT_SIGNER_ID, b"", b"\xe7\x9c\x81" * 20])
def test_libcrypto_agrees_with_the_standards_arithmetic(signer_id: bytes, z_mode: bool) -> None:
    made = Sm2Signer.generate(signer_id=signer_id, z_mode=z_mode, raw=True)
    signature = made.sign(MESSAGE)
    assert verifies_by_the_book(made.public_key, signer_id, z_mode, signature, MESSAGE)
    assert not verifies_by_the_book(made.public_key, signer_id + b"x", True, signature, MESSAGE)


def test_two_signatures_of_one_message_differ_and_both_verify() -> None:
    first, second = signer().sign(MESSAGE), signer().sign(MESSAGE)
    assert first != second
    assert verifier().verify(first, MESSAGE)
    assert verifier().verify(second, MESSAGE)


def test_tampered_message_or_signature_is_no() -> None:
    checker = verifier()
    assert checker.verify(R + S, MESSAGE)
    assert not checker.verify(R + S, b"message digesT")
    assert not checker.verify(R + S, b"")
    for bit in range(0, 512, 7):
        flipped = bytearray(R + S)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not checker.verify(bytes(flipped), MESSAGE)


def test_threads_share_one_verifier() -> None:
    checker = verifier()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda odd: checker.verify(R + S, MESSAGE if odd else b"other"), [1, 0] * 40))
    assert answers == [True, False] * 40


def test_a_failed_check_leaves_no_error_behind_for_ssl() -> None:
    assert not verifier().verify(R + S, b"other")
    crypto = sm2_libcrypto.library()
    peek = crypto.ERR_peek_error
    assert peek() == 0


# The pinned settings: never tried in turn


@pytest.mark.parametrize("signer_id", [b"", b"1234567812345679", b"12345678", DEFAULT_SIGNER_ID + b"\x00"])
def test_wrong_id_is_no(signer_id: bytes) -> None:
    assert verifier().verify(R + S, MESSAGE)
    assert not verifier(POINT, signer_id).verify(R + S, MESSAGE)


def test_the_empty_id_is_an_id_and_no_default_is_filled_in() -> None:
    signature = signer(b"").sign(MESSAGE)
    assert verifier(POINT, b"").verify(signature, MESSAGE)
    assert not verifier().verify(signature, MESSAGE)


@pytest.mark.parametrize("z_mode", [True, False])
def test_z_is_never_tried_both_ways(z_mode: bool) -> None:
    signature = signer(z_mode=z_mode).sign(MESSAGE)
    assert verifier(z_mode=z_mode).verify(signature, MESSAGE)
    assert not verifier(z_mode=not z_mode).verify(signature, MESSAGE)
    assert not verifier(POINT, b"", z_mode=not z_mode).verify(signature, MESSAGE)


def test_without_z_the_digest_is_not_taken_for_the_message() -> None:
    signature = signer(z_mode=False).sign(MESSAGE)
    assert not verifier(z_mode=False).verify(signature, sm2.sm3(MESSAGE))


@pytest.mark.parametrize("raw", [True, False])
def test_spelling_is_never_tried_both_ways(raw: bool) -> None:
    signature = signer(raw=raw).sign(MESSAGE)
    assert verifier(raw=raw).verify(signature, MESSAGE)
    assert not verifier(raw=not raw).verify(signature, MESSAGE)
    other = signature_from_raw(signature) if raw else signature_to_raw(signature)
    assert other is not None
    assert verifier(raw=not raw).verify(other, MESSAGE)


def test_an_id_that_z_cannot_hold_is_refused() -> None:
    with pytest.raises(KeyRefused) as refused:
        verifier(POINT, b"x" * 8191)
    assert refused.value.reason is KeyRefusal.MALFORMED


# The private key


@pytest.mark.parametrize(
    "scalar",
    [b"", b"\x01", SCALAR[:-1], SCALAR + b"\x00", b"\x00" * 32, (N - 1).to_bytes(32, "big"), N.to_bytes(32, "big")],
    ids=lambda scalar: f"{len(scalar)} bytes, {scalar[:2].hex()}",
)
def test_bad_scalar_is_refused(scalar: bytes) -> None:
    with pytest.raises(KeyRefused) as refused:
        Sm2Signer.from_scalar(scalar, signer_id=b"", z_mode=True, raw=True)
    assert refused.value.reason is KeyRefusal.MALFORMED
    assert scalar.hex() not in str(refused.value) or not scalar


def test_pem_round_trip_by_both_private_forms() -> None:
    text = base64.encodebytes(pkcs8_from_scalar(SCALAR))
    pkcs8 = b"-----BEGIN PRIVATE KEY-----\n" + text + b"-----END PRIVATE KEY-----\n"
    sec1 = base64.encodebytes(signer()._key.private_der())
    old = b"-----BEGIN EC PRIVATE KEY-----\n" + sec1 + b"-----END EC PRIVATE KEY-----\n"
    for pem in (signer().private_pem(), old, pkcs8, pkcs8.replace(b"\n", b"\r\n")):
        assert names_the_curve(pem)
        again = Sm2Signer.from_pem(pem, signer_id=DEFAULT_SIGNER_ID, z_mode=True, raw=True)
        assert again.public_key == POINT
        assert verifier().verify(again.sign(MESSAGE), MESSAGE)


@pytest.mark.parametrize(
    "encoding", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL], ids=["8", "1"]
)
def test_pem_of_a_p256_key_is_refused(encoding: serialization.PrivateFormat) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, encoding, serialization.NoEncryption()
    )
    with pytest.raises(KeyRefused) as refused:
        Sm2Signer.from_pem(pem, signer_id=b"", z_mode=True, raw=True)
    assert refused.value.reason is KeyRefusal.MALFORMED
    assert not names_the_curve(pem)


def test_pem_oddities_are_refused() -> None:
    pem = signer().private_pem()
    for odd in (
        b"",
        pem + pem,
        b"\n" + pem,
        pem.replace(b" PRIVATE", b" ENCRYPTED PRIVATE"),
        pem.replace(b" PRIVATE", b" EC PRIVATE", 1),
        pem.replace(b"KEY-----\nM", b"KEY-----\n"),
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ):
        with pytest.raises(KeyRefused) as refused:
            Sm2Signer.from_pem(odd, signer_id=b"", z_mode=True, raw=True)
        assert refused.value.reason is KeyRefusal.MALFORMED


def test_no_repr_shows_a_private_key_and_no_copy_is_made_of_it() -> None:
    private = signer()
    shown = repr(private) + repr(private._key) + str(private)
    assert SCALAR.hex() not in shown.lower()
    assert str(int.from_bytes(SCALAR, "big")) not in shown
    for escape in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            escape(private._key)


def test_a_public_key_cannot_sign() -> None:
    public = sm2_libcrypto.Key.from_spki(spki_from_public_key(POINT))
    with pytest.raises(sm2_libcrypto.LibcryptoFailed):
        public.sign(MESSAGE, b"")
    with pytest.raises(sm2_libcrypto.LibcryptoFailed):
        public.sign_digest(sm2.sm3(MESSAGE))
