"""The recipe for indices, with known answers that never change: who writes it in another language tests against these.

They are this project's own. Here the recipe is also written a second time, straight from its text.
"""

from __future__ import annotations

import hashlib
import hmac

import pytest

from keys.permutation import MAX_SIZE, Permutation, epoch_key

ASCENDING = bytes(range(32))
OF_AN_EPOCH = bytes.fromhex("19b419c97b951d217e8921f983e61b5509fb3b39e4dc23d3d28a2b4e3b801d18")

ANSWERS: dict[tuple[bytes, int], dict[int, int]] = {
    (ASCENDING, 2): {0: 0, 1: 1},
    (ASCENDING, 10): {0: 3, 1: 6, 2: 2, 3: 9, 9: 1},
    (ASCENDING, 1_000): {0: 949, 1: 348, 2: 476, 333: 624, 999: 40},
    (ASCENDING, 131_072): {0: 59_432, 1: 103_394, 2: 2_897, 43_690: 104_705, 131_071: 109_667},
    (ASCENDING, 110_000_000): {0: 87_928_643, 1: 2_156_680, 36_666_666: 56_951_039, 109_999_999: 39_030_586},
    (ASCENDING, MAX_SIZE): {0: 70_202_196, 1: 177_262_357, 89_478_485: 212_374_143, 268_435_455: 50_521_044},
    (OF_AN_EPOCH, 10): {0: 7, 1: 9, 2: 3, 3: 2, 9: 1},
    (OF_AN_EPOCH, 1_000): {0: 659, 1: 945, 2: 467, 333: 255, 999: 872},
    (OF_AN_EPOCH, 131_072): {0: 53_259, 1: 85_547, 2: 80_612, 43_690: 50_809, 131_071: 87_763},
    (OF_AN_EPOCH, 110_000_000): {0: 31_574_374, 1: 2_165_700, 36_666_666: 88_074_174, 109_999_999: 109_639_062},
}


def test_the_key_of_an_epoch() -> None:
    assert epoch_key(ASCENDING, "2020-W37") == OF_AN_EPOCH


@pytest.mark.parametrize(("key", "size"), ANSWERS)
def test_known_answers(key: bytes, size: int) -> None:
    permutation, answers = Permutation(key, size), ANSWERS[key, size]
    assert {number: permutation.index_of(number) for number in answers} == answers
    assert {permutation.number_at(index): index for index in answers.values()} == answers


def _as_written(key: bytes, size: int, number: int) -> int:
    """Return the index of `number`, by the text of the recipe alone."""
    k = 2
    while 2**k < size:
        k += 1
    u = k // 2
    v = k - u
    while True:
        a, b = divmod(number, 2**v)
        for i in range(10):
            message = b"hcg-status-permutation-v1\x00" + b"".join(one.to_bytes(4, "big") for one in (size, i, b))
            f = int.from_bytes(hmac.new(key, message, hashlib.sha256).digest()[:4], "big")
            a, b = b, (a + f) % 2 ** (v if i % 2 else u)
        number = a * 2**v + b
        if number < size:
            return number


@pytest.mark.parametrize("size", [2, 3, 4, 5, 9, 33, 100, 1_000, 70_001])
def test_the_recipe_is_what_is_written(size: int) -> None:
    permutation = Permutation(OF_AN_EPOCH, size)
    numbers = range(min(size, 300))
    assert [permutation.index_of(number) for number in numbers] == [
        _as_written(OF_AN_EPOCH, size, number) for number in numbers
    ]
