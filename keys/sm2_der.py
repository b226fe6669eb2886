"""The three DER structures that SM2 needs, read strictly and written canonically.

1. Definite, shortest lengths only; no indefinite form, no superfluous long form.
2. Nothing before, between or after the elements.
3. Integers are shortest and not negative.
4. Whatever is accepted has exactly one spelling: reading and writing it again gives the same bytes.

Source: ITU-T X.690 clause 10; GB/T 35276-2017 clause 7 (signature); RFC 5480 clause 2 (SubjectPublicKeyInfo);
RFC 5958 and RFC 5915 (private key).
"""

from __future__ import annotations

from typing import Final

from .sm2_curve import FIELD_BYTES, N, public_point
from .values import KeyRefusal, KeyRefused

RAW_SIGNATURE_BYTES: Final = 2 * FIELD_BYTES

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03
_OID: Final = 0x06

_EC_PUBLIC_KEY: Final = bytes.fromhex("2a8648ce3d0201")  # 1.2.840.10045.2.1
SM2_CURVE: Final = b"\x06\x08" + bytes.fromhex("2a811ccf5501822d")
"""The curve by its name, 1.2.156.10197.1.301, as DER."""

_ALGORITHM: Final = b"\x30\x13\x06\x07" + _EC_PUBLIC_KEY + SM2_CURVE


class _BadDer(ValueError):
    """The bytes are not the one DER spelling of what was expected."""


def _element(tag: int, data: bytes, offset: int, end: int) -> tuple[int, int]:
    """Open one element: (where its content starts, where it ends). Lengths of up to 65,535 suffice for any key."""
    if offset + 2 > end or data[offset] != tag:
        raise _BadDer
    length = data[offset + 1]
    start = offset + 2
    if length >= 0x80:
        octets = length & 0x7F
        if octets not in (1, 2) or start + octets > end:
            raise _BadDer
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
        if length < (0x80 if octets == 1 else 0x100):
            raise _BadDer
    if start + length > end:
        raise _BadDer
    return start, start + length


def _natural(data: bytes, offset: int, end: int) -> tuple[int, int]:
    """Read one INTEGER that is not negative: (value, where it ends)."""
    start, stop = _element(_INTEGER, data, offset, end)
    if start == stop or data[start] >= 0x80:
        raise _BadDer
    if data[start] == 0 and stop - start > 1 and data[start + 1] < 0x80:
        raise _BadDer
    return int.from_bytes(data[start:stop], "big"), stop


def _integer(value: int) -> bytes:
    octets = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes((_INTEGER, len(octets))) + octets


def _in_range(r: int, s: int) -> bool:
    return 0 < r < N and 0 < s < N and r + s != N


def signature_from_raw(signature: bytes) -> bytes | None:
    """Write r||s (exactly 64 bytes) as DER; None if it is not that, or if r, s or r + s is out of range."""
    if len(signature) != RAW_SIGNATURE_BYTES:
        return None
    r = int.from_bytes(signature[:FIELD_BYTES], "big")
    s = int.from_bytes(signature[FIELD_BYTES:], "big")
    if not _in_range(r, s):
        return None
    body = _integer(r) + _integer(s)
    return bytes((_SEQUENCE, len(body))) + body


def signature_to_raw(signature: bytes) -> bytes | None:
    """Read a DER signature to r||s (64 bytes); None if it is not strict DER, or if r, s or r + s is out of range."""
    try:
        start, end = _element(_SEQUENCE, signature, 0, len(signature))
        r, middle = _natural(signature, start, end)
        s, stop = _natural(signature, middle, end)
    except _BadDer:
        return None
    if stop != end or end != len(signature) or not _in_range(r, s):
        return None
    return r.to_bytes(FIELD_BYTES, "big") + s.to_bytes(FIELD_BYTES, "big")


def public_key_from_spki(der: bytes) -> bytes:
    """Take the SM2 public key out of a SubjectPublicKeyInfo.

    Guarantees that the point is on the curve. Reads id-ecPublicKey with the curve named 1.2.156.10197.1.301 and
    nothing else: explicit curve parameters are refused (CVE-2020-0601), as is every other algorithm.

    Args:
        der: the SubjectPublicKeyInfo, complete, nothing after it.

    Returns:
        The point uncompressed, 65 bytes.

    Raises:
        KeyRefused: MALFORMED, UNSUPPORTED_KEY_TYPE (not an elliptic-curve key), UNSUPPORTED_CURVE (a P-256 key, for
            instance), or what `public_point` says of the point.

    Source: RFC 5480 clause 2; GM/T 0015-2012 (the two object identifiers in certificates).

    """
    try:
        start, end = _element(_SEQUENCE, der, 0, len(der))
        if end != len(der):
            raise _BadDer
        algorithm_start, algorithm_end = _element(_SEQUENCE, der, start, end)
        oid_start, oid_end = _element(_OID, der, algorithm_start, algorithm_end)
        key_start, key_end = _element(_BIT_STRING, der, algorithm_end, end)
        if key_end != end:
            raise _BadDer
    except _BadDer:
        raise KeyRefused(KeyRefusal.MALFORMED, "SubjectPublicKeyInfo") from None
    if der[oid_start:oid_end] != _EC_PUBLIC_KEY:
        raise KeyRefused(KeyRefusal.UNSUPPORTED_KEY_TYPE, "not an elliptic-curve key")
    if der[start:algorithm_end] != _ALGORITHM:
        raise KeyRefused(KeyRefusal.UNSUPPORTED_CURVE, "not the SM2 curve by name")
    if der[key_start : key_start + 1] != b"\x00":
        raise KeyRefused(KeyRefusal.MALFORMED, "a public key has no unused bits")
    return public_point(der[key_start + 1 : key_end])


def spki_from_public_key(point: bytes) -> bytes:
    """Wrap an uncompressed point (65 bytes, already checked) in a SubjectPublicKeyInfo."""
    return b"\x30\x59" + _ALGORITHM + b"\x03\x42\x00" + point


def pkcs8_from_scalar(scalar: bytes) -> bytes:
    """Wrap a private scalar (32 bytes, already checked) in an unencrypted PrivateKeyInfo without a public key."""
    return pkcs8_from_sec1(b"\x30\x25\x02\x01\x01\x04\x20" + scalar)


def pkcs8_from_sec1(sec1: bytes) -> bytes:
    """Wrap an ECPrivateKey (at most 100 bytes: without its public key) in an unencrypted PrivateKeyInfo."""
    body = b"\x02\x01\x00" + _ALGORITHM + bytes((0x04, len(sec1))) + sec1
    return bytes((_SEQUENCE, len(body))) + body
