"""The one spelling of an SM2 signature, raw or DER, and of a SubjectPublicKeyInfo."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from keys.sm2_curve import N
from keys.sm2_der import public_key_from_spki, signature_from_raw, signature_to_raw, spki_from_public_key
from keys.values import KeyRefusal, KeyRefused

from .sm2_example import MESSAGE, POINT, R, S, X, Y, p256_point, sequence, verifier


def integer(value: int, length: int | None = None) -> bytes:
    octets = value.to_bytes(length or value.bit_length() // 8 + 1, "big", signed=value < 0)
    return bytes((2, len(octets))) + octets


r, s = int.from_bytes(R, "big"), int.from_bytes(S, "big")
GOOD_DER = sequence(integer(r), integer(s))

ODD_DER = {
    "empty": b"",
    "only a tag": b"\x30",
    "long form of the sequence": b"\x30\x81" + GOOD_DER[1:],
    "two-byte long form": b"\x30\x82\x00" + GOOD_DER[1:],
    "long form of an integer": sequence(b"\x02\x81" + integer(r)[1:], integer(s)),
    "five length bytes": b"\x30\x85\x00\x00\x00\x00" + GOOD_DER[1:],
    "indefinite": b"\x30\x80" + GOOD_DER[2:] + b"\x00\x00",
    "extra zero in r": sequence(integer(r, 34), integer(s)),
    "extra zero in s": sequence(integer(r), integer(s, 34)),
    "negative r": sequence(b"\x02\x20" + R, integer(s)),
    "negative s": sequence(integer(r), b"\x02\x20" + S),
    "empty integer": sequence(b"\x02\x00", integer(s)),
    "trailing byte": GOOD_DER + b"\x00",
    "trailing inside": sequence(integer(r), integer(s), b"\x05\x00"),
    "truncated": GOOD_DER[:-1],
    "one integer": sequence(integer(r)),
    "set in place of sequence": b"\x31" + GOOD_DER[1:],
    "octet string in place of integer": sequence(b"\x04" + integer(r)[1:], integer(s)),
    "length beyond the end": b"\x30\x7f" + GOOD_DER[2:],
    "swapped": sequence(integer(s), integer(r)),
    "raw": R + S,
}


def test_good_der_is_accepted() -> None:
    assert signature_to_raw(GOOD_DER) == R + S
    assert verifier(raw=False).verify(GOOD_DER, MESSAGE)


@pytest.mark.parametrize("odd", ODD_DER.values(), ids=ODD_DER.keys())
def test_odd_der_is_no(odd: bytes) -> None:
    assert not verifier(raw=False).verify(odd, MESSAGE)
    if odd != ODD_DER["swapped"]:
        assert signature_to_raw(odd) is None


@pytest.mark.parametrize(
    "odd", [b"", R, R + S[:-1], R + S + b"\x00", b"\x00" + R + S, R + R + S, GOOD_DER], ids=lambda odd: str(len(odd))
)
def test_raw_of_another_length_is_no(odd: bytes) -> None:
    assert signature_from_raw(odd) is None
    assert not verifier().verify(odd, MESSAGE)


OUT_OF_RANGE = {
    "r = 0": (0, s),
    "s = 0": (r, 0),
    "both 0": (0, 0),
    "r = n": (N, s),
    "s = n": (r, N),
    "r = n + 1": (N + 1, s),
    "s = n + 1": (r, N + 1),
    "r = 2^256 - 1": (2**256 - 1, s),
    "r + s = n": (1, N - 1),
    "r + s = n, r the example's": (r, N - r),
    "r + n": (r + N, s),
    "s + n": (r, s + N),
}


@pytest.mark.parametrize(("r_", "s_"), OUT_OF_RANGE.values(), ids=OUT_OF_RANGE.keys())
def test_halves_out_of_range_are_no(r_: int, s_: int) -> None:
    der = sequence(integer(r_), integer(s_))
    assert signature_to_raw(der) is None
    assert not verifier(raw=False).verify(der, MESSAGE)
    if max(r_, s_) < 2**256:
        raw = r_.to_bytes(32, "big") + s_.to_bytes(32, "big")
        assert signature_from_raw(raw) is None
        assert not verifier().verify(raw, MESSAGE)


@pytest.mark.parametrize(("r_", "s_"), [(1, 1), (N - 1, N - 1), (N - 1, 2), (r, N - s), (N - r, s)])
def test_halves_in_range_reach_the_library_and_are_no(r_: int, s_: int) -> None:
    raw = r_.to_bytes(32, "big") + s_.to_bytes(32, "big")
    assert signature_from_raw(raw) is not None
    assert not verifier().verify(raw, MESSAGE)


# SubjectPublicKeyInfo


def spki_of(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


SPKI = spki_from_public_key(POINT)
BAD_SPKI: dict[str, tuple[Callable[[], bytes], KeyRefusal]] = {
    "P-256": (lambda: spki_of(ec.generate_private_key(ec.SECP256R1()).public_key()), KeyRefusal.UNSUPPORTED_CURVE),
    "P-384": (lambda: spki_of(ec.generate_private_key(ec.SECP384R1()).public_key()), KeyRefusal.UNSUPPORTED_CURVE),
    "Ed25519": (
        lambda: spki_of(ed25519.Ed25519PrivateKey.generate().public_key()),
        KeyRefusal.UNSUPPORTED_KEY_TYPE,
    ),
    "RSA": (lambda: spki_of(rsa.generate_private_key(65537, 2048).public_key()), KeyRefusal.UNSUPPORTED_KEY_TYPE),
    "explicit parameters": (
        lambda: sequence(sequence(SPKI[4:13], b"\x30\x00"), SPKI[23:]),
        KeyRefusal.UNSUPPORTED_CURVE,
    ),
    "no parameters": (lambda: sequence(sequence(SPKI[4:13]), SPKI[23:]), KeyRefusal.UNSUPPORTED_CURVE),
    "P-256's name on an SM2 point": (
        lambda: sequence(sequence(SPKI[4:13], bytes.fromhex("06082a8648ce3d030107")), SPKI[23:]),
        KeyRefusal.UNSUPPORTED_CURVE,
    ),
    "SM2's name on a P-256 point": (lambda: spki_from_public_key(p256_point()), KeyRefusal.NOT_ON_CURVE),
    "trailing byte": (lambda: SPKI + b"\x00", KeyRefusal.MALFORMED),
    "trailing inside": (lambda: sequence(SPKI[2:], b"\x05\x00"), KeyRefusal.MALFORMED),
    "truncated": (lambda: SPKI[:-1], KeyRefusal.MALFORMED),
    "empty": (lambda: b"", KeyRefusal.MALFORMED),
    "unused bits": (lambda: SPKI[:25] + b"\x01" + SPKI[26:], KeyRefusal.MALFORMED),
    "long form": (lambda: b"\x30\x81" + SPKI[1:], KeyRefusal.MALFORMED),
    "empty bit string": (lambda: sequence(SPKI[2:23], b"\x03\x00"), KeyRefusal.MALFORMED),
    "no point": (lambda: sequence(SPKI[2:23], b"\x03\x01\x00"), KeyRefusal.MALFORMED),
}


def test_spki_round_trip() -> None:
    assert public_key_from_spki(SPKI) == POINT
    compressed = sequence(SPKI[2:23], b"\x03\x22\x00" + bytes((2 + Y[-1] % 2,)) + X)
    assert public_key_from_spki(compressed) == POINT


@pytest.mark.parametrize(("make", "reason"), BAD_SPKI.values(), ids=BAD_SPKI.keys())
def test_bad_spki_is_refused(make: Callable[[], bytes], reason: KeyRefusal) -> None:
    with pytest.raises(KeyRefused) as refused:
        public_key_from_spki(make())
    assert refused.value.reason is reason
