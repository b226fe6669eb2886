"""Ed25519 keys and signatures (RFC 8032), verified by libsodium.

Why a key is looked at so closely when it is registered: RFC 8032 lets a verifier accept points of small order. Under
such a key one signature fits many messages, so whoever gets one onto a trust list can sign anything, and no library
call says so. A second spelling of a point lets one key be listed twice under two names. Therefore:

- 32 bytes, exactly.
- None of the 14 encodings of the eight points of small order.
- y below the field prime (one spelling per point).
- a point that lies on the curve.

A point of large order with a small-order part is taken: only the key's own holder can make one, libsodium's answer for
it is deterministic, and signatures are never checked in batches (where answers would differ).
"""

from __future__ import annotations

from typing import Final

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from .values import KeyRefusal, KeyRefused

PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_SIGN_BIT: Final = 1 << 255

LOW_ORDER: Final = frozenset(
    bytes.fromhex(encoding)
    for encoding in (
        # the eight points of the torsion group, as RFC 8032 spells them
        "0100000000000000000000000000000000000000000000000000000000000000",  # order 1: the identity
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # order 2
        "0000000000000000000000000000000000000000000000000000000000000000",  # order 4
        "0000000000000000000000000000000000000000000000000000000000000080",  # order 4
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  # order 8
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",  # order 8
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",  # order 8
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",  # order 8
        # the six other spellings that lenient decoders take for them
        "0100000000000000000000000000000000000000000000000000000000000080",  # x = 0 with the sign bit, order 1
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",  # x = 0 with the sign bit, order 2
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # y = p + 1, order 1
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",  # y = p + 1 and the sign bit, order 1
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # y = p, order 4
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",  # y = p and the sign bit, order 4
    )
)
"""Every spelling of a point of order 1, 2, 4 or 8.

Source: "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko, 2020), and the CCTV ed25519 vectors, which list the
same 14. The tests derive them anew from the curve's equation.
"""


class Ed25519Verifier:
    """One registered Ed25519 key."""

    __slots__ = ("_public_key",)

    def __init__(self, public_key: bytes) -> None:
        """Register a key. Args: public_key: 32 bytes. Raises: KeyRefused."""
        check_public_key(public_key)
        self._public_key = public_key

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether `signature` is this key's over exactly `message`. Never raises on hostile input."""
        # Before the two are joined: with any other length, bytes of the signature would be read as message or the
        # reverse, and a genuine signature over another message would fit.
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            crypto_sign_open(signature + message, self._public_key)
        except BadSignatureError:
            return False
        return True


def check_public_key(public_key: bytes) -> None:
    """Refuse a key that must not be registered, by the module's rules.

    Raises: KeyRefused with MALFORMED (not 32 bytes), LOW_ORDER, NON_CANONICAL or NOT_ON_CURVE.
    """
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise KeyRefused(KeyRefusal.MALFORMED, f"an Ed25519 key has {PUBLIC_KEY_BYTES} bytes, not {len(public_key)}")
    if public_key in LOW_ORDER:
        raise KeyRefused(KeyRefusal.LOW_ORDER, "Ed25519 point of small order")
    y = int.from_bytes(public_key, "little") & ~_SIGN_BIT
    if y >= _P:
        raise KeyRefused(KeyRefusal.NON_CANONICAL, "Ed25519 y coordinate is not below the field prime")
    # x*x = (y*y - 1) / (d*y*y + 1) must be a square; d is not one, so the divisor is never zero.
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise KeyRefused(KeyRefusal.NOT_ON_CURVE, "no Ed25519 point has this y coordinate")
