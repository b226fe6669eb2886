"""Can two callers who put their handles together tell which are the same person's? No better than by chance.

The test. Two colluding callers saw the same 10,000 people in the same order, which is more than they could know. Each
attack gives a number that is the larger the better it tells true pairs from others. The same attack is made 199 times
on pairs that are wrong on purpose (the second list turned by a random number of places): if the true pairs give no
larger number than the wrong ones do, the attack does no better than chance. p is the share of all 200 that are at least
as large as the true one; an attack has linked if p is at most 0.01. The keys are fixed, so the outcome is too.

- same        how many true pairs are the same text
- beginning   how many bits true pairs have in common at their beginning, in all; `ending` likewise
- order       Spearman's rank correlation: who is early in one list is early in the other
- bits        the largest correlation of any bit of the one with any bit of the other, of all 16,384
- dictionary  how many pairs can be computed without the key, from the people's own pseudonyms: an issuer colludes too

That the test finds what it should is shown on digests that are broken on purpose, one for each attack.
"""

from __future__ import annotations

import random
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from hmac import digest
from typing import TypeVar

import pytest

from gateway.handles.pairwise import HANDLE_BYTES, handle_for
from gateway.values import Caller
from keys.epoch_keys import Epoch, EpochKey
from keys.hmac_sha256 import HmacSha256
from tests.unit.handles.worlds import EAST, NOW, WEST, marks

PEOPLE = 10_000
TURNS = 199
LINKED = 0.01
BITS = 8 * HANDLE_BYTES
PSEUDONYMS = [f"p-{number}" for number in range(PEOPLE)]
random.Random(4).shuffle(PSEUDONYMS)

T = TypeVar("T")
Handles = list[bytes]
Maker = Callable[[Caller, str, bytes], bytes]


@dataclass(frozen=True)
class Seen:
    """What one caller has: a handle for each person."""

    handles: Handles

    @cached_property
    def ranks(self) -> list[int]:
        """The place of each in the sorted list."""
        ranks = [0] * PEOPLE
        for rank, place in enumerate(sorted(range(PEOPLE), key=self.handles.__getitem__)):
            ranks[place] = rank
        return ranks

    @cached_property
    def columns(self) -> list[int]:
        """Each bit of all handles, as one number of PEOPLE bits."""
        rows = [f"{int.from_bytes(handle):0{BITS}b}" for handle in self.handles]
        return [int("".join(column), 2) for column in zip(*rows, strict=True)]


def turned(places: Sequence[T], by: int) -> list[T]:
    return [*places[by:], *places[:by]]


def same(one: Seen, other: Seen, turn: int) -> float:
    return sum(a == b for a, b in zip(one.handles, turned(other.handles, turn), strict=True))


def _common_bits(a: bytes, b: bytes) -> int:
    return BITS - (int.from_bytes(a) ^ int.from_bytes(b)).bit_length()


def beginning(one: Seen, other: Seen, turn: int) -> float:
    pairs = zip(one.handles, turned(other.handles, turn), strict=True)
    return sum(_common_bits(a, b) for a, b in pairs)


def ending(one: Seen, other: Seen, turn: int) -> float:
    pairs = zip(one.handles, turned(other.handles, turn), strict=True)
    return sum(_common_bits(a[::-1], b[::-1]) for a, b in pairs)


def order(one: Seen, other: Seen, turn: int) -> float:
    apart = sum((a - b) ** 2 for a, b in zip(one.ranks, turned(other.ranks, turn), strict=True))
    return float(abs(1 - 6 * apart / (PEOPLE * (PEOPLE**2 - 1))))


def bits(one: Seen, other: Seen, turn: int) -> float:
    whole = (1 << PEOPLE) - 1
    columns = [((column << turn) | (column >> (PEOPLE - turn))) & whole for column in other.columns]
    return max(abs(2 * (a ^ b).bit_count() - PEOPLE) for a in one.columns for b in columns)


def dictionary(one: Seen, other: Seen, turn: int) -> float:
    """Compute, without a key or with one of zeros, what each pseudonym would give."""
    known = [
        {made(caller, name, b""): name for name in PSEUDONYMS}
        for caller in (EAST, WEST)
        for made in (unkeyed, lambda who, name, _: keyed(who, name, bytes(32)))
    ]
    names = [[found.get(handle) for handle in seen.handles] for seen in (one, other) for found in known]
    first, second = names[: len(known)], names[len(known) :]
    pairs = [(a, turned(b, turn)) for a in first for b in second]
    return max(sum(x is not None and x == y for x, y in zip(a, b, strict=True)) for a, b in pairs)


ATTACKS = (same, beginning, ending, order, bits)


def p_of(attack: Callable[[Seen, Seen, int], float], one: Seen, other: Seen) -> float:
    """Return how often wrong pairs look at least as much like one person as the true ones."""
    chance = random.Random(7)
    true = attack(one, other, 0)
    wrong = sum(attack(one, other, chance.randrange(1, PEOPLE)) >= true for _ in range(TURNS))
    return (1 + wrong) / (1 + TURNS)


def keyed(caller: Caller, pseudonym: str, key: bytes, epoch: Epoch = NOW) -> bytes:
    """Return the handle as the gateway makes it."""
    found = handle_for(caller, marks(pseudonym), EpochKey(epoch, HmacSha256(key)))
    return urlsafe_b64decode(found.handle + "==")


def unkeyed(caller: Caller, pseudonym: str, _: bytes) -> bytes:
    """Anybody can make it."""
    return sha256(f"{caller.caller_id} {pseudonym}".encode()).digest()[:HANDLE_BYTES]


def without_the_caller(_: Caller, pseudonym: str, key: bytes) -> bytes:
    """The same for all callers."""
    return digest(key, pseudonym.encode(), sha256)[:HANDLE_BYTES]


def masked(caller: Caller, pseudonym: str, key: bytes) -> bytes:
    """The same for all callers, behind a mask of each one's own."""
    mask = sha256(caller.caller_id.encode()).digest()
    return bytes(a ^ b for a, b in zip(digest(key, pseudonym.encode(), sha256), mask, strict=True))[:HANDLE_BYTES]


def one_bit_leaks(caller: Caller, pseudonym: str, key: bytes) -> bytes:
    """Right but for one bit, and that bit stands elsewhere for each caller and is wrong for one person in five."""
    handle = bytearray(keyed(caller, pseudonym, key))
    leak = digest(key, pseudonym.encode(), sha256)[0] & 1
    place = 5 if caller is EAST else 11
    if handle[0] % 5:
        handle[place] = handle[place] & 0xFE | leak
    return bytes(handle)


def sorted_as_the_people(caller: Caller, pseudonym: str, key: bytes) -> bytes:
    """Right but for a byte that grows with the pseudonym, as a counter would."""
    grows = int(pseudonym[2:]) * 256 // PEOPLE
    return bytes([grows]) + keyed(caller, pseudonym, key)[1:]


def ends_alike(caller: Caller, pseudonym: str, key: bytes) -> bytes:
    """Right but for a check digit over the person."""
    return keyed(caller, pseudonym, key)[:-1] + digest(key, pseudonym.encode(), sha256)[:1]


KEY, OTHER_KEY = sha256(b"an epoch of the test").digest(), sha256(b"another one").digest()


def seen(maker: Callable[..., bytes], caller: Caller, *more: object) -> Seen:
    return Seen([maker(caller, name, *more) for name in PSEUDONYMS])


EPOCHS = ((EAST, KEY, WEST, KEY), (EAST, KEY, EAST, OTHER_KEY))


@pytest.mark.parametrize(("first", "key", "second", "other_key"), EPOCHS, ids=["two callers", "two epochs"])
def test_handles_of_two_callers_or_two_epochs_cannot_be_linked(
    first: Caller, key: bytes, second: Caller, other_key: bytes
) -> None:
    one, other = seen(keyed, first, key), seen(keyed, second, other_key)
    assert len({*one.handles, *other.handles}) == 2 * PEOPLE
    assert {len(handle) for handle in (*one.handles, *other.handles)} == {HANDLE_BYTES}
    assert {attack.__name__: p for attack in ATTACKS if (p := p_of(attack, one, other)) <= LINKED} == {}
    assert dictionary(one, other, 0) == 0


def test_one_caller_finds_everybody_again_within_an_epoch() -> None:
    assert seen(keyed, EAST, KEY).handles == seen(keyed, EAST, KEY).handles


@pytest.mark.parametrize(
    ("broken", "attack"),
    [
        (without_the_caller, same),
        (without_the_caller, beginning),
        (masked, bits),
        (one_bit_leaks, bits),
        (sorted_as_the_people, order),
        (ends_alike, ending),
    ],
)
def test_the_same_test_finds_what_is_broken(broken: Maker, attack: Callable[[Seen, Seen, int], float]) -> None:
    assert p_of(attack, seen(broken, EAST, KEY), seen(broken, WEST, KEY)) <= LINKED


def test_the_dictionary_finds_what_anybody_can_make() -> None:
    assert dictionary(seen(unkeyed, EAST, b""), seen(unkeyed, WEST, b""), 0) == PEOPLE
    assert dictionary(seen(unkeyed, EAST, b""), seen(unkeyed, WEST, b""), 17) == 0
    assert dictionary(seen(keyed, EAST, bytes(32)), seen(keyed, WEST, bytes(32)), 0) == PEOPLE
