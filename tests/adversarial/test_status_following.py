"""Gateways that hand on status lists, and lie.

The attacks are those that TUF names, on lists and batches: whatever a source sends, nothing is held but what issuers
signed, nothing goes back, no list suffers for another one, and one good source suffices.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import MAX_NUMBER, BatchDigest, ListName, SignedBatch, StoreDegraded
from gateway.publishing.ledger import Ledger
from gateway.status import words
from gateway.store.sqlite_log import SqliteLog
from gateway.values import Instant
from keys.values import Algorithm
from tests.adversarial.status_scene import LIAR, Scene, begin, events, hold
from tests.conftest import FakeClock
from tests.simulators.following import following
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import StatusIssuer, write_word
from tests.simulators.status_source import (
    CAUGHT_UP,
    Write,
    batch_event,
    scripted_gateway,
    snapshot_needed,
)
from tests.simulators.status_world import Country, running_node

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


# What is nobody's fault.


async def test_a_source_may_end_a_stream_in_which_it_has_sent_all(scene: Scene) -> None:
    begin(scene)
    scene.source.sends(*events(scene.guizhou.batches), CAUGHT_UP, then=ended)
    seen = await scene.follow()
    await seen.until("caught_up", times=3)
    assert not any(one[0] == "failed" for one in seen.seen)
    assert scene.holds(scene.guizhou)


async def ended() -> None:
    return


async def test_who_is_trusted_from_now_on_is_asked_for_at_once(scene: Scene) -> None:
    begin(scene)
    later = Country()
    nowhere = later.province("nowhere")
    nowhere.open(scene.clock())
    scene.source.on_changes = sending_by_position(nowhere)
    seen = await scene.follow()
    await seen.until("aside", LIAR, "nowhere", "BATCH_UNKNOWN_ISSUER")
    await seen.until("caught_up", times=5)
    assert len(scene.source.asked) == 1
    scene.country.keys |= later.keys
    scene.country.epoch += 1
    await seen.until("followed", LIAR, "nowhere")
    assert scene.holds(nowhere)


def sending_by_position(issuer: StatusIssuer) -> Any:
    async def script(request: pb.StreamChangesRequest, write: Write) -> None:
        held = max((position.number for position in request.positions), default=0)
        for event in events(issuer.batches[held:]):
            await write(event)
        while True:
            await write(CAUGHT_UP)
            await asyncio.sleep(0.001)

    return script


async def test_a_store_that_fails_here_is_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(scene)

    async def full(_self: SqliteLog, _batches: Any) -> None:
        raise StoreDegraded("disk full")

    scene.source.sends(*events([*scene.guizhou.batches, *scene.zhejiang.batches]), CAUGHT_UP)
    pauses: list[float] = []
    with monkeypatch.context() as broken:
        broken.setattr(SqliteLog, "append", full)
        seen = await scene.follow(pauses=pauses)
        await seen.until("failed", LIAR, "store_degraded", times=4)
    assert max(pauses) <= 2.0
    assert not scene.node.ledger.heads()
    await scene.node.ledger.probe()
    await seen.until("caught_up")
    assert scene.holds(scene.guizhou)
    assert scene.holds(scene.zhejiang)


async def test_a_bug_does_not_end_following(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(scene)
    scene.source.sends(*events(scene.guizhou.batches), CAUGHT_UP)
    with monkeypatch.context() as broken:
        broken.setattr(Ledger, "submit", lambda *_: 1 / 0)
        seen = await scene.follow()
        await seen.until("bug", LIAR, times=3)
    await seen.until("caught_up")
    assert {type(one) for one in seen.bugs} == {ZeroDivisionError}
    seen.bugs.clear()
    assert scene.holds(scene.guizhou)


async def test_batches_under_way_are_bounded(scene: Scene) -> None:
    begin(scene)
    for _ in range(50):
        scene.guizhou.heartbeat(scene.clock())
    scene.source.sends(*events(scene.guizhou.batches), CAUGHT_UP)
    seen = await scene.follow(most_under_way=3, most_bytes_under_way=400)
    await seen.until("caught_up")
    assert scene.holds(scene.guizhou)


async def test_who_asks_for_snapshots_without_end_has_failed(scene: Scene) -> None:
    begin(scene)
    others = [scene.country.province("guizhou", f"https://status.guizhou.example/{number}") for number in range(9)]
    scene.source.sends(*(snapshot_needed(one, 7) for one in others))
    seen = await scene.follow(most_set_aside=8)
    await seen.until("failed", LIAR, "broken")
    assert not scene.source.snapshots


async def test_a_snapshot_of_what_is_held_is_not_asked_for(scene: Scene) -> None:
    begin(scene)
    await hold(scene, scene.guizhou)
    scene.source.sends(snapshot_needed(scene.guizhou, 2), CAUGHT_UP)
    seen = await scene.follow()
    await seen.until("caught_up", times=3)
    assert not scene.source.snapshots


async def test_what_comes_after_the_end_of_a_list_is_only_behind(scene: Scene) -> None:
    begin(scene)
    scene.guizhou.close(scene.clock())
    await hold(scene, scene.guizhou)
    scene.source.sends(batch_event(scene.guizhou.heartbeat(scene.clock(), number=4)), CAUGHT_UP)
    seen = await scene.follow()
    await seen.until("caught_up")
    assert scene.number(scene.guizhou) == 3
    assert not any(one[0] == "aside" for one in seen.seen)
