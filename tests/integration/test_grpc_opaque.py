"""Opaque codes over the real edge: an issuer that is slow, silent or deaf, and callers who do not wait."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import grpc
import pytest
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.rpc.methods import VERIFICATION
from gateway.rpc.time_left import RESERVE_S
from tests.integration.grpc_edge import STAFF, refused, served, told

Code = grpc.StatusCode


async def asked(edge: Any, number: int = 1) -> None:
    """Wait until so many questions are under way."""
    async with asyncio.timeout(10):
        while edge.desk.pipeline.waiting != number:  # noqa: ASYNC110 what is waited for sets no event
            await asyncio.sleep(0.002)


def single(code: bytes) -> pb.VerifyCodeRequest:
    return pb.VerifyCodeRequest(context=STAFF, code=code)


RESERVE: Final = 2.0
"""Seconds kept for the answer, so that a busy machine has them; the shipped 50 ms are for one that is not."""


@pytest.fixture
def ample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.rpc.time_left.RESERVE_S", RESERVE)


@pytest.mark.usefixtures("ample")
async def test_a_caller_with_little_time_gets_our_manual_and_not_her_own_time_out() -> None:
    async with served() as edge:
        answer = await edge.stub.VerifyCode(single(b"ask:silent"), timeout=RESERVE + 0.5)
        assert answer.verdict.core.measure == verdict_pb2.MEASURE_MANUAL
        assert answer.verdict.core.reasons == [reason_pb2.REASON_UPSTREAM_UNAVAILABLE]
        (_, left), *_ = edge.desk.pipeline.asked
        assert 0 < left < RESERVE  # 0.5 s, and what gRPC rounds up: it sends a time over 1 s in steps of 10 ms
        batch = pb.VerifyCodesRequest(context=STAFF, items=[pb.CodeItem(code=b"ask:silent")] * 3)
        verdicts = (await edge.stub.VerifyCodes(batch, timeout=RESERVE + 0.5)).verdicts
        assert [verdict.core.reasons[0] for verdict in verdicts] == [reason_pb2.REASON_UPSTREAM_UNAVAILABLE] * 3
        assert edge.desk.pipeline.waiting == 0


async def test_a_caller_without_a_deadline_is_given_the_configured_one() -> None:
    async with served(default_deadline_s=0.5) as edge:
        answer = await edge.stub.VerifyCode(single(b"ask:silent"))
        assert answer.verdict.core.reasons == [reason_pb2.REASON_UPSTREAM_UNAVAILABLE]
        assert edge.desk.pipeline.asked[0][1] <= 0.5 - RESERVE_S


@pytest.mark.parametrize("codes", [1, 3])
async def test_a_question_that_ignores_its_time_is_cut_off_and_leaves_nothing(codes: int) -> None:
    async with served() as edge:
        batch = pb.VerifyCodesRequest(context=STAFF, items=[pb.CodeItem(code=b"ask:deaf")] * codes)
        before = asyncio.all_tasks()
        call = edge.stub.VerifyCodes(batch, timeout=3)
        await asked(edge, codes)
        error = await refused(call)
        assert error.code() is Code.DEADLINE_EXCEEDED
        await asked(edge, 0)
        await ended(edge)
        assert not {task for task in asyncio.all_tasks() - before if "_ask_and_fill" in repr(task)}
    assert edge.observer.ended == [(f"/{VERIFICATION}/VerifyCodes", Code.DEADLINE_EXCEEDED)]


async def test_a_caller_who_goes_away_takes_her_questions_with_her() -> None:
    async with served() as edge:
        call = edge.stub.VerifyCodes(pb.VerifyCodesRequest(context=STAFF, items=[pb.CodeItem(code=b"ask:slow")] * 5))
        await asked(edge, 5)
        call.cancel()
        await asked(edge, 0)
        await ended(edge)
    assert edge.observer.ended == [(f"/{VERIFICATION}/VerifyCodes", Code.CANCELLED)]
    assert edge.observer.failures == []


async def ended(edge: Any) -> None:
    """Wait until the server has noticed the end of a call."""
    async with asyncio.timeout(10):
        while not edge.observer.ended:  # noqa: ASYNC110 as above
            await asyncio.sleep(0.002)


async def test_others_are_answered_while_one_waits() -> None:
    async with served() as edge:
        waiting = asyncio.ensure_future(edge.stub.VerifyCode(single(b"ask:slow")))
        await asked(edge)
        assert (await edge.stub.VerifyCode(single(b"green:a"))).verdict.staff.issuer == "a"
        assert not waiting.done()
        edge.desk.pipeline.let_answer("slow")
        assert (await waiting).verdict.staff.issuer == "slow"


async def test_a_stream_answers_in_order_also_when_an_issuer_is_slow() -> None:
    async with served() as edge:
        call = edge.stub.StreamVerifications()
        for code in (b"ask:slow", b"green:b", b"ask:at-once"):
            await call.write(pb.StreamVerificationsRequest(context=STAFF, item=pb.CodeItem(code=code)))
        await call.done_writing()
        await asked(edge)
        edge.desk.pipeline.let_answer("slow")
        assert [answer.verdict.staff.issuer async for answer in call] == ["slow", "b", "at-once"]


async def test_a_batch_that_cannot_be_judged_is_unavailable_and_no_fault() -> None:
    async with served() as edge:
        items = [pb.CodeItem(code=b"ask:slow"), pb.CodeItem(code=b"not ready")]
        error = await refused(edge.stub.VerifyCodes(pb.VerifyCodesRequest(context=STAFF, items=items)))
        assert (error.code(), told(error)[0].reason) == (Code.UNAVAILABLE, "NOT_READY")
        assert edge.observer.failures == []
        await asked(edge, 0)
