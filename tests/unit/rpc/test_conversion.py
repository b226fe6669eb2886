"""ConvertCode: the handler, as what it is: a plain function."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from healthcode.interop.v1 import conversion_service_pb2 as pb
from healthcode.interop.v1 import verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as verification_pb

from gateway.callers.rights import Rights, up_to
from gateway.conversion.converter import Converted, HasPlace
from gateway.errors import CallerRefused, NotReady, RefusalReason, RequestInvalid
from gateway.rpc.conversion import convert_code
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.verification import stream_item, verify_code, verify_codes
from gateway.values import (
    Caller,
    CallerId,
    CallerKind,
    Decision,
    DivisionCode,
    Instant,
    Measure,
    OpaqueCode,
    Profile,
    Purpose,
    StatusPointer,
    Way,
)
from tests.unit.rpc.fakes import AT, Desk, FakePipeline

CALLER = Caller(CallerId("spiffe://zhejiang/gate"), CallerKind.TLS_PEER)
STAFF = verification_pb.VerificationContext(
    purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL,
    receiving_division="330100",
    disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
)
ENDS = Instant(AT + 3_599.75)
PLACE = StatusPointer("https://gateway.test/status/1", 7)


@dataclass
class FakeConverter:
    """Makes a code of whatever passes, and keeps what it was shown."""

    converted: list[tuple[Decision, bytes, DivisionCode, Instant]] = field(default_factory=list)
    noticed_: list[tuple[bytes, Measure]] = field(default_factory=list)
    shown_: list[StatusPointer] = field(default_factory=list)
    withdrawn: list[StatusPointer] = field(default_factory=list)

    def convert(self, decision: Decision, original: bytes, *, division: DivisionCode, at: Instant) -> Converted | None:
        self.converted.append((decision, original, division, at))
        return Converted("a.b.c", "HCI1:X", ENDS, PLACE) if decision.measure is Measure.PASS else None

    async def shown(self, made: HasPlace) -> None:
        self.shown_.append(made.pointer)

    def withdraw(self, made: HasPlace) -> None:
        self.withdrawn.append(made.pointer)

    def noticed(self, original: bytes, decision: Decision) -> None:
        self.noticed_.append((original, decision.measure))


def converting(desk: Desk) -> tuple[VerificationDesk, FakeConverter]:
    converter = FakeConverter()
    return replace(desk(), converter=converter), converter


def request_of(code: bytes = b"green:a", **fields: Any) -> pb.ConvertCodeRequest:
    chosen: dict[str, Any] = {"context": STAFF, "code": code, "request_id": "c-1"} | fields
    return pb.ConvertCodeRequest(**chosen)


@pytest.mark.parametrize("code", [b"green:a", b"ask:at-once"])
async def test_a_code_that_passes_comes_with_a_converted_one(code: bytes) -> None:
    fakes = Desk()
    desk, converter = converting(fakes)
    response = await convert_code(request_of(code), CALLER, AT, desk)
    assert response.verdict.core.measure == verdict_pb2.MEASURE_PASS
    assert response.verdict.core.request_id == "c-1"
    assert (response.converted.jws, response.converted.qr) == ("a.b.c", "HCI1:X")
    assert response.converted.expire_time.seconds + response.converted.expire_time.nanos / 1e9 == ENDS
    ((decision, original, division, at),) = converter.converted
    assert (original, division, at) == (code, "330100", AT)
    assert fakes.watched == [decision]
    assert set(fakes.pipeline.ways) == {Way.CONVERT}
    assert converter.withdrawn == []
    assert converter.shown_ == [PLACE], "others can read its place before it is handed out"


@pytest.mark.parametrize("code", [b"junk", b"x" * 40_000])
async def test_where_there_is_none_the_verdict_stands(code: bytes) -> None:
    desk, _ = converting(Desk())
    response = await convert_code(request_of(code), CALLER, AT, desk)
    assert not response.HasField("converted")
    assert response.verdict.core.measure == verdict_pb2.MEASURE_MANUAL


async def test_a_gateway_that_converts_nothing_answers_the_verdict() -> None:
    response = await convert_code(request_of(), CALLER, AT, Desk()())
    assert response.verdict.core.measure == verdict_pb2.MEASURE_PASS
    assert not response.HasField("converted")


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_receipt_if_one_is_wanted(wanted: bool) -> None:
    desk, _ = converting(Desk())
    response = await convert_code(request_of(receipt_requested=wanted), CALLER, AT, desk)
    assert bool(response.verdict.receipt) is wanted


async def test_a_receipt_that_cannot_be_signed_costs_no_place_in_the_list() -> None:
    fakes = Desk(receipts=None)
    desk, converter = converting(fakes)
    with pytest.raises(NotReady):
        await convert_code(request_of(receipt_requested=True), CALLER, AT, desk)
    assert (converter.converted, fakes.pipeline.seen) == ([], [])


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        (Rights(up_to(Profile.GATE)), RefusalReason.PROFILE_NOT_ALLOWED),
        (Rights(up_to(Profile.STAFF), frozenset({Purpose.SELF_CHECK})), RefusalReason.PURPOSE_NOT_ALLOWED),
    ],
)
async def test_rights_come_before_everything_else(rights: Rights, reason: RefusalReason) -> None:
    fakes = Desk(rights=rights)
    desk, converter = converting(fakes)
    with pytest.raises(CallerRefused) as caught:
        await convert_code(request_of(request_id="no spaces"), CALLER, AT, desk)
    assert caught.value.reason is reason
    assert (converter.converted, fakes.pipeline.seen) == ([], [])


@pytest.mark.parametrize(
    ("fields", "field_"),
    [
        ({"context": None}, "context"),
        ({"context": {"purpose": 2}}, "context.receiving_division"),
        ({"context": {"purpose": 2, "receiving_division": "33"}}, "context.receiving_division"),
        ({"code": b""}, "code"),
        ({"request_id": "no spaces"}, "request_id"),
    ],
)
async def test_a_malformed_question_is_told_its_field(fields: dict[str, Any], field_: str) -> None:
    fakes = Desk()
    desk, converter = converting(fakes)
    with pytest.raises(RequestInvalid) as caught:
        await convert_code(request_of(**fields), CALLER, AT, desk)
    assert caught.value.field == field_
    assert (converter.converted, fakes.pipeline.seen) == ([], [])


class SecondLook(FakePipeline):
    """Judges a code as `then` from the second look on."""

    then = b""

    def verify(self, code: bytes, **asked: Any) -> Decision | OpaqueCode:
        return super().verify(self.then if self.seen else code, **asked)


@pytest.mark.parametrize(("then", "measure"), [(b"junk", Measure.MANUAL), (b"green:a", Measure.PASS)])
async def test_what_is_learnt_before_a_code_is_made_reaches_it(then: bytes, measure: Measure) -> None:
    """A list may turn red while other nodes are asked whether the original had been shown."""
    desk, converter = converting(Desk())
    pipeline = SecondLook()
    pipeline.then = then
    response = await convert_code(request_of(), CALLER, AT, replace(desk, pipeline=pipeline))
    assert converter.noticed_ == [(b"green:a", Measure.PASS), (b"green:a", measure)]
    assert response.converted.jws == "a.b.c"


async def test_a_second_look_that_cannot_be_taken_takes_the_code_back() -> None:
    desk, converter = converting(Desk())
    pipeline = SecondLook()
    pipeline.then = b"not ready"
    with pytest.raises(NotReady):
        await convert_code(request_of(), CALLER, AT, replace(desk, pipeline=pipeline))
    assert (converter.withdrawn, converter.shown_) == ([PLACE], [])


async def test_whatever_is_verified_is_noticed() -> None:
    """A red that anybody's gate learns reaches the codes that were made from it without a new look."""
    desk, converter = converting(Desk())
    await verify_code(verification_pb.VerifyCodeRequest(context=STAFF, code=b"green:a"), CALLER, AT, desk)
    codes = (b"ask:at-once", b"junk", b"green:b")
    items = [verification_pb.CodeItem(code=code) for code in codes]
    await verify_codes(verification_pb.VerifyCodesRequest(context=STAFF, items=items), CALLER, AT, desk)
    for code in (b"green:c", b"ask:at-once"):
        item = verification_pb.CodeItem(code=code)
        request = verification_pb.StreamVerificationsRequest(context=STAFF, item=item)
        _, answer = stream_item(request, None, CALLER, AT, desk)
        if not isinstance(answer, verification_pb.StreamVerificationsResponse):
            await answer
    await convert_code(request_of(b"green:d"), CALLER, AT, desk)
    assert sorted(converter.noticed_) == sorted(
        (code, Measure.MANUAL if code == b"junk" else Measure.PASS)
        for code in (b"green:a", *codes, b"green:c", b"ask:at-once", b"green:d", b"green:d")
    )
