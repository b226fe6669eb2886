"""The handlers as what they are: plain functions."""

from __future__ import annotations

import itertools

import pytest
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.errors import CallerRefused, NotReady, RefusalReason, RequestInvalid
from gateway.rpc import verification
from gateway.rpc.desk import Rights
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


def test_the_answer_is_the_pipelines_at_the_given_instant() -> None:
    desk = Desk()
    request = pb.VerifyCodeRequest(context=CONTEXT, code=b"green:a", request_id="r")
    verdict = verify_code(request, CALLER, AT, desk()).verdict
    assert desk.pipeline.seen == [(b"green:a", AT, "330100")]
    assert verdict.core.measure == verdict_pb2.MEASURE_PASS
    assert verdict.WhichOneof("disclosure") == "gate"
    assert desk.clock.readings == 0
    assert [decision.issuer for decision in desk.watched] == ["a"]


def test_without_a_division_no_rule_applies() -> None:
    desk = Desk()
    context = pb.VerificationContext(purpose=verdict_pb2.PURPOSE_VENUE_ENTRY)
    verdict = verify_code(pb.VerifyCodeRequest(context=context, code=b"green:a"), CALLER, AT, desk()).verdict
    assert desk.pipeline.seen[0][2] is None
    assert verdict.core.measure == verdict_pb2.MEASURE_MANUAL
    assert verdict.core.reasons[0] == reason_pb2.REASON_NO_RULES


@pytest.mark.parametrize("wanted", [True, False])
def test_a_receipt_only_if_asked_for_and_in_the_callers_name(wanted: bool) -> None:
    request = pb.VerifyCodeRequest(context=CONTEXT, code=b"green:a", request_id="r", receipt_requested=wanted)
    receipt = verify_code(request, CALLER, AT, Desk()()).verdict.receipt
    assert receipt == ("PASS|tls_peer|spiffe://zhejiang/gate|VENUE_ENTRY|r" if wanted else "")


def test_a_receipt_that_cannot_be_signed_is_not_left_out() -> None:
    desk = Desk(receipts=None)
    request = pb.VerifyCodeRequest(context=CONTEXT, code=b"green:a", receipt_requested=True)
    with pytest.raises(NotReady):
        verify_code(request, CALLER, AT, desk())
    assert desk.pipeline.seen == []


@pytest.mark.parametrize(
    ("rights", "context", "reason"),
    [
        (Rights(Profile.GATE), STAFF, RefusalReason.PROFILE_NOT_ALLOWED),
        (Rights(Profile.STAFF, frozenset()), CONTEXT, RefusalReason.PURPOSE_NOT_ALLOWED),
    ],
)
def test_rights_come_before_everything_else(
    rights: Rights, context: pb.VerificationContext, reason: RefusalReason
) -> None:
    desk = Desk(rights=rights)
    for ask in (
        lambda: verify_code(pb.VerifyCodeRequest(context=context, request_id=" "), CALLER, AT, desk()),
        lambda: verify_codes(pb.VerifyCodesRequest(context=context), pb.VerifyCodesResponse(), CALLER, AT, desk()),
        lambda: stream_item(pb.StreamVerificationsRequest(context=context), None, CALLER, AT, desk()),
    ):
        with pytest.raises(CallerRefused) as caught:
            ask()
        assert caught.value.reason is reason
    assert desk.pipeline.seen == []


def test_rights_are_asked_of_the_caller() -> None:
    asked: list[Caller] = []
    desk = Desk()()

    def rights_of(caller: Caller) -> Rights:
        asked.append(caller)
        return Rights(Profile.GATE)

    object.__setattr__(desk, "rights_of", rights_of)
    with pytest.raises(CallerRefused):
        verify_code(pb.VerifyCodeRequest(context=STAFF, code=b"c"), CALLER, AT, desk)
    assert asked == [CALLER]


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ({"purpose": 0}, "context.purpose"),
        ({"purpose": 99}, "context.purpose"),
        ({"purpose": -1}, "context.purpose"),
        ({"purpose": 1, "disclosure_profile": 3}, "context.disclosure_profile"),
        ({"purpose": 1, "disclosure_profile": -2}, "context.disclosure_profile"),
    ],
)
def test_numbers_that_no_schema_knows_are_malformed_even_without_rights(context: dict[str, int], field: str) -> None:
    request = pb.VerifyCodeRequest(context=context, code=b"c")
    with pytest.raises(RequestInvalid) as caught:
        verify_code(request, CALLER, AT, Desk(rights=Rights(Profile.GATE, frozenset({Purpose(1)})))())
    assert caught.value.field == field


@pytest.mark.parametrize("size", [1, SLICE - 1, SLICE, SLICE + 1, 512])
def test_a_batch_is_filled_slice_by_slice_in_order(size: int) -> None:
    desk = Desk()
    items = [pb.CodeItem(code=b"green:%d" % number, request_id=str(number)) for number in range(size)]
    response = pb.VerifyCodesResponse()
    steps = verify_codes(pb.VerifyCodesRequest(context=STAFF, items=items), response, CALLER, AT, desk())
    assert desk.pipeline.seen == []
    before = 0
    for there in steps:
        assert there == len(response.verdicts)
        assert there - before <= SLICE
        before = there
    assert [verdict.staff.issuer for verdict in response.verdicts] == [str(number) for number in range(size)]
    assert [verdict.core.request_id for verdict in response.verdicts] == [str(number) for number in range(size)]


def test_dear_codes_of_a_batch_hold_nobody_else_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty-two hostile codes of 17 ms each kept every other caller waiting for half a second."""
    desk = Desk()
    elapsed = itertools.count(step=verification.SLICE_S / 2)
    monkeypatch.setattr(verification, "monotonic", lambda: next(elapsed))
    request = pb.VerifyCodesRequest(context=STAFF, items=[pb.CodeItem(code=b"green:a")] * 6)
    steps = verify_codes(request, pb.VerifyCodesResponse(), CALLER, AT, desk())
    assert list(steps) == [2, 4, 6, 6]


def test_a_malformed_batch_is_refused_at_the_call() -> None:
    with pytest.raises(RequestInvalid):
        verify_codes(pb.VerifyCodesRequest(context=CONTEXT), pb.VerifyCodesResponse(), CALLER, AT, Desk()())


def test_a_streams_terms_hold_until_changed() -> None:
    desk = Desk()
    first = pb.StreamVerificationsRequest(context=STAFF, item=pb.CodeItem(code=b"green:a"))
    _, terms = stream_item(first, None, CALLER, AT, desk())
    assert terms == Terms(Purpose.VENUE_ENTRY, desk.pipeline.seen[0][2], Profile.STAFF)
    answer, same = stream_item(
        pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"green:b")), terms, CALLER, AT, desk()
    )
    assert same is terms
    assert answer.verdict.staff.issuer == "b"
    _, other = stream_item(pb.StreamVerificationsRequest(context=CONTEXT, item=first.item), terms, CALLER, AT, desk())
    assert other.profile is Profile.GATE


def test_a_stream_starts_with_its_terms() -> None:
    with pytest.raises(RequestInvalid) as caught:
        stream_item(pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"c")), None, CALLER, AT, Desk()())
    assert caught.value.field == "context"


def test_terms_of_a_stream_do_not_outlive_the_rights_to_them() -> None:
    terms = Terms(Purpose.VENUE_ENTRY, None, Profile.STAFF)
    item = pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"c"))
    for rights in (Rights(Profile.GATE), Rights(Profile.STAFF, frozenset({Purpose.SELF_CHECK}))):
        with pytest.raises(CallerRefused):
            stream_item(item, terms, CALLER, AT, Desk(rights=rights)())
