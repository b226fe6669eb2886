"""The network in front of a server that does not let its connections be reached: bytes pass, until it is cut.

gRPC keeps its sockets to itself, so that a real RST can only come from somebody in between.
"""

from __future__ import annotations

import asyncio
import contextlib

from .wire import reset


class Relay:
    """Passes bytes between a port of its own and a server on loopback."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._pairs: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._behind = 0
        self.port = 0

    async def open(self, behind: int) -> None:
        """Listen on a free port, the first time, and on the same one later; pass everything on to port `behind`."""
        self._behind = behind
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, reuse_address=True)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Refuse new connections and reset the open ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self.reset_all()
        while self._pairs:
            await asyncio.gather(*self._pairs, return_exceptions=True)

    def reset_all(self) -> None:
        """Reset the open connections; new ones are still taken."""
        for task, writer in self._pairs.items():
            reset(writer.transport)
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._server is None:
            writer.close()
            return
        self._pairs[task] = writer
        inner: asyncio.StreamWriter | None = None
        try:
            back, inner = await asyncio.open_connection("127.0.0.1", self._behind)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass(reader, inner))
                both.create_task(_pass(back, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._pairs.pop(task, None)
            for side in (writer, inner):
                if side is not None:
                    side.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()
