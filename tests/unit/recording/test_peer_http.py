"""Asking a peer over a real socket: what is there, what is not, and every way in which it can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.recording.peer_http import PeerHttp, PeerUnreachable


@pytest.fixture
async def answers() -> AsyncIterator[dict[bytes, bytes]]:
    """Give a server's answers by path; its port is under b"port"."""
    found: dict[bytes, bytes] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
        if asked in found:
            writer.write(found[asked])
            await writer.drain()
            writer.close()
        else:  # says nothing, for as long as it is waited for
            await reader.read()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found[b"port"] = str(server.sockets[0].getsockname()[1]).encode()
    yield found
    server.close()
    await server.wait_closed()


def page(status: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def asked(answers: dict[bytes, bytes], path: str, *, time_limit_s: float = 20.0) -> bytes | None:
    http = PeerHttp(f"http://127.0.0.1:{answers[b'port'].decode()}", None, time_limit_s=time_limit_s)
    try:
        return await http.get(path, 10)
    finally:
        await http.close()
        await http.close()


async def test_what_is_there_and_what_is_not(answers: dict[bytes, bytes]) -> None:
    answers[b"/there"] = page(b"200 OK", b"1234567890")
    answers[b"/not"] = page(b"404 Not Found")
    assert await asked(answers, "/there") == b"1234567890"
    assert await asked(answers, "/not") is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (page(b"200 OK", b"12345678901"), "too_large"),
        (page(b"302 Found\r\nLocation: /there"), "bad_status"),
        (page(b"500 Oh"), "bad_status"),
        (b"nonsense\r\n\r\n", "unreachable"),
        (b"", "unreachable"),
    ],
)
async def test_what_can_go_wrong(answers: dict[bytes, bytes], answer: bytes, why: str) -> None:
    answers[b"/it"] = answer
    with pytest.raises(PeerUnreachable) as caught:
        await asked(answers, "/it")
    assert caught.value.why == why


async def test_nobody_is_waited_for_longer_than_a_look_may_take(answers: dict[bytes, bytes]) -> None:
    with pytest.raises(PeerUnreachable) as caught:
        await asked(answers, "/silent", time_limit_s=0.05)
    assert caught.value.why == "timed_out"


async def test_an_address_without_anybody() -> None:
    http = PeerHttp("http://127.0.0.1:1", None)
    with pytest.raises(PeerUnreachable) as caught:
        await http.get("/", 10)
    await http.close()
    assert caught.value.why == "unreachable"
