"""The purpose that a caller names reaches the rooms, whatever is asked: it decides how old a live status may be."""

from __future__ import annotations

import pytest
from healthcode.interop.v1 import conversion_service_pb2 as conversion_pb
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.rpc.callers import DEV_LOOPBACK
from gateway.rpc.conversion import convert_code
from gateway.rpc.verification import assess_displayed_code, stream_item, verify_code, verify_codes
from gateway.values import Decision, Purpose
from tests.unit.rpc.fakes import AT, Desk

SIGNED, OPAQUE = b"green:a", b"ask:at-once"


def context(purpose: Purpose) -> pb.VerificationContext:
    return pb.VerificationContext(purpose=f"PURPOSE_{purpose.name}", receiving_division="330100")


@pytest.mark.parametrize("purpose", Purpose)
async def test_one_code(purpose: Purpose) -> None:
    desk = Desk()
    for code in (SIGNED, OPAQUE):
        await verify_code(pb.VerifyCodeRequest(context=context(purpose), code=code), DEV_LOOPBACK, AT, desk())
    assert desk.pipeline.purposes == [purpose, purpose, purpose], "verified, verified, asked"


@pytest.mark.parametrize("purpose", Purpose)
async def test_a_batch(purpose: Purpose) -> None:
    desk = Desk()
    items = [pb.CodeItem(code=code) for code in (SIGNED, OPAQUE)]
    await verify_codes(pb.VerifyCodesRequest(context=context(purpose), items=items), DEV_LOOPBACK, AT, desk())
    assert desk.pipeline.purposes == [purpose, purpose, purpose]


async def test_a_stream_whose_purpose_changes() -> None:
    desk = Desk()
    first = pb.StreamVerificationsRequest(context=context(Purpose.VENUE_ENTRY), item=pb.CodeItem(code=SIGNED))
    terms, _ = stream_item(first, None, DEV_LOOPBACK, AT, desk())
    same = pb.StreamVerificationsRequest(item=pb.CodeItem(code=OPAQUE))
    terms, answer = stream_item(same, terms, DEV_LOOPBACK, AT, desk())
    assert not isinstance(answer, pb.StreamVerificationsResponse)
    await answer
    other = pb.StreamVerificationsRequest(context=context(Purpose.MEDICAL_CARE), item=pb.CodeItem(code=SIGNED))
    stream_item(other, terms, DEV_LOOPBACK, AT, desk())
    assert desk.pipeline.purposes == [*[Purpose.VENUE_ENTRY] * 3, Purpose.MEDICAL_CARE]


@pytest.mark.parametrize("purpose", Purpose)
async def test_what_is_only_seen_and_what_is_converted(purpose: Purpose) -> None:
    desk = Desk()
    shown = pb.AssessDisplayedCodeRequest(context=context(purpose), issuing_division="440000", displayed="green")
    await assess_displayed_code(shown, DEV_LOOPBACK, AT, desk())
    for code in (SIGNED, OPAQUE):
        request = conversion_pb.ConvertCodeRequest(context=context(purpose), code=code)
        await convert_code(request, DEV_LOOPBACK, AT, desk())
    assert desk.pipeline.purposes == [purpose] * 4
    assert all(isinstance(decision, Decision) for decision in desk.watched)
