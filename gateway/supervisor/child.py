"""What the supervisor and each of its processes know of each other: the process's side, and the words between them.

How one is started (by the supervisor, never by hand; `gateway/cli/serve_process.py` is the command):

    python -m gateway serve-process --role keeper --number 0 --line FD --http-socket PATH
    python -m gateway serve-process --role worker --number K --line FD --http-socket PATH --grpc-port PORT
        [--replay-memory FD]

- It is exec'd, with standard output and error of the supervisor, a process group of its own (Ctrl-C reaches the
  supervisor alone), and SIGHUP's, SIGTERM's and SIGINT's default effect until it sets its own.
- Its log lines carry the instance `<service.instance>.keeper`, `<service.instance>.worker-K`.

The line (an inherited socket) carries one line of configuration down, and words up:

- down: the configuration as the supervisor has read and checked it (JSON), so that a process that is started again
  next week serves by the same one. Its end of file means that the supervisor is gone: then the process ends too.
- up: `ready` once, when it serves; `reloaded` or `refused` once for each SIGHUP. Anything else is ignored.

What is asked of it over HTTP at PATH (a Unix socket that it makes; web/server.py, `start_unix`):

- /metrics in the form that the Accept header asks for, without a label `process`: the supervisor adds it.
- /readyz, as web/pages.py answers it: asked each second, which is also how a process that hangs is told from one that
  works. One that answers nothing for `silent_s` (settings.py) is killed and started again.
- /.well-known/jwks.json, of workers.

What it does at a signal:

- SIGHUP reloads. It is not sent before `ready`; one that comes meanwhile is sent then.
- SIGTERM drains, and the process ends with status 0. The keeper is told when all workers have ended. A second one gives
  up on open calls. SIGKILL follows what outlasts its time.
- Its death at any other time is answered by starting it again. Before the first `ready` of all, it ends the start:
  status 78 if the configuration or a file that it names is refused, 1 for anything else; it has said why itself.

What is served in it is `Served`: gateway.app.App with the duty to answer, `grpc_port`, `reuse_port` and `http_socket`
in a worker, gateway.keeper.process.Keeper(config, log=, http_socket=) in the keeper; both may raise StartRefused when
they are made and when they are started.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from gateway.watch.events import ReloadDone, ReloadRefused

MAX_CONFIGURATION: Final = 1 << 20
"""Bytes of the configuration's line: what a file may have."""


class Role(StrEnum):
    """What a process is for."""

    KEEPER = "keeper"
    WORKER = "worker"


class Word(StrEnum):
    """What a process tells its supervisor, a line each."""

    READY = "ready"
    RELOADED = "reloaded"
    REFUSED = "refused"
    """A reload changed nothing."""


@dataclass(frozen=True, slots=True)
class Post:
    """Which process: its role, and its number among those of the role."""

    role: Role
    number: int = 0

    @property
    def name(self) -> str:
        """As it stands in metrics, log lines and /readyz."""
        return self.role.value if self.role is Role.KEEPER else f"{self.role.value}-{self.number}"


@dataclass(frozen=True, slots=True)
class Terms:
    """What one process is started with, beside the configuration."""

    post: Post
    http_socket: Path
    grpc_port: int | None = None
    """Of a worker: where all of them listen, with SO_REUSEPORT."""
    replay_memory: int | None = None
    """Of a worker: the descriptor of the showings that all of them remember together (gateway/replay)."""

    def words(self, line: int) -> list[str]:
        """Return the terms as the command's arguments; `line` is the inherited descriptor."""
        found = ["--role", self.post.role.value, "--number", str(self.post.number)]
        found += ["--line", str(line), "--http-socket", str(self.http_socket)]
        if self.grpc_port is not None:
            found += ["--grpc-port", str(self.grpc_port)]
        if self.replay_memory is not None:
            found += ["--replay-memory", str(self.replay_memory)]
        return found


class Served(Protocol):
    """What serves in a process. Made, started, reloaded and drained in one event loop."""

    async def start(self) -> None:
        """Open everything; on return it serves. Raises: StartRefused, and then nothing stays open."""
        ...

    async def reload(self) -> ReloadDone | ReloadRefused:
        """Re-read what the configuration names, all or nothing, and log what came of it. Never raises."""
        ...

    async def drain(self) -> None:
        """Not ready at once; open calls end within their grace; then everything is closed."""
        ...


class LineCut(Exception):
    """The supervisor was gone before it had said what is to be served."""


class Line:
    """The process's end of the line to its supervisor."""

    def __init__(self, descriptor: int) -> None:
        """Take over the inherited descriptor. Raises: OSError if it is no socket."""
        os.set_inheritable(descriptor, False)  # noqa: FBT003 the library's signature
        self._socket = socket.socket(fileno=descriptor)
        self.cut = False
        """Whether the supervisor is gone."""

    def configuration(self) -> bytes:
        """Return the configuration's line. Called first, once. Raises: LineCut."""
        found = bytearray()
        while not found.endswith(b"\n"):
            piece = self._socket.recv(1 << 16)
            if not piece or len(found) + len(piece) > MAX_CONFIGURATION:
                raise LineCut
            found += piece
        return bytes(found)

    def end_with_supervisor(self, patience_s: float) -> None:
        """Watch the line from a thread: when the supervisor is gone, drain as at SIGTERM, and end after `patience_s`.

        A thread, because an event loop that hangs sees no end of file; and no wish to the kernel (PR_SET_PDEATHSIG),
        because that is tied to the thread that started the process, and gives no time to end open calls.
        """
        threading.Thread(target=self._watch, args=(patience_s,), name="line", daemon=True).start()

    def tell(self, word: Word) -> None:
        """Say it to the supervisor; without effect if that is gone."""
        with suppress(OSError):
            self._socket.sendall(f"{word.value}\n".encode())

    def _watch(self, patience_s: float) -> None:
        with suppress(OSError):
            while self._socket.recv(1 << 10):
                pass
        self.cut = True
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience_s)
        os._exit(1)
