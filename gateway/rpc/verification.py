"""The handlers of VerificationService: plain functions that know no transport.

Rules:

- Authority comes first (AIP-211): purpose, division and profile before the rest of the request is looked at.
- A request of the right form always gets an answer; whatever the code's bytes are, that is a verdict.
- The instant is given: one per request, batch or stream item.
- Nothing of a code, a checkpoint or a request id is kept in the open, logged or put into an error.
- A signed code is judged without waiting for anybody; only an opaque code waits, for its issuer, and for no longer than
  the caller does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, Protocol

from google.protobuf.message import Message
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.callers.rights import authorise
from gateway.clinical import ClinicalQuestion
from gateway.errors import NotReady, RequestInvalid
from gateway.receipts.receipt import Answer
from gateway.recording.trail import Asked
from gateway.replay.showing import scope_of
from gateway.rpc.audited import Trace
from gateway.rpc.convert import division_of, fill_verdict, profile_of, purpose_of, time_of
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.disclosing import clinical_question, refuse_without_key, told
from gateway.rpc.receipts_together import Drafts, drafts_for
from gateway.rpc.showing import Shown, show
from gateway.rpc.time_left import time_left
from gateway.rpc.validation import MAX_BATCH, check
from gateway.values import Caller, Decision, DisplayedCode, DivisionCode, Instant, OpaqueCode, Profile, Purpose, Way

SLICE: Final = 32
"""Items of a batch between which other calls get their turn: some 4 ms of one core, if they are real codes."""

SLICE_S: Final = 0.005
"""Seconds after which they get it earlier: the dearest hostile code alone takes more."""

ASKING: Final = 32
"""Opaque codes of a batch that are asked about at one time: a train of 300 must not crowd its province's lane."""

StreamAnswer = Coroutine[Any, Any, pb.StreamVerificationsResponse]


class AsksForReceipt(Protocol):
    """A request that may ask for a receipt."""

    request_id: str
    receipt_requested: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms codes are judged: a request's context, checked."""

    purpose: Purpose
    division: DivisionCode | None
    profile: Profile
    clinical: ClinicalQuestion | None = None
    """Under CLINIC: which item, and by what right."""
    scope: bytes = field(default=b"", repr=False)
    """The gate, for the replay guard."""


async def verify_code(
    request: pb.VerifyCodeRequest, caller: Caller, at: Instant, desk: VerificationDesk
) -> pb.VerifyCodeResponse:
    """Return the verdict on one code.

    Raises: CallerRefused, RulesBroken; NotReady if nothing can be judged or the wanted receipt cannot be signed.
    """
    terms = agreed(request, request.context, caller, desk)
    refuse_without_signer(request.receipt_requested, desk)
    trace = trace_of("VerifyCode", terms, caller, desk)
    response = pb.VerifyCodeResponse()
    shown = await decided(request.code, terms, at, desk, receipt=request.receipt_requested)
    tell(response.verdict, shown, request, terms, caller, desk, request.code)
    trace.write(shown.decision, request.code, response.verdict.receipt_salt)
    await trace.kept()
    return response


async def assess_displayed_code(
    request: pb.AssessDisplayedCodeRequest, caller: Caller, at: Instant, desk: VerificationDesk
) -> pb.AssessDisplayedCodeResponse:
    """Return the verdict on a code that a checker only saw.

    Raises: as `verify_code`.
    """
    terms = agreed(request, request.context, caller, desk)
    refuse_without_signer(request.receipt_requested, desk)
    trace = trace_of("AssessDisplayedCode", terms, caller, desk)
    shown = DisplayedCode(
        DivisionCode(request.issuing_division),
        request.displayed,
        time_of(request, "displayed_time"),
    )
    decision = desk.pipeline.assess(shown, at=at, division=terms.division, purpose=terms.purpose)
    desk.watch(decision)
    response = pb.AssessDisplayedCodeResponse()
    tell(response.verdict, Shown(decision), request, terms, caller, desk, None)
    trace.write(decision, None, b"")
    await trace.kept()
    return response


async def verify_codes(
    request: pb.VerifyCodesRequest, caller: Caller, at: Instant, desk: VerificationDesk
) -> pb.VerifyCodesResponse:
    """Return one verdict per item of a batch, in order, and one signature for all receipts, if they are wanted.

    Others have their turn after `SLICE` items, or as many as took `SLICE_S`. Opaque codes are asked about side by side,
    while the signed ones are judged.

    Raises: as `verify_code`.
    """
    # More than a batch can have is refused for its form: it must not look as if waiting would help.
    terms = agreed(request, request.context, caller, desk, min(len(request.items), MAX_BATCH))
    drafts = drafts_for(caller, terms.purpose, desk, wanted=request.receipts_requested)
    trace = trace_of("VerifyCodes", terms, caller, desk)
    response = pb.VerifyCodesResponse()
    try:
        async with asyncio.TaskGroup() as asking:
            await _judge_each(request, response, _Round(terms, caller, at, desk, drafts, trace), asking)
    except ExceptionGroup as failed:  # the group's wrapping is no news to the caller: the failure itself has its row
        raise failed.exceptions[0] from None
    if drafts is not None:
        drafts.sign(response, at)
    await trace.kept()
    return response


def stream_item(
    request: pb.StreamVerificationsRequest, before: Terms | None, caller: Caller, at: Instant, desk: VerificationDesk
) -> tuple[Terms, pb.StreamVerificationsResponse | StreamAnswer]:
    """Return the terms that hold for the next item of a stream, and the verdict on this one, or its awaiting.

    `before` are the terms of the item before, None for the first. They hold for this one if it has no context, as far
    as the caller's rights of now still allow them.

    Raises: as `verify_code`; any of them ends the stream.
    """
    if request.HasField("context"):
        terms = agreed(request, request.context, caller, desk)
    elif before is not None:
        rights = desk.rights_of(caller)
        authorise(rights, before.purpose, before.profile, before.division or "")
        rights.take_codes(1)
        check(request)
        refuse_without_key(before.profile, desk.handles)
        terms = before
    else:
        raise RequestInvalid("context", "is required in the first message")
    drafts = drafts_for(caller, terms.purpose, desk, wanted=request.receipt_requested)
    response, item = pb.StreamVerificationsResponse(), request.item
    judging = _Round(terms, caller, at, desk, drafts, trace_of("StreamVerifications", terms, caller, desk))
    found = desk.pipeline.verify(item.code, at=at, division=terms.division, purpose=terms.purpose)
    if isinstance(found, Decision):
        filling = _fill(response.verdict, found, item, judging)
        if filling is None:
            waiting = judging.trace.waiting()
            return terms, response if waiting is None else _after(waiting, response)
    else:
        filling = _ask_and_fill(response.verdict, found, item, judging)

    async def filled(filling: Coroutine[Any, Any, None]) -> pb.StreamVerificationsResponse:
        await filling
        await judging.trace.kept()
        return response

    return terms, filled(filling)


async def decided(
    code: bytes, terms: Terms, at: Instant, desk: VerificationDesk, way: Way = Way.VERIFY, *, receipt: bool
) -> Shown:
    """Return the decision on one code, guarded and counted; its issuer is asked if need be. Raises: NotReady."""
    pipeline, division, purpose = desk.pipeline, terms.division, terms.purpose
    item = None if terms.clinical is None else terms.clinical.item
    found = pipeline.verify(code, at=at, division=division, way=way, purpose=purpose, item=item)
    if not isinstance(found, Decision):
        found = await pipeline.ask_issuer(
            found, at=at, division=division, time_left=time_left(), way=way, purpose=purpose
        )
    shown = show(found, terms.scope, division, at, desk, receipt=receipt)
    if not isinstance(shown, Shown):
        shown = await shown
    _take_note(code, found, shown, desk)
    return shown


def tell(
    verdict: pb.Verdict,
    shown: Shown,
    request: AsksForReceipt,
    terms: Terms,
    caller: Caller,
    desk: VerificationDesk,
    code: bytes | None,
) -> None:
    """Write into the empty `verdict` as much of `shown` as the terms disclose, and the receipt if one is wanted.

    `code` is what was scanned, None if it was only seen.
    """
    said = told(
        shown.decision,
        terms.profile,
        caller,
        desk.handles,
        desk.disclosures,
        at=shown.decision.decided_time,
        question=terms.clinical,
    )
    fill_verdict(verdict, said, request.request_id)
    if request.receipt_requested and desk.receipts is not None:
        issued = desk.receipts.issue(Answer(said, caller, terms.purpose, request.request_id, code, shown.passage))
        verdict.receipt, verdict.receipt_salt = issued.text, issued.salt


def trace_of(call: str, terms: Terms, caller: Caller, desk: VerificationDesk) -> Trace:
    """Return what the decisions of an RPC are written down with. Raises: NotReady if they cannot be."""
    asked = Asked(call, caller.caller_id, terms.purpose, terms.profile, terms.division)
    if terms.clinical is not None:
        asked = asked._replace(clinical_item=terms.clinical.item.name, lawful_basis=terms.clinical.basis.name)
    return Trace(desk.audit, asked)


def refuse_without_signer(receipt_requested: bool, desk: VerificationDesk) -> None:  # noqa: FBT001 one question, asked in one way
    """Raise NotReady before anything is judged if a receipt is wanted and cannot be signed."""
    if receipt_requested and desk.receipts is None:
        raise NotReady("no signer")


def agreed(
    request: Message, context: pb.VerificationContext, caller: Caller, desk: VerificationDesk, codes: int = 1
) -> Terms:
    """Return the terms of `request`.

    1. the caller may ask this
    2. and as much now
    3. it keeps its schema's rules, and those that go with its profile
    4. there is what that profile takes to be answered
    """
    rights = desk.rights_of(caller)
    item = context.clinical_item if isinstance(request, pb.VerifyCodeRequest) else None
    authorise(rights, context.purpose, context.disclosure_profile, context.receiving_division, item)  # 1
    rights.take_codes(codes)  # 2
    check(request)  # 3
    division = division_of(context.receiving_division)
    terms = Terms(
        purpose_of(context.purpose),
        division,
        profile_of(context.disclosure_profile),
        clinical_question(context),
        scope_of(caller, division, context.checkpoint) if desk.replay is not None else b"",
    )
    refuse_without_key(terms.profile, desk.handles)  # 4
    return terms


@dataclass(frozen=True, slots=True)
class _Round:
    """What the codes of a batch, or one of a stream, are judged with."""

    terms: Terms
    caller: Caller
    at: Instant
    desk: VerificationDesk
    drafts: Drafts | None
    """None if no receipts are wanted."""
    trace: Trace


async def _after(waiting: Awaitable[None], response: pb.StreamVerificationsResponse) -> pb.StreamVerificationsResponse:
    await waiting
    return response


async def _judge_each(
    request: pb.VerifyCodesRequest,
    response: pb.VerifyCodesResponse,
    judging: _Round,
    asking: asyncio.TaskGroup,
) -> None:
    terms, pipeline = judging.terms, judging.desk.pipeline
    turns = asyncio.Semaphore(ASKING)
    turn_ends = monotonic() + SLICE_S
    guard = judging.desk.replay
    together = guard is not None and guard.asks_others
    judged: list[tuple[pb.Verdict, Decision, pb.CodeItem]] = []
    for done, item in enumerate(request.items, start=1):
        verdict = response.verdicts.add()
        found = pipeline.verify(item.code, at=judging.at, division=terms.division, purpose=terms.purpose)
        if not isinstance(found, Decision):
            asking.create_task(_ask_in_turn(turns, verdict, found, item, judging))
        elif together:
            judged.append((verdict, found, item))
        else:
            _fill(verdict, found, item, judging)
        if done % SLICE == 0 or monotonic() >= turn_ends:
            await asyncio.sleep(0)
            turn_ends = monotonic() + SLICE_S
    # Within one turn of the loop, so that other nodes are asked about all of them in one round trip.
    for verdict, decision, item in judged:
        filling = _fill(verdict, decision, item, judging)
        if filling is not None:
            asking.create_task(filling)


async def _ask_in_turn(
    turns: asyncio.Semaphore, verdict: pb.Verdict, code: OpaqueCode, item: pb.CodeItem, judging: _Round
) -> None:
    async with turns:
        await _ask_and_fill(verdict, code, item, judging)


async def _ask_and_fill(verdict: pb.Verdict, code: OpaqueCode, item: pb.CodeItem, judging: _Round) -> None:
    terms = judging.terms
    decision = await judging.desk.pipeline.ask_issuer(
        code, at=judging.at, division=terms.division, time_left=time_left(), purpose=terms.purpose
    )
    filling = _fill(verdict, decision, item, judging)
    if filling is not None:
        await filling


def _fill(
    verdict: pb.Verdict, decision: Decision, item: pb.CodeItem, judging: _Round
) -> Coroutine[Any, Any, None] | None:
    """Fill a verdict, or return what fills it once other nodes have been asked."""
    terms, desk = judging.terms, judging.desk
    shown = show(decision, terms.scope, terms.division, judging.at, desk, receipt=judging.drafts is not None)
    if isinstance(shown, Shown):
        _write(verdict, decision, shown, item, judging)
        return None
    return _fill_later(verdict, decision, shown, item, judging)


async def _fill_later(
    verdict: pb.Verdict, decision: Decision, shown: Awaitable[Shown], item: pb.CodeItem, judging: _Round
) -> None:
    _write(verdict, decision, await shown, item, judging)


def _write(verdict: pb.Verdict, decision: Decision, shown: Shown, item: pb.CodeItem, judging: _Round) -> None:
    _take_note(item.code, decision, shown, judging.desk)
    decided_at, desk = shown.decision.decided_time, judging.desk
    said = told(shown.decision, judging.terms.profile, judging.caller, desk.handles, desk.disclosures, at=decided_at)
    fill_verdict(verdict, said, item.request_id)
    if judging.drafts is not None:
        judging.drafts.write(verdict, said, item, shown.passage)
    judging.trace.write(shown.decision, item.code, verdict.receipt_salt)


def _take_note(code: bytes, judged: Decision, shown: Shown, desk: VerificationDesk) -> None:
    """Count what is answered; let no code that was made from this one be better than it was judged.

    That it was shown twice says nothing of its holder, and nothing of what was made from it.
    """
    desk.watch(shown.decision)
    if desk.converter is not None:
        desk.converter.noticed(code, judged)
