"""The socket file over which the processes of this machine hand their entries to the owner of the logs.

Rules:

- Its folder is its user's alone (0700), the file too (0600): whoever may open it is this gateway.
- A connection is for one run and one log. Its first answer tells what the log has of that run.
- A run that ends without a word and does not come back may have taken entries with it: that is told, once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.audit.entries import LogName, RunId

from .owner import LogOwner
from .wire import Bye, Entries, Hello, WireBroken, ack, read_frame, state

AUDIT_SOCKET: Final = "audit.sock"
"""In the folder of the logs."""

MAX_SOCKET_PATH: Final = 107
"""Bytes of a socket file's path: what the system's address holds."""

BACK_S: Final = 10.0
"""Seconds for a run to come back after its connection broke."""

MOST_UNREAD: Final = 1 << 20
"""Bytes of answers that a process has not read: one that hangs is hung up on."""


class RecordingGate:
    """Listens for the processes. Start and stop it in the event loop of its owners."""

    def __init__(
        self,
        owners: Mapping[LogName, LogOwner],
        path: Path,
        cut_off: Callable[[LogName, RunId], None],
        *,
        back_s: float = BACK_S,
    ) -> None:
        """`cut_off` is told of a run that has ended without a word, `back_s` after that."""
        self._owners = owners
        self._path = path
        self._cut_off = cut_off
        self._back_s = back_s
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._gone: dict[tuple[LogName, RunId], asyncio.TimerHandle] = {}

    @property
    def missed(self) -> int:
        """How many runs have ended without a word and may still come back. Once stopped: and have not come back."""
        return len(self._gone)

    async def start(self) -> None:
        """Listen. Raises: OSError."""
        if len(os.fsencode(self._path)) > MAX_SOCKET_PATH:
            raise OSError(0, f"a socket's path has at most {MAX_SOCKET_PATH} bytes", str(self._path))
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Listen no more. What came in is its owner's."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        for timer in self._gone.values():  # of those whom this has hung up on, too
            timer.cancel()
        if self._server is not None:
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError
        self._open.add(task)
        try:
            with suppress(OSError, WireBroken, asyncio.CancelledError):
                await self._serve_run(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve_run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = await read_frame(reader)
        if not isinstance(greeting, Hello):
            raise WireBroken
        owner, key = self._owners[greeting.log], (greeting.log, greeting.run)
        timer = self._gone.pop(key, None)
        if timer is not None:
            timer.cancel()

        def send(frame: bytes) -> None:
            if writer.is_closing():
                return
            if writer.transport.get_write_buffer_size() > MOST_UNREAD:
                writer.transport.abort()
            else:
                writer.write(frame)

        def durable(number: int) -> None:
            send(ack(number))

        def told(degraded: bool) -> None:  # noqa: FBT001 as the owner tells it
            send(state(degraded=degraded))

        durable(owner.last(greeting.run))
        told(owner.degraded)
        owner.states.add(told)
        in_order = False
        try:
            while (frame := await read_frame(reader)) is not None:
                if isinstance(frame, Bye):
                    in_order = True
                elif isinstance(frame, Entries):
                    owner.submit(greeting.run, frame.first, frame.entries, durable)
                else:
                    raise WireBroken
        finally:
            owner.states.discard(told)
            if not in_order:
                loop = asyncio.get_running_loop()
                self._gone[key] = loop.call_later(self._back_s, self._given_up, *key)

    def _given_up(self, log: LogName, run: RunId) -> None:
        del self._gone[log, run]
        self._cut_off(log, run)
