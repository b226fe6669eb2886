"""Ed25519: what may be registered, and what a verifier says."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys.ed25519 import LOW_ORDER, Ed25519Verifier, check_public_key
from keys.values import KeyRefusal, KeyRefused

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Add two points (RFC 8032 5.1.4, affine)."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def decode_leniently(encoded: bytes) -> tuple[int, int] | None:
    """Return the point that a decoder without any canonicity check reads."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (2**255 - 1)) % P
    x_squared = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x_squared, (P + 3) // 8, P)
    if x * x % P != x_squared:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != x_squared:
        return None
    return (P - x if x & 1 != sign else x) % P, y


def test_the_low_order_encodings_are_all_that_the_curve_has() -> None:
    # The torsion group is cyclic of order 8: one point of order 8 gives all of its points.
    generators = (found for y in range(2, 200) if (found := decode_leniently(y.to_bytes(32, "little"))))
    order = 2**252 + 27742317777372353535851937790883648493
    for point in generators:
        torsion = (0, 1)
        for bit in f"{order:b}":
            torsion = add(torsion, torsion)
            if bit == "1":
                torsion = add(torsion, point)
        multiples = [(0, 1)]
        while (following := add(multiples[-1], torsion)) != (0, 1):
            multiples.append(following)
        if len(multiples) == 8:
            break
    else:
        pytest.fail("no point of order 8 found")
    spellings = {
        (written | sign << 255).to_bytes(32, "little")
        for _, y in multiples
        for written in (y, y + P)
        if written < 2**255
        for sign in (0, 1)
        if decode_leniently((written | sign << 255).to_bytes(32, "little")) in multiples
    }
    assert len(multiples) == 8
    assert len(LOW_ORDER) == 14
    assert spellings == LOW_ORDER


@pytest.mark.parametrize("encoded", sorted(LOW_ORDER), ids=bytes.hex)
def test_a_point_of_small_order_is_refused(encoded: bytes) -> None:
    with pytest.raises(KeyRefused) as refused:
        Ed25519Verifier(encoded)
    assert refused.value.reason is KeyRefusal.LOW_ORDER


@pytest.mark.parametrize("above", [3, 4, 5, 6, 9, 10, 13, 14, 15, 16, 18])
@pytest.mark.parametrize("sign", [0, 1])
def test_a_y_that_is_not_below_the_field_prime_is_refused(above: int, sign: int) -> None:
    with pytest.raises(KeyRefused) as refused:
        check_public_key((P + above | sign << 255).to_bytes(32, "little"))
    assert refused.value.reason is KeyRefusal.NON_CANONICAL


def test_a_y_without_a_point_is_refused() -> None:
    without = [y for y in range(2, 60) if decode_leniently(y.to_bytes(32, "little")) is None]
    assert without
    for y in without:
        with pytest.raises(KeyRefused) as refused:
            check_public_key(y.to_bytes(32, "little"))
        assert refused.value.reason is KeyRefusal.NOT_ON_CURVE


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(KeyRefused) as refused:
        Ed25519Verifier(b"\x01" * size)
    assert refused.value.reason is KeyRefusal.MALFORMED


@pytest.mark.parametrize(
    ("secret", "public", "message", "signature"),
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ],
    ids=["TEST 1", "TEST 2"],
)
def test_known_answers_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    # Source: RFC 8032 section 7.1
    del secret
    verifier = Ed25519Verifier(bytes.fromhex(public))
    assert verifier.verify(bytes.fromhex(signature), bytes.fromhex(message))
    assert not verifier.verify(bytes.fromhex(signature), bytes.fromhex(message) + b"\0")


def test_bytes_cannot_move_between_signature_and_message() -> None:
    private = Ed25519PrivateKey.generate()
    verifier = Ed25519Verifier(private.public_key().public_bytes_raw())
    message = b"state=green"
    signature = private.sign(message)
    assert verifier.verify(signature, message)
    assert not verifier.verify(signature + message[:1], message[1:])
    assert not verifier.verify(signature + message, b"")
    assert not verifier.verify(signature[:-1], signature[-1:] + message)
    assert not verifier.verify(b"", signature + message)


def test_s_beyond_the_group_order_is_refused() -> None:
    private = Ed25519PrivateKey.generate()
    verifier = Ed25519Verifier(private.public_key().public_bytes_raw())
    signature = private.sign(b"m")
    s = int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    assert not verifier.verify(signature[:32] + s.to_bytes(32, "little"), b"m")
