"""`hcgw serve`: the process around one gateway: its output, its signals, its word to systemd.

Rules:

- One process, unless live status or more than one worker is configured: then this one is the supervisor of others.
- Nothing is printed but events (gateway/watch): libraries and uncaught exceptions are routed there first of all.
- SIGHUP reloads trust lists, callers, TLS files, rules, profiles and published lists. SIGTERM and SIGINT drain; a
  second one gives up on open calls.
- Exit status: 0 after a drain, 78 if the configuration or a file that it names is refused (systemd does not try again),
  1 if an address or the store cannot be had or something else failed, 2 if called wrongly.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Protocol

import typer

from gateway import garbage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gateway.config import Config
    from gateway.loading import StartRefused
    from gateway.supervisor.supervisor import Supervisor
    from gateway.watch.logs import EventLog

STILL_STARTING_S: Final = 10.0
"""Between two words to systemd that the start goes on."""

OK: Final = 0
FAILED: Final = 1
BAD_CONFIGURATION: Final = 78
"""EX_CONFIG of sysexits.h."""

_MAY_PASS: Final = frozenset({"audit.directory", "status.directory", "status.store", "status.http_listen"})
"""Options whose refusal is worth another try: a folder that another still holds, a database that is away."""


def serve(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", envvar="HCGW_CONFIG", help="The configuration.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Overrides an option. Repeatable.")
    ] = None,
) -> None:
    """Serve, until told to stop. SIGHUP reloads what the configuration names, SIGTERM drains.

    Exit status: 0 stopped as told, 78 the configuration or a file it names is refused, 1 anything else.

    For example:

      hcgw serve --config /etc/hcgw/hcgw.toml

      hcgw serve --config hcgw.toml --set grpc.listen=127.0.0.1:9443 --set log.level=debug
    """
    garbage.wait()
    private_files()
    # SIGHUP kills by default: one that comes while the gateway still loads must not.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # grpc core prints to stderr by itself, peers' addresses among it. It reads this when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    raise typer.Exit(_serve(config, settings or []))


def _serve(file: Path | None, settings: list[str]) -> int:
    from gateway.config import ConfigRefused, load
    from gateway.watch.events import StartRefused as NotStarted
    from gateway.watch.logs import EventLog, take_over

    log = EventLog()
    take_over(log)
    try:
        config = load(file, settings)
    except ConfigRefused as refused:
        for problem in refused.problems:
            log.emit(NotStarted("config", problem.where, problem.what))
            _tell_person(str(problem))
        return BAD_CONFIGURATION
    log = EventLog(level=config.log.level, instance=config.service.instance)
    take_over(log)

    return _supervise(config, log) if config.status is not None or config.service.workers > 1 else _alone(config, log)


def _alone(config: Config, log: EventLog) -> int:
    """Serve in this process."""
    from gateway.app import App
    from gateway.loading import StartRefused
    from gateway.watch.events import StartRefused as NotStarted
    from gateway.watch.logs import watch_loop

    async def run() -> int:
        watch_loop(log, asyncio.get_running_loop())
        told = Signals()
        try:
            app = App(config, log=log)
            garbage.go_on()
            await app.start()
        except StartRefused as refused:
            log.emit(NotStarted(refused.part, refused.where, refused.why))
            _tell_person(str(refused))
            return status_of(refused)
        with suppress(asyncio.CancelledError):
            await _until_stopped(app, told)
        return OK

    return run_logged(run, log)


def _supervise(config: Config, log: EventLog) -> int:
    """Serve in processes of their own, with this one as their supervisor."""
    from importlib.metadata import version

    from gateway.audit_pages import audit_pages
    from gateway.config.handed_on import hand_on
    from gateway.supervisor.settings import ReplayMemory, SupervisorSettings, posts
    from gateway.supervisor.supervisor import SupervisionRefused, Supervisor
    from gateway.watch.events import StartRefused as NotStarted
    from gateway.watch.logs import watch_loop
    from gateway.watch.processes import ProcessMetrics

    its_version = version("healthcode-gateway")
    settings = SupervisorSettings(
        posts=posts(workers=config.service.workers, keeper=config.status is not None or config.audit is not None),
        grpc_host=config.grpc.listen.host,
        grpc_port=config.grpc.listen.port,
        http_host=config.http.listen.host,
        http_port=config.http.listen.port,
        lame_duck_s=config.grpc.lame_duck_s,
        grace_s=config.grpc.grace_s,
        configuration=hand_on(config),
        tls=config.grpc.tls is not None,
        replay=None
        if config.replay.insecure_no_guard
        else ReplayMemory(config.replay.capacity, config.replay.generation_s),
    )

    async def run() -> int:
        watch_loop(log, asyncio.get_running_loop())
        told = Signals()
        supervisor = Supervisor(
            settings,
            log=log,
            metrics=ProcessMetrics(version=its_version),
            environment=config.service.environment,
            version=its_version,
            below=audit_pages(config.audit),
        )
        garbage.go_on()
        try:
            if not await _started(supervisor, told):
                return OK
        except SupervisionRefused as refused:
            if refused.part is not None:
                log.emit(NotStarted(refused.part, refused.where, refused.why))
            _tell_person(str(refused))
            return BAD_CONFIGURATION if refused.configuration else FAILED
        with suppress(asyncio.CancelledError):
            await _until_stopped(supervisor, told)
        return OK

    return run_logged(run, log)


def status_of(refused: StartRefused) -> int:
    """Return the exit status for a start that is refused; an address that is taken is worth another try too."""
    return FAILED if refused.part in {"grpc", "http"} or refused.option in _MAY_PASS else BAD_CONFIGURATION


async def _started(supervisor: Supervisor, told: Signals) -> bool:
    """Start all processes; tell whether they serve. Told to stop meanwhile, give up: a start may take minutes.

    systemd's own limit of a start is for one that is stuck; as long as this goes on it is moved on.
    """
    starting = asyncio.create_task(supervisor.start())
    while not (starting.done() or told.stop):
        notify(f"EXTEND_TIMEOUT_USEC={2_000_000 * STILL_STARTING_S:.0f}")
        waiting = asyncio.create_task(told.wait(STILL_STARTING_S))
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    if not starting.done():
        starting.cancel()
    try:
        await starting
    except asyncio.CancelledError:
        return False
    return True


def private_files() -> None:
    """Let nobody else of this machine open what is made from here on: lists, their copies, and sockets.

    Who may reach the keeper's socket counts as this gateway, and its folder may have been made by somebody else.
    """
    os.umask(0o077)


def run_logged(run: Callable[[], Coroutine[None, None, int]], log: EventLog) -> int:
    """Return the exit status of `run`, in an event loop of its own; what it dies of is logged, not printed."""
    try:
        return asyncio.run(run())
    except Exception as exc:  # noqa: BLE001 the process's own edge: whatever it is, its text is not printed
        log.unhandled("main", exc)
        return FAILED


class Signals:
    """What this process was told by signals. Made before anything is loaded, so that none is lost."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        self._woken = asyncio.Event()
        self.stop = False
        self.reload = False
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_stop)
        self._loop.add_signal_handler(signal.SIGHUP, self._on_reload)

    def _on_stop(self) -> None:
        if self.stop and self._main is not None:
            self._main.cancel()  # the second one: a person has lost patience with the drain
        self.stop = True
        self._woken.set()

    def _on_reload(self) -> None:
        self.reload = True
        self._woken.set()

    async def wait(self, timeout_s: float | None) -> None:
        """Return at the next signal, or after `timeout_s`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), timeout_s)
        self._woken.clear()


class _Serving(Protocol):
    async def reload(self) -> object: ...

    async def drain(self) -> None: ...


async def _until_stopped(app: _Serving, told: Signals) -> None:
    """Reload and drain as told by signals."""
    notify("READY=1")
    patience = _watchdog_s()
    while not told.stop:
        await told.wait(patience)
        notify("WATCHDOG=1")
        if told.reload:
            told.reload = False
            notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            await app.reload()
            notify("READY=1")
    notify("STOPPING=1")
    await app.drain()


def notify(state: str) -> None:
    """Tell systemd, if it asked to be told (NOTIFY_SOCKET). Source: sd_notify(3). Never raises."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
        told.connect("\0" + address[1:] if address.startswith("@") else address)
        told.send(state.encode())


def _watchdog_s() -> float | None:
    """Return how often systemd wants a sign of life: half of what it waits; None if it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isdecimal() and int(microseconds) else None


def _tell_person(text: str) -> None:
    """Say it in plain words too, if a person is looking."""
    if sys.stderr.isatty():
        typer.secho(f"hcgw serve: {text}", err=True, fg="red")
