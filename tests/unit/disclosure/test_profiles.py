"""A profile's type holds no field that the profile may not show."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from gateway.clinical import ClinicalItem, EntryState, LaboratoryTest, SealedEntry
from gateway.disclosure import (
    ClinicDisclosure,
    GateDisclosure,
    ProvinceDisclosure,
    StaffDisclosure,
    disclose,
)
from gateway.errors import Step
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.status.observe import observe
from gateway.values import CodeMarks, DivisionCode, Handle, Instant, PairwiseHandle, Profile
from tests.unit.codes import AT, GUIZHOU, authentic

DECISION = PolicyBook.load(SHIPPED).decide(observe(authentic(), {}, AT), DivisionCode("330000"), AT)


def test_the_gate_learns_the_measure_and_the_reasons_only() -> None:
    said = disclose(DECISION, Profile.GATE)
    assert isinstance(said, GateDisclosure)
    assert [field.name for field in dataclasses.fields(said)] == ["measure", "reasons", "decided_time"]
    assert str(GUIZHOU) not in repr(said)


def test_staff_learn_where_it_comes_from_and_how_old_it_is_but_nothing_of_the_holder() -> None:
    said = disclose(DECISION, Profile.STAFF)
    assert isinstance(said, StaffDisclosure)
    assert (said.issuer, said.issuer_division, said.status_age) == (GUIZHOU, "520000", 60.0)
    assert not hasattr(said, "rule_version")
    assert "code-1" not in repr(said)


HANDLE = PairwiseHandle(Handle("h" * 22), Instant(AT + 60))
ENTRY = LaboratoryTest("2021-06-20")
PROVEN = dataclasses.replace(DECISION, marks=CodeMarks(GUIZHOU, b"somebody"))
TESTED = dataclasses.replace(PROVEN, clinical=SealedEntry(ENTRY))
ITEM = ClinicalItem.LATEST_TEST


def test_a_province_learns_what_staff_do_the_version_and_her_handle() -> None:
    said = disclose(DECISION, Profile.PROVINCE, handle=HANDLE)
    assert isinstance(said, ProvinceDisclosure)
    assert said.staff == disclose(DECISION, Profile.STAFF)
    assert (said.rule_version, said.handle) == (DECISION.rule_version, HANDLE)
    assert HANDLE.handle not in repr(said)
    assert disclose(DECISION, Profile.PROVINCE) == dataclasses.replace(said, handle=None)


def test_no_type_has_a_field_that_its_profile_may_not_show() -> None:
    core = {"measure", "reasons", "decided_time"}
    names = {kind: {one.name for one in dataclasses.fields(kind)} - core for kind in DISCLOSURES}
    assert names[ClinicDisclosure] == {"item", "state", "entry"}
    assert names[ProvinceDisclosure] == {"staff", "handle", "rule_version"}
    assert not names[StaffDisclosure] & {"handle", "rule_version", "entry", "marks", "clinical"}
    assert names[GateDisclosure] == set()


DISCLOSURES = (GateDisclosure, StaffDisclosure, ProvinceDisclosure, ClinicDisclosure)


def test_a_clinic_learns_one_item_of_a_code_that_is_genuine_and_valid() -> None:
    said = disclose(TESTED, Profile.CLINIC, item=ITEM)
    assert isinstance(said, ClinicDisclosure)
    assert (said.item, said.state, said.entry) == (ITEM, EntryState.SHOWN, ENTRY)
    assert "2021-06-20" not in repr(said)
    nothing = disclose(PROVEN, Profile.CLINIC, item=ITEM)
    assert isinstance(nothing, ClinicDisclosure)
    assert (nothing.state, nothing.entry) == (EntryState.NOT_IN_CODE, None)
    refused_by_the_rules = dataclasses.replace(TESTED, stopped_at=Step.POLICY)
    assert disclose(refused_by_the_rules, Profile.CLINIC, item=ITEM) == said


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.POLICY])
def test_a_clinic_learns_nothing_of_a_code_that_was_stopped_before_the_rules(step: Step) -> None:
    said = disclose(dataclasses.replace(TESTED, stopped_at=step), Profile.CLINIC, item=ITEM)
    assert isinstance(said, ClinicDisclosure)
    assert (said.state, said.entry) == (EntryState.NOT_PROVEN, None)


def test_a_clinic_learns_nothing_of_a_code_that_was_only_seen() -> None:
    said = disclose(dataclasses.replace(TESTED, marks=None), Profile.CLINIC, item=ITEM)
    assert isinstance(said, ClinicDisclosure)
    assert said.state is EntryState.NOT_PROVEN


def test_without_an_item_there_is_no_clinic() -> None:
    with pytest.raises(ValueError, match="item"):
        disclose(TESTED, Profile.CLINIC)


@pytest.mark.parametrize("profile", [Profile.GATE, Profile.STAFF, Profile.PROVINCE])
def test_no_other_profile_opens_an_item_or_takes_a_handle_that_is_not_its_own(profile: Profile) -> None:
    said = disclose(TESTED, profile, item=ITEM, handle=HANDLE)
    assert said == disclose(PROVEN, profile, handle=HANDLE)
    assert ENTRY not in dataclasses.astuple(said)
    if profile is not Profile.PROVINCE:
        assert HANDLE not in dataclasses.astuple(said)


def test_a_sealed_item_shows_nothing_equals_nothing_and_goes_into_no_file() -> None:
    sealed = TESTED.clinical
    assert sealed is not None
    assert "2021" not in repr(sealed) + repr(TESTED) + repr(ENTRY)
    assert sealed != SealedEntry(ENTRY)
    assert TESTED == PROVEN
    with pytest.raises(TypeError):
        pickle.dumps(sealed)
