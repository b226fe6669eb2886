"""`hcgw provinces`: what it tells, how it ends, and that nothing personal comes out of a probe."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.provinces import app
from tests.simulators.provinces.faults import Fault, FaultKind
from tests.simulators.provinces.world import ProvinceWorld
from tests.unit.provinces.profile_texts import FULL, NATIONAL, write

SHIPPED = Path(__file__).parents[3] / "deploy" / "provinces"


def run(*arguments: str | Path, code: bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=code)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, FULL)
    write(tmp_path, NATIONAL, "national")
    return tmp_path


# check


def test_sound_profiles_check(folder: Path) -> None:
    status, stdout, stderr = run("check", folder)
    assert (status, stderr) == (0, "")
    assert "2 profiles" in stdout


def test_each_fault_is_told_with_its_place(folder: Path) -> None:
    write(folder, FULL.replace("attempts = 2", "attempts = 9").replace('kind = "text"', 'kind = "x"'))
    write(folder, NATIONAL.replace("attempts", "attempt"), "national")
    status, stdout, stderr = run("check", folder)
    assert (status, stdout) == (1, "")
    places = [line.split(": ")[:2] for line in stderr.splitlines()]
    assert places == [
        [f"{folder}/example.toml:31", "budget.attempts"],
        [f"{folder}/example.toml:84", "recognise[1].kind"],
        [f"{folder}/national.toml:27", "budget.attempts"],
        [f"{folder}/national.toml:31", "budget.attempt"],
    ]


def test_a_folder_without_profiles(tmp_path: Path) -> None:
    status, _, stderr = run("check", tmp_path / "nobody")
    assert status == 1
    assert str(tmp_path / "nobody") in stderr


def test_missing_files_count_only_where_readiness_is_asked_for(folder: Path) -> None:
    assert run("check", folder)[0] == 0
    status, _, stderr = run("check", "--ready", folder)
    assert status == 1
    assert [line.split(": ")[:2] for line in stderr.splitlines()] == [
        [f"{folder}/example.toml:10", "endpoint.ca_file"],
        [f"{folder}/example.toml:15", "credentials.secret_key"],
        [f"{folder}/national.toml:10", "endpoint.ca_file"],
        [f"{folder}/national.toml:15", "credentials.secret_key"],
    ]


def made_ready(folder: Path, mode: int = 0o600) -> None:
    text = FULL.replace('ca_file = "tls/ca.pem"\n', "")
    write(folder, text)
    (folder / "national.toml").unlink(missing_ok=True)
    secret = folder / "secrets" / "example.secret-key"
    secret.parent.mkdir()
    secret.write_text("c0ffee-canary\n")
    secret.chmod(mode)


def test_a_province_that_could_be_asked_is_ready(folder: Path) -> None:
    made_ready(folder)
    status, stdout, stderr = run("check", "--ready", folder)
    assert (status, stderr) == (0, "")
    assert "ready" in stdout


def test_a_secret_that_others_may_read_is_not_ready(folder: Path) -> None:
    made_ready(folder, 0o644)
    status, stdout, stderr = run("check", "--ready", folder)
    assert status == 1
    assert stderr.startswith(f"{folder}/example.toml:14: credentials.secret_key: ")
    assert "c0ffee" not in stdout + stderr


def test_authorities_that_are_none_are_not_ready(folder: Path) -> None:
    made_ready(folder)
    write(folder, FULL)
    (folder / "tls").mkdir()
    (folder / "tls" / "ca.pem").write_text("no certificate")
    (folder / "tls" / "ca.pem").chmod(0o644)
    status, _, stderr = run("check", "--ready", folder)
    assert status == 1
    assert stderr.startswith(f"{folder}/example.toml:10: endpoint.ca_file: ")


# list


def test_a_list_for_people(folder: Path) -> None:
    status, stdout, _ = run("list", folder)
    assert status == 0
    assert all(word in stdout for word in ("example", "520000", "tencent", "60 s", "1.5 s", "yes", "national", "no"))


def test_a_list_for_programs(folder: Path) -> None:
    status, stdout, _ = run("list", folder, "--json")
    example, national = json.loads(stdout)
    assert status == 0
    assert example == {
        "name": "example",
        "title": "Example province, 省",
        "division": "520000",
        "issuer": "https://code.example.invalid",
        "dialect": "tencent",
        "fresh_for_s": 60.0,
        "deadline_s": 1.5,
        "falls_back": True,
        "states": 4,
        "shapes": 2,
        "sources": 17,
        "assumed": 11,
    }
    assert (national["name"], national["falls_back"]) == ("national", False)


def test_a_broken_folder_is_not_listed(folder: Path) -> None:
    write(folder, "x", "third")
    status, stdout, stderr = run("list", folder, "--json")
    assert (status, stdout) == (1, "")
    assert "third.toml:1" in stderr


# schema


def test_the_shipped_schema_is_that_of_the_model() -> None:
    status, stdout, _ = run("schema")
    assert status == 0
    assert stdout == (SHIPPED / "profile.schema.json").read_text(encoding="utf-8")


def test_the_schema_tells_of_every_member_and_no_other() -> None:
    schema = json.loads(run("schema")[1])
    parts = {"": schema, **schema["$defs"]}
    assert all(part["additionalProperties"] is False for name, part in parts.items() if name != "NamedTexts")
    assert parts["NamedTexts"]["additionalProperties"]["type"] == "string"
    assert all("source" in part["required"] for part in parts.values())
    assert set(schema["properties"]) == {
        "name", "title", "division", "issuer", "dialect", "source", "endpoint", "credentials", "registered_as",
        "parameters", "budget", "dynamic_s", "states", "state", "reason", "displayed", "recognise",
    }  # fmt: skip
    assert "UNKNOWN" not in json.dumps(schema)


# probe


@asynccontextmanager
async def provinces(home: Path, *names: str) -> AsyncIterator[ProvinceWorld]:
    world = ProvinceWorld(home, names, people=20, budget={"deadline_s": 10.0})
    try:
        await world.start()
        yield world
    finally:
        await world.stop()


async def probe(*arguments: str | Path, code: bytes = b"") -> tuple[int, list[dict[str, object]], str]:
    """Run the command beside the simulated provinces, in a process of its own: grpc.aio knows one loop in each."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "provinces", "probe", *arguments, "--json",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    stdout, stderr = await process.communicate(code + b"\n")
    assert process.returncode is not None
    assert not code or code not in stdout + stderr
    return process.returncode, [json.loads(line) for line in stdout.splitlines()], stderr.decode()


async def test_probing_a_province_with_a_code(tmp_path: Path) -> None:
    async with provinces(tmp_path, "zhejiang", "guangdong", "national") as world:
        folder = world.directory
        code = world.code("zhejiang", 3).text
        wanted = world.truth("zhejiang", 3)
        asked = (folder, "--code-file", "-")

        status, (told,), stderr = await probe(*asked, code=code)
        assert (status, stderr, told["outcome"], told["name"]) == (0, "", "answered", "zhejiang")
        assert (told["state"], told["bound"], told["detail"]) == (wanted.name, True, None)

        status, (told,), _ = await probe(folder, "national", "--code-file", "-", code=code)
        assert (status, told["name"], told["state"]) == (0, "national", wanted.name)

        status, answers, _ = await probe(folder, "guangdong", "--code-file", "-", code=code)
        assert (status, answers) == (1, [])

        profile = folder / "zhejiang.toml"
        for kind, detail in (
            (FaultKind.SERVER_ERROR, "server_error"),
            (FaultKind.OTHER_PERSON, "wrong_code"),
            (FaultKind.HANG, "timeout"),
        ):
            if kind is FaultKind.HANG:
                profile.write_text(profile.read_text().replace("deadline_s = 10.0", "deadline_s = 0.1"))
            world.fault("zhejiang", Fault(kind))
            status, (told,), _ = await probe(*asked, code=code)
            assert (status, told["outcome"], told["detail"], told["said"]) == (1, "failed", detail, None)


async def test_a_signed_answer_is_believed_with_the_trust_list_only(tmp_path: Path) -> None:
    async with provinces(tmp_path, "fujian") as world:
        trust = tmp_path / "trust.json"
        listed = {"format_version": 1, "sequence": 1, "environment": "test", "issued": "2020-01-01T00:00:00Z"}
        trust.write_text(json.dumps({**listed, "issuers": world.answer_issuers()}))
        code = world.code("fujian", 4).text
        asked = (world.directory, "fujian", "--code-file", "-")
        status, (told,), _ = await probe(*asked, "--trust", trust, code=code)
        assert (status, told["outcome"], told["state"]) == (0, "answered", world.truth("fujian", 4).name)
        status, (told,), _ = await probe(*asked, code=code)
        assert (status, told["outcome"], told["detail"]) == (1, "failed", "bad_signature")


async def test_knocking_at_provinces(tmp_path: Path) -> None:
    async with provinces(tmp_path, "fujian", "guangdong", "national") as world:
        status, answers, _ = await probe(world.directory)
        assert status == 0
        assert [(one["name"], one["outcome"]) for one in answers] == [
            (name, "reachable") for name in ("fujian", "guangdong", "national")
        ]
    status, (told,), _ = await probe(world.directory, "national")
    assert (status, told["outcome"], told["detail"]) == (1, "failed", "unreachable")


def on_loopback(folder: Path, port: int, scheme: str) -> None:
    text = FULL.replace("https://api.example.invalid:8443/gate", f"{scheme}://127.0.0.1:{port}/gate")
    text = text.replace("_loopback = false", "_loopback = true").replace('ca_file = "tls/ca.pem"\n', "")
    write(folder, text.replace("deadline_s = 1.5", "deadline_s = 0.1"))


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_port_where_nobody_speaks_tls(tmp_path: Path, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        on_loopback(tmp_path, silent.getsockname()[1], scheme)
        status, stdout, _ = run("probe", tmp_path, "--json")
    told = json.loads(stdout)
    wanted = {"https": (1, "failed", "timeout"), "http": (0, "reachable", None)}
    assert (status, told["outcome"], told["detail"]) == wanted[scheme]


def test_a_province_without_its_credentials_is_not_asked(folder: Path) -> None:
    status, stdout, _ = run("probe", folder, "--code-file", "-", "--json", code=b"EX520100abcdefgh")
    told = json.loads(stdout)
    assert (status, told["name"], told["outcome"]) == (1, "example", "not_ready")
    status, stdout, _ = run("probe", folder, "example", "--json")
    assert (status, json.loads(stdout)["outcome"]) == (1, "not_ready")


@pytest.mark.parametrize("code", [b"", b"nobody's", b"\xff\xfe", b"1" * 100_000])
def test_a_code_that_is_nobodys_is_not_asked_about(folder: Path, code: bytes) -> None:
    status, stdout, stderr = run("probe", folder, "--code-file", "-", code=code)
    assert (status, stdout) == (1, "")
    assert "nobody's" not in stderr


def test_usage(folder: Path, tmp_path: Path) -> None:
    assert run("probe", folder, "nobody")[0] == 2
    assert run("probe", folder, "--code-file", tmp_path / "nobody")[0] == 2
    bad = tmp_path / "trust.json"
    bad.write_text("{}")
    asked = ("probe", folder, "--code-file", "-", "--trust", bad)
    assert run(*asked, code=b"EX520100abcdefgh")[0] == 2


@pytest.mark.parametrize("command", ["check", "list", "probe", "schema"])
def test_every_command_has_an_example(command: str) -> None:
    status, stdout, _ = run(command, "--help")
    assert status == 0
    assert f"hcgw provinces {command}" in stdout


def test_shipped_profiles_check(tmp_path: Path) -> None:
    copy = tmp_path / "provinces"
    shutil.copytree(SHIPPED, copy)
    assert run("check", copy)[0] == 0
