"""`hcgw rules`: the tests of rules, and the check of a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.rules import app
from tests.unit.policy.test_rule_sets import rule


def run(*arguments: str | Path) -> tuple[int, list[str], str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout.splitlines(), result.stderr


def row(logic: Any, *tests: tuple[Any, Any]) -> dict[str, Any]:
    """Return one line: a rule, and tests of it as (payload, expected)."""
    told = [{"payload": payload, "external": {"limit": 2}, "expected": expected} for payload, expected in tests]
    return {"set": "XX/GR-XX-0001", "rule": {"Identifier": "GR-XX-0001", "Logic": logic}, "tests": told}


def file_of(folder: Path, *rows: object) -> Path:
    file = folder / "rules.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in rows) + "\n\n")
    return file


UNDER_LIMIT = {"<": [{"var": "payload.doses"}, {"var": "external.limit"}]}


def test_all_passed(tmp_path: Path) -> None:
    file = file_of(tmp_path, row(UNDER_LIMIT, ({"doses": 1}, True), ({"doses": 2}, False)), row([1], ({}, [1])))
    assert run("test", file) == (0, ["3 passed, 0 failed"], "")


@pytest.mark.parametrize(
    ("logic", "payload", "expected", "told"),
    [
        (UNDER_LIMIT, {"doses": 3}, True, "expected true, got false"),
        (UNDER_LIMIT, {}, True, "expected true, got no result (Logic.<[0].var: is not an integer)"),
        ({"<": [1]}, {}, False, "expected false, got an invalid rule (Logic.<: takes 2 to 3 operands, not 1)"),
        (None, {}, False, "expected false, got an invalid rule"),
        ({"var": "payload.doses"}, {"doses": 1}, True, "expected true, got 1"),
        ({"var": "payload.doses"}, {"doses": True}, 1, "expected 1, got true"),
        ({"var": "payload.doses"}, {"doses": None}, False, "expected false, got null"),
        ({"var": "payload.doses"}, {"doses": "x" * 100}, False, '..., got "' + "x" * 59 + "..."),
        ({"var": "payload.doses"}, {"doses": [[1]]}, [[True]], "expected an array of 1, got an array of 1"),
        ({"var": "payload.doses"}, {"doses": {"a": 1}}, {"a": 2}, "expected an object of 1, got an object of 1"),
        ({"var": "payload.doses"}, {"doses": {"a": 1}}, {"b": 1}, "expected an object of 1, got an object of 1"),
        ({"plusTime": ["2021-01-01", 0, "day"]}, {}, "2021-01-01", 'expected "2021-01-01", got a date-time'),
    ],
)
def test_a_failure_is_named(tmp_path: Path, logic: Any, payload: Any, expected: Any, told: str) -> None:
    file = file_of(tmp_path, row(True, ({}, True)), row(logic, (payload, expected)))
    status, lines, _ = run("test", file)
    assert (status, lines[-1]) == (1, "1 passed, 1 failed")
    [failure] = lines[:-1]
    assert failure.startswith("FAILED XX/GR-XX-0001: GR-XX-0001: tests[0]: ")
    assert told.removeprefix("...") in failure


def test_a_failure_is_named_by_its_title_too(tmp_path: Path) -> None:
    titled = row(True, ({}, True), ({}, False))
    titled["tests"][1]["name"] = "never true"
    assert "tests[1] (never true): expected false, got true" in run("test", file_of(tmp_path, titled))[1][0]


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{",
        b"\xff",
        b'{"set": "s", "tests": []}',
        b'{"rule": {}, "tests": {}}',
        b'{"rule": [], "tests": []}',
        b'{"rule": {"Logic": true}, "tests": [7]}',
        b'{"rule": {"Logic": true}, "tests": [{"payload": {}, "expected": true}]}',
        b'{"rule": {"Logic": true}, "rule": {"Logic": false}, "tests": []}',
    ],
)
def test_a_line_that_cannot_be_read_ends_with_two(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "rules.jsonl"
    file.write_bytes(json.dumps(row(True, ({}, True))).encode() + b"\n\n" + line + b"\n")
    status, lines, stderr = run("test", file)
    assert (status, lines) == (2, [])
    assert f"{file}:3: " in stderr


def test_a_rule_too_deep_is_a_failure_or_refused_and_never_a_crash(tmp_path: Path) -> None:
    def nested(levels: int) -> Any:
        logic: Any = True
        for _ in range(levels):
            logic = {"!": [logic]}
        return logic

    assert run("test", file_of(tmp_path, row(nested(100), ({}, True))))[0] == 1
    (tmp_path / "rules.jsonl").write_text('{"rule": {"Logic": ' + '{"!":[' * 200_000 + "1" + "]}" * 200_000 + "}}")
    assert run("test", tmp_path / "rules.jsonl")[0] == 2


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_is_not_there_ends_with_two(tmp_path: Path, name: str) -> None:
    status, lines, stderr = run("test", tmp_path / name)
    assert (status, lines) == (2, [])
    assert stderr


def folder_of(folder: Path, *rules: dict[str, Any]) -> Path:
    (folder / "entry").mkdir()
    for place, one in enumerate(rules):
        (folder / "entry" / f"{place}.json").write_text(json.dumps(one, indent=2))
    return folder


def test_check_tells_what_is_in_force(tmp_path: Path) -> None:
    ahead = rule(Version="1.1.0", ValidFrom="2023-01-01T00:00:00Z")
    ended = rule("GR-CN-0002", ValidTo="2021-06-01T00:00:00Z")
    folder = folder_of(tmp_path, rule(), ahead, ended)
    status, lines, stderr = run("check", "--at", "2022-01-01T00:00:00Z", folder)
    assert (status, stderr) == (0, "")
    assert lines[0] == "entry: 1 rules in force of 3 versions"
    assert [line.rsplit("  ", 1)[1] for line in lines[1:]] == ["in force", "dated ahead", "ended"]
    assert run("check", "--at", "2023-01-01T00:00:00Z", folder)[1][1].endswith("replaced")


@pytest.mark.parametrize(
    "unsound",
    [rule(logic={"!": [{"var": "payload.dob"}]}), rule(ValidTo="2021-06-01T00:00:00Z")],
    ids=["blind", "ended"],
)
def test_check_tells_what_never_decides(tmp_path: Path, unsound: dict[str, Any]) -> None:
    status, _, stderr = run("check", "--at", "2022-01-01T00:00:00Z", folder_of(tmp_path, unsound))
    assert status == 1
    assert stderr.startswith("entry: ")


@pytest.mark.parametrize("broken", ["rule", "folder", "clock"])
def test_check_ends_with_two_for_what_is_broken(tmp_path: Path, broken: str) -> None:
    folder = folder_of(tmp_path, rule(Engine="CQL") if broken == "rule" else rule())
    arguments: list[str | Path] = [folder / "missing" if broken == "folder" else folder]
    status, lines, stderr = run("check", *(["--at", "soon"] if broken == "clock" else []), *arguments)
    assert (status, lines) == (2, [])
    assert ("0.json:7: Engine: " in stderr) == (broken == "rule")
