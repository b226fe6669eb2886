"""Gateways that hand on status lists, and lie.

The attacks are those that TUF names, on lists and batches: whatever a source sends, nothing is held but what issuers
signed, nothing goes back, no list suffers for another one, and one good source suffices.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import MAX_NUMBER, BatchDigest, ListName, SignedBatch
from gateway.status import words
from gateway.values import Instant
from keys.values import Algorithm
from tests.adversarial.status_scene import LIAR, Scene, begin, events, hold
from tests.simulators.following import following
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import StatusIssuer, write_word
from tests.simulators.status_source import (
    CAUGHT_UP,
    Write,
    batch_event,
)
from tests.simulators.status_world import Country

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
    ("ahead_s", "asides"), [(0.0, [60.0, 120.0, 240.0]), (60.0, [60.0, 60.0, 60.0])], ids=["forged", "clock"]
)
async def test_a_list_is_set_aside_for_longer_each_time_unless_a_clock_is_wrong(
    scene: Scene, ahead_s: float, asides: list[float]
) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    wrong = scene.guizhou.heartbeat(Instant(scene.clock() + ahead_s), state_digest=None)
    forged = by_a_stranger(scene.guizhou, scene.clock())
    now = 0.0

    async def script(request: pb.StreamChangesRequest, write: Write) -> None:
        if request.positions[0].number != MAX_NUMBER:
            await write(batch_event(wrong if ahead_s else forged))
        while True:
            await write(CAUGHT_UP)
            await asyncio.sleep(0.001)

    scene.source.on_changes = script
    seen = await scene.follow(monotonic=lambda: now)
    for place, seconds in enumerate(asides, start=1):
        await seen.until("aside", LIAR, "guizhou", times=place)
        now += seconds - 1.0
        await seen.until("caught_up", times=sum(one[0] == "caught_up" for one in seen.seen) + 3)
        assert len(scene.source.asked) == place
        now += 1.0
    await seen.until("aside", LIAR, "guizhou", times=len(asides) + 1)


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


# Endless data.


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
