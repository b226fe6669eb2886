"""What is a public key of the SM2 curve, and what is refused when it is registered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from keys.sm2_curve import P, public_point
from keys.values import KeyRefusal, KeyRefused

from .sm2_example import MESSAGE, POINT, R, S, X, Y, p256_point, verifier


def test_compressed_point_is_the_same_key() -> None:
    compressed = bytes((2 + Y[-1] % 2,)) + X
    assert public_point(compressed) == POINT
    assert verifier(compressed).verify(R + S, MESSAGE)
    assert public_point(bytes((3 - Y[-1] % 2,)) + X) == b"\x04" + X + (P - int.from_bytes(Y, "big")).to_bytes(32, "big")


def test_bare_coordinates_are_the_same_key() -> None:
    assert public_point(X + Y) == POINT


BAD_POINTS: dict[str, tuple[Callable[[], bytes], KeyRefusal]] = {
    "off the curve": (lambda: POINT[:-1] + b"\x14", KeyRefusal.NOT_ON_CURVE),
    "a P-256 key": (p256_point, KeyRefusal.NOT_ON_CURVE),
    "zero, zero": (lambda: b"\x04" + b"\x00" * 64, KeyRefusal.NOT_ON_CURVE),
    "infinity": (lambda: b"\x00", KeyRefusal.NOT_ON_CURVE),
    "infinity, padded": (lambda: b"\x00" * 65, KeyRefusal.NOT_ON_CURVE),
    "compressed x without a point": (lambda: b"\x02" + (4).to_bytes(32, "big"), KeyRefusal.NOT_ON_CURVE),
    "x = p": (lambda: b"\x04" + P.to_bytes(32, "big") + Y, KeyRefusal.NON_CANONICAL),
    "y = 2^256 - 1": (lambda: b"\x04" + X + b"\xff" * 32, KeyRefusal.NON_CANONICAL),
    "compressed x = p": (lambda: b"\x03" + P.to_bytes(32, "big"), KeyRefusal.NON_CANONICAL),
    "hybrid": (lambda: bytes((6 + Y[-1] % 2,)) + X + Y, KeyRefusal.MALFORMED),
    "no form, off the curve": (lambda: Y + X, KeyRefusal.NOT_ON_CURVE),
    "empty": (lambda: b"", KeyRefusal.MALFORMED),
    "short by one": (lambda: POINT[:-1], KeyRefusal.NOT_ON_CURVE),
    "short by two": (lambda: POINT[:-2], KeyRefusal.MALFORMED),
    "long": (lambda: POINT + b"\x00", KeyRefusal.MALFORMED),
    "compressed, long": (lambda: b"\x02" + X + b"\x00", KeyRefusal.MALFORMED),
}


@pytest.mark.parametrize(("make", "reason"), BAD_POINTS.values(), ids=BAD_POINTS.keys())
def test_bad_point_is_refused_when_registered(make: Callable[[], bytes], reason: KeyRefusal) -> None:
    with pytest.raises(KeyRefused) as refused:
        verifier(make())
    assert refused.value.reason is reason


def test_an_sm2_point_is_no_p256_key() -> None:
    with pytest.raises(ValueError, match=r".*"):
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), POINT)
