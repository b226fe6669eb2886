"""What must hold of opaque codes and of upstreams' answers, whatever the bytes are; and where to start from."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Final

from gateway.errors import CodeStopped, CodeUnreadable, Reason
from gateway.formats.opaque import MAX_OPAQUE_BYTES, CodeShape, OpaqueShapes
from gateway.provinces.answers import Envelope, Record, read_state
from gateway.provinces.dialect import Stated, UpstreamFailed, UpstreamFailure
from gateway.values import DivisionCode, IssuerId, OpaqueCode, ReasonClass

ASKED: Final = "V2" + "0f" * 16
NAME: Final = "canary-name"
WORDS: Final = ("green", "yellow", "red")
REASONS: Final = MappingProxyType({"A4": ReasonClass.RED_CLOSE_CONTACT})

ENVELOPE: Final = Envelope(
    ("code",), {"0", "00000"}, {"111": Reason.EXPIRED, "429": UpstreamFailure.OVERLOADED}, success_flag=("success",)
)
RECORD: Final = Record(
    ("data",),
    WORDS,
    "level",
    REASONS,
    "reason",
    "qrCode",
    lapsed="expired",
    stated_time="updated",
    expire_time="ends",
)
SHAPES: Final = OpaqueShapes(
    (
        CodeShape(
            IssuerId("https://zj"), DivisionCode("330000"), "<V2{hex:32}>", "c.invalid/qr", "qrCode", "stateCode"
        ),
        CodeShape(IssuerId("https://js"), DivisionCode("320000"), "<V5{hex:32}{division}>", "c.invalid/qr", "qrCode"),
        CodeShape(IssuerId("https://gd"), DivisionCode("440000"), "GD-<{token:8-64}>"),
        CodeShape(IssuerId("https://sz"), DivisionCode("440300"), "GD-<{hex:8}>"),
    )
)


def opaque_seeds() -> list[bytes]:
    """Return texts that are somebody's."""
    page = "https://c.invalid/qr?"
    texts = (
        f"{page}qrCode={ASKED}&stateCode={'a1' * 16}",
        f"{page}b=x%2Fy&qrCode=V5{'ab' * 16}320100",
        f"http://c.invalid/qr?qrCode={ASKED}",
        "GD-" + "a" * 40,
    )
    return [text.encode() for text in texts]


def answer_seeds() -> list[bytes]:
    """Return answers that an issuer may give, each with a name in it."""
    data = {"qrCode": ASKED, "level": "green", "name": NAME, "reason": "A4", "updated": 1_581_900_000, "ends": ""}
    answers = (
        {"code": 0, "success": True, "data": data},
        {"code": "00000", "success": "true", "data": data | {"level": NAME, "updated": "2020-02-17 08:40:00"}},
        {"code": 0, "success": 1, "data": data | {"expired": True}},
        {"code": 111, "success": False, "msg": NAME},
    )
    return [json.dumps(answer).encode() for answer in answers]


def check_opaque(data: bytes) -> str | None:
    """Read `data` as an opaque code. Returns what does not hold, "" if it was read, None if it was refused."""
    try:
        read = SHAPES.read(data)
    except CodeUnreadable as stopped:
        known = {Reason.EMPTY_CODE, Reason.TOO_LARGE, Reason.UNRECOGNISED, Reason.ISSUER_AMBIGUOUS}
        return None if stopped.reason in known else "a reason of its own"
    whole = type(read) is OpaqueCode and len(data) <= MAX_OPAQUE_BYTES and read.text == data.decode("ascii")
    inside = read.identifier != "" and len(read.identifier) <= len(read.text)
    return "" if whole and inside else "what was read is what was scanned"


def check_answer(data: bytes) -> str | None:
    """Read `data` as an answer. Returns as `check_opaque`."""
    said = read_state(data, ENVELOPE, RECORD, asked=ASKED)
    if isinstance(said, CodeStopped | UpstreamFailed):
        if NAME in f"{said!r} {said} {said.detail}":
            return "nothing of the answer in a failure"
        return "" if isinstance(said, CodeStopped) else None
    if type(said) is not Stated:
        return "an outcome"
    if said.statement not in {*WORDS, ""} or said.reason_class not in {*REASONS.values(), None}:
        return "only words of the profile"
    return ""
