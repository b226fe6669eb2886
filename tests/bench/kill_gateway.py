"""A supervised gateway to be killed: started, heard, its processes found by their ids, killed, started anew."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from tests.integration.gateway_process import INSTANCE, ROOT

WHOLE: Final = "gateway"
"""The supervisor and all of its processes at once."""
KEEPER: Final = "keeper"

KEEPER_OF_WHOLE: Final = "gateway: its keeper"
"""The keeper of a whole gateway that was killed: batches are taken again as soon as it is ready."""

START_S: Final = 60.0
END_S: Final = 30.0
_LINE_BYTES: Final = 1 << 20
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_EXPECTED: Final = frozenset({"process_died", "source_gone", "status_list_set_aside not_in_log"})
"""What is told after a kill: the death, that others miss the dead, and the file of a list that was about to be opened
but stands in no log."""


@dataclass(slots=True)
class Restart:
    """A process that was killed, and is ready again."""

    gateway: int
    process: str
    seconds: float
    """From the kill to the word ready."""
    waited_s: float
    """Of that, what its supervisor waited before it started it again: longer after each death in its youth."""
    start_s: float
    """From its start to the word ready, by its supervisor's clock; of a whole gateway all of it."""
    cpu_s: float
    """What it computed until then, all of its processes together."""
    kills: int
    """More than one if it was killed again before it was ready."""

    @property
    def own_s(self) -> float:
        """Without what its supervisor waited."""
        return self.seconds - self.waited_s


@dataclass(slots=True)
class _Killed:
    at: float
    pids: tuple[int, ...]
    waited_s: float = 0.0
    kills: int = 1


class HasConfig(Protocol):
    """A gateway's folder."""

    @property
    def config(self) -> Path:
        """Return the file that it is started with."""
        ...


class NotStarted(Exception):
    """A gateway ended, or hung, before it served. The text is what it complained of."""


@dataclass
class KillableGateway:
    """One gateway. Make, start, kill and stop it in the same event loop."""

    number: int
    site: HasConfig
    settings: tuple[str, ...] = ()
    restarts: list[Restart] = field(default_factory=list)
    complaints: Counter[str] = field(default_factory=Counter)
    """Errors and warnings that it told, by event and reason, those aside that a kill causes."""
    keeper_since: float | None = None
    """Since when its keeper is ready; None while it is not."""

    def __post_init__(self) -> None:
        grpc, self.status_port = free_ports(2)
        self.grpc = f"127.0.0.1:{grpc}"
        self.status = f"127.0.0.1:{self.status_port}"
        self._process: asyncio.subprocess.Process | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._serving = asyncio.Event()
        self._killed: dict[str, _Killed] = {}
        self._last = b""

    @property
    def serves(self) -> bool:
        """Whether its supervisor has said that it serves."""
        return self._serving.is_set()

    @property
    def restarting(self) -> bool:
        """Whether a process that was killed is not ready again."""
        return bool(self._killed)

    async def start(self) -> None:
        """Start it, and return once it serves. Raises: NotStarted."""
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(self.site.config)]
        every = ("log.level=info", f"grpc.listen={self.grpc}", f"status.listen={self.status}", *self.settings)
        for setting in every:
            command += ["--set", setting]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HCGW")}
        self._serving.clear()
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, cwd=ROOT, env=clean, limit=_LINE_BYTES
        )
        self._hearing = asyncio.create_task(self._hear(self._process))
        serving = asyncio.create_task(self._serving.wait())
        await asyncio.wait({serving, self._hearing}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():  # it may have been killed since: that is told by whoever starts it again
            serving.cancel()
            raise NotStarted(f"gateway {self.number}: {dict(self.complaints)}, last told: {self._last!r}")

    def kill(self, process: str, random: random.Random) -> bool:
        """Kill one of its processes, or WHOLE; tell whether there was one. It is started again by its supervisor."""
        if self._process is None:
            return False
        found = dict(self._children())
        if process != WHOLE and process not in found:
            return False
        victims = [found[process]] if process != WHOLE else [*self._child_ids(), self._process.pid]
        random.shuffle(victims)
        before = self._killed.get(process)
        if process == WHOLE:
            self._killed.clear()
            self._serving.clear()
        for one in (process,) if process != WHOLE else (WHOLE, KEEPER_OF_WHOLE):
            kills = 1 if before is None else before.kills + 1
            self._killed[one] = _Killed(time.monotonic(), tuple(victims), kills=kills)
        if process in (WHOLE, KEEPER):
            self.keeper_since = None
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return True

    async def start_again(self) -> None:
        """Start a gateway anew that was killed whole. Raises: NotStarted."""
        await self._ended()
        await self.start()

    async def stop(self) -> int:
        """End it as an operator does; return its exit status. Raises: TimeoutError."""
        if self._process is None:
            raise AssertionError
        self._process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self._process.wait(), END_S)
        return await self._ended()

    async def kill_all(self) -> None:
        """End whatever is left of it."""
        if self._process is not None and self._process.returncode is None:
            self.kill(WHOLE, random.Random(0))
            await self._ended()

    async def _ended(self) -> int:
        if self._process is None or self._hearing is None:
            raise AssertionError
        status = await self._process.wait()
        await self._hearing
        return status

    def _child_ids(self) -> list[int]:
        """Return the id of each process that its supervisor has now, also of those that just start."""
        pid = 0 if self._process is None else self._process.pid
        try:
            return [
                int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            ]
        except OSError:
            return []

    def _children(self) -> Iterator[tuple[str, int]]:
        """Yield name and id of each of them that says by its command what it is for."""
        for child in self._child_ids():
            with suppress(OSError, ValueError):
                words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                role = words[words.index(b"--role") + 1].decode()
                number = words[words.index(b"--number") + 1].decode()
                yield role if role == KEEPER else f"{role}-{number}", child

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """Take note of what the gateway tells, until its last process has ended."""
        if process.stdout is None:
            raise AssertionError
        async for line in process.stdout:
            if b'"http_answered"' in line:
                continue
            self._last = line
            try:
                self._note(json.loads(line))
            except ValueError:
                self.complaints[f"a broken line: {line[:80]!r}"] += 1

    def _note(self, event: dict[str, Any]) -> None:
        name = event["event"]
        if name == "process_ready":
            self._process_ready(event["process"], event["pid"], event["seconds"])
        elif name == "process_died" and event["process"] in self._killed:
            self._killed[event["process"]].waited_s = event["again_in_s"]
        elif name == "serving" and event["instance"] == INSTANCE:
            if self._process is not None:
                self._ready(WHOLE, 0.0, [self._process.pid, *dict(self._children()).values()])
            self._serving.set()
        if event["level"] in ("warning", "error", "critical"):
            reasons = [event[more] for more in ("why", "refusal", "exception", "where") if event.get(more)]
            complaint = " ".join(map(str, (name, *reasons)))
            if not {name, complaint} & _EXPECTED:
                self.complaints[complaint] += 1

    def _process_ready(self, process: str, pid: int, start_s: float) -> None:
        """Take note, unless this is one that has been killed since it said so."""
        if any(pid in killed.pids for killed in self._killed.values()):
            return
        if process == KEEPER:
            self.keeper_since = time.monotonic()
            self._ready(KEEPER_OF_WHOLE, 0.0, [pid])
        self._ready(process, start_s, [pid])

    def _ready(self, process: str, start_s: float, pids: list[int]) -> None:
        killed = self._killed.pop(process, None)
        if killed is not None:
            seconds = time.monotonic() - killed.at
            cpu_s = sum(map(_cpu_s, pids))
            again = Restart(self.number, process, seconds, killed.waited_s, start_s or seconds, cpu_s, killed.kills)
            self.restarts.append(again)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody has now, and that the system gives to nobody by itself: they stay free between lives."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def _cpu_s(pid: int) -> float:
    """Return the seconds that a process has computed; 0 if it is gone."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(after_name[11]) + int(after_name[12])) / _TICKS
