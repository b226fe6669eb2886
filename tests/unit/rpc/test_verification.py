"""The handlers as what they are: plain functions."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable
from typing import Any

import pytest
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.callers.meter import Limits, Meters
from gateway.callers.rights import Rights, up_to
from gateway.errors import CallerRefused, NotReady, RateLimited, RefusalReason, RequestInvalid
from gateway.rpc import verification
from gateway.rpc.verification import SLICE, Terms, stream_item, verify_code, verify_codes
from gateway.values import Caller, CallerId, CallerKind, Profile, Purpose
from tests.unit.rpc.fakes import AT, Desk

CALLER = Caller(CallerId("spiffe://zhejiang/gate"), CallerKind.TLS_PEER)
CONTEXT = pb.VerificationContext(purpose=verdict_pb2.PURPOSE_VENUE_ENTRY, receiving_division="330100")
STAFF = pb.VerificationContext(
    purpose=verdict_pb2.PURPOSE_VENUE_ENTRY,
    receiving_division="330100",
    disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
)


async def test_the_answer_is_the_pipelines_at_the_given_instant() -> None:
    desk = Desk()
    request = pb.VerifyCodeRequest(context=CONTEXT, code=b"green:a", request_id="r")
    verdict = (await verify_code(request, CALLER, AT, desk())).verdict
    assert desk.pipeline.seen == [(b"green:a", AT, "330100")]
    assert verdict.core.measure == verdict_pb2.MEASURE_PASS
    assert verdict.WhichOneof("disclosure") == "gate"
    assert desk.clock.readings == 0
    assert [decision.issuer for decision in desk.watched] == ["a"]


async def test_without_a_division_no_rule_applies() -> None:
    desk = Desk()
    context = pb.VerificationContext(purpose=verdict_pb2.PURPOSE_VENUE_ENTRY)
    verdict = (await verify_code(pb.VerifyCodeRequest(context=context, code=b"green:a"), CALLER, AT, desk())).verdict
    assert desk.pipeline.seen[0][2] is None
    assert verdict.core.measure == verdict_pb2.MEASURE_MANUAL
    assert verdict.core.reasons[0] == reason_pb2.REASON_NO_RULES


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_receipt_only_if_asked_for_and_in_the_callers_name(wanted: bool) -> None:
    request = pb.VerifyCodeRequest(context=CONTEXT, code=b"green:a", request_id="r", receipt_requested=wanted)
    receipt = (await verify_code(request, CALLER, AT, Desk()())).verdict.receipt
    assert receipt == ("PASS|tls_peer|spiffe://zhejiang/gate|VENUE_ENTRY|r" if wanted else "")


async def test_a_receipt_that_cannot_be_signed_is_not_left_out() -> None:
    desk = Desk(receipts=None)
    request = pb.VerifyCodeRequest(context=CONTEXT, code=b"green:a", receipt_requested=True)
    with pytest.raises(NotReady):
        await verify_code(request, CALLER, AT, desk())
    assert desk.pipeline.seen == []


@pytest.mark.parametrize(
    ("rights", "context", "reason"),
    [
        (Rights(up_to(Profile.GATE)), STAFF, RefusalReason.PROFILE_NOT_ALLOWED),
        (Rights(up_to(Profile.STAFF), frozenset()), CONTEXT, RefusalReason.PURPOSE_NOT_ALLOWED),
    ],
)
async def test_rights_come_before_everything_else(
    rights: Rights, context: pb.VerificationContext, reason: RefusalReason
) -> None:
    desk = Desk(rights=rights)
    for ask in (
        lambda: verify_code(pb.VerifyCodeRequest(context=context, request_id=" "), CALLER, AT, desk()),
        lambda: verify_codes(pb.VerifyCodesRequest(context=context), CALLER, AT, desk()),
    ):
        with pytest.raises(CallerRefused) as caught:
            await ask()
        assert caught.value.reason is reason
    with pytest.raises(CallerRefused) as caught:
        stream_item(pb.StreamVerificationsRequest(context=context), None, CALLER, AT, desk())
    assert caught.value.reason is reason
    assert desk.pipeline.seen == []


async def test_rights_are_asked_of_the_caller() -> None:
    asked: list[Caller] = []
    desk = Desk()()

    def rights_of(caller: Caller) -> Rights:
        asked.append(caller)
        return Rights(up_to(Profile.GATE))

    object.__setattr__(desk, "rights_of", rights_of)
    with pytest.raises(CallerRefused):
        await verify_code(pb.VerifyCodeRequest(context=STAFF, code=b"c"), CALLER, AT, desk)
    assert asked == [CALLER]


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ({"purpose": 0}, "context.purpose"),
        ({"purpose": 99}, "context.purpose"),
        ({"purpose": -1}, "context.purpose"),
        ({"purpose": 1, "disclosure_profile": 5}, "context.disclosure_profile"),
        ({"purpose": 1, "disclosure_profile": -2}, "context.disclosure_profile"),
    ],
)
async def test_numbers_that_no_schema_knows_are_malformed_even_without_rights(
    context: dict[str, int], field: str
) -> None:
    request = pb.VerifyCodeRequest(context=context, code=b"c")
    with pytest.raises(RequestInvalid) as caught:
        await verify_code(request, CALLER, AT, Desk(rights=Rights(up_to(Profile.GATE), frozenset({Purpose(1)})))())
    assert caught.value.field == field


async def while_others_have_their_turn(desk: Desk, batch: Awaitable[pb.VerifyCodesResponse]) -> tuple[Any, list[int]]:
    """Return the answer, and how many items had been looked at whenever somebody else had a turn."""
    turns: list[int] = []

    async def somebody_else() -> None:
        while True:
            turns.append(len(desk.pipeline.seen))
            await asyncio.sleep(0)

    other = asyncio.create_task(somebody_else())
    response = await batch
    other.cancel()
    return response, turns


@pytest.mark.parametrize("size", [1, SLICE - 1, SLICE, SLICE + 1, 512])
async def test_a_batch_is_answered_in_order_and_lets_others_have_their_turn(size: int) -> None:
    desk = Desk()
    items = [pb.CodeItem(code=b"green:%d" % number, request_id=str(number)) for number in range(size)]
    batch = verify_codes(pb.VerifyCodesRequest(context=STAFF, items=items), CALLER, AT, desk())
    response, turns = await while_others_have_their_turn(desk, batch)
    assert [verdict.staff.issuer for verdict in response.verdicts] == [str(number) for number in range(size)]
    assert [verdict.core.request_id for verdict in response.verdicts] == [str(number) for number in range(size)]
    assert [(code, at) for code, at, _ in desk.pipeline.seen] == [(item.code, AT) for item in items]
    assert all(after - before <= SLICE for before, after in itertools.pairwise((0, *turns, size)))


async def test_dear_codes_of_a_batch_hold_nobody_else_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty-two hostile codes of 17 ms each kept every other caller waiting for half a second."""
    desk = Desk()
    elapsed = itertools.count(step=verification.SLICE_S / 2)
    monkeypatch.setattr(verification, "monotonic", lambda: next(elapsed))
    request = pb.VerifyCodesRequest(context=STAFF, items=[pb.CodeItem(code=b"green:a")] * 6)
    _, turns = await while_others_have_their_turn(desk, verify_codes(request, CALLER, AT, desk()))
    assert turns[:3] == [2, 4, 6]


async def test_a_malformed_batch_is_refused_at_the_call() -> None:
    with pytest.raises(RequestInvalid):
        await verify_codes(pb.VerifyCodesRequest(context=CONTEXT), CALLER, AT, Desk()())


async def test_a_batch_that_cannot_be_judged_fails_as_a_single_code_does() -> None:
    desk = Desk()
    items = [pb.CodeItem(code=code) for code in (b"ask:guizhou", b"not ready", b"green:a")]
    with pytest.raises(NotReady):
        await verify_codes(pb.VerifyCodesRequest(context=CONTEXT, items=items), CALLER, AT, desk())
    assert desk.pipeline.waiting == 0


async def test_a_streams_terms_hold_until_changed() -> None:
    desk = Desk()
    first = pb.StreamVerificationsRequest(context=STAFF, item=pb.CodeItem(code=b"green:a"))
    terms, _ = stream_item(first, None, CALLER, AT, desk())
    assert terms == Terms(Purpose.VENUE_ENTRY, desk.pipeline.seen[0][2], Profile.STAFF)
    same, answer = stream_item(
        pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"green:b")), terms, CALLER, AT, desk()
    )
    assert same is terms
    assert isinstance(answer, pb.StreamVerificationsResponse)
    assert answer.verdict.staff.issuer == "b"
    other, _ = stream_item(pb.StreamVerificationsRequest(context=CONTEXT, item=first.item), terms, CALLER, AT, desk())
    assert other.profile is Profile.GATE


async def test_a_stream_starts_with_its_terms() -> None:
    with pytest.raises(RequestInvalid) as caught:
        stream_item(pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"c")), None, CALLER, AT, Desk()())
    assert caught.value.field == "context"


async def test_terms_of_a_stream_do_not_outlive_the_rights_to_them() -> None:
    terms = Terms(Purpose.VENUE_ENTRY, None, Profile.STAFF)
    item = pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"c"))
    for rights in (Rights(up_to(Profile.GATE)), Rights(up_to(Profile.STAFF), frozenset({Purpose.SELF_CHECK}))):
        with pytest.raises(CallerRefused):
            stream_item(item, terms, CALLER, AT, Desk(rights=rights)())


async def test_a_batch_counts_its_codes_before_its_form_is_looked_at() -> None:
    limits = Limits(calls_per_s=1, calls_burst=1, codes_per_s=1, codes_burst=512)
    meters = Meters(clock=lambda: 0.0)
    rights = Rights(up_to(Profile.STAFF), meter=meters.meter("a", limits))
    desk = Desk(rights=rights)
    many = pb.VerifyCodesRequest(context=CONTEXT, items=[pb.CodeItem(code=b"green:a")] * 513)
    with pytest.raises(RequestInvalid):
        await verify_codes(many, CALLER, AT, desk())
    with pytest.raises(RateLimited):
        await verify_code(pb.VerifyCodeRequest(context=CONTEXT, code=b"green:a"), CALLER, AT, desk())
    assert desk.pipeline.seen == []
