"""The transport: every way in which a server can fail, and what never happens on the way."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from gateway.errors import Reason
from gateway.provinces import dialects
from gateway.provinces.dialect import Dialect, Stated, UpstreamFailed, UpstreamFailure
from gateway.provinces.profile import DialectName, ProvinceProfile

from .dialect_servers import (
    AT,
    BUDGET,
    NAME,
    RawAnswer,
    assert_silent,
    assert_silent_text,
    certificate,
    connected,
    expect_failure,
    http_200,
    keep,
    no_keys,
    opaque,
    outcome,
    profile_of,
    raw_serving,
    serving,
)

GOOD = b'{"errcode":"0","data":{"risk_assessment_grade":"00","qrcode_expired":false,"code_content":"%s"}}'
BOUND = GOOD % opaque().identifier.encode()


def province(endpoint: str, folder: Path, *, bound: bool = False, plain: bool = True) -> ProvinceProfile:
    return profile_of(
        DialectName.TENCENT,
        endpoint,
        credentials={"secret_key": keep(folder / "secret", "s3cret")},
        registered_as={"app_id": "gateway"},
        parameters={"echo_member": "code_content"} if bound else {},
        plain=plain,
    )


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (401, UpstreamFailure.REFUSED),
        (403, UpstreamFailure.REFUSED),
        (429, UpstreamFailure.OVERLOADED),
        (503, UpstreamFailure.OVERLOADED),
        (500, UpstreamFailure.SERVER_ERROR),
        (502, UpstreamFailure.SERVER_ERROR),
        (504, UpstreamFailure.SERVER_ERROR),
        (599, UpstreamFailure.SERVER_ERROR),
        (201, UpstreamFailure.GARBAGE),
        (206, UpstreamFailure.GARBAGE),
        *((status, UpstreamFailure.ERROR_NUMBER) for status in (400, 413, 414, 422, 431)),
        (404, UpstreamFailure.GARBAGE),
        (418, UpstreamFailure.GARBAGE),
    ],
)
async def test_status(tmp_path: Path, status: int, failure: UpstreamFailure) -> None:
    """A good answer under another status than 200 is none."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=BOUND, reason=NAME.encode("ascii", "replace").decode())

    async with serving(answer) as endpoint:
        await expect_failure(province(endpoint, tmp_path), failure)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_redirects_are_not_followed(tmp_path: Path, status: int) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with serving(answer) as endpoint:
        await expect_failure(province(endpoint, tmp_path), UpstreamFailure.GARBAGE)
    assert asked == ["/decode"]


def _sends(data: bytes, *, close: bool = True) -> RawAnswer:
    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return answer


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
RAW: list[tuple[str, bytes, UpstreamFailure]] = [
    ("nothing", b"", UpstreamFailure.UNREACHABLE),
    ("no HTTP", NAME.encode() + b"\r\n\r\n", UpstreamFailure.GARBAGE),
    ("cut in the head", b"HTTP/1.1 200 OK\r\nContent-", UpstreamFailure.UNREACHABLE),
    ("cut in the body", http_200(BOUND)[:-5], UpstreamFailure.UNREACHABLE),
    ("cut in a chunk", CHUNKED + b"40\r\n{", UpstreamFailure.UNREACHABLE),
    ("not a chunk", CHUNKED + b"what\r\n{}\r\n", UpstreamFailure.GARBAGE),
    ("status no number", b"HTTP/1.1 OK\r\n\r\n", UpstreamFailure.GARBAGE),
    ("head too large", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", UpstreamFailure.GARBAGE),
    ("two lengths", http_200(BOUND, "Content-Length: 3"), UpstreamFailure.GARBAGE),
    ("a gzip", http_200(gzip.compress(BOUND), "Content-Encoding: gzip"), UpstreamFailure.GARBAGE),
    ("a gzip bomb", http_200(gzip.compress(b"\0" * 50_000_000), "Content-Encoding: gzip"), UpstreamFailure.GARBAGE),
    ("a gzip beside identity", http_200(BOUND, "Content-Encoding: identity, br"), UpstreamFailure.GARBAGE),
    ("said to be deflate", http_200(BOUND, "Content-Encoding: deflate"), UpstreamFailure.GARBAGE),
    ("too large", http_200(BOUND + b" " * 65_536), UpstreamFailure.GARBAGE),
    ("not JSON", http_200(b"<html>" + NAME.encode()), UpstreamFailure.GARBAGE),
    ("empty", http_200(b""), UpstreamFailure.GARBAGE),
]


@pytest.mark.parametrize(("sent", "failure"), [case[1:] for case in RAW], ids=[case[0] for case in RAW])
@pytest.mark.parametrize("bound", [False, True])
async def test_bytes(tmp_path: Path, sent: bytes, failure: UpstreamFailure, bound: bool) -> None:
    async with raw_serving(_sends(sent)) as endpoint:
        await expect_failure(province(endpoint, tmp_path, bound=bound), failure)


async def test_what_the_headers_say_of_the_type_is_not_looked_at(tmp_path: Path) -> None:
    for kind in ("text/html; charset=utf-16", "application/octet-stream", "\xff"):
        async with (
            raw_serving(_sends(http_200(BOUND, f"Content-Type: {kind}"))) as endpoint,
            connected(province(endpoint, tmp_path, bound=True)) as asked,
        ):
            assert await outcome(asked) == Stated("00")


async def test_the_largest_answer_is_read(tmp_path: Path) -> None:
    body = BOUND + b" " * (65_536 - len(BOUND))
    async with (
        raw_serving(_sends(http_200(body))) as endpoint,
        connected(province(endpoint, tmp_path, bound=True)) as asked,
    ):
        assert await outcome(asked) == Stated("00")


async def _endless(chunk: bytes, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass


async def test_an_endless_body_is_given_up(tmp_path: Path) -> None:
    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        await _endless(b"1000\r\n" + b"[" * 4096 + b"\r\n", writer)

    async with raw_serving(answer) as endpoint:
        await expect_failure(province(endpoint, tmp_path), UpstreamFailure.GARBAGE)


async def test_a_length_that_is_a_lie_is_no_reason_to_wait(tmp_path: Path) -> None:
    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        await _endless(b" " * 4096, writer)

    async with raw_serving(answer) as endpoint:
        await expect_failure(province(endpoint, tmp_path), UpstreamFailure.GARBAGE)


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
async def test_a_hanging_server_takes_the_time_that_was_given(tmp_path: Path, sent: bytes) -> None:
    async with raw_serving(_sends(sent, close=False)) as endpoint:
        await expect_failure(province(endpoint, tmp_path), UpstreamFailure.TIMEOUT, time_left=0.05)


@pytest.mark.parametrize("time_left", [0.0, -1.0])
async def test_without_time_nothing_is_answered(tmp_path: Path, time_left: float) -> None:
    async with raw_serving(_sends(http_200(BOUND))) as endpoint:
        await expect_failure(province(endpoint, tmp_path), UpstreamFailure.TIMEOUT, time_left=time_left)


async def test_nobody_listens(tmp_path: Path) -> None:
    async with raw_serving(_sends(b"")) as endpoint:
        pass
    await expect_failure(province(endpoint, tmp_path), UpstreamFailure.UNREACHABLE)


async def test_a_reset(tmp_path: Path) -> None:
    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with raw_serving(answer) as endpoint:
        await expect_failure(province(endpoint, tmp_path), UpstreamFailure.UNREACHABLE)


async def test_a_question_is_sent_once(tmp_path: Path) -> None:
    """Also over a connection that was used before and has gone."""
    asked: list[bytes] = []

    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(body)
        if len(asked) == 2:
            writer.transport.abort()
        else:
            writer.write(http_200(BOUND))

    async with raw_serving(answer) as endpoint, connected(province(endpoint, tmp_path, bound=True)) as asks:
        assert await outcome(asks) == Stated("00")
        assert await outcome(asks) is UpstreamFailure.UNREACHABLE
        assert len(asked) == 2
        assert await outcome(asks) == Stated("00")


async def test_connections_are_kept_where_answers_are_bound_and_only_there(tmp_path: Path) -> None:
    peers: list[object] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return web.Response(body=BOUND)

    async with serving(answer) as endpoint:
        for bound, connections in ((True, 1), (False, 5)):
            peers.clear()
            async with connected(province(endpoint, tmp_path, bound=bound)) as asks:
                for _ in range(5):
                    assert await outcome(asks) == Stated("00", bound=bound)
            assert len(set(peers)) == connections


async def test_cookies_are_not_kept(tmp_path: Path) -> None:
    cookies: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(body=BOUND, headers={"Set-Cookie": "who=traveller"})

    async with serving(answer) as endpoint, connected(province(endpoint, tmp_path, bound=True)) as asks:
        assert [await outcome(asks) for _ in range(2)] == [Stated("00")] * 2
    assert cookies == [None, None]


async def test_nothing_that_is_received_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not by the library either, whatever stands in headers, cookies, status lines and broken answers."""
    caplog.set_level("DEBUG")
    headers = ("Set-Cookie: CANARY;;=x", "Set-Cookie: @CANARY@=CANARY; Domain=CANARY", "X-Name: CANARY", "CANARY: y")
    for data in (
        http_200(BOUND, *headers),
        http_200(BOUND, *headers).replace(b"200 OK", b"200 CANARY"),
        http_200(BOUND, *headers).replace(b"200 OK", b"500 CANARY"),
        http_200(BOUND, *headers).replace(b"HTTP/1.1", b"CANARY/1.1"),
        http_200(BOUND, *headers, "Content-Encoding: CANARY"),
        http_200(BOUND, *headers, "CANARY CANARY"),
        http_200(NAME.encode(), *headers) + NAME.encode(),
    ):
        async with (
            raw_serving(_sends(data)) as endpoint,
            connected(province(endpoint, tmp_path, bound=True)) as asks,
        ):
            await outcome(asks)
    assert_silent_text(caplog.text)


async def test_proxies_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxied: list[bytes] = []

    async def proxy(body: bytes, writer: asyncio.StreamWriter) -> None:
        proxied.append(body)
        writer.close()

    async with raw_serving(proxy) as elsewhere, raw_serving(_sends(http_200(BOUND))) as endpoint:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, elsewhere)
        async with connected(province(endpoint, tmp_path, bound=True)) as asks:
            assert await outcome(asks) == Stated("00")
    assert proxied == []


async def test_an_answer_too_many_meets_no_other_question(tmp_path: Path) -> None:
    """It answers the first question twice: the next asker must not be told the first one's colour."""
    asked: list[bytes] = []

    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(body)
        writer.write(http_200(GOOD % _code_in(body)))
        if len(asked) == 1:
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(http_200(GOOD % _code_in(body)))

    async with raw_serving(answer) as endpoint, connected(province(endpoint, tmp_path, bound=True)) as asks:
        assert await outcome(asks, opaque("A1")) == Stated("00")
        await asyncio.sleep(0.05)
        assert await outcome(asks, opaque("A2")) in (
            Stated("00"),
            UpstreamFailure.WRONG_CODE,
            UpstreamFailure.UNREACHABLE,
        )
        assert [await outcome(asks, opaque(code)) for code in ("A3", "A4", "A5")] == [Stated("00")] * 3


async def test_a_connection_out_of_step_is_found_out_and_given_up(tmp_path: Path) -> None:
    """On each connection, every question but the first is answered with the answer to the one before."""
    before: dict[asyncio.StreamWriter, bytes] = {}

    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        code = _code_in(body)
        writer.write(http_200(GOOD % before.get(writer, code)))
        before[writer] = code

    async with raw_serving(answer) as endpoint, connected(province(endpoint, tmp_path, bound=True)) as asks:
        found = [await outcome(asks, opaque(f"A{n}")) for n in range(6)]
    assert found == [Stated("00"), UpstreamFailure.WRONG_CODE] * 3
    assert len(before) == 3


def _code_in(body: bytes) -> bytes:
    return body.split(b'"code_content": "')[1].split(b'"')[0]


async def test_no_answer_crosses_when_askers_go_away(tmp_path: Path) -> None:
    """Over kept connections: each question has an answer of its own, and every third asker leaves."""
    expired = BOUND.replace(b"false", b"true")

    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        number = int(_code_in(body))
        text = (expired if number % 2 else BOUND).replace(opaque().identifier.encode(), str(number).encode())
        writer.write(http_200(text)[:30])
        await asyncio.sleep(0.001 * (number % 7))
        writer.write(http_200(text)[30:])

    async def ask(asks: Dialect, number: int) -> object:
        return await outcome(asks, opaque(str(number)))

    async with raw_serving(answer) as endpoint, connected(province(endpoint, tmp_path, bound=True)) as asks:
        tasks = [asyncio.create_task(ask(asks, number)) for number in range(300)]
        await asyncio.sleep(0.01)
        for number in range(0, 300, 3):
            tasks[number].cancel()
            if number % 30 == 0:
                await asyncio.sleep(0.001)
        found = await asyncio.gather(*tasks, return_exceptions=True)
    answered = {n: one for n, one in enumerate(found) if not isinstance(one, asyncio.CancelledError)}
    assert len(answered) >= 200
    assert {n: one for n, one in answered.items() if one != (Reason.EXPIRED if n % 2 else Stated("00"))} == {}


async def test_no_more_connections_than_the_budget_allows(tmp_path: Path) -> None:
    open_now, most = 0, 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.005)
        open_now -= 1
        return web.Response(body=BOUND)

    async with serving(answer) as endpoint:
        profile = replace(province(endpoint, tmp_path), budget=replace(BUDGET, in_flight=3))
        async with connected(profile) as asks:
            assert set(await asyncio.gather(*(outcome(asks) for _ in range(20)))) == {Stated("00", bound=False)}
    assert most == 3


async def test_closing_ends_the_questions_under_way(tmp_path: Path) -> None:
    """Those that are answered, and those that wait for a connection."""
    asked = asyncio.Event()

    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()

    async with raw_serving(answer) as endpoint:
        profile = replace(province(endpoint, tmp_path), budget=replace(BUDGET, in_flight=1))
        asks = dialects.connect(profile, keys=no_keys)
        tasks = [asyncio.create_task(outcome(asks)) for _ in range(3)]
        await asked.wait()
        await asks.close()
        assert await asyncio.gather(*tasks) == [UpstreamFailure.UNREACHABLE] * 3
        assert await outcome(asks) is UpstreamFailure.UNREACHABLE
        await asks.close()


def test_connecting_needs_no_loop_and_opens_nothing(tmp_path: Path) -> None:
    dialects.connect(province("http://127.0.0.1:9", tmp_path), keys=no_keys)


# TLS


def _server_context(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context, and the file of its certificate."""
    private, public = certificate(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public


@asynccontextmanager
async def _tls_server(context: ssl.SSLContext, seen: list[str]) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(body=BOUND)

    async with serving(answer, context) as endpoint:
        yield endpoint.replace("127.0.0.1", "localhost")


async def test_tls(tmp_path: Path) -> None:
    context, authority = _server_context(tmp_path, "province")
    _, other = _server_context(tmp_path, "stranger")
    seen: list[str] = []
    async with _tls_server(context, seen) as endpoint:
        profile = province(endpoint, tmp_path, bound=True, plain=False)
        async with connected(replace(profile, ca_file=authority)) as asks:
            assert await outcome(asks) == Stated("00")
        assert len(seen) == 1
        await expect_failure(replace(profile, ca_file=other), UpstreamFailure.UNREACHABLE)
        await expect_failure(profile, UpstreamFailure.UNREACHABLE)
        numeric = replace(profile, ca_file=authority, endpoint=endpoint.replace("localhost", "127.0.0.1"))
        await expect_failure(numeric, UpstreamFailure.UNREACHABLE)
    assert len(seen) == 1


async def test_an_old_tls_is_not_spoken(tmp_path: Path) -> None:
    context, authority = _server_context(tmp_path, "province")
    with pytest.warns(DeprecationWarning, match="TLS"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    seen: list[str] = []
    async with _tls_server(context, seen) as endpoint:
        profile = replace(province(endpoint, tmp_path, plain=False), ca_file=authority)
        await expect_failure(profile, UpstreamFailure.UNREACHABLE)
    assert seen == []


@pytest.mark.parametrize(
    ("endpoint", "plain"),
    [
        ("http://127.0.0.1:8", False),
        ("http://code.example.invalid", True),
        ("http://10.0.0.1", True),
        ("ftp://127.0.0.1", True),
        ("code.example.invalid", True),
        ("https://", False),
        ("https://user:word@code.example.invalid", False),
        ("https://code.example.invalid/?a=b", False),
        ("https://code.example.invalid/#here", False),
        ("https://code.example.invalid:port", False),
        ("https://[::1", False),
    ],
)
def test_endpoints_that_may_not_be_spoken_to(tmp_path: Path, endpoint: str, plain: bool) -> None:
    with pytest.raises(dialects.CredentialsUnavailable) as refused:
        dialects.connect(province(endpoint, tmp_path, plain=plain), keys=no_keys)
    assert refused.value.file == "someprovince.toml"


@pytest.mark.parametrize(
    "content", [b"no certificate", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_authorities_that_are_none(tmp_path: Path, content: bytes) -> None:
    file = keep(tmp_path / "ca.pem", content, 0o644)
    with pytest.raises(dialects.CredentialsUnavailable) as refused:
        dialects.connect(replace(province("https://code.example.invalid", tmp_path), ca_file=file), keys=no_keys)
    assert refused.value.file == file


async def test_the_search_for_the_holders_data_finds_them() -> None:
    """The check that all these tests rest on: a canary in a chained exception is found."""
    failed = UpstreamFailed(UpstreamFailure.GARBAGE, "errcode")
    assert_silent(failed)
    for chained in (ValueError(NAME), UpstreamFailed(UpstreamFailure.GARBAGE, NAME)):
        failed.__context__ = chained
        with pytest.raises(AssertionError):
            assert_silent(failed)
    assert AT > 0
