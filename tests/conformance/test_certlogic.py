"""The rule language's own test suites, and the national rules with theirs.

Skip marks of the authors (on a suite, a case or one assertion) are honoured: what they leave is active.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.cli.rules import app
from gateway.policy.acceptance_rule import Outcome, parse_rule
from gateway.policy.certlogic import EvaluationFailed, RuleInvalid, compile_expression
from tests.vectors import require_vectors

ACTIVE_ASSERTIONS = 218
RULE_TESTS = 909


def suites(folder: str) -> list[dict[str, Any]]:
    files = sorted((require_vectors() / "certlogic" / folder).glob("*.json"))
    return [json.loads(file.read_text()) for file in files]


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (require_vectors() / "rules.jsonl").read_text().splitlines()]


def active(things: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [thing for thing in things if thing.get("directive") != "skip"]


def evaluated(logic: object, data: object) -> object:
    try:
        return compile_expression(logic).evaluate(data)
    except (EvaluationFailed, RuleInvalid) as failed:
        return failed


def spelled(value: object) -> str:
    """Return a value so that 1, 1.0 and true differ."""
    return json.dumps(value) if not isinstance(value, Exception) else repr(value)


def test_every_active_assertion() -> None:
    asked, wrong = 0, []
    for suite in active(suites("testSuite")):
        for case in active(suite["cases"]):
            for assertion in active(case["assertions"]):
                asked += 1
                logic = assertion.get("certLogicExpression", case.get("certLogicExpression"))
                result = spelled(evaluated(logic, assertion["data"]))
                if result != spelled(assertion["expected"]):
                    wrong.append((suite["name"], case["name"], assertion, result))
    assert wrong == []
    assert asked == ACTIVE_ASSERTIONS


def test_every_invalid_expression_is_refused_and_no_other() -> None:
    wrong, asked = [], 0
    for suite in active(suites("validation-testSuite")):
        for case in active(suite["cases"]):
            asked += 1
            refused = isinstance(evaluated(case["certLogicExpression"], None), RuleInvalid)
            if refused != bool(case["issues"]):
                wrong.append(case)
    assert wrong == []
    assert asked == 23


def test_every_rule_test() -> None:
    asked, wrong = 0, []
    for row in rows():
        expression = compile_expression(row["rule"]["Logic"])
        for test in row["tests"]:
            asked += 1
            if expression.evaluate({"payload": test["payload"], "external": test["external"]}) is not test["expected"]:
                wrong.append((row["set"], test["file"]))
    assert wrong == []
    assert asked == RULE_TESTS


def test_every_rule_is_of_the_format() -> None:
    """And says of each test what its logic says, unless it reads what the gateway shows to no rule."""
    wrong, blind = [], set()
    for row in rows():
        rule = parse_rule(row["rule"])
        for test in row["tests"]:
            outcome = rule.judge({"payload": test["payload"], "external": test["external"]})
            expected = Outcome.MET if test["expected"] else Outcome.NOT_MET
            if rule.reads_withheld:
                blind.add(rule.identifier)
                expected = Outcome.UNDETERMINED
            if outcome is not expected:
                wrong.append((row["set"], test["file"]))
    assert wrong == []
    assert blind == {"TR-CY-0005", "TR-CY-0006"}


def test_the_command_says_the_same() -> None:
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, ["test", str(require_vectors() / "rules.jsonl")])
    assert (result.exit_code, result.stdout.splitlines()) == (0, [f"{RULE_TESTS} passed, 0 failed"])


@pytest.mark.parametrize("turned", [True, False])
def test_a_turned_expectation_would_be_seen(turned: bool) -> None:
    """The suites above could pass by comparing nothing."""
    row = rows()[0]
    expression = compile_expression(row["rule"]["Logic"])
    said = [
        expression.evaluate({"payload": test["payload"], "external": test["external"]}) is (test["expected"] ^ turned)
        for test in row["tests"]
    ]
    assert all(said) is not turned
