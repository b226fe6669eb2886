"""The gateway called by @grpc/grpc-js, which nobody here wrote, with the schemas as they are."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import google.rpc  # type: ignore[import-untyped]
import grpc_tools  # type: ignore[import-untyped]
import pytest

from tests.integration.grpc_edge import served
from tests.integration.node_programs import ROOT, installed_packages, program
from tests.unit.rpc.fakes import AT, CANARY

HERE = Path(__file__).with_name("node")
SCHEMAS = (
    ROOT / "protos",
    Path(google.rpc.__path__[0]).parents[1],
    Path(grpc_tools.__path__[0]) / "_proto",
)


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """Return the installed npm packages."""
    return installed_packages()


async def ask(port: int, modules: Path) -> dict[str, Any]:
    """Run the client; return what it was told."""
    process = await asyncio.create_subprocess_exec(
        program("node"),
        str(HERE / "client.js"),
        f"127.0.0.1:{port}",
        *map(str, SCHEMAS),
        env={**os.environ, "NODE_PATH": str(modules)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert not any(word in out.decode() for word in CANARY.split())
    said: dict[str, Any] = json.loads(out)
    return said


def info(error: dict[str, Any], *others: str) -> str:
    """Return an error's reason, checked: one ErrorInfo, and of the other details just these."""
    assert error["status"]["message"] == error["text"]
    assert set(error["details"]) == {"ErrorInfo", *others}
    assert error["details"]["ErrorInfo"]["domain"] == "interop.healthcode"
    reason: str = error["details"]["ErrorInfo"]["reason"]
    return f"{error['code']} {reason}"


def fields(error: dict[str, Any]) -> list[str]:
    return [violation["field"] for violation in error["details"]["BadRequest"]["fieldViolations"]]


async def test_a_client_of_another_make_gets_the_same_answers_and_the_same_typed_errors(node_modules: Path) -> None:
    async with served() as edge:
        said = await ask(edge.port, node_modules)

    verdict = said["unary"]["verdict"]
    assert verdict["core"]["measure"] == "MEASURE_PASS"
    assert verdict["core"]["reasons"] == ["REASON_STATE_GREEN", "REASON_NOT_PUBLISHED"]
    assert verdict["core"]["request_id"] == "r-1"
    assert verdict["core"]["decided_time"] == {"seconds": str(int(AT)), "nanos": 250_000_000}
    assert verdict["disclosure"] == "staff"
    assert verdict["staff"]["issuer"] == "guizhou"
    assert verdict["staff"]["format"] == "CODE_FORMAT_NATIVE"
    assert verdict["staff"]["status_age"] == {"seconds": "90", "nanos": 500_000_000}
    assert verdict["receipt"] == "PASS|dev_loopback|dev-loopback|TRANSPORT_ARRIVAL|r-1"

    gate = said["gate"]["verdict"]
    assert (gate["disclosure"], gate["gate"]) == ("gate", {})
    assert "staff" not in gate

    assert [verdict["core"]["request_id"] for verdict in said["batch"]["verdicts"]] == ["1", "2", "3", "4"]
    assert [verdict["core"]["reasons"][0] for verdict in said["batch"]["verdicts"]] == [
        "REASON_STATE_GREEN",
        "REASON_EMPTY_CODE",
        "REASON_TOO_LARGE",
        "REASON_UNRECOGNISED",
    ]

    assert "error" not in said["stream"]
    assert [answer["verdict"]["staff"]["issuer"] for answer in said["stream"]["answers"]] == ["1", "2"]

    assert info(said["no_purpose"]["error"], "BadRequest") == "INVALID_ARGUMENT INVALID_REQUEST"
    assert fields(said["no_purpose"]["error"]) == ["context.purpose"]
    assert fields(said["bad_item"]["error"]) == ["items[1].request_id"]
    assert fields(said["no_context"]["error"]) == ["context"]
    assert fields(said["late_error"]["error"]) == ["item"]
    assert len(said["late_error"]["answers"]) == 1
    assert info(said["bug"]["error"]) == "INTERNAL INTERNAL"
    assert info(said["not_ready"]["error"], "RetryInfo") == "UNAVAILABLE NOT_READY"
    assert said["not_ready"]["error"]["details"]["RetryInfo"]["retryDelay"]["seconds"] == "1"
    assert info(said["too_large"]["error"]) == "RESOURCE_EXHAUSTED TOO_LARGE"


def test_the_lock_names_hashes_and_no_address() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert {"node_modules/@grpc/grpc-js", "node_modules/@grpc/proto-loader"} <= set(packages)
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())
