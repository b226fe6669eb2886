"""The registry of callers as it is written: TOML, read whole or refused whole.

- A row says: this caller, or callers of this domain, kind, division and class -> these calls, purposes, receiving
  divisions and profiles, and how many calls and codes a second. docs/callers.md lists every member.
- Nothing has a default that would give more: calls are named one by one, and what a call asks with must be there.
- A file is refused with line, member and fault if a row is unknown in form, grants what none of its calls asks with, is
  for a domain without authorities, stands twice, or can never apply because of one before it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path as File
from typing import Final, TypeVar

from gateway.clinical import ClinicalItem
from gateway.divisions import is_division
from gateway.lines import Path, line_of_syntax_fault, line_of_toml, told
from gateway.values import DivisionCode, Profile, Purpose

from .identity import CheckpointClass, Kind, domain_of, is_domain, is_name, is_spiffe
from .meter import Limits
from .registry import LOOPBACK_NAME, Grant, Grants, Who
from .rights import Divisions

E = TypeVar("E", bound=Enum)

MAX_FILE_BYTES: Final = 4 << 20
MAX_ROWS: Final = 10_000
MAX_PER_S: Final = 1_000_000
MAX_WINDOW_S: Final = 3_600
"""Seconds that a burst may take at its rate."""
LEAST_CODES_BURST: Final = 512
"""The items of the largest batch: with less room it could never be taken."""
ANY: Final = "*"

_FILE_MEMBERS: Final = frozenset({"version", "caller"})
_DESCRIBING: Final = ("kind", "division", "class")
_ROW_MEMBERS: Final = frozenset(
    {
        *("name", "domain", *_DESCRIBING, "calls", "purposes", "divisions", "profiles", "clinical_items"),
        *("calls_per_s", "calls_burst", "codes_per_s", "codes_burst"),
    }
)
_FOREIGN: Final = re.compile(r"[A-Z]{2}\Z")


@dataclass(frozen=True, slots=True)
class KnownCall:
    """A call that can be granted."""

    method: str
    """Its name on the wire."""
    purpose: bool
    """Whether it names a purpose."""
    terms: bool
    """Whether it names a receiving division and a profile, and hands codes in."""
    clinic: bool = False
    """Whether it may be asked under CLINIC."""


class RegistryInvalid(ValueError):
    """A registry cannot be used. `path` is the member, as in caller[2].calls; `line` its line, from 1, if known."""

    def __init__(self, path: str, description: str, line: int | None = None) -> None:
        super().__init__(f"{path}: {description}" if line is None else f"line {line}: {path}: {description}")
        self.path = path
        self.description = description
        self.line = line


class _Fault(Exception):
    """What is wrong, and where in the document."""

    def __init__(self, description: str, *path: str | int) -> None:
        super().__init__(description)
        self.description = description
        self.path: Path = path


def read_registry(file: File, calls: Mapping[str, KnownCall], domains: Collection[str] | None = None) -> Grants:
    """Return the registry of a file: as `parse_registry`. Raises: RegistryInvalid."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise RegistryInvalid("file", f"is larger than {MAX_FILE_BYTES} bytes")
        text = raw.decode()
    except OSError as unreadable:
        raise RegistryInvalid("file", f"cannot be read: {unreadable.strerror}") from None
    except UnicodeDecodeError:
        raise RegistryInvalid("file", "is not UTF-8") from None
    return parse_registry(text, calls, domains)


def parse_registry(text: str, calls: Mapping[str, KnownCall], domains: Collection[str] | None = None) -> Grants:
    """Return the registry that `text` is.

    `calls` are those that there are, by the names that the file has for them (VerificationService/VerifyCode).
    `domains` are those that have authorities; None where nobody looks.

    Raises: RegistryInvalid, naming the place; then nothing of it may be used.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as invalid:
        raise RegistryInvalid("file", str(invalid), line_of_syntax_fault(text, invalid)) from invalid
    except (ValueError, RecursionError):
        raise RegistryInvalid("file", "has too large a number, or is nested too deep") from None
    try:
        return _grants(document, calls, domains)
    except _Fault as fault:
        raise RegistryInvalid(told(fault.path), fault.description, line_of_toml(text, fault.path)) from None


def _grants(document: dict[str, object], calls: Mapping[str, KnownCall], domains: Collection[str] | None) -> Grants:
    for member in document:
        if member not in _FILE_MEMBERS:
            raise _Fault("is not a known member", member)
    version = document.get("version")
    if not isinstance(version, str) or not 0 < len(version) <= 32 or not version.isprintable():
        raise _Fault("a version of 1 to 32 characters is required", "version")
    rows = document.get("caller")
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
        raise _Fault(f"1 to {MAX_ROWS} callers are required", "caller")
    grants = tuple(_Row(row, place, calls, domains).grant() for place, row in enumerate(rows))
    _refuse_rows_in_vain(grants)
    return Grants(version, grants)


def _refuse_rows_in_vain(grants: tuple[Grant, ...]) -> None:
    """Refuse what can never apply: a name for the second time, or a description that one before it covers."""
    names: set[tuple[str, str | None]] = set()
    described: dict[str | None, list[Who]] = {}
    for place, grant in enumerate(grants):
        who = grant.who
        if who.name is not None:
            if (who.name, who.domain) in names:
                raise _Fault("stands twice", "caller", place, "name")
            names.add((who.name, who.domain))
            continue
        before = described.setdefault(who.domain, [])
        if any(one.covers(who) for one in before):
            raise _Fault("never applies: a row before it fits all that it fits", "caller", place, "domain")
        before.append(who)


class _Row:
    """One row, being read."""

    def __init__(
        self, row: object, place: int, calls: Mapping[str, KnownCall], domains: Collection[str] | None
    ) -> None:
        if not isinstance(row, dict):
            raise _Fault("a table is required", "caller", place)
        self._row: dict[str, object] = row
        self._place = place
        self._calls = calls
        self._domains = domains

    def grant(self) -> Grant:
        """Return the row.

        1. Only known members.
        2. Whom it is for: a name, or a domain and what describes her.
        3. Calls, by their names.
        4. What these ask with, and nothing that none of them asks with. CLINIC goes with a call that it is for, with
           MEDICAL_CARE and with its items, by name.
        5. How much.
        """
        # 1
        for member in self._row:
            if member not in _ROW_MEMBERS:
                raise self._fault(member, "is not a known member")
        # 2
        who = self._who()
        # 3
        words = self._words("calls")
        if not words:
            raise self._fault("calls", "at least one call is required, as in VerificationService/VerifyCode")
        for word in words:
            if word not in self._calls:
                raise self._fault("calls", "only these are known: " + ", ".join(self._calls))
        granted = [self._calls[word] for word in words]
        purpose, terms = any(one.purpose for one in granted), any(one.terms for one in granted)
        # 4, 5
        purposes = self._known("purposes", Purpose, needed=purpose)
        profiles = self._known("profiles", Profile, needed=terms)
        clinic = Profile.CLINIC in profiles
        if clinic and not any(one.clinic for one in granted):
            raise self._fault("profiles", "CLINIC is for VerificationService/VerifyCode, which is not granted")
        if clinic and Purpose.MEDICAL_CARE not in purposes:
            raise self._fault("profiles", "CLINIC is for the purpose MEDICAL_CARE, which is not granted")
        if not clinic and "clinical_items" in self._row:
            raise self._fault("clinical_items", "is for the profile CLINIC, which is not granted")
        return Grant(
            who=who,
            calls=frozenset(one.method for one in granted),
            purposes=purposes,
            divisions=self._divisions(needed=terms),
            profiles=profiles,
            clinical_items=self._known("clinical_items", ClinicalItem, needed=clinic),
            limits=self._limits(codes=terms),
            place=self._place + 1,
        )

    def _who(self) -> Who:
        name = self._row.get("name")
        if name is None:
            return self._described()
        if not isinstance(name, str) or not is_name(name):
            raise self._fault("name", "a printable name of 1 to 255 characters is required, as certificates have it")
        for member in _DESCRIBING:
            if member in self._row:
                raise self._fault(member, "is for a row without a name")
        if name == LOOPBACK_NAME and "domain" not in self._row:
            return Who(name)
        if not is_spiffe(name):
            return Who(name, self._domain("is required: whose authorities vouch for a name that has no domain"))
        if "domain" in self._row:
            raise self._fault("domain", "stands in the name already")
        domain = domain_of(name)
        self._refuse_without_authorities(domain, "name")
        return Who(name, domain)

    def _described(self) -> Who:
        domain = self._domain("or a name is required")
        division = self._row.get("division")
        if division is not None and (not isinstance(division, str) or not is_division(division)):
            raise self._fault("division", "six digits of GB/T 2260 are required")
        kind, checkpoints = self._one("kind", Kind), self._one("class", CheckpointClass)
        if checkpoints is not None and kind is not Kind.HUB:
            raise self._fault("class", 'is for kind = "hub"')
        return Who(None, domain, kind, None if not isinstance(division, str) else DivisionCode(division), checkpoints)

    def _domain(self, missing: str) -> str:
        domain = self._row.get("domain")
        if domain is None:
            raise self._fault("domain", missing)
        if not isinstance(domain, str) or not is_domain(domain):
            raise self._fault("domain", "a trust domain is required: lower-case letters, digits, dots")
        self._refuse_without_authorities(domain, "domain")
        return domain

    def _refuse_without_authorities(self, domain: str | None, member: str) -> None:
        if self._domains is not None and domain not in self._domains:
            raise self._fault(member, "its domain has no authorities in callers.roots")

    def _divisions(self, *, needed: bool) -> Divisions | None:
        words = self._words("divisions")
        self._refuse_in_vain("divisions", words, needed=needed)
        if ANY in words:
            if len(words) > 1:
                raise self._fault("divisions", "beside * there are no others")
            return None
        if not all(is_division(word) or _FOREIGN.match(word) for word in words):
            raise self._fault("divisions", "six digits of GB/T 2260, two capital letters or * are required")
        return Divisions(words)

    def _limits(self, *, codes: bool) -> Limits:
        if not codes:
            for member in ("codes_per_s", "codes_burst"):
                if member in self._row:
                    raise self._fault(member, "is for calls that hand codes in")
        calls_per_s = self._number("calls_per_s")
        codes_per_s = self._number("codes_per_s") if codes else 0
        return Limits(
            calls_per_s,
            self._burst("calls_burst", calls_per_s, 1),
            codes_per_s,
            self._burst("codes_burst", codes_per_s, LEAST_CODES_BURST) if codes else 0,
        )

    def _burst(self, member: str, per_s: int, least: int) -> int:
        if member not in self._row:
            return max(per_s, least)
        burst = self._number(member)
        if burst < max(per_s, least):
            raise self._fault(member, f"must be at least the rate, and at least {least}")
        if burst > per_s * MAX_WINDOW_S:
            raise self._fault(member, f"must be at most what the rate gives in {MAX_WINDOW_S} seconds")
        return burst

    def _number(self, member: str) -> int:
        value = self._row.get(member)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_PER_S:
            raise self._fault(member, f"a whole number of 1 to {MAX_PER_S} is required")
        return value

    def _one(self, member: str, kind: type[E]) -> E | None:
        word = self._row.get(member)
        if word is None:
            return None
        try:
            return kind(word)
        except ValueError:
            known = ", ".join(str(one.value) for one in kind)
            raise self._fault(member, f"one of {known} is required") from None

    def _known(self, member: str, kind: type[E], *, needed: bool) -> frozenset[E]:
        words = self._words(member)
        self._refuse_in_vain(member, words, needed=needed)
        names = kind.__members__
        if not all(word in names for word in words):
            raise self._fault(member, "only " + ", ".join(names) + " are known")
        return frozenset(names[word] for word in words)

    def _refuse_in_vain(self, member: str, words: list[str], *, needed: bool) -> None:
        if needed and not words:
            raise self._fault(member, "is required by what is granted in calls")
        if not needed and member in self._row:
            raise self._fault(member, "none of the calls granted asks with one")

    def _words(self, member: str) -> list[str]:
        value = self._row.get(member, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise self._fault(member, "a list of words is required")
        if len(set(value)) < len(value):
            raise self._fault(member, "a word stands twice")
        return value

    def _fault(self, member: str, description: str) -> _Fault:
        return _Fault(description, "caller", self._place, member)
