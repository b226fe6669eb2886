"""The SM2 curve, and what a public point must be before it is a key.

1. A key arrives as an uncompressed (0x04, 65 bytes) or compressed (0x02/0x03, 33 bytes) point, or as bare x||y
   (64 bytes). Every other form, the hybrid ones (0x06/0x07) and infinity (0x00) among them, is refused.
2. Coordinates are smaller than p: a point has one spelling per form.
3. The point satisfies the curve's equation. The cofactor is 1, so that every such point but infinity has order n.

Pure arithmetic on public values; nothing here is constant in time and nothing here sees a private key.

Source: GB/T 32918.5-2017 clause 2 (the curve), GB/T 32918.1-2016 clause 4.2.9 (points as octets).
"""

from __future__ import annotations

from typing import Final

from .values import KeyRefusal, KeyRefused

P: Final = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF
A: Final = P - 3
B: Final = 0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93
N: Final = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123
"""The order of the base point: scalars and signature halves lie below it."""

FIELD_BYTES: Final = 32


def public_point(encoded: bytes) -> bytes:
    """Bring a public key to its one registered form, or refuse it.

    Args:
        encoded: a point as octets, 65 bytes (uncompressed), 64 (x||y) or 33 (compressed).

    Returns:
        The point uncompressed: 0x04, x, y; 65 bytes.

    Raises:
        KeyRefused: MALFORMED for a length or form that is not one of the two, NON_CANONICAL for a coordinate of p or
            more, NOT_ON_CURVE for a point (infinity too) that is not a key of this curve.

    """
    if len(encoded) == 2 * FIELD_BYTES:
        encoded = b"\x04" + encoded
    form = encoded[0] if encoded else None
    if form == 0:
        raise KeyRefused(KeyRefusal.NOT_ON_CURVE, "the point at infinity")
    if form == 4 and len(encoded) == 1 + 2 * FIELD_BYTES:
        x = _coordinate(encoded[1:33])
        y = _coordinate(encoded[33:])
        if y * y % P != _right_side(x):
            raise KeyRefused(KeyRefusal.NOT_ON_CURVE, "SM2 public key")
        return encoded
    if form in (2, 3) and len(encoded) == 1 + FIELD_BYTES:
        x = _coordinate(encoded[1:])
        y = _square_root(_right_side(x))
        if y & 1 != form & 1:
            y = P - y
        return b"\x04" + encoded[1:] + y.to_bytes(FIELD_BYTES, "big")
    raise KeyRefused(KeyRefusal.MALFORMED, "an SM2 public key is a point of 65, 64 or 33 bytes")


def _coordinate(octets: bytes) -> int:
    value = int.from_bytes(octets, "big")
    if value >= P:
        raise KeyRefused(KeyRefusal.NON_CANONICAL, "SM2 coordinate")
    return value


def _right_side(x: int) -> int:
    return (x * x * x + A * x + B) % P


def _square_root(square: int) -> int:
    # p = 3 (mod 4), so that the power below is a root if there is one. Zero has no root here: the order n is an odd
    # prime and the cofactor 1, so that no point has y = 0.
    root = pow(square, (P + 1) // 4, P)
    if root * root % P != square:
        raise KeyRefused(KeyRefusal.NOT_ON_CURVE, "SM2 public key")
    return root
