"""The decisions: the quick bytes are the slow ones, and nothing of a code, a time or a question is in them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.audit.entries import DecisionEntry, RunId, body_of, read_entry, written
from gateway.errors import Reason, Step
from gateway.recording.settings import RecordingSettings
from gateway.recording.trail import Asked, DecisionTrail, bucket_of, decision_body
from gateway.values import (
    CallerId,
    Decision,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    Measure,
    Profile,
    Purpose,
)

from .fakes import AT, outbox

TRUST = ("7:" + "a" * 64, "8:" + "b" * 64)
ASKED = Asked(
    "VerifyCode",
    CallerId("spiffe://zj.example/hub/330100"),
    Purpose.TRANSPORT_ARRIVAL,
    Profile.STAFF,
    DivisionCode("330100"),
)
DECISION = Decision(
    Measure.LIMITED,
    (Reason.STATE_GREEN, Reason.CONDITION_TEST_WITHIN_48_HOURS),
    AT,
    None,
    Format.NATIVE,
    issuer=IssuerId("https://canary.issuer"),
    division=DivisionCode("520000"),
    rule_version="2020-03-01",
)
STOPPED = Decision(Measure.MANUAL, (Reason.UNRECOGNISED,), AT, Step.DECODE, Format.UNKNOWN)
RUN = RunId("0" * 16)


@pytest.mark.parametrize(
    "asked",
    [
        ASKED,
        ASKED._replace(division=None),
        ASKED._replace(caller=CallerId('odd "name"\\ 杭州')),
        ASKED._replace(clinical_item="test result", lawful_basis='law "of" 2004'),
    ],
)
@pytest.mark.parametrize("decision", [DECISION, STOPPED])
@pytest.mark.parametrize("trust", [(), TRUST])
def test_the_quick_bytes_are_those_of_the_entry(asked: Asked, decision: Decision, trust: tuple[str, ...]) -> None:
    commitment = bytes(range(32))
    entry = DecisionEntry(
        call=asked.call,
        caller=asked.caller,
        purpose=asked.purpose,
        profile=asked.profile,
        measure=decision.measure,
        reasons=decision.reasons,
        trust=trust,
        bucket=1_800_000_000,
        commitment=commitment,
        division=asked.division,
        rule=decision.rule_version,
        clinical_item=asked.clinical_item,
        lawful_basis=asked.lawful_basis,
    )
    quick = decision_body(asked, decision, commitment, trust, 600)
    assert quick == body_of(entry)
    assert read_entry(written(quick, RUN, 1)).entry == entry


def test_it_says_nothing_of_the_code_or_its_issuer_or_the_second() -> None:
    body = decision_body(ASKED, DECISION, None, TRUST, 600)
    assert b"canary" not in body
    assert b"520000" not in body
    assert str(int(AT)).encode() not in body
    assert set(json.loads(body)) <= {
        "bucket", "call", "caller", "commitment", "division", "kind", "measure", "profile", "purpose", "reasons",
        "rule", "trust", "v",
    }  # fmt: skip


def test_without_a_receipt_no_two_entries_are_equal() -> None:
    assert len({decision_body(ASKED, DECISION, None, TRUST, 600) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("at", "size", "bucket"), [(1_800_000_123.4, 600, 1_800_000_000), (599.9, 600, 0), (600.0, 600, 600)]
)
def test_the_time_is_that_of_its_bucket(at: float, size: int, bucket: int) -> None:
    assert bucket_of(Instant(at), size) == bucket


async def test_a_trail_writes_under_the_trust_lists_in_force() -> None:
    box = outbox(RecordingSettings(wait_s=20))
    for trust in (TRUST, ("9:c",)):
        trail = DecisionTrail(box, trust, 60)
        trail.refuse()
        assert trail.durable(trail.decided(ASKED, replace(DECISION), bytes(32))) is not None
    _, entries = await box.next()
    found = [read_entry(one).entry for one in entries]
    assert [one.trust for one in found if isinstance(one, DecisionEntry)] == [TRUST, ("9:c",)]
    assert {one.bucket for one in found if isinstance(one, DecisionEntry)} == {1_800_000_120}
