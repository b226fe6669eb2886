"""hcgw dev-key: what it makes opens, is its owner's alone, and can be put on a trust list; nothing is written over."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from keys import sm2
from keys.signer import SIGNING, open_signer
from keys.sm2_settings import OWN_SETTINGS
from keys.trust_list import parse_trust_list
from keys.trust_reader import read_document
from keys.values import Algorithm


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("algorithm", SIGNING)
def test_what_it_makes_opens_and_can_be_trusted(tmp_path: Path, algorithm: Algorithm) -> None:
    file = tmp_path / "key.pem"
    done = run("dev-key", "--algorithm", algorithm.value, file)
    assert done.exit_code == 0, done.output
    option, jwk = done.stdout.splitlines()
    signer = open_signer(tomllib.loads(option)["signer"])
    assert (signer.algorithm, json.loads(jwk)) == (algorithm, dict(signer.public_jwk))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [json.loads(jwk)]}))
    trust = tmp_path / "trust.json"
    took = run(
        *("trust", "import", "jwks", tmp_path / "jwks.json", "--issuer", "https://gw.example", "--format", "native"),
        *("--environment", "test", "-o", trust),
    )
    assert took.exit_code == 0, took.output
    (issuer,) = parse_trust_list(trust.read_bytes()).issuers
    assert issuer.keys[0].verifier.verify(signer.sign(b"said"), b"said")
    (listed,) = read_document(trust.read_bytes()).issuers[0].keys
    assert listed.sm2 == (OWN_SETTINGS if algorithm is Algorithm.SM2 else None)


def test_without_a_choice_it_is_ed25519(tmp_path: Path) -> None:
    assert run("dev-key", tmp_path / "key.pem").exit_code == 0
    assert open_signer(f"file:{tmp_path / 'key.pem'}").algorithm is Algorithm.ED25519


def test_nothing_is_written_over_and_nothing_is_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key.pem"
    file.write_text("mine")
    done = run("dev-key", file)
    assert (done.exit_code, done.stdout, file.read_text()) == (1, "", "mine")
    assert run("dev-key", "--algorithm", "RS256", tmp_path / "other.pem").exit_code == 2
    monkeypatch.setattr(sm2, "unavailable_reason", lambda: "libcrypto is on holiday")
    done = run("dev-key", "--algorithm", "SM2", tmp_path / "other.pem")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "holiday" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["key.pem"]
