"""Processes that stand in for those of a gateway, and someone who hears what becomes of them."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from gateway.supervisor.child import Post, Role, Terms
from gateway.supervisor.guard import Guard
from gateway.supervisor.process import Process, spawn
from gateway.supervisor.settings import Patience

from .stand_in import Wrong

COMMAND = (sys.executable, str(Path(__file__).with_name("stand_in.py")))
LONG_S = 30.0
"""How long a test waits for what must happen."""

SWIFT = Patience(start_s=LONG_S, look_s=0.02, answer_s=LONG_S, scrape_s=LONG_S, silent_s=0.0, first_again_s=0.001)
"""Waits for what must come, and not for what is only a pause."""

WORKER = Post(Role.WORKER)


def configuration(folder: Path, **wrong: Wrong) -> bytes:
    """Return the line that the stand-ins are given; `wrong` by their names, with _ for -."""
    its = {name.replace("_", "-"): what for name, what in wrong.items()}
    return json.dumps({"folder": str(folder)} | its).encode() + b"\n"


def notes(folder: Path) -> list[str]:
    """Return what the stand-ins have noted."""
    path = folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


@dataclass
class Heard:
    """Hears what happens at the posts."""

    events: asyncio.Queue[tuple[str, str]] = field(default_factory=asyncio.Queue)
    pids: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def ready(self, process: str, pid: int, seconds: float) -> None:
        self.pids.append(pid)
        self.events.put_nowait(("ready", process))

    def died(self, process: str, pid: int, status: int, lived_s: float, again_in_s: float) -> None:
        self.statuses.append(status)
        self.waits.append(again_in_s)
        self.events.put_nowait(("died", process))

    def silent(self, process: str, pid: int, seconds: float) -> None:
        self.events.put_nowait(("silent", process))

    def not_started(self, process: str, again_in_s: float) -> None:
        self.events.put_nowait(("not_started", process))

    async def next(self) -> str:
        """Return what happened next."""
        return (await asyncio.wait_for(self.events.get(), LONG_S))[0]


@dataclass
class World:
    """One post and its guard."""

    folder: Path
    wrong: Wrong = field(default_factory=Wrong)
    patience: Patience = SWIFT
    heard: Heard = field(default_factory=Heard)
    system_refuses: int = 0
    """Times that no process can be started, after the first."""
    spawned: list[Process] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at each start."""
    may_begin: asyncio.Event = field(default_factory=asyncio.Event)
    held_back: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a start waits for `may_begin`."""

    def __post_init__(self) -> None:
        self.may_begin.set()
        terms = Terms(WORKER, self.folder / "w.sock", grpc_port=7)
        self.guard = Guard(terms, self.spawn, self.patience, self.heard)

    async def spawn(self, terms: Terms) -> Process:
        if not self.may_begin.is_set():
            self.held_back.set()
            await self.may_begin.wait()
        if self.spawned and self.system_refuses:
            self.system_refuses -= 1
            raise OSError
        process = await spawn(COMMAND, terms, configuration(self.folder, worker_0=self.wrong))
        self.spawned.append(process)
        self.begun.set()
        return process
