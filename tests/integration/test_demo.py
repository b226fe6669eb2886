"""The demo as a newcomer runs it: a process of its own, every verdict the expected one."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.demo import live
from gateway.demo.home import DemoHome
from gateway.demo.public import WHERE_TO_GET_THEM
from gateway.demo.run import run_demo as demo
from gateway.demo.simulated import SOURCE_TREE, WITHOUT_THEM, simulated_provinces
from gateway.loading import StartRefused
from tests.vectors import require_vectors


def run_demo(folder: Path, vectors: Path) -> subprocess.CompletedProcess[str]:
    ports = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    return subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--once", "--folder", str(folder), *ports],
        env=os.environ | {"HCGW_VECTORS": str(vectors), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_verdict_is_the_expected_one_with_public_codes_among_them(tmp_path: Path) -> None:
    done = run_demo(tmp_path / "demo", require_vectors())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "69 of 69 verdicts are the expected ones" in done.stdout
    for measure in ("PASS", "LIMITED", "DENY", "MANUAL"):
        assert measure in done.stdout
    assert done.stderr == ""
    turned = [line for line in done.stdout.splitlines() if "ms after Guizhou began to publish red" in line]
    assert ["DENY" in line and "STATE_RED" in line for line in turned] == [True]


def test_without_public_codes_it_says_so_in_one_line_and_still_shows_its_own(tmp_path: Path) -> None:
    first = run_demo(tmp_path / "demo", tmp_path)
    again = run_demo(tmp_path / "demo", tmp_path)
    for done in (first, again):
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[0] == WHERE_TO_GET_THEM
        assert "58 of 58 verdicts are the expected ones" in done.stdout


async def test_without_the_source_tree_it_says_so_in_one_line_and_still_shows_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HCGW_VECTORS", str(tmp_path))
    home, log = DemoHome(tmp_path / "demo"), io.StringIO()
    assert await demo(home, once=True, grpc="127.0.0.1:0", http="127.0.0.1:0", log_to=log, tree=tmp_path)
    said = capsys.readouterr().out
    assert WITHOUT_THEM in said
    assert "25 of 25 verdicts are the expected ones" in said
    assert log.getvalue() == ""


async def test_a_watch_that_tells_nothing_is_not_the_expected_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HCGW_VECTORS", str(tmp_path))
    monkeypatch.setattr(live, "PATIENCE_S", 0.0)
    home, log = DemoHome(tmp_path / "demo"), io.StringIO()
    assert not await demo(home, once=True, grpc="127.0.0.1:0", http="127.0.0.1:0", log_to=log, tree=tmp_path)
    assert "23 of 25 verdicts are the expected ones" in capsys.readouterr().out


async def test_a_list_that_cannot_be_gone_on_with_refuses_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCGW_VECTORS", str(tmp_path))
    monkeypatch.setattr(live, "CAPACITY", 63)
    home, log = DemoHome(tmp_path / "demo"), io.StringIO()
    with pytest.raises(StartRefused) as refused:
        await demo(home, once=True, grpc="127.0.0.1:0", http="127.0.0.1:0", log_to=log, tree=tmp_path)
    assert str(home.folder) in str(refused.value)


async def test_simulators_that_do_not_speak_refuse_the_start(tmp_path: Path) -> None:
    broken = tmp_path / "tests" / "simulators" / "__main__.py"
    broken.parent.mkdir(parents=True)
    for package in (broken.parent, broken.parent.parent):
        (package / "__init__.py").touch()
    broken.write_text("print('{}')")
    with pytest.raises(StartRefused):
        async with simulated_provinces(tmp_path / "home", tmp_path):
            pass


async def test_the_simulators_end_with_the_demo(tmp_path: Path) -> None:
    async with simulated_provinces(tmp_path, SOURCE_TREE) as provinces:
        assert provinces.directory is not None
        profile = tomllib.loads((provinces.directory / "guangdong.toml").read_text())
        address = urlsplit(profile["endpoint"]["url"])
        with socket.create_connection((address.hostname, address.port), timeout=5):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=5)


def test_the_demos_keys_are_their_owners_only(tmp_path: Path) -> None:
    run_demo(tmp_path / "demo", tmp_path)
    keys = list((tmp_path / "demo").glob("*.key.pem"))
    assert keys
    assert {file.stat().st_mode & 0o077 for file in keys} == {0}
    assert (tmp_path / "demo").stat().st_mode & 0o077 == 0
