"""What handlers leave in the audit log: one entry a decision, the receipt's own digest, one wait a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace

import pytest
from healthcode.interop.v1 import conversion_service_pb2 as conversion
from healthcode.interop.v1 import verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.callers.rights import EVERYTHING, Rights
from gateway.errors import CallerRefused, NotReady
from gateway.receipts.commitment import code_digest
from gateway.recording.trail import Asked
from gateway.rpc.conversion import convert_code
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.verification import assess_displayed_code, stream_item, verify_code, verify_codes
from gateway.values import Caller, CallerId, CallerKind, Decision, Measure, Profile, Purpose
from tests.unit.rpc.fakes import AT, Desk
from tests.unit.rpc.test_conversion import PLACE, FakeConverter

CALLER = Caller(CallerId("spiffe://zhejiang/gate"), CallerKind.TLS_PEER)
CONTEXT = pb.VerificationContext(
    purpose=verdict_pb2.PURPOSE_VENUE_ENTRY, receiving_division="330100", checkpoint="gate-9"
)
CODE = b"green:a"


@dataclass
class FakeAudit:
    """A log that is durable when the test says so."""

    available: bool = True
    at_once: bool = False
    written: list[tuple[Asked, Decision, bytes | None]] = field(default_factory=list)
    waited_for: list[int] = field(default_factory=list)
    futures: list[asyncio.Future[None]] = field(default_factory=list)

    def refuse(self) -> None:
        if not self.available:
            raise NotReady("no log")

    def decided(self, asked: Asked, decision: Decision, commitment: bytes | None) -> int:
        self.written.append((asked, decision, commitment))
        return len(self.written)

    def durable(self, number: int) -> Awaitable[None] | None:
        if self.at_once:
            return None
        self.waited_for.append(number)
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]

    def settle(self, failure: Exception | None = None) -> None:
        """Let everything be durable, or never."""
        for future in self.futures:
            if failure is None:
                future.set_result(None)
            else:
                future.set_exception(failure)


def desk_with(audit: FakeAudit, desk: Desk | None = None) -> VerificationDesk:
    return replace((desk or Desk())(), audit=audit)


async def turned() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_answer_waits_until_its_entry_is_durable() -> None:
    audit = FakeAudit()
    request = pb.VerifyCodeRequest(context=CONTEXT, code=CODE, request_id="canary-request")
    asking = asyncio.create_task(verify_code(request, CALLER, AT, desk_with(audit)))
    await turned()
    assert not asking.done()
    ((asked, decision, commitment),) = audit.written
    assert asked == Asked("VerifyCode", CALLER.caller_id, Purpose.VENUE_ENTRY, Profile.GATE, asked.division)
    assert asked.division == "330100"
    assert decision.measure is Measure.PASS
    assert commitment is None
    assert "canary" not in repr(asked)
    assert "gate-9" not in repr(asked)
    audit.settle()
    assert (await asking).verdict.core.measure == verdict_pb2.MEASURE_PASS


async def test_a_clinical_question_is_written_with_its_item_and_its_basis_and_nothing_of_the_answer() -> None:
    audit = FakeAudit(at_once=True)
    desk = desk_with(audit, Desk(rights=EVERYTHING))
    context = pb.VerificationContext(purpose=6, receiving_division="330100", disclosure_profile=4)  # type: ignore[arg-type]
    context.clinical_item, context.lawful_basis = 2, 1  # type: ignore[assignment]
    await verify_code(pb.VerifyCodeRequest(context=context, code=CODE), CALLER, AT, desk)
    await verify_code(pb.VerifyCodeRequest(context=CONTEXT, code=CODE), CALLER, AT, desk)
    clinic, gate = (asked for asked, _, _ in audit.written)
    assert (clinic.profile, clinic.clinical_item, clinic.lawful_basis) == (
        Profile.CLINIC,
        "LATEST_TEST",
        "SEPARATE_CONSENT",
    )
    assert (gate.clinical_item, gate.lawful_basis) == (None, None)


async def test_an_answer_whose_entry_cannot_be_written_is_none() -> None:
    audit = FakeAudit()
    asking = asyncio.create_task(
        verify_code(pb.VerifyCodeRequest(context=CONTEXT, code=CODE), CALLER, AT, desk_with(audit))
    )
    await turned()
    audit.settle(NotReady("no log"))
    with pytest.raises(NotReady):
        await asking


async def test_nothing_is_judged_that_could_not_be_written_and_strangers_learn_nothing_of_it() -> None:
    desk, audit = Desk(), FakeAudit(available=False)
    request = pb.VerifyCodeRequest(context=CONTEXT, code=CODE)
    with pytest.raises(NotReady):
        await verify_code(request, CALLER, AT, desk_with(audit, desk))
    assert desk.pipeline.seen == []
    stranger = Desk(rights=Rights(frozenset()))
    with pytest.raises(CallerRefused):
        await verify_code(request, CALLER, AT, desk_with(audit, stranger))
    assert audit.written == []


async def test_the_commitment_is_the_digest_in_the_receipt() -> None:
    audit = FakeAudit(at_once=True)
    request = pb.VerifyCodeRequest(context=CONTEXT, code=CODE, receipt_requested=True)
    verdict = (await verify_code(request, CALLER, AT, desk_with(audit))).verdict
    assert audit.written[0][2] == code_digest(CODE, verdict.receipt_salt)


async def test_a_code_that_was_only_seen_is_committed_to_by_nothing() -> None:
    audit = FakeAudit(at_once=True)
    shown = pb.AssessDisplayedCodeRequest(
        context=CONTEXT, issuing_division="520000", displayed="green", receipt_requested=True
    )
    await assess_displayed_code(shown, CALLER, AT, desk_with(audit))
    ((asked, _, commitment),) = audit.written
    assert (asked.call, commitment) == ("AssessDisplayedCode", None)


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_batch_leaves_an_entry_for_each_code_and_waits_once(wanted: bool) -> None:
    desk, audit = Desk(), FakeAudit()
    codes = [CODE, b"ask:slow", b"nonsense", b"ask:at-once"]
    request = pb.VerifyCodesRequest(
        context=CONTEXT, items=[pb.CodeItem(code=code) for code in codes], receipts_requested=wanted
    )
    asking = asyncio.create_task(verify_codes(request, CALLER, AT, desk_with(audit, desk)))
    await turned()
    desk.pipeline.let_answer("slow")
    while not audit.futures:  # noqa: ASYNC110 it waits for a task
        await asyncio.sleep(0)
    assert audit.waited_for == [4]
    audit.settle()
    verdicts = (await asking).verdicts
    assert {asked.call for asked, _, _ in audit.written} == {"VerifyCodes"}
    salts = {code: verdict.receipt_salt for code, verdict in zip(codes, verdicts, strict=True)}
    expected = {code_digest(code, salt) for code, salt in salts.items()} if wanted else {None}
    assert {commitment for _, _, commitment in audit.written} == expected


async def test_answers_of_a_stream_wait_each_for_its_own_and_are_judged_at_once() -> None:
    audit, terms = FakeAudit(), None
    waiting = []
    for code in (CODE, b"ask:at-once"):
        request = pb.StreamVerificationsRequest(item=pb.CodeItem(code=code))
        if terms is None:
            request.context.CopyFrom(CONTEXT)
        terms, answer = stream_item(request, terms, CALLER, AT, desk_with(audit))
        assert isinstance(answer, Awaitable)
        waiting.append(asyncio.ensure_future(answer))
    await turned()
    assert len(audit.written) == 2
    assert not any(one.done() for one in waiting)
    audit.settle()
    assert [(await one).verdict.core.measure for one in waiting] == [verdict_pb2.MEASURE_PASS] * 2


async def test_where_nothing_is_waited_for_a_stream_answers_without_waiting() -> None:
    audit = FakeAudit(at_once=True)
    request = pb.StreamVerificationsRequest(context=CONTEXT, item=pb.CodeItem(code=CODE))
    _, answer = stream_item(request, None, CALLER, AT, desk_with(audit))
    assert isinstance(answer, pb.StreamVerificationsResponse)
    assert len(audit.written) == 1
    audit.available = False
    with pytest.raises(NotReady):
        stream_item(request, None, CALLER, AT, desk_with(audit))


async def test_no_code_is_given_out_before_the_decision_on_its_original_is_durable() -> None:
    audit, converter = FakeAudit(), FakeConverter()
    desk = replace(desk_with(audit), converter=converter)
    asking = asyncio.create_task(
        convert_code(conversion.ConvertCodeRequest(context=CONTEXT, code=CODE), CALLER, AT, desk)
    )
    await turned()
    assert [asked.call for asked, _, _ in audit.written] == ["ConvertCode"]
    assert (len(converter.converted), converter.shown_) == (1, [])
    audit.settle()
    assert (await asking).converted.jws
    assert (len(converter.converted), len(converter.shown_), converter.withdrawn) == (1, 1, [])


@pytest.mark.parametrize("gives_up", [False, True])
async def test_a_code_that_is_not_given_out_is_taken_back(gives_up: bool) -> None:
    audit, converter = FakeAudit(), FakeConverter()
    desk = replace(desk_with(audit), converter=converter)
    asking = asyncio.create_task(
        convert_code(conversion.ConvertCodeRequest(context=CONTEXT, code=CODE), CALLER, AT, desk)
    )
    await turned()
    if gives_up:
        asking.cancel()
    else:
        audit.settle(NotReady("no log"))
    with pytest.raises(asyncio.CancelledError if gives_up else NotReady):
        await asking
    assert converter.withdrawn == [PLACE]
