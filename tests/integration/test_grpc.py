"""The three RPCs over a real grpc.aio server and client on loopback."""

from __future__ import annotations

import asyncio

import grpc
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.rpc.methods import VERIFICATION
from tests.integration.grpc_edge import CONTEXT, GREEN, STAFF, served
from tests.unit.rpc.fakes import AT

Code = grpc.StatusCode


async def test_one_code_under_the_least_profile() -> None:
    async with served() as edge:
        verdict = (await edge.stub.VerifyCode(GREEN)).verdict
        assert verdict.core.measure == verdict_pb2.MEASURE_PASS
        assert list(verdict.core.reasons) == [reason_pb2.REASON_STATE_GREEN, reason_pb2.REASON_NOT_PUBLISHED]
        assert verdict.core.request_id == "r-1"
        assert verdict.core.decided_time.ToMicroseconds() == int(AT * 1e6)
        assert verdict.WhichOneof("disclosure") == "gate"
        assert verdict.receipt == ""
        assert b"guizhou" not in verdict.SerializeToString()
        assert edge.desk.clock.readings == 1
        assert len(edge.desk.watched) == 1
        assert edge.observer.counts == {"started": 1, "received": 1, "sent": 1}
    assert edge.observer.ended == [(f"/{VERIFICATION}/VerifyCode", Code.OK)]


async def test_staff_learns_what_explains_the_measure_and_a_receipt_is_the_callers() -> None:
    async with served() as edge:
        request = pb.VerifyCodeRequest(context=STAFF, code=b"green:guizhou", request_id="r", receipt_requested=True)
        verdict = (await edge.stub.VerifyCode(request)).verdict
        assert verdict.WhichOneof("disclosure") == "staff"
        assert verdict.staff.issuer == "guizhou"
        assert verdict.receipt == "PASS|dev_loopback|dev-loopback|TRANSPORT_ARRIVAL|r"


async def test_a_batch_is_answered_item_by_item_at_one_instant() -> None:
    codes = [b"green:a", b"", b"x" * 40_000, b"junk", *(b"green:%d" % number for number in range(508))]
    items = [pb.CodeItem(code=code, request_id=f"i{number}") for number, code in enumerate(codes)]
    async with served() as edge:
        answer = await edge.stub.VerifyCodes(pb.VerifyCodesRequest(context=STAFF, items=items))
        verdicts = answer.verdicts
        assert len(verdicts) == 512
        assert [verdict.core.request_id for verdict in verdicts] == [item.request_id for item in items]
        assert [verdict.core.reasons[0] for verdict in verdicts[:4]] == [
            reason_pb2.REASON_STATE_GREEN,
            reason_pb2.REASON_EMPTY_CODE,
            reason_pb2.REASON_TOO_LARGE,
            reason_pb2.REASON_UNRECOGNISED,
        ]
        assert [verdict.staff.issuer for verdict in verdicts[4:]] == [str(number) for number in range(508)]
        assert {at for _, at, _ in edge.desk.pipeline.seen} == {AT}
        assert edge.desk.clock.readings == 1


async def test_a_stream_is_answered_in_order_with_the_terms_of_its_last_context() -> None:
    def items() -> list[pb.StreamVerificationsRequest]:
        return [
            pb.StreamVerificationsRequest(context=STAFF, item=pb.CodeItem(code=b"green:1", request_id="1")),
            pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"green:2", request_id="2")),
            pb.StreamVerificationsRequest(item=pb.CodeItem(request_id="3")),
            pb.StreamVerificationsRequest(context=CONTEXT, item=pb.CodeItem(code=b"green:4", request_id="4")),
            pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"green:5", request_id="5")),
        ]

    async with served() as edge:
        verdicts = [answer.verdict async for answer in edge.stub.StreamVerifications(iter(items()))]
        assert [verdict.core.request_id for verdict in verdicts] == ["1", "2", "3", "4", "5"]
        assert [verdict.WhichOneof("disclosure") for verdict in verdicts] == ["staff", "staff", "staff", "gate", "gate"]
        assert verdicts[2].core.reasons[0] == reason_pb2.REASON_EMPTY_CODE
        assert [at - AT for _, at, _ in edge.desk.pipeline.seen] == [0, 1, 2, 3, 4]
        assert edge.observer.counts == {"started": 1, "received": 5, "sent": 5}
    assert edge.observer.ended == [(f"/{VERIFICATION}/StreamVerifications", Code.OK)]


async def test_cancelled_calls_never_cross_answers() -> None:
    async with served() as edge:

        async def ask(number: int) -> bool:
            request = pb.VerifyCodeRequest(context=STAFF, code=b"green:%d" % number, request_id=f"r{number}")
            call = edge.stub.VerifyCode(request)
            if number % 3 == 0:
                await asyncio.sleep(0.0001 * (number % 7))
                call.cancel()
            try:
                verdict = (await call).verdict
            except asyncio.CancelledError:
                return False
            assert (verdict.core.request_id, verdict.staff.issuer) == (f"r{number}", str(number))
            return True

        # In waves below the server's cap on streams: above it, streams that follow a cancelled one may be refused.
        answered = 0
        for wave in range(0, 300, 60):
            answered += sum(await asyncio.gather(*(ask(number) for number in range(wave, wave + 60))))
        assert answered >= 200
        assert edge.observer.failures == []


async def test_a_batch_lets_others_have_their_turn() -> None:
    """A single code that comes while a long batch runs is judged before the batch ends."""
    async with served() as edge:
        items = [pb.CodeItem(code=b"green:b")] * 512
        batch = asyncio.create_task(
            asyncio.wait_for(edge.stub.VerifyCodes(pb.VerifyCodesRequest(context=STAFF, items=items)), 60)
        )
        seen = edge.desk.pipeline.seen
        await edge.desk.pipeline.first.wait()
        assert 0 < len(seen) < 512
        await batch
        assert len(seen) == 512
