"""The demo as a newcomer runs it: a process of its own, every verdict the expected one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gateway.demo.public import WHERE_TO_GET_THEM
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
    assert "29 of 29 verdicts are the expected ones" in done.stdout
    for measure in ("PASS", "LIMITED", "DENY", "MANUAL"):
        assert measure in done.stdout
    assert done.stderr == ""


def test_without_public_codes_it_says_so_in_one_line_and_still_shows_its_own(tmp_path: Path) -> None:
    first = run_demo(tmp_path / "demo", tmp_path)
    again = run_demo(tmp_path / "demo", tmp_path)
    for done in (first, again):
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[0] == WHERE_TO_GET_THEM
        assert "18 of 18 verdicts are the expected ones" in done.stdout


def test_the_demos_keys_are_their_owners_only(tmp_path: Path) -> None:
    run_demo(tmp_path / "demo", tmp_path)
    keys = list((tmp_path / "demo").glob("*.key.pem"))
    assert keys
    assert {file.stat().st_mode & 0o077 for file in keys} == {0}
    assert (tmp_path / "demo").stat().st_mode & 0o077 == 0
