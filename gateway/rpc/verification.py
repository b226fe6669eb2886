"""The handlers of VerificationService: plain functions that know no transport.

Rules:

- Authority comes first (AIP-211): profile and purpose before the rest of the request is looked at.
- A request of the right form always gets an answer; whatever the code's bytes are, that is a verdict.
- The instant is given: one per request, batch or stream item.
- Nothing of a code, a checkpoint or a request id is kept, logged or put into an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Final

from google.protobuf.message import Message
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.disclosure import Disclosure, disclose
from gateway.errors import CallerRefused, NotReady, RefusalReason, RequestInvalid
from gateway.rpc.convert import division_of, fill_verdict, profile_of, purpose_of
from gateway.rpc.desk import Rights, VerificationDesk
from gateway.rpc.validation import check
from gateway.values import Caller, DivisionCode, Instant, Profile, Purpose

SLICE: Final = 32
"""Items of a batch between which other calls get their turn: some 4 ms of one core, if they are real codes."""

SLICE_S: Final = 0.005
"""Seconds after which they get it earlier: the dearest hostile code alone takes more."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms codes are judged: a request's context, checked."""

    purpose: Purpose
    division: DivisionCode | None
    profile: Profile


def verify_code(
    request: pb.VerifyCodeRequest, caller: Caller, at: Instant, desk: VerificationDesk
) -> pb.VerifyCodeResponse:
    """Return the verdict on one code.

    Raises: CallerRefused, RulesBroken; NotReady if nothing can be judged or the wanted receipt cannot be signed.
    """
    terms = _agreed(request, request.context, caller, desk)
    if request.receipt_requested and desk.receipts is None:
        raise NotReady("no signer")
    response = pb.VerifyCodeResponse()
    said = _judge(response.verdict, request.code, request.request_id, terms, at, desk)
    if request.receipt_requested and desk.receipts is not None:
        response.verdict.receipt = desk.receipts.issue(
            said, caller=caller, purpose=terms.purpose, request_id=request.request_id
        )
    return response


def verify_codes(
    request: pb.VerifyCodesRequest,
    response: pb.VerifyCodesResponse,
    caller: Caller,
    at: Instant,
    desk: VerificationDesk,
) -> Iterator[int]:
    """Return steps that fill `response` with one verdict per item; each tells how many are there.

    A step takes `SLICE` items, or as many as it can in `SLICE_S`. A transport lets others have their turn between the
    steps, and sends the response when there are no more. The request is checked here and now, not at the first step.

    Raises: as `verify_code`; NotReady also at a step.
    """
    terms = _agreed(request, request.context, caller, desk)
    return _judge_batch(request, response, terms, at, desk)


def stream_item(
    request: pb.StreamVerificationsRequest, before: Terms | None, caller: Caller, at: Instant, desk: VerificationDesk
) -> tuple[pb.StreamVerificationsResponse, Terms]:
    """Return the verdict on one item of a stream, and the terms that hold for the next one.

    `before` are the terms of the item before, None for the first. They hold for this one if it has no context, as far
    as the caller's rights of now still allow them.

    Raises: as `verify_code`; any of them ends the stream.
    """
    if request.HasField("context"):
        terms = _agreed(request, request.context, caller, desk)
    elif before is not None:
        _authorise(before.profile, before.purpose, desk.rights_of(caller))
        check(request)
        terms = before
    else:
        raise RequestInvalid("context", "is required in the first message")
    response = pb.StreamVerificationsResponse()
    _judge(response.verdict, request.item.code, request.item.request_id, terms, at, desk)
    return response, terms


def _agreed(request: Message, context: pb.VerificationContext, caller: Caller, desk: VerificationDesk) -> Terms:
    """Return the terms of `request`: 1. the caller may ask this, 2. it keeps the rules of its schema."""
    _authorise(context.disclosure_profile, context.purpose, desk.rights_of(caller))  # 1
    check(request)  # 2
    return Terms(
        purpose_of(context.purpose), division_of(context.receiving_division), profile_of(context.disclosure_profile)
    )


def _authorise(profile: int, purpose: int, rights: Rights) -> None:
    """Return if `rights` cover profile and purpose. Numbers that no schema knows are left to its rules."""
    if rights.max_profile < profile <= max(Profile):
        raise CallerRefused(RefusalReason.PROFILE_NOT_ALLOWED)
    if purpose not in rights.purposes and 0 < purpose <= max(Purpose):
        raise CallerRefused(RefusalReason.PURPOSE_NOT_ALLOWED)


def _judge(
    verdict: pb.Verdict, code: bytes, request_id: str, terms: Terms, at: Instant, desk: VerificationDesk
) -> Disclosure:
    decision = desk.pipeline.verify(code, at=at, division=terms.division)
    desk.watch(decision)
    said = disclose(decision, terms.profile)
    fill_verdict(verdict, said, request_id)
    return said


def _judge_batch(
    request: pb.VerifyCodesRequest,
    response: pb.VerifyCodesResponse,
    terms: Terms,
    at: Instant,
    desk: VerificationDesk,
) -> Iterator[int]:
    turn_ends = monotonic() + SLICE_S
    for done, item in enumerate(request.items, start=1):
        _judge(response.verdicts.add(), item.code, item.request_id, terms, at, desk)
        if done % SLICE == 0 or monotonic() >= turn_ends:
            yield done
            turn_ends = monotonic() + SLICE_S
    yield len(response.verdicts)
