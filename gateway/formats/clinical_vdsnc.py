"""The one clinical item of a VDS-NC that was asked for. The others are not looked at.

A seal has no number of doses in all, and knows no recovery. Names of products and places are text, and stay where
they are.

Source: ICAO TR VDS-NC 1.1, sections on proof of vaccination and proof of testing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.clinical import (
    Assay,
    AssayResult,
    ClinicalItem,
    LaboratoryTest,
    ProductSystem,
    SealedEntry,
    Vaccination,
)

from .clinical_codes import COVID_ICD_11, DISEASES, day, dose, latest, moment, partial_date, product, spelled

_RESULTS: Final = {
    "negative": AssayResult.NOT_DETECTED,
    "normal": AssayResult.NOT_DETECTED,
    "positive": AssayResult.DETECTED,
    "abnormal": AssayResult.DETECTED,
}
_KINDS: Final = {
    "molecular(pcr)": Assay.NUCLEIC_ACID,
    "molecular(other)": Assay.NUCLEIC_ACID,
    "antigen": Assay.ANTIGEN,
    "antibody": Assay.ANTIBODY,
}


def find(message: Mapping[str, object], item: ClinicalItem) -> SealedEntry | None:
    """Return the item of a seal's message, sealed; None if it is not there in a form that can be told.

    Never raises, whatever the message is. Checks no signature: a later room opens it only once that is proven.
    """
    if item is ClinicalItem.LATEST_VACCINATION:
        return latest(_vaccinations(message.get("ve")))
    if item is ClinicalItem.LATEST_TEST:
        return latest(_tests(message))
    return None


def _vaccinations(events: object) -> list[Vaccination]:
    found = []
    for event in events if isinstance(events, list) else ():
        if not isinstance(event, dict):
            continue
        kind = spelled(event.get("des"))
        if kind not in COVID_ICD_11 and spelled(event.get("dis")) not in DISEASES:
            continue
        doses = event.get("vd")
        for one in doses if isinstance(doses, list) else ():
            when = partial_date(one.get("dvc")) if isinstance(one, dict) else None
            if when is not None:
                system, code = product(kind, ProductSystem.ICD_11, ProductSystem.ATC) or (None, None)
                found.append(Vaccination(when, system, code, dose(one.get("seq"))))
    return found


def _tests(message: Mapping[str, object]) -> list[LaboratoryTest]:
    test, times = message.get("tr"), message.get("dat")
    sampled = times.get("sc") if isinstance(times, dict) else None
    when = day(sampled)
    if not isinstance(test, dict) or when is None:
        return []
    kind = _KINDS.get(spelled(test.get("tc")).lower())
    return [LaboratoryTest(when, moment(sampled), kind, _RESULTS.get(spelled(test.get("r")).lower()))]
