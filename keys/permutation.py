"""The recipe by which an issuer gives out indices: a keyed permutation of 0 .. size - 1, another one in each epoch.

Rules:

- Person number -> index, and back. Without the key an index tells nothing of the number, and the indices of one person
  in two epochs have nothing in common.
- The key stays with the issuer; each epoch has one of its own, drawn at random or derived by `epoch_key`. It shows in
  no repr.
- It is made to be written again in any language: HMAC-SHA-256, additions, nothing else. Known answers are in
  tests/conformance.

The recipe. Let k be the least number of bits that hold size - 1, at least 2; u = k // 2 and v = k - u. A number is
split into its upper u bits A and its lower v bits B. Ten rounds, i = 0 .. 9; m is u in even rounds and v in odd ones:

    C = (A + F(i, B)) mod 2^m;  A = B;  B = C

After ten rounds, an even number, A again has u bits and B has v. F(i, x) are the first four bytes, big-endian, of
HMAC-SHA-256 under the key over the ASCII text `hcg-status-permutation-v1`, a zero byte, then size, i and x, four bytes
each, big-endian. If A * 2^v + B is not below size, it goes through the ten rounds again, until it is (cycle walking:
twice on average at most).

Does not check that a number was ever given to anybody.

Source: the alternating Feistel network of NIST SP 800-38G (FF1: ten rounds), over bits, with HMAC in AES's place; cycle
walking: Black and Rogaway, "Ciphers with arbitrary finite domains", 2002.
"""

from __future__ import annotations

import hmac
from array import array
from typing import Final

ROUNDS: Final = 10
KEY_BYTES: Final = 32
MAX_SIZE: Final = 1 << 28
"""Places of one list."""

_CONTEXT: Final = b"hcg-status-permutation-v1\0"
_EPOCH_CONTEXT: Final = b"hcg-status-epoch-v1\0"


class Permutation:
    """One epoch's permutation. Making one takes up to half a second and 320 KiB; a number then some 3 us."""

    __slots__ = ("_rounds", "_split", "size")

    def __init__(self, key: bytes, size: int) -> None:
        """Take the epoch's key, 32 bytes, and how many places there are: 2 to 2^28.

        Raises: ValueError for another length or size.
        """
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key of {KEY_BYTES} bytes is required")
        if not 2 <= size <= MAX_SIZE:
            raise ValueError(f"a size of 2 to {MAX_SIZE} is required")
        bits = max(2, (size - 1).bit_length())
        upper = bits // 2
        lower = bits - upper
        self.size = size
        self._split = (upper, lower)
        # F of every half that a round can meet: so a number costs ten look-ups and no HMAC.
        self._rounds = tuple(
            _round(key, size, number, lower if number % 2 == 0 else upper, upper if number % 2 == 0 else lower)
            for number in range(ROUNDS)
        )

    def index_of(self, number: int) -> int:
        """Return the index of a person's number. Raises: ValueError if it is not below the size."""
        self._check(number)
        upper, lower = self._split
        while True:
            a, b = number >> lower, number & ((1 << lower) - 1)
            for place, table in enumerate(self._rounds):
                mask = (1 << (lower if place % 2 else upper)) - 1
                a, b = b, (a + table[b]) & mask
            number = a << lower | b
            if number < self.size:
                return number

    def number_at(self, index: int) -> int:
        """Return the number whose index this is. Raises: ValueError if it is not below the size."""
        self._check(index)
        upper, lower = self._split
        while True:
            a, b = index >> lower, index & ((1 << lower) - 1)
            for place in reversed(range(ROUNDS)):
                mask = (1 << (lower if place % 2 else upper)) - 1
                a, b = (b - self._rounds[place][a]) & mask, a
            index = a << lower | b
            if index < self.size:
                return index

    def _check(self, value: int) -> None:
        if not 0 <= value < self.size:
            raise ValueError("not below the size")

    def __repr__(self) -> str:
        """Show nothing of the key."""
        return f"<permutation of {self.size}>"


def epoch_key(key: bytes, epoch: str) -> bytes:
    """Return the key of an epoch, derived from a key that outlasts it.

    It is HMAC-SHA-256 over the ASCII text `hcg-status-epoch-v1`, a zero byte and the epoch's name in UTF-8.

    A key that is drawn anew for each epoch and destroyed with it is better: then nobody can ever go back.

    Raises: ValueError for a key of another length than 32 bytes, or an epoch without a name.
    """
    if len(key) != KEY_BYTES or not epoch:
        raise ValueError(f"a key of {KEY_BYTES} bytes and the epoch's name are required")
    return hmac.digest(key, _EPOCH_CONTEXT + epoch.encode(), "sha256")


def _round(key: bytes, size: int, number: int, bits_in: int, bits_out: int) -> array[int]:
    """Return F of each half of `bits_in` bits in one round, as far as its `bits_out` bits count."""
    begins = _CONTEXT + size.to_bytes(4, "big") + number.to_bytes(4, "big")
    mask = (1 << bits_out) - 1
    return array(
        "H",
        (
            int.from_bytes(hmac.digest(key, begins + half.to_bytes(4, "big"), "sha256")[:4], "big") & mask
            for half in range(1 << bits_in)
        ),
    )
