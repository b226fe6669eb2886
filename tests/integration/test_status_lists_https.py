"""Status lists over mutual TLS on loopback: who asks is who her certificate says, large lists come in pieces."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
import trustme
from cryptography import x509

from gateway.rpc.callers import caller_of as grpc_caller_of
from gateway.web import server as server_module
from gateway.web.pages import Answer, Question
from gateway.web.peers import LOOPBACK, TlsUnusable, mutual_tls
from gateway.web.server import SECURITY_HEADERS, HttpServer
from gateway.web.status_lists import StatusListPages
from gateway.web.token_files import Made, TokenFiles, tag_of
from tests.integration.test_grpc_tls import Certificate, issued
from tests.unit.web.status_edge import Held

BODY = bytes(range(256)) * 40_000
"""10 MB: more than the sockets of both sides hold."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@dataclass
class Edge:
    port: int
    folder: Path
    authority: trustme.CA
    answered: list[tuple[str, str, int]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)

    def client_tls(self, client: Certificate | None) -> ssl.SSLContext:
        """Return how a client proves who it is."""
        context = ssl.create_default_context(cadata=self.authority.cert_pem.bytes().decode())
        if client is not None:
            (self.folder / "client.pem").write_bytes(client.chain + client.key)
            context.load_cert_chain(self.folder / "client.pem")
        return context

    async def ask(
        self, path: str, tls: ssl.SSLContext, *, method: str = "GET", **headers: str
    ) -> aiohttp.ClientResponse:
        """Return a whole answer."""
        async with aiohttp.ClientSession() as session:
            found = await session.request(method, f"https://127.0.0.1:{self.port}{path}", ssl=tls, headers=headers)
            await found.read()
            return found

    async def counted(self) -> None:
        """Wait until an answer was counted: a list is, once its last piece was sent, which may be after it arrived."""
        async with asyncio.timeout(10):
            while not self.answered:  # noqa: ASYNC110 what is waited for has no event
                await asyncio.sleep(0.01)


def server_files(folder: Path, authority: trustme.CA) -> tuple[Path, Path, Path]:
    server = authority.issue_cert("127.0.0.1")
    files = (folder / "chain.pem", folder / "key.pem", folder / "clients.pem")
    files[0].write_bytes(b"".join(pem.bytes() for pem in server.cert_chain_pems))
    files[1].write_bytes(server.private_key_pem.bytes())
    files[2].write_bytes(authority.cert_pem.bytes())
    return files


@pytest.fixture
async def edge(tmp_path: Path, authority: trustme.CA) -> AsyncIterator[Edge]:
    async def make(_: tuple[str, str], into: Path) -> Made:
        await asyncio.to_thread(into.write_bytes, BODY)
        return Made(1, Held().digest)

    def enrolled(name: str) -> bool:
        found.callers.append(name)
        return name == "gw.hi.example"

    found = Edge(0, tmp_path, authority)
    tokens = TokenFiles(tmp_path / "tokens", make, failed=found.failures.append)
    pages = StatusListPages(
        lists=lambda: [Held()], tokens=tokens, enrolled=enrolled, base="https://lists.gw.example", ttl_s=60
    )
    server = HttpServer(
        pages,
        answered=lambda method, route, status, _: found.answered.append((method, route, status)),
        failed=found.failures.append,
    )
    found.port = await server.start("127.0.0.1", 0, mutual_tls(*server_files(tmp_path, authority)))
    yield found
    await server.stop()
    await tokens.close()


@pytest.fixture
def enrolled(authority: trustme.CA) -> Certificate:
    return issued(authority, "", x509.DNSName("gw.hi.example"))


async def test_a_list_comes_whole_with_the_headers_of_every_answer(edge: Edge, enrolled: Certificate) -> None:
    found = await edge.ask("/gz/1", edge.client_tls(enrolled))
    assert (found.status, await found.read()) == (200, BODY)
    assert found.headers["Content-Type"] == "application/statuslist+jwt"
    assert found.headers["ETag"] == tag_of(1, Held().digest)
    assert int(found.headers["Content-Length"]) == len(BODY)
    assert {name: found.headers[name] for name in SECURITY_HEADERS} == {
        **SECURITY_HEADERS, "Cache-Control": "private, max-age=60"
    }  # fmt: skip
    await edge.counted()
    assert edge.answered == [("GET", "/status-lists/list", 200)]
    assert edge.failures == []


async def test_head_and_tag_come_without_a_body(edge: Edge, enrolled: Certificate) -> None:
    tls = edge.client_tls(enrolled)
    head = await edge.ask("/gz/1", tls, method="HEAD")
    assert (head.status, await head.read(), int(head.headers["Content-Length"])) == (200, b"", len(BODY))
    again = await edge.ask("/gz/1", tls, **{"If-None-Match": head.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


NAMES = [
    ("cn", (x509.DNSName("gate.example"), x509.UniformResourceIdentifier("spiffe://h/gate")), "spiffe://h/gate"),
    ("cn", (x509.RFC822Name("a@b.example"), x509.DNSName("gate.example")), "gate.example"),
    ("Guizhou province", (), "Guizhou province"),
    ("Guizhou province", (x509.RFC822Name("a@b.example"),), "Guizhou province"),
    ("cn", (x509.UniformResourceIdentifier("spiffe://" + "a" * 300), x509.DNSName("gate.example")), "gate.example"),
]


@pytest.mark.parametrize(("common_name", "names", "caller"), NAMES)
async def test_the_caller_is_read_off_as_on_the_grpc_edge(
    edge: Edge, authority: trustme.CA, common_name: str, names: tuple[x509.GeneralName, ...], caller: str
) -> None:
    found = await edge.ask("/gz/1", edge.client_tls(issued(authority, common_name, *names)))
    assert (found.status, edge.callers) == (403, [caller])
    as_grpc_tells = {
        "transport_security_type": [b"ssl"],
        "peer_uri": [one.value.encode() for one in names if isinstance(one, x509.UniformResourceIdentifier)],
        "peer_dns": [one.value.encode() for one in names if isinstance(one, x509.DNSName)],
        "x509_common_name": [common_name.encode()],
    }
    assert grpc_caller_of(as_grpc_tells, "ipv4:127.0.0.1:9").caller_id == caller


async def test_a_certificate_without_a_name_is_nobody(edge: Edge, authority: trustme.CA) -> None:
    found = await edge.ask("/status-lists", edge.client_tls(issued(authority, "", x509.RFC822Name("a@b.example"))))
    assert (found.status, edge.callers) == (403, [])


async def refused(edge: Edge, tls: ssl.SSLContext) -> None:
    with pytest.raises(aiohttp.ClientError):
        await edge.ask("/status-lists", tls)
    assert (edge.answered, edge.callers) == ([], [])


async def test_without_a_certificate_nobody_gets_in(edge: Edge) -> None:
    await refused(edge, edge.client_tls(None))


async def test_a_certificate_of_another_authority_is_none(edge: Edge) -> None:
    await refused(edge, edge.client_tls(issued(trustme.CA(), "", x509.DNSName("gw.hi.example"))))


async def test_old_tls_is_refused(edge: Edge, enrolled: Certificate) -> None:
    tls = edge.client_tls(enrolled)
    tls.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    await refused(edge, tls)


async def test_plain_text_to_the_edge_is_hung_up_on(edge: Edge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    writer.write(b"GET /status-lists HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(10):
        assert b"HTTP" not in await reader.read()
    writer.close()
    assert edge.answered == []


async def test_a_hand_shake_that_does_not_come_is_hung_up_on(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_S", 0.05)
    server = HttpServer(Echo(), answered=lambda *_: None, failed=lambda _: None)
    port = await server.start("127.0.0.1", 0, mutual_tls(*server_files(tmp_path, authority)))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    await server.stop()


async def narrow(edge: Edge, client: Certificate) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for the list over a connection that takes little at a time, and read the first line of the answer."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", edge.port))
    reader, writer = await asyncio.open_connection(
        sock=narrow, ssl=edge.client_tls(client), server_hostname="127.0.0.1", limit=4_096
    )
    writer.write(b"GET /gz/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    return reader, writer


async def test_whoever_goes_away_half_way_harms_nobody(edge: Edge, enrolled: Certificate) -> None:
    _, writer = await narrow(edge, enrolled)
    writer.transport.abort()
    await edge.counted()
    assert (await edge.ask("/gz/1", edge.client_tls(enrolled))).status == 200
    assert edge.failures == []


async def test_whoever_takes_a_list_too_slowly_is_hung_up_on(
    edge: Edge, enrolled: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SEND_S", 0.2)
    reader, writer = await narrow(edge, enrolled)
    await edge.counted()
    async with asyncio.timeout(10):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(BODY))
    writer.transport.abort()
    assert edge.failures == []


class Echo:
    """Answers with who asks."""

    async def answer(self, question: Question) -> Answer:
        return Answer("other", HTTPStatus.OK, question.caller.encode())


async def test_in_plain_text_everybody_is_the_loopback_caller() -> None:
    server = HttpServer(Echo(), answered=lambda *_: None, failed=lambda _: None)
    port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/x") as found:
        assert await found.text() == LOOPBACK
    await server.stop()


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("wrong", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_files_that_cannot_be_used(tmp_path: Path, authority: trustme.CA, part: int, wrong: bytes | None) -> None:
    files = server_files(tmp_path, authority)
    if wrong is None:
        files[part].unlink()
    else:
        files[part].write_bytes(wrong)
    with pytest.raises(TlsUnusable):
        mutual_tls(*files)
