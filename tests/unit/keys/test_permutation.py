"""A permutation that shows no structure, and whose inverse is one."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest

from keys.permutation import KEY_BYTES, MAX_SIZE, Permutation, epoch_key

KEY = bytes(range(KEY_BYTES))
OTHER = bytes(reversed(KEY))


def key(number: int) -> bytes:
    """Return one of many keys."""
    return number.to_bytes(KEY_BYTES, "big")


@pytest.mark.parametrize("size", [*range(2, 70), 127, 128, 129, 1_000, 4_097, 65_536])
def test_every_number_has_one_index_and_every_index_one_number(size: int) -> None:
    permutation = Permutation(KEY, size)
    indices = [permutation.index_of(number) for number in range(size)]
    assert sorted(indices) == list(range(size))
    assert [permutation.number_at(index) for index in indices] == list(range(size))


@pytest.mark.parametrize("size", [1_000_003, 110_000_000, MAX_SIZE])
def test_a_large_one_is_undone_too(size: int) -> None:
    permutation, chance = Permutation(KEY, size), random.Random(1)
    numbers = [0, 1, size - 1, *(chance.randrange(size) for _ in range(2_000))]
    indices = [permutation.index_of(number) for number in numbers]
    assert all(0 <= index < size for index in indices)
    assert len(set(indices)) == len(set(numbers))
    assert [permutation.number_at(index) for index in indices] == numbers


def test_neighbours_are_no_neighbours() -> None:
    """Of ascending numbers the indices go up and down, far apart, as those of a random permutation do."""
    size = 100_000
    permutation = Permutation(KEY, size)
    indices = [permutation.index_of(number) for number in range(20_000)]
    steps = [after - before for before, after in pairwise(indices)]
    assert len(set(steps)) > 0.8 * len(steps)
    assert 0.48 < sum(step > 0 for step in steps) / len(steps) < 0.52
    assert 0.30 < sum(map(abs, steps)) / len(steps) / size < 0.37  # a third
    assert sum(number == index for number, index in enumerate(indices)) < 5


@pytest.mark.parametrize("modulus", [2, 3, 5, 16, 97])
def test_no_digit_of_a_number_shows(modulus: int) -> None:
    permutation = Permutation(KEY, 50_000)
    pairs = Counter((number % modulus, permutation.index_of(number) % modulus) for number in range(20_000))
    expected = 20_000 / modulus**2
    chi = sum((pairs[a, b] - expected) ** 2 / expected for a in range(modulus) for b in range(modulus))
    freedom = modulus**2 - 1
    assert abs(chi - freedom) < 6 * (2 * freedom) ** 0.5


def test_two_epochs_have_nothing_in_common() -> None:
    size = 60_000
    one, two = Permutation(key(1), size), Permutation(key(2), size)
    pairs = [(one.index_of(number), two.index_of(number)) for number in range(20_000)]
    assert sum(a == b for a, b in pairs) < 5
    assert len({b - a for a, b in pairs}) > 12_000
    mean = (size - 1) / 2
    covariance = sum((a - mean) * (b - mean) for a, b in pairs) / len(pairs)
    assert abs(covariance) / (size**2 / 12) < 0.03


def test_two_sizes_have_nothing_in_common() -> None:
    one, two = Permutation(KEY, 60_000), Permutation(KEY, 60_002)
    assert sum(one.index_of(number) == two.index_of(number) for number in range(5_000)) < 5


@pytest.mark.parametrize("size", [5, 8, 11])
def test_over_all_keys_every_index_is_as_likely(size: int) -> None:
    keys = 3_000
    found = Counter(Permutation(key(number), size).index_of(2) for number in range(keys))
    expected = keys / size
    chi = sum((found[index] - expected) ** 2 / expected for index in range(size))
    assert chi < size - 1 + 6 * (2 * (size - 1)) ** 0.5


@pytest.mark.parametrize("value", [-1, 1_000, 1 << 40])
def test_what_lies_outside_is_refused(value: int) -> None:
    permutation = Permutation(KEY, 1_000)
    for way in (permutation.index_of, permutation.number_at):
        with pytest.raises(ValueError, match="below the size"):
            way(value)


@pytest.mark.parametrize(
    ("chosen", "size"),
    [(KEY, 1), (KEY, 0), (KEY, -5), (KEY, MAX_SIZE + 1), (KEY[1:], 100), (KEY + b"x", 100), (b"", 2)],
)
def test_another_key_or_size_is_refused(chosen: bytes, size: int) -> None:
    with pytest.raises(ValueError, match="required"):
        Permutation(chosen, size)


def test_keys_of_epochs_differ_and_are_keys() -> None:
    names = ["2020-W37", "2020-W38", "2020-W3", "7", "一"]
    derived = {epoch_key(chosen, name) for chosen in (KEY, OTHER) for name in names}
    assert len(derived) == 10
    assert {len(one) for one in derived} == {KEY_BYTES}
    for chosen, name in ((KEY, ""), (KEY[1:], "1")):
        with pytest.raises(ValueError, match="required"):
            epoch_key(chosen, name)


def test_the_key_does_not_show() -> None:
    permutation = Permutation(KEY, 100)
    assert repr(permutation) == "<permutation of 100>"
    assert not hasattr(permutation, "__dict__")
