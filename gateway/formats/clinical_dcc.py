"""The one clinical item of an HCERT that was asked for: of an EU DCC or a WHO DDCC. The others are not looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gateway.clinical import (
    ClinicalEntry,
    ClinicalItem,
    LaboratoryTest,
    ProductSystem,
    Recovery,
    SealedEntry,
    Vaccination,
)

from .clinical_codes import (
    DISEASES,
    KINDS,
    PATHOGENS,
    RESULTS,
    SYSTEMS,
    day,
    dose,
    latest,
    moment,
    partial_date,
    product,
    spelled,
)

_HCERT: Final = -260
_DCC: Final = 1

Entry = Mapping[object, object]


def find(claims: Mapping[object, object], item: ClinicalItem) -> SealedEntry | None:
    """Return the item of the claims of a CWT, sealed; None if it is not there in a form that can be told.

    Never raises, whatever the claims are. Checks no signature: a later room opens it only once that is proven.

    Source: EU DCC schema 1.3.0 with its value sets; WHO DDCC:VS and DDCC:TR core data sets.
    """
    container = claims.get(_HCERT)
    if not isinstance(container, dict):
        found = _of_ddcc(claims, item)
    elif isinstance(dcc := container.get(_DCC), dict):
        found = _of_dcc(dcc, item)
    else:
        found = [one for member in container.values() if isinstance(member, dict) for one in _of_ddcc(member, item)]
    return latest(found)


def _of_dcc(dcc: Entry, item: ClinicalItem) -> list[ClinicalEntry]:
    member, read = _OF_DCC[item]
    entries = dcc.get(member)
    given: Iterable[object] = entries if isinstance(entries, list) else [entries]
    about = [one for one in given if isinstance(one, dict) and spelled(one.get("tg")) in DISEASES]
    return [found for one in about if (found := read(one)) is not None]


def _vaccination(entry: Entry) -> Vaccination | None:
    when = partial_date(entry.get("dt"))
    if when is None:
        return None
    named = product(entry.get("mp"), ProductSystem.EU_MEDICINAL_PRODUCT)
    named = named or product(entry.get("vp"), ProductSystem.ATC, ProductSystem.SNOMED_CT)
    system, code = named or (None, None)
    return Vaccination(when, system, code, dose(entry.get("dn")), dose(entry.get("sd")))


def _test(entry: Entry) -> LaboratoryTest | None:
    when = day(entry.get("sc"))
    if when is None:
        return None
    kind, result = KINDS.get(spelled(entry.get("tt"))), RESULTS.get(spelled(entry.get("tr")))
    return LaboratoryTest(when, moment(entry.get("sc")), kind, result)


def _recovery(entry: Entry) -> Recovery | None:
    first = day(entry.get("fr"))
    return None if first is None else Recovery(first, day(entry.get("df")), day(entry.get("du")))


_OF_DCC: Final[Mapping[ClinicalItem, tuple[str, Callable[[Entry], ClinicalEntry | None]]]] = {
    ClinicalItem.LATEST_VACCINATION: ("v", _vaccination),
    ClinicalItem.LATEST_TEST: ("t", _test),
    ClinicalItem.RECOVERY: ("r", _recovery),
}


def _of_ddcc(ddcc: Entry, item: ClinicalItem) -> list[ClinicalEntry]:
    if item is ClinicalItem.LATEST_VACCINATION and _code(ddcc.get("disease")) in DISEASES:
        when = partial_date(ddcc.get("date"))
        if when is not None:
            system, code = _product(ddcc.get("vaccine"))
            return [Vaccination(when, system, code, dose(ddcc.get("dose")), dose(ddcc.get("total_doses")))]
    test = ddcc.get("test")
    if item is ClinicalItem.LATEST_TEST and isinstance(test, dict) and _code(test.get("pathogen")) in PATHOGENS:
        when = day(test.get("date"))
        if when is not None:
            kind, result = KINDS.get(_code(test.get("type"))), RESULTS.get(_code(test.get("result")))
            return [LaboratoryTest(when, moment(test.get("date")), kind, result)]
    return []


def _product(coding: object) -> tuple[ProductSystem | None, str | None]:
    system = SYSTEMS.get(spelled(coding.get("system"))) if isinstance(coding, dict) else None
    named = None if system is None else product(_code(coding), system)
    return named or (None, None)


def _code(coding: object) -> str:
    return spelled(coding.get("code")) if isinstance(coding, dict) else ""
