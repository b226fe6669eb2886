from __future__ import annotations

import re

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # type: ignore[import-untyped]

from gateway.changes import BatchRefusal, BatchRefused, StoreDegraded
from gateway.errors import CallerRefused, GatewayError, NotReady, RefusalReason, RequestInvalid
from gateway.rpc.errors import Draining, MethodUnknown, OutOfTime, RequestTooLarge, RulesBroken, TooManyStreams
from gateway.rpc.status import DOMAIN, MAX_VIOLATIONS, code_of, status_of
from tests.unit.rpc.fakes import CANARY

Code = grpc.StatusCode

TABLE = [
    (RequestInvalid("context.purpose", "is required"), Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
    (RulesBroken((("a", "b"), ("c", "d"))), Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
    (RequestTooLarge(), Code.RESOURCE_EXHAUSTED, "TOO_LARGE"),
    (CallerRefused(RefusalReason.NO_IDENTITY), Code.UNAUTHENTICATED, "NO_IDENTITY"),
    (CallerRefused(RefusalReason.PURPOSE_NOT_ALLOWED), Code.PERMISSION_DENIED, "PURPOSE_NOT_ALLOWED"),
    (CallerRefused(RefusalReason.PROFILE_NOT_ALLOWED), Code.PERMISSION_DENIED, "PROFILE_NOT_ALLOWED"),
    (CallerRefused(RefusalReason.NOT_ENROLLED), Code.PERMISSION_DENIED, "NOT_ENROLLED"),
    (BatchRefused(BatchRefusal.MALFORMED, "groups[1].state"), Code.INVALID_ARGUMENT, "BATCH_MALFORMED"),
    (BatchRefused(BatchRefusal.NUMBER_GAP, held=7), Code.FAILED_PRECONDITION, "BATCH_NUMBER_GAP"),
    (BatchRefused(BatchRefusal.NUMBER_TAKEN, held=7), Code.ALREADY_EXISTS, "BATCH_NUMBER_TAKEN"),
    (BatchRefused(BatchRefusal.BAD_SIGNATURE), Code.PERMISSION_DENIED, "BATCH_BAD_SIGNATURE"),
    (BatchRefused(BatchRefusal.UNKNOWN_LIST), Code.NOT_FOUND, "BATCH_UNKNOWN_LIST"),
    (StoreDegraded(CANARY), Code.UNAVAILABLE, "STORE_DEGRADED"),
    (TooManyStreams(CANARY), Code.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS"),
    (NotReady(CANARY), Code.UNAVAILABLE, "NOT_READY"),
    (Draining(), Code.UNAVAILABLE, "NOT_READY"),
    (OutOfTime(CANARY), Code.DEADLINE_EXCEEDED, "DEADLINE"),
    (MethodUnknown(CANARY), Code.UNIMPLEMENTED, "UNIMPLEMENTED"),
    (GatewayError(CANARY), Code.INTERNAL, "INTERNAL"),
    (KeyError(CANARY), Code.INTERNAL, "INTERNAL"),
    (TimeoutError(CANARY), Code.INTERNAL, "INTERNAL"),
    (MemoryError(CANARY), Code.INTERNAL, "INTERNAL"),
]


@pytest.mark.parametrize(("failure", "code", "reason"), TABLE)
def test_each_failure_has_its_code_and_exactly_one_error_info(failure: Exception, code: Code, reason: str) -> None:
    status = status_of(failure)
    assert status.code == code.value[0]
    assert code_of(failure) is code
    infos = [detail for detail in status.details if detail.Is(ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1
    info = ErrorInfo.FromString(infos[0].value)
    assert (info.reason, info.domain) == (reason, DOMAIN)
    assert re.fullmatch("[A-Z][A-Z0-9_]{0,61}[A-Z0-9]", info.reason)
    names = [detail.TypeName() for detail in status.details]
    assert len(names) == len(set(names))
    assert any(detail.Is(BadRequest.DESCRIPTOR) for detail in status.details) is (code is Code.INVALID_ARGUMENT)
    assert any(detail.Is(RetryInfo.DESCRIPTOR) for detail in status.details) is (code is Code.UNAVAILABLE)
    assert status.message
    assert not any(word.encode() in status.SerializeToString() for word in CANARY.split())


def test_every_refusal_has_a_row() -> None:
    for reason in RefusalReason:
        assert code_of(CallerRefused(reason)) is not Code.INTERNAL
    for refusal in BatchRefusal:
        assert code_of(BatchRefused(refusal)) is not Code.INTERNAL


def test_a_refused_batch_tells_where_and_how_far_the_list_is_held() -> None:
    status = status_of(BatchRefused(BatchRefusal.INDEX_OUT_OF_RANGE, "groups[2].indices", held=41))
    info = ErrorInfo.FromString(status.details[0].value)
    assert dict(info.metadata) == {"held": "41", "field": "groups[2].indices"}
    found = next(detail for detail in status.details if detail.Is(BadRequest.DESCRIPTOR))
    assert [one.field for one in BadRequest.FromString(found.value).field_violations] == ["groups[2].indices"]


def test_violations_are_told_in_order_and_fit_into_trailers() -> None:
    broken = RulesBroken(tuple((f"items[{number}].request_id", "must match " + "x" * 60) for number in range(512)))
    status = status_of(broken)
    found = next(detail for detail in status.details if detail.Is(BadRequest.DESCRIPTOR))
    fields = [violation.field for violation in BadRequest.FromString(found.value).field_violations]
    assert fields == [f"items[{number}].request_id" for number in range(MAX_VIOLATIONS)]
    assert len(status.SerializeToString()) < 4_096
