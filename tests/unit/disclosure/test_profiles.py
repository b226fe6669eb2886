"""A profile's type holds no field that the profile may not show."""

from __future__ import annotations

import dataclasses

from gateway.disclosure import GateDisclosure, StaffDisclosure, disclose
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.status.observe import observe
from gateway.values import DivisionCode, Profile
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
    assert said.rule_version
    assert "code-1" not in repr(said)
