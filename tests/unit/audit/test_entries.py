"""Entries: one spelling, read back whole, and nothing else is taken."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from typing import Any, get_args

import pytest

from gateway.audit.entries import (
    KINDS,
    MAX_ENTRY,
    Cause,
    ChangeGapEntry,
    ColourEntry,
    ColoursAdoptedEntry,
    DecisionEntry,
    DecisionGapEntry,
    DegradedEntry,
    Delivery,
    EditionEntry,
    Entry,
    EntryInvalid,
    Filled,
    ForgottenEntry,
    Gap,
    LogName,
    Matter,
    Milliseconds,
    OpenedEntry,
    Order,
    RunId,
    body_of,
    read_entry,
    writer_of,
    written,
)
from gateway.errors import Reason
from gateway.values import CallerId, CodeState, DivisionCode, IssuerId, Measure, Profile, Purpose, ReasonClass

RUN = RunId("0123456789abcdef")
SALT = bytes(range(16))
AT = Milliseconds(1_800_000_000_123)

LEAST = DecisionEntry(
    "VerifyCode",
    CallerId("dev-loopback"),
    Purpose.VENUE_ENTRY,
    Profile.GATE,
    Measure.MANUAL,
    (Reason.NO_RULES,),
    (),
    600,
    bytes(32),
)
ENTRIES: dict[str, Entry] = {
    "least": LEAST,
    "most": DecisionEntry(
        "VerifyCodes",
        CallerId('spiffe://zj.example/"杭州"'),
        Purpose.MEDICAL_CARE,
        Profile.STAFF,
        Measure.LIMITED,
        (Reason.STATE_GREEN, Reason.CONDITION_HEALTH_MONITORING),
        ("7:" + "a" * 64, "12:" + "b" * 64),
        1_800_000_000,
        os.urandom(32),
        DivisionCode("330000"),
        "2020-03-01",
        "test result",
        "law of 2004, article 31",
    ),
    "gap": DecisionGapEntry(Gap.QUEUE_FULL, 0, 600, SALT, 12),
    "unknown gap": DecisionGapEntry(Gap.RUN_CUT_OFF, 600, 600, SALT),
    "colours": ColourEntry(
        AT,
        IssuerId("https://gz.example"),
        "https://gz.example/1",
        7,
        bytes(32),
        AT,
        ("kid1", "kid2"),
        (
            Order(CodeState.RED, 1_317, "Zhengzhou office 3", ReasonClass.RED_OTHER_ORDER),
            Order(CodeState.GREEN, 2, "Guiyang", corrects=5),
        ),
        Delivery.HERE,
        SALT,
        further_orders=2,
        further_places=3,
        filled=(Filled(CodeState.GREEN, 1_000),),
        delivered_by=CallerId("spiffe://gz.example/publisher"),
        opens=4_096,
        closes=True,
    ),
    "adopted": ColoursAdoptedEntry(AT, IssuerId("i"), "u", 3, 9, SALT),
    "edition": EditionEntry(AT, Matter.CALLERS, "hcgw.worker-1", Cause.RELOAD, ("2:aa",), SALT, ("1:bb",)),
    "opened": OpenedEntry(AT, 0, SALT),
    "degraded": DegradedEntry(AT, LogName.DECISIONS, AT, "disk_full", SALT),
    "change gap": ChangeGapEntry(AT, Gap.QUEUE_FULL, SALT, 3),
    "forgotten": ForgottenEntry(AT, LogName.CHANGES, AT, 512, SALT),
}


def raw_of(entry: Entry, number: int = 3) -> bytes:
    return written(body_of(entry), RUN, number)


def changed(raw: bytes, **members: object) -> bytes:
    """Return an entry's bytes with other members, spelled as they should be."""
    found = json.loads(raw) | members
    kept = {name: value for name, value in found.items() if value is not ...}
    return json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_written_is_read_back_whole(name: str) -> None:
    raw = raw_of(ENTRIES[name])
    assert read_entry(raw) == (ENTRIES[name], RUN, 3)
    assert writer_of(raw) == (RUN, 3)
    assert len(raw) < 1_500


@pytest.mark.parametrize("name", ENTRIES)
def test_there_is_one_spelling(name: str) -> None:
    raw = raw_of(ENTRIES[name])
    assert raw.isascii()
    assert raw == json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":")).encode()


def test_every_kind_is_tried_here() -> None:
    assert {type(entry) for entry in ENTRIES.values()} == set(get_args(Entry)) == set(KINDS.values())


def test_the_writer_stands_behind_every_other_member() -> None:
    names = {one.name for kind in KINDS.values() for one in fields(kind)} | {"v", "kind"}
    later = {name for name in names if name > "writer"}
    assert not later, "written() puts it last: a member behind it must have another name"


def test_no_kind_has_a_place_for_a_person() -> None:
    names = {one.name for kind in KINDS.values() for one in fields(kind)}
    assert not names & {"code", "subject", "person", "request_id", "checkpoint", "index", "indices", "handle", "name"}
    assert not {"at", "time", "decided_time"} & {one.name for one in fields(DecisionEntry)}


def test_every_entry_has_bytes_that_nobody_can_guess() -> None:
    for kind in KINDS.values():
        assert {"commitment", "salt"} & {one.name for one in fields(kind)}, kind


def test_they_do_not_show() -> None:
    secret = os.urandom(32)
    assert repr(secret) not in repr(DecisionEntry(**{**_members(LEAST), "commitment": secret}))


def _members(entry: Any) -> dict[str, Any]:
    return {one.name: getattr(entry, one.name) for one in fields(entry)}


@pytest.mark.parametrize(
    ("raw", "member"),
    [
        (b"", "JSON"),
        (b"\xff", "JSON"),
        (b"[" * 60_000, "JSON"),
        (b" " * (MAX_ENTRY + 1), "size"),
        (b"[]", "v"),
        (changed(raw_of(LEAST), v=2), "v"),
        (changed(raw_of(LEAST), v=...), "v"),
        (changed(raw_of(LEAST), kind="story"), "kind"),
        (changed(raw_of(LEAST), writer="0123456789ABCDEF-3"), "writer"),
        (changed(raw_of(LEAST), writer="0123456789abcdef-03"), "writer"),
        (changed(raw_of(LEAST), writer=...), "writer"),
        (changed(raw_of(LEAST), person="x"), "unknown member"),
        (changed(raw_of(LEAST), measure=...), "missing member"),
        (changed(raw_of(LEAST), measure="PERHAPS"), "measure"),
        (changed(raw_of(LEAST), measure=1), "measure"),
        (changed(raw_of(LEAST), reasons="NO_RULES"), "reasons"),
        (changed(raw_of(LEAST), reasons=["NO_RULES", "HEARSAY"]), "reasons[1]"),
        (changed(raw_of(LEAST), bucket="600"), "bucket"),
        (changed(raw_of(LEAST), bucket=600.0), "bucket"),
        (changed(raw_of(LEAST), bucket=True), "bucket"),
        (changed(raw_of(LEAST), commitment="A"), "commitment"),
        (changed(raw_of(LEAST), commitment="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), "spelling"),
        (changed(raw_of(LEAST), division=None), "division"),
        (changed(raw_of(ENTRIES["colours"]), orders=[{"state": "RED"}]), "orders[0].missing member"),
        (changed(raw_of(ENTRIES["colours"]), orders=["RED"]), "orders[0]."),
        (changed(raw_of(ENTRIES["colours"]), closes=False), "spelling"),
        (raw_of(LEAST).replace(b",", b", ", 1), "spelling"),
        (raw_of(LEAST).replace(b'{"bucket":600', b'{"bucket":600,"bucket":600'), "spelling"),
        (raw_of(LEAST).replace(b'"bucket":600', b'"bucket":6e2'), "bucket"),
        (raw_of(LEAST).replace(b"VerifyCode", b"\\u0056erifyCode"), "spelling"),
    ],
)
def test_anything_else_is_refused(raw: bytes, member: str) -> None:
    with pytest.raises(EntryInvalid) as caught:
        read_entry(raw)
    assert caught.value.member == member
