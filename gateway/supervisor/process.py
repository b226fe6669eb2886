"""One life of one process: exec'd, heard on its line, signalled by its id, and ended.

Rules:

- exec, never a fork that goes on: grpc's threads do not survive one.
- It inherits its end of the line, standard output and error, of a worker the memory of showings, and nothing else that
  is open here.
- Signals go to this very process, by a descriptor of it (pidfd): never to another that got its id since. (The library's
  own send_signal may take the exit status before whoever waits for it, who then learns 255.)
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from .child import Terms, Word

NOT_HANDED_ON: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What systemd tells the supervisor alone."""


class Process:
    """A process that was started. Make it with `spawn`."""

    def __init__(self, started: asyncio.subprocess.Process, reader: asyncio.StreamReader, line: asyncio.StreamWriter):
        loop = asyncio.get_running_loop()
        self.pid = started.pid
        self.born = loop.time()
        self.ready: asyncio.Future[None] = loop.create_future()
        """Done when it has said that it serves; cancelled if it ended without."""
        self._started = started
        self._handle: int | None = None
        with suppress(ProcessLookupError):  # it has ended and has been waited for: nothing to signal
            self._handle = os.pidfd_open(started.pid)
        self._line = line
        self._reloads: list[asyncio.Future[Word]] = []
        self._hearing = loop.create_task(self._hear(reader))
        self.ended = loop.create_task(self._end())
        """Its exit status, minus the signal's number if one ended it."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    async def reload(self) -> bool:
        """Have it reload; tell whether that put anything in force. Returns False too if it ends meanwhile."""
        word = asyncio.get_running_loop().create_future()
        self._reloads.append(word)
        self.signal(signal.SIGHUP)
        await asyncio.wait({word, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        return word.done() and word.result() is Word.RELOADED

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError, ValueError):  # ValueError: a line without end
            while line := await reader.readline():
                word = line.rstrip(b"\n").decode("ascii", "replace")
                if word == Word.READY and not self.ready.done():
                    self.ready.set_result(None)
                elif word in (Word.RELOADED, Word.REFUSED):
                    # Signals that come close together are one to the process: any word is for all who wait.
                    for waiting in self._reloads:
                        if not waiting.done():
                            waiting.set_result(Word(word))
                    self._reloads.clear()

    async def _end(self) -> int:
        status = await self._started.wait()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        self._hearing.cancel()
        self._line.close()
        self.ready.cancel()
        return status


async def spawn(command: Sequence[str], terms: Terms, configuration: bytes) -> Process:
    """Start `command` with `terms` as its arguments, and `configuration` on its line. Raises: OSError."""
    ours, its = socket.socketpair()
    handed_on = (its.fileno(),) if terms.replay_memory is None else (its.fileno(), terms.replay_memory)
    with its:
        try:
            started = await asyncio.create_subprocess_exec(
                *command,
                *terms.words(its.fileno()),
                stdin=DEVNULL,
                pass_fds=handed_on,
                process_group=0,
                env={name: value for name, value in os.environ.items() if name not in NOT_HANDED_ON},
            )
        except BaseException:
            ours.close()
            raise
    ours.setblocking(False)  # noqa: FBT003 the library's signature
    reader, line = await asyncio.open_connection(sock=ours)
    line.write(configuration)
    return Process(started, reader, line)
