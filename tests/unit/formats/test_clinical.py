"""The one clinical item of a certificate: in strict forms only, sealed, and nothing at all where none is wanted."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clinical import (
    Assay,
    AssayResult,
    ClinicalEntry,
    ClinicalItem,
    LaboratoryTest,
    ProductSystem,
    Recovery,
    SealedEntry,
    Vaccination,
)
from gateway.errors import CodeUnreadable, Reason
from gateway.formats import clinical_codes, clinical_dcc, clinical_fhir, clinical_vdsnc, read_code, recognise
from gateway.values import Instant
from tests.simulators.hcert_issuer import ddcc_test, ddcc_vaccination, lab_result, recovery, vaccination
from tests.simulators.shc_issuer import PATIENT, ShcIssuer
from tests.unit.formats.hcert_codes import EXPIRES, ISSUED, ISSUER
from tests.unit.formats.test_vdsnc import code as seal

VACCINATION, TEST, RECOVERY = ClinicalItem.LATEST_VACCINATION, ClinicalItem.LATEST_TEST, ClinicalItem.RECOVERY
EU, CVX, ICD, SNOMED = (
    ProductSystem.EU_MEDICINAL_PRODUCT,
    ProductSystem.CVX,
    ProductSystem.ICD_11,
    ProductSystem.SNOMED_CT,
)
SAMPLED = Instant(1_624_192_496.0)


def opened(sealed: SealedEntry | None) -> ClinicalEntry | None:
    return None if sealed is None else sealed.open()


def of_dcc(payload: Any, item: ClinicalItem) -> ClinicalEntry | None:
    claimed = read_code(code := ISSUER.issue(payload, issued=ISSUED, expires=EXPIRES), recognise(code), item)
    return opened(claimed.clinical)


def several(kind: str, *payloads: Any) -> Any:
    return {**payloads[0], kind: [one[kind][0] for one in payloads]}


UNLISTED = {**vaccination(), "v": vaccination()["v"][0]}  # type: ignore[index]
"""One entry without its list, as a real issuer writes it."""


@pytest.mark.parametrize(
    ("payload", "item", "entry"),
    [
        (vaccination(), VACCINATION, Vaccination("2021-05-18", EU, "EU/1/20/1528", 2, 2)),
        (vaccination(), TEST, None),
        (vaccination(), RECOVERY, None),
        (vaccination(dose=3, doses=2, dt="2021-05"), VACCINATION, Vaccination("2021-05", EU, "EU/1/20/1528", 3, 2)),
        (vaccination(mp="CoronaVac"), VACCINATION, Vaccination("2021-05-18", EU, "CoronaVac", 2, 2)),
        # Not of the value set's form: the class of vaccine is told, or nothing.
        (vaccination(mp="Zhang Wei"), VACCINATION, Vaccination("2021-05-18", SNOMED, "1119349007", 2, 2)),
        (
            vaccination(mp="EU/1/20/1528 Zhang", vp="J07BX03"),
            VACCINATION,
            Vaccination("2021-05-18", ProductSystem.ATC, "J07BX03", 2, 2),
        ),
        (vaccination(mp="a", vp="b"), VACCINATION, Vaccination("2021-05-18", None, None, 2, 2)),
        (vaccination(dn="2", sd=100), VACCINATION, Vaccination("2021-05-18", EU, "EU/1/20/1528", None, None)),
        (vaccination(dt="yesterday"), VACCINATION, None),
        (vaccination(dt="2021-02-30"), VACCINATION, None),
        (vaccination(dt="2021-13"), VACCINATION, None),
        (vaccination(tg="6142004"), VACCINATION, None),  # influenza is nobody's business here
        (
            several(
                "v", vaccination(dt="2021-05-18"), vaccination(dt="2021-11-02", dose=3), vaccination(dt="2020-12-27")
            ),
            VACCINATION,
            Vaccination("2021-11-02", EU, "EU/1/20/1528", 3, 2),
        ),
        (UNLISTED, VACCINATION, Vaccination("2021-05-18", EU, "EU/1/20/1528", 2, 2)),
        (lab_result(), TEST, LaboratoryTest("2021-06-20", SAMPLED, Assay.NUCLEIC_ACID, AssayResult.NOT_DETECTED)),
        (
            lab_result(detected=True, tt="LP217198-3"),
            TEST,
            LaboratoryTest("2021-06-20", SAMPLED, Assay.ANTIGEN, AssayResult.DETECTED),
        ),
        (lab_result(tt="PCR by Dr. Li", tr="fine"), TEST, LaboratoryTest("2021-06-20", SAMPLED, None, None)),
        (
            lab_result(sc="2021-06-20"),
            TEST,
            LaboratoryTest("2021-06-20", None, Assay.NUCLEIC_ACID, AssayResult.NOT_DETECTED),
        ),
        (
            lab_result(sc="2021-06-20T14:34:56+02:00"),
            TEST,
            LaboratoryTest("2021-06-20", SAMPLED, Assay.NUCLEIC_ACID, AssayResult.NOT_DETECTED),
        ),
        (lab_result(sc="2021-06-20 at noon"), TEST, None),
        # Two of one time: the worse.
        (
            several("t", lab_result(), lab_result(detected=True), lab_result()),
            TEST,
            LaboratoryTest("2021-06-20", SAMPLED, Assay.NUCLEIC_ACID, AssayResult.DETECTED),
        ),
        (recovery(), RECOVERY, Recovery("2021-02-20", "2021-04-04", "2021-10-04")),
        (recovery(df="soon", du=7), RECOVERY, Recovery("2021-02-20")),
        (recovery(fr=None), RECOVERY, None),
    ],
)
def test_an_eu_dcc(payload: Any, item: ClinicalItem, entry: ClinicalEntry | None) -> None:
    assert of_dcc(payload, item) == entry


def of_ddcc(claims: Any, item: ClinicalItem) -> ClinicalEntry | None:
    code = ISSUER.issue_claims({1: "XA", 4: EXPIRES, 6: ISSUED, **claims})
    return opened(read_code(code, recognise(code), item).clinical)


@pytest.mark.parametrize(
    ("claims", "item", "entry"),
    [
        (ddcc_vaccination(), VACCINATION, Vaccination("2021-07-08", SNOMED, "1119349007", 2, 2)),
        (
            ddcc_vaccination(vaccine={"code": "Zhang Wei", "system": "http://snomed.info/sct"}),
            VACCINATION,
            Vaccination("2021-07-08", None, None, 2, 2),
        ),
        (
            ddcc_vaccination(vaccine={"code": "1119349007", "system": "http://zhang.example"}),
            VACCINATION,
            Vaccination("2021-07-08", None, None, 2, 2),
        ),
        (ddcc_vaccination(vaccine="1119349007"), VACCINATION, Vaccination("2021-07-08", None, None, 2, 2)),
        (ddcc_vaccination(date=None), VACCINATION, None),
        (ddcc_vaccination(disease={"code": "6142004"}), VACCINATION, None),
        (ddcc_vaccination(), RECOVERY, None),
        (ddcc_test(), TEST, LaboratoryTest("2022-07-27", Instant(1_658_902_500.0), None, AssayResult.NOT_DETECTED)),
        (
            ddcc_test(detected=True),
            TEST,
            LaboratoryTest("2022-07-27", Instant(1_658_902_500.0), None, AssayResult.DETECTED),
        ),
        (ddcc_test(pathogen="XN1"), TEST, None),
        ({-260: {-6: ddcc_vaccination()}}, VACCINATION, Vaccination("2021-07-08", SNOMED, "1119349007", 2, 2)),
        (
            {-260: {-6: {"n": "Probe", "v": {"dt": "2020-01-10", "tg": "1D47"}}, 5: [{"u": "shlink:/"}]}},
            VACCINATION,
            None,
        ),
    ],
)
def test_a_who_ddcc(claims: Any, item: ClinicalItem, entry: ClinicalEntry | None) -> None:
    assert of_ddcc(claims, item) == entry


def immunization(code: str = "208", system: str = "http://hl7.org/fhir/sid/cvx", **changes: Any) -> dict[str, Any]:
    made = {
        "resourceType": "Immunization",
        "status": "completed",
        "occurrenceDateTime": "2021-01-29",
        "vaccineCode": {"coding": [{"system": system, "code": code}]},
        "performer": [{"actor": {"display": "Dr. Zhang"}}],
        "lotNumber": "0000002",
    }
    return {**made, **changes}


def observation(loinc: str = "94500-6", result: str = "260373001", **changes: Any) -> dict[str, Any]:
    made = {
        "resourceType": "Observation",
        "status": "final",
        "effectiveDateTime": "2021-06-20T12:34:56Z",
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": result}]},
    }
    return {**made, **changes}


PROTOCOL = [{"doseNumberPositiveInt": 2, "seriesDosesPositiveInt": 3}]
TWO_RESULTS = {"coding": [{"system": "http://snomed.info/sct", "code": one} for one in ("260373001", "260415000")]}


@pytest.mark.parametrize(
    ("resources", "item", "entry"),
    [
        ([immunization()], VACCINATION, Vaccination("2021-01-29", CVX, "208")),
        ([immunization(protocolApplied=PROTOCOL)], VACCINATION, Vaccination("2021-01-29", CVX, "208", 2, 3)),
        (
            [immunization("XM1NL1", "http://id.who.int/icd11/mms")],
            VACCINATION,
            Vaccination("2021-01-29", ICD, "XM1NL1"),
        ),
        ([immunization("141")], VACCINATION, None),  # influenza
        ([immunization("208", "http://zhang.example")], VACCINATION, None),
        ([immunization(status="not-done")], VACCINATION, None),
        ([immunization(occurrenceDateTime="in spring")], VACCINATION, None),
        ([immunization(vaccineCode="208")], VACCINATION, None),
        (
            [immunization(), immunization("207", occurrenceDateTime="2021-02-28"), immunization("141")],
            VACCINATION,
            Vaccination("2021-02-28", CVX, "207"),
        ),
        ([observation()], TEST, LaboratoryTest("2021-06-20", SAMPLED, Assay.NUCLEIC_ACID, AssayResult.DETECTED)),
        (
            [observation("94558-4", "260385009")],
            TEST,
            LaboratoryTest("2021-06-20", SAMPLED, Assay.ANTIGEN, AssayResult.NOT_DETECTED),
        ),
        (
            [observation(valueCodeableConcept=None, valueString="Zhang is well")],
            TEST,
            LaboratoryTest("2021-06-20", SAMPLED, Assay.NUCLEIC_ACID),
        ),
        (
            [observation(valueCodeableConcept=TWO_RESULTS)],
            TEST,
            LaboratoryTest("2021-06-20", SAMPLED, Assay.NUCLEIC_ACID),
        ),
        ([observation("2345-7")], TEST, None),  # glucose
        ([observation(status="cancelled")], TEST, None),
        ([observation(effectiveDateTime="today")], TEST, None),
        ([immunization(), observation()], RECOVERY, None),
        ([immunization()], TEST, None),
    ],
)
def test_a_smart_health_card(resources: Any, item: ClinicalItem, entry: ClinicalEntry | None) -> None:
    issuer = ShcIssuer()
    card = issuer.issue(issuer.claims([PATIENT, *resources]))
    assert opened(read_code(card, recognise(card), item).clinical) == entry


def event(**changes: Any) -> dict[str, Any]:
    return {
        "des": "XM68M6",
        "nam": "Comirnaty",
        "dis": "RA01.0",
        "vd": [{"dvc": "2021-03-03", "seq": 1, "adm": "Zhang"}],
        **changes,
    }


def probe(**changes: Any) -> dict[str, Any]:
    return {"tr": {"tc": "molecular(PCR)", "r": "negative", **changes}, "dat": {"sc": "2021-06-20T12:34:56Z"}}


@pytest.mark.parametrize(
    ("kind", "message", "item", "entry"),
    [
        ("vacc", {"ve": [event()]}, VACCINATION, Vaccination("2021-03-03", ICD, "XM68M6", 1)),
        (
            "vacc",
            {"ve": [event(vd=[{"dvc": "2021-03-03", "seq": 1}, {"dvc": "2021-04-03", "seq": 2}, 7])]},
            VACCINATION,
            Vaccination("2021-04-03", ICD, "XM68M6", 2),
        ),
        ("vacc", {"ve": [event(des="Zhang Wei")]}, VACCINATION, Vaccination("2021-03-03", None, None, 1)),
        ("vacc", {"ve": [event(des="XM0N24", dis="1E32")]}, VACCINATION, None),
        ("vacc", {"ve": ["none", event(vd="none")]}, VACCINATION, None),
        ("vacc", {"ve": [event()]}, RECOVERY, None),
        ("test", probe(), TEST, LaboratoryTest("2021-06-20", SAMPLED, Assay.NUCLEIC_ACID, AssayResult.NOT_DETECTED)),
        ("test", probe(tc="by hand", r="fine"), TEST, LaboratoryTest("2021-06-20", SAMPLED)),
        ("test", {**probe(), "dat": {}}, TEST, None),
        ("test", {**probe(), "tr": []}, TEST, None),
        ("test", probe(), VACCINATION, None),
    ],
)
def test_a_vds_nc(kind: str, message: Any, item: ClinicalItem, entry: ClinicalEntry | None) -> None:
    code = seal(hdr_t=f"icao.{kind}", data_msg=message)
    assert opened(read_code(code, recognise(code), item).clinical) == entry


CARDS = ShcIssuer()
CODES = (
    ISSUER.issue(vaccination(), issued=ISSUED, expires=EXPIRES),
    CARDS.issue(CARDS.claims([PATIENT, immunization()])),
    seal(data_msg={"ve": [event()]}),
)


@pytest.mark.parametrize("code", CODES)
def test_nothing_is_kept_where_nothing_is_wanted_and_what_is_kept_shows_nowhere(code: bytes) -> None:
    found = recognise(code)
    plain, wanting = read_code(code, found), read_code(code, found, VACCINATION)
    assert plain.clinical is None
    assert wanting.clinical is not None
    assert repr(plain) == repr(wanting)
    assert plain == wanting
    assert "2021" not in repr(wanting.clinical)


def test_formats_without_items_are_read_as_ever() -> None:
    native = urlsafe_b64encode(json.dumps({"alg": "EdDSA", "typ": "x"}).encode()).rstrip(b"=") + b".e30.AA"
    for item in (None, TEST):
        with pytest.raises(CodeUnreadable) as refused:
            read_code(native, recognise(native), item)
        assert refused.value.reason is Reason.WRONG_TYPE


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["840539006", "RA01.0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("v", "t", "r", "tg", "dt", "sc", "fr", "test", "disease", "date", "pathogen", "code", "system"),
                    *("entry", "resource", "resourceType", "vaccineCode", "coding", "ve", "vd", "tr", "dat", "status"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(VALUES, st.sampled_from(ClinicalItem))
def test_whatever_a_certificate_holds_it_is_an_item_or_none(value: Any, item: ClinicalItem) -> None:
    for found in (
        clinical_dcc.find({-260: {1: value}} if isinstance(value, dict) else {-260: value}, item),
        clinical_dcc.find(value if isinstance(value, dict) else {}, item),
        clinical_fhir.find({"entry": value}, item),
        clinical_vdsnc.find(value if isinstance(value, dict) else {"ve": value, "tr": value}, item),
    ):
        assert found is None or isinstance(found, SealedEntry)


@given(st.text(max_size=40))
def test_no_text_is_a_product_but_a_code(text: str) -> None:
    found = clinical_codes.product(text, *ProductSystem)
    assert found is None or (len(found[1]) <= 40 and found[1].isascii() and " " not in found[1])


@pytest.mark.parametrize(
    "text", ["2021-06-20T12:34:56.5Z", "2021-06-20T12:34:56,5Z", "2021-06-20T12:34Z", "2021-06-20T12:34:56"]
)
def test_times_that_certificates_write(text: str) -> None:
    at = clinical_codes.moment(text)
    assert at is not None
    assert time.gmtime(at)[:5] == (2021, 6, 20, 12, 34)


@pytest.mark.parametrize(
    "text", ["1999-01-01T00:00:00Z", "2021-06-20T25:00:00Z", "2021-06-20T12:34:56 Zhang", "", 7, None]
)
def test_times_that_are_none(text: object) -> None:
    assert clinical_codes.moment(text) is None
