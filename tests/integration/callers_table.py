"""The table of who may ask what, written down once more, and a reader of the wire that knows no schema but its own."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import grpc
from healthcode.interop.v1 import conversion_service_pb2 as conversion_pb
from healthcode.interop.v1 import journey_service_pb2 as journeys_pb
from healthcode.interop.v1 import place_service_pb2 as places_pb
from healthcode.interop.v1 import status_service_pb2 as status_pb
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.rpc.methods import METHODS
from gateway.values import Purpose
from tests.integration.grpc_edge import told

PREFIX = "/healthcode.interop.v1."
VERIFY, BATCH, STREAM, SHOWN = (
    f"{PREFIX}VerificationService/{name}"
    for name in ("VerifyCode", "VerifyCodes", "StreamVerifications", "AssessDisplayedCode")
)
CONVERT = f"{PREFIX}ConversionService/ConvertCode"
JOURNEY = f"{PREFIX}JourneyService/CheckJourney"
PLACE, PLACES = f"{PREFIX}PlaceService/AssessPlace", f"{PREFIX}PlaceService/ListAffectedCommunities"
PUBLISH, LISTS, SNAPSHOT, CHANGES, WATCH = (
    f"{PREFIX}StatusService/{name}"
    for name in ("PublishChanges", "ListStatusLists", "StreamSnapshot", "StreamChanges", "WatchCodes")
)
WITH_TERMS = (VERIFY, BATCH, STREAM, SHOWN, CONVERT, WATCH)
WITH_PURPOSE = (JOURNEY, PLACE, PLACES)
WITH_NOTHING = (PUBLISH, LISTS, SNAPSHOT, CHANGES)

UNSET, GATE, STAFF, PROVINCE = 0, 1, 2, 3
CLINIC = 4
VACCINATION, TEST, RECOVERY = CLINIC, CLINIC + 10, CLINIC + 20
"""CLINIC with the first, the second, the third item, so that a case is a row of numbers."""
PROFILES = (UNSET, GATE, STAFF, PROVINCE, VACCINATION, TEST, RECOVERY)
HANGZHOU, BEIJING, NOWHERE = "330100", "110000", ""
ALL = frozenset(int(purpose) for purpose in Purpose)


@dataclass(frozen=True)
class May:
    """What a caller may, as the registry of the site means it."""

    calls: frozenset[str] = frozenset()
    purposes: frozenset[int] = frozenset()
    divisions: frozenset[str] = frozenset()
    profiles: frozenset[int] = frozenset()


READS = frozenset({LISTS, SNAPSHOT, CHANGES})
MAY: dict[str, May | None] = {
    "rail": May(frozenset({VERIFY, BATCH, STREAM}), frozenset({1, 2}), frozenset({HANGZHOU}), frozenset({UNSET, GATE})),
    "desk": May(
        frozenset({VERIFY, BATCH, STREAM, SHOWN, CONVERT, WATCH, JOURNEY, PLACE, PLACES}),
        ALL,
        frozenset({HANGZHOU}),
        frozenset({UNSET, GATE, STAFF}),
    ),
    "fever": May(
        frozenset({VERIFY, BATCH, STREAM, SHOWN, CONVERT, WATCH}),
        frozenset({3, 6}),
        frozenset({HANGZHOU}),
        frozenset({TEST, RECOVERY}),
    ),
    "province": May(
        frozenset({VERIFY, BATCH, STREAM, SHOWN, CONVERT, WATCH}),
        frozenset({2, 6}),
        frozenset({HANGZHOU}),
        frozenset({PROVINCE}),
    ),
    "clinic": May(
        frozenset({VERIFY, SHOWN}), frozenset({6}), frozenset({HANGZHOU, BEIJING, NOWHERE}), frozenset({STAFF})
    ),
    "venue": May(),
    "publisher": May(frozenset({PUBLISH})),
    "relay": May(frozenset({CHANGES})),
    "enrolled": May(READS),
    "plain": May(frozenset({JOURNEY}), frozenset({7})),
    "forger": None,
    # Another domain's authority may say who "Gate 7" is, but nothing was granted to that one.
    "plain forger": May(),
    "reader forger": None,
}
"""None: nobody."""

Case = tuple[str, int, str, int]
CASES: tuple[Case, ...] = (
    *product(WITH_TERMS, sorted(ALL), (HANGZHOU, BEIJING, NOWHERE), PROFILES),
    *((method, purpose, NOWHERE, UNSET) for method, purpose in product(WITH_PURPOSE, sorted(ALL))),
    *((method, 0, NOWHERE, UNSET) for method in WITH_NOTHING),
)


def expected(caller: str, case: Case) -> str:
    """Return how a call ends: the reason of its refusal, or "" if it is hers."""
    method, purpose, division, profile = case
    may = MAY[caller]
    if may is None:
        return "NO_IDENTITY"
    if method not in may.calls:
        return "CALL_NOT_ALLOWED"
    if method in WITH_NOTHING:
        return ""
    if purpose not in may.purposes:
        return "PURPOSE_NOT_ALLOWED"
    if method in WITH_PURPOSE:
        return ""
    if division not in may.divisions:
        return "DIVISION_NOT_ALLOWED"
    if profile % 10 == CLINIC:
        # One code, scanned, for medical care; and who has the profile does not have every item.
        if not any(one % 10 == CLINIC for one in may.profiles) or method != VERIFY or purpose != 6:
            return "PROFILE_NOT_ALLOWED"
        return "" if profile in may.profiles else "ITEM_NOT_ALLOWED"
    return "" if profile in may.profiles else "PROFILE_NOT_ALLOWED"


def question(case: Case, code: bytes, *, receipt: bool = False) -> bytes:
    """Return the request of a case, encoded."""
    method, purpose, division, profile = case
    context: Any = {"purpose": purpose, "receiving_division": division, "disclosure_profile": profile % 10}
    if profile % 10 == CLINIC:
        context |= {"clinical_item": profile // 10 + 1, "lawful_basis": 1}
    terms = pb.VerificationContext(**context)
    item = pb.CodeItem(code=code)
    asked: dict[str, Any] = {
        VERIFY: pb.VerifyCodeRequest(context=terms, code=code, receipt_requested=receipt),
        BATCH: pb.VerifyCodesRequest(context=terms, items=[item, item], receipts_requested=receipt),
        STREAM: pb.StreamVerificationsRequest(context=terms, item=item, receipt_requested=receipt),
        SHOWN: pb.AssessDisplayedCodeRequest(
            context=terms, issuing_division="520000", displayed="green", receipt_requested=receipt
        ),
        CONVERT: conversion_pb.ConvertCodeRequest(context=terms, code=code, receipt_requested=receipt),
        WATCH: status_pb.WatchCodesRequest(context=terms, codes=[{"handle": b"1", "code": code}]),
        JOURNEY: journeys_pb.CheckJourneyRequest(purpose=purpose, travel_date="2026-01-02", mode=1, number="G1"),  # type: ignore[arg-type]
        PLACE: places_pb.AssessPlaceRequest(purpose=purpose, division="330100"),  # type: ignore[arg-type]
        PLACES: places_pb.ListAffectedCommunitiesRequest(purpose=purpose, division="330100"),  # type: ignore[arg-type]
        PUBLISH: status_pb.PublishChangesRequest(signed_batch={"batch": b"no batch"}),
        LISTS: status_pb.ListStatusListsRequest(),
        SNAPSHOT: status_pb.StreamSnapshotRequest(list={"issuer": "https://a.example", "uri": "https://a.example/1"}),
        CHANGES: status_pb.StreamChangesRequest(),
    }
    raw: bytes = asked[method].SerializeToString()
    return raw


def ask_at_once(channel: Any, method: str, raw: bytes) -> tuple[str, list[bytes]]:
    """Return as `ask` does, of any method: of a stream the first answers.

    In a thread: the asynchronous client loses the server's words when it is refused while it still sends.
    """
    done = threading.Event()

    def asked() -> Iterator[bytes]:
        yield raw
        done.wait()

    try:
        if not METHODS[method].long:
            return "", [channel.unary_unary(method)(raw)]
        if method in (STREAM, WATCH):
            stream: Any = channel.stream_stream(method)(asked())
        else:
            stream = channel.unary_stream(method)(raw)
        # Of a watch: its sign of life, then the code's verdict.
        found = [next(stream) for _ in range(2 if method == WATCH else 1)]
        stream.cancel()
    except grpc.RpcError as error:
        return told(error)[0].reason, []  # type: ignore[arg-type]  # it has what is read of it
    finally:
        done.set()
    return "", found


async def ask(channel: Any, method: str, raw: bytes) -> tuple[str, list[bytes]]:
    """Return the reason of the refusal, or "" and the answer, encoded."""
    try:
        return "", [await channel.unary_unary(method)(raw)]
    except grpc.aio.AioRpcError as error:
        return told(error)[0].reason, []


def fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Read a message off the wire: each field's number and, of those that have a length, its bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(raw):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            varint()
            yield number, b""
            continue
        length = {1: 8, 5: 4}.get(kind) or varint()
        assert kind in (1, 2, 5)
        yield number, raw[at : at + length]
        at += length


def verdicts(method: str, raw: bytes) -> list[bytes]:
    """Return the verdicts in an answer; nothing else may stand there."""
    if method == WATCH:
        # watch_id = 1, event = 2, code = 3 {handle = 1, verdict = 2, watched = 3}, lost = 4
        codes = [one for number, one in fields(raw) if number == 3]
        return [one for code in codes for number, one in fields(code) if number == 2]
    found = list(fields(raw))
    # Of a batch 2 is the root over its receipts.
    assert {number for number, _ in found} <= ({1, 2} if method in (BATCH, CONVERT) else {1})
    return [one for number, one in found if number == 1]


CORE = {1, 2, 3, 4}
OF_STAFF = set(range(1, 13)) - {9}
OF_PROVINCE = {1, 2, 3, 4}
OF_ENTRY = {3: {1, 2, 3, 4, 5}, 4: {1, 2, 3, 4}, 5: {1, 2, 3}}
"""Vaccination, test, recovery: the fields of an item."""
DISCLOSED = {UNSET: 2, GATE: 2, STAFF: 3, PROVINCE: 7, CLINIC: 8}
"""Profile -> the one field of a verdict that is its own."""
RECEIPT, SALT, PROOF = 4, 5, 6

CLAIMS_OF_ALL = {
    *("iss", "aud", "iat", "exp", "jti", "purpose", "measure", "reasons", "code_digest", "trust"),
}
CLAIMS_OF_STAFF = {
    *("state", "format", "issuer", "issuer_division", "assurance", "observed_time", "valid_until_time"),
    *("reason_class", "origin_division"),
}
CLAIMS = {STAFF: CLAIMS_OF_STAFF, PROVINCE: CLAIMS_OF_STAFF | {"rule_version"}}


def check_fields(verdict: bytes, profile: int) -> set[str]:
    """Fail if a verdict has a field that its profile does not have: by number, known to this schema or not.

    Return the handle in it, or the item, if there is one.
    """
    found = list(fields(verdict))
    disclosed = DISCLOSED[profile % 10]
    assert {number for number, _ in found} - {RECEIPT, SALT, PROOF} == {1, disclosed}
    told: set[str] = set()
    for number, body in found:
        inside = dict(fields(body)) if number in (1, disclosed, PROOF) else {}
        if number == 1:
            assert set(inside) <= CORE
        elif number == RECEIPT:
            check_claims(body.split(b".")[1], profile)
        elif number == PROOF:
            check_claims(urlsafe_b64encode(inside[1]), profile)
        elif number == SALT:
            assert len(body) == 32
        elif profile == STAFF:
            assert set(inside) <= OF_STAFF
        elif profile == PROVINCE:
            assert set(inside) <= OF_PROVINCE
            assert {one for one, _ in fields(inside[1])} <= OF_STAFF
            told |= {inside[2].decode()} if 2 in inside else set()
        elif profile % 10 == CLINIC:
            own = profile // 10 + 3
            assert {1, 2} <= set(inside) <= {1, 2, own}
            if own in inside:
                assert {one for one, _ in fields(inside[own])} <= OF_ENTRY[own]
                told.add(inside[own].hex())
        else:
            assert inside == {}
    return told


def check_claims(payload: bytes, profile: int) -> None:
    """Fail if a receipt claims more than its profile discloses, or holds a handle."""
    claims = json.loads(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    assert set(claims) <= CLAIMS_OF_ALL | CLAIMS.get(profile, set()), claims
