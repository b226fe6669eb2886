"""`hcgw ask` against a real gateway on loopback, as a second terminal would."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner, Result

from gateway.app import App
from gateway.cli.main import app as command
from gateway.config import LogLevel, load
from gateway.demo.home import DemoHome
from gateway.demo.public import PublicCodes
from gateway.demo.run import prepare
from gateway.demo.samples import Sample
from gateway.receipts.commitment import code_digest
from gateway.watch.logs import EventLog
from keys.strict import base64url_decode


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[tuple[App, Sample]]:
    home = DemoHome(tmp_path / "demo")
    samples, config = prepare(home, PublicCodes((), ()), grpc="127.0.0.1:0", http="127.0.0.1:0")
    app = App(load(config), log=EventLog(level=LogLevel.WARNING, stream=io.StringIO()))
    await app.start()
    yield app, samples[0]
    await app.drain()


async def ask(app: App, *arguments: str, stdin: bytes = b"") -> Result:
    call = ["ask", "--to", f"127.0.0.1:{app.grpc_port}", *arguments]
    return await asyncio.to_thread(CliRunner().invoke, command, call, stdin)


async def test_a_green_code_passes_here_and_nowhere_else(gateway: tuple[App, Sample]) -> None:
    app, green = gateway
    here = await ask(app, "--division", "330000", green.code.decode())
    assert (here.exit_code, here.output.splitlines()[0]) == (0, "PASS")
    nowhere = await ask(app, "-", stdin=green.code + b"\n")
    assert (nowhere.exit_code, nowhere.output.splitlines()[0]) == (1, "MANUAL")


async def test_staff_see_the_issuer_and_a_receipt_can_be_had(gateway: tuple[App, Sample]) -> None:
    app, green = gateway
    said = await ask(app, "--division", "330000", "--staff", "--receipt", green.code.decode())
    assert "https://guizhou.code.example" in said.output
    claims = jwt.decode(said.output.splitlines()[-1], options={"verify_signature": False})
    assert (claims["measure"], claims["state"]) == ("PASS", "GREEN")
    salt = base64url_decode(said.output.splitlines()[-2].split()[1].rstrip(",").encode())
    digest = base64url_decode(claims["code_digest"].encode())
    assert digest == code_digest(green.code, salt)


async def test_a_province_sees_a_handle_and_a_clinic_what_became_of_her_item(gateway: tuple[App, Sample]) -> None:
    app, green = gateway
    said = await ask(app, "--division", "330000", "--province", green.code.decode())
    lines = said.output.splitlines()
    assert (said.exit_code, lines[0]) == (0, "PASS")
    assert "https://guizhou.code.example" in lines[2]
    assert re.fullmatch(r"  handle [A-Za-z0-9_-]{22}, rules \S+", lines[3])
    clinic = ("--clinic", "latest_test", "--basis", "separate_consent", "--purpose", "medical_care")
    said = await ask(app, "--division", "330000", *clinic, green.code.decode())
    assert said.output.splitlines()[2:] == [
        "  item: CLINICAL_ITEM_LATEST_TEST",
        "  state: CLINICAL_ITEM_STATE_NOT_IN_CODE",
    ]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--division", "33", "code"], 3),
        (["--purpose", "curiosity", "code"], 2),
        (["--staff", "--province", "code"], 2),
        (["--clinic", "latest_test", "code"], 2),
        (["--basis", "separate_consent", "code"], 2),
        (["--clinic", "name", "--basis", "separate_consent", "code"], 2),
        (["--clinic", "recovery", "--basis", "statutory_duty", "code"], 3),
    ],
)
async def test_a_refused_question_tells_why(gateway: tuple[App, Sample], arguments: list[str], status: int) -> None:
    done = await ask(gateway[0], *arguments)
    assert done.exit_code == status
    assert "Traceback" not in done.output


@pytest.mark.parametrize(("to", "status"), [("192.0.2.1:8443", 3), ("somewhere", 3), ("127.0.0.1:1", 3)])
def test_it_speaks_to_loopback_only(to: str, status: int) -> None:
    done = CliRunner().invoke(command, ["ask", "--to", to, "code"])
    assert done.exit_code == status
    assert done.output.startswith("hcgw ask:")
