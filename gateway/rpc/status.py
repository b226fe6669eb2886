"""The one table from failures to answer to google.rpc.Status.

Rules:

- Every status has exactly one ErrorInfo; a malformed request adds a BadRequest, a failure worth repeating a RetryInfo.
- Texts are fixed here. Nothing of an exception reaches a caller but the field paths and descriptions of
  `RequestInvalid`, which come from the schema and never quote the request, and of `BatchRefused` field and number.
- What is not in the table is INTERNAL.

Source: AIP-193; google/rpc/error_details.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from gateway.changes import BatchRefusal, BatchRefused, StoreDegraded
from gateway.errors import CallerRefused, NotReady, RateLimited, RefusalReason, RequestInvalid
from gateway.rpc.errors import MethodUnknown, OutOfTime, RequestTooLarge, RulesBroken, TooManyStreams
from gateway.watches.settings import WatchRefusal, WatchRefused

DOMAIN: Final = "interop.healthcode"

MAX_VIOLATIONS: Final = 16
"""Of a request that breaks more rules, the first: the details must fit into 8 KiB of trailers."""


@dataclass(frozen=True, slots=True)
class StatusRow:
    """What a caller is told of one kind of failure."""

    code: grpc.StatusCode
    reason: str
    sentence: str
    retry_after_s: int | None = None


_INVALID = StatusRow(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", "The request is malformed.")
_INTERNAL = StatusRow(grpc.StatusCode.INTERNAL, "INTERNAL", "The gateway failed. Its operator has been told.")
_REFUSALS: Final[dict[RefusalReason, StatusRow]] = {
    RefusalReason.NO_IDENTITY: StatusRow(
        grpc.StatusCode.UNAUTHENTICATED, "NO_IDENTITY", "The transport does not tell who is calling."
    ),
    # One text for whatever is not the caller's. The reason tells which of her own rights it is, and nothing of what
    # there is.
    **{
        reason: StatusRow(grpc.StatusCode.PERMISSION_DENIED, reason.value, "The caller may not ask this.")
        for reason in (
            RefusalReason.CALL_NOT_ALLOWED,
            RefusalReason.PURPOSE_NOT_ALLOWED,
            RefusalReason.DIVISION_NOT_ALLOWED,
            RefusalReason.PROFILE_NOT_ALLOWED,
            RefusalReason.ITEM_NOT_ALLOWED,
            RefusalReason.NOT_ENROLLED,
        )
    },
}


def _batch(code: grpc.StatusCode, sentence: str, *refusals: BatchRefusal) -> dict[BatchRefusal, StatusRow]:
    return {refusal: StatusRow(code, refusal.value, sentence) for refusal in refusals}


_BATCHES: Final[dict[BatchRefusal, StatusRow]] = {
    **_batch(
        grpc.StatusCode.INVALID_ARGUMENT,
        "The batch breaks a rule of its form; metadata names the field.",
        BatchRefusal.MALFORMED,
        BatchRefusal.TOO_LARGE,
        BatchRefusal.INDEX_OUT_OF_RANGE,
        BatchRefusal.INDEX_REPEATED,
        BatchRefusal.REASON_CONTRADICTS,
        BatchRefusal.REASON_REQUIRED,
        BatchRefusal.AUTHORITY_REQUIRED,
        BatchRefusal.CORRECTS_NOTHING,
    ),
    **_batch(
        grpc.StatusCode.PERMISSION_DENIED,
        "The signatures are not those that the list's issuer must give.",
        BatchRefusal.UNKNOWN_ISSUER,
        BatchRefusal.BAD_SIGNATURE,
        BatchRefusal.SECOND_SIGNATURE_REQUIRED,
    ),
    **_batch(
        grpc.StatusCode.FAILED_PRECONDITION,
        "The batch does not go on from what is held; metadata tells how far that is.",
        BatchRefusal.NUMBER_GAP,
        BatchRefusal.BROKEN_CHAIN,
        BatchRefusal.LIST_CLOSED,
        BatchRefusal.BLOCK_TOO_LATE,
        BatchRefusal.DIGEST_MISMATCH,
    ),
    **_batch(
        grpc.StatusCode.FAILED_PRECONDITION,
        "The batch's time is not between that of the batch before and now.",
        BatchRefusal.IN_THE_FUTURE,
        BatchRefusal.TIME_GOES_BACK,
    ),
    **_batch(
        grpc.StatusCode.ALREADY_EXISTS,
        "Another batch is held under this number, or it is long past; metadata tells how far the list is held.",
        BatchRefusal.NUMBER_OLD,
        BatchRefusal.NUMBER_TAKEN,
    ),
    **_batch(grpc.StatusCode.NOT_FOUND, "No such list is held.", BatchRefusal.UNKNOWN_LIST),
    **_batch(grpc.StatusCode.RESOURCE_EXHAUSTED, "No more lists are held here.", BatchRefusal.TOO_MANY_LISTS),
}
_WATCHES: Final[dict[WatchRefusal, StatusRow]] = {
    WatchRefusal.TOO_MANY_WATCHES: StatusRow(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCH_TOO_MANY", "The caller has as many watches open as she may have."
    ),
    WatchRefusal.TOO_MANY_CODES: StatusRow(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCH_TOO_MANY_CODES", "There is no room to watch so many codes."
    ),
    WatchRefusal.TAKEN_OVER: StatusRow(
        grpc.StatusCode.ABORTED, "WATCH_TAKEN_OVER", "Another stream of the caller goes on with this watch."
    ),
}
_TABLE: Final[tuple[tuple[type[BaseException], StatusRow], ...]] = (
    (RequestInvalid, _INVALID),
    (
        RequestTooLarge,
        StatusRow(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_LARGE", "The request has more bytes than are read."),
    ),
    (
        NotReady,
        StatusRow(grpc.StatusCode.UNAVAILABLE, "NOT_READY", "The gateway cannot answer now.", retry_after_s=1),
    ),
    (
        StoreDegraded,
        StatusRow(
            grpc.StatusCode.UNAVAILABLE,
            "STORE_DEGRADED",
            "Nothing can be written now, so nothing was taken.",
            retry_after_s=5,
        ),
    ),
    (
        TooManyStreams,
        StatusRow(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "TOO_MANY_STREAMS",
            "The caller has too many streams open.",
        ),
    ),
    (
        RateLimited,
        StatusRow(grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", "The caller asks more than she may."),
    ),
    (OutOfTime, StatusRow(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE", "There was too little time to answer.")),
    (MethodUnknown, StatusRow(grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED", "There is no such method.")),
)


def row_of(failure: BaseException) -> StatusRow:
    """Return the row of `failure`; INTERNAL for whatever is not in the table."""
    if isinstance(failure, CallerRefused):
        return _REFUSALS.get(failure.reason, _INTERNAL)
    if isinstance(failure, BatchRefused):
        return _BATCHES.get(failure.refusal, _INTERNAL)
    if isinstance(failure, WatchRefused):
        return _WATCHES.get(failure.refusal, _INTERNAL)
    return next((row for kind, row in _TABLE if isinstance(failure, kind)), _INTERNAL)


def code_of(failure: BaseException) -> grpc.StatusCode:
    """Return the RPC code that `failure` ends in."""
    return row_of(failure).code


def status_of(failure: BaseException) -> Status:
    """Return what a caller is told of `failure`: code, fixed sentence, typed details."""
    row = row_of(failure)
    info = ErrorInfo(reason=row.reason, domain=DOMAIN)
    if isinstance(failure, BatchRefused):
        info.metadata["held"] = str(failure.held)
        info.metadata["field"] = failure.field
    details: list[Message] = [info]
    if isinstance(failure, RequestInvalid):
        details.append(_bad_request(failure))
    if isinstance(failure, BatchRefused) and row.code is grpc.StatusCode.INVALID_ARGUMENT:
        details.append(_bad_request(RequestInvalid(failure.field, row.reason)))
    wait_s = failure.retry_after_s if isinstance(failure, RateLimited) else row.retry_after_s
    if wait_s is not None:
        retry = RetryInfo()
        retry.retry_delay.FromMilliseconds(ceil(wait_s * 1000))
        details.append(retry)
    status = Status(code=code_pb2.Code.Value(row.code.name), message=row.sentence)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def grpc_status_of(failure: BaseException) -> grpc.Status:
    """Return `status_of(failure)` in the form that a servicer context aborts with."""
    return rpc_status.to_status(status_of(failure))


def _bad_request(failure: RequestInvalid) -> BadRequest:
    found = failure.violations if isinstance(failure, RulesBroken) else ((failure.field, failure.description),)
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field=field, description=description)
            for field, description in found[:MAX_VIOLATIONS]
        ]
    )
