"""A site that serves plain Token Status Lists on a loopback port, well or in one of the ways that sites fail.

It speaks HTTP by hand, so that it can be wrong in every way; over TLS if it is given a context.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

JWT: Final = "application/statuslist+jwt"
CWT: Final = "application/statuslist+cwt"


class Manner(StrEnum):
    """How a site answers."""

    WELL = "well"
    HANG = "hang"
    """Takes the request, and says nothing."""
    DRIP = "drip"
    """Promises the list, and sends a byte now and then."""
    RESET = "reset"
    """Sends half of it, and resets the connection."""
    CUT = "cut"
    """Sends half of it, and closes as if that were all."""
    ENDLESS = "endless"
    """Sends without an end, in chunks."""
    PROMISE = "promise"
    """Promises a terabyte."""
    GARBAGE = "garbage"
    """Speaks no HTTP."""
    COMPRESSED = "compressed"
    MOVED = "moved"
    ERROR = "error"
    ALWAYS_SAME = "always_same"
    """304, whatever is asked."""


@dataclass
class TokenListSite:
    """A site and what it serves."""

    token: bytes = b""
    media_type: str = JWT
    tag: str | None = '"1"'
    manner: Manner = Manner.WELL
    port: int = 0
    requests: list[str] = field(default_factory=list)
    """Each as it came."""
    sent: int = 0
    """Bytes of the last body."""
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a port of the system's choice."""
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody, and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                while True:
                    request = (await reader.readuntil(b"\r\n\r\n")).decode()
                    self.requests.append(request)
                    if not await self._answer(request, writer):
                        break
        finally:
            self._open.discard(task)
            writer.transport.abort() if self.manner is Manner.RESET else writer.close()

    async def _answer(self, request: str, writer: asyncio.StreamWriter) -> bool:
        """Answer one request. Returns whether the connection goes on."""
        self.sent = 0
        if self.manner is Manner.HANG:
            await asyncio.Event().wait()
        if self.manner is Manner.GARBAGE:
            writer.write(b"\x16\x03 no HTTP\r\n\r\n")
            return False
        status, headers, body = self._whole(request)
        if self.manner is Manner.ENDLESS:
            writer.write(f"HTTP/1.1 {status}\r\n{headers}Transfer-Encoding: chunked\r\n\r\n".encode())
            while True:
                await self._send(writer, b"10000\r\n" + b"A" * 65_536 + b"\r\n")
        length = 1 << 40 if self.manner is Manner.PROMISE else len(body)
        writer.write(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n".encode())
        if self.manner in (Manner.RESET, Manner.CUT):
            await self._send(writer, body[: len(body) // 2])
            return False
        if self.manner is Manner.DRIP:
            for place in range(len(body)):
                await self._send(writer, body[place : place + 1])
                await asyncio.sleep(0.02)
        await self._send(writer, body)
        return True

    def _whole(self, request: str) -> tuple[str, str, bytes]:
        """Return status, headers and body of an answer."""
        headers = f"Content-Type: {self.media_type}\r\n"
        if self.tag is not None:
            headers += f"ETag: {self.tag}\r\n"
        same = self.tag is not None and f"If-None-Match: {self.tag}\r\n" in request
        match self.manner:
            case Manner.ERROR:
                return "500 Oops", "Content-Type: text/html\r\n", b"Traceback: a name"
            case Manner.MOVED:
                return "302 Found", f"Location: http://127.0.0.1:{self.port}/elsewhere\r\n", b""
            case Manner.COMPRESSED:
                return "200 OK", f"{headers}Content-Encoding: gzip\r\n", gzip.compress(self.token)
            case Manner.ALWAYS_SAME:
                return "304 Not Modified", headers, b""
            case Manner.WELL if same:
                return "304 Not Modified", headers, b""
        return "200 OK", headers, self.token

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        self.sent += len(data)
