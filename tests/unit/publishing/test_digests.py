"""What a list's digest will be: the same as when the batch is applied to it, wherever its places lie."""

from __future__ import annotations

import random
from array import array
from hashlib import sha256

import pytest

from gateway.changes import Block, ChangeGroup, ListName, StatusBatch
from gateway.publishing import digests
from gateway.publishing.digests import digest_after, digest_of_nothing
from gateway.status import words
from gateway.values import IssuerId
from tests.conftest import NOON
from tests.simulators.status_issuer import write_word

NAME = ListName(IssuerId("zhejiang"), "https://zhejiang.example/1")


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_digest_of_the_list_with_the_batch_applied(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "PIECE_BYTES", 16)
    chance = random.Random(seed)
    before = chance.randbytes(chance.randrange(1, 100))
    after = bytearray(before)
    blocks, groups = [], []
    for _ in range(chance.randrange(3)):
        start = chance.randrange(len(before))
        content = chance.randbytes(chance.randrange(1, len(before) - start + 1))
        blocks.append(Block(2 * start, content))
        after[start : start + len(content)] = content
    for word in (words.RED, words.GREEN):
        indices = sorted(chance.sample(range(2 * len(before)), chance.randrange(1, 2 * len(before) + 1)))
        groups.append(ChangeGroup(word, array("I", indices), "office"))
        for index in indices:
            write_word(after, index, word)
    batch = StatusBatch(NAME, 2, None, NOON, None, tuple(groups), tuple(blocks))
    assert digest_after(memoryview(before), batch) == sha256(after).digest()
    assert digest_after(memoryview(before), StatusBatch(NAME, 2, None, NOON, None)) == sha256(before).digest()


@pytest.mark.parametrize("capacity", [2, 30, 32, 34, 1_000])
def test_a_list_that_says_nothing(capacity: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "PIECE_BYTES", 16)
    assert digest_of_nothing(capacity) == sha256(b"\xff" * (capacity // 2)).digest()
