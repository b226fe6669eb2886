"""`hcgw serve`: the process around one gateway: its output, its signals, its word to systemd.

Rules:

- Nothing is printed but events (gateway/watch): libraries and uncaught exceptions are routed there first of all.
- SIGHUP reloads trust lists, rules, profiles and published lists. SIGTERM and SIGINT drain; a second one gives up on
  open calls.
- Exit status: 0 after a drain, 78 if the configuration or a file that it names is refused (systemd does not try again),
  1 if an address cannot be had or something else failed, 2 if called wrongly.
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
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from gateway.app import App

OK: Final = 0
FAILED: Final = 1
BAD_CONFIGURATION: Final = 78
"""EX_CONFIG of sysexits.h."""


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

    from gateway.app import App
    from gateway.loading import StartRefused
    from gateway.watch.logs import watch_loop

    async def run() -> int:
        watch_loop(log, asyncio.get_running_loop())
        told = Signals()
        try:
            app = App(config, log=log)
            await app.start()
        except StartRefused as refused:
            log.emit(NotStarted(refused.part, refused.where, refused.why))
            _tell_person(str(refused))
            return FAILED if refused.part in {"grpc", "http"} else BAD_CONFIGURATION
        with suppress(asyncio.CancelledError):
            await _until_stopped(app, told)
        return OK

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


async def _until_stopped(app: App, told: Signals) -> None:
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
