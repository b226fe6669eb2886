"""AssessDisplayedCode: the handler, as what it is: a function that asks nobody."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.callers.rights import Rights, up_to
from gateway.errors import CallerRefused, NotReady, RefusalReason, RequestInvalid
from gateway.rpc.verification import assess_displayed_code
from gateway.values import Caller, CallerId, CallerKind, DisplayedCode, DivisionCode, Instant, Profile, Purpose
from tests.unit.rpc.fakes import AT, Desk

CALLER = Caller(CallerId("spiffe://hainan/gate"), CallerKind.TLS_PEER)
STAFF = pb.VerificationContext(
    purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL,
    receiving_division="460100",
    disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
)


def request_of(**fields: Any) -> pb.AssessDisplayedCodeRequest:
    chosen: dict[str, Any] = {
        "context": STAFF,
        "issuing_division": "440000",
        "displayed": "green",
        "request_id": "d-1",
    } | fields
    return pb.AssessDisplayedCodeRequest(**chosen)


async def test_what_was_seen_is_judged_and_its_assurance_says_so() -> None:
    desk = Desk()
    seen = Timestamp(seconds=1_600_000_000, nanos=500_000_000)
    verdict = (await assess_displayed_code(request_of(displayed_time=seen), CALLER, AT, desk())).verdict
    assert desk.pipeline.shown == [DisplayedCode(DivisionCode("440000"), "green", Instant(1_600_000_000.5))]
    assert verdict.core.measure == verdict_pb2.MEASURE_PASS
    assert verdict.core.request_id == "d-1"
    assert verdict.staff.assurance == verdict_pb2.ASSURANCE_DISPLAYED
    assert (desk.pipeline.seen, desk.pipeline.asked) == ([], [])
    assert len(desk.watched) == 1


async def test_a_page_without_a_time_has_none() -> None:
    desk = Desk()
    await assess_displayed_code(request_of(), CALLER, AT, desk())
    assert desk.pipeline.shown[0].displayed_time is None


async def test_a_word_that_nobody_has_explained_goes_to_a_person() -> None:
    verdict = (await assess_displayed_code(request_of(displayed="purple"), CALLER, AT, Desk()())).verdict
    assert verdict.core.measure == verdict_pb2.MEASURE_MANUAL
    assert verdict.core.reasons == [reason_pb2.REASON_UNKNOWN_STATE]


async def test_the_least_profile_tells_no_state() -> None:
    gate = pb.VerificationContext(purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL, receiving_division="460100")
    verdict = (await assess_displayed_code(request_of(context=gate), CALLER, AT, Desk()())).verdict
    assert verdict.WhichOneof("disclosure") == "gate"


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_receipt_if_one_is_wanted(wanted: bool) -> None:
    answer = await assess_displayed_code(request_of(receipt_requested=wanted), CALLER, AT, Desk()())
    assert answer.verdict.receipt == ("PASS|tls_peer|spiffe://hainan/gate|TRANSPORT_ARRIVAL|d-1" if wanted else "")


async def test_a_receipt_that_cannot_be_signed_is_not_left_out() -> None:
    desk = Desk(receipts=None)
    with pytest.raises(NotReady):
        await assess_displayed_code(request_of(receipt_requested=True), CALLER, AT, desk())
    assert desk.pipeline.shown == []


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        (Rights(up_to(Profile.GATE)), RefusalReason.PROFILE_NOT_ALLOWED),
        (Rights(up_to(Profile.STAFF), frozenset({Purpose.SELF_CHECK})), RefusalReason.PURPOSE_NOT_ALLOWED),
    ],
)
async def test_rights_come_before_everything_else(rights: Rights, reason: RefusalReason) -> None:
    desk = Desk(rights=rights)
    with pytest.raises(CallerRefused) as caught:
        await assess_displayed_code(request_of(displayed="NOT A WORD"), CALLER, AT, desk())
    assert caught.value.reason is reason
    assert desk.pipeline.shown == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"context": None}, "context"),
        ({"issuing_division": ""}, "issuing_division"),
        ({"issuing_division": "44"}, "issuing_division"),
        ({"issuing_division": "440000\n"}, "issuing_division"),
        ({"displayed": ""}, "displayed"),
        ({"displayed": "Green"}, "displayed"),
        ({"displayed": "g" * 17}, "displayed"),
        ({"displayed": "绿"}, "displayed"),
        ({"displayed_time": Timestamp()}, "displayed_time"),
        ({"displayed_time": Timestamp(seconds=1 << 62)}, "displayed_time"),
        ({"request_id": "no spaces"}, "request_id"),
    ],
)
async def test_a_malformed_question_is_told_its_field(fields: dict[str, Any], field: str) -> None:
    desk = Desk()
    with pytest.raises(RequestInvalid) as caught:
        await assess_displayed_code(request_of(**fields), CALLER, AT, desk())
    assert caught.value.field == field
    assert (desk.pipeline.shown, desk.watched) == ([], [])
