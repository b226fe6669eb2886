"""The HTTP edge: four pages, nothing else, and nothing repeated of what was sent."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.web import server as server_module
from gateway.web.pages import Check, Pages
from gateway.web.server import MAX_CONNECTIONS, MAX_HEADERS, MAX_LINE, SECURITY_HEADERS, HttpServer

CANARY = "Canary-330102199001011234"
PAGES = ("/metrics", "/livez", "/readyz", "/.well-known/jwks.json")


@dataclass
class Edge:
    """A running server and what it was told and tells."""

    port: int = 0
    checks: tuple[Check, ...] = (Check("trust", "ok"), Check("grpc", "ok"))
    key_set: bytes = b'{"keys":[]}'
    broken: Exception | None = None
    answered: list[tuple[str, str, int]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def metrics(self, accept: str) -> tuple[bytes, str]:
        if self.broken is not None:
            raise self.broken
        return b"up 1\n", "application/openmetrics-text" if "openmetrics" in accept else "text/plain; version=0.0.4"

    async def raw(self, sent: bytes) -> bytes:
        """Send bytes, and return all that comes until the server hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    async def ask(self, path: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *map(": ".join, headers.items())]
        head, _, body = (await self.raw("\r\n".join([*lines, "", ""]).encode())).partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    found = Edge()
    pages = Pages(metrics=found.metrics, checks=lambda: found.checks, key_set=lambda: found.key_set)
    server = HttpServer(
        pages,
        answered=lambda method, route, status, _: found.answered.append((method, route, status)),
        failed=found.failures.append,
    )
    found.port = await server.start("127.0.0.1", 0)
    yield found
    await server.stop()


@pytest.mark.parametrize("path", PAGES)
async def test_each_page_answers_with_the_security_headers(edge: Edge, path: str) -> None:
    status, headers, body = await edge.ask(path)
    assert status == 200
    assert body
    assert {name: headers[name] for name in SECURITY_HEADERS if name != "Cache-Control"} == {
        name: value for name, value in SECURITY_HEADERS.items() if name != "Cache-Control"
    }
    assert headers["Cache-Control"] == ("public, max-age=300" if "jwks" in path else "no-store")
    assert edge.answered == [("GET", path, 200)]


@pytest.mark.parametrize("path", PAGES)
async def test_head_has_headers_and_no_body(edge: Edge, path: str) -> None:
    status, headers, body = await edge.ask(path, method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


async def test_ready_is_asked_anew_each_time(edge: Edge) -> None:
    for checks, status in (
        ((Check("trust", "ok"),), 200),
        ((Check("trust", "expired"), Check("grpc", "ok")), 503),
        ((Check("trust", "ok"), Check("grpc", "ok")), 200),
    ):
        edge.checks = checks
        found, _, body = await edge.ask("/readyz")
        assert found == status
        assert json.loads(body) == {"ready": status == 200, "checks": {check.name: check.state for check in checks}}
    edge.checks = (Check("trust", "expired"),)
    assert (await edge.ask("/livez"))[0] == 200


async def test_the_key_set_is_cached_by_its_tag(edge: Edge) -> None:
    _, headers, body = await edge.ask("/.well-known/jwks.json")
    assert (headers["Content-Type"], body) == ("application/jwk-set+json", edge.key_set)
    tag = {"If-None-Match": f'"other", W/{headers["ETag"]}'}
    status, again, nothing = await edge.ask("/.well-known/jwks.json", **tag)
    assert (status, again["ETag"], nothing) == (304, headers["ETag"], b"")
    edge.key_set = b'{"keys":[{}]}'
    status, changed, body = await edge.ask("/.well-known/jwks.json", **tag)
    assert (status, body) == (200, edge.key_set)
    assert changed["ETag"] != headers["ETag"]


async def test_metrics_in_the_form_that_is_asked_for(edge: Edge) -> None:
    assert (await edge.ask("/metrics"))[1]["Content-Type"] == "text/plain; version=0.0.4"
    openmetrics = await edge.ask("/metrics", Accept="application/openmetrics-text")
    assert openmetrics[1]["Content-Type"] == "application/openmetrics-text"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", f"/{CANARY}", 404),
        ("GET", "/metrics/", 404),
        ("GET", "//metrics", 404),
        ("GET", "/../metrics", 404),
        ("GET", f"/livez?{CANARY}", 200),
        ("POST", "/metrics", 405),
        ("DELETE", "/readyz", 405),
        ("OPTIONS", "/livez", 405),
        ("TRACE", "/livez", 405),
        ("POST", "/", 404),
    ],
)
async def test_everything_else_is_refused_and_not_repeated(edge: Edge, method: str, path: str, status: int) -> None:
    found, headers, body = await edge.ask(path, method=method, Cookie=CANARY)
    assert found == status
    assert CANARY not in f"{headers}{body!r}{edge.answered}"
    assert headers["X-Content-Type-Options"] == "nosniff"
    if status == 405:
        assert headers["Allow"] == "GET, HEAD"
    assert edge.failures == []


@pytest.mark.parametrize(
    "sent",
    [
        f"{CANARY}\r\n\r\n",
        f"GET /livez {CANARY}\r\n\r\n",
        f"GET /livez HTTP/1.1\r\nHost: x\r\n{CANARY}\r\n\r\n",
        f"GET /livez HTTP/1.1\r\nHost: x\r\nA{CANARY}\x00: {CANARY}\r\n\r\n",
        f"GET /livez HTTP/1.1\r\nHost: x\r\nA: \x00{CANARY}\r\n\r\n",
        f"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: {CANARY}\r\n\r\n",
        f"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}",
        f"GET http://[{CANARY}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        f"GET /{CANARY + 'x' * MAX_LINE} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /livez HTTP/1.1\r\nHost: x\r\nA: {CANARY + 'x' * MAX_LINE * 2}\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: x\r\n" + f"A: {CANARY}\r\n" * (MAX_HEADERS + 1) + "\r\n",
        f"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03{CANARY}",
        f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{CANARY}",
    ],
)
async def test_malformed_requests_are_refused_and_not_repeated(edge: Edge, sent: str) -> None:
    answer = await edge.raw(sent.encode("latin-1"))
    assert answer.split(b" ")[1][:1] == b"4"
    assert CANARY.encode() not in answer
    assert b"aiohttp" not in answer
    assert b"X-Content-Type-Options: nosniff" in answer
    assert CANARY not in str(edge.answered)
    assert (await edge.ask("/livez"))[0] == 200


@pytest.mark.parametrize(
    "body", ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
async def test_a_body_is_refused_and_the_connection_closed(edge: Edge, body: str) -> None:
    answer = await edge.raw(f"GET /livez HTTP/1.1\r\nHost: x\r\n{body}".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_fault_of_ours_is_told_to_us_alone(edge: Edge) -> None:
    edge.broken = KeyError(CANARY)
    status, headers, body = await edge.ask("/metrics", Accept="text/html")
    assert (status, body) == (500, b"Internal Server Error\n")
    assert CANARY not in f"{headers}{body!r}"
    assert edge.failures == [edge.broken]
    assert (await edge.ask("/livez"))[0] == 200


async def test_silent_connections_are_closed(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "FIRST_REQUEST_S", 0.05)
    assert await edge.raw(b"") == b""
    assert await edge.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\nSlow: ") == b""


async def test_connections_are_capped_and_others_served_again(edge: Edge) -> None:
    held = [await asyncio.open_connection("127.0.0.1", edge.port) for _ in range(MAX_CONNECTIONS)]
    for reader, writer in held:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert await edge.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    for _, writer in held:
        writer.close()
    async with asyncio.timeout(10):
        while not await edge.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
            pass


async def test_one_connection_can_ask_many_times(edge: Edge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    for _ in range(3):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(3) == b"ok\n"
    writer.close()


async def test_an_address_that_is_taken_is_an_error(edge: Edge) -> None:
    pages = Pages(metrics=edge.metrics, checks=lambda: (), key_set=bytes)
    other = HttpServer(pages, answered=lambda *_: None, failed=edge.failures.append)
    with pytest.raises(OSError, match="address already in use"):
        await other.start("127.0.0.1", edge.port)
    await other.stop()


async def test_a_socket_of_the_machine_itself(tmp_path: Path) -> None:
    found = Edge()
    pages = Pages(metrics=found.metrics, checks=lambda: found.checks, key_set=lambda: found.key_set)
    server = HttpServer(pages, answered=lambda *_: None, failed=found.failures.append)
    path = tmp_path / "edge.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    await server.start_unix(path)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"ok\n")
    await server.stop()


async def test_a_socket_that_cannot_be_made(tmp_path: Path) -> None:
    server = HttpServer(
        Pages(metrics=lambda _: (b"", ""), checks=tuple, key_set=bytes), answered=lambda *_: None, failed=lambda _: None
    )
    with pytest.raises(OSError, match=r"."):
        await server.start_unix(tmp_path / "absent" / "edge.sock")
    await server.stop()
