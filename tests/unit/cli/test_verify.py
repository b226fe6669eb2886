"""`hcgw verify` for one code: the verdict in words or JSON, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.demo.home import DemoHome
from gateway.demo.provinces import make_issuers, trust_document
from gateway.demo.samples import Sample, own_samples
from gateway.instants import format_instant
from gateway.values import Instant, Measure
from tests.unit.codes import AT

WHEN = ["--at", format_instant(AT)]
HERE = ["--division", "330000"]


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = DemoHome(tmp_path_factory.mktemp("demo"))
    issuers = make_issuers(home)
    home.trust_list.write_bytes(trust_document(tuple(issuer.listed for issuer in issuers.all()), AT))
    return home.trust_list


@pytest.fixture(scope="module")
def samples(trust: Path) -> list[Sample]:
    return own_samples(make_issuers(DemoHome(trust.parent)), AT)


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, ["verify", *arguments], input=stdin)


def test_every_sample_gets_its_verdict_and_exit_status(trust: Path, samples: list[Sample]) -> None:
    native = [sample for sample in samples if "certificate" not in sample.title and "seal" not in sample.title]
    assert len(native) >= 13
    for sample in native:
        done = run("--trust", str(trust), *WHEN, *HERE, sample.code.decode())
        assert done.exit_code == (0 if sample.measure is Measure.PASS else 1), done.output
        assert done.output.splitlines()[0] == sample.measure.name
        assert sample.reason.name in done.output


def test_a_trust_list_that_has_expired_answers_nothing(trust: Path, samples: list[Sample], tmp_path: Path) -> None:
    code = samples[0].code.decode()
    ended = tmp_path / "ended.json"
    listed = json.loads(trust.read_text())
    ended.write_text(json.dumps(listed | {"issued": format_instant(Instant(AT - 9)), "expires": format_instant(AT)}))
    done = run("--trust", str(ended), *WHEN, *HERE, code)
    assert (done.exit_code, "PASS" in done.output) == (2, False)
    many = run("--jsonl", "-", "--trust", str(ended), *WHEN, *HERE, stdin=json.dumps({"id": 1, "code": code}).encode())
    assert json.loads(many.output)["id"] is None
    before = run("--trust", str(ended), "--at", format_instant(Instant(AT - 1)), *HERE, code)
    assert before.exit_code == 0, before.output


def test_two_lists_that_name_the_same_issuer_are_refused_as_such(trust: Path) -> None:
    done = run("--trust", str(trust), "--trust", str(trust), *WHEN, "code")
    assert done.exit_code == 2
    assert "two trust lists" in done.output


def test_json_is_the_form_of_jsonl_and_stdin_may_end_in_a_line_feed(trust: Path, samples: list[Sample]) -> None:
    done = run("--trust", str(trust), *WHEN, *HERE, "--json", "-", stdin=samples[0].code + b"\r\n")
    said = json.loads(done.output)
    assert (said["measure"], said["format"], said["steps"]["policy"]) == ("PASS", "native", "ok")
    assert done.exit_code == 0


def test_many_codes_are_answered_line_by_line(trust: Path, samples: list[Sample], tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(
        "".join(json.dumps({"id": n, "code": s.code.decode()}) + "\n" for n, s in enumerate(samples[:6]))
    )
    for source, stdin in ((str(questions), b""), ("-", questions.read_bytes())):
        done = run("--jsonl", source, "--trust", str(trust), *WHEN, *HERE, stdin=stdin)
        answers = [json.loads(line) for line in done.output.splitlines()]
        assert [answer["measure"] for answer in answers] == [sample.measure.name for sample in samples[:6]]
        assert done.exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["code", "--jsonl", "-"],
        ["code", "--division", "33"],
        ["code", "--at", "yesterday"],
        ["code", "--at", "1999-01-01T00:00:00Z"],
        ["code", "--trust", "missing.json"],
        ["code", "--policies", "missing"],
        ["--jsonl", "missing.jsonl"],
        ["code", "--colour", "green"],
    ],
)
def test_a_wrong_call_ends_in_two_and_says_why(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.output.strip()
    assert "Traceback" not in done.output


@pytest.mark.parametrize("content", [b"{", b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\x30\x82", b""])
def test_a_file_that_says_nobody_to_trust_is_a_wrong_call(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "trust"
    file.write_bytes(content)
    done = run("code", "--trust", str(file))
    assert done.exit_code == 2
    assert str(file) in done.output.replace("\n", "")


def test_nobody_is_trusted_unless_named(samples: list[Sample]) -> None:
    done = run(*WHEN, *HERE, "--json", samples[0].code.decode())
    said = json.loads(done.output)
    assert (said["measure"], said["reasons"], said["issuer"]) == ("MANUAL", ["UNKNOWN_ISSUER"], None)
    assert done.exit_code == 1


def test_the_help_has_an_example() -> None:
    done = run("--help")
    assert "For example:" in done.output
    assert "hcgw verify" in done.output
