"""hcgw lists: what is signed here is read there; a fault is told with its line; nothing is signed twice over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.lists import app
from gateway.values import Algorithm
from keys.signer import generate_dev_key
from keys.trust_document import ListedIssuer, ListedKey, TrustDocument, write_document
from keys.values import Environment
from tests.unit.places.lists import AT, ISSUER, journeys

NOW = "2020-02-17T08:40:00+08:00"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with a publisher's key, and a trust list that knows it."""
    signer = generate_dev_key(tmp_path / "issuer.key.pem")
    listed = ListedIssuer(
        ISSUER,
        "Sample",
        frozenset({"native"}),
        (ListedKey(Algorithm.ED25519.value, signer.key_id, jwk=signer.public_jwk),),
        "330000",
    )
    (tmp_path / "trust.json").write_bytes(write_document(TrustDocument(1, Environment.TEST, AT, (listed,))))
    return tmp_path


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    return result.exit_code, result.stdout, result.stderr


def sign(home: Path, document: str) -> Path:
    written = home / "list.json"
    written.write_text(document)
    code, out, _ = run("sign", "--signer", f"file:{home / 'issuer.key.pem'}", written)
    assert code == 0
    signed = home / "list.jws"
    signed.write_text(out)
    return signed


@pytest.mark.parametrize(("at", "status"), [(NOW, 0), ("2020-02-19T00:00:00Z", 1)])
def test_what_is_signed_here_is_read_there(home: Path, at: str, status: int) -> None:
    signed = sign(home, json.dumps(journeys(), indent=1))
    code, out, err = run("check", "--trust", home / "trust.json", "--at", at, signed)
    assert code == status
    assert "journeys" in out
    assert bool(err) is (status == 1)


def test_a_fault_is_told_with_its_line(home: Path) -> None:
    signed = sign(home, json.dumps(journeys(seq=0), indent=1))
    code, out, err = run("check", "--trust", home / "trust.json", "--at", NOW, signed)
    assert (code, out) == (2, "")
    assert "line 4" in err
    assert "seq" in err


def test_files_that_are_not_there_are_named(home: Path) -> None:
    for args in (
        ("check", "--trust", home / "none.json", home / "list.jws"),
        ("check", "--trust", home / "trust.json", home / "none.jws"),
        ("check", "--trust", home / "trust.json", "--at", "noon", home / "list.jws"),
        ("sign", "--signer", "file:none.pem", home / "trust.json"),
        ("sign", "--signer", f"file:{home / 'issuer.key.pem'}", home / "none.json"),
    ):
        code, out, err = run(*args)
        assert (code, out) == (2, "")
        assert err
