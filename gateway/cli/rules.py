"""`hcgw rules`: check CertLogic rules, and run their tests. Offline; no code is looked at.

- `check DIR` reads a folder of rule sets exactly as the gateway does, and tells which rules never decide anything.
- `test FILE` evaluates the logic of rules against their tests, with exactly the data that each test gives. The rest of
  a rule (validity, country, type) plays no part there: rules of any time can be tested.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from gateway.instants import format_instant, now, parse_instant
from gateway.policy.acceptance_rule import AcceptanceRule
from gateway.policy.certlogic import EvaluationFailed, Expression, RuleInvalid, compile_expression
from gateway.policy.rule_sets import RuleSet, RuleSetInvalid, RuleSets
from gateway.values import Instant
from keys.strict import StrictError, parse_json

FAILED: Final = 1
BROKEN: Final = 2

_LONGEST_LINE: Final = 1 << 26
_MAX_DEPTH: Final = 400
"""Of the JSON of a line: far deeper than a rule may be, so that one that is too deep is told as such."""
_LONGEST_TOLD: Final = 60

app = typer.Typer(name="rules", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def rules() -> None:
    """Check CertLogic rules, and run their tests.

    For example:

      hcgw rules check /etc/hcgw/rules

      hcgw rules test rules.jsonl
    """


@app.command("test")
def test(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One JSON object a line: set, rule, tests.")],
) -> None:
    """Run the tests of rules. Exit status: 0 all passed, 1 one failed, 2 the file cannot be read.

    For example:

      hcgw rules test rules.jsonl
    """
    passed = failed = 0
    try:
        with file.open("rb") as lines:
            for case in _read_cases(lines, str(file)):
                told = case.run()
                passed += told is None
                failed += told is not None
                if told is not None:
                    typer.echo(f"FAILED {case.name}: {told}")
    except OSError as unreadable:
        _stop(f"{file}: {unreadable.strerror}")
    typer.echo(f"{passed} passed, {failed} failed")
    raise typer.Exit(FAILED if failed else 0)


@app.command("check")
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="One folder for each set of rules, and valuesets.")],
    at: Annotated[str | None, typer.Option(metavar="RFC3339", help="Tell what counts then instead of now.")] = None,
) -> None:
    """Check sets of rules as the gateway does. Exit status: 0 sound, 1 something never decides, 2 broken.

    For example:

      hcgw rules check /etc/hcgw/rules

      hcgw rules check --at 2022-01-01T00:00:00Z /etc/hcgw/rules
    """
    try:
        instant = now() if at is None else parse_instant(at)
    except ValueError:
        _stop("--at must be RFC 3339, as in 2021-06-01T12:00:00Z")
    try:
        found = RuleSets.load(folder)
    except RuleSetInvalid as invalid:
        _stop(str(invalid))
    sound = True
    for name, rule_set in found.sets.items():
        sound = _tell_set(name, rule_set, instant) and sound
    raise typer.Exit(0 if sound else FAILED)


def _tell_set(name: str, rule_set: RuleSet, at: Instant) -> bool:
    """Print what a set holds, and tell whether it can ever let anybody through today."""
    current = rule_set.at(at)
    typer.echo(f"{name}: {len(current)} rules in force of {len(rule_set.rules)} versions")
    for rule in rule_set.rules:
        typer.echo(
            f"  {rule.identifier} {rule.version_text}  {rule.certificate_type}  "
            f"{format_instant(rule.valid_from)} to {format_instant(rule.valid_to)}  {_standing(rule, current, at)}"
        )
    blind = [rule for rule in current if rule.reads_withheld]
    for rule in blind:
        typer.echo(f"{name}: {rule.identifier} reads a name, birth date or certificate id: never decided", err=True)
    if not current:
        typer.echo(f"{name}: no rule is in force: never met", err=True)
    return bool(current) and not blind


def _standing(rule: AcceptanceRule, current: tuple[AcceptanceRule, ...], at: Instant) -> str:
    if rule in current:
        return "in force"
    if at < rule.valid_from:
        return "dated ahead"
    return "replaced" if at <= rule.valid_to else "ended"


@dataclass(frozen=True, slots=True)
class _Case:
    """One test of one rule."""

    name: str
    rule: Expression | RuleInvalid
    data: Mapping[str, object]
    expected: object

    def run(self) -> str | None:
        """Return None if the rule does what is expected, else what it does instead."""
        expected = f"expected {_told(self.expected)}, got "
        if isinstance(self.rule, RuleInvalid):
            return f"{expected}an invalid rule ({self.rule})"
        try:
            result = self.rule.evaluate(self.data)
        except EvaluationFailed as failed:
            return f"{expected}no result ({failed})"
        return None if _alike(result, self.expected) else expected + _told(result)


def _read_cases(lines: Iterator[bytes], file: str) -> Iterator[_Case]:
    """Return the tests of a file, one after the other. Stops the command at a line that cannot be read."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        if len(line) > _LONGEST_LINE:
            _stop(f"{place}: is longer than {_LONGEST_LINE} bytes")
        try:
            row = parse_json(line, max_depth=_MAX_DEPTH)
        except StrictError as invalid:
            _stop(f"{place}: {invalid.fault.value}")
        if not isinstance(row, dict) or not isinstance(row.get("rule"), dict) or not isinstance(row.get("tests"), list):
            _stop(f"{place}: an object of set, rule and tests is required")
        rule: Expression | RuleInvalid
        try:
            rule = compile_expression(row["rule"].get("Logic"))
        except RuleInvalid as invalid:
            rule = invalid
        name = f"{row.get('set')}: {row['rule'].get('Identifier')}"
        for index, given in enumerate(row["tests"]):
            if not isinstance(given, dict) or not {"payload", "external", "expected"} <= given.keys():
                _stop(f"{place}: tests[{index}]: payload, external and expected are required")
            called = f" ({title})" if (title := given.get("name")) else ""
            data = {"payload": given["payload"], "external": given["external"]}
            yield _Case(f"{name}: tests[{index}]{called}", rule, data, given["expected"])


def _alike(result: object, expected: object) -> bool:
    """Tell whether two JSON values are the same. The work is bounded by the size of `expected`."""
    if isinstance(expected, list):
        return (
            isinstance(result, list)
            and len(result) == len(expected)
            and all(_alike(one, other) for one, other in zip(result, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(result, dict)
            and result.keys() == expected.keys()
            and all(_alike(result[key], value) for key, value in expected.items())
        )
    return isinstance(result, bool) == isinstance(expected, bool) and result == expected


def _told(value: object) -> str:
    """Return a value as one short word or two: what a rule computed may be of any size."""
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, datetime):
        return "a date-time"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_TOLD else text[:_LONGEST_TOLD] + "..."


def _stop(why: str) -> NoReturn:
    typer.echo(f"hcgw rules: {why}", err=True)
    raise typer.Exit(BROKEN)
