"""The one clinical item of a SMART Health Card that was asked for. The other resources are not looked at.

- An Immunization counts if it was done (`status` completed) and its vaccine is one against the disease, by code.
- An Observation counts if it is final and its code is that of a test for the pathogen; what it showed is a code too.
- A card knows no recovery.

Source: SMART Health Cards Framework, vaccination and testing implementation guide (IG 0.6); FHIR R4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.clinical import ClinicalItem, LaboratoryTest, ProductSystem, SealedEntry, Vaccination

from .clinical_codes import (
    COVID_CVX,
    COVID_ICD_11,
    KINDS,
    RESULTS,
    SYSTEMS,
    day,
    dose,
    latest,
    moment,
    partial_date,
)

_DONE: Final = frozenset({"completed"})
_FINAL: Final = frozenset({"final", "amended", "corrected"})
_COVID: Final = {ProductSystem.CVX: COVID_CVX, ProductSystem.ICD_11: COVID_ICD_11}
_LOINC: Final = "http://loinc.org"
_SNOMED: Final = "http://snomed.info/sct"

Resource = Mapping[str, object]


def find(bundle: Mapping[str, object], item: ClinicalItem) -> SealedEntry | None:
    """Return the item of a card's bundle, sealed; None if it is not there in a form that can be told.

    Never raises, whatever the bundle is. Checks no signature: a later room opens it only once that is proven.
    """
    if item is ClinicalItem.LATEST_VACCINATION:
        doses = (_vaccination(one) for one in _resources(bundle, "Immunization"))
        return latest(one for one in doses if one is not None)
    if item is ClinicalItem.LATEST_TEST:
        tests = (_test(one) for one in _resources(bundle, "Observation"))
        return latest(one for one in tests if one is not None)
    return None


def _resources(bundle: Mapping[str, object], kind: str) -> Iterator[Resource]:
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == kind:
            yield resource


def _vaccination(resource: Resource) -> Vaccination | None:
    when = partial_date(resource.get("occurrenceDateTime"))
    if resource.get("status") not in _DONE or when is None:
        return None
    for system, code in _codings(resource.get("vaccineCode")):
        known = SYSTEMS.get(system)
        if known is not None and code in _COVID.get(known, ()):
            applied = resource.get("protocolApplied")
            protocol = applied[0] if isinstance(applied, list) and applied and isinstance(applied[0], dict) else {}
            number, of = protocol.get("doseNumberPositiveInt"), protocol.get("seriesDosesPositiveInt")
            return Vaccination(when, known, code, dose(number), dose(of))
    return None


def _test(resource: Resource) -> LaboratoryTest | None:
    sampled = resource.get("effectiveDateTime")
    when = day(sampled)
    kinds = [KINDS[code] for system, code in _codings(resource.get("code")) if system == _LOINC and code in KINDS]
    if resource.get("status") not in _FINAL or when is None or not kinds:
        return None
    said = {RESULTS.get(code) for system, code in _codings(resource.get("valueCodeableConcept")) if system == _SNOMED}
    return LaboratoryTest(when, moment(sampled), kinds[0], said.pop() if len(said) == 1 else None)


def _codings(concept: object) -> Iterator[tuple[str, str]]:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield system, code
