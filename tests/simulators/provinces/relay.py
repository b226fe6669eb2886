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
        self._sides: set[asyncio.StreamWriter] = set()
        self._gone = asyncio.Event()
        self._behind = 0
        self.port = 0

    async def open(self, behind: int) -> None:
        """Listen on a free port, the first time, and on the same one later; pass everything on to port `behind`."""
        if self._server is None:
            self._behind = behind
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Refuse new connections and reset the open ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self.reset_all()
        while self._sides:
            self._gone.clear()
            await self._gone.wait()

    def reset_all(self) -> None:
        """Reset the open connections; new ones are still taken."""
        for side in self._sides:
            reset(side.transport)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sides = {writer}
        self._sides |= sides
        try:
            back, inner = await asyncio.open_connection("127.0.0.1", self._behind)
            sides.add(inner)
            self._sides.add(inner)
            if self._server is None:
                self.reset_all()
            await asyncio.gather(_pass(reader, inner), _pass(back, writer))
        except OSError:
            pass
        finally:
            for side in sides:
                side.close()
            self._sides -= sides
            self._gone.set()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()
