"""From a caller to her rights: which row is hers, and what she may then."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from gateway.callers import registry as module
from gateway.callers.meter import Meters
from gateway.callers.registry import CallerRegistry
from gateway.callers.rights import EVERYTHING, NOTHING, Divisions, Rights, authorise, up_to
from gateway.clinical import ClinicalItem
from gateway.errors import CallerRefused, RefusalReason
from gateway.rpc.methods import READS_OF_LISTS
from gateway.values import Caller, CallerId, CallerKind, Profile, Purpose

from .registries import HUB, LOOPBACK, PLAIN, RELAY, registry

ZJ, GZ = frozenset({"zj.example"}), frozenset({"gz.example"})
VERIFY = "/healthcode.interop.v1.VerificationService/VerifyCode"
EAST = "spiffe://zj.example/hub/330100/rail/east"


def caller(name: str, vouched_by: frozenset[str] = ZJ, kind: CallerKind = CallerKind.TLS_PEER) -> Caller:
    return Caller(CallerId(name), kind, vouched_by)


def book(*rows: str, **more: object) -> CallerRegistry:
    given: dict[str, object] = {"most": up_to(Profile.STAFF)} | more
    return CallerRegistry(registry(*rows), Meters(), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("who", "row"),
    [
        (caller(EAST), "hub"),
        (caller("spiffe://zj.example/hub/330000/rail/x"), "hub"),
        (caller("spiffe://zj.example/hub/110000/rail/x"), None),
        (caller("spiffe://zj.example/hub/330100/air/x"), None),
        (caller("spiffe://zj.example/gateway/330100/x"), None),
        (caller(EAST, GZ), None),
        (caller(EAST, frozenset()), None),
        (caller("spiffe://gz.example/gateway/520000/main", GZ), "relay"),
        (caller("spiffe://gz.example/gateway/520000/main", ZJ), None),
        (caller("spiffe://gz.example/gateway/520000/other", GZ), None),
        (caller("Gate 7"), "plain"),
        (caller("Gate 7", ZJ | GZ), "plain"),
        (caller("Gate 7", GZ), None),
        (caller("Gate 8"), None),
        (caller("dev-loopback", frozenset(), CallerKind.DEV_LOOPBACK), "loopback"),
        (caller("dev-loopback"), None),
        (caller("local"), None),
    ],
)
def test_which_row_is_hers(who: Caller, row: str | None) -> None:
    rows = {"hub": HUB, "relay": RELAY, "plain": PLAIN, "loopback": LOOPBACK}
    found = book(*rows.values()).rights_of(who)
    if row is None:
        assert found == NOTHING
    else:
        assert found.calls == registry(rows[row]).rows[0].calls
        assert found.meter is not None


def test_the_gateways_own_processes_may_do_everything() -> None:
    assert book(HUB).rights_of(caller("local", frozenset(), CallerKind.LOCAL)) is EVERYTHING


def test_a_name_counts_before_a_description_and_the_first_description_before_the_next() -> None:
    named = PLAIN.replace("Gate 7", EAST).replace('domain = "zj.example"\n', "")
    narrow = HUB.replace('division = "330000"', 'division = "330100"').replace("ARRIVAL", "DEPARTURE")
    found = book(narrow, HUB, named)
    assert found.rights_of(caller(EAST)).purposes == {Purpose.SELF_CHECK}
    west, south = "spiffe://zj.example/hub/330100/rail/west", "spiffe://zj.example/hub/330200/rail/south"
    assert found.rights_of(caller(west)).purposes == {Purpose.TRANSPORT_DEPARTURE}
    assert found.rights_of(caller(south)).purposes == {Purpose.TRANSPORT_ARRIVAL}


def test_no_row_gives_more_than_the_configuration() -> None:
    both = HUB.replace('["GATE"]', '["GATE", "STAFF"]')
    assert book(both).rights_of(caller(EAST)).profiles == {Profile.GATE, Profile.STAFF}
    assert book(both, most=up_to(Profile.GATE)).rights_of(caller(EAST)).profiles == {Profile.GATE}


def test_who_is_enrolled_may_read_lists_beside_what_her_row_says() -> None:
    stranger = "spiffe://zj.example/gateway/330000/new"
    found = book(HUB, enrolled=[EAST, stranger, "dev-loopback"], reads=READS_OF_LISTS)
    assert found.rights_of(caller(EAST)).calls == READS_OF_LISTS | {VERIFY}
    assert found.rights_of(caller(stranger)).calls == READS_OF_LISTS
    assert found.rights_of(caller("dev-loopback", frozenset(), CallerKind.DEV_LOOPBACK)) == NOTHING


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 4)
    found = book(HUB)
    for number in range(20):
        assert found.rights_of(caller(f"spiffe://zj.example/hub/330100/rail/{number}")).calls == frozenset({VERIFY})
        assert len(found._remembered) <= 4


RIGHTS = Rights(
    frozenset({Profile.GATE}),
    frozenset({Purpose.VENUE_ENTRY}),
    frozenset({VERIFY}),
    Divisions(["330000", "110100", "US"]),
)


def refusal(
    purpose: int, profile: int | None, division: str | None, rights: Rights = RIGHTS, item: int | None = None
) -> RefusalReason | None:
    try:
        authorise(rights, purpose, profile, division, item)
    except CallerRefused as refused:
        return refused.reason
    return None


@pytest.mark.parametrize(
    ("most", "profiles"),
    [
        (Profile.GATE, {Profile.GATE}),
        (Profile.STAFF, {Profile.GATE, Profile.STAFF}),
        (Profile.PROVINCE, {Profile.GATE, Profile.STAFF, Profile.PROVINCE}),
        (Profile.CLINIC, {Profile.GATE, Profile.CLINIC}),
    ],
)
def test_a_profile_implies_those_that_tell_nothing_more_and_none_implies_a_clinics(
    most: Profile, profiles: set[Profile]
) -> None:
    assert up_to(most) == profiles


CLINIC = Rights(
    frozenset({Profile.CLINIC}),
    frozenset({Purpose.MEDICAL_CARE, Purpose.VENUE_ENTRY}),
    clinical_items=frozenset({ClinicalItem.LATEST_TEST}),
)


@pytest.mark.parametrize(
    ("rights", "purpose", "item", "reason"),
    [
        (CLINIC, 6, 2, None),
        (CLINIC, 6, 1, RefusalReason.ITEM_NOT_ALLOWED),
        (CLINIC, 6, 3, RefusalReason.ITEM_NOT_ALLOWED),
        # left to the schema: no item, one that is not known
        (CLINIC, 6, 0, None),
        (CLINIC, 6, 99, None),
        (CLINIC, 6, -1, None),
        # a call that gives none, another purpose
        (CLINIC, 6, None, RefusalReason.PROFILE_NOT_ALLOWED),
        (CLINIC, 3, 2, RefusalReason.PROFILE_NOT_ALLOWED),
        (replace(CLINIC, profiles=up_to(Profile.PROVINCE)), 6, 2, RefusalReason.PROFILE_NOT_ALLOWED),
        (replace(CLINIC, clinical_items=frozenset()), 6, 2, RefusalReason.ITEM_NOT_ALLOWED),
        (EVERYTHING, 6, 3, None),
        (EVERYTHING, 3, 3, RefusalReason.PROFILE_NOT_ALLOWED),
    ],
)
def test_a_clinic_has_one_item_for_medical_care_in_calls_that_give_one(
    rights: Rights, purpose: int, item: int | None, reason: RefusalReason | None
) -> None:
    assert refusal(purpose, Profile.CLINIC, None, rights, item) is reason


def test_the_first_thing_that_is_not_hers_is_what_she_is_told_of() -> None:
    for purpose, division, profile in product((3, 1), ("330100", "520000"), (1, 2)):
        wanted = (
            (RefusalReason.PURPOSE_NOT_ALLOWED if purpose != 3 else None)
            or (RefusalReason.DIVISION_NOT_ALLOWED if division != "330100" else None)
            or (RefusalReason.PROFILE_NOT_ALLOWED if profile != 1 else None)
        )
        assert refusal(purpose, profile, division) == wanted


@pytest.mark.parametrize(
    ("division", "hers"),
    [
        *(("330000", True), ("330100", True), ("330106", True), ("110100", True), ("110106", True), ("US", True)),
        *(("110000", False), ("110200", False), ("340000", False), ("CN", False), ("", False), ("100000", False)),
    ],
)
def test_divisions_are_hers_with_all_that_lies_in_them(division: str, hers: bool) -> None:
    assert Divisions(["330000", "110100", "US"]).cover(division) is hers


def test_the_nation_is_all_divisions_of_it_and_no_other() -> None:
    nation = Divisions(["100000"])
    assert [nation.cover(one) for one in ("330106", "100000", "US", "")] == [True, True, False, False]


def test_what_no_schema_knows_is_left_to_the_schema_and_what_is_not_asked_is_not_looked_at() -> None:
    assert refusal(0, 1, "330000") is None
    assert refusal(99, 99, "330000") is None
    assert refusal(3, 0, "330000") is None
    assert refusal(3, None, None) is None
    assert refusal(3, 0, "330000", Rights(frozenset({Profile.STAFF}))) is RefusalReason.PROFILE_NOT_ALLOWED


def test_who_may_nothing_may_nothing() -> None:
    for purpose, profile in product(range(1, 8), (0, 1, 2)):
        assert refusal(purpose, profile, "330000", NOTHING) is RefusalReason.PURPOSE_NOT_ALLOWED
    assert not NOTHING.allow_call(VERIFY)
    assert EVERYTHING.allow_call(VERIFY)
