"""What is fuzzed, and what must hold of every input: one property, two drivers (`run.py`, `test_readers.py`).

A reader gives a `ClaimedCode` that keeps its own promises, or raises `CodeUnreadable` with a reason of the decode step.
Anything else is a finding. Time is measured by the driver that counts executions, never by a test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from gateway.changes import Word
from gateway.clinical import ClinicalItem, SealedEntry
from gateway.errors import REASONS, CodeUnreadable, Effect, Step
from gateway.formats import read_code, recognise, status_list_cwt, status_list_jwt
from gateway.formats.status_list import MAX_TTL_S, SIZES, ClaimedStatusList, WordTable, unpacked
from gateway.policy.certlogic import EvaluationFailed, RuleInvalid, compile_expression
from gateway.values import Algorithm, ClaimedCode, Format
from keys.strict import StrictError, parse_json
from keys.trust_list import TrustList, TrustListInvalid, parse_trust_list
from keys.values import EARLIEST, LATEST

from . import batches, layers, online, seeds

JSON_DEPTH: Final = 8
RULE_DEPTH: Final = 140
MOST_PLACES: Final = 1 << 16
LONGEST_CODE: Final = 40
JSON_TYPES: Final = frozenset({bool, int, float, str, list, dict})


class Broken(AssertionError):
    """The property does not hold. Says which part of it, never what the input was."""


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)


def check_reader(found: Format, data: bytes) -> bool:
    """Read `data` as a code of one format. Returns whether it was read."""
    try:
        claimed = read_code(data, found)
    except CodeUnreadable as stopped:
        row = REASONS[stopped.reason]
        _require(row.step is Step.DECODE and row.effect is Effect.MANUAL, "the reason is of the decode step")
        _require(len(stopped.detail) <= 60 and stopped.detail.isprintable(), "the detail is a short name")
        _require(stopped.__cause__ is None, "no exception that quotes the code is chained")
        return False
    check_claimed(claimed, found)
    _require(claimed.clinical is None, "no item where none was wanted")
    for item in ClinicalItem:
        check_item(read_code(data, found, item).clinical)
    return True


def check_item(sealed: SealedEntry | None) -> None:
    """Require that a clinical item holds codes, dates and numbers only."""
    if sealed is None:
        return
    entry = sealed.open()
    for name in entry.__slots__:
        value = getattr(entry, name)
        short = isinstance(value, str) and value.isascii() and len(value) <= LONGEST_CODE and " " not in value
        _require(value is None or isinstance(value, int | float) or short, "an item is codes, dates and numbers")


def check_claimed(claimed: ClaimedCode, found: Format) -> None:
    """Require that what was read is of the types and within the bounds that later rooms rely on."""
    _require(type(claimed) is ClaimedCode and claimed.format is found, "a code of the format that was asked for")
    _require(type(claimed.issuer) is str and type(claimed.statement) is str, "issuer and statement are text")
    _require(type(claimed.signed) is bytes, "what is signed is bytes")
    _require(bool(claimed.signed) or claimed.obstacle is not None, "something is signed, unless there is an obstacle")
    _require(type(claimed.signature) is bytes, "the signature is bytes")
    _require(claimed.algorithm is None or type(claimed.algorithm) is Algorithm, "an algorithm that is read, or none")
    _require(claimed.key_id is None or type(claimed.key_id) is bytes, "the key id is bytes")
    for instant in (claimed.issue_time, claimed.not_before, claimed.expire_time):
        _require(
            instant is None or (type(instant) is float and math.isfinite(instant) and EARLIEST <= instant <= LATEST),
            "times lie within 2000 to 2100",
        )
    for text in (claimed.division, claimed.code_id, claimed.subject, claimed.holder_binding):
        _require(text is None or type(text) is str, "texts are text")
    for reason in claimed.notes:
        _require(REASONS[reason].effect is Effect.NOTE, "a note is a note")
    if claimed.obstacle is not None:
        _require(REASONS[claimed.obstacle].step is Step.SIGNATURE, "an obstacle is of the signature step")
    if claimed.status_pointer is not None:
        _require(type(claimed.status_pointer.index) is int and claimed.status_pointer.index >= 0, "an index counts")


def check_recogniser(data: bytes) -> bool:
    """Recognise `data`, then read it as what it was taken for. Returns whether it was read."""
    found = recognise(data)
    _require(type(found) is Format, "a format, or UNKNOWN")
    read = check_reader(found, data)
    _require(not (read and found is Format.UNKNOWN), "what is not recognised is not read")
    return read


def check_json(data: bytes) -> bool:
    """Read `data` as strict JSON. Returns whether it was read."""
    try:
        parse_json(data, max_depth=JSON_DEPTH)
    except StrictError as error:
        _require(error.__cause__ is None, "no exception that quotes the input is chained")
        return False
    return True


def check_trust_list(data: bytes) -> bool:
    """Read `data` as a trust list. Returns whether it was read."""
    try:
        read = parse_trust_list(data)
    except TrustListInvalid:
        return False
    _require(type(read) is TrustList, "a trust list")
    return True


def check_rule(data: bytes) -> bool:
    """Compile a rule and evaluate it on the data beside it. Returns whether there was a result."""
    try:
        read = parse_json(data, max_depth=RULE_DEPTH)
    except StrictError:
        return False
    given = read if isinstance(read, dict) else {}
    try:
        result = compile_expression(given.get("logic")).evaluate(given.get("data"))
    except RuleInvalid:
        return False
    except EvaluationFailed as failed:
        _require(
            failed.__cause__ is None and failed.__context__ is None, "no exception that quotes the data is chained"
        )
        return False
    _require(result is None or type(result) in JSON_TYPES or type(result) is datetime, "a JSON value or a moment")
    return True


def check_status_list(read: Callable[[bytes], ClaimedStatusList], data: bytes) -> bool:
    """Read `data` as a status list, and unpack and translate its places. Returns whether it was read whole."""
    try:
        claimed = read(data)
        _require_sane(claimed)
        pieces = list(unpacked(claimed.packed, claimed.bits, most_places=MOST_PLACES))
    except CodeUnreadable as stopped:
        row = REASONS[stopped.reason]
        _require(row.step is Step.DECODE and row.effect is Effect.MANUAL, "the reason is of the decode step")
        _require(len(stopped.detail) <= 60 and stopped.detail.isprintable(), "the detail is a short name")
        _require(stopped.__cause__ is None, "no exception that quotes the list is chained")
        return False
    raw = b"".join(pieces)
    _require(0 < len(raw) * 8 // claimed.bits <= MOST_PLACES, "no more places than allowed, and not none")
    table = WordTable(claimed.bits, [Word(status & 0xF) for status in range(1 << claimed.bits)])
    words = b"".join(map(table.words, pieces))
    _require(len(words) == (len(raw) * 8 // claimed.bits + 1) // 2, "as many words as places")
    return True


def _require_sane(claimed: ClaimedStatusList) -> None:
    _require(type(claimed) is ClaimedStatusList and claimed.bits in SIZES, "a list of a size that there is")
    _require(type(claimed.uri) is str and bool(claimed.uri), "it has an address")
    _require(type(claimed.signed) is bytes and bool(claimed.signed), "something is signed")
    _require(type(claimed.signature) is bytes and type(claimed.packed) is bytes, "bytes are bytes")
    for instant in (claimed.issue_time, claimed.not_before, claimed.expire_time):
        _require(instant is None or (type(instant) is float and EARLIEST <= instant <= LATEST), "times are times")
    _require(claimed.ttl is None or (type(claimed.ttl) is float and 0 < claimed.ttl <= MAX_TTL_S), "ttl is some time")
    if claimed.obstacle is not None:
        _require(REASONS[claimed.obstacle].step is Step.SIGNATURE, "an obstacle is of the signature step")


def _online(check: Callable[[bytes], str | None], data: bytes) -> bool:
    fault = check(data)
    _require(not fault, fault or "")
    return fault is not None


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that reads bytes from outside."""

    name: str
    check: Callable[[bytes], bool]
    """Returns whether the input was accepted; raises `Broken`, or whatever the reader wrongly let through."""
    shape: layers.Shape
    most_bytes: int = 4_096
    """How large an input the drivers make."""

    @property
    def seeds(self) -> tuple[bytes, ...]:
        """Codes to start from."""
        return seeds.seeds(self.name)


def _reader(name: str, found: Format, shape: layers.Shape, most_bytes: int = 4_096) -> Target:
    return Target(name, partial(check_reader, found), shape, most_bytes)


TARGETS: Final = {
    target.name: target
    for target in (
        _reader("native_jws", Format.NATIVE, layers.NATIVE_JWS),
        _reader("native_qr", Format.NATIVE, layers.NATIVE_QR, 600),
        _reader("hcert", Format.HCERT, layers.HCERT),
        _reader("shc", Format.SHC, layers.SHC),
        _reader("vdsnc", Format.VDSNC, layers.VDSNC),
        _reader("divoc", Format.DIVOC, layers.DIVOC),
        Target("recognise", check_recogniser, layers.AnyShape()),
        Target("strict_json", check_json, layers.JSON),
        Target("trust_list", check_trust_list, layers.JSON, 8_192),
        Target("certlogic", check_rule, layers.JSON),
        Target("opaque", partial(_online, online.check_opaque), layers.AnyShape(), 600),
        Target("upstream", partial(_online, online.check_answer), layers.JSON),
        Target("status_list_jwt", partial(check_status_list, status_list_jwt.read), layers.STATUS_LIST_JWT),
        Target("status_list_cwt", partial(check_status_list, status_list_cwt.read), layers.STATUS_LIST_CWT),
        Target("status_batch", partial(_online, batches.check_batch), layers.Shape()),
        Target("signed_batch", partial(_online, batches.check_signed), layers.Shape()),
        Target("snapshot_manifest", partial(_online, batches.check_manifest), layers.Shape()),
    )
}
