"""A process is asked in bounded time and space, whatever it answers."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.supervisor import ask as ask_module
from gateway.supervisor.ask import Page, ask
from gateway.supervisor.guard import _read
from gateway.web.pages import Check

from .world import LONG_S

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@pytest.fixture
def socket_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: the path of a socket must be short
        yield Path(folder) / "s"


@asynccontextmanager
async def answering(path: Path, answer: bytes, *, hang: bool = False) -> AsyncIterator[None]:
    """Answer every request with these bytes; then hang up, or not."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if hang:
            await over.wait()
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        over.set()
        server.close()
        await server.wait_closed()


async def test_a_page(socket_path: Path) -> None:
    async with answering(socket_path, HEAD + b"Content-Length: 3\r\n\r\nok\n"):
        assert await ask(socket_path, "/x", budget_s=LONG_S) == Page(200, "text/plain", b"ok\n")


@pytest.mark.parametrize("answer", [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\nok\n"])
async def test_one_that_does_not_end_is_not_waited_for(socket_path: Path, answer: bytes) -> None:
    async with answering(socket_path, answer, hang=True):
        assert await ask(socket_path, "/x", budget_s=0.05) is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00garbage\r\n\r\n",
        HEAD + b"Content-Length: 9\r\n\r\nok\n",
        HEAD + b"Content-Length: 9\r\n\r\n" + b"x" * 9,
        HEAD + b"Content-Length: x\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\n" + b"x" * 9 + b"\r\n0\r\n\r\n",
    ],
)
async def test_what_is_not_whole_or_too_long_is_nothing(
    socket_path: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_module, "MAX_PAGE_BYTES", 8)
    async with answering(socket_path, answer):
        assert await ask(socket_path, "/x", budget_s=LONG_S) is None


async def test_one_that_is_gone(socket_path: Path) -> None:
    assert await ask(socket_path, "/x", budget_s=LONG_S) is None


@pytest.mark.parametrize(
    ("status", "body", "state", "failing"),
    [
        (200, b'{"ready": true, "checks": {"a": "ok"}}', "ok", ()),
        (503, b'{"ready": true, "checks": {}}', "not_ready", ()),
        (200, b'{"ready": false, "checks": {"a": "bad", "b": "ok"}}', "not_ready", (Check("w.a", "bad"),)),
        (503, b'{"ready": false, "checks": {"a b": "bad", "a": "A person", "c": 1}}', "not_ready", ()),
        (200, b'{"ready": 1, "checks": {}}', "not_ready", ()),
        (200, b"", "not_ready", ()),
        (200, b"[]", "not_ready", ()),
        (200, b'{"ready": true}', "not_ready", ()),
        (200, b'{"ready": true, "checks": []}', "not_ready", ()),
        (200, b"[" * 100_000, "not_ready", ()),
    ],
)
def test_what_a_page_of_readiness_says(status: int, body: bytes, state: str, failing: tuple[Check, ...]) -> None:
    assert _read(Page(status, "application/json", body), "w") == (state, failing)
