"""Sets of acceptance and invalidation rules, and what they say of a certificate.

- A folder holds one folder for each set, with one JSON file for each version of a rule; `valuesets` holds the value
  sets that rules look codes up in. One broken file refuses all, with file, line and field. What begins with a dot is
  not looked at (Kubernetes keeps each file of a mounted volume there a second time).
- Of several versions of a rule the highest one valid at the instant counts, before anything else is looked at: so a
  rule that is dated ahead switches on by itself, and one whose new version speaks of another region stops here.
- Of those, the rules apply that speak of the division (or one that encloses it, or all of China), of the region or of
  none, and of the certificate's type or of all.
- Every acceptance rule must be true and every invalidation rule false. No rule at all is EMPTY, never MET.

Source: EU Digital COVID Certificate, "Validation Rules".
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, nextafter
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.divisions import enclosing
from gateway.lines import line_of_json, told
from gateway.values import DivisionCode, Instant
from keys.strict import StrictError, StrictFault, parse_json

from .acceptance_rule import GENERAL, AcceptanceRule, FieldInvalid, Outcome, parse_rule

VALUE_SETS: Final = "valuesets"
"""The folder of value sets, beside the folders of rules."""

MAX_FILE_BYTES: Final = 1 << 20
MAX_FILES: Final = 5_000
_MAX_DEPTH: Final = 140
"""Of the JSON of a file: each level of CertLogic is two."""
_CHINA: Final = "CN"
_TYPE_OF_ENTRIES: Final = {"v": "Vaccination", "t": "Test", "r": "Recovery"}
"""The members of a certificate, and the type of rules that speak of each."""


class RuleSetInvalid(ValueError):
    """A file of rules cannot be used. `file` and `line` say where, `field` is the member, as in Logic.and[0]."""

    def __init__(self, file: str, line: int | None, field: str, description: str) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(": ".join(part for part in (place, field, description) if part))
        self.file = file
        self.line = line
        self.field = field
        self.description = description


class RuleOutcome(NamedTuple):
    """What one rule said."""

    identifier: str
    version: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Judged:
    """What a set said of one certificate, and which rules it asked."""

    outcome: Outcome
    rules: tuple[RuleOutcome, ...]


NOT_JUDGED: Final = Judged(Outcome.EMPTY, ())


class RuleSet:
    """The rules of one name. Immutable."""

    __slots__ = ("_current", "_since", "rules")

    def __init__(self, rules: Iterable[AcceptanceRule]) -> None:
        """Take all versions of all rules. Raises: ValueError if two are the same version of one rule."""
        self.rules: tuple[AcceptanceRule, ...] = tuple(sorted(rules, key=lambda rule: (rule.identifier, rule.version)))
        for rule, following in zip(self.rules, self.rules[1:], strict=False):
            if (rule.identifier, rule.version) == (following.identifier, following.version):
                raise ValueError(f"{rule.identifier} {rule.version_text} is there twice")
        # Between two of these instants the same versions count. A rule holds at its last instant too.
        starts = {rule.valid_from for rule in self.rules}
        ends = {Instant(nextafter(rule.valid_to, inf)) for rule in self.rules}
        self._since = sorted(starts | ends)
        self._current = tuple(self._valid_at(since) for since in self._since)

    def _valid_at(self, at: Instant) -> tuple[AcceptanceRule, ...]:
        # Sorted by version: a higher one takes the place of a lower one.
        return tuple({rule.identifier: rule for rule in self.rules if rule.valid_from <= at <= rule.valid_to}.values())

    def at(self, at: Instant) -> tuple[AcceptanceRule, ...]:
        """Return the version of each rule that counts at `at`."""
        passed = bisect_right(self._since, at)
        return self._current[passed - 1] if passed else ()


class RuleSets:
    """All sets, by name. Immutable."""

    __slots__ = ("_sets", "_value_sets")

    def __init__(self, sets: Mapping[str, RuleSet], value_sets: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Take the sets and what their rules look codes up in (name -> codes)."""
        self._sets = MappingProxyType(dict(sets))
        # CertLogic knows arrays, and takes lists for them; no operator writes into one.
        self._value_sets = {name: list(codes) for name, codes in (value_sets or {}).items()}

    @classmethod
    def load(cls, folder: Path) -> RuleSets:
        """Return all sets below `folder`. Raises: RuleSetInvalid; then none of them may be used."""
        if not folder.is_dir():
            raise RuleSetInvalid(str(folder), None, "", "is not a folder")
        sets: dict[str, RuleSet] = {}
        value_sets: dict[str, tuple[str, ...]] = {}
        for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
            if inner.name == VALUE_SETS:
                value_sets = _load_value_sets(inner)
            else:
                sets[inner.name] = _load_set(inner)
        if not sets:
            raise RuleSetInvalid(str(folder), None, "", "holds no folder of rules")
        return cls(sets, value_sets)

    @property
    def sets(self) -> Mapping[str, RuleSet]:
        """The sets, by name."""
        return self._sets

    def __contains__(self, name: object) -> bool:
        return name in self._sets

    def judge(
        self,
        set_name: str,
        payload: Mapping[str, object],
        *,
        division: DivisionCode,
        region: str | None = None,
        certificate_type: str | None = None,
        at: Instant,
    ) -> Judged:
        """Return what the set of this name says of `payload` at `at`, for the receiving `division`.

        1. Which rules apply. None, or no set of this name: EMPTY.
        2. What each of them says.
        3. One that is not met: NOT_MET; else one that could not be decided: UNDETERMINED; else MET.

        `payload` is what rules see as such; `certificate_type` is its type where its members v, t and r do not tell.
        Whatever `payload` holds, there is an answer. Checks nothing about whether it is genuine.
        """
        # 1
        rule_set = self._sets.get(set_name)
        if rule_set is None:
            return NOT_JUDGED
        countries = {*enclosing(division), _CHINA} if division.isdigit() else {division}
        types = {GENERAL, certificate_type, *(kind for member, kind in _TYPE_OF_ENTRIES.items() if payload.get(member))}
        applying = [
            rule
            for rule in rule_set.at(at)
            if rule.country in countries
            and rule.certificate_type in types
            and (rule.region is None or rule.region == region)
        ]
        if not applying:
            return NOT_JUDGED
        # 2
        data = {
            "payload": payload if type(payload) is dict else dict(payload),
            "external": {
                "validationClock": _spelled(at),
                "valueSets": self._value_sets,
                "countryCode": _CHINA if division.isdigit() else division,
                "division": division,
                "region": region,
            },
        }
        rules = tuple(RuleOutcome(rule.identifier, rule.version_text, rule.judge(data)) for rule in applying)
        # 3
        said = {rule.outcome for rule in rules}
        worst = next(one for one in (Outcome.NOT_MET, Outcome.UNDETERMINED, Outcome.MET) if one in said)
        return Judged(worst, rules)


NO_RULE_SETS: Final = RuleSets({})


def _spelled(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _load_set(folder: Path) -> RuleSet:
    """Return the rules of one folder, whatever folders they lie in below it."""
    rules = []
    for file in _json_files(folder):
        text = _read(file)
        document = _parse(file, text)
        try:
            rules.append(parse_rule(document))
        except FieldInvalid as invalid:
            raise _at_fault(file, text, invalid) from invalid
    if not rules:
        raise RuleSetInvalid(str(folder), None, "", "holds no rules (*.json)")
    try:
        return RuleSet(rules)
    except ValueError as invalid:
        raise RuleSetInvalid(str(folder), None, "Version", str(invalid)) from invalid


def _load_value_sets(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the value sets of one folder: in the EU's format, one each file, or name -> codes."""
    found: dict[str, tuple[str, ...]] = {}
    for file in _json_files(folder):
        text = _read(file)
        document = _parse(file, text)
        try:
            value_sets = _value_sets(document)
            for name in value_sets:
                if name in found:
                    raise FieldInvalid((name,), "is there twice")
        except FieldInvalid as invalid:
            raise _at_fault(file, text, invalid) from invalid
        found |= value_sets
    return found


def _value_sets(document: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(document, dict):
        raise FieldInvalid((), "an object is required")
    if "valueSetId" in document:
        name, values = document["valueSetId"], document.get("valueSetValues")
        if not isinstance(name, str) or not name:
            raise FieldInvalid(("valueSetId",), "a text is required")
        if not isinstance(values, dict):
            raise FieldInvalid(("valueSetValues",), "an object of codes is required")
        return {name: tuple(values)}
    for name, codes in document.items():
        if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
            raise FieldInvalid((name,), "an array of codes is required")
    return {name: tuple(codes) for name, codes in document.items()}


def _json_files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.json"))
    files = [file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    if len(files) > MAX_FILES:
        raise RuleSetInvalid(str(folder), None, "", f"holds more than {MAX_FILES} files")
    return files


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except OSError as unreadable:
        raise RuleSetInvalid(str(file), None, "", unreadable.strerror or "cannot be read") from unreadable
    if len(data) > MAX_FILE_BYTES:
        raise RuleSetInvalid(str(file), None, "", f"is larger than {MAX_FILE_BYTES} bytes")
    return data


def _parse(file: Path, data: bytes) -> object:
    try:
        return parse_json(data, max_depth=_MAX_DEPTH)
    except StrictError as invalid:
        line = _line_of_fault(data) if invalid.fault is StrictFault.BAD_JSON else None
        raise RuleSetInvalid(str(file), line, "", _FAULTS[invalid.fault]) from invalid


_FAULTS: Final = {
    StrictFault.BAD_JSON: "is not JSON",
    StrictFault.DUPLICATE_KEY: "has a member twice",
    StrictFault.TOO_DEEP: f"is nested deeper than {_MAX_DEPTH}",
    StrictFault.NOT_FINITE: "has a number that is not finite",
    StrictFault.NOT_UTF8: "is not UTF-8",
}


def _line_of_fault(data: bytes) -> int | None:
    try:
        json.loads(data)
    except json.JSONDecodeError as invalid:
        return invalid.lineno
    return None


def _at_fault(file: Path, data: bytes, invalid: FieldInvalid) -> RuleSetInvalid:
    line = line_of_json(data.decode(), invalid.path) or 1
    return RuleSetInvalid(str(file), line, told(invalid.path), invalid.description)
