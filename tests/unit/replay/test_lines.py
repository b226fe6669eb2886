"""Addresses of Redis, TLS to it, and answers that are none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from gateway.replay.observer import Offered, Silence
from gateway.replay.offers import Offers
from gateway.replay.questions import Question, QuestionMaker, RedisSilent
from gateway.replay.redis_line import RedisLine, RedisRefused, read_address
from gateway.replay.shared import SharedShowings
from gateway.replay.showing import Seen, Showing
from gateway.values import CodeMarks, Instant
from tests.simulators.redis_server import RedisServer
from tests.unit.replay.gates import AT, GATE, ISSUER
from tests.unit.replay.test_shared import SECRET, Told, until


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("rediss://redis.example", ("rediss", "redis.example", 6379, 0, None, None)),
        ("rediss://gate:p%40ss@redis.example:7000/2", ("rediss", "redis.example", 7000, 2, "gate", "p@ss")),
        ("redis://:secret@127.0.0.1/", ("redis", "127.0.0.1", 6379, 0, None, "secret")),
        ("redis://[::1]:6380", ("redis", "::1", 6380, 0, None, None)),
        ("unix:///run/redis%20one.sock\n", ("unix", "/run/redis one.sock", 0, 0, None, None)),
        ("unix://gate:secret@/run/redis.sock", ("unix", "/run/redis.sock", 0, 0, "gate", "secret")),
    ],
)
def test_an_address_is_read(url: str, found: tuple[object, ...]) -> None:
    address = read_address(url)
    assert (
        address.scheme,
        address.host,
        address.port,
        address.db,
        address.username,
        address.password,
    ) == found
    shown = repr(address)
    assert all(str(secret) not in shown for secret in (address.host, address.username, address.password) if secret)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis.example:6379",
        "http://redis.example",
        "redis://redis.example",
        "rediss://",
        "rediss://redis.example/zero",
        "rediss://redis.example:port",
        "rediss://redis.example?ssl_cert_reqs=none",
        "rediss://redis.example#x",
        "unix://",
        "redis://[::1",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(RedisRefused) as refused:
        read_address(url)
    assert "redis.example" not in str(refused.value)


def test_plaintext_elsewhere_has_an_ugly_name_and_authorities_are_for_tls(tmp_path: Path) -> None:
    assert read_address("redis://redis.example", plaintext_elsewhere=True).host == "redis.example"
    with pytest.raises(RedisRefused):
        read_address("redis://127.0.0.1", ca_file=tmp_path / "ca.pem")


async def test_the_rights_that_the_document_names_are_enough() -> None:
    page = (Path(__file__).parents[3] / "docs" / "replay.md").read_text()
    [line] = [one for one in page.splitlines() if one.startswith("ACL SETUSER")]
    server = RedisServer()
    server.start()
    try:
        assert server.ask(*line.replace("PASSWORD", "secret").split()) == b"+OK\r\n"
        line_ = RedisLine(read_address(server.url.replace("unix://", "unix://hcgw:secret@")))
        await line_.open(30.0)
        for seen in (Seen.FIRST, Seen.SAME_PASSAGE):
            await line_.send([QuestionMaker(SECRET, same_passage_s=10.0).question(showing())], [0])
            assert (await line_.receive())[1] == [seen]
        await line_.close()
    finally:
        server.close()


# TLS


@asynccontextmanager
async def behind_tls(server: RedisServer, authority: trustme.CA) -> AsyncIterator[int]:
    """Give the port of a TLS end that hands on to the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    ends: list[asyncio.StreamWriter] = []

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            target.write(data)
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_unix_connection(str(server.socket))
        ends.extend((writer, upstream))
        await asyncio.gather(pump(reader, upstream), pump(upstream_reader, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for end in ends:
            end.close()
        await asyncio.sleep(0.05)


async def test_tls_is_spoken_and_the_certificate_counts(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    for name, one in (("ca", authority), ("other", other)):
        one.cert_pem.write_to_path(tmp_path / f"{name}.pem")
    server = RedisServer("--requirepass", "secret")
    server.start()
    try:
        async with behind_tls(server, authority) as port:
            url = f"rediss://:secret@localhost:{port}"
            line = RedisLine(read_address(url, ca_file=tmp_path / "ca.pem"))
            assert await line.open(30.0) >= 0
            await line.close()
            stranger = RedisLine(read_address(url, ca_file=tmp_path / "other.pem"))
            with pytest.raises(RedisSilent) as silent:
                await stranger.open(30.0)
            assert silent.value.why is Silence.UNREACHABLE
            await stranger.close()
    finally:
        server.close()


# Answers that are none


@dataclass
class Scripted:
    """A connection that answers what it is told to, and then is cut."""

    answers: list[tuple[float, list[int]] | Silence]
    opens: Silence | Exception | None = None
    held: asyncio.Event | None = None
    """Nothing goes on before it is set."""
    sent: list[list[Question]] = field(default_factory=list)
    closed: int = 0
    _answered: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def open(self, probe_s: float) -> float:
        if isinstance(self.opens, Silence):
            raise RedisSilent(self.opens)
        if self.opens is not None:
            raise self.opens
        return 1e9

    async def send(self, questions: Sequence[Question], ago_ms: Sequence[int]) -> None:
        self.sent.append(list(questions))
        if self.held is not None:
            await self.held.wait()
        self._answered.release()

    async def receive(self) -> tuple[float, list[int]]:
        await self._answered.acquire()
        answer = self.answers.pop(0) if self.answers else Silence.UNREACHABLE
        if isinstance(answer, Silence):
            raise RedisSilent(answer)
        return answer

    async def close(self) -> None:
        self.closed += 1


def showings(*lines: Scripted, told: Told) -> SharedShowings:
    """Return a memory over these connections, one after the other; the last one is made again and again."""
    waiting = list(lines)
    return SharedShowings(
        lambda: waiting.pop(0) if len(waiting) > 1 else waiting[0],
        QuestionMaker(SECRET, same_passage_s=10.0),
        budget_s=30.0,
        lifetime_s=60.0,
        observer=told,
    )


def showing(code: str = "code-1") -> Showing:
    return Showing(CodeMarks(ISSUER, b"", code.encode(), Instant(AT + 60)), GATE, AT, 1)


@pytest.mark.parametrize("answer", [(1e9, []), (1e9, [0, 0]), (1e9, [77]), (1e9, [-1])])
async def test_an_answer_that_is_none_is_nothing_known(answer: tuple[float, list[int]]) -> None:
    told = Told()
    # Whoever comes next has nothing to be told of but what was asked.
    line, gone = Scripted([answer]), Scripted([], Silence.UNREACHABLE)
    shared = showings(line, gone, told=told)
    shared.start()
    await until(lambda: shared.up)
    waiting = shared.ask(showing())
    assert waiting is not None
    assert await waiting is None
    await until(lambda: told.silent == [Silence.BROKEN])
    assert len(shared.offers) == 1
    await shared.close()
    assert (line.closed, shared.ask(showing())) == (1, None)


async def test_an_answer_that_nobody_asked_for_ends_the_connection() -> None:
    told = Told()
    line = Scripted([(1e9, [0])])
    line._answered.release()
    shared = showings(line, Scripted([], Silence.REFUSED), told=told)
    shared.start()
    await until(lambda: told.silent == [Silence.BROKEN])
    await shared.close()


async def test_a_fault_of_ours_is_told_and_tried_again() -> None:
    told = Told()
    shared = showings(Scripted([], LookupError("c4n4ry")), Scripted([(1e9, [1])]), told=told)
    shared.start()
    await until(lambda: shared.up)
    assert [type(one) for one in told.failures] == [LookupError]
    waiting = shared.ask(showing())
    assert waiting is not None
    assert await waiting is Seen.SAME_PASSAGE
    await shared.close()


async def test_a_connection_that_is_cut_while_it_is_told_what_it_missed_is_told_again() -> None:
    told = Told()
    first, second = Scripted([Silence.UNREACHABLE]), Scripted([(1e9, [3, 0])])
    shared = showings(first, second, told=told)
    assert shared.ask(showing("a")) is None
    assert shared.ask(showing("b")) is None
    shared.start()
    await until(lambda: shared.up)
    assert first.sent == second.sent
    assert told.offered_ == {Offered.TAKEN: 1, Offered.CONFLICT: 1}
    await shared.close()


async def test_a_reload_while_it_connects_is_not_lost() -> None:
    told = Told()
    old, new = Scripted([(1e9, [0])], held=asyncio.Event()), Scripted([(1e9, [0])])
    shared = showings(old, told=told)
    shared.ask(showing())
    shared.start()
    await until(lambda: len(old.sent) == 1)  # it is being told what it missed
    shared.renew(lambda: new, QuestionMaker(b"n" * 32, same_passage_s=10.0))
    assert old.held is not None
    old.held.set()
    await until(lambda: shared.up)
    assert old.closed == 1
    waiting = shared.ask(showing())
    assert waiting is not None
    assert await waiting is Seen.FIRST
    assert new.sent[0][0].name != old.sent[0][0].name
    assert told.silent == []
    await shared.close()


def test_offers_are_bounded_and_the_oldest_goes_first() -> None:
    dropped: list[None] = []
    offers = Offers(lambda: dropped.append(None), most=3)
    asked = QuestionMaker(SECRET, same_passage_s=10.0)
    for number in range(5):
        offers.add(asked.question(showing(f"code-{number}")), float(number))
    assert (len(offers), len(dropped)) == (3, 2)
    taken, ended = offers.take(2, 3.0)
    assert ([one.shown for one in taken], ended) == ([2.0, 3.0], 0)
    offers.give_back(taken)
    assert [one.shown for one in offers.take(9, 4.0)[0]] == [2.0, 3.0, 4.0]
    offers.give_back(taken)
    assert offers.take(9, 1_000.0) == ([], 2)
