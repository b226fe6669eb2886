"""SM2 signatures with SM3, checked and made by the system's libcrypto.

1. A known answer of the standard is checked before the first use. Without it - no library, no SM2 in it, a wrong
   answer - SM2 is unavailable, with the reason, and every key is refused (UNSUPPORTED_ALGORITHM).
2. Three settings are pinned per issuer and never tried in turn: the signer's ID, whether Z is hashed in front of the
   message, and whether a signature is DER or r||s. There is no default ID: libcrypto has none (an unset ID is the empty
   one), so a caller states `DEFAULT_SIGNER_ID` where the issuer uses the common one.
3. The hash is always SM3.
4. A signature has one spelling: strict DER, or exactly 64 bytes; r and s in [1, n-1], r + s not n.
5. A public key is a point of the SM2 curve, checked when it is registered.
6. Private keys stay inside libcrypto; no repr shows them.

Measured with OpenSSL 3.0 at about 3,600 verifications a second and core; ctypes releases the interpreter lock.

Source: GB/T 32918.2-2016 clauses 6 and 7; GB/T 32918.5-2017 annex A (known answer); GB/T 35276-2017 clause 10 (the
common ID); GB/T 32905-2016 (SM3).
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re
import secrets
import threading
from typing import Final

from . import sm2_libcrypto as libcrypto
from .sm2_curve import FIELD_BYTES, N, public_point
from .sm2_der import (
    SM2_CURVE,
    pkcs8_from_scalar,
    pkcs8_from_sec1,
    public_key_from_spki,
    signature_from_raw,
    signature_to_raw,
    spki_from_public_key,
)
from .values import KeyRefusal, KeyRefused

__all__ = [
    "DEFAULT_SIGNER_ID",
    "Sm2Signer",
    "Sm2Verifier",
    "available",
    "names_the_curve",
    "public_key_from_spki",
    "self_test",
    "sm3",
    "unavailable_reason",
]

DEFAULT_SIGNER_ID: Final = b"1234567812345678"
"""The ID that most systems use. Never assumed: whoever registers a key says so."""

_LONGEST_ID: Final = 8190
"""Z holds the ID's length in bits in two bytes; libcrypto stops one byte short of what they could say."""

_PEM: Final = re.compile(
    rb"-----BEGIN (PRIVATE KEY|EC PRIVATE KEY)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\r?\n?"
)

_KNOWN_ID: Final = DEFAULT_SIGNER_ID
_KNOWN_MESSAGE: Final = b"message digest"
_KNOWN_POINT: Final = bytes.fromhex(
    "04"
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
_KNOWN_DIGEST: Final = bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")
_KNOWN_SIGNATURE: Final = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
_KNOWN_SM3: Final = bytes.fromhex("66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0")

_once = threading.Lock()


def sm3(message: bytes) -> bytes:
    """Hash `message` with SM3 (32 bytes), by hashlib where its OpenSSL has it, else by libcrypto.

    Raises:
        LibcryptoMissing, LibcryptoFailed: neither has it.

    """
    try:
        digest = hashlib.new("sm3", message)
    except ValueError:
        return libcrypto.sm3(message)
    return digest.digest()


def self_test() -> str | None:
    """Check the standard's known answers, and that the library can say no, here and now.

    1. SM3 of "abc".
    2. The example's signature verifies with its ID, and over its digest without Z.
    3. It does not with another ID, another message, or another signature.
    4. A signature made here verifies, with Z and without.

    Returns:
        None if all is well, else one sentence for the operator.

    Source: GB/T 32905-2016 annex A.1; GB/T 32918.5-2017 annex A.2.

    """
    good = signature_from_raw(_KNOWN_SIGNATURE)
    bad = signature_from_raw(_KNOWN_SIGNATURE[:-1] + b"\xab")
    if good is None or bad is None:
        return "the reader of SM2 signatures is broken"
    try:
        public = libcrypto.Key.from_spki(spki_from_public_key(public_point(_KNOWN_POINT)))
        private = libcrypto.Key.from_private_der(pkcs8_from_scalar(b"\1" + secrets.token_bytes(FIELD_BYTES - 1)))
        own = libcrypto.Key.from_spki(private.spki())
        answers = {
            "SM3 of the known message": sm3(b"abc") == _KNOWN_SM3,
            "the known signature": public.verify(good, _KNOWN_MESSAGE, _KNOWN_ID),
            "the known signature without Z": public.verify_digest(good, _KNOWN_DIGEST),
            "another signer's ID": not public.verify(good, _KNOWN_MESSAGE, b""),
            "another message": not public.verify(good, b"message digesT", _KNOWN_ID),
            "another signature": not public.verify(bad, _KNOWN_MESSAGE, _KNOWN_ID),
            "another digest": not public.verify_digest(good, _KNOWN_DIGEST[::-1]),
            "a signature of its own": own.verify(private.sign(b"m", b"id"), b"m", b"id"),
            "a signature of its own without Z": own.verify_digest(private.sign_digest(_KNOWN_DIGEST), _KNOWN_DIGEST),
        }
    except (libcrypto.LibcryptoMissing, libcrypto.LibcryptoFailed) as broken:
        return str(broken)
    wrong = [name for name, right in answers.items() if not right]
    return f"libcrypto fails the self-test on: {', '.join(wrong)}" if wrong else None


def unavailable_reason() -> str | None:
    """Why SM2 cannot be used in this process; None if it can. The self-test runs once, at the first call."""
    with _once:
        return _tested()


@functools.cache
def _tested() -> str | None:
    return self_test()


def available() -> bool:
    """Whether SM2 signatures can be checked in this process."""
    return unavailable_reason() is None


def _require() -> None:
    reason = unavailable_reason()
    if reason is not None:
        raise KeyRefused(KeyRefusal.UNSUPPORTED_ALGORITHM, f"SM2: {reason}")


def _checked_id(signer_id: bytes) -> bytes:
    if len(signer_id) > _LONGEST_ID:
        raise KeyRefused(KeyRefusal.MALFORMED, "an SM2 signer's ID has at most 8190 bytes")
    return signer_id


def names_the_curve(pem: bytes) -> bool:
    """Tell whether this is one private key in PEM that names the SM2 curve. Needs no libcrypto, and takes no key."""
    try:
        return SM2_CURVE in _der_of(pem)
    except KeyRefused:
        return False


class Sm2Verifier:
    """An SM2 public key of one issuer, with the three settings that the issuer signs by. Implements `Verifier`.

    Guarantees that a signature in any but the pinned spelling is refused. Does not tell two signatures of one message
    apart: SM2 is randomised, so a signature identifies nothing. May be used by several threads at once.

    Args:
        public_key: the point, 65, 64 (x||y) or 33 bytes.
        signer_id: the ID that Z covers, at most 8190 bytes; may be empty. Unused if `z_mode` is False.
        z_mode: True if the issuer signs SM3(Z || M) as the standard says, False if it signs SM3(M).
        raw: True if signatures are r||s (64 bytes), False if they are DER.

    Raises:
        KeyRefused: UNSUPPORTED_ALGORITHM if SM2 is unavailable here; MALFORMED, NON_CANONICAL or NOT_ON_CURVE for
            the key.

    """

    __slots__ = ("_key", "_public_key", "_raw", "_signer_id")

    def __init__(self, public_key: bytes, *, signer_id: bytes, z_mode: bool, raw: bool) -> None:
        _require()
        self._public_key = public_point(public_key)
        self._signer_id = _checked_id(signer_id) if z_mode else None
        self._raw = raw
        try:
            self._key = libcrypto.Key.from_spki(spki_from_public_key(self._public_key))
        except libcrypto.LibcryptoFailed:
            raise KeyRefused(KeyRefusal.MALFORMED, "libcrypto does not take the SM2 key") from None

    @property
    def public_key(self) -> bytes:
        """The point uncompressed, 65 bytes."""
        return self._public_key

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether `signature` is this key's over exactly `message`. Never raises on hostile input."""
        if self._raw:
            der = signature_from_raw(signature)
            if der is None:
                return False
        elif signature_to_raw(signature) is None:
            return False
        else:
            der = signature
        try:
            if self._signer_id is None:
                return self._key.verify_digest(der, sm3(message))
            return self._key.verify(der, message, self._signer_id)
        except libcrypto.LibcryptoFailed:
            return False


class Sm2Signer:
    """An SM2 private key with the settings that it signs by. Its repr shows nothing of it.

    Made by `generate`, `from_scalar` or `from_pem`. Signing is libcrypto's, in constant time as far as that is.
    """

    __slots__ = ("_key", "_raw", "_signer_id")

    def __init__(self, key: libcrypto.Key, *, signer_id: bytes, z_mode: bool, raw: bool) -> None:
        self._key = key
        self._signer_id = _checked_id(signer_id) if z_mode else None
        self._raw = raw

    @classmethod
    def generate(cls, *, signer_id: bytes, z_mode: bool, raw: bool) -> Sm2Signer:
        """Make a new key from the system's random numbers. Raises KeyRefused if SM2 is unavailable here."""
        scalar = 1 + secrets.randbelow(N - 2)
        return cls.from_scalar(scalar.to_bytes(FIELD_BYTES, "big"), signer_id=signer_id, z_mode=z_mode, raw=raw)

    @classmethod
    def from_scalar(cls, scalar: bytes, *, signer_id: bytes, z_mode: bool, raw: bool) -> Sm2Signer:
        """Take a private scalar of 32 bytes, in [1, n-2]. Raises KeyRefused (UNSUPPORTED_ALGORITHM, MALFORMED)."""
        _require()
        if len(scalar) != FIELD_BYTES or not 0 < int.from_bytes(scalar, "big") < N - 1:
            raise KeyRefused(KeyRefusal.MALFORMED, "an SM2 private key lies in [1, n-2]")
        return cls(_private_key(pkcs8_from_scalar(scalar)), signer_id=signer_id, z_mode=z_mode, raw=raw)

    @classmethod
    def from_pem(cls, pem: bytes, *, signer_id: bytes, z_mode: bool, raw: bool) -> Sm2Signer:
        """Take one unencrypted PKCS #8 or SEC 1 key in PEM. Raises KeyRefused (UNSUPPORTED_ALGORITHM, MALFORMED)."""
        _require()
        return cls(_private_key(_der_of(pem)), signer_id=signer_id, z_mode=z_mode, raw=raw)

    def private_pem(self) -> bytes:
        """Write the private key as unencrypted PKCS #8 in PEM. Whoever asks is answerable for where it goes."""
        text = base64.encodebytes(pkcs8_from_sec1(self._key.private_der()))
        return b"-----BEGIN PRIVATE KEY-----\n" + text + b"-----END PRIVATE KEY-----\n"

    @property
    def public_key(self) -> bytes:
        """The point uncompressed, 65 bytes."""
        return public_key_from_spki(self._key.spki())

    def sign(self, message: bytes) -> bytes:
        """Sign `message`.

        Returns:
            r||s (64 bytes) or DER, as pinned.

        Raises:
            LibcryptoFailed: the library could not sign.

        """
        if self._signer_id is None:
            der = self._key.sign_digest(sm3(message))
        else:
            der = self._key.sign(message, self._signer_id)
        if not self._raw:
            return der
        raw = signature_to_raw(der)
        if raw is None:
            raise libcrypto.LibcryptoFailed("libcrypto made a signature that is not DER")
        return raw


def _der_of(pem: bytes) -> bytes:
    block = _PEM.fullmatch(pem)
    if block is None:
        raise KeyRefused(KeyRefusal.MALFORMED, "not one unencrypted private key in PEM")
    try:
        return base64.b64decode(re.sub(rb"[\r\n]", b"", block[2]), validate=True)
    except binascii.Error:
        raise KeyRefused(KeyRefusal.MALFORMED, "the PEM's base64") from None


def _private_key(der: bytes) -> libcrypto.Key:
    try:
        return libcrypto.Key.from_private_der(der)
    except libcrypto.LibcryptoFailed:
        raise KeyRefused(KeyRefusal.MALFORMED, "not an SM2 private key") from None
