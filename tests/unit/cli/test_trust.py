"""`hcgw trust`: what it writes, what it tells, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.trust import app
from keys.jwk import thumbprint
from keys.trust_list import parse_trust_list
from tests.unit.keys.making import certificate, ec_jwk, ed25519_jwk, rsa_key


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    folder = tmp_path / "dsc"
    folder.mkdir()
    (folder / "fi.der").write_bytes(certificate(country="FI"))
    (folder / "se.der").write_bytes(certificate(rsa_key(), country="SE"))
    return folder


def test_certificates_become_a_list_that_shows_and_checks(tmp_path: Path, certificates: Path) -> None:
    out = tmp_path / "trust.json"
    status, stdout, _ = run("import", "x509", certificates, "-o", out, "--format", "hcert", "--environment", "test")
    assert (status, stdout.split(":")[1].split(";")[0].strip()) == (0, "2 issuers, 2 keys")
    trusted = parse_trust_list(out.read_bytes())
    assert {(one.issuer, one.division, one.keys[0].algorithm.value) for one in trusted.issuers} == {
        ("FI", "FI", "ES256"),
        ("SE", "SE", "PS256"),
    }
    assert run("check", out)[0] == 0
    status, stdout, _ = run("show", out)
    assert (status, "FI" in stdout, "SE" in stdout) == (0, True, True)
    status, stdout, _ = run("show", out, "--json")
    shown = json.loads(stdout)
    assert (status, shown["issuer_count"], shown["key_count"], shown["refused"]) == (0, 2, 2, [])
    assert [one["keys"][0]["expired"] for one in shown["issuers"]] == [True, True]


def test_a_refused_key_is_told_and_ends_with_one(tmp_path: Path, certificates: Path) -> None:
    (certificates / "bad.der").write_bytes(b"bad")
    out = tmp_path / "trust.json"
    status, stdout, _ = run(
        "import", "x509", certificates, "-o", out, "--format", "hcert", "--environment", "test", "--json"
    )
    told = json.loads(stdout)
    assert (status, told["key_count"], [one["reason"] for one in told["refused"]]) == (1, 2, ["malformed"])


def test_a_key_set_is_added_to_a_list(tmp_path: Path, certificates: Path) -> None:
    out, jwks = tmp_path / "trust.json", tmp_path / "jwks.json"
    run("import", "x509", certificates, "-o", out, "--format", "hcert", "--environment", "test")
    jwk = ec_jwk(alg="ES256", use="sig")
    jwks.write_text(json.dumps({"keys": [jwk | {"kid": thumbprint(jwk)}]}))
    status, _, _ = run(
        "import",
        "jwks",
        jwks,
        "--issuer",
        "https://a.example",
        "--format",
        "shc",
        "--name",
        "A",
        "--into",
        out,
        "-o",
        out,
    )
    trusted = parse_trust_list(out.read_bytes())
    assert (status, trusted.sequence, len(trusted.issuers)) == (0, 2, 3)
    assert (trusted.issuers[2].name, sorted(trusted.issuers[2].formats)) == ("A", ["shc"])


def test_a_list_that_gave_no_key_is_not_written(tmp_path: Path) -> None:
    out, jwks = tmp_path / "trust.json", tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [ec_jwk(kid="not the thumbprint"), ed25519_jwk()]}))
    status, _, stderr = run(
        "import", "jwks", jwks, "--issuer", "A", "--format", "shc", "--environment", "test", "-o", out
    )
    assert status == 2
    assert "wrong_key_id" in stderr
    assert "unsupported_key_type" in stderr
    assert not out.exists()


def test_a_directory_is_imported(tmp_path: Path) -> None:
    jwk = ec_jwk()
    snapshot = {
        "issuerInfo": [
            {
                "issuer": {"iss": "https://a.example", "name": "A"},
                "keys": [jwk | {"kid": thumbprint(jwk)}],
                "crls": [{"kid": thumbprint(jwk), "method": "rid", "ctr": "3", "rids": ["abc"]}],
            }
        ]
    }
    source, out = tmp_path / "vci.json", tmp_path / "trust.json"
    source.write_text(json.dumps(snapshot))
    assert run("import", "vci", source, "-o", out, "--environment", "production")[0] == 0
    trusted = parse_trust_list(out.read_bytes())
    assert trusted.environment.value == "production"
    assert [one.counter for one in trusted.issuers[0].revocations] == [3]


def test_what_has_expired_is_told(tmp_path: Path, certificates: Path) -> None:
    out = tmp_path / "trust.json"
    run("import", "x509", certificates, "-o", out, "--format", "hcert", "--environment", "test")
    written = json.loads(out.read_bytes())
    out.write_text(json.dumps(written | {"issued": "2020-01-01T00:00:00Z", "expires": "2020-01-02T00:00:00Z"}))
    status, _, stderr = run("check", out)
    assert (status, "expired" in stderr) == (1, True)
    assert "(expired)" in run("show", out)[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "missing.json"),
        ("show", "bad.json"),
        ("check", "bad.json", "--json"),
        ("import", "vci", "bad.json", "-o", "out.json", "--environment", "test"),
        ("import", "jwks", "bad.json", "-o", "out.json", "--environment", "test", "--format", "shc", "--issuer", "A"),
        ("import", "x509", "bad.json", "-o", "out.json", "--environment", "test", "--format", "hcert"),
        ("import", "x509", "dsc", "-o", "out.json", "--format", "hcert"),
        ("import", "x509", "dsc", "-o", "out.json", "--format", "hcert", "--into", "bad.json"),
        ("import", "x509", "dsc", "-o", "out.json", "--format", "hcert", "--environment", "test", "--expires", "soon"),
        ("import", "x509", "dsc", "-o", "out.json", "--format", "hcert", "--environment", "test", "--name", "A"),
        ("import", "x509", "dsc", "-o", "out.json", "--format", "hcert", "--environment", "test", "--sm2-id", "1"),
        ("import", "x509", "dsc", "-o", "no/such/out.json", "--format", "hcert", "--environment", "test"),
        ("import", "x509", "dsc", "-o", "out.json", "--format", "paper", "--environment", "test"),
        ("import", "x509", "dsc", "-o", "out.json", "--environment", "test"),
    ],
    ids=" ".join,
)
def test_a_mistake_writes_nothing_and_ends_with_two(
    tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    assert certificates.is_dir()
    (tmp_path / "bad.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    status, stdout, stderr = run(*arguments)
    assert (status, stdout) == (2, "")
    assert stderr
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("command", [("import", "x509"), ("import", "jwks"), ("import", "vci"), ("show",), ("check",)])
def test_each_command_tells_an_example(command: tuple[str, ...]) -> None:
    status, stdout, _ = run(*command, "--help")
    assert status == 0
    assert f"hcgw trust {' '.join(command)} " in stdout
