"""Who may read lists: nobody who is not enrolled, also not by way of the machine's own files and sockets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ASKED = """
import os, sys, typer
from pathlib import Path
from gateway.cli.serve import serve
from gateway.cli.serve_process import serve_process
from gateway.supervisor.child import Role
os.umask(0)
try:
    serve(Path("nothing.toml"), []) if sys.argv[1] == "serve" else serve_process(Role.KEEPER, 999, Path("socket"))
except typer.Exit:
    pass
sys.stderr.write(f"umask {os.umask(0):o}")
"""


@pytest.mark.parametrize("command", ["serve", "serve-process"])
def test_what_a_process_makes_is_its_owners_only(tmp_path: Path, command: str) -> None:
    """Copies of lists and the keeper's socket lie in a folder that an operator may have made, with a mode of hers."""
    done = subprocess.run(
        [sys.executable, "-c", _ASKED, command], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.endswith("umask 77")
