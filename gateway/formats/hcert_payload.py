"""What the payload of an HCERT code states, in a few published words; who the holder is never leaves this module.

Beside the word, an EU DCC leaves its medical entries for a receiving division's rules, without name, birth date and
certificate id.

The families, by where they sit in the CWT claims:

| family | where | what it is |
|---|---|---|
| EU DCC | claim -260, member 1 | vaccination `v`, test `t`, recovery `r`; schemas 1.0.0 to 1.3.x |
| other members | claim -260, any other member | ICVP (-6), health links, families to come |
| WHO DDCC | members of the CWT itself, named in words | `vaccine`, or `test` |

The words (`Statement.word`):

| word | when |
|---|---|
| vaccinated | the dose shown is the last of the series or a later one |
| partly-vaccinated | doses of the series are missing |
| recovered | a recovery from COVID-19 is attested |
| tested-negative | the test result is "not detected" |
| tested-positive | the test result is "detected" |
| laboratory | a test is attested whose result, or whose disease, was not understood: it may be positive |
| attested | none of the above can be said for certain |

Rules:

- the words speak of COVID-19; anything about another disease, or none, is "attested", a test of it "laboratory"
- never improve: of several entries the worst word counts (the order is WORST_FIRST), a doubt is one of these two
- a deviation from the schema never refuses a code, it is noted. What is noted is what the versions of the schema have
  in common (members, types, lengths, patterns); value sets are not checked
- real issuers write null or an empty list for "none", one entry without its list, blanks around a code, a code as a
  number: each is read as meant, for a positive result must not go unread because of a blank
- a date of validity outside 2000 to 2100 is moved to that border, which changes no answer between the two
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.errors import CodeUnreadable, Reason
from gateway.values import Instant, KeyUse

from .validity_dates import end_instant, first_instant

VACCINATED: Final = "vaccinated"
PARTLY_VACCINATED: Final = "partly-vaccinated"
RECOVERED: Final = "recovered"
TESTED_NEGATIVE: Final = "tested-negative"
TESTED_POSITIVE: Final = "tested-positive"
LABORATORY: Final = "laboratory"
ATTESTED: Final = "attested"

WORST_FIRST: Final = (TESTED_POSITIVE, LABORATORY, ATTESTED, PARTLY_VACCINATED, TESTED_NEGATIVE, RECOVERED, VACCINATED)
"""All words there are."""

_HCERT: Final = -260
_DCC: Final = 1

# SNOMED CT and ICD-11: the disease, the virus, the two results.
_COVID_19: Final = frozenset({"840539006", "RA01", "RA01.0", "RA01.1"})
_SARS_COV_2: Final = frozenset({"840533007", "XN109"})
_RESULTS: Final = {"260415000": TESTED_NEGATIVE, "260373001": TESTED_POSITIVE}


@dataclass(frozen=True, slots=True)
class Statement:
    """What a payload states."""

    word: str = field(repr=False)
    required_use: KeyUse | None = None
    deviates: bool = False
    """The payload deviates from its schema."""
    not_before: Instant | None = None
    expire_time: Instant | None = None
    """Validity that the payload itself names, beside that of the CWT."""
    evidence: Mapping[str, object] | None = field(default=None, repr=False)
    """What rules judge of an EU DCC: `ver` and the lists `v`, `t`, `r`, without certificate ids."""


_NOTHING_SAID: Final = Statement(ATTESTED)


def read_payload(claims: Mapping[object, object]) -> Statement:
    """Tell what the claims of a CWT state about the holder.

    Guarantees one of the words of WORST_FIRST. Does not check value sets, nor whether anything has expired.

    Source: EU DCC schema 1.3.0; eHealth Network, "Technical Specifications for DCC" volume 1, 2.6; WHO DDCC:VS and
    DDCC:TR core data sets; WHO GDHCN, HCERT specification.

    Raises: CodeUnreadable with MISSING_CLAIM (nothing of a known family is there) or BAD_CLAIM (it is not of the type
    that every family demands, or a date of validity cannot be read).
    """
    if _HCERT not in claims:
        if "vaccine" in claims or "test" in claims:
            return _read_ddcc(claims)
        raise CodeUnreadable(Reason.MISSING_CLAIM, "hcert")
    container = claims[_HCERT]
    if not isinstance(container, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "hcert")
    if _DCC in container:
        dcc = container[_DCC]
        if not isinstance(dcc, dict):
            raise CodeUnreadable(Reason.BAD_CLAIM, "hcert.1")
        return _read_dcc(dcc)
    if not container:
        raise CodeUnreadable(Reason.MISSING_CLAIM, "hcert member")
    statements = [_read_other(member) for member in container.values()]
    return min(statements, key=lambda one: WORST_FIRST.index(one.word)) if len(statements) > 1 else statements[0]


# EU DCC

_KINDS: Final = {"v": KeyUse.VACCINATION, "t": KeyUse.TEST, "r": KeyUse.RECOVERY}
_REQUIRED_TEXTS: Final = {
    "v": ("tg", "vp", "mp", "ma", "dt", "co", "is", "ci"),
    "t": ("tg", "tt", "sc", "tr", "co", "is", "ci"),
    "r": ("tg", "fr", "df", "du", "co", "is", "ci"),
}
_OF_THE_HOLDER: Final = ("ci", "nam", "dob")
"""What may tell who she is. The two names do not belong into an entry, and are not passed on if they stand there."""
_DATES: Final = {"v": ("dt",), "t": (), "r": ("fr", "df", "du")}
_LONGEST_TEXT: Final = 80
_DAY: Final = re.compile(r"[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:T[0-9:.]{5,16}(?:Z|[+-]\d\d:?\d\d)?)?")
_SAMPLE_TIME: Final = re.compile(r"[12]\d{3}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
_BIRTH: Final = re.compile(r"(?:(?:19|20)\d\d(?:-\d\d){0,2})?")
_VERSION: Final = re.compile(r"1\.[0-3]\.\d{1,3}")
_MACHINE_NAME: Final = re.compile(r"[A-Z<]{0,80}")
_COUNTRY: Final = re.compile(r"[A-Z]{0,10}")


def _read_dcc(dcc: Mapping[object, object]) -> Statement:
    found: list[tuple[str, KeyUse]] = []
    deviates = not _frame_conforms(dcc) or ("v" in dcc) + ("t" in dcc) + ("r" in dcc) != 1
    evidence: dict[str, object] = {"ver": version} if isinstance(version := dcc.get("ver"), str) else {}
    for kind, use in _KINDS.items():
        entries = dcc.get(kind)
        if not entries:
            continue
        if not isinstance(entries, list):
            entries, deviates = [entries], True
        for given in entries:
            entry = given if isinstance(given, dict) else {}
            found.append((_word(kind, entry), use))
            deviates = deviates or not _entry_conforms(kind, entry)
            for member in _OF_THE_HOLDER:
                entry.pop(member, None)  # read, and nobody else's business
        evidence[kind] = entries
    if not found:
        return Statement(ATTESTED, deviates=True, evidence=evidence)
    word, use = min(found, key=_rank) if len(found) > 1 else found[0]
    return Statement(word, use, deviates, evidence=evidence)


def _rank(found: tuple[str, KeyUse | None]) -> int:
    return WORST_FIRST.index(found[0])


def _word(kind: str, entry: Mapping[object, object]) -> str:
    if _spelled(entry.get("tg")) not in _COVID_19:
        return LABORATORY if kind == "t" else ATTESTED
    if kind == "v":
        return _dose_word(entry.get("dn"), entry.get("sd"))
    if kind == "t":
        return _result_word(entry.get("tr"))
    return RECOVERED


def _dose_word(dose: object, doses: object) -> str:
    if type(dose) is not int or type(doses) is not int or dose < 1 or doses < 1:
        return ATTESTED
    return VACCINATED if dose >= doses else PARTLY_VACCINATED


def _result_word(result: object) -> str:
    return _RESULTS.get(_spelled(result), LABORATORY)


def _spelled(code: object) -> str:
    """Return a code as the value sets spell it; "" if it is none."""
    if isinstance(code, str):
        return code.strip()
    return str(code) if type(code) is int else ""


def _frame_conforms(dcc: Mapping[object, object]) -> bool:
    name = dcc.get("nam")
    return (
        _matches(_VERSION, dcc.get("ver"))
        and _matches(_BIRTH, dcc.get("dob"))
        and isinstance(name, dict)
        and _matches(_MACHINE_NAME, name.get("fnt"))
        and _matches(_MACHINE_NAME, name.get("gnt", ""))
    )


def _entry_conforms(kind: str, entry: Mapping[object, object]) -> bool:
    for member in _REQUIRED_TEXTS[kind]:
        text = entry.get(member)
        if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
            return False
    for member in _DATES[kind]:
        if not _matches(_DAY, entry[member]):
            return False
    if entry["tg"] != _spelled(entry["tg"]):
        return False
    if kind == "v":
        dose, doses = entry.get("dn"), entry.get("sd")
        if type(dose) is not int or type(doses) is not int or not (0 <= dose <= 9 and 0 <= doses <= 9):
            return False
    elif kind == "t" and not (_matches(_SAMPLE_TIME, entry["sc"]) and entry["tr"] == _spelled(entry["tr"])):
        return False
    return _matches(_COUNTRY, entry["co"])


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


# WHO DDCC, and the families without a schema here


def _read_other(member: object) -> Statement:
    """Read a member of claim -260 that is no DCC: a map of ICVP's shape, or of DDCC's, or a list of references."""
    if isinstance(member, list):
        return _NOTHING_SAID
    if not isinstance(member, dict):
        raise CodeUnreadable(Reason.BAD_CLAIM, "hcert member")
    if "vaccine" in member or "test" in member:
        return _read_ddcc(member)
    vaccination = member.get("v")
    if isinstance(vaccination, dict):
        return Statement(
            ATTESTED,
            KeyUse.VACCINATION,
            not_before=first_instant(vaccination.get("vls"), "hcert.v.vls"),
            expire_time=end_instant(vaccination.get("vle"), "hcert.v.vle"),
        )
    return _NOTHING_SAID


def _read_ddcc(ddcc: Mapping[object, object]) -> Statement:
    found: list[tuple[str, KeyUse | None]] = []
    if ddcc.get("vaccine"):
        against_covid = _code(ddcc.get("disease")) in _COVID_19
        word = _dose_word(ddcc.get("dose"), ddcc.get("total_doses")) if against_covid else ATTESTED
        found.append((word, KeyUse.VACCINATION))
    if test := ddcc.get("test"):
        understood = isinstance(test, dict) and _code(test.get("pathogen")) in _SARS_COV_2
        word = _result_word(_code(test.get("result"))) if understood and isinstance(test, dict) else LABORATORY
        found.append((word, KeyUse.TEST))
    word, use = min(found or [(ATTESTED, None)], key=_rank)
    return Statement(
        word,
        use,
        not_before=first_instant(ddcc.get("valid_from"), "valid_from"),
        expire_time=end_instant(ddcc.get("valid_until"), "valid_until"),
    )


def _code(coding: object) -> str:
    """Return the code of a FHIR-like coding `{code, system}`, or ""."""
    return _spelled(coding.get("code")) if isinstance(coding, dict) else ""
