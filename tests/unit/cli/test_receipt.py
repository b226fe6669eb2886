"""`hcgw receipt verify`: its words, its exit statuses, and where it takes keys from."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.receipt import SENTENCES
from gateway.disclosure import disclose
from gateway.instants import format_instant
from gateway.receipts.checking import ReceiptFault
from gateway.receipts.receipt import Answer, ReceiptIssuer, joined
from gateway.values import Instant, Profile, Purpose
from keys import sm2
from keys.signer import generate_dev_key, public_jwks
from keys.values import Algorithm
from tests.unit.codes import AT
from tests.unit.receipts.test_checking import CALLER, CODE, DECISION, GATEWAY

NOW = ["--at", format_instant(AT)]
LATER = ["--at", format_instant(Instant(AT + 91 * 86_400))]


@dataclass(frozen=True)
class Site:
    """A gateway's receipts, alone and under a root, and where its keys are."""

    jwks: Path
    alone: str
    together: str
    salt: str
    """Of the one that was signed alone."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("receipts")
    signer = generate_dev_key(folder / "key.pem")
    issuer = ReceiptIssuer(GATEWAY, signer)
    said = disclose(DECISION, Profile.STAFF)
    alone = issuer.issue(Answer(said, CALLER, Purpose.VENUE_ENTRY, "", CODE))
    drafts = [issuer.draft(Answer(said, CALLER, Purpose.VENUE_ENTRY, "", CODE)) for _ in range(5)]
    signed = issuer.sign_together([draft.payload for draft in drafts], caller=CALLER, at=AT)
    jwks = folder / "jwks.json"
    jwks.write_bytes(public_jwks([signer]))
    salt = urlsafe_b64encode(alone.salt).rstrip(b"=").decode()
    return Site(jwks, alone.text, joined(signed.root, drafts[3].payload, 3, signed.paths[3]), salt)


def verify(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["receipt", "verify", *arguments], input=stdin)


def check(site: Site, text: str, *arguments: str, stdin: str = "") -> Result:
    return verify("--jwks", str(site.jwks), *NOW, *arguments, text, stdin=stdin)


def test_a_receipt_is_valid_and_says_what_was_signed(site: Site) -> None:
    done = check(site, site.alone)
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "VALID")
    assert '"GREEN"' in done.output
    assert f'"{format_instant(AT)}"' in done.output
    assert "others" not in done.output
    piped = check(site, "-", "--caller", "station-7", "--issuer", GATEWAY, stdin=site.together + "\n")
    assert piped.exit_code == 0
    assert "4 others" in piped.output


def test_it_is_about_the_code_that_was_scanned(site: Site) -> None:
    done = check(site, site.alone, "--code", CODE.decode(), "--salt", site.salt)
    assert (done.exit_code, "is the one" in done.output) == (0, True)
    piped = check(site, site.alone, "--code", "-", "--salt", site.salt, "--json", stdin=CODE.decode() + "\n")
    assert json.loads(piped.output)["code_matches"] is True


def test_the_same_as_json(site: Site) -> None:
    said = json.loads(check(site, site.together, "--json").output)
    assert (said["valid"], said["signed_with"], said["code_matches"]) == (True, 5, None)
    assert said["claims"]["measure"] == "PASS"
    refused = check(site, "x", "--json")
    assert (refused.exit_code, json.loads(refused.output)) == (1, {"valid": False, "fault": "malformed"})


@pytest.mark.parametrize(
    ("arguments", "status", "fault"),
    [
        (["--caller", "station-8"], 1, ReceiptFault.WRONG_CALLER),
        (["--issuer", "https://other.example"], 1, ReceiptFault.WRONG_ISSUER),
        (["--code", "another", "--salt", "A" * 43], 1, ReceiptFault.WRONG_CODE),
        (["--at", format_instant(Instant(AT - 3600))], 1, ReceiptFault.NOT_YET_VALID),
        (LATER, 4, ReceiptFault.EXPIRED),
    ],
)
def test_each_fault_has_its_word_and_status(site: Site, arguments: list[str], status: int, fault: ReceiptFault) -> None:
    for text in (site.alone, site.together):
        done = check(site, text, *arguments)
        assert (done.exit_code, done.output.splitlines()[0]) == (status, fault.name)


def test_forged_altered_and_foreign_receipts(site: Site, tmp_path: Path) -> None:
    for text, fault, status in (
        (site.alone[:-2] + ("AA" if site.alone[-2:] != "AA" else "BA"), ReceiptFault.BAD_SIGNATURE, 1),
        (site.together.replace("~3~", "~2~"), ReceiptFault.BAD_PROOF, 1),
        ("eyJ", ReceiptFault.MALFORMED, 1),
    ):
        done = check(site, text)
        assert (done.exit_code, done.output.splitlines()[0]) == (status, fault.name)
    foreign = tmp_path / "jwks.json"
    foreign.write_bytes(public_jwks([generate_dev_key(tmp_path / "key.pem")]))
    done = verify("--jwks", str(foreign), *NOW, site.alone)
    assert (done.exit_code, done.output.splitlines()[0]) == (3, "UNKNOWN_KEY")


def test_sm2_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer, jwks = generate_dev_key(tmp_path / "sm2.pem", Algorithm.SM2), tmp_path / "jwks.json"
    said = disclose(DECISION, Profile.GATE)
    text = ReceiptIssuer(GATEWAY, signer).issue(Answer(said, CALLER, Purpose.VENUE_ENTRY)).text
    jwks.write_bytes(public_jwks([signer]))
    assert verify("--jwks", str(jwks), *NOW, text).exit_code == 0
    monkeypatch.setattr(sm2, "unavailable_reason", lambda: "libcrypto is on holiday")
    done = verify("--jwks", str(jwks), *NOW, text)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (3, "UNKNOWN_KEY")
    assert "holiday" in done.stderr


def test_every_fault_has_a_sentence() -> None:
    assert set(SENTENCES) == set(ReceiptFault)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--code", "x"],
        ["--salt", "AAAA"],
        ["--code", "x", "--salt", "a b"],
        ["--code", "-", "--salt", "AAAA"],
        ["--at", "yesterday"],
        ["--jwks", "https://gateway.example/.well-known/jwks.json"],
        ["--jwks", "http://192.0.2.1/jwks.json"],
        ["--jwks", "http://127.0.0.1:99999/"],
    ],
)
def test_called_wrongly(arguments: list[str]) -> None:
    done = verify(*arguments, "-")
    assert (done.exit_code, "hcgw receipt verify: " in done.output) == (2, True)


@pytest.mark.parametrize("content", [None, b"", b"no json", b"[]", b'{"keys": 7}'])
def test_without_keys_nothing_is_known(site: Site, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "jwks.json"
    if content is not None:
        file.write_bytes(content)
    done = verify("--jwks", str(file), *NOW, site.alone)
    assert (done.exit_code, "key set" in done.output) == (3, True)


@pytest.fixture
def served(site: Site) -> Iterator[int]:
    """The key set on a port of this machine; any other path is 404."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/.well-known/jwks.json"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(site.jwks.read_bytes() if found else b"")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_keys_come_from_the_gateway_on_this_machine(site: Site, served: int) -> None:
    address = f"http://127.0.0.1:{served}"
    assert verify("--jwks", f"{address}/.well-known/jwks.json", *NOW, site.alone).exit_code == 0
    gone = verify("--jwks", f"{address}/other", *NOW, site.alone)
    assert (gone.exit_code, "404" in gone.output) == (3, True)
    assert verify("--jwks", "http://127.0.0.1:1/", *NOW, site.alone).exit_code == 3
