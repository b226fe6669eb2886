from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from healthcode.interop.v1 import verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.clinical import (
    Assay,
    AssayResult,
    ClinicalEntry,
    ClinicalItem,
    EntryState,
    LaboratoryTest,
    ProductSystem,
    Recovery,
    Vaccination,
)
from gateway.disclosure import ClinicDisclosure, GateDisclosure, ProvinceDisclosure, StaffDisclosure
from gateway.errors import Reason, RequestInvalid
from gateway.rpc.convert import division_of, fill_time, fill_verdict, profile_of, purpose_of, time_of
from gateway.values import (
    Assurance,
    CodeState,
    DivisionCode,
    Format,
    Handle,
    Instant,
    IssuerId,
    Measure,
    PairwiseHandle,
    Profile,
    Purpose,
    ReasonClass,
)

AT = Instant(1_600_000_000.123456)
STAFF = StaffDisclosure(
    Measure.LIMITED,
    (Reason.STATE_YELLOW, Reason.CONDITION_HEALTH_MONITORING),
    AT,
    CodeState.YELLOW,
    IssuerId("guizhou"),
    DivisionCode("520000"),
    Format.DIVOC,
    Assurance.SCANNED_SIGNED,
    Instant(1_599_999_999.0),
    1.123456,
    Instant(1_600_086_400.0),
    ReasonClass.YELLOW_MEDIUM_RISK_AREA,
    "a stay in a medium-risk area",
    DivisionCode("520000"),
)
NOTHING_PROVEN = StaffDisclosure(
    Measure.MANUAL, (Reason.UNRECOGNISED,), AT, CodeState.UNKNOWN, None, None, Format.UNKNOWN, *[None] * 7
)


@pytest.mark.parametrize(
    ("seconds", "whole", "nanos"),
    [
        (0.0, 0, 0),
        (0.0000004, 0, 0),
        (0.9999996, 1, 0),
        (1_600_000_000.123456, 1_600_000_000, 123_456_000),
        (946_684_800.0, 946_684_800, 0),
        (4_102_444_799.999999, 4_102_444_799, 999_999_000),
    ],
)
def test_times_are_split_to_the_microsecond(seconds: float, whole: int, nanos: int) -> None:
    for kind in (Timestamp, Duration):
        target = kind()
        fill_time(target, seconds)
        assert (target.seconds, target.nanos) == (whole, nanos)


def test_staff_is_told_each_field_and_nothing_else() -> None:
    verdict = pb.Verdict()
    fill_verdict(verdict, STAFF, "r-1")
    assert verdict == pb.Verdict(
        core=pb.VerdictCore(
            measure=verdict_pb2.MEASURE_LIMITED,
            reasons=[Reason.STATE_YELLOW.value, Reason.CONDITION_HEALTH_MONITORING.value],  # type: ignore[list-item]
            decided_time=Timestamp(seconds=1_600_000_000, nanos=123_456_000),
            request_id="r-1",
        ),
        staff=pb.StaffDisclosure(
            state=verdict_pb2.CODE_STATE_YELLOW,
            issuer="guizhou",
            issuer_division="520000",
            format=verdict_pb2.CODE_FORMAT_DIVOC,
            assurance=verdict_pb2.ASSURANCE_SCANNED_SIGNED,
            observed_time=Timestamp(seconds=1_599_999_999),
            status_age=Duration(seconds=1, nanos=123_456_000),
            valid_until_time=Timestamp(seconds=1_600_086_400),
            reason_class=verdict_pb2.REASON_CLASS_YELLOW_MEDIUM_RISK_AREA,
            issuer_meaning="a stay in a medium-risk area",
            origin_division="520000",
        ),
    )


def test_a_province_is_told_what_staff_are_a_handle_and_the_version() -> None:
    handle = PairwiseHandle(Handle("h" * 22), Instant(1_600_560_000.0))
    verdict, staff = pb.Verdict(), pb.Verdict()
    fill_verdict(staff, STAFF, "r-1")
    core = (STAFF.measure, STAFF.reasons, AT)
    fill_verdict(verdict, ProvinceDisclosure(*core, STAFF, "330000-7", handle), "r-1")
    assert verdict == pb.Verdict(
        core=staff.core,
        province=pb.ProvinceDisclosure(
            staff=staff.staff,
            handle="h" * 22,
            handle_until_time=Timestamp(seconds=1_600_560_000),
            rule_version="330000-7",
        ),
    )
    nobody = pb.Verdict()
    fill_verdict(nobody, ProvinceDisclosure(*core, STAFF, None, None), "")
    assert {field.name for field, _ in nobody.province.ListFields()} == {"staff"}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            Vaccination("2021-05", ProductSystem.CVX, "208", 2, 3),
            {"vaccination": pb.Vaccination(date="2021-05", product_system=2, product="208", dose=2, doses=3)},  # type: ignore[arg-type]
        ),
        (Vaccination("2021-05-01"), {"vaccination": pb.Vaccination(date="2021-05-01")}),
        (
            LaboratoryTest("2021-05-01", Instant(1_619_863_200.0), Assay.ANTIGEN, AssayResult.DETECTED),
            {
                "test": pb.LaboratoryTest(
                    date="2021-05-01",
                    sample_time=Timestamp(seconds=1_619_863_200),
                    kind=verdict_pb2.TEST_KIND_ANTIGEN,
                    result=verdict_pb2.TEST_RESULT_DETECTED,
                )
            },
        ),
        (LaboratoryTest("2021-05-01"), {"test": pb.LaboratoryTest(date="2021-05-01")}),
        (
            Recovery("2021-05-01", "2021-05-12", "2021-11-01"),
            {
                "recovery": pb.Recovery(
                    first_positive_date="2021-05-01", valid_from_date="2021-05-12", valid_until_date="2021-11-01"
                )
            },
        ),
        (Recovery("2021-05-01"), {"recovery": pb.Recovery(first_positive_date="2021-05-01")}),
        (None, {}),
    ],
)
def test_a_clinic_is_told_one_item_and_nothing_else(entry: ClinicalEntry | None, told: dict[str, Any]) -> None:
    verdict = pb.Verdict()
    state = EntryState.NOT_IN_CODE if entry is None else EntryState.SHOWN
    fill_verdict(verdict, ClinicDisclosure(Measure.PASS, (), AT, ClinicalItem.LATEST_TEST, state, entry), "")
    assert {field.name for field, _ in verdict.ListFields()} == {"core", "clinic"}
    assert verdict.clinic == pb.ClinicDisclosure(item=2, state=int(state), **told)  # type: ignore[arg-type]


def test_what_is_not_known_is_absent() -> None:
    verdict = pb.Verdict()
    fill_verdict(verdict, NOTHING_PROVEN, "")
    present = {field.name for field, _ in verdict.staff.ListFields()}
    assert present == {"state", "format"}
    assert verdict.staff.state == verdict_pb2.CODE_STATE_UNKNOWN
    assert verdict.staff.format == verdict_pb2.CODE_FORMAT_UNKNOWN
    assert verdict.core.request_id == ""


def test_gate_is_told_nothing_beyond_the_core() -> None:
    verdict = pb.Verdict()
    fill_verdict(verdict, GateDisclosure(Measure.DENY, (Reason.REVOKED,), AT), "")
    assert verdict.WhichOneof("disclosure") == "gate"
    assert verdict.gate.ByteSize() == 0
    assert verdict.core.measure == verdict_pb2.MEASURE_DENY


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("found", Format)
def test_each_word_goes_over_by_its_name(measure: Measure, found: Format) -> None:
    verdict = pb.Verdict()
    fill_verdict(verdict, replace(STAFF, measure=measure, format=found), "")
    assert verdict_pb2.Measure.Name(verdict.core.measure) == f"MEASURE_{measure.name}"
    assert verdict_pb2.CodeFormat.Name(verdict.staff.format) == f"CODE_FORMAT_{found.name}"


def test_more_reasons_than_the_schema_promises_lose_the_last() -> None:
    reasons = tuple(Reason)[:20]
    verdict = pb.Verdict()
    fill_verdict(verdict, GateDisclosure(Measure.MANUAL, reasons, AT), "")
    assert list(verdict.core.reasons) == [reason.value for reason in reasons[:8]]


def test_unset_is_the_least() -> None:
    assert profile_of(0) is Profile.GATE
    assert profile_of(2) is Profile.STAFF
    assert purpose_of(3) is Purpose.VENUE_ENTRY
    assert division_of("") is None
    assert division_of("330100") == "330100"
    with pytest.raises(ValueError, match="0"):
        purpose_of(0)


@pytest.mark.parametrize(
    ("stamp", "instant"),
    [
        (None, None),
        (Timestamp(seconds=1_600_000_000, nanos=500_000_000), 1_600_000_000.5),
        (Timestamp(seconds=946_684_800), 946_684_800.0),
    ],
)
def test_a_time_that_a_checker_saw_is_an_instant(stamp: Timestamp | None, instant: float | None) -> None:
    assert time_of(pb.AssessDisplayedCodeRequest(displayed_time=stamp), "displayed_time") == instant


@pytest.mark.parametrize(
    "stamp",
    [
        Timestamp(),
        Timestamp(seconds=946_684_799),
        Timestamp(seconds=4_102_444_801),
        Timestamp(seconds=-(1 << 62)),
        Timestamp(seconds=1_600_000_000, nanos=1_000_000_000),
        Timestamp(seconds=1_600_000_000, nanos=-1),
    ],
)
def test_what_is_no_time_of_this_century_is_named(stamp: Timestamp) -> None:
    with pytest.raises(RequestInvalid) as caught:
        time_of(pb.AssessDisplayedCodeRequest(displayed_time=stamp), "displayed_time")
    assert caught.value.field == "displayed_time"
