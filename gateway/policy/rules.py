"""The file of one receiving division's rules: TOML, read whole or refused whole.

- A row says: codes from these divisions, of these formats, in these states, shown in one of these ways, in this time
  -> this measure, under these conditions. docs/policy.md lists every member.
- A file is refused with line, member and fault if a row is unknown in form, names no source, lets a state pass that is
  not GREEN, softens a RED, is LIMITED without a condition, or can never apply.
- Beside the rows it may say what becomes of a code that is suspected to be shown a second time.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Mapping
from datetime import date, datetime
from typing import Final, TypeVar

from gateway.divisions import CHINA_TIME, enclosing, is_division
from gateway.errors import Reason
from gateway.lines import Path, line_of_syntax_fault, line_of_toml, told
from gateway.values import LETS_THROUGH, CodeState, DivisionCode, Format, Instant, Measure, ReasonClass, RiskLevel, Way

from .replay import TO_A_PERSON, OnReplay
from .rule import DivisionRules, Rule

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

UNLESS_NAMED: Final = frozenset({Way.VERIFY, Way.CONVERT})
"""The ways of a row that names none: what is only displayed is accepted where a row says so, and nowhere else."""

MAX_RULES: Final = 1_000

_ORIGIN: Final = re.compile(r"(?:\*|[1-9][0-9]{5}|[A-Z]{2})\Z")
_FILE_MEMBERS: Final = frozenset({"division", "version", "rule", "suspected_replay"})
_REPLAY_MEMBERS: Final = frozenset({"measure", "conditions", "source"})
_RULE_MEMBERS: Final = frozenset(
    {
        *("from", "to", "formats", "states", "ways", "since", "until", "origin_risk", "reason_classes"),
        *("measure", "conditions", "max_age_hours", "rule_set", "otherwise", "source"),
    }
)
_STATES: Final = {state.name: state for state in RULED_STATES}
_FORMATS: Final = {found.value: found for found in Format if found is not Format.UNKNOWN}
_WAYS: Final = {way.value: way for way in Way}
_RISKS: Final = {risk.name: risk for risk in RiskLevel}
_REASON_CLASSES: Final = {reason_class.name: reason_class for reason_class in ReasonClass}
_MEASURES: Final = {measure.name: measure for measure in Measure}
_ON_REPLAY: Final = {measure.name: measure for measure in Measure if measure is not Measure.PASS}
_OTHERWISE: Final = {measure.name: measure for measure in (Measure.DENY, Measure.MANUAL)}
CODES: Final = frozenset({Format.NATIVE, Format.OPAQUE})
"""The formats of which a rule set is told the gateway's facts; of certificates it is told what they attest."""


class RulesInvalid(ValueError):
    """A rules file cannot be used. `path` is the member, as in rule[2].states; `line` its line, from 1, if known."""

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


def parse_rules(text: str, *, rule_sets: Container[str] = ()) -> DivisionRules:
    """Return the rules of one file. `rule_sets` are the names of the CertLogic sets that there are.

    Raises: RulesInvalid, naming the place; then nothing of the file may be used.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as invalid:
        raise RulesInvalid("file", str(invalid), line_of_syntax_fault(text, invalid)) from invalid
    except (ValueError, RecursionError):
        raise RulesInvalid("file", "has too large a number, or is nested too deep") from None
    try:
        return _division_rules(document, rule_sets)
    except _Fault as fault:
        raise RulesInvalid(told(fault.path), fault.description, line_of_toml(text, fault.path)) from None


def _division_rules(document: dict[str, object], rule_sets: Container[str]) -> DivisionRules:
    _only(document, _FILE_MEMBERS)
    division = document.get("division")
    if not isinstance(division, str) or not is_division(division):
        raise _Fault("six digits of GB/T 2260 are required", "division")
    version = document.get("version")
    if not isinstance(version, str) or not 0 < len(version) <= 32:
        raise _Fault("a version of 1 to 32 characters is required", "version")
    rows = document.get("rule")
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_RULES:
        raise _Fault(f"1 to {MAX_RULES} rules are required", "rule")
    where = DivisionCode(division)
    rules = (_Row(row, place, where, rule_sets).rule() for place, row in enumerate(rows))
    return DivisionRules(where, version, tuple(rules), _on_replay(document.get("suspected_replay")))


def _on_replay(table: object) -> OnReplay:
    """Return what becomes of a suspected replay: never PASS; LIMITED with a condition, and nothing else with one."""
    place = "suspected_replay"
    if table is None:
        return TO_A_PERSON
    if not isinstance(table, dict):
        raise _Fault("a table is required", place)
    _only(table, _REPLAY_MEMBERS, place)
    source, word, conditions = table.get("source"), table.get("measure"), table.get("conditions", [])
    if not isinstance(source, str) or not source.strip():
        raise _Fault("where the rule comes from is required", place, "source")
    if not isinstance(word, str) or word not in _ON_REPLAY:
        raise _Fault("one of " + ", ".join(_ON_REPLAY) + " is required", place, "measure")
    if not isinstance(conditions, list) or not all(isinstance(one, str) and one in CONDITIONS for one in conditions):
        raise _Fault("only " + ", ".join(CONDITIONS) + " are known", place, "conditions")
    measure = _ON_REPLAY[word]
    if (measure is Measure.LIMITED) != bool(conditions):
        raise _Fault("LIMITED needs a condition, and no other measure has one", place, "conditions")
    return OnReplay(measure, tuple(CONDITIONS[one] for one in conditions))


class _Row:
    """One row, being read."""

    def __init__(self, row: object, place: int, division: DivisionCode, rule_sets: Container[str]) -> None:
        if not isinstance(row, dict):
            raise _Fault("a table is required", "rule", place)
        self._row: dict[str, object] = row
        self._place = place
        self._division = division
        self._rule_sets = rule_sets

    def rule(self) -> Rule:
        """Return the row.

        1. Only known members, and a source.
        2. Whom it fits: known words.
        3. Measure: PASS for GREEN only; RED always DENY; LIMITED with a condition, and nothing else with one.
        4. When it fits: an age, and a time that is not over before it begins.
        5. A rule set that there is, of which a let-through depends, for codes or for certificates.
        """
        # 1
        _only(self._row, _RULE_MEMBERS, "rule", self._place)
        source = self._row.get("source")
        if not isinstance(source, str) or not source.strip():
            raise self._fault("source", "where the rule comes from is required")
        # 2
        states, formats = self._known("states", _STATES), self._known("formats", _FORMATS)
        if not states:
            raise self._fault("states", "at least one state is required")
        # 3
        measure, conditions = self._measure(states)
        # 4
        since, until = self._instant("since"), self._instant("until")
        if since is not None and until is not None and since >= until:
            raise self._fault("until", "must be later than since: the rule never applies")
        # 5
        rule_set, otherwise = self._rule_set(measure, formats)
        return Rule(
            receivers=self._receivers(),
            origins=self._origins(),
            formats=formats,
            states=states,
            ways=self._some("ways", _WAYS) or UNLESS_NAMED,
            since=since,
            until=until,
            risks=self._some("origin_risk", _RISKS),
            reason_classes=self._some("reason_classes", _REASON_CLASSES),
            measure=measure,
            conditions=conditions,
            max_age=self._max_age(),
            rule_set=rule_set,
            otherwise=otherwise,
            source=source,
        )

    def _origins(self) -> frozenset[str]:
        origins = self._words("from")
        if not origins or not all(_ORIGIN.match(origin) for origin in origins):
            raise self._fault("from", "six digits of GB/T 2260, two capital letters or * are required")
        return frozenset() if "*" in origins else frozenset(origins)

    def _receivers(self) -> frozenset[DivisionCode]:
        receivers = frozenset(DivisionCode(word) for word in self._words("to"))
        if "to" in self._row and not receivers:
            raise self._fault("to", "at least one division is required")
        for receiver in receivers:
            if not is_division(receiver) or self._division not in enclosing(receiver):
                raise self._fault("to", f"six digits within {self._division} are required: elsewhere no rule applies")
        return receivers

    def _measure(self, states: frozenset[CodeState]) -> tuple[Measure, tuple[Reason, ...]]:
        measure = self._one("measure", _MEASURES)
        if measure is Measure.PASS and states != {CodeState.GREEN}:
            raise self._fault("measure", "only GREEN may pass without a condition")
        if CodeState.RED in states and measure is not Measure.DENY:
            raise self._fault("measure", "RED is DENY everywhere: only its issuer clears it")
        words = self._words("conditions")
        self._known("conditions", CONDITIONS)
        if (measure is Measure.LIMITED) != bool(words):
            raise self._fault("conditions", "LIMITED needs a condition, and no other measure has one")
        return measure, tuple(CONDITIONS[word] for word in words)

    def _max_age(self) -> float | None:
        hours = self._row.get("max_age_hours")
        if hours is None:
            return None
        if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= 87_600:
            raise self._fault("max_age_hours", "hours above 0 and up to 87600 are required")
        return hours * 3600.0

    def _instant(self, member: str) -> Instant | None:
        """Return the instant that a date or date-time names. A date is the midnight in China that begins it."""
        value = self._row.get(member)
        if value is None:
            return None
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise self._fault(member, "a date-time needs its offset, as in 2020-02-28T12:00:00+08:00")
        elif isinstance(value, date):
            value = datetime(value.year, value.month, value.day, tzinfo=CHINA_TIME)
        else:
            raise self._fault(member, "a date or a date-time, without quotes, is required")
        if not 2000 <= value.year < 2100:
            raise self._fault(member, "must lie in 2000 to 2099")
        return Instant(value.timestamp())

    def _rule_set(self, measure: Measure, formats: frozenset[Format]) -> tuple[str | None, Measure]:
        name = self._row.get("rule_set")
        if name is None:
            if "otherwise" in self._row:
                raise self._fault("otherwise", "is for a rule with a rule_set")
            return None, Measure.MANUAL
        if not isinstance(name, str) or name not in self._rule_sets:
            raise self._fault("rule_set", "the name of a folder of CertLogic rules is required")
        if measure not in LETS_THROUGH:
            raise self._fault("rule_set", "is for a rule that lets through")
        if not formats or (formats & CODES and formats - CODES):
            raise self._fault(
                "rule_set", "needs formats, and codes and certificates apart: it is told other things of each"
            )
        return name, self._one("otherwise", _OTHERWISE) if "otherwise" in self._row else Measure.MANUAL

    def _one(self, member: str, known: Mapping[str, T]) -> T:
        word = self._row.get(member)
        if not isinstance(word, str) or word not in known:
            raise self._fault(member, "one of " + ", ".join(known) + " is required")
        return known[word]

    def _some(self, member: str, known: Mapping[str, T]) -> frozenset[T]:
        """Return the words of a member that may be left out, but not left empty: then the rule would never apply."""
        found = self._known(member, known)
        if not found and member in self._row:
            raise self._fault(member, "at least one of " + ", ".join(known) + " is required")
        return found

    def _known(self, member: str, known: Mapping[str, T]) -> frozenset[T]:
        words = self._words(member)
        if not all(word in known for word in words):
            raise self._fault(member, "only " + ", ".join(known) + " are known")
        return frozenset(known[word] for word in words)

    def _words(self, member: str) -> list[str]:
        value = self._row.get(member, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise self._fault(member, "a list of words is required")
        return value

    def _fault(self, member: str, description: str) -> _Fault:
        return _Fault(description, "rule", self._place, member)


def _only(table: dict[str, object], known: frozenset[str], *path: str | int) -> None:
    for member in table:
        if member not in known:
            raise _Fault("is not a known member", *path, member)
