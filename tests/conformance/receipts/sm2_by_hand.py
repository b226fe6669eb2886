"""SM2 signatures made slowly, by the book, and always the same: for vectors, and as a second opinion on libcrypto.

The number that should be random is SHA-256 of the private key and of what is signed, so that a file of vectors is the
same on every run. Nothing here is constant in time: for keys that everybody can derive, and for no others.

Source: GB/T 32918.2-2016 clauses 5.5 and 6.1; GB/T 32918.5-2017 clause 2 (the curve).
"""

from __future__ import annotations

import hashlib

from keys.sm2 import sm3
from keys.sm2_curve import FIELD_BYTES, A, B, N, P

BASE = (
    0x32C4AE2C_1F198119_5F990446_6A39C994_8FE30BBF_F2660BE1_715A4589_334C74C7,
    0xBC3736A2_F4F6779C_59BDCEE3_6B692153_D0A9877C_C62A4740_02DF32E5_2139F0A0,
)

Point = tuple[int, int] | None


def added(one: Point, other: Point) -> Point:
    """Return the sum of two points; None is the point at infinity."""
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if (one[1] + other[1]) % P == 0:
            return None
        slope = (3 * one[0] * one[0] + A) * pow(2 * one[1], -1, P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P)
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def times(scalar: int, point: tuple[int, int] = BASE) -> tuple[int, int]:
    """Return `point`, `scalar` times, for a scalar in [1, n - 1]."""
    found: Point = None
    doubled: Point = point
    while scalar:
        if scalar & 1:
            found = added(found, doubled)
        doubled, scalar = added(doubled, doubled), scalar >> 1
    assert found is not None
    return found


def octets(number: int) -> bytes:
    return number.to_bytes(FIELD_BYTES, "big")


def z(signer_id: bytes, public: tuple[int, int]) -> bytes:
    """Return what the standard hashes in front of a message: who signs, with what."""
    return sm3((8 * len(signer_id)).to_bytes(2, "big") + signer_id + b"".join(map(octets, (A, B, *BASE, *public))))


def sign(private: int, message: bytes, *, signer_id: bytes) -> bytes:
    """Return r || s over SM3(Z || message)."""
    digest = sm3(z(signer_id, times(private)) + message)
    e = int.from_bytes(digest, "big")
    k = int.from_bytes(hashlib.sha256(octets(private) + digest).digest(), "big") % (N - 1) + 1
    r = (e + times(k)[0]) % N
    s = pow(1 + private, -1, N) * (k - r * private) % N
    assert 0 not in (r, s, r + k - N), "one in 2^255: take another message"
    return octets(r) + octets(s)
