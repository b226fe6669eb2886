"""RSA keys: PS256, and RS256 to read (RFC 7518 sections 3.3 and 3.5, RFC 8017).

What is refused when a key is registered:

- a modulus under 2,048 bits (within reach of an attacker with money) or over 8,192 (each check would cost milliseconds:
  a way to slow the gateway down with a single listed key);
- an exponent that is even, below 65,537 or above 64 bits. e = 1 makes every number its own signature. e = 3 is where
  lenient padding checks turned into forgeries (Bleichenbacher 2006, CVE-2006-4339 and its many returns): the libraries
  used here are strict, but a key outlives a library. A large one makes a check as costly as a signature;
- an even modulus, and one with the fingerprint of the ROCA generator (CVE-2017-15361), whose private half can be
  computed.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from .values import KeyRefusal, KeyRefused

SHORTEST_BITS: Final = 2048
LONGEST_BITS: Final = 8192
SMALLEST_EXPONENT: Final = 65_537
EXPONENT_BITS: Final = 64

_SHA256: Final = hashes.SHA256()
# RFC 7518 3.5 fixes both: MGF1 with the same hash, and a salt as long as the hash. A verifier that takes any salt
# length also takes signatures that were made with none.
_PSS: Final = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
_PKCS1: Final = padding.PKCS1v15()


class RsaVerifier:
    """One registered RSA key, bound to PSS or to PKCS #1 v1.5, never both: a key has one algorithm."""

    __slots__ = ("_key", "_padding", "_signature_bytes")

    def __init__(self, public_key: RSAPublicKey, *, pss: bool) -> None:
        """Register a key. Raises: KeyRefused."""
        numbers = public_key.public_numbers()
        check_numbers(numbers.n, numbers.e)
        self._key = public_key
        self._padding: padding.AsymmetricPadding = _PSS if pss else _PKCS1
        self._signature_bytes = (public_key.key_size + 7) // 8

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether `signature` is this key's over exactly `message`. Never raises on hostile input."""
        # RFC 8017 8.1.2 and 8.2.2, step 1. OpenSSL's PSS also takes a signature whose leading zeros were cut off.
        if len(signature) != self._signature_bytes:
            return False
        try:
            self._key.verify(signature, message, self._padding, _SHA256)
        except InvalidSignature:
            return False
        return True


def rsa_public_key(modulus: int, exponent: int) -> RSAPublicKey:
    """Return a checked key. Raises: KeyRefused."""
    check_numbers(modulus, exponent)
    return RSAPublicNumbers(exponent, modulus).public_key()


def check_numbers(modulus: int, exponent: int) -> None:
    """Refuse a key that must not be registered, by the module's rules.

    Raises: KeyRefused with RSA_TOO_SHORT, RSA_TOO_LONG, RSA_BAD_EXPONENT or MALFORMED.
    """
    bits = modulus.bit_length()
    if bits < SHORTEST_BITS:
        raise KeyRefused(KeyRefusal.RSA_TOO_SHORT, f"{bits} bits, at least {SHORTEST_BITS} are needed")
    if bits > LONGEST_BITS:
        raise KeyRefused(KeyRefusal.RSA_TOO_LONG, f"{bits} bits, at most {LONGEST_BITS} are taken")
    if exponent < SMALLEST_EXPONENT or exponent % 2 == 0 or exponent.bit_length() > EXPONENT_BITS:
        raise KeyRefused(KeyRefusal.RSA_BAD_EXPONENT, "the exponent must be odd, at least 65537 and at most 64 bits")
    if modulus % 2 == 0:
        raise KeyRefused(KeyRefusal.MALFORMED, "the modulus is even")
    if _made_by_roca_generator(modulus):
        raise KeyRefused(KeyRefusal.WEAK_KEY, "the modulus has the ROCA fingerprint (CVE-2017-15361)")


def _made_by_roca_generator(modulus: int) -> bool:
    # The generator's primes are k*M + (65537**a mod M), M the product of the first 39 primes, so that n modulo each
    # of them is a power of 65537. A sound modulus passes all of these by chance about once in 10**8.
    # Source: Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, section 2.
    return all(modulus % prime in powers for prime, powers in _powers_of_65537())


@cache
def _powers_of_65537() -> tuple[tuple[int, frozenset[int]], ...]:
    primes = [n for n in range(2, 168) if all(n % divisor for divisor in range(2, n))]
    return tuple((p, frozenset(pow(65_537, power, p) for power in range(p))) for p in primes)
