"""Gateways that are followed, as sources: mirrors that hang, reset, lag and end; and what is nobody's fault.

One good source suffices, a bad one costs little, and what was cut off goes on by itself.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import StoreDegraded
from gateway.publishing.ledger import Ledger
from gateway.status import words
from gateway.store.sqlite_log import SqliteLog
from tests.adversarial.status_scene import LIAR, Scene, begin, events, hold
from tests.conftest import FakeClock
from tests.simulators.following import following
from tests.simulators.status_issuer import StatusIssuer
from tests.simulators.status_source import (
    CAUGHT_UP,
    Write,
    batch_event,
    scripted_gateway,
    snapshot_needed,
)
from tests.simulators.status_world import Country, running_node

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
