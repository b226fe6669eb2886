"""The registry as it is written: what is taken, and every fault once, with its line and member."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers.identity import CheckpointClass, Kind
from gateway.callers.meter import Limits
from gateway.callers.registry import Who
from gateway.callers.registry_file import MAX_FILE_BYTES, RegistryInvalid, parse_registry, read_registry
from gateway.clinical import ClinicalItem
from gateway.config import load
from gateway.rpc.methods import METHODS, known_calls
from gateway.values import DivisionCode, Profile, Purpose

from .registries import CLINIC, HUB, LOOPBACK, PLAIN, RELAY, VERSION, registry


def test_rows_are_read() -> None:
    hub, relay, plain, loopback = registry(HUB, RELAY, PLAIN, LOOPBACK).rows
    assert hub.who == Who(None, "zj.example", Kind.HUB, DivisionCode("330000"), CheckpointClass.RAIL)
    assert hub.calls == {"/healthcode.interop.v1.VerificationService/VerifyCode"}
    assert hub.purposes == {Purpose.TRANSPORT_ARRIVAL}
    assert hub.profiles == {Profile.GATE}
    assert hub.divisions is not None
    assert hub.divisions.told == ("330000", "US")
    assert hub.limits == Limits(10, 10, 20, 512)
    assert relay.who == Who("spiffe://gz.example/gateway/520000/main", "gz.example")
    assert relay.limits == Limits(5, 50, 0, 0)
    assert plain.who == Who("Gate 7", "zj.example")
    assert loopback.who == Who("dev-loopback", None)
    assert [row.place for row in (hub, relay, plain, loopback)] == [1, 2, 3, 4]
    assert registry(HUB.replace('["330000", "US"]', '["*"]')).rows[0].divisions is None


def test_a_clinic_is_granted_its_items_by_name() -> None:
    (row,) = registry(CLINIC).rows
    assert row.profiles == {Profile.GATE, Profile.CLINIC}
    assert row.clinical_items == {ClinicalItem.LATEST_TEST, ClinicalItem.LATEST_VACCINATION}
    assert row.rights().clinical_items == row.clinical_items


def test_what_can_be_granted_is_every_call_that_demands_an_identity() -> None:
    assert {call.method for call in known_calls().values()} == {name for name, row in METHODS.items() if row.identity}
    assert all(name.count("/") == 1 and "." not in name for name in known_calls())


def hub(old: str, new: str) -> str:
    assert old in HUB
    return VERSION + HUB.replace(old, new)


FAULTS = {
    "no TOML": ("version = ", "file", 1),
    "nothing": ("", "version", None),
    "no version": (HUB, "version", None),
    "a long version": (f'version = "{"x" * 33}"' + HUB, "version", 1),
    "no rows": (VERSION, "caller", None),
    "an unknown part": (VERSION + "x = 1\n" + HUB, "x", 2),
    "a row that is none": (VERSION + "caller = [1]", "caller[0]", 2),
    "an unknown member": (hub("calls_per_s = 10", "calls_per_s = 10\nburst = 1"), "caller[0].burst", 13),
    "no calls": (hub('["VerificationService/VerifyCode"]', "[]"), "caller[0].calls", 8),
    "calls of all": (hub('["VerificationService/VerifyCode"]', '["*"]'), "caller[0].calls", 8),
    "a call with its package": (
        hub("VerificationService/VerifyCode", "/healthcode.interop.v1.VerificationService/VerifyCode"),
        "caller[0].calls",
        8,
    ),
    "a call without identity": (hub("VerificationService/VerifyCode", "Health/Check"), "caller[0].calls", 8),
    "a call twice": (
        hub('"VerificationService/VerifyCode"', '"VerificationService/VerifyCode", "VerificationService/VerifyCode"'),
        "caller[0].calls",
        8,
    ),
    "calls that are a word": (hub('["VerificationService/VerifyCode"]', '"*"'), "caller[0].calls", 8),
    "no purpose": (hub('purposes = ["TRANSPORT_ARRIVAL"]\n', ""), "caller[0].purposes", 3),
    "an unknown purpose": (hub("TRANSPORT_ARRIVAL", "ANY"), "caller[0].purposes", 9),
    "purposes in vain": (VERSION + RELAY + 'purposes = ["SELF_CHECK"]', "caller[0].purposes", 8),
    "no division": (hub('divisions = ["330000", "US"]\n', ""), "caller[0].divisions", 3),
    "a division of five": (hub('"330000", "US"', '"33000"'), "caller[0].divisions", 10),
    "all divisions and one": (hub('"330000", "US"', '"330000", "*"'), "caller[0].divisions", 10),
    "divisions in vain": (VERSION + PLAIN + 'divisions = ["*"]', "caller[0].divisions", 9),
    "no profile": (hub('profiles = ["GATE"]\n', ""), "caller[0].profiles", 3),
    "an unknown profile": (hub('"GATE"', '"ALL"'), "caller[0].profiles", 11),
    "profiles in vain": (VERSION + PLAIN + 'profiles = ["GATE"]', "caller[0].profiles", 9),
    "a clinic without items": (
        VERSION + CLINIC.replace('clinical_items = ["LATEST_TEST", "LATEST_VACCINATION"]\n', ""),
        "caller[0].clinical_items",
        3,
    ),
    "a clinic with an unknown item": (
        VERSION + CLINIC.replace('"LATEST_TEST", ', '"NAME", '),
        "caller[0].clinical_items",
        11,
    ),
    "items in vain": (
        hub('profiles = ["GATE"]', 'profiles = ["GATE"]\nclinical_items = ["LATEST_TEST"]'),
        "caller[0].clinical_items",
        12,
    ),
    "a clinic for another purpose": (
        VERSION + CLINIC.replace('"MEDICAL_CARE"', '"VENUE_ENTRY"'),
        "caller[0].profiles",
        10,
    ),
    "a clinic that verifies batches only": (
        VERSION + CLINIC.replace("VerifyCode", "VerifyCodes"),
        "caller[0].profiles",
        10,
    ),
    "no rate": (hub("calls_per_s = 10\n", ""), "caller[0].calls_per_s", 3),
    "a rate of none": (hub("calls_per_s = 10", "calls_per_s = 0"), "caller[0].calls_per_s", 12),
    "a rate of yes": (hub("calls_per_s = 10", "calls_per_s = true"), "caller[0].calls_per_s", 12),
    "a broken rate": (hub("calls_per_s = 10", "calls_per_s = 0.5"), "caller[0].calls_per_s", 12),
    "no rate of codes": (hub("codes_per_s = 20\n", ""), "caller[0].codes_per_s", 3),
    "a burst below the rate": (
        hub("calls_per_s = 10", "calls_per_s = 10\ncalls_burst = 9"),
        "caller[0].calls_burst",
        13,
    ),
    "a burst of hours": (hub("calls_per_s = 10", "calls_per_s = 10\ncalls_burst = 36001"), "caller[0].calls_burst", 13),
    "a burst below a batch": (
        hub("codes_per_s = 20", "codes_per_s = 20\ncodes_burst = 511"),
        "caller[0].codes_burst",
        14,
    ),
    "codes in vain": (VERSION + RELAY + "codes_per_s = 1", "caller[0].codes_per_s", 8),
    "codes at once in vain": (VERSION + RELAY + "codes_burst = 600", "caller[0].codes_burst", 8),
    "an unknown kind": (hub('"hub"', '"station"'), "caller[0].kind", 5),
    "an unknown class": (hub('"rail"', '"train"'), "caller[0].class", 7),
    "a class of no hub": (hub('"hub"', '"gateway"'), "caller[0].class", 7),
    "a kind that is a number": (hub('"hub"', "1"), "caller[0].kind", 5),
    "a caller of no division": (hub('division = "330000"', 'division = "33"'), "caller[0].division", 6),
    "nobody": (hub('domain = "zj.example"\n', ""), "caller[0].domain", 3),
    "a domain in capitals": (hub("zj.example", "ZJ.example"), "caller[0].domain", 4),
    "a name and more": (VERSION + RELAY + 'kind = "gateway"', "caller[0].kind", 8),
    "a name that tells its domain, and a domain": (VERSION + RELAY + 'domain = "a.example"', "caller[0].domain", 8),
    "a name without a domain": (VERSION + PLAIN.replace('domain = "zj.example"\n', ""), "caller[0].domain", 3),
    "a name that is nearly an id": (VERSION + RELAY.replace("spiffe://", "spiffe:/"), "caller[0].name", 4),
    "a name of no letters": (VERSION + PLAIN.replace("Gate 7", ""), "caller[0].name", 4),
    "a name twice": (VERSION + RELAY + RELAY, "caller[1].name", 10),
    "a row that one before it covers": (
        VERSION + HUB.replace('class = "rail"\n', "") + HUB.replace("330000", "330100"),
        "caller[1].domain",
        15,
    ),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_refuses_the_file_and_is_told_with_line_and_member(what: str) -> None:
    text, path, line = FAULTS[what]
    with pytest.raises(RegistryInvalid) as caught:
        parse_registry(text, known_calls())
    assert (caught.value.path, caught.value.line) == (path, line)


def test_rows_that_overlap_without_one_covering_the_other_are_fine() -> None:
    narrow, wide = HUB.replace("330000", "330100"), HUB
    assert len(registry(narrow, wide, HUB.replace("zj.example", "gz.example")).rows) == 3


@pytest.mark.parametrize(("row", "member"), [(HUB, "domain"), (RELAY, "name"), (PLAIN, "domain")])
def test_a_domain_without_authorities_is_refused(row: str, member: str) -> None:
    assert registry(row, domains=frozenset({"zj.example", "gz.example"})).rows
    with pytest.raises(RegistryInvalid) as caught:
        registry(row, domains=frozenset({"other.example"}))
    assert caught.value.path == f"caller[0].{member}"


DEPLOY = Path(__file__).parents[3] / "deploy" / "config"


def test_the_shipped_sample_is_sound_with_the_shipped_configuration() -> None:
    config = load(DEPLOY / "example.toml")
    assert config.callers.registry == DEPLOY / "callers.toml"
    found = read_registry(DEPLOY / "callers.toml", known_calls(), config.callers.authorities.keys())
    assert [row.who.domain for row in found.rows] == ["rail.example", *["zhejiang.example"] * 6]


@pytest.mark.parametrize("content", [None, b"\xff", b"#" * (MAX_FILE_BYTES + 1)])
def test_a_file_that_is_not_there_no_text_or_too_large_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "callers.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RegistryInvalid) as caught:
        read_registry(file, known_calls())
    assert caught.value.path == "file"


def test_a_number_that_is_too_large_is_a_fault() -> None:
    with pytest.raises(RegistryInvalid) as caught:
        parse_registry("x = " + "9" * 5_000, known_calls())
    assert caught.value.path == "file"


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([VERSION, HUB, RELAY, PLAIN, LOOPBACK, "=", "[["])).map("".join)
)
def test_whatever_the_text_is_it_is_a_registry_or_a_fault(text: str) -> None:
    with suppress(RegistryInvalid):
        assert parse_registry(text, known_calls()).rows
