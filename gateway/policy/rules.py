"""One receiving division's rules, from one TOML file.

- A rule says: codes from these divisions, of these formats, in these states -> this measure, under these conditions.
- The first rule that fits decides; a code that none fits is MANUAL, NO_RULES.
- A file is refused as a whole, with the place of the fault, if a rule is unknown in form, names no source, lets a
  state pass that is not GREEN, softens a RED, or is LIMITED without a condition.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from gateway.errors import Reason
from gateway.values import CodeState, DivisionCode, Format, Measure

T = TypeVar("T")

CONDITIONS: Final = {
    "test_within_48_hours": Reason.CONDITION_TEST_WITHIN_48_HOURS,
    "health_monitoring": Reason.CONDITION_HEALTH_MONITORING,
    "register_on_arrival": Reason.CONDITION_REGISTER_ON_ARRIVAL,
}

RULED_STATES: Final = frozenset(
    {
        CodeState.GREEN,
        CodeState.YELLOW,
        CodeState.RED,
        CodeState.UNDER_REVIEW,
        CodeState.UNCONFIRMED,
        CodeState.STALE_DECLARATION,
    }
)
"""The states that a rule may speak of. The others are decided before any rule is asked."""

MAX_RULES: Final = 1_000
_DIVISION: Final = re.compile(r"[1-9][0-9]{5}\Z")
_ORIGIN: Final = re.compile(r"(?:\*|[1-9][0-9]{5}|[A-Z]{2})\Z")
_FILE_MEMBERS: Final = frozenset({"division", "version", "rule"})
_RULE_MEMBERS: Final = frozenset({"from", "formats", "states", "measure", "conditions", "max_age_hours", "source"})


class RulesInvalid(ValueError):
    """A rules file cannot be used. `path` is the place in the file, as in rule[2].states."""

    def __init__(self, path: str, description: str) -> None:
        super().__init__(f"{path}: {description}")
        self.path = path
        self.description = description


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Empty `origins` means anywhere, empty `formats` means any format."""

    origins: frozenset[str]
    formats: frozenset[Format]
    states: frozenset[CodeState]
    measure: Measure
    conditions: tuple[Reason, ...]
    max_age: float | None
    """Seconds since the issuer's word was observed, beyond which the rule cannot be applied."""

    def fits(self, origin: DivisionCode | None, found: Format, state: CodeState) -> bool:
        """Tell whether this rule speaks of such a code."""
        return (
            state in self.states
            and (not self.formats or found in self.formats)
            and (not self.origins or any(name in self.origins for name in enclosing(origin)))
        )


@dataclass(frozen=True, slots=True)
class DivisionRules:
    """All rules of one receiving division. `version` is what an answer names."""

    division: DivisionCode
    version: str
    rules: tuple[Rule, ...]

    def find(self, origin: DivisionCode | None, found: Format, state: CodeState) -> Rule | None:
        """Return the first rule that fits, or None."""
        return next((rule for rule in self.rules if rule.fits(origin, found, state)), None)


def enclosing(division: DivisionCode | None) -> tuple[DivisionCode, ...]:
    """Return `division`, its prefecture and its province, narrowest first. Source: GB/T 2260."""
    if division is None:
        return ()
    if not division.isdigit():
        return (division,)
    return tuple(dict.fromkeys((division, DivisionCode(division[:4] + "00"), DivisionCode(division[:2] + "0000"))))


def parse_rules(text: str) -> DivisionRules:
    """Return the rules of one file. Raises: RulesInvalid, naming the place; then nothing of the file may be used."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as invalid:
        raise RulesInvalid("file", str(invalid)) from invalid
    _only(document, _FILE_MEMBERS, "file")
    division = document.get("division")
    if not isinstance(division, str) or not _DIVISION.match(division):
        raise RulesInvalid("division", "six digits of GB/T 2260 are required")
    version = document.get("version")
    if not isinstance(version, str) or not 0 < len(version) <= 32:
        raise RulesInvalid("version", "a version of 1 to 32 characters is required")
    rows = document.get("rule")
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_RULES:
        raise RulesInvalid("rule", f"1 to {MAX_RULES} rules are required")
    return DivisionRules(
        DivisionCode(division), version, tuple(_rule(row, f"rule[{place}]") for place, row in enumerate(rows))
    )


def _rule(row: object, path: str) -> Rule:
    """Return one rule.

    1. Only known members, and a source.
    2. Origins, formats, states: known words.
    3. Measure: PASS for GREEN only; RED always DENY; LIMITED with a condition, and nothing else with one.
    4. Age.
    """
    # 1
    if not isinstance(row, dict):
        raise RulesInvalid(path, "a table is required")
    _only(row, _RULE_MEMBERS, path)
    if not isinstance(row.get("source"), str) or not row["source"].strip():
        raise RulesInvalid(f"{path}.source", "where the rule comes from is required")
    # 2
    origins = _words(row.get("from"), f"{path}.from")
    for origin in origins:
        if not _ORIGIN.match(origin):
            raise RulesInvalid(f"{path}.from", "six digits of GB/T 2260, two capital letters or * are required")
    known_formats = {found.value: found for found in Format if found is not Format.UNKNOWN}
    formats = _known(row.get("formats", []), known_formats, f"{path}.formats")
    known_states = {state.name: state for state in RULED_STATES}
    states = _known(row.get("states"), known_states, f"{path}.states")
    if not states:
        raise RulesInvalid(f"{path}.states", "at least one state is required")
    # 3
    measures = {measure.name: measure for measure in Measure}
    measure = measures.get(str(row.get("measure")))
    if measure is None:
        raise RulesInvalid(f"{path}.measure", "one of " + ", ".join(measures) + " is required")
    if measure is Measure.PASS and states != {CodeState.GREEN}:
        raise RulesInvalid(f"{path}.measure", "only GREEN may pass without a condition")
    if CodeState.RED in states and measure is not Measure.DENY:
        raise RulesInvalid(f"{path}.measure", "RED is DENY everywhere: only its issuer clears it")
    conditions = tuple(
        CONDITIONS[word] for word in _ordered(row.get("conditions", []), CONDITIONS, f"{path}.conditions")
    )
    if (measure is Measure.LIMITED) != bool(conditions):
        raise RulesInvalid(f"{path}.conditions", "LIMITED needs a condition, and no other measure has one")
    # 4
    hours = row.get("max_age_hours")
    if hours is not None and (isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= 87_600):
        raise RulesInvalid(f"{path}.max_age_hours", "hours above 0 and up to 87600 are required")
    return Rule(
        frozenset() if "*" in origins else frozenset(origins),
        formats,
        states,
        measure,
        conditions,
        None if hours is None else hours * 3600.0,
    )


def _only(table: dict[str, object], known: frozenset[str], path: str) -> None:
    for member in table:
        if member not in known:
            raise RulesInvalid(f"{path}.{member}", "is not a known member")


def _words(value: object, path: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise RulesInvalid(path, "a list of words is required")
    return value


def _ordered(value: object, known: Mapping[str, object], path: str) -> list[str]:
    if value == []:
        return []
    words = _words(value, path)
    for word in words:
        if word not in known:
            raise RulesInvalid(path, "only " + ", ".join(known) + " are known")
    return words


def _known(value: object, known: Mapping[str, T], path: str) -> frozenset[T]:
    return frozenset(known[word] for word in _ordered(value, known, path))
