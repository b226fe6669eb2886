"""Gateways that hand on status lists, and lie.

The attacks are those that TUF names, on lists and batches: whatever a source sends, nothing is held but what issuers
signed, nothing goes back, no list suffers for another one, and one good source suffices.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import compress

import pytest
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import MAX_NUMBER, BatchDigest, ListName, SignedBatch, StateDigest
from gateway.held.mapped_lists import MappedLists
from gateway.publishing.settings import LedgerSettings
from gateway.rpc.snapshots import Manifest
from gateway.status import words
from gateway.values import CodeState, Instant, IssuerId, StatusPointer
from keys.values import Algorithm
from tests.conftest import FakeClock
from tests.simulators.following import Followed, following
from tests.simulators.signing import SigningKey, make_key
from tests.simulators.status_issuer import StatusIssuer, write_word
from tests.simulators.status_source import (
    CAUGHT_UP,
    ScriptedGateway,
    Write,
    batch_event,
    blocks,
    head_of,
    scripted_gateway,
    snapshot_head,
    snapshot_needed,
    snapshot_of,
)
from tests.simulators.status_world import Country, Node, running_node

LIAR = "gateway-2"


@dataclass(slots=True)
class Scene:
    """A node that holds guizhou's list, and a source that it follows."""

    country: Country
    clock: FakeClock
    folder: Path
    node: Node
    source: ScriptedGateway
    guizhou: StatusIssuer
    zhejiang: StatusIssuer
    key: SigningKey
    """The source's own, which is trusted."""
    stack: AsyncExitStack

    async def follow(self, source: ScriptedGateway | None = None, **options: Any) -> Followed:
        """Begin to follow."""
        target = (source or self.source).target
        return await self.stack.enter_async_context(following(self.node, target, self.country, self.clock, **options))

    def number(self, issuer: StatusIssuer) -> int:
        """Return how far the node holds a list."""
        head = self.node.ledger.head(issuer.name)
        return head.number if head is not None else 0

    def holds(self, issuer: StatusIssuer) -> bool:
        """Tell whether the node holds a list exactly as its issuer does."""
        return self.number(issuer) == issuer.number and self.node.raw(issuer.name) == bytes(issuer.held)

    def manifest(self, issuer: StatusIssuer, raw: bytes | None = None) -> Manifest:
        """Return a right manifest of what an issuer holds."""
        content = bytes(issuer.held) if raw is None else raw
        digest = StateDigest(sha256(content).digest())
        return Manifest(head_of(issuer, self.clock()), digest, self.clock(), IssuerId(LIAR))


@pytest.fixture
async def scene(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Scene]:
    country = Country()
    guizhou, zhejiang = country.province("guizhou"), country.province("zhejiang")
    key = country.gateway(LIAR)
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(running_node(tmp_path, country, clock, serves=False))
        source = await stack.enter_async_context(scripted_gateway())
        yield Scene(country, clock, tmp_path, node, source, guizhou, zhejiang, key, stack)


async def hold(scene: Scene, *issuers: StatusIssuer) -> None:
    """Let the node hold what these issuers have published."""
    for issuer in issuers:
        for signed in issuer.batches:
            await scene.node.ledger.submit(signed, scene.clock())


def begin(scene: Scene) -> None:
    """Open both lists, with one red person in guizhou's."""
    scene.guizhou.open(scene.clock())
    scene.guizhou.change({words.RED: [5]}, scene.clock())
    scene.zhejiang.open(scene.clock())


def events(signed: Iterable[SignedBatch]) -> list[pb.StreamChangesResponse]:
    return [batch_event(one) for one in signed]


# Arbitrary content.


def by_a_stranger(issuer: StatusIssuer, at: Instant) -> SignedBatch:
    return issuer.change({words.GREEN: [5]}, at, keys=[make_key(Algorithm.ED25519, "guizhou-1")])


def altered(issuer: StatusIssuer, at: Instant) -> SignedBatch:
    right = issuer.change({words.YELLOW: [5]}, at)
    issuer.number, issuer.digest = issuer.number - 1, issuer.batches[-2].digest
    issuer.batches.pop()
    write_word(issuer.held, 5, words.RED)
    return replace(right, body=right.body.replace(b"city", b"City"))


def with_a_foreign_signature(issuer: StatusIssuer, at: Instant) -> SignedBatch:
    stranger = make_key(Algorithm.ED25519, "guizhou-2")
    return issuer.change({words.GREEN: [5]}, at, keys=[issuer.keys[0], stranger])


def unknown_province(_issuer: StatusIssuer, at: Instant) -> SignedBatch:
    return Country().province("nowhere").open(at)


@pytest.mark.parametrize(
    ("forge", "issuer", "refusal"),
    [
        (by_a_stranger, "guizhou", "BATCH_BAD_SIGNATURE"),
        (altered, "guizhou", "BATCH_BAD_SIGNATURE"),
        (with_a_foreign_signature, "guizhou", "BATCH_BAD_SIGNATURE"),
        (unknown_province, "nowhere", "BATCH_UNKNOWN_ISSUER"),
    ],
)
async def test_arbitrary_content_sets_one_list_aside_and_stops_no_other(
    scene: Scene, forge: Any, issuer: str, refusal: str
) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    forged = forge(scene.guizhou, scene.clock())
    scene.source.sends(batch_event(forged), *events(scene.zhejiang.batches), CAUGHT_UP)
    seen = await scene.follow()
    await seen.until("caught_up")
    assert ("aside", LIAR, issuer, refusal) in seen.seen
    assert scene.holds(scene.guizhou)
    assert scene.holds(scene.zhejiang)


async def test_a_list_that_was_set_aside_is_not_asked_for_until_its_time_has_come(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    now = 0.0
    scene.source.sends(batch_event(by_a_stranger(scene.guizhou, scene.clock())), CAUGHT_UP, CAUGHT_UP)
    seen = await scene.follow(monotonic=lambda: now, quiet_s=0.05)
    await seen.until("failed", LIAR, "silent")
    await seen.until("connected", times=2)
    assert [position.number for position in scene.source.asked[1].positions] == [MAX_NUMBER]
    assert sum(one[0] == "aside" for one in seen.seen) == 1
    right = scene.guizhou.change({words.YELLOW: [5]}, scene.clock())
    scene.source.sends(batch_event(right), CAUGHT_UP)
    now = 61.0
    await seen.until("followed", LIAR, "guizhou")
    assert scene.holds(scene.guizhou)
    assert scene.source.asked[-1].positions[0].number == 2


@pytest.mark.parametrize(
    "message",
    [
        b"\x0f",
        b"",
        pb.StreamChangesResponse(signed_batch=pb.SignedBatch(batch=b"x")).SerializeToString(),
        pb.StreamChangesResponse(
            signed_batch=pb.SignedBatch(batch=b"\x0f", signatures=[pb.BatchSignature(key_id="k", signature=b"s")])
        ).SerializeToString(),
        pb.StreamChangesResponse(snapshot_needed=pb.StatusListHead(number=3)).SerializeToString(),
    ],
)
async def test_what_is_no_message_ends_the_session(scene: Scene, message: bytes) -> None:
    scene.source.sends(message)
    seen = await scene.follow()
    await seen.until("failed", LIAR, times=3)
    assert {one[2] for one in seen.seen if one[0] == "failed"} <= {"broken", "unreachable"}
    assert not scene.node.ledger.heads()


# Rollback.


async def test_older_batches_bring_nothing_back(scene: Scene) -> None:
    begin(scene)
    early = scene.guizhou.batches[:]
    scene.guizhou.change({words.YELLOW: [5]}, scene.clock())
    await hold(scene, scene.guizhou)
    scene.source.sends(*events(early), CAUGHT_UP)
    seen = await scene.follow()
    await seen.until("caught_up")
    assert scene.holds(scene.guizhou)
    assert sum(one[0] == "repeated" for one in seen.seen) == len(early)


@pytest.mark.parametrize("days", [0, 400])
async def test_an_older_snapshot_brings_nothing_back_not_after_a_restart_and_not_if_all_has_run_out(
    tmp_path: Path, clock: FakeClock, days: int
) -> None:
    country = Country()
    issuer, key = country.province("guizhou"), country.gateway(LIAR)
    issuer.open(clock())
    issuer.change({words.GREEN: [5]}, clock())
    old = snapshot_of(issuer, clock(), key, LIAR)
    old_needed = snapshot_needed(issuer, MAX_NUMBER)
    issuer.change({words.RED: [5]}, clock())
    async with running_node(tmp_path, country, clock, serves=False) as node:
        for signed in issuer.batches:
            await node.ledger.submit(signed, clock())
    clock.advance(days * 86_400)
    async with running_node(tmp_path, country, clock, serves=False) as node, scripted_gateway() as source:
        source.sends(old_needed, CAUGHT_UP)
        source.holds(*old)
        async with following(node, source.target, country, clock) as seen:
            await seen.until("aside", LIAR, "guizhou", "BATCH_NUMBER_OLD")
        assert node.raw(issuer.name) == bytes(issuer.held)
        head = node.ledger.head(issuer.name)
        assert head is not None
        assert head.number == 3
        lists = MappedLists(tmp_path / "lists")
        listed = lists.look_up(issuer.name.issuer, StatusPointer(issuer.name.uri, 5), clock())
        assert listed is not None
        assert listed.state is CodeState.RED
        assert clock() - (listed.observed or 0.0) == days * 86_400, "its age is told, and no source can make it younger"


# Freeze.


async def test_a_source_that_withholds_what_is_new_makes_nothing_younger(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    made = scene.clock()
    scene.source.sends(*events(scene.guizhou.batches), *[CAUGHT_UP] * 5)
    scene.clock.advance(600)
    seen = await scene.follow()
    await seen.until("caught_up", times=5)
    head = scene.node.ledger.head(scene.guizhou.name)
    assert head is not None
    assert head.issued == made


async def test_a_sign_of_life_cannot_be_made_by_a_source(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    scene.clock.advance(600)
    forged = scene.guizhou.heartbeat(scene.clock(), keys=[scene.key])
    scene.source.sends(batch_event(forged), CAUGHT_UP)
    seen = await scene.follow()
    await seen.until("aside", LIAR, "guizhou", "BATCH_BAD_SIGNATURE")
    assert scene.holds(scene.guizhou)


# Mix and match, wrong list.


async def test_a_province_cannot_sign_for_anothers_list(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou, scene.zhejiang)
    mixed = scene.guizhou.change({words.GREEN: [5]}, scene.clock(), keys=scene.zhejiang.keys)
    renamed = scene.zhejiang.change({words.GREEN: [5]}, scene.clock(), name=scene.guizhou.name)
    other_uri = ListName(scene.zhejiang.name.issuer, scene.guizhou.name.uri)
    strange = scene.zhejiang.change({words.GREEN: [5]}, scene.clock(), name=other_uri)
    for wrong in (mixed, renamed, strange):
        scene.source.sends(batch_event(wrong), CAUGHT_UP)
        async with following(scene.node, scene.source.target, scene.country, scene.clock) as seen:
            await seen.until("caught_up")
        assert sum(one[0] == "aside" for one in seen.seen) == 1
    assert scene.holds(scene.guizhou)
    assert scene.holds(scene.zhejiang)


async def test_lists_that_were_not_asked_for_are_not_taken(scene: Scene) -> None:
    begin(scene)
    scene.source.sends(*events([*scene.guizhou.batches, *scene.zhejiang.batches]), CAUGHT_UP)
    seen = await scene.follow(issuers=frozenset({scene.zhejiang.name.issuer}))
    await seen.until("caught_up")
    assert [head.name for head in scene.node.ledger.heads()] == [scene.zhejiang.name]
    assert list(scene.source.asked[0].issuers) == ["zhejiang"]


Parts = list[Any]


def of_another_list(scene: Scene) -> Parts:
    return snapshot_of(scene.zhejiang, scene.clock(), scene.key, LIAR)


def under_its_name(scene: Scene) -> Parts:
    head = replace(head_of(scene.zhejiang, scene.clock()), name=scene.guizhou.name, number=9)
    manifest = replace(scene.manifest(scene.zhejiang), head=head)
    return [snapshot_head(manifest, scene.key, scene.zhejiang.batches[-1]), *blocks(bytes(scene.zhejiang.held))]


def last_batch_of_another(scene: Scene) -> Parts:
    parts = snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)
    return [snapshot_head(scene.manifest(scene.guizhou), scene.key, scene.zhejiang.batches[-1]), *parts[1:]]


def part_of_another(scene: Scene) -> Parts:
    parts = snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)
    return [parts[0], *blocks(bytes(scene.zhejiang.held))]


def of_another_gateway(scene: Scene) -> Parts:
    other = scene.country.gateway("gateway-3")
    return snapshot_of(scene.guizhou, scene.clock(), other, "gateway-3")


def in_its_name(scene: Scene) -> Parts:
    other = scene.country.gateway("gateway-3")
    return snapshot_of(scene.guizhou, scene.clock(), other, LIAR)


def signed_for_another(scene: Scene) -> Parts:
    return snapshot_of(scene.guizhou, scene.clock(), scene.key, "gateway-3")


def unsigned(scene: Scene) -> Parts:
    parts = snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)
    head = snapshot_head(scene.manifest(scene.guizhou), scene.key, scene.guizhou.batches[-1], signed=b"x")
    return [head, *parts[1:]]


def further(scene: Scene, number: int) -> Parts:
    head = replace(head_of(scene.guizhou, scene.clock()), number=number)
    manifest = replace(scene.manifest(scene.guizhou), head=head)
    return [snapshot_head(manifest, scene.key, scene.guizhou.batches[-1]), *blocks(bytes(scene.guizhou.held))]


def of_a_number_that_no_list_has(scene: Scene) -> Parts:
    return further(scene, (1 << 63) - 1)


def with_a_batch_that_no_issuer_signed(scene: Scene) -> Parts:
    # Another key of the same name: the manifest is right for it.
    forged = scene.guizhou.heartbeat(scene.clock(), keys=[make_key(Algorithm.ED25519, "guizhou-1")], number=MAX_NUMBER)
    head = replace(head_of(scene.guizhou, scene.clock()), number=MAX_NUMBER, digest=forged.digest)
    manifest = replace(scene.manifest(scene.guizhou), head=head)
    return [snapshot_head(manifest, scene.key, forged), *blocks(bytes(scene.guizhou.held))]


def from_the_future(scene: Scene) -> Parts:
    manifest = replace(scene.manifest(scene.guizhou), created=Instant(scene.clock() + 60))
    return [snapshot_head(manifest, scene.key, scene.guizhou.batches[-1]), *blocks(bytes(scene.guizhou.held))]


def no_head(scene: Scene) -> Parts:
    return list(blocks(bytes(scene.guizhou.held)))


def two_heads(scene: Scene) -> Parts:
    parts = snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)
    return [parts[0], *parts]


def truncated(scene: Scene) -> Parts:
    return snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)[:1]


def altered_content(scene: Scene) -> Parts:
    raw = bytearray(scene.guizhou.held)
    write_word(raw, 5, words.GREEN)
    return [snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)[0], *blocks(bytes(raw))]


def too_much(scene: Scene) -> Parts:
    return [*snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR), *blocks(b"\xff")]


def a_bomb(scene: Scene) -> Parts:
    head = snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)[0]
    return [head, *blocks(bytes(64 << 20), 64 << 20)]


def out_of_order(scene: Scene) -> Parts:
    head, block = snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)
    moved = pb.StreamSnapshotResponse()
    moved.CopyFrom(block)
    moved.block.first_index = 2
    return [head, moved]


def crumbs(scene: Scene) -> Parts:
    head = snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)[0]
    return [head, *blocks(bytes(scene.guizhou.held), 64)]


def words_that_nobody_may_publish(scene: Scene) -> Parts:
    raw = bytearray(scene.guizhou.held)
    write_word(raw, 5, words.AS_SIGNED)
    return snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR, bytes(raw))


def broken_deflate(scene: Scene) -> Parts:
    head = snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)[0]
    deflated = compress(bytes(scene.guizhou.held))[:-2]
    return [head, pb.StreamSnapshotResponse(block=pb.StatusBlock(deflated_words=deflated))]


def no_manifest(scene: Scene) -> Parts:
    return [snapshot_head(b"\x0f", scene.key, scene.guizhou.batches[-1])]


def a_digest_that_its_issuer_contradicts(scene: Scene) -> Parts:
    raw = bytearray(scene.guizhou.held)
    write_word(raw, 5, words.GREEN)
    return snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR, bytes(raw))


SNAPSHOTS = [
    (of_another_list, "BATCH_UNKNOWN_LIST"),
    (under_its_name, "BATCH_BROKEN_CHAIN"),
    (last_batch_of_another, "BATCH_BROKEN_CHAIN"),
    (part_of_another, "BATCH_DIGEST_MISMATCH"),
    (of_another_gateway, "BATCH_BAD_SIGNATURE"),
    (in_its_name, "BATCH_BAD_SIGNATURE"),
    (signed_for_another, "BATCH_BAD_SIGNATURE"),
    (unsigned, "BATCH_BAD_SIGNATURE"),
    (of_a_number_that_no_list_has, "BATCH_MALFORMED"),
    (with_a_batch_that_no_issuer_signed, "BATCH_BAD_SIGNATURE"),
    (from_the_future, "BATCH_IN_THE_FUTURE"),
    (no_head, "BATCH_MALFORMED"),
    (two_heads, "BATCH_MALFORMED"),
    (truncated, "BATCH_DIGEST_MISMATCH"),
    (altered_content, "BATCH_DIGEST_MISMATCH"),
    (too_much, "BATCH_TOO_LARGE"),
    (a_bomb, "BATCH_TOO_LARGE"),
    (out_of_order, "BATCH_MALFORMED"),
    (crumbs, "BATCH_TOO_LARGE"),
    (words_that_nobody_may_publish, "BATCH_MALFORMED"),
    (broken_deflate, "BATCH_MALFORMED"),
    (no_manifest, "BATCH_MALFORMED"),
]


@pytest.mark.parametrize(("forge", "refusal"), SNAPSHOTS, ids=[forge.__name__ for forge, _ in SNAPSHOTS])
async def test_a_snapshot_that_is_not_whole_or_not_the_right_one_is_refused(
    scene: Scene, forge: Any, refusal: str
) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    before = bytes(scene.guizhou.held)
    scene.guizhou.change({words.YELLOW: [6]}, scene.clock())
    scene.source.sends(snapshot_needed(scene.guizhou), *events(scene.zhejiang.batches), CAUGHT_UP)
    scene.source.holds(*forge(scene))
    seen = await scene.follow()
    await seen.until("aside", LIAR, "guizhou")
    assert ("aside", LIAR, "guizhou", refusal) in seen.seen
    assert scene.number(scene.guizhou) == 2
    assert scene.node.raw(scene.guizhou.name) == before
    assert scene.holds(scene.zhejiang)
    assert list(scene.node.folder.iterdir()) == []


async def test_a_right_snapshot_is_taken_and_followed_on(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    for _ in range(3):
        scene.guizhou.change({words.YELLOW: [6]}, scene.clock())
    scene.source.sends(snapshot_needed(scene.guizhou), CAUGHT_UP)
    scene.source.holds(*snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR))
    seen = await scene.follow()
    await seen.until("snapshot", LIAR, "guizhou", "5")
    assert scene.holds(scene.guizhou)
    scene.guizhou.change({words.RED: [7]}, scene.clock(), prove=True)
    scene.source.sends(batch_event(scene.guizhou.batches[-1]), CAUGHT_UP)
    await seen.until("followed", LIAR, "guizhou")
    assert scene.holds(scene.guizhou)
    assert list(scene.node.folder.iterdir()) == []


async def test_a_lie_in_a_snapshot_is_found_out_by_the_issuers_next_digest(scene: Scene) -> None:
    begin(scene)
    scene.source.sends(snapshot_needed(scene.guizhou), CAUGHT_UP)
    scene.source.holds(*a_digest_that_its_issuer_contradicts(scene))
    seen = await scene.follow()
    await seen.until("snapshot", LIAR, "guizhou", "2")
    scene.guizhou.heartbeat(scene.clock(), prove=True)
    scene.source.sends(batch_event(scene.guizhou.batches[-1]), CAUGHT_UP)
    scene.source.on_snapshot = None
    await seen.until_true(lambda: scene.guizhou.name in scene.node.ledger.missing())
    lists = MappedLists(scene.folder / "lists")
    pointer = StatusPointer(scene.guizhou.name.uri, 5)
    assert lists.look_up(scene.guizhou.name.issuer, pointer, scene.clock()) is None, "nobody is let through by a lie"
    async with scripted_gateway() as honest:
        other = scene.country.gateway("gateway-3")
        honest.sends(CAUGHT_UP)
        honest.holds(*snapshot_of(scene.guizhou, scene.clock(), other, "gateway-3"))
        good = await scene.follow(honest, gateway="gateway-3")
        await good.until("snapshot", "gateway-3", "guizhou", "3")
    assert scene.holds(scene.guizhou)


async def test_a_digest_that_the_last_batch_contradicts_is_refused_at_once(scene: Scene) -> None:
    begin(scene)
    scene.guizhou.heartbeat(scene.clock(), prove=True)
    scene.source.sends(snapshot_needed(scene.guizhou), CAUGHT_UP)
    scene.source.holds(*a_digest_that_its_issuer_contradicts(scene))
    seen = await scene.follow()
    await seen.until("aside", LIAR, "guizhou", "BATCH_DIGEST_MISMATCH")
    assert not scene.node.ledger.heads()


# Fast-forward.


@pytest.mark.parametrize("number", [4, 1 << 52, MAX_NUMBER])
async def test_a_number_far_ahead_moves_nothing(scene: Scene, number: int) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    ahead = scene.guizhou.heartbeat(scene.clock(), number=number)
    scene.source.sends(batch_event(ahead), CAUGHT_UP)
    seen = await scene.follow()
    await seen.until("failed", LIAR, "gap", times=2)
    assert scene.holds(scene.guizhou)
    right = scene.guizhou.heartbeat(scene.clock())
    scene.source.sends(batch_event(right), CAUGHT_UP)
    await seen.until("followed", LIAR, "guizhou")
    assert scene.holds(scene.guizhou)


@pytest.mark.parametrize("number", [1 << 53, (1 << 63) - 1])
async def test_a_number_that_no_list_has_is_refused(scene: Scene, number: int) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    scene.source.sends(batch_event(scene.guizhou.heartbeat(scene.clock(), number=number)), CAUGHT_UP)
    seen = await scene.follow()
    await seen.until("aside", LIAR, "guizhou", "BATCH_MALFORMED")
    assert scene.holds(scene.guizhou)


async def test_a_snapshot_far_ahead_counts_only_with_a_batch_of_its_issuers(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    scene.source.sends(snapshot_needed(scene.guizhou, MAX_NUMBER), CAUGHT_UP)
    scene.source.holds(*further(scene, MAX_NUMBER))
    seen = await scene.follow()
    await seen.until("aside", LIAR, "guizhou", "BATCH_BROKEN_CHAIN")
    assert scene.holds(scene.guizhou)


# Endless data.


async def test_a_snapshot_without_end_is_cut_off(scene: Scene) -> None:
    begin(scene)
    head = snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)[0]
    sent = 0

    async def endless(_request: pb.StreamSnapshotRequest, write: Write) -> None:
        nonlocal sent
        await write(head)
        while True:
            sent += 1
            await write(pb.StreamSnapshotResponse(block=pb.StatusBlock(deflated_words=compress(b""))))

    scene.source.sends(snapshot_needed(scene.guizhou), CAUGHT_UP)
    scene.source.on_snapshot = endless
    seen = await scene.follow()
    await seen.until("aside", LIAR, "guizhou", "BATCH_MALFORMED")
    assert not scene.node.ledger.heads()


async def test_a_snapshot_that_drips_is_given_up(scene: Scene) -> None:
    begin(scene)
    scene.source.sends(snapshot_needed(scene.guizhou), CAUGHT_UP)
    scene.source.holds(
        snapshot_of(scene.guizhou, scene.clock(), scene.key, LIAR)[0],
        then=lambda: asyncio.Event().wait(),  # type: ignore[arg-type,return-value]
    )
    seen = await scene.follow(quiet_s=0.05)
    await seen.until("failed", LIAR, "silent", times=2)
    assert not scene.node.ledger.heads()


async def test_a_message_larger_than_there_are_ends_the_session(scene: Scene) -> None:
    scene.source.sends(pb.StreamChangesResponse(signed_batch=pb.SignedBatch(batch=bytes(5 << 20))).SerializeToString())
    seen = await scene.follow()
    await seen.until("failed", LIAR, "broken")


async def test_the_same_batches_for_ever_end_the_session(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)

    async def again_and_again(_request: pb.StreamChangesRequest, write: Write) -> None:
        while True:
            await write(batch_event(scene.guizhou.batches[0]))

    scene.source.on_changes = again_and_again
    seen = await scene.follow(most_repeated=50)
    await seen.until("failed", LIAR, "broken")


async def test_lists_of_nobody_without_end_end_the_session(scene: Scene) -> None:
    nowhere = Country()

    async def more_and_more(_request: pb.StreamChangesRequest, write: Write) -> None:
        for number in range(1_000):
            await write(batch_event(nowhere.province(f"nowhere-{number}").open(scene.clock())))

    scene.source.on_changes = more_and_more
    seen = await scene.follow(most_set_aside=8)
    await seen.until("failed", LIAR, "broken")
    assert not scene.node.ledger.heads()


# Malicious mirrors.


async def hanging(_request: Any, _write: Write) -> None:
    await asyncio.Event().wait()


async def resetting(_request: Any, write: Write) -> None:
    await write(CAUGHT_UP)
    raise ConnectionResetError


async def ending(_request: Any, _write: Write) -> None:
    return


async def only_alive(_request: Any, write: Write) -> None:
    while True:
        await write(CAUGHT_UP)
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("script", [hanging, resetting, ending, only_alive, None])
async def test_one_good_source_suffices(scene: Scene, script: Any) -> None:
    begin(scene)
    scene.source.on_changes = script
    async with scripted_gateway() as honest:
        honest.sends(*events([*scene.guizhou.batches, *scene.zhejiang.batches]), CAUGHT_UP)
        scene.country.gateway("gateway-3")
        bad = await scene.follow(quiet_s=0.05)
        good = await scene.follow(honest, gateway="gateway-3")
        await good.until("caught_up")
        await bad.until_true(lambda: bool(bad.seen))
    assert scene.holds(scene.guizhou)
    assert scene.holds(scene.zhejiang)


async def test_pauses_grow_up_to_a_bound_and_begin_anew_after_a_good_session(scene: Scene) -> None:
    pauses: list[float] = []
    seen = await scene.follow(pauses=pauses, quiet_s=0.05)
    await seen.until("failed", LIAR, "unreachable", times=8)
    assert all(0.5 * 2.0**place <= pause <= 2.0**place for place, pause in enumerate(pauses[:4]))
    assert all(5.0 <= pause <= 10.0 for pause in pauses[5:8])
    scene.source.on_changes = resetting
    await seen.until("caught_up", times=2)
    assert min(pauses[8:]) <= 1.0


async def test_a_source_that_does_not_let_us_follow_is_told_as_that(scene: Scene) -> None:
    async with (
        running_node(
            scene.folder / "other", scene.country, scene.clock, name=LIAR, enrolled=lambda _caller: False
        ) as node,
        following(scene.node, node.target, scene.country, scene.clock) as seen,
    ):
        await seen.until("failed", LIAR, "refused")


# Equivocation.


async def test_two_batches_under_one_number_are_told_and_the_first_stands(scene: Scene) -> None:
    begin(scene)
    one = scene.guizhou.change({words.RED: [6]}, scene.clock())
    await hold(scene, scene.guizhou)
    other = scene.guizhou.change(
        {words.GREEN: [6]}, scene.clock(), number=3, previous=BatchDigest(scene.guizhou.batches[1].digest)
    )
    assert one.digest != other.digest
    scene.source.sends(batch_event(other), CAUGHT_UP)
    seen = await scene.follow()
    await seen.until("aside", LIAR, "guizhou", "BATCH_NUMBER_TAKEN")
    assert scene.holds(scene.guizhou)


async def test_a_history_that_forks_is_refused_where_it_forks(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    fork = scene.guizhou.change({words.GREEN: [5]}, scene.clock(), previous=BatchDigest(b"\x01" * 32))
    scene.source.sends(batch_event(fork), CAUGHT_UP)
    seen = await scene.follow()
    await seen.until("aside", LIAR, "guizhou", "BATCH_BROKEN_CHAIN")
    assert scene.holds(scene.guizhou)


# The same, in the large: real gateways in a row.


async def test_lists_go_through_a_chain_and_a_loop_of_gateways(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    issuer = country.province("guizhou")
    names = ("gateway-1", "gateway-2", "gateway-3")
    for name in names:
        country.gateway(name)
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(running_node(tmp_path / name, country, clock, name=name)) for name in names
        ]
        watched = [
            await stack.enter_async_context(
                following(node, nodes[place - 1].target, country, clock, gateway=names[place - 1])
            )
            for place, node in enumerate(nodes)
        ]
        issuer.open(clock())
        for index in range(20):
            issuer.change({words.RED: [index]}, clock(), prove=index % 5 == 0)
        for signed in issuer.batches:
            await nodes[0].ledger.submit(signed, clock())
        for place in (1, 2):
            await watched[place].until("followed", names[place - 1], "guizhou", times=21)
        assert all(node.raw(issuer.name) == bytes(issuer.held) for node in nodes)
        await watched[0].until("repeated", names[2], "guizhou", times=21)


async def test_who_was_away_for_longer_than_batches_are_kept_takes_a_snapshot(tmp_path: Path, clock: FakeClock) -> None:
    country = Country()
    issuer = country.province("guizhou", capacity=6 << 20)
    issuer.open(clock())
    issuer.change({words.RED: range(900)}, clock())
    settings = LedgerSettings(keep_s=60.0, prune_s=0.0)
    async with running_node(tmp_path / "a", country, clock, name=LIAR, settings=settings) as source:
        async with running_node(tmp_path / "b", country, clock, serves=False) as node:
            for signed in issuer.batches:
                await source.ledger.submit(signed, clock())
            async with following(node, source.target, country, clock) as seen:
                await seen.until("followed", LIAR, "guizhou", times=2)
        for index in range(5):
            issuer.change({words.YELLOW: [index]}, clock())
            await source.ledger.submit(issuer.batches[-1], clock())
        clock.advance(120)
        await source.ledger.checkpoint()
        async with running_node(tmp_path / "b", country, clock, serves=False) as node:
            async with following(node, source.target, country, clock) as seen:
                await seen.until("snapshot", LIAR, "guizhou", "7")
                await source.ledger.submit(issuer.change({words.RED: [1]}, clock(), prove=True), clock())
                await seen.until("followed", LIAR, "guizhou")
            assert node.raw(issuer.name) == bytes(issuer.held)
