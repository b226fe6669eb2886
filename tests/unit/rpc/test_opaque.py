"""Opaque codes through the handlers: their issuer is asked, side by side, within the caller's time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.errors import NotReady
from gateway.rpc import time_left as time_left_module
from gateway.rpc.time_left import RESERVE_S, UNLIMITED_S, enter, time_left
from gateway.rpc.verification import ASKING, stream_item, verify_code, verify_codes
from gateway.values import Caller, CallerId, CallerKind, Way
from tests.unit.rpc.fakes import AT, Desk

CALLER = Caller(CallerId("spiffe://zhejiang/gate"), CallerKind.TLS_PEER)
STAFF = pb.VerificationContext(
    purpose=verdict_pb2.PURPOSE_VENUE_ENTRY,
    receiving_division="330100",
    disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
)


def batch_of(*codes: bytes) -> pb.VerifyCodesRequest:
    items = [pb.CodeItem(code=code, request_id=f"i{number}") for number, code in enumerate(codes)]
    return pb.VerifyCodesRequest(context=STAFF, items=items)


async def until(true: Callable[[], bool]) -> None:
    """Give others their turn until it is so."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 what is waited for sets no event
            await asyncio.sleep(0)


async def with_seconds(seconds: float, answer: Awaitable[object]) -> object:
    """Return what a call with so many seconds left answers."""
    enter(seconds)
    return await answer


async def test_the_issuer_of_an_opaque_code_is_asked() -> None:
    desk = Desk()
    request = pb.VerifyCodeRequest(context=STAFF, code=b"ask:at-once", request_id="r")
    verdict = (await verify_code(request, CALLER, AT, desk())).verdict
    assert [issuer for issuer, _ in desk.pipeline.asked] == ["at-once"]
    assert desk.pipeline.ways == [Way.VERIFY, Way.VERIFY]
    assert (verdict.staff.issuer, verdict.staff.format) == ("at-once", verdict_pb2.CODE_FORMAT_OPAQUE)
    assert verdict.staff.assurance == verdict_pb2.ASSURANCE_SCANNED_ONLINE
    assert verdict.core.request_id == "r"
    assert [decision.issuer for decision in desk.watched] == ["at-once"]


async def test_a_batch_asks_side_by_side_and_answers_in_order() -> None:
    desk = Desk()
    request = batch_of(b"ask:c", b"green:0", b"ask:b", b"ask:a", b"", b"ask:b")
    call = asyncio.create_task(verify_codes(request, CALLER, AT, desk()))
    await until(lambda: desk.pipeline.waiting == 4)
    assert [decision.issuer for decision in desk.watched] == ["0", None]
    for issuer in ("a", "b", "c"):
        assert not call.done()
        desk.pipeline.let_answer(issuer)
        await until(lambda issuer=issuer: desk.watched[-1].issuer == issuer)  # type: ignore[misc]
    verdicts = (await call).verdicts
    assert [verdict.staff.issuer for verdict in verdicts] == ["c", "0", "b", "a", "", "b"]
    assert [verdict.core.request_id for verdict in verdicts] == [f"i{number}" for number in range(6)]
    assert verdicts[4].core.reasons[0] == reason_pb2.REASON_EMPTY_CODE
    assert (desk.pipeline.most_waiting, desk.pipeline.waiting) == (4, 0)


async def test_one_issuer_that_does_not_answer_costs_its_own_codes_only() -> None:
    desk = Desk()
    desk.pipeline.let_answer("a", "b")
    request = batch_of(b"ask:a", b"ask:silent", b"ask:b", b"green:0")
    answer = await asyncio.create_task(with_seconds(RESERVE_S + 0.05, verify_codes(request, CALLER, AT, desk())))
    assert isinstance(answer, pb.VerifyCodesResponse)
    assert [verdict.core.measure for verdict in answer.verdicts] == [
        verdict_pb2.MEASURE_PASS,
        verdict_pb2.MEASURE_MANUAL,
        verdict_pb2.MEASURE_PASS,
        verdict_pb2.MEASURE_PASS,
    ]
    assert answer.verdicts[1].core.reasons == [reason_pb2.REASON_UPSTREAM_UNAVAILABLE]


async def test_others_have_their_turn_while_a_batch_asks_a_few_at_a_time() -> None:
    desk = Desk()
    long = asyncio.create_task(verify_codes(batch_of(*[b"ask:slow"] * 300), CALLER, AT, desk()))
    await until(lambda: desk.pipeline.waiting == ASKING)
    single = await verify_code(pb.VerifyCodeRequest(context=STAFF, code=b"green:a"), CALLER, AT, desk())
    assert single.verdict.staff.issuer == "a"
    assert not long.done()
    desk.pipeline.let_answer("slow")
    assert len((await long).verdicts) == 300


@pytest.mark.parametrize("codes", [[b"ask:slow"], [b"ask:slow", b"ask:deaf", b"green:a"]])
async def test_a_cancelled_call_leaves_nothing_behind(codes: list[bytes]) -> None:
    desk = Desk()
    before = asyncio.all_tasks()
    if len(codes) == 1:
        single = pb.VerifyCodeRequest(context=STAFF, code=codes[0])
        call: asyncio.Task[object] = asyncio.create_task(verify_code(single, CALLER, AT, desk()))
    else:
        call = asyncio.create_task(verify_codes(batch_of(*codes), CALLER, AT, desk()))
    await until(lambda: desk.pipeline.waiting == min(len(codes), 2))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert desk.pipeline.waiting == 0
    assert asyncio.all_tasks() == before


async def test_a_fault_in_one_question_ends_the_batch_and_all_its_questions() -> None:
    desk = Desk()
    before = asyncio.all_tasks()
    with pytest.raises(KeyError):
        await verify_codes(batch_of(b"ask:slow", b"ask:bug", b"ask:deaf"), CALLER, AT, desk())
    assert desk.pipeline.waiting == 0
    assert asyncio.all_tasks() == before


async def test_a_batch_that_cannot_be_judged_asks_no_further() -> None:
    desk = Desk()
    with pytest.raises(NotReady):
        await verify_codes(batch_of(b"ask:slow", b"not ready", b"ask:slow"), CALLER, AT, desk())
    assert desk.pipeline.waiting == 0
    assert len(desk.pipeline.seen) == 2


async def test_an_item_of_a_stream_is_asked_about_within_its_own_time() -> None:
    desk = Desk()
    request = pb.StreamVerificationsRequest(context=STAFF, item=pb.CodeItem(code=b"ask:at-once", request_id="s"))
    terms, asking = stream_item(request, None, CALLER, AT, desk())
    assert not isinstance(asking, pb.StreamVerificationsResponse)
    response = await asking
    assert (response.verdict.staff.issuer, response.verdict.core.request_id) == ("at-once", "s")
    assert desk.pipeline.asked == [("at-once", UNLIMITED_S)]
    desk.pipeline.let_answer("b")
    following = pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"ask:b"))
    _, asking = stream_item(following, terms, CALLER, AT, desk())
    assert not isinstance(asking, pb.StreamVerificationsResponse)
    response = await asking
    assert response.verdict.staff.issuer == "b"


async def test_some_of_the_callers_time_is_kept_to_answer_with() -> None:
    desk = Desk()
    request = pb.VerifyCodeRequest(context=STAFF, code=b"ask:at-once")
    await asyncio.create_task(with_seconds(2.0, verify_code(request, CALLER, AT, desk())))
    await asyncio.create_task(with_seconds(RESERVE_S / 2, verify_code(request, CALLER, AT, desk())))
    (_, left), (_, nothing) = desk.pipeline.asked
    assert 2.0 - RESERVE_S - 1.0 < left <= 2.0 - RESERVE_S
    assert nothing == 0.0


async def test_each_call_has_its_own_time() -> None:
    async def left_of(seconds: float | None) -> float:
        if seconds is not None:
            enter(seconds)
        await asyncio.sleep(0)
        return time_left()

    lefts = await asyncio.gather(*(asyncio.create_task(left_of(seconds)) for seconds in (100.0, None, 10.0)))
    assert 90 < lefts[0] <= 100 - RESERVE_S
    assert lefts[1] == UNLIMITED_S
    assert 9 < lefts[2] <= 10 - RESERVE_S
    assert time_left_module.RESERVE_S < UNLIMITED_S
