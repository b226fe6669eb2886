"""What the payload of an HCERT code states, family by family, and the dates of validity that it names."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import hcert
from gateway.formats.hcert_payload import WORST_FIRST
from gateway.values import KeyUse
from keys.values import EARLIEST, LATEST
from tests.simulators.hcert_issuer import ddcc_test, ddcc_vaccination, icvp, lab_result, recovery, vaccination

from .hcert_codes import ISSUER, issued, reason_of, with_claims

NOTHING: tuple[object, ...] = (None, [], cbor2.undefined)


def only(payload: Any, kind: str) -> object:
    """Return the one entry of a DCC, without its list."""
    (entry,) = payload[kind]
    return entry


@pytest.mark.parametrize(
    ("payload", "word", "use", "deviates"),
    [
        (vaccination(dose=2, doses=2), "vaccinated", KeyUse.VACCINATION, False),
        (vaccination(dose=3, doses=2), "vaccinated", KeyUse.VACCINATION, False),
        (vaccination(dose=1, doses=1), "vaccinated", KeyUse.VACCINATION, False),
        (vaccination(dose=1, doses=2), "partly-vaccinated", KeyUse.VACCINATION, False),
        (vaccination(tg="6142004"), "attested", KeyUse.VACCINATION, False),
        (vaccination(tg=840539006), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(tg=" 840539006"), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(tg=True), "attested", KeyUse.VACCINATION, True),
        (vaccination(tg=["840539006"]), "attested", KeyUse.VACCINATION, True),
        (vaccination(sd=0), "attested", KeyUse.VACCINATION, False),
        (vaccination(dn=True, sd=True), "attested", KeyUse.VACCINATION, True),
        (vaccination(dn="2"), "attested", KeyUse.VACCINATION, True),
        (vaccination(dn=2.0), "attested", KeyUse.VACCINATION, True),
        (vaccination(dn=10), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(dt="18.05.2021"), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(mp=None), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(co="austria"), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(ci="C" * 81), "vaccinated", KeyUse.VACCINATION, True),
        (lab_result(), "tested-negative", KeyUse.TEST, False),
        (lab_result(detected=True), "tested-positive", KeyUse.TEST, False),
        (lab_result(tr="something else"), "laboratory", KeyUse.TEST, False),
        (lab_result(tr=260415000), "tested-negative", KeyUse.TEST, True),
        (lab_result(tr=260373001), "tested-positive", KeyUse.TEST, True),
        (lab_result(tr="260373001 "), "tested-positive", KeyUse.TEST, True),
        (lab_result(tr=260373001.0), "laboratory", KeyUse.TEST, True),
        (lab_result(tg="6142004"), "laboratory", KeyUse.TEST, False),
        (lab_result(sc="yesterday"), "tested-negative", KeyUse.TEST, True),
        (recovery(), "recovered", KeyUse.RECOVERY, False),
        (recovery(tg=None), "attested", KeyUse.RECOVERY, True),
        (recovery(du="2021"), "recovered", KeyUse.RECOVERY, True),
        ({**vaccination(), **recovery()}, "recovered", KeyUse.RECOVERY, True),
        ({**vaccination(), **lab_result(detected=True)}, "tested-positive", KeyUse.TEST, True),
        ({**vaccination(dose=1), **lab_result(), **recovery()}, "partly-vaccinated", KeyUse.VACCINATION, True),
        ({**vaccination(), "v": []}, "attested", None, True),
        ({**vaccination(), "v": {}}, "attested", None, True),
        ({**vaccination(), "v": None}, "attested", None, True),
        ({**vaccination(), "v": [7]}, "attested", KeyUse.VACCINATION, True),
        ({**vaccination(), "v": 7}, "attested", KeyUse.VACCINATION, True),
        ({**vaccination(), "v": only(vaccination(), "v")}, "vaccinated", KeyUse.VACCINATION, True),
        ({**lab_result(), "t": only(lab_result(detected=True), "t")}, "tested-positive", KeyUse.TEST, True),
        *(
            ({"v": nothing, "t": nothing, "r": nothing, **payload}, word, use, True)
            for nothing in NOTHING
            for payload, word, use in (
                (vaccination(), "vaccinated", KeyUse.VACCINATION),
                (lab_result(), "tested-negative", KeyUse.TEST),
                (lab_result(detected=True), "tested-positive", KeyUse.TEST),
                (recovery(), "recovered", KeyUse.RECOVERY),
            )
        ),
        ({**vaccination(), "ver": "2.0.0"}, "vaccinated", KeyUse.VACCINATION, True),
        ({**vaccination(), "dob": "1.1.1990"}, "vaccinated", KeyUse.VACCINATION, True),
        ({**vaccination(), "dob": ""}, "vaccinated", KeyUse.VACCINATION, False),
        ({**vaccination(), "nam": {"fn": "B"}}, "vaccinated", KeyUse.VACCINATION, True),
        ({**vaccination(), "nam": 1}, "vaccinated", KeyUse.VACCINATION, True),
        ({}, "attested", None, True),
    ],
)
def test_dcc_words(payload: dict[str, object], word: str, use: KeyUse | None, deviates: bool) -> None:
    read = hcert.read(issued(payload))
    assert (read.statement, read.required_use) == (word, use)
    assert read.notes == ((Reason.SCHEMA_DEVIATION,) if deviates else ())


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_doses_the_worst_counts(order: int) -> None:
    doses = [vaccination(dose=1, doses=2)["v"], vaccination(dose=2, doses=2)["v"]][::order]
    entries = [entry for dose in doses if isinstance(dose, list) for entry in dose]
    assert hcert.read(issued({**vaccination(), "v": entries})).statement == "partly-vaccinated"


@pytest.mark.parametrize(
    ("claims", "word", "use"),
    [
        (ddcc_vaccination(), "vaccinated", KeyUse.VACCINATION),
        (ddcc_vaccination(dose=1), "partly-vaccinated", KeyUse.VACCINATION),
        (ddcc_vaccination(total_doses=None), "attested", KeyUse.VACCINATION),
        (ddcc_vaccination(disease=None), "attested", KeyUse.VACCINATION),
        (ddcc_vaccination(disease={"code": "1D47"}), "attested", KeyUse.VACCINATION),
        (ddcc_vaccination(disease={"code": "RA01 "}), "vaccinated", KeyUse.VACCINATION),
        (ddcc_vaccination(disease={"code": []}), "attested", KeyUse.VACCINATION),
        (ddcc_test(), "tested-negative", KeyUse.TEST),
        (ddcc_test(detected=True), "tested-positive", KeyUse.TEST),
        (ddcc_test(pathogen="XN000"), "laboratory", KeyUse.TEST),
        ({"test": "negative"}, "laboratory", KeyUse.TEST),
        *(
            ({**ddcc_test(), "vaccine": nothing, "disease": nothing}, "tested-negative", KeyUse.TEST)
            for nothing in NOTHING
        ),
        *(({**ddcc_vaccination(), "test": nothing}, "vaccinated", KeyUse.VACCINATION) for nothing in NOTHING),
        ({"vaccine": None, "test": None}, "attested", None),
        ({**ddcc_vaccination(), **ddcc_test(detected=True)}, "tested-positive", KeyUse.TEST),
        ({-260: {3: ddcc_vaccination()}}, "vaccinated", KeyUse.VACCINATION),
        ({-260: icvp()}, "attested", KeyUse.VACCINATION),
        ({-260: {5: [{"u": "shlink:/x"}]}}, "attested", None),
        ({-260: {3: ddcc_vaccination(), 4: ddcc_test(detected=True)}}, "tested-positive", KeyUse.TEST),
        ({-260: {7: {}}}, "attested", None),
    ],
)
def test_words_of_the_other_families(claims: dict[object, object], word: str, use: KeyUse | None) -> None:
    read = hcert.read(ISSUER.issue_claims(claims))
    assert (read.statement, read.required_use, read.issuer) == (word, use, "")
    assert read.statement in WORST_FIRST


DAY = 86_400.0
Y2021 = 1_609_459_200.0


@pytest.mark.parametrize(
    ("first", "last", "not_before", "expire_time"),
    [
        ("2021-01-01", "2021-01-01", Y2021, Y2021 + DAY),
        ("2021-01", "2021-01", Y2021, Y2021 + 31 * DAY),
        ("2021", "2021", Y2021, Y2021 + 365 * DAY),
        ("2021-01-01T01:00:00+01:00", "2021-01-01T00:00:10Z", Y2021, Y2021 + 10),
        ("2021-01-01T00:00:00", "2021-01-01T00:00:10.5", Y2021, Y2021 + 10.5),
        ("2021-01-01 00:00:00", "2021-01-01 00:00:10Z", Y2021, Y2021 + 10),
        (" 2021-01-01", "2021-01-01 ", Y2021, Y2021 + DAY),
        ("1985-03-01", "9998-12-31", EARLIEST, LATEST),
        ("", None, None, None),
    ],
)
@pytest.mark.parametrize("family", ["icvp", "ddcc"])
def test_dates_of_validity(
    family: str,
    first: str,
    last: str | None,
    not_before: float | None,
    expire_time: float | None,
) -> None:
    if family == "icvp":
        code = with_claims(exp=..., hcert=icvp(vls=first, vle=last))
    else:
        code = ISSUER.issue_claims(ddcc_vaccination(valid_from=first, valid_until=last))
    read = hcert.read(code)
    assert (read.not_before, read.expire_time) == (not_before, expire_time)


@pytest.mark.parametrize(
    "date", ["soon", "2021-13-01", "2021-02-30", "2021-1-1", "2021-01-01Tnow", "9999", "0000", 2021]
)
@pytest.mark.parametrize("name", ["vls", "vle"])
def test_a_date_of_validity_that_cannot_be_read_is_refused(name: str, date: object) -> None:
    assert reason_of(with_claims(hcert=icvp(**{name: date}))) is Reason.BAD_CLAIM


def test_the_narrower_validity_counts() -> None:
    inner = icvp(vls="2021-01-01", vle="2021-01-01")
    read = hcert.read(with_claims(nbf=Y2021 - 1, exp=Y2021 + 1, hcert=inner))
    assert (read.not_before, read.expire_time) == (Y2021, Y2021 + 1)
    read = hcert.read(with_claims(nbf=Y2021 + 1, exp=Y2021 + 2 * DAY, hcert=inner))
    assert (read.not_before, read.expire_time) == (Y2021 + 1, Y2021 + DAY)


MEMBERS = st.sampled_from(["v", "t", "r", "tg", "dn", "sd", "tr", "sc", "nam", "fnt", "ver", "dob", "co", "840539006"])
JSON_LIKE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | MEMBERS | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS | st.integers(-6, 6), inner, max_size=5),
    max_leaves=15,
)


@given(JSON_LIKE)
def test_any_dcc_is_given_a_word_or_refused(payload: object) -> None:
    for claims in (
        {1: "XA", -260: {1: payload}},
        {-260: payload},
        {-260: {3: {"vaccine": payload, "disease": payload}}},
    ):
        try:
            read = hcert.read(ISSUER.issue_claims(claims))
        except CodeUnreadable as refused:
            allowed = refused.reason in (Reason.BAD_CLAIM, Reason.MISSING_CLAIM)
        else:
            allowed = read.statement in WORST_FIRST
        assert allowed


@pytest.mark.parametrize("payload", [vaccination(), lab_result(), recovery(), {**vaccination(), **lab_result()}])
def test_evidence_is_the_entries_without_who_the_holder_is(payload: dict[str, Any]) -> None:
    kinds = [kind for kind in ("v", "t", "r") if kind in payload]
    expected = {"ver": payload["ver"]} | {
        kind: [{name: value for name, value in entry.items() if name != "ci"} for entry in payload[kind]]
        for kind in kinds
    }
    assert all(entry["ci"] for kind in kinds for entry in payload[kind])
    assert hcert.read(issued(payload)).evidence == expected


@pytest.mark.parametrize("misplaced", [{"nam": {"fn": "Canary"}}, {"dob": "Canary"}, {"ci": "Canary"}])
def test_evidence_passes_no_misplaced_name_on(misplaced: dict[str, Any]) -> None:
    evidence = hcert.read(issued({**vaccination(**misplaced), **misplaced, "extra": misplaced})).evidence
    assert "Canary" not in str(evidence)


def test_evidence_has_lists_where_an_issuer_wrote_one_entry_without() -> None:
    """A rule asks for the first entry; one that is no list would look like a certificate without any."""
    evidence = hcert.read(issued({**vaccination(), "v": only(vaccination(), "v")})).evidence
    assert evidence is not None
    assert isinstance(evidence["v"], list)


@pytest.mark.parametrize("version", [None, 7, {"nam": "Canary"}])
def test_evidence_has_a_version_that_is_a_text_or_none(version: object) -> None:
    evidence = hcert.read(issued({**vaccination(), "ver": version})).evidence
    assert evidence is not None
    assert "ver" not in evidence


@pytest.mark.parametrize("claims", [ddcc_vaccination(), ddcc_test()])
def test_other_families_leave_no_evidence(claims: dict[Any, Any]) -> None:
    assert hcert.read(ISSUER.issue_claims({1: "XA", 4: 1_655_000_000, **claims})).evidence is None
