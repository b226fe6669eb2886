"""A plain list all the way: served over mutual TLS, followed, kept in a file, read where a gate asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from gateway.changes import Listed, ListName
from gateway.follow.token_list_fetch import client_tls
from gateway.follow.token_list_source import SourceInvalid, TokenListRefusal, TokenListSource
from gateway.follow.token_lists import TokenListFollower
from gateway.formats import status_list, status_list_jwt
from gateway.held.mapped_lists import MappedLists
from gateway.keeper.token_list_files import TokenListFiles
from gateway.values import CodeState, Instant, StatusPointer
from gateway.web.peers import mutual_tls
from gateway.web.server import HttpServer
from gateway.web.status_lists import StatusListPages
from gateway.web.token_files import Made, TokenFiles, list_id
from tests.conftest import NOON, FakeClock
from tests.integration.test_grpc_tls import issued
from tests.integration.test_status_lists_https import server_files
from tests.unit.follow.token_list_world import ISSUER, KEY, NAME, OTHER, URI, Watched, trusted
from tests.unit.web.status_edge import Held

PEOPLE = 100_000


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@dataclass
class Publisher:
    """A gateway that holds a province's list, and serves it to whoever is enrolled."""

    folder: Path
    words: bytearray = field(default_factory=lambda: bytearray(PEOPLE // 2))
    held: Held = field(default_factory=lambda: Held(NAME))
    issued: Instant = NOON
    port: int = 0
    answered: list[int] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def turn(self, index: int, word: int) -> None:
        """Let a place read a word, one second later."""
        shift = index % 2 * 4
        self.words[index // 2] = self.words[index // 2] & ~(0xF << shift) | word << shift
        self.held = replace(self.held, number=self.held.number + 1)
        self.issued = Instant(self.issued + 1)

    async def make(self, _: tuple[str, str], into: Path) -> Made:
        token = status_list_jwt.write(
            uri=URI,
            bits=4,
            packed=status_list.pack([bytes(self.words)], level=6),
            issue_time=self.issued,
            expire_time=Instant(self.issued + 900),
            ttl=60,
            issuer=ISSUER,
            key_id=KEY.key_id,
            algorithm=KEY.algorithm,
            sign=KEY.sign,
        )
        await asyncio.to_thread(into.write_bytes, token)
        return Made(self.held.number, self.held.digest)


@pytest.fixture
async def publisher(tmp_path: Path, authority: trustme.CA) -> AsyncIterator[Publisher]:
    found = Publisher(tmp_path)
    tokens = TokenFiles(tmp_path / "tokens", found.make, failed=found.failures.append, every_s=0)
    pages = StatusListPages(
        lists=lambda: [found.held],
        tokens=tokens,
        enrolled=lambda name: name == "gw.hi.example",
        base="https://x",
        ttl_s=60,
    )
    server = HttpServer(
        pages, answered=lambda _, __, status, ___: found.answered.append(status), failed=found.failures.append
    )
    found.port = await server.start("127.0.0.1", 0, mutual_tls(*server_files(tmp_path, authority)))
    yield found
    await server.stop()
    await tokens.close()
    assert found.failures == []


@dataclass
class Gate:
    """A gateway that follows the list."""

    publisher: Publisher
    authority: trustme.CA
    clock: FakeClock
    watched: Watched = field(default_factory=Watched)
    client: str = "gw.hi.example"
    files: TokenListFiles | None = None
    follower: TokenListFollower | None = None

    async def start(self) -> None:
        """Start, as after a restart too."""
        folder = self.publisher.folder
        certificate = issued(self.authority, "", x509.DNSName(self.client))
        for name, content in (("c.pem", certificate.chain), ("k.pem", certificate.key), ("a.pem", self.ca())):
            (folder / name).write_bytes(content)
        self.files = TokenListFiles(folder / "followed", [NAME], self.clock())
        self.follower = TokenListFollower(
            TokenListSource(NAME, f"https://127.0.0.1:{self.publisher.port}/status-lists/{list_id(NAME)}"),
            trust=trusted,
            sink=self.files,
            folder=folder,
            clock=self.clock,
            tls=client_tls(folder / "a.pem", folder / "c.pem", folder / "k.pem"),
            observer=self.watched,
            chance=lambda: 0.0,
        )

    def ca(self) -> bytes:
        return self.authority.cert_pem.bytes()

    async def refresh(self) -> object:
        """Follow once, and return what was told of it."""
        assert self.follower is not None
        await self.follower.refresh()
        return self.watched.told[-1]

    async def stop(self) -> None:
        if self.follower is not None and self.files is not None:
            await self.follower.close()
            self.files.close()
        self.follower = self.files = None

    def look_up(self, index: int, uri: str = URI) -> Listed | None:
        """Ask as a worker does."""
        return MappedLists(self.publisher.folder / "followed").look_up(ISSUER, StatusPointer(uri, index), self.clock())


@pytest.fixture
async def gate(publisher: Publisher, authority: trustme.CA, clock: FakeClock) -> AsyncIterator[Gate]:
    found = Gate(publisher, authority, clock)
    await found.start()
    yield found
    await found.stop()


async def test_a_red_of_another_province_reaches_the_gate(publisher: Publisher, gate: Gate) -> None:
    assert gate.look_up(7) is None
    assert await gate.refresh() == ("taken", PEOPLE)
    assert gate.look_up(7) == Listed(CodeState.GREEN, NOON)
    assert gate.look_up(PEOPLE) == Listed(CodeState.UNKNOWN, NOON)
    publisher.turn(7, 0xD)
    assert await gate.refresh() == ("taken", PEOPLE)
    assert gate.look_up(7) == Listed(CodeState.RED, Instant(NOON + 1))
    assert gate.look_up(6) == Listed(CodeState.GREEN, Instant(NOON + 1))
    assert await gate.refresh() == ("unchanged", None)
    async with asyncio.timeout(10):
        while len(publisher.answered) < 3:  # noqa: ASYNC110 a list is counted once sent, which may be after it arrived
            await asyncio.sleep(0.01)
    assert sorted(publisher.answered) == [200, 200, 304]


async def test_after_a_restart_it_is_there_at_once_and_nothing_older_is_taken(publisher: Publisher, gate: Gate) -> None:
    publisher.turn(7, 0xD)
    await gate.refresh()
    await gate.stop()
    await gate.start()
    assert gate.look_up(7) == Listed(CodeState.RED, Instant(NOON + 1))
    publisher.words, publisher.issued, publisher.held = bytearray(PEOPLE // 2), NOON, Held(NAME, 9)
    assert await gate.refresh() == ("refused", TokenListRefusal.ROLLED_BACK)
    assert gate.look_up(7) == Listed(CodeState.RED, Instant(NOON + 1))


async def test_past_its_end_it_says_nothing_though_it_is_restarted(publisher: Publisher, gate: Gate) -> None:
    await gate.refresh()
    await gate.stop()
    gate.clock.advance(900)
    await gate.start()
    assert await gate.refresh() == ("refused", TokenListRefusal.EXPIRED)
    assert gate.look_up(7) is None
    publisher.turn(7, 0xC)
    publisher.issued = gate.clock.now
    assert await gate.refresh() == ("taken", PEOPLE)
    assert gate.look_up(7) == Listed(CodeState.YELLOW, gate.clock.now)


async def test_who_is_not_enrolled_gets_no_list(gate: Gate) -> None:
    await gate.stop()
    gate.client = "gw.nobody.example"
    await gate.start()
    assert await gate.refresh() == ("refused", TokenListRefusal.BAD_STATUS)


async def test_a_site_of_another_authority_is_not_spoken_to(publisher: Publisher, gate: Gate) -> None:
    await gate.stop()
    gate.ca = trustme.CA().cert_pem.bytes  # type: ignore[method-assign]  # whom the gate believes
    await gate.start()
    assert await gate.refresh() == ("refused", TokenListRefusal.UNREACHABLE)
    assert publisher.answered == []


async def test_a_list_says_nothing_of_another_address_or_issuer(gate: Gate) -> None:
    await gate.refresh()
    assert gate.look_up(7, "https://code.gz.example/s/2") is None
    mapped = MappedLists(gate.publisher.folder / "followed")
    assert mapped.look_up(OTHER, StatusPointer(URI, 7), NOON) is None
    assert [one.name for one in mapped.lists()] == [ListName(ISSUER, URI)]


@pytest.mark.parametrize("wrong", ["a.pem", "c.pem", "k.pem"])
async def test_tls_files_that_cannot_be_used(gate: Gate, wrong: str) -> None:
    folder = gate.publisher.folder
    await asyncio.to_thread((folder / wrong).write_bytes, b"no PEM")
    with pytest.raises(SourceInvalid):
        client_tls(folder / "a.pem", folder / "c.pem", folder / "k.pem")
