"""The rules of a batch, one by one: each refusal by name, with the member that it is about."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from gateway.changes import (
    MAX_CLOCK_SKEW,
    BatchDigest,
    BatchRefusal,
    BatchRefused,
    Block,
    ChangeGroup,
    ListHead,
    ListName,
    StatusBatch,
    Word,
)
from gateway.publishing.check import check_content, check_order, head_after
from gateway.status import words
from gateway.values import Instant, IssuerId, ReasonClass
from tests.conftest import NOON

NAME = ListName(IssuerId("zhejiang"), "https://zhejiang.example/1")
DIGEST = BatchDigest(b"d" * 32)
HEAD = ListHead(NAME, 100, 7, DIGEST, NOON, NOON)
NEXT = StatusBatch(NAME, 8, DIGEST, NOON, None)
OPENING = StatusBatch(NAME, 1, None, NOON, 100)


def group(
    word: Word = words.RED,
    *indices: int,
    reason: ReasonClass | None = ReasonClass.RED_OTHER_ORDER,
    authority: str = "office",
    corrects: int | None = None,
) -> ChangeGroup:
    return ChangeGroup(word, array("I", indices or (1,)), authority, reason, corrects)


def later(seconds: float) -> Instant:
    return Instant(NOON + seconds)


def content(
    batch: StatusBatch, head: ListHead | None = HEAD, *, keys: int = 1, bulk_size: int = 10, changed: bool = False
) -> None:
    check_content(batch, head, NOON, keys=keys, bulk_size=bulk_size, changed=changed)


@pytest.mark.parametrize(
    ("batch", "head", "refusal", "field"),
    [
        (NEXT, None, BatchRefusal.UNKNOWN_LIST, "number"),
        (replace(OPENING, capacity=None), None, BatchRefusal.UNKNOWN_LIST, "number"),
        (NEXT, replace(HEAD, closed=True), BatchRefusal.LIST_CLOSED, "number"),
        (replace(NEXT, number=9), HEAD, BatchRefusal.NUMBER_GAP, "number"),
        (replace(NEXT, number=(1 << 53) - 1), HEAD, BatchRefusal.NUMBER_GAP, "number"),
        (replace(NEXT, previous=BatchDigest(b"e" * 32)), HEAD, BatchRefusal.BROKEN_CHAIN, "previous_digest"),
        (replace(NEXT, previous=None), HEAD, BatchRefusal.BROKEN_CHAIN, "previous_digest"),
    ],
)
def test_what_does_not_come_next(batch: StatusBatch, head: ListHead | None, refusal: BatchRefusal, field: str) -> None:
    with pytest.raises(BatchRefused) as refused:
        check_order(batch, head)
    assert (refused.value.refusal, refused.value.field) == (refusal, field)
    assert refused.value.held == (0 if head is None else head.number)


def test_what_comes_next() -> None:
    check_order(OPENING, None)
    check_order(NEXT, HEAD)


@pytest.mark.parametrize(
    ("batch", "refusal", "field"),
    [
        (replace(NEXT, issued=later(MAX_CLOCK_SKEW + 0.1)), BatchRefusal.IN_THE_FUTURE, "issue_time"),
        (replace(NEXT, issued=later(-0.1)), BatchRefusal.TIME_GOES_BACK, "issue_time"),
        (replace(NEXT, groups=(group(words.RED, 1, 100),)), BatchRefusal.INDEX_OUT_OF_RANGE, "groups[0].indices"),
        (
            replace(NEXT, groups=(group(), group(words.RED, 2, (1 << 32) - 1))),
            BatchRefusal.INDEX_OUT_OF_RANGE,
            "groups[1].indices",
        ),
        (replace(NEXT, blocks=(Block(98, b"\x00\x00"),)), BatchRefusal.INDEX_OUT_OF_RANGE, "blocks[0]"),
        (replace(NEXT, blocks=(Block(0, b"\x00"), Block(100, b"\x00"))), BatchRefusal.INDEX_OUT_OF_RANGE, "blocks[1]"),
        (replace(NEXT, groups=(group(words.RED, *range(11)),)), BatchRefusal.SECOND_SIGNATURE_REQUIRED, "signatures"),
        (replace(NEXT, blocks=(Block(0, bytes(6)),)), BatchRefusal.SECOND_SIGNATURE_REQUIRED, "signatures"),
        (replace(NEXT, closing=True, groups=(group(),)), BatchRefusal.MALFORMED, "closing"),
        (replace(NEXT, closing=True, blocks=(Block(0, b"\x00"),)), BatchRefusal.MALFORMED, "closing"),
        (replace(NEXT, blocks=(Block(0, b"\x00"),), groups=(group(),)), BatchRefusal.BLOCK_TOO_LATE, "blocks"),
        (replace(NEXT, groups=(group(reason=None),)), BatchRefusal.REASON_REQUIRED, "groups[0].reason_class"),
        (
            replace(NEXT, groups=(group(words.YELLOW, reason=None),)),
            BatchRefusal.REASON_REQUIRED,
            "groups[0].reason_class",
        ),
        (
            replace(NEXT, groups=(group(words.YELLOW),)),
            BatchRefusal.REASON_CONTRADICTS,
            "groups[0].reason_class",
        ),
        (
            replace(NEXT, groups=(group(words.RED, reason=ReasonClass.YELLOW_OTHER),)),
            BatchRefusal.REASON_CONTRADICTS,
            "groups[0].reason_class",
        ),
        (
            replace(NEXT, groups=(group(), group(words.GREEN, 2))),
            BatchRefusal.REASON_CONTRADICTS,
            "groups[1].reason_class",
        ),
        (replace(NEXT, groups=(group(authority=""),)), BatchRefusal.AUTHORITY_REQUIRED, "groups[0].authority"),
        (replace(NEXT, groups=(group(authority="  "),)), BatchRefusal.AUTHORITY_REQUIRED, "groups[0].authority"),
        (replace(NEXT, groups=(group(corrects=8),)), BatchRefusal.CORRECTS_NOTHING, "groups[0].corrects"),
        (replace(NEXT, groups=(group(corrects=0),)), BatchRefusal.CORRECTS_NOTHING, "groups[0].corrects"),
    ],
)
def test_what_a_batch_may_not_say(batch: StatusBatch, refusal: BatchRefusal, field: str) -> None:
    with pytest.raises(BatchRefused) as refused:
        content(batch)
    assert (refused.value.refusal, refused.value.field, refused.value.held) == (refusal, field, 7)


def test_a_list_is_filled_before_it_is_changed() -> None:
    batch = replace(NEXT, blocks=(Block(0, b"\x00"),))
    content(batch)
    with pytest.raises(BatchRefused) as refused:
        content(batch, changed=True)
    assert refused.value.refusal is BatchRefusal.BLOCK_TOO_LATE


def test_a_list_is_not_closed_by_the_batch_that_opens_it() -> None:
    content(OPENING, None)
    with pytest.raises(BatchRefused) as refused:
        content(replace(OPENING, closing=True), None)
    assert refused.value.refusal is BatchRefusal.MALFORMED


@pytest.mark.parametrize(
    "batch",
    [
        NEXT,
        replace(NEXT, closing=True),
        replace(NEXT, issued=later(MAX_CLOCK_SKEW)),
        replace(NEXT, groups=(group(words.RED, 99),)),
        replace(NEXT, groups=(group(words.RED, *range(10)),)),
        replace(NEXT, groups=(group(corrects=7), group(words.GREEN, 2, reason=None))),
        replace(NEXT, blocks=(Block(98, b"\x00"),)),
        *(replace(NEXT, groups=(group(words.RED, reason=one),)) for one in ReasonClass if one.name.startswith("RED")),
        *(replace(NEXT, groups=(group(word, reason=None),)) for word in words.PUBLISHED - {words.RED, words.YELLOW}),
    ],
)
def test_what_a_batch_may_say(batch: StatusBatch) -> None:
    content(batch)


def test_two_keys_may_write_as_much_as_they_want() -> None:
    content(replace(NEXT, groups=(group(words.RED, *range(100)),)), keys=2)


def test_how_far_a_list_is_held_then() -> None:
    opened = head_after(None, OPENING, DIGEST)
    assert opened == ListHead(NAME, 100, 1, DIGEST, NOON, NOON)
    after = head_after(HEAD, replace(NEXT, issued=later(9), closing=True), BatchDigest(b"e" * 32))
    assert after == ListHead(NAME, 100, 8, BatchDigest(b"e" * 32), later(9), NOON, closed=True)
