"""Codes that are shown at gates: through every RPC, with the guard of one machine behind it."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from healthcode.interop.v1 import conversion_service_pb2, reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb
from nacl.signing import SigningKey

from gateway.clinical import ClinicalItem
from gateway.errors import Reason
from gateway.receipts.receipt import ReceiptIssuer
from gateway.replay.guard import Guarded, ReplayGuard
from gateway.replay.showing import Recorded, Seen, Showing, Unchecked
from gateway.rpc.conversion import convert_code
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.verification import Terms, assess_displayed_code, stream_item, verify_code, verify_codes
from gateway.values import (
    Caller,
    CallerId,
    CallerKind,
    CodeMarks,
    Decision,
    DisplayedCode,
    DivisionCode,
    Instant,
    Measure,
    OpaqueCode,
    Purpose,
    Way,
)
from tests.unit.replay.gates import Clock, Station
from tests.unit.rpc.fakes import AT, Desk, FakePipeline

CALLER = Caller(CallerId("spiffe://zj.example/hub/east"), CallerKind.TLS_PEER)
OTHER = Caller(CallerId("spiffe://zj.example/hub/west"), CallerKind.TLS_PEER)
SUSPECTED = reason_pb2.REASON_REPLAY_SUSPECTED


@dataclass
class Marking(FakePipeline):
    """Judges as its parent, and marks each code that has an issuer as dynamic; b"green:static" is not."""

    measure: Measure = Measure.PASS
    reason: Reason | None = None

    def verify(
        self,
        code: bytes,
        *,
        at: Instant,
        division: DivisionCode | None,
        way: Way = Way.VERIFY,
        purpose: Purpose | None = None,
        item: ClinicalItem | None = None,
    ) -> Decision | OpaqueCode:
        found = super().verify(code, at=at, division=division, way=way, purpose=purpose, item=item)
        return self.marked(found, code) if isinstance(found, Decision) else found

    async def ask_issuer(
        self,
        code: OpaqueCode,
        *,
        at: Instant,
        division: DivisionCode | None,
        time_left: float,
        way: Way = Way.VERIFY,
        purpose: Purpose | None = None,
    ) -> Decision:
        found = await super().ask_issuer(code, at=at, division=division, time_left=time_left, way=way, purpose=purpose)
        return self.marked(found, code.identifier.encode())

    def assess(
        self, code: DisplayedCode, *, at: Instant, division: DivisionCode | None, purpose: Purpose | None = None
    ) -> Decision:
        return super().assess(code, at=at, division=division, purpose=purpose)

    def marked(self, found: Decision, code: bytes) -> Decision:
        if found.issuer is None:
            return found
        showing = None if code == b"green:static" else code
        found = replace(found, marks=CodeMarks(found.issuer, b"p", showing, Instant(AT + 200)))
        if self.reason is not None:
            found = replace(found, measure=self.measure, reasons=(self.reason,))
        return found


@dataclass
class Counted:
    """A converter that makes nothing, and keeps what it was told."""

    noticed_measures: list[Measure] = field(default_factory=list)
    converted: list[Measure] = field(default_factory=list)

    def noticed(self, original: bytes, decision: Decision) -> None:
        self.noticed_measures.append(decision.measure)

    def convert(self, decision: Decision, original: bytes, *, division: DivisionCode, at: Instant) -> None:
        self.converted.append(decision.measure)

    async def shown(self, made: object) -> None:
        raise AssertionError("nothing was made")

    def withdraw(self, made: object) -> None:
        raise AssertionError("nothing was made")


@dataclass
class House:
    """A desk with a guard, and its clock."""

    clock: Clock = field(default_factory=lambda: Clock(wall=AT))
    pipeline: Marking = field(default_factory=Marking)
    watched: list[Decision] = field(default_factory=list)
    converter: Counted = field(default_factory=Counted)
    desk: VerificationDesk = field(init=False)

    def __post_init__(self) -> None:
        table = Station(clock=self.clock).table
        self.desk = replace(
            Desk(receipts=None)(),
            pipeline=self.pipeline,
            replay=ReplayGuard(table, clock=self.now),
            watch=self.watched.append,
            converter=self.converter,
        )

    def now(self) -> Instant:
        return Instant(self.clock.wall)

    async def verify(
        self, code: bytes = b"green:gz", checkpoint: str = "gate-1", caller: Caller = CALLER, **changes: Any
    ) -> pb.Verdict:
        request = pb.VerifyCodeRequest(context=context(checkpoint), code=code, **changes)
        return (await verify_code(request, caller, self.now(), self.desk)).verdict


def context(checkpoint: str = "gate-1", division: str = "330000") -> pb.VerificationContext:
    return pb.VerificationContext(
        purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL, receiving_division=division, checkpoint=checkpoint
    )


def measure_of(verdict: pb.Verdict) -> str:
    return Measure(verdict.core.measure).name


@pytest.mark.parametrize("code", [b"green:gz", b"ask:at-once"])
async def test_the_same_gate_asks_again_and_another_is_suspected(code: bytes) -> None:
    house = House()
    assert measure_of(await house.verify(code)) == "PASS"
    house.clock.passes(5)
    assert measure_of(await house.verify(code)) == "PASS"
    for changed in ({"checkpoint": "gate-2"}, {"caller": OTHER}):
        verdict = await house.verify(code, **changed)
        assert (measure_of(verdict), verdict.core.reasons[0]) == ("MANUAL", SUSPECTED)
    house.clock.passes(11)
    assert (await house.verify(code)).core.reasons[0] == SUSPECTED


async def test_what_is_answered_is_counted_and_what_was_judged_is_noticed() -> None:
    house = House()
    await house.verify()
    await house.verify(checkpoint="gate-2")
    assert [one.measure for one in house.watched] == [Measure.PASS, Measure.MANUAL]
    assert house.converter.noticed_measures == [Measure.PASS, Measure.PASS]


@pytest.mark.parametrize("code", [b"green:static", b"hello", b""])
async def test_what_is_not_dynamic_or_proves_nothing_is_shown_anywhere(code: bytes) -> None:
    house = House()
    items = [pb.CodeItem(code=code)]
    for checkpoint in ("gate-1", "gate-2"):
        request = pb.VerifyCodesRequest(context=context(checkpoint), items=items)
        verdict = (await verify_codes(request, CALLER, house.now(), house.desk)).verdicts[0]
        assert SUSPECTED not in verdict.core.reasons


async def test_what_a_checker_only_saw_is_no_showing() -> None:
    house = House()
    for checkpoint in ("gate-1", "gate-2"):
        request = pb.AssessDisplayedCodeRequest(
            context=context(checkpoint), issuing_division="520000", displayed="green"
        )
        answer = await assess_displayed_code(request, CALLER, house.now(), house.desk)
        assert measure_of(answer.verdict) == "PASS"


async def test_a_code_that_is_not_let_through_is_shown_all_the_same() -> None:
    house = House(pipeline=Marking(measure=Measure.DENY, reason=Reason.STATE_RED))
    assert measure_of(await house.verify()) == "DENY"
    house.pipeline.reason = None
    verdict = await house.verify(checkpoint="gate-2")
    assert (measure_of(verdict), verdict.core.reasons[0]) == ("MANUAL", SUSPECTED)
    house.pipeline.reason = Reason.STATE_RED
    verdict = await house.verify(checkpoint="gate-2")
    assert measure_of(verdict) == "DENY"
    assert list(verdict.core.reasons) == [reason_pb2.REASON_STATE_RED, SUSPECTED]


async def test_a_code_that_has_ended_is_not_shown_any_more() -> None:
    house = House(pipeline=Marking(measure=Measure.DENY, reason=Reason.EXPIRED))
    for checkpoint in ("gate-1", "gate-2"):
        assert list((await house.verify(checkpoint=checkpoint)).core.reasons) == [reason_pb2.REASON_EXPIRED]


async def test_a_code_that_has_not_begun_is_not_shown_yet() -> None:
    house = House(pipeline=Marking(measure=Measure.DENY, reason=Reason.NOT_YET_VALID))
    for checkpoint in ("gate-1", "gate-2"):
        assert list((await house.verify(checkpoint=checkpoint)).core.reasons) == [reason_pb2.REASON_NOT_YET_VALID]
    assert house.desk.replay is not None
    assert house.desk.replay.here.held == 0  # type: ignore[attr-defined]
    # Once it may pass it does so at one gate.
    house.pipeline.reason = None
    house.clock.passes(30)
    assert measure_of(await house.verify(checkpoint="gate-2")) == "PASS"
    assert (await house.verify(checkpoint="gate-1")).core.reasons[0] == SUSPECTED


async def test_the_division_says_what_becomes_of_it() -> None:
    house = House()
    asked: list[DivisionCode | None] = []

    def deny(decision: Decision, division: DivisionCode | None) -> Decision:
        asked.append(division)
        return replace(decision, measure=Measure.DENY, reasons=(Reason.REPLAY_SUSPECTED,))

    house.desk = replace(house.desk, suspect=deny)
    await house.verify()
    assert measure_of(await house.verify(checkpoint="gate-2")) == "DENY"
    assert asked == ["330000"]


async def test_a_batch_is_shown_at_its_gate_item_by_item() -> None:
    house = House()
    items = [pb.CodeItem(code=b"green:%d" % number) for number in range(100)] + [pb.CodeItem(code=b"ask:at-once")]

    async def batch(checkpoint: str) -> set[str]:
        request = pb.VerifyCodesRequest(context=context(checkpoint), items=items)
        return {measure_of(one) for one in (await verify_codes(request, CALLER, house.now(), house.desk)).verdicts}

    assert await batch("gate-1") == {"PASS"}
    assert await batch("gate-1") == {"PASS"}
    assert await batch("gate-2") == {"MANUAL"}


async def test_the_same_code_twice_in_a_batch_is_one_passage() -> None:
    house = House()
    request = pb.VerifyCodesRequest(context=context(), items=[pb.CodeItem(code=b"green:gz")] * 3)
    answer = await verify_codes(request, CALLER, house.now(), house.desk)
    assert [measure_of(one) for one in answer.verdicts] == ["PASS"] * 3


async def test_the_items_of_a_stream_are_shown_at_the_gate_of_its_first_context() -> None:
    house = House()
    terms: Terms | None = None
    measures = []
    for first, checkpoint in ((True, "gate-1"), (False, ""), (True, "gate-2"), (False, "")):
        request = pb.StreamVerificationsRequest(item=pb.CodeItem(code=b"green:gz"))
        if first:
            request.context.CopyFrom(context(checkpoint))
        terms, answer = stream_item(request, terms, CALLER, house.now(), house.desk)
        assert not isinstance(answer, Coroutine)
        measures.append(measure_of(answer.verdict))
    assert measures == ["PASS", "PASS", "MANUAL", "MANUAL"]


async def test_a_conversion_is_a_showing_and_a_suspected_one_makes_no_code() -> None:
    house = House()
    await house.verify()
    for checkpoint, measure in (("gate-1", Measure.PASS), ("gate-2", Measure.MANUAL)):
        request = conversion_service_pb2.ConvertCodeRequest(context=context(checkpoint), code=b"green:gz")
        answer = await convert_code(request, CALLER, house.now(), house.desk)
        assert measure_of(answer.verdict) == measure.name
    assert house.converter.converted == [Measure.PASS, Measure.MANUAL]


# The guard alone


@dataclass
class Says:
    """A guard that says what it is told to."""

    guarded: Guarded
    later: bool = False
    shown: list[Showing] = field(default_factory=list)

    @property
    def asks_others(self) -> bool:
        return self.later

    def show(self, showing: Showing, *, passage: bool = False) -> Guarded | Coroutine[Any, Any, Guarded]:
        self.shown.append(showing)
        return self.once_known() if self.later else self.guarded

    async def once_known(self) -> Guarded:
        await asyncio.sleep(0)
        return self.guarded


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("guarded", "measure", "reasons"),
    [
        (Guarded(Seen.FIRST), "PASS", ["STATE_GREEN", "NOT_PUBLISHED"]),
        (Guarded(Seen.FIRST, here_only=True), "PASS", ["STATE_GREEN", "REPLAY_GUARD_LOCAL", "NOT_PUBLISHED"]),
        (Guarded(Seen.UNCHECKED), "MANUAL", ["REPLAY_UNCHECKED", "STATE_GREEN", "NOT_PUBLISHED"]),
        (
            Guarded(Seen.UNCHECKED, here_only=True),
            "MANUAL",
            ["REPLAY_UNCHECKED", "REPLAY_GUARD_LOCAL", "STATE_GREEN", "NOT_PUBLISHED"],
        ),
        (Guarded(Seen.SUSPECTED), "MANUAL", ["REPLAY_SUSPECTED", "STATE_GREEN", "NOT_PUBLISHED"]),
    ],
)
async def test_every_rpc_says_what_the_guard_says(
    guarded: Guarded, measure: str, reasons: list[str], later: bool
) -> None:
    house = House()
    house.desk = replace(house.desk, replay=Says(guarded, later))
    code = b"green:gz"
    verdicts = [await house.verify(code)]
    batch = pb.VerifyCodesRequest(context=context(), items=[pb.CodeItem(code=code), pb.CodeItem(code=b"ask:at-once")])
    verdicts += (await verify_codes(batch, CALLER, house.now(), house.desk)).verdicts
    item = pb.StreamVerificationsRequest(context=context(), item=pb.CodeItem(code=code))
    _, answer = stream_item(item, None, CALLER, house.now(), house.desk)
    verdicts.append((await answer if isinstance(answer, Coroutine) else answer).verdict)
    convert = conversion_service_pb2.ConvertCodeRequest(context=context(), code=code)
    verdicts.append((await convert_code(convert, CALLER, house.now(), house.desk)).verdict)
    for verdict in verdicts:
        assert measure_of(verdict) == measure
        assert [Reason(one).name for one in verdict.core.reasons] == reasons
    assert len(house.watched) == len(verdicts)


class Broken:
    """A memory that does not work."""

    held, capacity = 0, 0

    def show(self, showing: Showing, *, passage: bool = False) -> Recorded:
        raise OSError(37, "no locks available")

    def disown(self, showing: Showing) -> None:
        raise OSError(37, "no locks available")

    def tend(self, at: Instant) -> None:
        raise OSError(37, "no locks available")


async def test_a_memory_that_does_not_work_lets_nobody_through_and_stops_no_answer() -> None:
    house = House()
    house.desk = replace(house.desk, replay=ReplayGuard(Broken(), clock=house.now))
    verdict = await house.verify()
    assert (measure_of(verdict), verdict.core.reasons[0]) == ("MANUAL", reason_pb2.REASON_REPLAY_UNCHECKED)


async def test_why_it_could_not_be_checked_is_counted() -> None:
    told: list[tuple[Seen, Unchecked | None, bool]] = []

    class Told:
        def shown(self, seen: Seen, why: Unchecked | None, *, here_only: bool) -> None:
            told.append((seen, why, here_only))

        def failed(self, failure: Exception) -> None:
            told.append((Seen.FIRST, None, False))

    house = House()
    house.desk = replace(house.desk, replay=ReplayGuard(Broken(), None, Told(), clock=house.now))  # type: ignore[arg-type]
    await house.verify()
    assert told == [(Seen.FIRST, None, False), (Seen.UNCHECKED, Unchecked.UNUSABLE, False)]


# Receipts


class Key:
    """A signer."""

    def __init__(self) -> None:
        self.key_id = b"key-1"
        self.public_jwk = {"alg": "EdDSA", "kid": "key-1"}
        self._key = SigningKey(bytes(32))

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data).signature


def claims(verdict: pb.Verdict) -> dict[str, Any]:
    part = verdict.receipt.split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def with_receipts() -> House:
    house = House()
    issuer = ReceiptIssuer("https://gw.example", Key())  # type: ignore[arg-type]
    house.desk = replace(house.desk, receipts=issuer)
    return house


async def test_the_same_passage_has_the_same_receipt_to_the_byte() -> None:
    house = with_receipts()
    first = await house.verify(receipt_requested=True)
    house.clock.passes(7)
    again = await house.verify(receipt_requested=True)
    assert again.receipt == first.receipt
    assert again.receipt_salt == first.receipt_salt
    assert claims(again)["iat"] == int(AT)
    assert again.core.decided_time.seconds == int(AT + 7)


async def test_what_is_said_otherwise_is_another_receipt_with_a_time_of_its_own() -> None:
    house = with_receipts()
    first = await house.verify(receipt_requested=True)
    house.clock.passes(4)
    house.pipeline.measure, house.pipeline.reason = Measure.DENY, Reason.STATE_RED
    red = await house.verify(receipt_requested=True)
    other_gate = await house.verify(checkpoint="gate-2", receipt_requested=True)
    other_id = await house.verify(receipt_requested=True, request_id="r-2")
    found = [claims(one) for one in (first, red, other_gate, other_id)]
    assert len({one["jti"] for one in found}) == 4
    assert [one["iat"] - int(AT) for one in found] == [0, 4, 4, 4]


async def test_the_receipts_of_a_batch_are_the_same_in_the_same_passage() -> None:
    house = with_receipts()
    request = pb.VerifyCodesRequest(
        context=context(),
        items=[pb.CodeItem(code=b"green:gz"), pb.CodeItem(code=b"green:gx")],
        receipts_requested=True,
    )
    payloads = []
    for _ in range(2):
        answer = await verify_codes(request, CALLER, house.now(), house.desk)
        payloads.append([(one.receipt_proof.payload, one.receipt_salt) for one in answer.verdicts])
        house.clock.passes(5)
    assert payloads[0] == payloads[1]
    assert payloads[0][0] != payloads[0][1]
