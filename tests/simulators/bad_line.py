"""A bad line: a TCP proxy that cuts, stalls, slows and refuses connections at random, from a seed.

A cut comes in the middle of anything, as a reset or as an end; what was on its way is lost. Bytes are never changed:
TCP and TLS would not let that through either.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random

CHUNK = 4_096


@dataclass(slots=True)
class Faults:
    """How bad the line is. All zero: a good one."""

    cut_after_bytes: int = 20_000
    """On average, of both directions together; 0: never."""
    refuse: float = 0.1
    """Share of connections that are closed before anything came through."""
    hang: float = 0.02
    """Share of connections that are taken, and nothing ever comes through."""
    stall: float = 0.01
    """Share of chunks that come late."""
    longest_stall_s: float = 0.05


@dataclass(slots=True)
class LineCounts:
    """What has happened to connections."""

    connections: int = 0
    refused: int = 0
    hung: int = 0
    cut: int = 0
    stalls: int = 0
    chunks: int = 0


class BadLine:
    """A proxy to one port of this machine."""

    def __init__(self, port: int, random: Random, faults: Faults) -> None:
        """Nothing is connected before somebody comes; `port` may be set anew when the other end was begun again."""
        self.port = port
        self.faults = faults
        self.counts = LineCounts()
        self._random = random
        self._cut = False
        self._open: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Cut everything now, and let nothing through until `restore`."""
        self._cut = True
        for task in tuple(self._open):
            task.cancel()

    def restore(self) -> None:
        """Let connections through again."""
        self._cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, as long as the line lets it live."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.counts.connections += 1
        try:
            await self._connection(reader, writer)
        except asyncio.CancelledError:
            self.counts.cut += 1
        except OSError:
            pass  # one of the ends is gone
        finally:
            self._open.discard(task)
            _close(writer, reset=self._random.random() < 0.5)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        random, faults = self._random, self.faults
        if self._cut or random.random() < faults.refuse:
            self.counts.refused += 1
            return
        if random.random() < faults.hang:
            self.counts.hung += 1
            await reader.read(-1)
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.port)
        left = [random.expovariate(1 / faults.cut_after_bytes) if faults.cut_after_bytes else float("inf")]
        ways = [
            asyncio.create_task(self._way(reader, there_writer, left)),
            asyncio.create_task(self._way(there_reader, writer, left)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            _close(there_writer, reset=random.random() < 0.5)

    async def _way(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, left: list[float]) -> None:
        """Carry one direction until either end is gone or the line is cut."""
        random, counts = self._random, self.counts
        with suppress(OSError):
            while chunk := await source.read(CHUNK):
                counts.chunks += 1
                if random.random() < self.faults.stall:
                    counts.stalls += 1
                    await asyncio.sleep(random.random() * self.faults.longest_stall_s)
                left[0] -= len(chunk)
                if left[0] < 0:
                    counts.cut += 1
                    target.write(chunk[: random.randrange(len(chunk))])
                    await target.drain()
                    return
                target.write(chunk)
                await target.drain()


def _close(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        found = writer.get_extra_info("socket")
        if found is not None:
            with suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort() if reset else writer.close()


@asynccontextmanager
async def bad_line(port: int, random: Random, faults: Faults) -> AsyncIterator[tuple[BadLine, int]]:
    """Yield a line to `port`, and the port where it begins."""
    line = BadLine(port, random, faults)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    try:
        yield line, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        line.cut()
        await asyncio.sleep(0)
