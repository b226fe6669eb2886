"""The one table from failures to answer to google.rpc.Status.

Rules:

- Every status has exactly one ErrorInfo; a malformed request adds a BadRequest, a failure worth repeating a RetryInfo.
- Texts are fixed here. Nothing of an exception reaches a caller but the field paths and descriptions of
  `RequestInvalid`, which come from the schema and never quote the request.
- What is not in the table is INTERNAL.

Source: AIP-193; google/rpc/error_details.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from gateway.errors import CallerRefused, NotReady, RefusalReason, RequestInvalid
from gateway.rpc.errors import MethodUnknown, OutOfTime, RequestTooLarge, RulesBroken

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
    RefusalReason.PURPOSE_NOT_ALLOWED: StatusRow(
        grpc.StatusCode.PERMISSION_DENIED, "PURPOSE_NOT_ALLOWED", "The caller may not ask for this purpose."
    ),
    RefusalReason.PROFILE_NOT_ALLOWED: StatusRow(
        grpc.StatusCode.PERMISSION_DENIED, "PROFILE_NOT_ALLOWED", "The caller may not be told this much."
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
    (OutOfTime, StatusRow(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE", "There was too little time to answer.")),
    (MethodUnknown, StatusRow(grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED", "There is no such method.")),
)


def row_of(failure: BaseException) -> StatusRow:
    """Return the row of `failure`; INTERNAL for whatever is not in the table."""
    if isinstance(failure, CallerRefused):
        return _REFUSALS.get(failure.reason, _INTERNAL)
    return next((row for kind, row in _TABLE if isinstance(failure, kind)), _INTERNAL)


def code_of(failure: BaseException) -> grpc.StatusCode:
    """Return the RPC code that `failure` ends in."""
    return row_of(failure).code


def status_of(failure: BaseException) -> Status:
    """Return what a caller is told of `failure`: code, fixed sentence, typed details."""
    row = row_of(failure)
    details: list[Message] = [ErrorInfo(reason=row.reason, domain=DOMAIN)]
    if isinstance(failure, RequestInvalid):
        details.append(_bad_request(failure))
    if row.retry_after_s is not None:
        retry = RetryInfo()
        retry.retry_delay.seconds = row.retry_after_s
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
