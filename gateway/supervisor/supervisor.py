"""The supervisor: starts the processes of one gateway in their order, shows them at one HTTP edge, and ends them.

Rules:

- Start: the gRPC port is held and the HTTP edge opened, then all processes at once: a worker that is quicker than the
  keeper reads the lists as they were left, or none. One that ends before it is ready ends the start, with its exit
  status. The gateway serves once all are ready.
- From then on a dead process is started again, for ever (guard.py), with the configuration of the start.
- Drain: not ready at once; the workers, then the keeper, which serves them; the HTTP edge last. Whoever outlasts
  its time is killed. A drain that is given up on kills what is left.
- grpc is never imported here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import gateway
from gateway.replay.memory import create_shared
from gateway.watch.event import Part
from gateway.watch.events import Draining, HttpAnswered, ReadinessChanged, Serving, Starting, Stopped
from gateway.watch.logs import EventLog
from gateway.watch.processes import ProcessMetrics, ProcessWatch
from gateway.web.pages import Page
from gateway.web.server import HttpServer

from .child import Role, Terms
from .guard import DiedYoung, Guard
from .pages import ProcessPages
from .port import HeldPort, hold_port
from .process import Process, spawn
from .settings import ReplayMemory, SupervisorSettings

BAD_CONFIGURATION = 78
"""A process's exit status if the configuration, or a file that it names, is refused."""


class SupervisionRefused(Exception):
    """The gateway does not start.

    `part` is the edge that cannot be had, at `where`; None if a process ended, which has said why itself.
    `configuration` is whether it was refused: then trying again does not mend it.
    """

    def __init__(self, part: Part | None, where: str, why: str, *, configuration: bool = False) -> None:
        super().__init__(": ".join(word for word in (where, why) if word))
        self.part = part
        self.where = where
        self.why = why
        self.configuration = configuration


class Supervisor:
    """Supervises one gateway. Make, start, reload and drain it in the same event loop."""

    def __init__(
        self,
        settings: SupervisorSettings,
        *,
        log: EventLog,
        metrics: ProcessMetrics,
        environment: str,
        version: str,
        command: Sequence[str] | None = None,
        below: Mapping[str, Page] | None = None,
    ) -> None:
        """Make it; nothing is opened or started. `command` is the program of the processes (ours if None).

        `below` are pages that others make, by the beginning of their paths.
        """
        self._settings = settings
        self._log = log
        self._metrics = metrics
        self._command = process_command() if command is None else tuple(command)
        self._began = asyncio.get_running_loop().time()
        self._guards: tuple[Guard, ...] = ()
        self._below = below
        self._pages = ProcessPages((), metrics, settings.patience)
        self._resources = contextlib.AsyncExitStack()
        self._looking: asyncio.Task[None] | None = None
        self._replay_memory: int | None = None
        self._said_ready: bool | None = None
        self._draining = False
        # Where the edges listen, once started.
        self.grpc_port = 0
        self.http_port = 0
        log.emit(Starting(version, environment))

    async def start(self) -> None:
        """Open the edges, start all processes and say ready.

        Raises:
            SupervisionRefused: then nothing stays open, and no process is left.

        """
        try:
            await self._open()
            await self._start_all()
        except BaseException:
            try:
                await self._end_all(self._settings.patience.beyond_grace_s)
            finally:
                await self._release()
            raise
        await self._look()
        settings = self._settings
        self._log.emit(
            Serving(
                grpc=_address(settings.grpc_host, self.grpc_port),
                http=_address(settings.http_host, self.http_port),
                tls=settings.tls,
            )
        )
        self._looking = asyncio.create_task(self._look_again_and_again())

    async def reload(self) -> None:
        """Have the keeper reload, then all workers, each all or nothing; they log what came of it."""
        for role in (Role.KEEPER, Role.WORKER):
            await asyncio.gather(*(guard.reload() for guard in self._of(role)))
        await self._look()

    async def drain(self) -> None:
        """End all processes, then the edge. Called again, it does nothing. Cancelled, it kills what is left."""
        if self._draining:
            return
        self._draining = True
        self._log.emit(Draining(self._settings.lame_duck_s, self._settings.grace_s))
        self._pages.draining = True
        settings = self._settings
        try:
            await self._look()
            await self._end_all(settings.lame_duck_s + settings.grace_s + settings.patience.beyond_grace_s)
        finally:
            await self._release()
        self._log.emit(Stopped(round(asyncio.get_running_loop().time() - self._began, 3)))

    async def _open(self) -> None:
        settings = self._settings
        # HTTP first: it tells of the start too.
        try:
            http = HttpServer(self._pages_of_now(), answered=self._answered, failed=self._failed)
            self._resources.push_async_callback(http.stop)
            self.http_port = await http.start(settings.http_host, settings.http_port)
        except OSError as refused:
            raise SupervisionRefused(
                "http",
                f"http.listen: {_address(settings.http_host, settings.http_port)}",
                refused.strerror or "cannot listen",
            ) from None
        try:
            held: HeldPort = hold_port(settings.grpc_host, settings.grpc_port)
        except OSError as refused:
            raise SupervisionRefused(
                "grpc",
                f"grpc.listen: {_address(settings.grpc_host, settings.grpc_port)}",
                refused.strerror or "cannot listen",
            ) from None
        self._resources.callback(held.release)
        self.grpc_port = held.port
        if settings.replay is not None:
            self._replay_memory = self._shared_memory(settings.replay)

    def _shared_memory(self, wanted: ReplayMemory) -> int:
        try:
            memory = create_shared(wanted.capacity, wanted.generation_s)
        except OSError as refused:
            why = refused.strerror or "cannot be had"
            raise SupervisionRefused("replay", "replay.capacity", why) from None
        self._resources.callback(os.close, memory)
        return memory

    def _pages_of_now(self) -> ProcessPages:
        folder = Path(tempfile.mkdtemp(prefix="hcgw-", dir=_runtime_folder()))
        self._resources.callback(shutil.rmtree, folder, ignore_errors=True)
        settings = self._settings
        self._guards = tuple(
            Guard(
                Terms(post, folder / f"{post.name}.sock"),
                self._spawn,
                settings.patience,
                ProcessWatch(self._metrics, self._log),
            )
            for post in settings.posts
        )
        for guard in self._guards:
            self._metrics.announce(guard.name)
        self._pages = ProcessPages(self._guards, self._metrics, settings.patience, self._below)
        return self._pages

    async def _spawn(self, terms: Terms) -> Process:
        if terms.post.role is Role.WORKER:
            terms = Terms(terms.post, terms.http_socket, self.grpc_port, self._replay_memory)
        return await spawn(self._command, terms, self._settings.configuration)

    async def _start_all(self) -> None:
        try:
            starting = [asyncio.create_task(guard.start()) for guard in self._guards]
            try:
                await asyncio.gather(*starting)
            finally:
                for one in starting:
                    one.cancel()
        except DiedYoung as died:
            raise SupervisionRefused(None, "", str(died), configuration=died.status == BAD_CONFIGURATION) from None
        except OSError as refused:
            raise SupervisionRefused(None, "", refused.strerror or "cannot start a process") from None

    async def _end_all(self, patience_s: float) -> None:
        for role in (Role.WORKER, Role.KEEPER):
            await asyncio.gather(*(guard.drain(patience_s) for guard in self._of(role)))

    async def _release(self) -> None:
        """Kill what still runs, and let go of all else."""
        for guard in self._guards:
            guard.kill()
        if self._looking is not None:
            self._looking.cancel()
        await self._resources.aclose()

    def _of(self, role: Role) -> list[Guard]:
        return [guard for guard in self._guards if guard.terms.post.role is role]

    async def _look(self) -> None:
        """Ask every process, and say ready or not where that has changed."""
        await self._pages.look()
        ready = self._pages.ready
        self._metrics.ready(ready=ready)
        if ready is not self._said_ready:
            self._said_ready = ready
            failing = tuple(check.name for check in self._pages.checks if not check.ok)
            self._log.emit(ReadinessChanged(ready, failing))

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._settings.patience.look_s)
            try:
                await self._look()
            except Exception as exc:  # noqa: BLE001 one look that fails must not be the last one
                self._log.unhandled("loop", exc)

    def _answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._log.emit(HttpAnswered(method, route, status, round(seconds * 1000, 3)))

    def _failed(self, exc: BaseException) -> None:
        self._log.unhandled("http", exc)


def process_command() -> tuple[str, ...]:
    """Return the program of the processes: this one's own, of the same interpreter and the same source.

    The working folder is no place to find modules in, unless the source itself lies there.
    """
    source = Path(gateway.__file__).resolve().parent.parent
    isolated = () if source == Path.cwd() else ("-P",)
    return (sys.executable, *isolated, "-m", "gateway", "serve-process")


def _runtime_folder() -> str | None:
    """Return where sockets may lie: what systemd made for us, else the system's choice. Their paths must be short."""
    return os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or None


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
