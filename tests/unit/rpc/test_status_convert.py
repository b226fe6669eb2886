from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import (
    MAX_BLOCK_BYTES,
    MAX_CAPACITY,
    MAX_CHANGES,
    MAX_NUMBER,
    BatchDigest,
    BatchRefusal,
    BatchRefused,
    Block,
    ChangeGroup,
    ListName,
    StateDigest,
    StatusBatch,
)
from gateway.rpc.status_convert import (
    MAX_BATCH_BYTES,
    MAX_BLOCKS,
    MAX_GROUPS,
    STATE_WORDS,
    WIRE,
    WORD_STATES,
    write_batch,
)
from gateway.status import words
from gateway.values import Instant, IssuerId, KeyId, ReasonClass
from keys.values import Algorithm
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import AUTHORITY, StatusIssuer, group, sign_body

R = BatchRefusal
AT = Instant(1_600_000_000.25)
NAME = ListName(IssuerId("guizhou"), "https://status.guizhou.example/2020-37")
OPENING = StatusBatch(NAME, 1, None, AT, 1_024, blocks=(Block(0, bytes(512)),))
CHANGE = StatusBatch(
    NAME,
    7,
    BatchDigest(b"\x11" * 32),
    AT,
    None,
    groups=(
        group(words.RED, [3, 9, 1_000], reason=ReasonClass.RED_CLOSE_CONTACT, corrects=5),
        group(words.GREEN, [4, 10]),
    ),
    state_digest=StateDigest(b"\x22" * 32),
)


@pytest.mark.parametrize(
    "batch",
    [
        OPENING,
        CHANGE,
        replace(OPENING, blocks=(Block(0, b"\x0d"), Block(2, b"\xc1\xe2"), Block(1_000, b"\xff"))),
        replace(CHANGE, groups=(), state_digest=None),
        replace(CHANGE, groups=(), state_digest=None, closing=True),
        replace(CHANGE, number=MAX_NUMBER),
        replace(CHANGE, groups=tuple(group(word, [place]) for place, word in enumerate(sorted(words.PUBLISHED)))),
        replace(CHANGE, groups=(group(words.GREEN, range(MAX_CHANGES)),)),
    ],
)
def test_what_is_written_is_read(batch: StatusBatch) -> None:
    assert WIRE.read_batch(write_batch(batch)) == batch


def test_a_signed_batch_is_kept_byte_for_byte() -> None:
    keys = [make_key(Algorithm.ED25519, name) for name in ("one", "two")]
    signed = sign_body(write_batch(CHANGE), keys)
    assert WIRE.read_signed(WIRE.write_signed(signed)) == signed
    assert [one.key_id for one in signed.signatures] == [KeyId(b"one"), KeyId(b"two")]


def test_every_state_has_a_word_and_every_word_that_may_be_published_a_state() -> None:
    numbers = {value.number for value in pb.ListedState.DESCRIPTOR.values}
    assert set(STATE_WORDS) == numbers - {pb.LISTED_STATE_UNSPECIFIED}
    assert set(WORD_STATES) == words.PUBLISHED
    assert words.AS_SIGNED not in WORD_STATES


Change = Callable[[pb.StatusBatch], Any]


def blocks(*contents: bytes, first: int = 0) -> Change:
    def change(message: pb.StatusBatch) -> None:
        del message.groups[:]
        for content in contents:
            message.blocks.add(first_index=first, deflated_words=content)

    return change


def regroup(*groups: pb.ChangeGroup) -> Change:
    def change(message: pb.StatusBatch) -> None:
        del message.groups[:]
        message.groups.extend(groups)

    return change


def made(*indices: int, **members: Any) -> pb.ChangeGroup:
    right: dict[str, Any] = {"state": pb.LISTED_STATE_GREEN, "authority": AUTHORITY, "indices": indices}
    return pb.ChangeGroup(**(right | members))


def change_of(**members: Any) -> Change:
    def change(message: pb.StatusBatch) -> None:
        for name, value in members.items():
            setattr(message, name, value)

    return change


def unknown_field(message: pb.StatusBatch) -> None:
    message.MergeFromString(b"\xfa\x01\x01x")


def unknown_in_group(message: pb.StatusBatch) -> None:
    message.groups[0].MergeFromString(b"\xf8\x01\x01")


def no_time(message: pb.StatusBatch) -> None:
    message.ClearField("issue_time")


def at(seconds: int, nanos: int = 0) -> Change:
    def change(message: pb.StatusBatch) -> None:
        message.issue_time.seconds, message.issue_time.nanos = seconds, nanos

    return change


def first(**members: Any) -> Change:
    """Make it number 1."""

    def change(message: pb.StatusBatch) -> None:
        change_of(number=1, previous_digest=b"", capacity=1_024)(message)
        change_of(**members)(message)

    return change


def listed(**members: str) -> Change:
    def change(message: pb.StatusBatch) -> None:
        for name, value in members.items():
            setattr(message.list, name, value)

    return change


@pytest.mark.parametrize(
    ("change", "refusal", "field"),
    [
        (unknown_field, R.MALFORMED, ""),
        (unknown_in_group, R.MALFORMED, "groups[0]"),
        (listed(issuer=""), R.MALFORMED, "list.issuer"),
        (listed(issuer="x" * 129), R.MALFORMED, "list.issuer"),
        (listed(issuer="gui\nzhou"), R.MALFORMED, "list.issuer"),
        (listed(uri="https://"), R.MALFORMED, "list.uri"),
        (listed(uri="https://a.example/" + "x" * 256), R.MALFORMED, "list.uri"),
        (listed(uri="https://a.example/x y"), R.MALFORMED, "list.uri"),
        (listed(uri="https://ä.example/x"), R.MALFORMED, "list.uri"),
        (change_of(number=0), R.MALFORMED, "number"),
        (change_of(number=MAX_NUMBER + 1), R.MALFORMED, "number"),
        (change_of(number=(1 << 63) - 1), R.MALFORMED, "number"),
        (change_of(previous_digest=b""), R.MALFORMED, "previous_digest"),
        (change_of(previous_digest=b"x" * 31), R.MALFORMED, "previous_digest"),
        (first(previous_digest=b"x" * 32), R.MALFORMED, "previous_digest"),
        (no_time, R.MALFORMED, "issue_time"),
        (at(0), R.MALFORMED, "issue_time"),
        (at(4_102_444_801), R.MALFORMED, "issue_time"),
        (at(1_600_000_000, -1), R.MALFORMED, "issue_time"),
        (at(1_600_000_000, 1_000_000_000), R.MALFORMED, "issue_time"),
        (change_of(capacity=1_024), R.MALFORMED, "capacity"),
        (first(capacity=0), R.MALFORMED, "capacity"),
        (first(capacity=1_023), R.MALFORMED, "capacity"),
        (first(capacity=MAX_CAPACITY + 2), R.TOO_LARGE, "capacity"),
        (change_of(state_digest=b"x"), R.MALFORMED, "state_digest"),
        (regroup(made(1, state=pb.LISTED_STATE_UNSPECIFIED)), R.MALFORMED, "groups[0].state"),
        (regroup(made(1), made(2, state=8)), R.MALFORMED, "groups[1].state"),
        (regroup(made(1, reason_class=9)), R.MALFORMED, "groups[0].reason_class"),
        (regroup(made(1, authority="x" * 129)), R.MALFORMED, "groups[0].authority"),
        (regroup(made(1, authority="a\x00b")), R.MALFORMED, "groups[0].authority"),
        (regroup(made(1, corrects=MAX_NUMBER + 1)), R.MALFORMED, "groups[0].corrects"),
        (regroup(made()), R.MALFORMED, "groups[0].indices"),
        (regroup(made(2, 1)), R.MALFORMED, "groups[0].indices"),
        (regroup(made(1, 1)), R.INDEX_REPEATED, "groups[0].indices"),
        (regroup(made(1, 3, 1)), R.INDEX_REPEATED, "groups[0].indices"),
        (regroup(made(1, 3), made(2, 3)), R.INDEX_REPEATED, "groups"),
        (regroup(made(*range(MAX_CHANGES)), made(MAX_CHANGES)), R.TOO_LARGE, "groups"),
        (regroup(*(made(place) for place in range(MAX_GROUPS + 1))), R.TOO_LARGE, "groups"),
        (blocks(b""), R.MALFORMED, "blocks[0].deflated_words"),
        (blocks(b"words"), R.MALFORMED, "blocks[0].deflated_words"),
        (blocks(zlib.compress(b"")), R.MALFORMED, "blocks[0].deflated_words"),
        (blocks(zlib.compress(b"\x00")[:-1]), R.MALFORMED, "blocks[0].deflated_words"),
        (blocks(zlib.compress(b"\x00") + b"x"), R.MALFORMED, "blocks[0].deflated_words"),
        (blocks(zlib.compress(b"\x00"), first=3), R.MALFORMED, "blocks[0].first_index"),
        (blocks(zlib.compress(b"\x00"), zlib.compress(b"\x00")), R.INDEX_REPEATED, "blocks[1].first_index"),
        (blocks(zlib.compress(b"\x30")), R.MALFORMED, "blocks[0].deflated_words"),
        (blocks(zlib.compress(b"\x03")), R.MALFORMED, "blocks[0].deflated_words"),
        (blocks(zlib.compress(b"\x50")), R.MALFORMED, "blocks[0].deflated_words"),
        (blocks(zlib.compress(bytes(MAX_BLOCK_BYTES + 1))), R.TOO_LARGE, "blocks[0].deflated_words"),
        (blocks(*[zlib.compress(b"")] * (MAX_BLOCKS + 1)), R.TOO_LARGE, "blocks"),
    ],
)
def test_a_batch_that_breaks_a_rule_is_refused_by_name(change: Change, refusal: R, field: str) -> None:
    message = pb.StatusBatch.FromString(write_batch(CHANGE))
    change(message)
    with pytest.raises(BatchRefused) as caught:
        WIRE.read_batch(message.SerializeToString())
    assert (caught.value.refusal, caught.value.field) == (refusal, field)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"\x0f", R.MALFORMED),
        (b"\x0a\xff", R.MALFORMED),
        (b"", R.MALFORMED),
        (bytes(MAX_BATCH_BYTES + 1), R.TOO_LARGE),
        (b"\x32\x00" * 50_000, R.TOO_LARGE),
    ],
)
def test_bytes_that_are_no_batch_are_refused(body: bytes, refusal: R) -> None:
    with pytest.raises(BatchRefused) as caught:
        WIRE.read_batch(body)
    assert caught.value.refusal is refusal


def test_a_bomb_of_many_blocks_is_not_inflated_beyond_what_one_batch_may_hold() -> None:
    message = pb.StatusBatch.FromString(write_batch(OPENING))
    message.ClearField("blocks")
    half = zlib.compress(bytes(MAX_BLOCK_BYTES // 2 + 1))
    for place in range(2):
        message.blocks.add(first_index=place * (MAX_BLOCK_BYTES + 2), deflated_words=half)
    with pytest.raises(BatchRefused) as caught:
        WIRE.read_batch(message.SerializeToString())
    assert (caught.value.refusal, caught.value.field) == (R.TOO_LARGE, "blocks[1].deflated_words")


SIGNATURE = pb.BatchSignature(key_id="k", signature=b"s")


@pytest.mark.parametrize(
    ("signed", "refusal", "field"),
    [
        (pb.SignedBatch(signatures=[SIGNATURE]), R.MALFORMED, "batch"),
        (pb.SignedBatch(batch=b"x"), R.MALFORMED, "signatures"),
        (pb.SignedBatch(batch=b"x", signatures=[SIGNATURE] * 9), R.MALFORMED, "signatures"),
        (
            pb.SignedBatch(batch=b"x", signatures=[SIGNATURE, pb.BatchSignature(signature=b"s")]),
            R.MALFORMED,
            "signatures[1].key_id",
        ),
        (
            pb.SignedBatch(batch=b"x", signatures=[pb.BatchSignature(key_id="k" * 129, signature=b"s")]),
            R.MALFORMED,
            "signatures[0].key_id",
        ),
        (
            pb.SignedBatch(batch=b"x", signatures=[pb.BatchSignature(key_id="k")]),
            R.MALFORMED,
            "signatures[0].signature",
        ),
        (
            pb.SignedBatch(batch=b"x", signatures=[pb.BatchSignature(key_id="k", signature=bytes(1_025))]),
            R.MALFORMED,
            "signatures[0].signature",
        ),
        (pb.SignedBatch(batch=bytes(MAX_BATCH_BYTES + 1), signatures=[SIGNATURE]), R.TOO_LARGE, "batch"),
    ],
)
def test_a_signed_batch_that_breaks_a_rule_is_refused(signed: pb.SignedBatch, refusal: R, field: str) -> None:
    with pytest.raises(BatchRefused) as caught:
        WIRE.read_signed(signed.SerializeToString())
    assert (caught.value.refusal, caught.value.field) == (refusal, field)


def test_bytes_that_are_no_signed_batch_are_refused() -> None:
    for raw, refusal in ((b"\x0f", R.MALFORMED), (b"\x12\x00" * 50_000, R.TOO_LARGE), (bytes(5 << 20), R.TOO_LARGE)):
        with pytest.raises(BatchRefused) as caught:
            WIRE.read_signed(raw)
        assert caught.value.refusal is refusal


def test_the_simulated_issuer_holds_what_its_batches_say() -> None:
    issuer = StatusIssuer.make(
        "guizhou", NAME.uri, [make_key(Algorithm.ED25519, "a"), make_key(Algorithm.ED25519, "b")]
    )
    issuer.fill_all(bytes(512), AT)
    issuer.change({words.RED: [5], words.YELLOW: [4, 1_023]}, AT)
    wrong = issuer.change({words.GREEN: [5]}, AT, number=9)
    stolen = issuer.change({words.GREEN: [5]}, AT, keys=[make_key(Algorithm.ED25519, "a")])
    issuer.heartbeat(AT, prove=True)
    batches = [WIRE.read_batch(one.body) for one in issuer.batches]
    assert [one.number for one in batches] == [1, 2, 3, 4]
    assert [one.previous for one in batches[1:]] == [one.digest for one in issuer.batches[:-1]]
    assert batches[-1].state_digest == issuer.state_digest
    assert {wrong, stolen}.isdisjoint(issuer.batches)
    assert [issuer.read(index) for index in (3, 4, 5, 1_023)] == [words.GREEN, words.YELLOW, words.RED, words.YELLOW]
    assert ChangeGroup(words.RED, array("I", [5]), AUTHORITY, ReasonClass.RED_OTHER_ORDER) in batches[2].groups
    closing = issuer.close(AT)
    assert WIRE.read_batch(closing.body).closing
    assert set(issuer.held) == {words.HOLE}
