"""Is the request well-formed? The rules that the schema writes on fields, compiled once.

Rules:

- Says which fields are wrong and which rule they break, from the schema; never quotes what stands in them.
- Bounded work: what could make parsing or checking endless is refused before either.
"""

from __future__ import annotations

from typing import Final, TypeVar

import protovalidate
from google.protobuf.message import DecodeError, Message
from healthcode.interop.v1 import status_service_pb2 as status_pb
from healthcode.interop.v1 import verification_service_pb2 as pb
from healthcode.interop.v1.conversion_service_pb2 import ConvertCodeRequest
from healthcode.interop.v1.journey_service_pb2 import CheckJourneyRequest
from healthcode.interop.v1.place_service_pb2 import AssessPlaceRequest, ListAffectedCommunitiesRequest

from gateway.errors import RequestInvalid
from gateway.rpc.crowded import crowded
from gateway.rpc.errors import RulesBroken

MAX_BATCH: Final = 512
"""Items of a batch, as the schema says; checked by itself before the rules, which would look at every item first."""

_MAX_TOP_LEVEL_FIELDS: Final = 1_024

REQUESTS: Final[tuple[type[Message], ...]] = (
    pb.VerifyCodeRequest,
    pb.VerifyCodesRequest,
    pb.StreamVerificationsRequest,
    pb.AssessDisplayedCodeRequest,
    ConvertCodeRequest,
    CheckJourneyRequest,
    AssessPlaceRequest,
    ListAffectedCommunitiesRequest,
    status_pb.PublishChangesRequest,
    status_pb.ListStatusListsRequest,
    status_pb.StreamSnapshotRequest,
    status_pb.StreamChangesRequest,
    status_pb.WatchCodesRequest,
)
"""Every request that is served."""

_VALIDATOR: Final = protovalidate.Validator()

_WORDS: Final = {
    "required": "is required",
    "enum.not_in": "is required",
    "enum.defined_only": "is not a value that the schema knows",
    "bytes.min_len": "must not be empty",
    "repeated.min_items": "must not be empty",
}


M = TypeVar("M", bound=Message)


def parsed(kind: type[M], raw: bytes) -> M:
    """Return the message of type `kind` that `raw` encodes. Checks nothing else.

    Raises: RequestInvalid with an empty field path if it encodes none.
    """
    try:
        return kind.FromString(raw)
    except DecodeError:
        raise RequestInvalid("", f"is not a {kind.DESCRIPTOR.full_name}") from None


def refuse_endless_batch(raw: bytes) -> None:
    """Refuse a batch whose encoding has far more top-level fields than a batch can have.

    Raises: RequestInvalid naming `items`.
    """
    if crowded(raw, _MAX_TOP_LEVEL_FIELDS):
        raise RequestInvalid("items", f"must have at most {MAX_BATCH} items")


def check(message: Message) -> None:
    """Return if `message` keeps all rules of its schema.

    Does not check what is a verdict (the code's bytes), nor who may ask.

    Raises: RulesBroken with each broken rule, in the order of the schema.
    """
    if isinstance(message, pb.VerifyCodesRequest) and len(message.items) > MAX_BATCH:
        raise RequestInvalid("items", f"must have at most {MAX_BATCH} items")
    violations = _VALIDATOR.collect_violations(message)
    if violations:
        raise RulesBroken(tuple((_path(v), _words(v)) for v in violations))


def compile_rules() -> None:
    """Compile the rules of all requests now, so that a rule that cannot be compiled stops the start, not a call."""
    for kind in REQUESTS:
        _VALIDATOR.collect_violations(kind())


def _path(violation: protovalidate.Violation) -> str:
    steps = []
    for element in violation.proto.field.elements if violation.proto.field else ():
        index = element.subscript.value if element.subscript else None
        steps.append(element.field_name if index is None else f"{element.field_name}[{index}]")
    return ".".join(steps)


def _words(violation: protovalidate.Violation) -> str:
    rule = violation.proto.rule_id
    if rule == "string.pattern":
        return f"must match {violation.rule_value}"
    return _WORDS.get(rule, f"breaks the rule {rule}")
