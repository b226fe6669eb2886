"""Programs that tests run and no wheel brings: of this machine, else unpacked from Debian's packages into build/debian.

Nothing is installed: a package is fetched and unpacked, so that no service starts and nothing outside build/ changes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = Path(__file__).resolve().parent.parent / "build" / "debian"

_PACKAGES: Final = {
    "prometheus": ("prometheus",),
    "promtool": ("prometheus",),
    "systemd-analyze": ("systemd", "libsystemd-shared"),
}
_LIBRARIES: Final = "usr/lib/*/systemd"
_PATIENCE_S: Final = 300


def program(name: str) -> tuple[str, Mapping[str, str]]:
    """Return the path of a program, and the environment that it runs in. Fails the test if it cannot be had."""
    found = shutil.which(name)
    if found is not None:
        return found, os.environ
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unpacked = FOLDER / "usr" / "bin" / name
        if not unpacked.exists():
            _unpack(name)
    libraries = os.pathsep.join(str(folder) for folder in FOLDER.glob(_LIBRARIES))
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    if _run([str(unpacked), "--version"], FOLDER, environment):
        return str(unpacked), environment
    pytest.fail(f"{name} is missing; on Debian: apt-get install --no-install-recommends {_PACKAGES[name][0]}")


def _unpack(name: str) -> None:
    fetch = ["apt-get", "download", *_PACKAGES[name]]
    # A machine that has never looked for packages knows none; only root may look.
    if not _run(fetch, FOLDER) and not (_run(["apt-get", "update"], FOLDER) and _run(fetch, FOLDER)):
        return
    for package in FOLDER.glob("*.deb"):
        _run(["dpkg-deb", "-x", str(package), "."], FOLDER)
        package.unlink()


def _run(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> bool:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
