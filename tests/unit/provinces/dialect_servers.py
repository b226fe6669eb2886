"""Small provincial servers on loopback, profiles that point at them, and a search for what must never come out."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import CodeStopped, Reason
from gateway.provinces import dialects
from gateway.provinces.dialect import Dialect, Stated, UpstreamFailed, UpstreamFailure
from gateway.provinces.profile import Budget, DialectName, ProvinceName, ProvinceProfile, StatedMeaning
from gateway.values import CodeState, DivisionCode, Instant, IssuerId, KeyId, OpaqueCode, ReasonClass, TrustedKey

AT = Instant(1_600_000_000.0)
"""2020-09-13 20:26:40 in China."""

ISSUER = IssuerId("https://code.example.invalid")
BUDGET = Budget(60.0, 30.0, 16, 2, 5, 5.0)
STATES = {
    word: StatedMeaning(state, "A sentence.")
    for word, state in {
        "00": CodeState.GREEN,
        "01": CodeState.YELLOW,
        "10": CodeState.RED,
        "green": CodeState.GREEN,
        "yellow": CodeState.YELLOW,
        "red": CodeState.RED,
        "init": CodeState.UNDER_REVIEW,
        "gone": CodeState.EXPIRED,
    }.items()
}
REASONS = {"A4": ReasonClass.RED_CLOSE_CONTACT, "B3": ReasonClass.YELLOW_TIME_SPACE_OVERLAP}

NAME, NUMBER, PHONE, ADDRESS = "王小明CANARY", "11010519491231002X", "13800138000", "CANARY Road 7, flat 301"
CANARIES = (NAME, NUMBER, PHONE, ADDRESS, "CANARY")
HOLDER: Mapping[str, object] = MappingProxyType(
    {
        "name": NAME,
        "user_name": NAME,
        "idcardNo": NUMBER,
        "certificate_id": NUMBER,
        "phone": PHONE,
        "address": {"text": ADDRESS, "who": [NAME, NUMBER]},
        "extInfo": f'{{"name":"{NAME}"}}',
    }
)
"""What real answers said of the holder; put into every object of every answer."""


def opaque(identifier: str = "V0ding" + "0a" * 16, text: str | None = None) -> OpaqueCode:
    """Return a code as the formats room reads it."""
    return OpaqueCode(ISSUER, DivisionCode("330000"), text or f"https://qr.example.invalid/?q={identifier}", identifier)


def no_keys(issuer: IssuerId, key_id: KeyId) -> tuple[TrustedKey, ...]:
    """Know no key."""
    return ()


def keep(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    """Write a credential's file."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def profile_of(
    dialect: DialectName,
    endpoint: str,
    *,
    credentials: Mapping[str, Path] | None = None,
    registered_as: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    budget: Budget = BUDGET,
    division: str = "330000",
    ca_file: Path | None = None,
    plain: bool = True,
) -> ProvinceProfile:
    """Return a profile for a server of this module."""
    return ProvinceProfile(
        ProvinceName("someprovince"),
        "Some province",
        ISSUER,
        DivisionCode(division),
        dialect,
        endpoint,
        registered_as or {},
        credentials or {},
        parameters or {},
        STATES,
        REASONS,
        {},
        budget,
        (),
        ca_file=ca_file,
        insecure_http_to_loopback=plain,
    )


@asynccontextmanager
async def connected(profile: ProvinceProfile) -> AsyncIterator[Dialect]:
    """Yield the province's connector, and close it."""
    dialect = dialects.connect(profile, keys=no_keys)
    try:
        yield dialect
    finally:
        await dialect.close()


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve POST on every path; yield the URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    port = runner.addresses[0][1]
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


RawAnswer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_serving(answer: RawAnswer) -> AsyncIterator[str]:
    """Serve bytes as they are: `answer` gets each request's body; yield the URL."""
    writers: set[asyncio.StreamWriter] = set()
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        serving.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await answer(await reader.readexactly(length), writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(task for task in serving if task is not None), return_exceptions=True)
        await server.wait_closed()


def http_200(body: bytes, *headers: str) -> bytes:
    """Return an HTTP answer as bytes."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def outcome(
    dialect: Dialect, code: OpaqueCode | None = None, time_left: float = 30.0
) -> Stated | Reason | UpstreamFailure:
    """Ask; return what was stated, or the reason or failure instead, having searched it for the holder's data."""
    try:
        stated = await dialect.ask(code or opaque(), at=AT, time_left=time_left)
    except CodeStopped as stopped:
        assert_silent(stopped)
        return stopped.reason
    except UpstreamFailed as failed:
        assert_silent(failed)
        return failed.failure
    assert_silent_text(repr(stated) + "".join(str(getattr(stated, name)) for name in Stated.__slots__))
    return stated


def assert_silent_text(text: str) -> None:
    found = [canary for canary in CANARIES if canary in text]
    assert not found


def assert_silent(error: BaseException) -> None:
    """Search an exception, what it is chained to, and the locals of our frames that it went through."""
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        one = queue.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        assert_silent_text(f"{one!r} {one} {one.args!r} {getattr(one, 'detail', '')} {getattr(one, '__notes__', '')}")
        for local in _locals(one.__traceback__):
            assert_silent_text(local)
        queue += [one.__context__, one.__cause__]


def _locals(traceback: TracebackType | None) -> list[str]:
    found: list[str] = []
    while traceback is not None:
        frame = traceback.tb_frame
        if "/gateway/" in frame.f_code.co_filename:
            found += [_text(value) for value in frame.f_locals.values()]
        traceback = traceback.tb_next
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else repr(value)


async def expect_failure(profile: ProvinceProfile, failure: UpstreamFailure, time_left: float = 30.0) -> None:
    """Assert that one question to the province ends like this."""
    async with connected(profile) as dialect:
        assert await outcome(dialect, time_left=time_left) is failure


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Return the files of a key and of its self-signed certificate for localhost."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder(
            subject, subject, private.public_key(), x509.random_serial_number(), now - day, now + day
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem = private.private_bytes(encoding, form, serialization.NoEncryption())
    return keep(folder / f"{name}.key.pem", pem), keep(folder / f"{name}.pem", made.public_bytes(encoding), 0o644)
