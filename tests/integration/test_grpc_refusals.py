"""Every way of not answering, and that nothing leaks with it."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from healthcode.interop.v1 import reason_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.callers.rights import Rights, up_to
from gateway.rpc.methods import VERIFICATION
from gateway.rpc.settings import MIB
from gateway.values import Profile, Purpose
from tests.integration.grpc_edge import CONTEXT, GREEN, STAFF, fields_of, refused, served, told
from tests.unit.rpc.fakes import CANARY, Desk

Code = grpc.StatusCode


def with_context(**fields: Any) -> pb.VerifyCodeRequest:
    context = pb.VerificationContext()
    context.CopyFrom(CONTEXT)
    for name, value in fields.items():
        setattr(context, name, value)
    return pb.VerifyCodeRequest(context=context, code=b"green:a")


@pytest.mark.parametrize(
    ("request_", "paths"),
    [
        (pb.VerifyCodeRequest(code=b"c"), ["context"]),
        (with_context(purpose=0), ["context.purpose"]),
        (with_context(purpose=99), ["context.purpose"]),
        (with_context(disclosure_profile=99), ["context.disclosure_profile"]),
        (with_context(disclosure_profile=-1), ["context.disclosure_profile"]),
        (with_context(receiving_division="33010"), ["context.receiving_division"]),
        (with_context(receiving_division="330100\n"), ["context.receiving_division"]),
        (with_context(checkpoint="gate 1"), ["context.checkpoint"]),
        (pb.VerifyCodeRequest(context=CONTEXT), ["code"]),
        (pb.VerifyCodeRequest(context=CONTEXT, code=b"c", request_id=CANARY), ["request_id"]),
        (pb.VerifyCodeRequest(request_id="x" * 65), ["context", "code", "request_id"]),
    ],
)
async def test_a_malformed_request_is_told_its_fields(request_: pb.VerifyCodeRequest, paths: list[str]) -> None:
    async with served() as edge:
        error = await refused(edge.stub.VerifyCode(request_))
        info, others = told(error)
        assert (error.code(), info.reason) == (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert fields_of(others) == paths
        assert edge.desk.pipeline.seen == []


async def test_a_malformed_batch_is_told_its_items_but_never_more_than_fit_into_trailers() -> None:
    async with served() as edge:
        good = pb.CodeItem(code=b"green:a")
        bad = pb.CodeItem(code=b"green:a", request_id="no spaces")
        cases = [
            (pb.VerifyCodesRequest(context=CONTEXT), ["items"]),
            (pb.VerifyCodesRequest(context=CONTEXT, items=[good] * 513), ["items"]),
            (pb.VerifyCodesRequest(context=CONTEXT, items=[good, good, good, bad]), ["items[3].request_id"]),
            (pb.VerifyCodesRequest(context=CONTEXT, items=[bad] * 512), [f"items[{n}].request_id" for n in range(16)]),
        ]
        for request, paths in cases:
            error = await refused(edge.stub.VerifyCodes(request))
            assert fields_of(told(error)[1]) == paths
        assert edge.desk.pipeline.seen == []


async def test_a_malformed_message_ends_a_stream_after_the_answers_before_it() -> None:
    first = pb.StreamVerificationsRequest(context=CONTEXT, item=pb.CodeItem(code=b"green:1"))
    cases = [
        ([pb.StreamVerificationsRequest(item=first.item)], ["context"], 0),
        ([first, pb.StreamVerificationsRequest()], ["item"], 1),
        ([first, pb.StreamVerificationsRequest(item=pb.CodeItem(request_id=" "))], ["item.request_id"], 1),
        ([first, pb.StreamVerificationsRequest(context={}, item=first.item)], ["context.purpose"], 1),
    ]
    async with served() as edge:
        for requests, paths, answers in cases:
            call = edge.stub.StreamVerifications()
            for request in requests:
                await call.write(request)
            received = [await call.read() for _ in range(answers)]
            assert all(answer.verdict.core.request_id == "" for answer in received)
            assert fields_of(told(await refused(call.read()))[1]) == paths


@pytest.mark.parametrize(
    ("rights", "request_", "reason"),
    [
        (Rights(up_to(Profile.GATE)), pb.VerifyCodeRequest(context=STAFF, code=b"green:a"), "PROFILE_NOT_ALLOWED"),
        # Authority comes before the form of the request: it is malformed, too.
        (Rights(up_to(Profile.GATE)), pb.VerifyCodeRequest(context=STAFF, request_id=" "), "PROFILE_NOT_ALLOWED"),
        (Rights(up_to(Profile.STAFF), frozenset({Purpose.SELF_CHECK})), GREEN, "PURPOSE_NOT_ALLOWED"),
    ],
)
async def test_a_caller_is_refused_what_she_may_not_ask(
    rights: Rights, request_: pb.VerifyCodeRequest, reason: str
) -> None:
    async with served(Desk(rights=rights)) as edge:
        error = await refused(edge.stub.VerifyCode(request_))
        info, others = told(error)
        assert (error.code(), info.reason, others) == (Code.PERMISSION_DENIED, reason, [])
        batch = pb.VerifyCodesRequest(context=request_.context, items=[pb.CodeItem(code=b"green:a")])
        assert told(await refused(edge.stub.VerifyCodes(batch)))[0].reason == reason
        assert edge.desk.pipeline.seen == []


async def test_rights_that_were_taken_away_end_a_stream_that_still_uses_them() -> None:
    async with served() as edge:
        call = edge.stub.StreamVerifications()
        await call.write(pb.StreamVerificationsRequest(context=STAFF, item=pb.CodeItem(code=b"green:1")))
        assert (await call.read()).verdict.staff.issuer == "1"
        edge.desk.rights = Rights(up_to(Profile.GATE))
        await call.write(pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"green:2")))
        error = await refused(call.read())
        assert told(error)[0].reason == "PROFILE_NOT_ALLOWED"


@pytest.mark.parametrize("case", ["no desk", "trust expired", "no signer"])
async def test_not_ready_is_unavailable_with_a_time_to_come_back(case: str) -> None:
    desk = Desk(loaded=case != "no desk")
    request = pb.VerifyCodeRequest(context=CONTEXT, code=b"not ready" if case == "trust expired" else b"green:a")
    if case == "no signer":
        desk.receipts = None
        request.receipt_requested = True
    async with served(desk) as edge:
        error = await refused(edge.stub.VerifyCode(request))
        info, others = told(error)
        assert (error.code(), info.reason) == (Code.UNAVAILABLE, "NOT_READY")
        assert [type(detail) for detail in others] == [RetryInfo]
        assert edge.observer.failures == []


async def test_a_bug_tells_its_caller_nothing() -> None:
    async with served() as edge:
        item = pb.CodeItem(code=b"bug")
        stream = edge.stub.StreamVerifications(iter([pb.StreamVerificationsRequest(context=CONTEXT, item=item)]))
        for call in (
            edge.stub.VerifyCode(pb.VerifyCodeRequest(context=CONTEXT, code=b"bug")),
            edge.stub.VerifyCodes(pb.VerifyCodesRequest(context=CONTEXT, items=[item])),
            anext(aiter(stream)),
        ):
            error = await refused(call)
            info, others = told(error)
            assert (error.code(), info.reason, others) == (Code.INTERNAL, "INTERNAL", [])
        # The operator is told: the canary is in what the observer gets, so the test above could have failed.
        assert [CANARY in str(failure) for failure in edge.observer.failures] == [True, True, True]
    assert [code for _, code in edge.observer.ended] == [Code.INTERNAL] * 3


@pytest.mark.parametrize("method", ["VerifyCode", "VerifyCodes", "StreamVerifications"])
async def test_bytes_that_are_no_message_are_a_malformed_request(method: str) -> None:
    async with served() as edge:
        raw = b"\x0a\xff" + CANARY.encode()
        path = f"/{VERIFICATION}/{method}"
        if method == "StreamVerifications":
            error = await refused(anext(aiter(edge.channel.stream_stream(path)(iter([raw])))))
        else:
            error = await refused(edge.channel.unary_unary(path)(raw))
        info, others = told(error)
        assert (error.code(), info.reason) == (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert fields_of(others) == [""]


async def test_names_that_nobody_serves_are_unimplemented() -> None:
    async with served() as edge:
        for path in (f"/{VERIFICATION}/Nothing", "/a.b.C/D", "/grpc.health.v1.Health/List"):
            error = await refused(edge.channel.unary_unary(path)(b""))
            assert (error.code(), told(error)[0].reason) == (Code.UNIMPLEMENTED, "UNIMPLEMENTED")


async def test_an_oversize_code_is_a_verdict_up_to_the_cap_and_a_typed_error_above() -> None:
    async with served() as edge:
        big = pb.VerifyCodeRequest(context=CONTEXT, code=b"x" * (4 * MIB - 100))
        assert (await edge.stub.VerifyCode(big)).verdict.core.reasons == [reason_pb2.REASON_TOO_LARGE]
        too_big = pb.VerifyCodeRequest(context=CONTEXT, code=b"x" * (4 * MIB + 1))
        error = await refused(edge.stub.VerifyCode(too_big))
        assert (error.code(), told(error)[0].reason) == (Code.RESOURCE_EXHAUSTED, "TOO_LARGE")
        first = pb.StreamVerificationsRequest(context=CONTEXT, item=pb.CodeItem(code=too_big.code))
        error = await refused(anext(aiter(edge.stub.StreamVerifications(iter([first])))))
        assert told(error)[0].reason == "TOO_LARGE"
        # Above the hard cap core answers by itself: same code, no details.
        huge = pb.VerifyCodeRequest(context=CONTEXT, code=b"x" * (5 * MIB))
        error = await refused(edge.stub.VerifyCode(huge))
        assert error.code() is Code.RESOURCE_EXHAUSTED
        assert tuple(error.trailing_metadata()) == ()


async def test_a_batch_of_millions_of_empty_items_is_refused_before_it_is_parsed() -> None:
    async with served() as edge:
        error = await refused(edge.channel.unary_unary(f"/{VERIFICATION}/VerifyCodes")(b"\x12\x00" * (2 * MIB)))
        assert fields_of(told(error)[1]) == ["items"]


async def test_a_compressed_message_is_refused_unread() -> None:
    """4 MiB can inflate to 4 GiB. Core says so on standard error too, whatever the level of its log."""
    async with served() as edge:
        error = await refused(edge.stub.VerifyCode(GREEN, compression=grpc.Compression.Gzip))
        assert error.code() is Code.UNIMPLEMENTED
        assert edge.observer.counts["received"] == 0
        assert edge.desk.pipeline.seen == []
