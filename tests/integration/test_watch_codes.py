"""WatchCodes over a real grpc.aio server and client on loopback."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import status_service_pb2 as pb
from healthcode.interop.v1 import verification_service_pb2 as verification_pb

from gateway.callers.rights import Rights, up_to
from gateway.rpc import watch_codes
from gateway.rpc.client import AskingFailed
from gateway.rpc.status_client import WatchEvent, connected_status
from gateway.status import words
from gateway.values import CodeMarks, DivisionCode, Instant, IssuerId, Measure, Profile, Purpose
from tests.conftest import NOON
from tests.integration.grpc_edge import CONTEXT, STAFF, refused, told
from tests.integration.status_edge import watching
from tests.unit.rpc.test_audited import FakeAudit
from tests.unit.watches.world import LIST, World, code

Code = grpc.StatusCode
WORDS = ("PASS", "DENY", "MANUAL")


def request(
    *indices: int, context: verification_pb.VerificationContext | None = None, **more: Any
) -> pb.WatchCodesRequest:
    """Return a request that registers codes, "h0" for place 0 and so on."""
    codes = [pb.WatchedCode(handle=f"h{index}", code=code(index)) for index in indices]
    return pb.WatchCodesRequest(context=context, codes=codes, **more)


def all_green(world: World, most: int = 2_000) -> World:
    world.lists.words |= {(LIST, index): words.GREEN for index in range(most)}
    return world


async def events(call: Any, count: int) -> list[tuple[int, str, str, bool]]:
    """Return the next events of a stream: number, handle, measure, whether it is watched."""
    told: list[tuple[int, str, str, bool]] = []
    while len(told) < count:
        response = await call.read()
        assert response is not grpc.aio.EOF
        if response.HasField("code"):
            measure = verdict_pb2.Measure.Name(response.code.verdict.core.measure).removeprefix("MEASURE_")
            told.append((response.event, response.code.handle, measure, response.code.watched))
    return told


async def until_it_ends(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


@pytest.fixture
def world() -> World:
    return all_green(World())


async def test_a_change_is_told_without_the_code_being_sent_again(world: World) -> None:
    async with watching(world) as edge:
        call = edge.call()
        await call.write(request(1, 2, context=CONTEXT))
        first = await call.read()
        assert (len(first.watch_id), first.event, first.WhichOneof("what")) == (22, 0, None)
        assert await events(call, 2) == [(1, "h1", "PASS", True), (2, "h2", "PASS", True)]
        await call.write(request(3))
        assert await events(call, 1) == [(3, "h3", "PASS", True)]
        await call.done_writing()  # her side ends; she is told all the same
        await world.apply({words.RED: [2]})
        assert await events(call, 1) == [(4, "h2", "DENY", True)]
        call.cancel()


async def test_the_profile_decides_what_is_told(world: World) -> None:
    async with watching(world) as edge:
        for context, profile in ((CONTEXT, "gate"), (STAFF, "staff")):
            call = edge.call()
            await call.write(request(1, context=context))
            await call.read()
            response = await call.read()
            assert response.code.verdict.WhichOneof("disclosure") == profile
            assert (b"guizhou" in response.SerializeToString()) is (profile == "staff")
            call.cancel()


async def test_what_is_told_stands_in_the_audit_log_first(world: World) -> None:
    async with watching(world) as edge:
        audit = edge.audit = FakeAudit()
        call = edge.call()
        await call.write(request(1, 2, context=STAFF))
        await call.read()
        async with asyncio.timeout(30):
            while len(audit.written) < 2:  # noqa: ASYNC110 what is waited for has no event
                await asyncio.sleep(0.01)
        telling = asyncio.create_task(events(call, 2))
        await asyncio.wait([telling], timeout=0.05)
        assert not telling.done()
        audit.settle()
        assert [measure for _, _, measure, _ in await telling] == ["PASS", "PASS"]
        assert {(asked.call, asked.profile, commitment) for asked, _, commitment in audit.written} == {
            ("WatchCodes", Profile.STAFF, None)
        }
        audit.available = False
        await world.apply({words.RED: [2]})
        ended = await refused(events(call, 1))
        assert (ended.code(), told(ended)[0].reason) == (Code.UNAVAILABLE, "NOT_READY")
        assert len(audit.written) == 2


async def test_a_code_of_one_showing_is_let_through_by_no_watch(world: World) -> None:
    world.judge.marks = CodeMarks(IssuerId("https://code.guizhou.example"), b"person", b"showing", Instant(NOON + 60))
    async with watching(world) as edge:
        call = edge.call()
        await call.write(request(1, context=CONTEXT))
        await call.read()
        response = await call.read()
        core = response.code.verdict.core
        assert (core.measure, core.reasons[0]) == (verdict_pb2.MEASURE_MANUAL, reason_pb2.REASON_REPLAY_UNCHECKED)
        call.cancel()


async def test_after_a_cut_the_watch_goes_on(world: World) -> None:
    async with watching(world) as edge:
        call = edge.call()
        await call.write(request(1, 2, 3, context=CONTEXT))
        watch_id = (await call.read()).watch_id
        await events(call, 3)
        call.cancel()
        await world.apply({words.RED: [1, 3]})
        again = edge.call()
        await again.write(request(4, watch_id=watch_id, after_event=2))
        later = await events(again, 3)
        assert [number for number, *_ in later] == [3, 4, 5]
        assert {(handle, measure) for _, handle, measure, _ in later} == {
            ("h1", "DENY"),
            ("h3", "DENY"),
            ("h4", "PASS"),
        }
        again.cancel()


async def test_two_streams_on_one_watch_end_the_first(world: World) -> None:
    async with watching(world) as edge:
        call = edge.call()
        await call.write(request(1, context=CONTEXT))
        watch_id = (await call.read()).watch_id
        await events(call, 1)
        again = edge.call()
        await again.write(request(watch_id=watch_id, after_event=1))
        assert (await again.read()).watch_id == watch_id
        failure = await refused(call.read())
        assert failure.code() is Code.ABORTED
        assert told(failure)[0].reason == "WATCH_TAKEN_OVER"
        again.cancel()


@pytest.mark.parametrize("context", [None, CONTEXT])
async def test_a_watch_that_is_lost_is_told_so(
    world: World, context: verification_pb.VerificationContext | None
) -> None:
    async with watching(world) as edge:
        call = edge.call()
        await call.write(request(1, context=context, watch_id="A" * 22, after_event=5))
        first = await call.read()
        assert first.lost
        if context is None:
            assert first.watch_id == "A" * 22
            assert await call.read() is grpc.aio.EOF
            assert await call.code() is Code.OK
            assert len(world.watches) == 0
        else:
            assert first.watch_id != "A" * 22
            assert await events(call, 1) == [(1, "h1", "PASS", True)]
            call.cancel()


async def test_a_sign_of_life_comes_when_nothing_happens(world: World) -> None:
    async with watching(world, alive_s=0.01) as edge:
        call = edge.call()
        await call.write(request(1, context=CONTEXT))
        await events(call, 1)
        for _ in range(3):
            response = await call.read()
            assert (response.WhichOneof("what"), response.event) == (None, 1)
        call.cancel()


async def test_a_dropped_handle_is_silent(world: World) -> None:
    async with watching(world) as edge:
        call = edge.call()
        await call.write(request(1, 2, context=CONTEXT))
        await events(call, 2)
        await call.write(pb.WatchCodesRequest(dropped_handles=["h1", "unknown"], codes=[]))
        await call.write(request(3))
        await events(call, 1)
        await world.apply({words.RED: [1, 2]})
        assert await events(call, 1) == [(4, "h2", "DENY", True)]
        call.cancel()


REFUSALS: dict[str, tuple[list[pb.WatchCodesRequest], Code, str]] = {
    "no terms": ([request(1)], Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
    "no purpose": (
        [request(1, context=verification_pb.VerificationContext(receiving_division="330100"))],
        Code.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    ),
    "terms twice": (
        [request(1, context=CONTEXT), request(2, context=CONTEXT)],
        Code.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    ),
    "a watch to go on with, later": (
        [request(1, context=CONTEXT), request(2, watch_id="A" * 22)],
        Code.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    ),
    "no name of a watch": ([request(watch_id="short")], Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
    "no handle": (
        [pb.WatchCodesRequest(context=CONTEXT, codes=[pb.WatchedCode(code=b"x")])],
        Code.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    ),
    "an empty code": (
        [pb.WatchCodesRequest(context=CONTEXT, codes=[pb.WatchedCode(handle="h")])],
        Code.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    ),
    "too many codes at once": ([request(*range(513), context=CONTEXT)], Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
    "more codes than may be watched": (
        [request(*range(10), context=CONTEXT), request(*range(10, 20))],
        Code.RESOURCE_EXHAUSTED,
        "WATCH_TOO_MANY_CODES",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_what_is_wrong_ends_the_stream_with_its_reason(case: str) -> None:
    requests, status, reason = REFUSALS[case]
    async with watching(all_green(World(codes_per_caller=15))) as edge:
        call = edge.call()
        for one in requests:
            await call.write(one)
        failure = await refused(until_it_ends(call))
        assert failure.code() is status
        assert told(failure)[0].reason == reason
        assert "guizhou" not in str(failure)


async def test_a_crowd_of_fields_is_not_parsed(world: World) -> None:
    async with watching(world) as edge:
        channel: Any = edge.channel
        call = channel.stream_stream("/healthcode.interop.v1.StatusService/WatchCodes")()
        await call.write(b"\x22\x00" * 100_000)
        failure = await refused(call.read())
        assert failure.code() is Code.INVALID_ARGUMENT


async def test_who_says_nothing_gets_nothing(world: World) -> None:
    async with watching(world) as edge:
        call = edge.call()
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is Code.OK


async def test_too_many_watches_are_refused() -> None:
    async with watching(all_green(World(watches_per_caller=1))) as edge:
        call = edge.call()
        await call.write(request(1, context=CONTEXT))
        await call.read()
        second = edge.call()
        await second.write(request(1, context=CONTEXT))
        failure = await refused(second.read())
        assert (failure.code(), told(failure)[0].reason) == (Code.RESOURCE_EXHAUSTED, "WATCH_TOO_MANY")
        call.cancel()


async def test_rights_that_are_taken_away_end_the_stream(world: World) -> None:
    async with watching(world) as edge:
        call = edge.call()
        await call.write(request(1, context=STAFF))
        await events(call, 1)
        edge.rights["dev-loopback"] = Rights(up_to(Profile.GATE))
        await world.apply({words.RED: [1]})
        failure = await refused(call.read())
        assert (failure.code(), told(failure)[0].reason) == (Code.PERMISSION_DENIED, "PROFILE_NOT_ALLOWED")
        fresh = edge.call()
        await fresh.write(request(1, context=STAFF))
        assert (await refused(fresh.read())).code() is Code.PERMISSION_DENIED


async def test_while_nothing_can_be_judged_the_stream_ends_and_the_watch_waits(world: World) -> None:
    async with watching(world) as edge:
        call = edge.call()
        await call.write(request(1, context=CONTEXT))
        watch_id = (await call.read()).watch_id
        await events(call, 1)
        world.judge.unready = True
        await world.apply({words.RED: [1]})
        failure = await refused(call.read())
        assert (failure.code(), told(failure)[0].reason) == (Code.UNAVAILABLE, "NOT_READY")
        world.judge.unready = False
        await world.sweep(1)
        again = edge.call()
        await again.write(request(watch_id=watch_id, after_event=1))
        assert await events(again, 1) == [(2, "h1", "DENY", True)]
        again.cancel()


async def test_who_does_not_read_registers_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_codes, "MOST_UNTOLD", 10)
    async with watching(all_green(World())) as edge:
        watch = edge.world.watches.open
        opened: list[Any] = []

        def seen(*terms: Any) -> Any:
            opened.append(watch(*terms))
            return opened[-1]

        monkeypatch.setattr(edge.world.watches, "open", seen)
        taken = edge.world.watches.take
        monkeypatch.setattr(edge.world.watches, "take", lambda connection: None)  # as if the caller read nothing
        call = edge.call()
        await call.write(request(*range(11), context=CONTEXT))
        await call.read()
        await call.write(request(*range(11, 20)))
        await call.write(request(20))
        assert len(opened[0].watch.codes) <= 11
        monkeypatch.setattr(edge.world.watches, "take", taken)
        opened[0].watch.wake()
        assert [handle for _, handle, *_ in await events(call, 21)] == [f"h{index}" for index in range(21)]
        call.cancel()


async def test_the_client_tells_the_same(world: World) -> None:
    async with watching(world) as edge, connected_status(f"127.0.0.1:{edge.port}") as client:
        got: list[WatchEvent] = []
        codes = [(f"h{index}", code(index)) for index in range(600)]
        division = DivisionCode("330100")
        async with aclosing(
            client.watch(codes, purpose=Purpose.TRANSPORT_ARRIVAL, division=division, profile=Profile.STAFF)
        ) as told_events:
            async for event in told_events:
                got.append(event)
                if len(got) == 601:
                    await world.apply({words.RED: [599]})
                if len(got) == 602:
                    break
        assert got[0].answer is None
        assert {one.handle for one in got[1:601]} == {handle for handle, _ in codes}
        last = got[-1].answer
        assert last is not None
        assert (got[-1].handle, got[-1].number, last.measure, last.reasons) == (
            "h599",
            601,
            Measure.DENY,
            ("STATE_RED",),
        )


async def test_the_client_speaks_to_this_machine_only() -> None:
    with pytest.raises(AskingFailed):
        async with connected_status("192.0.2.1:8444"):
            pass
