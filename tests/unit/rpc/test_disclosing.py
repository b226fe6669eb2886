"""PROVINCE and CLINIC at the handlers: what the call must name, what is answered, and what is not asked of a code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from healthcode.interop.v1 import conversion_service_pb2 as conversion_pb
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.callers.rights import EVERYTHING
from gateway.clinical import ClinicalItem, ClinicalQuestion, EntryState, LawfulBasis
from gateway.errors import CallerRefused, NotReady, RefusalReason, RequestInvalid
from gateway.rpc.conversion import convert_code
from gateway.rpc.desk import UNWATCHED, VerificationDesk
from gateway.rpc.disclosing import told
from gateway.rpc.errors import RulesBroken
from gateway.rpc.verification import Terms, agreed, assess_displayed_code, stream_item, verify_code, verify_codes
from gateway.values import (
    Caller,
    CallerId,
    CallerKind,
    CodeMarks,
    Decision,
    DivisionCode,
    Handle,
    Instant,
    IssuerId,
    PairwiseHandle,
    Profile,
    Purpose,
)
from tests.unit.rpc.fakes import AT, Desk, FakePipeline

CALLER = Caller(CallerId("spiffe://zj.example/province/330000/one"), CallerKind.TLS_PEER)
OTHER = Caller(CallerId("spiffe://sc.example/province/510000/two"), CallerKind.TLS_PEER)
PROVINCE: Any = {"purpose": 6, "receiving_division": "330000", "disclosure_profile": 3}
CLINIC: Any = {**PROVINCE, "disclosure_profile": 4, "clinical_item": 2, "lawful_basis": 1}


class MarkingPipeline(FakePipeline):
    """Marks the codes that it calls green with who issued them."""

    def verify(self, code: bytes, **terms: Any) -> Any:
        found = super().verify(code, **terms)
        if isinstance(found, Decision) and found.issuer is not None:
            return replace(found, marks=CodeMarks(IssuerId(found.issuer), code))
        return found


@dataclass
class FakeHandles:
    """Makes handles of caller and person; has a key until `now` is past."""

    ready: bool = True
    until: float = AT + 60
    asked: list[Instant] = field(default_factory=list)

    def handle_for(self, caller: Caller, marks: CodeMarks, at: Instant) -> PairwiseHandle:
        if at >= self.until:
            raise NotReady
        self.asked.append(at)
        return PairwiseHandle(Handle(f"{caller.caller_id[9:11]}:{marks.person.decode()}"), Instant(self.until))


@dataclass
class Counted:
    """Counts what was told."""

    profiles: list[Profile] = field(default_factory=list)
    items: list[tuple[ClinicalQuestion, EntryState]] = field(default_factory=list)

    def told(self, profile: Profile) -> None:
        self.profiles.append(profile)

    def item_told(self, question: ClinicalQuestion, state: EntryState) -> None:
        self.items.append((question, state))


def desk(handles: FakeHandles | None = None, counted: Counted | None = None, **more: Any) -> VerificationDesk:
    made = Desk(pipeline=MarkingPipeline(), rights=EVERYTHING)()
    return replace(made, handles=handles, disclosures=counted or UNWATCHED, **more)


def request(context: dict[str, Any], code: bytes = b"green:a", **more: Any) -> pb.VerifyCodeRequest:
    return pb.VerifyCodeRequest(context=context, code=code, **more)


async def test_a_province_is_told_her_own_handle_of_who_was_established() -> None:
    handles, counted = FakeHandles(), Counted()
    for caller, code, handle in (
        (CALLER, b"green:a", "zj:green:a"),
        (OTHER, b"green:a", "sc:green:a"),
        (CALLER, b"nothing", ""),
    ):
        verdict = (await verify_code(request(PROVINCE, code), caller, AT, desk(handles, counted))).verdict
        assert verdict.WhichOneof("disclosure") == "province"
        assert verdict.province.handle == handle
        assert verdict.province.HasField("handle_until_time") == bool(handle)
        assert verdict.province.rule_version == ("330000-1" if handle else "")
    assert handles.asked == [AT, AT]
    assert counted.profiles == [Profile.PROVINCE] * 3


async def test_batches_and_streams_tell_handles_too_and_a_receipt_has_none() -> None:
    handles = FakeHandles()
    items = [pb.CodeItem(code=b"green:a"), pb.CodeItem(code=b"green:b"), pb.CodeItem(code=b"green:a")]
    batch = pb.VerifyCodesRequest(context=PROVINCE, items=items, receipts_requested=True)
    response = await verify_codes(batch, CALLER, AT, desk(handles))
    assert [one.province.handle for one in response.verdicts] == ["zj:green:a", "zj:green:b", "zj:green:a"]
    first = pb.StreamVerificationsRequest(context=PROVINCE, item=items[0])
    terms, told_first = stream_item(first, None, CALLER, AT, desk(handles))
    later = pb.StreamVerificationsRequest(item=items[1])
    _, told_later = stream_item(later, terms, CALLER, AT, desk(handles))
    assert isinstance(told_first, pb.StreamVerificationsResponse)
    assert isinstance(told_later, pb.StreamVerificationsResponse)
    assert [one.verdict.province.handle for one in (told_first, told_later)] == ["zj:green:a", "zj:green:b"]


@pytest.mark.parametrize("handles", [None, FakeHandles(ready=False)])
async def test_without_a_key_a_province_is_not_answered_and_nothing_is_judged(handles: FakeHandles | None) -> None:
    at_the_desk = desk(handles)
    pipeline = at_the_desk.pipeline
    assert isinstance(pipeline, MarkingPipeline)
    terms = Terms(Purpose.MEDICAL_CARE, DivisionCode("330000"), Profile.PROVINCE)
    item = pb.CodeItem(code=b"green:a")
    for ask in (
        lambda: verify_code(request(PROVINCE, b"nothing"), CALLER, AT, at_the_desk),
        lambda: verify_codes(pb.VerifyCodesRequest(context=PROVINCE, items=[item]), CALLER, AT, at_the_desk),
    ):
        with pytest.raises(NotReady):
            await ask()
    with pytest.raises(NotReady):
        stream_item(pb.StreamVerificationsRequest(item=item), terms, CALLER, AT, at_the_desk)
    assert pipeline.seen == []
    # The same question under STAFF is answered.
    staff = {**PROVINCE, "disclosure_profile": 2}
    assert (await verify_code(request(staff), CALLER, AT, at_the_desk)).verdict.HasField("staff")


async def test_a_key_that_is_gone_when_the_code_was_judged_is_no_answer_without_a_handle() -> None:
    with pytest.raises(NotReady):
        await verify_code(request(PROVINCE), CALLER, AT, desk(FakeHandles(until=AT)))
    decision = desk().pipeline.verify(b"green:a", at=AT, division=None)
    assert isinstance(decision, Decision)
    with pytest.raises(NotReady):
        told(decision, Profile.PROVINCE, CALLER, None, UNWATCHED, at=AT)


async def test_a_clinic_asks_for_one_item_and_it_is_counted_with_its_basis() -> None:
    counted = Counted()
    at_the_desk = desk(None, counted)
    verdict = (await verify_code(request(CLINIC), CALLER, AT, at_the_desk)).verdict
    assert verdict.WhichOneof("disclosure") == "clinic"
    assert verdict.clinic == pb.ClinicDisclosure(item=2, state=int(EntryState.NOT_IN_CODE))  # type: ignore[arg-type]
    question = ClinicalQuestion(ClinicalItem.LATEST_TEST, LawfulBasis.SEPARATE_CONSENT)
    assert counted.items == [(question, EntryState.NOT_IN_CODE)]
    assert at_the_desk.pipeline.items == [ClinicalItem.LATEST_TEST]  # type: ignore[attr-defined]
    await verify_code(request(CLINIC, b"nothing"), CALLER, AT, at_the_desk)
    assert counted.items[1:] == [(question, EntryState.NOT_PROVEN)]
    asked = request(CLINIC)
    assert agreed(asked, asked.context, CALLER, at_the_desk).clinical == question


async def test_no_other_profile_wants_an_item_of_a_code() -> None:
    at_the_desk = desk(FakeHandles())
    for profile in (0, 1, 2, 3):
        await verify_code(request({**PROVINCE, "disclosure_profile": profile}), CALLER, AT, at_the_desk)
    assert at_the_desk.pipeline.items == [None] * 4  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("context", "invalid"),
    [
        ({**CLINIC, "clinical_item": 0}, "context.clinical_item"),
        ({**CLINIC, "lawful_basis": 0}, "context.lawful_basis"),
        ({**PROVINCE, "clinical_item": 1}, "context.clinical_item"),
        ({**PROVINCE, "lawful_basis": 1}, "context.lawful_basis"),
        ({**PROVINCE, "disclosure_profile": 0, "lawful_basis": 4}, "context.lawful_basis"),
    ],
)
async def test_item_and_basis_go_with_clinic_and_with_nothing_else(context: dict[str, Any], invalid: str) -> None:
    at_the_desk = desk(FakeHandles())
    with pytest.raises(RequestInvalid) as caught:
        await verify_code(request(context), CALLER, AT, at_the_desk)
    assert caught.value.field == invalid
    assert at_the_desk.pipeline.seen == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["clinical_item", "lawful_basis"])
@pytest.mark.parametrize("number", [99, -1])
async def test_an_item_or_basis_that_no_schema_knows_is_malformed(name: str, number: int) -> None:
    with pytest.raises(RulesBroken):
        await verify_code(request({**CLINIC, name: number}), CALLER, AT, desk())


Ask = Callable[[VerificationDesk], Any]
ITEM = pb.CodeItem(code=b"green:a")


@pytest.mark.parametrize(
    "ask",
    [
        lambda at: verify_codes(pb.VerifyCodesRequest(context=CLINIC, items=[ITEM]), CALLER, AT, at),
        lambda at: assess_displayed_code(
            pb.AssessDisplayedCodeRequest(context=CLINIC, issuing_division="520000", displayed="green"), CALLER, AT, at
        ),
        lambda at: convert_code(conversion_pb.ConvertCodeRequest(context=CLINIC, code=b"green:a"), CALLER, AT, at),
        lambda at: verify_code(request({**CLINIC, "purpose": 3}), CALLER, AT, at),
    ],
)
async def test_a_clinic_asks_about_one_scanned_code_for_medical_care_only(ask: Ask) -> None:
    at_the_desk = desk()
    with pytest.raises(CallerRefused) as caught:
        await ask(at_the_desk)
    assert caught.value.reason is RefusalReason.PROFILE_NOT_ALLOWED
    assert at_the_desk.pipeline.seen == []  # type: ignore[attr-defined]


def test_a_stream_is_not_for_clinics() -> None:
    with pytest.raises(CallerRefused) as caught:
        stream_item(pb.StreamVerificationsRequest(context=CLINIC, item=ITEM), None, CALLER, AT, desk())
    assert caught.value.reason is RefusalReason.PROFILE_NOT_ALLOWED


async def test_an_item_that_is_not_hers_is_refused_before_anything_is_looked_at() -> None:
    rights = replace(EVERYTHING, clinical_items=frozenset({ClinicalItem.RECOVERY}))
    with pytest.raises(CallerRefused) as caught:
        await verify_code(request(CLINIC, b""), CALLER, AT, desk(rights_of=lambda _: rights))
    assert caught.value.reason is RefusalReason.ITEM_NOT_ALLOWED
