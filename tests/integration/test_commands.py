"""The commands beside `serve`: what they accept, refuse and print, as a person would call them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway.cli.main import app
from tests.integration.gateway_process import ROOT, Site, hcgw


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_config_check_accepts_what_serve_would(site: Site) -> None:
    status, out, err = hcgw("config", "check", str(site.config))
    assert (status, err) == (0, "")
    assert "the configuration is sound" in out


def test_config_check_tells_every_fault_with_option_and_file(site: Site) -> None:
    site.trust.write_text("{")
    (site.folder / "receipts.key.pem").unlink()
    for rules in site.policy.iterdir():
        rules.unlink()
    status, out, err = hcgw("config", "check", str(site.config))
    assert status == 1
    assert "sound" not in out
    assert [line.split(":")[0] for line in err.splitlines()] == ["trust.lists", "policy.directory", "receipts.signer"]
    assert str(site.trust) in err


def test_config_check_looks_into_tls_files(site: Site) -> None:
    files = [f"grpc.tls.{name}_file=trust.json" for name in ("certificate", "key", "client_ca")]
    settings = [word for one in (*files, "grpc.insecure_plaintext_on_loopback=false") for word in ("--set", one)]
    status, _, err = hcgw("config", "check", str(site.config), *settings)
    assert status == 1
    assert [line.split(":")[0] for line in err.splitlines()] == [
        "grpc.tls.certificate_file, grpc.tls.key_file",
        "grpc.tls.client_ca_file",
    ]


CONVERSION = """
[conversion]
signer = "file:receipts.key.pem"
issuer = "https://gateway.test/conversion"
status_uri = "https://gateway.test/status"
"""
STATUS = """
[status]
directory = "status"
signer = "file:receipts.key.pem"
issuer = "https://gateway.test/status"
"""
FOLLOW = """
[[status.follow]]
gateway = "https://other.test/status"
target = "other.test:8444"
ca_file = "gone.pem"
certificate_file = "trust.json"
key_file = "trust.json"
"""
TOKEN_LIST = """
[[status.token_lists]]
issuer = "https://health.guizhou.test"
uri = "https://status.guizhou.test/1"
words = { "3" = "MAUVE" }
"""
PROVINCES = f'\n[provinces]\ndirectory = "{ROOT / "deploy" / "provinces"}"\n'


@pytest.mark.parametrize(
    ("section", "setting", "refused"),
    [
        (CONVERSION, "", ""),
        (CONVERSION, "conversion.stale_after_s=60", "conversion: conversion.recheck_s"),
        (CONVERSION, f'conversion.issuer="{"x" * 120}"', "conversion: conversion.issuer, conversion.status_uri"),
        (STATUS, "", ""),
        (STATUS, 'status.signer="file:gone.key.pem"', "status.signer"),
        (STATUS + FOLLOW, "", "status.follow.0"),
        (STATUS + FOLLOW.replace("gone.pem", "trust.json"), "", "status.follow.0"),
        (STATUS + TOKEN_LIST, "", "status.token_lists.0.words"),
        # The profiles that ship are sound; the secrets that they name are not there.
        (PROVINCES, "", f"provinces.directory: {ROOT / 'deploy' / 'provinces'}"),
    ],
)
def test_config_check_refuses_whatever_serve_would(site: Site, section: str, setting: str, refused: str) -> None:
    site.config.write_text(site.config.read_text() + section)
    status, out, err = hcgw("config", "check", str(site.config), *(["--set", setting] if setting else []))
    assert (status, "sound" in out) == ((1, False) if refused else (0, True))
    assert err.startswith(refused)
    assert bool(err) is bool(refused)


def test_config_show_tells_what_is_in_effect(site: Site) -> None:
    status, out, _ = hcgw(
        "config", "show", str(site.config), "--set", "log.level=error", HCGW__SERVICE__INSTANCE="other"
    )
    shown = json.loads(out)
    assert status == 0
    assert (shown["log"]["level"], shown["service"]["instance"], shown["grpc"]["listen"]) == (
        "error",
        "other",
        "127.0.0.1:0",
    )


def test_config_schema_is_json() -> None:
    status, out, _ = hcgw("config", "schema")
    assert status == 0
    assert set(json.loads(out)["properties"]) >= {"service", "grpc", "trust", "receipts"}


def test_config_refusals_name_the_option(site: Site) -> None:
    for command in ("check", "show"):
        status, _, err = hcgw("config", command, str(site.config), "--set", "grpc.nonsense=1")
        assert (status, err) == (1, "grpc.nonsense: unknown key\n")


def test_version() -> None:
    assert hcgw("version")[1].startswith("hcgw 0.")
    assert set(json.loads(hcgw("version", "--json")[1])) >= {"version", "python", "grpcio"}


def commands(group: Any = None, path: tuple[str, ...] = ()) -> list[str]:
    """Return every command that there is, groups of commands too, as it is typed behind hcgw."""
    found = [" ".join(path)]
    group = typer.main.get_command(app) if group is None else group
    for name in group.list_commands(None) if hasattr(group, "list_commands") else ():
        found += commands(group.get_command(None, name), (*path, name))
    return found


def test_there_are_commands_of_three_levels() -> None:
    assert {"", "verify", "config check", "trust import vci"} <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_an_example(command: str) -> None:
    status, out, _ = hcgw(*command.split(), "--help")
    assert status == 0
    assert out.count("hcgw ") >= 2


def test_an_unknown_command_is_a_usage_error() -> None:
    assert hcgw("nonsense")[0] == 2
    assert hcgw("serve", "--nonsense")[0] == 2


def test_a_light_command_loads_no_grpc() -> None:
    code = (
        "import sys; sys.argv = ['hcgw', 'version'];"
        "from gateway.cli.main import run; run(); print('grpc' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "False"
