from __future__ import annotations

import pytest
from google.protobuf.message import Message
from healthcode.interop.v1 import verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.errors import RequestInvalid
from gateway.rpc.errors import RulesBroken
from gateway.rpc.validation import MAX_BATCH, check, parsed, refuse_endless_batch
from tests.unit.rpc.fakes import CANARY

CONTEXT = pb.VerificationContext(purpose=verdict_pb2.PURPOSE_SELF_CHECK)


@pytest.mark.parametrize(
    "message",
    [
        pb.VerifyCodeRequest(context=CONTEXT, code=b"c"),
        pb.VerifyCodeRequest(context=CONTEXT, code=b"c" * 1_000_000, request_id="A-z._0" * 10),
        pb.VerifyCodesRequest(context=CONTEXT, items=[pb.CodeItem()] * MAX_BATCH),
        pb.StreamVerificationsRequest(item=pb.CodeItem()),
    ],
)
def test_good_requests_pass(message: Message) -> None:
    check(message)


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (pb.VerifyCodeRequest(), ["context", "code"]),
        (pb.VerifyCodeRequest(context={}, code=b"c"), ["context.purpose"]),
        (pb.VerifyCodeRequest(context=CONTEXT, code=b"c", request_id=CANARY), ["request_id"]),
        (pb.VerifyCodesRequest(context=CONTEXT), ["items"]),
        (pb.VerifyCodesRequest(context=CONTEXT, items=[{}, {}, {"request_id": CANARY}]), ["items[2].request_id"]),
        (pb.StreamVerificationsRequest(context={}), ["context.purpose", "item"]),
    ],
)
def test_broken_rules_are_told_by_field_and_quote_nothing(message: Message, fields: list[str]) -> None:
    with pytest.raises(RulesBroken) as caught:
        check(message)
    assert [field for field, _ in caught.value.violations] == fields
    assert caught.value.field == fields[0]
    assert not any(word in str(caught.value.violations) for word in CANARY.split())


def test_too_many_items_are_refused_without_looking_at_each() -> None:
    with pytest.raises(RequestInvalid) as caught:
        check(pb.VerifyCodesRequest(context=CONTEXT, items=[pb.CodeItem(request_id=" ")] * (MAX_BATCH + 1)))
    assert caught.value.field == "items"
    assert not isinstance(caught.value, RulesBroken)


def test_bytes_that_are_no_message_are_refused_without_quoting_them() -> None:
    with pytest.raises(RequestInvalid) as caught:
        parsed(pb.VerifyCodeRequest, b"\x0a\xff" + CANARY.encode())
    assert caught.value.field == ""
    assert not any(word in str(caught.value) for word in CANARY.split())
    assert caught.value.__cause__ is None


def test_a_full_batch_of_the_largest_size_is_looked_through_and_passes() -> None:
    request = pb.VerifyCodesRequest(context=CONTEXT, items=[pb.CodeItem(code=b"c" * 8_000)] * MAX_BATCH)
    refuse_endless_batch(request.SerializeToString())


@pytest.mark.parametrize(
    "field",
    [b"\x12\x00", b"\x98\x06\x01", b"\x99\x06" + bytes(8), b"\x9d\x06" + bytes(4), b"\x9a\x06\x01a"],
    ids=["items", "unknown varints", "unknown 64-bit", "unknown 32-bit", "unknown bytes"],
)
def test_an_endless_list_of_fields_is_refused(field: bytes) -> None:
    with pytest.raises(RequestInvalid) as caught:
        refuse_endless_batch(field * 40_000)
    assert caught.value.field == "items"


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff" * 70_000,
        b"\x0b" * 70_000,
        b"\x12" + b"\xff" * 9 + b"\x01" + bytes(70_000),
        b"\x12\xff\xff\xff\xff\x0f" + bytes(70_000),
        bytes(69_999) + b"\x80",
    ],
    ids=["no varint", "groups", "longest varint", "length beyond the end", "cut varint"],
)
def test_broken_encodings_are_left_to_the_parser_which_refuses_them(raw: bytes) -> None:
    try:
        refuse_endless_batch(raw)
    except RequestInvalid:
        return
    with pytest.raises(RequestInvalid):
        parsed(pb.VerifyCodesRequest, raw)
