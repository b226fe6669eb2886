"""What form a clinical item may have: codes of value sets, dates, numbers. Nothing that somebody wrote gets through.

Rules:

- A value that is not of its strict form is not there. A field for a code may hold a name, a remark or an address.
- Only the disease that codes are about: what else a certificate tells is nobody's business here.
- No look at what is true or likely: a date in the future is told as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final

from gateway.clinical import (
    Assay,
    AssayResult,
    ClinicalEntry,
    LaboratoryTest,
    ProductSystem,
    SealedEntry,
    Vaccination,
)
from gateway.values import Instant
from keys.values import EARLIEST, LATEST

DISEASES: Final = frozenset({"840539006", "RA01", "RA01.0", "RA01.1"})
"""COVID-19, in SNOMED CT and ICD-11."""

PATHOGENS: Final = frozenset({"840533007", "XN109"})
"""SARS-CoV-2, likewise."""

RESULTS: Final = {
    "260415000": AssayResult.NOT_DETECTED,  # not detected
    "260385009": AssayResult.NOT_DETECTED,  # negative
    "260373001": AssayResult.DETECTED,  # detected
    "10828004": AssayResult.DETECTED,  # positive
}
"""SNOMED CT."""

KINDS: Final = {
    # LOINC parts, as in the EU DCC
    "LP6464-4": Assay.NUCLEIC_ACID,
    "LP217198-3": Assay.ANTIGEN,
    "LP217197-5": Assay.ANTIBODY,
    # LOINC codes of tests for SARS-CoV-2
    **dict.fromkeys(
        (
            *("94309-2", "94500-6", "94531-1", "94533-7", "94534-5", "94559-2", "94565-9", "94759-8", "94845-5"),
            *("95406-5", "95409-9", "95425-5", "95608-6", "95824-9", "96986-5"),
        ),
        Assay.NUCLEIC_ACID,
    ),
    **dict.fromkeys(("94558-4", "95209-3", "96119-3", "97097-0"), Assay.ANTIGEN),
    **dict.fromkeys(("94505-5", "94507-1", "94547-7", "94562-6", "94563-4", "94564-2", "94762-2"), Assay.ANTIBODY),
}
"""Source: EU DCC value set covid-19-lab-test-type; LOINC 2.72, codes with the component SARS coronavirus 2."""

SYSTEMS: Final = {
    "http://hl7.org/fhir/sid/cvx": ProductSystem.CVX,
    "http://id.who.int/icd11/mms": ProductSystem.ICD_11,
    "http://snomed.info/sct": ProductSystem.SNOMED_CT,
    "http://www.whocc.no/atc": ProductSystem.ATC,
}
"""FHIR's names of code systems."""

_EU_NAMES: Final = frozenset(
    {
        *("Abdala", "BBIBP-CorV", "CVnCoV", "Convidecia", "CoronaVac", "Covaxin", "CoviVac", "Covid-19-recombinant"),
        *("Covishield", "EpiVacCorona", "EpiVacCorona-N", "Hayat-Vax", "Inactivated-SARS-CoV-2-Vero-Cell"),
        *("MVC-COV1901", "NVX-CoV2373", "R-COVI", "Soberana-02", "Soberana-Plus", "Sputnik-Light", "Sputnik-M"),
        *("Sputnik-V", "VLA2001", "Vidprevtyn", "WIBP-CorV", "YS-SC2-010"),
    }
)
"""Products without a number of the Union register. Source: EU DCC value set vaccines-covid-19-names."""

_FORMS: Final = {
    ProductSystem.EU_MEDICINAL_PRODUCT: re.compile(r"EU/1/\d\d/\d{4}(?:/\d{3})?"),
    ProductSystem.CVX: re.compile(r"\d{2,3}"),
    ProductSystem.ICD_11: re.compile(r"XM[0-9][A-Z0-9]{3}|XM[A-Z0-9][0-9][A-Z0-9]{2}"),
    ProductSystem.SNOMED_CT: re.compile(r"\d{6,18}"),
    ProductSystem.ATC: re.compile(r"J07B[A-Z]\d\d"),
}

COVID_CVX: Final = frozenset(
    str(number)
    for number in (
        *(207, 208, *range(210, 214), 217, 218, 219, 221, *range(225, 231)),
        *(300, 301, 302, *range(308, 314), *range(500, 522)),
    )
)
"""Source: CDC, CVX codes of vaccines against COVID-19."""

COVID_ICD_11: Final = frozenset(
    {"XM68M6", "XM1NL1", "XM5DF6", "XM9QW8", "XM0CX4", "XM5JC5", "XM1J92", "XM6AT1", "XM0GQ8", "XM9N38"}
)
"""Source: ICD-11 for Mortality and Morbidity Statistics, extension codes, COVID-19 vaccines."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PARTIAL: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?")
_OFFSET: Final = re.compile(r"Z|[+-][0-9]{2}(?::?[0-9]{2})?")
_MOST_DOSES: Final = 99


def spelled(code: object) -> str:
    """Return a code as value sets spell it: some issuers write blanks around it, or a number. "" if it is none."""
    if isinstance(code, str):
        return code.strip()
    return str(code) if type(code) is int else ""


def product(code: object, *systems: ProductSystem) -> tuple[ProductSystem, str] | None:
    """Return a product's code and the first of `systems` whose strict form it has; None if it has none."""
    text = spelled(code)
    for system in systems:
        known = system is ProductSystem.EU_MEDICINAL_PRODUCT and text in _EU_NAMES
        if known or _FORMS[system].fullmatch(text):
            return system, text
    return None


def dose(number: object) -> int | None:
    """Return the number of a dose, or of doses; None if it is none."""
    return number if type(number) is int and 1 <= number <= _MOST_DOSES else None


def day(text: object) -> str | None:
    """Return the day of a date or time as YYYY-MM-DD; None if it names none."""
    if not isinstance(text, str) or _DAY.fullmatch(text[:10]) is None:
        return None
    found = text[:10]
    if len(text) > len(found) and moment(text) is None:
        return None
    try:
        date.fromisoformat(found)
    except ValueError:
        return None
    return found


def partial_date(text: object) -> str | None:
    """Return a date as exact as it is written: YYYY-MM-DD, YYYY-MM or YYYY; None if it is none."""
    if isinstance(text, str) and (found := _PARTIAL.fullmatch(text)) is not None:
        return text if found[2] is None or 1 <= int(found[2]) <= 12 else None
    return day(text)


def moment(text: object) -> Instant | None:
    """Return the instant that a time with an offset names, between 2000 and 2100; None if it names none.

    Without an offset it is taken for UTC, as everywhere in certificates.
    """
    if not isinstance(text, str) or (found := _TIME.match(text)) is None:
        return None
    offset = text[found.end() :]
    if offset and _OFFSET.fullmatch(offset) is None:
        return None
    try:
        at = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return None
    stamp = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    return Instant(stamp) if EARLIEST <= stamp <= LATEST else None


def latest(entries: Iterable[ClinicalEntry]) -> SealedEntry | None:
    """Return the latest of entries of one kind, sealed: of two tests of one time the worse. None if there are none."""
    found = max(entries, key=_how_late, default=None)
    return None if found is None else SealedEntry(found)


def _how_late(entry: ClinicalEntry) -> tuple[str, float, str]:
    if isinstance(entry, Vaccination):
        return entry.date, entry.dose or 0, ""
    if isinstance(entry, LaboratoryTest):
        worse = "" if entry.result is AssayResult.NOT_DETECTED else "worse"
        return entry.date, entry.sample_time or 0.0, worse
    return entry.first_positive, 0.0, entry.valid_until or ""
