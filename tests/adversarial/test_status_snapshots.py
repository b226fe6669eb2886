"""Gateways that hand on snapshots of status lists, and lie: of another list, of another time, not whole, without end.

What is held stays as it is, nothing is left on disk, and other lists of the same source are followed on.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import compress

import pytest
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import MAX_NUMBER
from gateway.held.mapped_lists import MappedLists
from gateway.publishing.settings import LedgerSettings
from gateway.status import words
from gateway.values import CodeState, Instant, StatusPointer
from keys.values import Algorithm
from tests.adversarial.status_scene import LIAR, Scene, begin, events, hold
from tests.conftest import FakeClock
from tests.simulators.following import following
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import write_word
from tests.simulators.status_source import (
    CAUGHT_UP,
    Write,
    batch_event,
    blocks,
    head_of,
    scripted_gateway,
    snapshot_head,
    snapshot_needed,
    snapshot_of,
)
from tests.simulators.status_world import Country, running_node

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


async def test_a_snapshot_far_ahead_counts_only_with_a_batch_of_its_issuers(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    scene.source.sends(snapshot_needed(scene.guizhou, MAX_NUMBER), CAUGHT_UP)
    scene.source.holds(*further(scene, MAX_NUMBER))
    seen = await scene.follow()
    await seen.until("aside", LIAR, "guizhou", "BATCH_BROKEN_CHAIN")
    assert scene.holds(scene.guizhou)


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
