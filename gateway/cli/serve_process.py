"""`hcgw serve-process`: one of the processes that `hcgw serve` supervises. Not for people.

What is asked of it stands in gateway/supervisor/child.py.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway import garbage
from gateway.supervisor.child import Line, LineCut, Post, Role, Served, Terms, Word

from .serve import FAILED, OK, Signals, private_files, run_logged, status_of

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.watch.logs import EventLog

KEEPERS_TURN_S: Final = 0.0005
"""How long a thread of the keeper may let another wait for Python; 5 ms if nothing is said. Those that write the logs
come back from the disk every millisecond, and what waits for them waits on: in nine of ten answers up to 12 ms instead
of 8, with the audit log and 10,000 changes a second (median of six phases each)."""


def serve_process(
    role: Annotated[Role, typer.Option("--role", help="What the process is for.")],
    line: Annotated[int, typer.Option("--line", help="Descriptor of the line to the supervisor.")],
    http_socket: Annotated[Path, typer.Option("--http-socket", help="Where the process is asked how it is.")],
    number: Annotated[int, typer.Option("--number", help="Which one of its role.")] = 0,
    grpc_port: Annotated[int | None, typer.Option("--grpc-port", help="Where all workers listen.")] = None,
    replay_memory: Annotated[
        int | None, typer.Option("--replay-memory", help="Descriptor of the showings that all workers remember.")
    ] = None,
) -> None:
    """Serve as one of several processes. Started by hcgw serve, never by hand.

    Exit status: 0 stopped as told, 78 the configuration or a file it names is refused, 1 anything else.

    For example:

      hcgw serve-process --role worker --line 5 --http-socket worker-0.sock --grpc-port 8443
    """
    garbage.wait()
    private_files()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # grpc core prints to stderr by itself, peers' addresses among it. It reads this when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    raise typer.Exit(_serve(Terms(Post(role, number), http_socket, grpc_port, replay_memory), line))


def _serve(terms: Terms, descriptor: int) -> int:
    from gateway.config.handed_on import taken
    from gateway.supervisor.settings import Patience
    from gateway.watch.logs import EventLog, take_over, watch_loop

    try:
        line = Line(descriptor)
        config = taken(line.configuration())
    except (OSError, LineCut, ValueError):
        typer.echo("hcgw serve-process: is started by hcgw serve, not by hand", err=True)
        return FAILED
    log = EventLog(level=config.log.level, instance=f"{config.service.instance}.{terms.post.name}")
    take_over(log)
    line.end_with_supervisor(config.grpc.lame_duck_s + config.grpc.grace_s + Patience().beyond_grace_s)

    async def run() -> int:
        import asyncio

        watch_loop(log, asyncio.get_running_loop())
        with suppress(asyncio.CancelledError):
            return await _until_stopped(terms, config, log, line)
        return OK

    status = run_logged(run, log)
    if line.cut:
        _tidy(terms.http_socket)
    return status


def _tidy(socket: Path) -> None:
    """Remove what a dead supervisor has left: our socket, and its folder once we are the last."""
    with suppress(OSError):
        socket.unlink(missing_ok=True)
        socket.parent.rmdir()


async def _until_stopped(terms: Terms, config: Config, log: EventLog, line: Line) -> int:
    """Serve, reload and drain as told by signals."""
    from gateway.loading import StartRefused
    from gateway.watch.events import ReloadDone
    from gateway.watch.events import StartRefused as NotStarted

    told = Signals()
    try:
        served = _made(terms, config, log)
        garbage.go_on()
        await served.start()
    except StartRefused as refused:
        log.emit(NotStarted(refused.part, refused.where, refused.why))
        return status_of(refused)
    line.tell(Word.READY)
    while not told.stop:
        await told.wait(None)
        if told.reload:
            told.reload = False
            outcome = await served.reload()
            line.tell(Word.RELOADED if isinstance(outcome, ReloadDone) else Word.REFUSED)
    await served.drain()
    return OK


def _made(terms: Terms, config: Config, log: EventLog) -> Served:
    """Return what the process is for, loaded and not yet open. Raises: StartRefused."""
    if terms.post.role is Role.KEEPER:
        from gateway.keeper.process import Keeper

        sys.setswitchinterval(KEEPERS_TURN_S)
        return Keeper(config, log=log, http_socket=terms.http_socket)
    from gateway.app import App
    from gateway.duties import Duties

    return App(
        config,
        log=log,
        duties=Duties.ANSWER,
        grpc_port=terms.grpc_port,
        reuse_port=True,
        http_socket=terms.http_socket,
        replay_memory=terms.replay_memory,
    )
