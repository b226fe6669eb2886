"""The listening sockets of the HTTP edge, their caps, and the headers of every answer.

Rules:

- aiohttp's plain server, without its router and its error pages: those repeat what was sent.
- Request line and each header at most 2 KiB, 32 headers, no body; 64 connections; the first request within 10 s.
- Over TLS a hand-shake has 10 s; who asks is read off the certificate (peers.py), never off the request.
- A large answer is sent from its file in pieces, and has five minutes.
- Every answer, errors too, has the same security headers and tells neither software nor version.
- The access log is an event: method, page, status, duration. No query, no body, no address.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from aiohttp import web

from .pages import TEXT, Answer, Question
from .peers import NOBODY, caller_of

MAX_LINE: Final = 2_048
MAX_HEADERS: Final = 32
MAX_CONNECTIONS: Final = 64
FIRST_REQUEST_S: Final = 10.0
HANDSHAKE_S: Final = 10.0
KEEPALIVE_S: Final = 75.0
SEND_S: Final = 300.0
"""The largest list, 64 MiB, over a line of 2 Mbit/s."""
_PIECE: Final = 64 * 1024

SECURITY_HEADERS: Final = {
    "Server": "hcgw",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Answered = Callable[[str, str, int, float], None]
"""Told of each answer: method (GET, HEAD or other), page, status, seconds."""

VouchedFor = Callable[[str, bytes], bool]
"""Tells whether a name is that of whoever showed a certificate."""
Failed = Callable[[BaseException], None]
"""Told of a fault of ours; the caller only learns that there was one."""


class Answers(Protocol):
    """Who knows the answers: `Pages`, or another set of pages."""

    async def answer(self, question: Question) -> Answer:
        """Return the answer to `question`; 404 and its like are answers too."""
        ...


def response(answer: Answer) -> web.Response:
    """Return `answer` with the headers that every answer has."""
    headers = SECURITY_HEADERS | {"Content-Type": answer.content_type} | dict(answer.headers)
    return web.Response(status=answer.status, body=answer.body, headers=headers)


class _Connection(web.RequestHandler):
    """One connection: capped, impatient, and without aiohttp's own error pages."""

    __slots__ = ("asked",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.asked = False
        asyncio.get_running_loop().call_later(FIRST_REQUEST_S, self._close_if_silent, transport)

    def _close_if_silent(self, transport: asyncio.BaseTransport) -> None:
        if not self.asked:
            transport.close()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 the library's signature
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        found = response(Answer("other", HTTPStatus(status), f"{HTTPStatus(status).phrase}\n".encode(), TEXT))
        found.force_close()
        return found


class HttpServer:
    """Serves `pages` on one address, or on one socket of the machine's own."""

    def __init__(
        self, pages: Answers, *, answered: Answered, failed: Failed, vouched_for: VouchedFor | None = None
    ) -> None:
        """Take what is served. Over TLS, who is not `vouched_for`, by name and certificate (DER), is nobody."""
        self._pages = pages
        self._vouched_for = vouched_for
        self._answered = answered
        self._failed = failed
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen, and return the port (the system's choice if `port` is 0). Raises OSError if the address is taken.

        `tls` is that of `peers.mutual_tls`; without it in plaintext.
        """
        runner = await self._run()
        site = web.TCPSite(runner, host, port) if tls is None else _TlsSite(runner, host, port, ssl_context=tls)
        await site.start()
        found: int = runner.addresses[0][1]
        return found

    async def start_unix(self, path: Path) -> None:
        """Listen on a Unix socket, in the place of one that a dead process left. Its folder says who may reach it.

        Raises: OSError if it cannot be made.
        """
        runner = await self._run()
        await web.UnixSite(runner, path).start()

    async def stop(self) -> None:
        """Stop listening and close all connections, giving open answers a second."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _run(self) -> web.ServerRunner:
        self._runner = web.ServerRunner(_Server(self._handle), shutdown_timeout=1.0)
        await self._runner.setup()
        return self._runner

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        if isinstance(request.protocol, _Connection):
            request.protocol.asked = True
        try:
            question = Question(
                method=request.method,
                path=request.path,
                accept=request.headers.get("Accept", ""),
                if_none_match=request.headers.get("If-None-Match", ""),
                has_body=request.body_exists,
                query=request.query_string,
                caller=_caller(request.transport, self._vouched_for),
            )
            answer = await self._pages.answer(question)
        except Exception as exc:  # noqa: BLE001 the edge: whatever it is, its text must not get out
            self._failed(exc)
            answer = Answer("other", HTTPStatus.INTERNAL_SERVER_ERROR, b"Internal Server Error\n")
        method = request.method if request.method in {"GET", "HEAD"} else "other"
        try:
            found = response(answer) if answer.file is None else await _sent(request, answer, answer.file)
        finally:
            self._answered(method, answer.route, answer.status, time.perf_counter() - started)
        if request.body_exists:
            found.force_close()
        return found


async def _sent(request: web.BaseRequest, answer: Answer, file: BinaryIO) -> web.StreamResponse:
    """Send an answer from its file, and close the file. A caller who takes too long, or goes away, is hung up on."""
    headers = SECURITY_HEADERS | {"Content-Type": answer.content_type} | dict(answer.headers)
    found = web.StreamResponse(status=answer.status, headers=headers)
    with file:
        found.content_length = os.fstat(file.fileno()).st_size
        try:
            async with asyncio.timeout(SEND_S):
                await found.prepare(request)
                while request.method != "HEAD" and (piece := await asyncio.to_thread(file.read, _PIECE)):
                    await found.write(piece)
                await found.write_eof()
        except (TimeoutError, OSError):
            if request.transport is not None:
                request.transport.abort()
    return found


def _caller(transport: asyncio.Transport | None, vouched_for: VouchedFor | None) -> str:
    if transport is None:
        return NOBODY
    tell = transport.get_extra_info
    tls = tell("ssl_object")
    name = caller_of(tell("peercert"), tell("peername"), encrypted=tls is not None)
    if tls is None or vouched_for is None or not name:
        return name
    return name if vouched_for(name, tls.getpeercert(binary_form=True) or b"") else NOBODY


class _TlsSite(web.TCPSite):
    """A listening socket that gives a hand-shake no more than its time: the library's own gives it a minute."""

    async def start(self) -> None:
        """Listen."""
        await web.BaseSite.start(self)
        assert self._runner.server is not None  # noqa: S101 it was set up before
        self._server = await asyncio.get_running_loop().create_server(
            self._runner.server,
            self._host,
            self._port,
            ssl=self._ssl_context,
            ssl_handshake_timeout=HANDSHAKE_S,
            ssl_shutdown_timeout=1.0,
            backlog=self._backlog,
        )


class _Server(web.Server):
    """Makes connections of our kind, up to the cap."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(handler)
        self._silent = logging.getLogger("gateway.web.silent")
        self._silent.disabled = True

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=KEEPALIVE_S,
            logger=self._silent,
            access_log=self._silent,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            max_headers=MAX_HEADERS,
            lingering_time=1.0,
            auto_decompress=False,
        )

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Note a connection; hang up on one too many."""
        super().connection_made(handler, transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
