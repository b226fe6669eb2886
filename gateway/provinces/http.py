"""One province's HTTP connections: one POST, one answer, and every way in which that can fail.

Rules:

- No redirect, no cookie, no proxy of the environment, nothing compressed: what is asked is what was configured.
- At most MAX_ANSWER_BYTES are read, whatever the headers promise; `Content-Type` is not looked at.
- Nothing is sent twice: aiohttp repeats no POST.
- A connection is used again only if its last answer was read to the end and was usable. One whose asker went away is
  closed, so that a late answer meets no other question. Where answers do not say what they are about, every connection
  is used once.
- Failures are told by kind. The library's exceptions hold addresses and, at times, what was received: none is chained.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp.connector import Connection

from gateway.errors import CodeStopped
from gateway.loopback import is_loopback

from .answers import MAX_ANSWER_BYTES, NotStated
from .credentials import CredentialsUnavailable, read_public
from .dialect import UpstreamFailed, UpstreamFailure
from .profile import ProvinceProfile

T = TypeVar("T")

_OK: Final = 200
_FIRST_SERVER_ERROR: Final = 500
_LAST_SERVER_ERROR: Final = 599
_FAILURE_OF_STATUS: Final = {
    401: UpstreamFailure.REFUSED,
    403: UpstreamFailure.REFUSED,
    429: UpstreamFailure.OVERLOADED,
    503: UpstreamFailure.OVERLOADED,
    # It says that this question is no good: whoever shows strange codes must not be able to cut it off.
    **dict.fromkeys((400, 413, 414, 422, 431), UpstreamFailure.ERROR_NUMBER),
}
_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "healthcode-gateway",
}
_OUT_OF_STEP: Final = (UpstreamFailure.GARBAGE, UpstreamFailure.WRONG_CODE, UpstreamFailure.BAD_SIGNATURE)
"""What an answer to another question looks like: nothing that comes over that connection can be relied on."""
_DNS_S: Final = 30
_RECEIVED_AT_ONCE: Final = 8_192
"""Bytes that a connection may hold unread, as the system counts them: it doubles them, and adds its own."""

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


def form_of(fields: Mapping[str, str]) -> bytes:
    """Return fields as a form's body."""
    return urlencode(fields).encode("ascii")


async def within(time_left: float, asking: Awaitable[T]) -> T:
    """Return what `asking` does if it takes no longer than `time_left` seconds. Raises: UpstreamFailed with TIMEOUT."""
    try:
        async with asyncio.timeout(time_left):
            return await asking
    except TimeoutError:
        pass
    raise UpstreamFailed(UpstreamFailure.TIMEOUT)


class _Response(aiohttp.ClientResponse):
    """Remembers its connection, which the library hands on as soon as the last byte is here, read or not."""

    _wire: asyncio.Transport | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Remember the connection, then go on as ever."""
        self._wire = connection.transport
        return await super().start(connection)

    def hang_up(self) -> None:
        """Close the connection, whoever has it now."""
        if self._wire is not None:
            self._wire.abort()


class HttpUpstream:
    """A province's server, as its HTTP dialects see it. Use it in one event loop."""

    __slots__ = ("_closed", "_in_flight", "_once", "_root", "_session", "_tls")

    def __init__(self, profile: ProvinceProfile, *, use_connections_once: bool) -> None:
        """Take endpoint and authorities. Nothing is opened yet.

        Raises: CredentialsUnavailable: no such authorities, or an endpoint that may not be spoken to.
        """
        self._root = _checked_root(profile)
        self._tls = tls_of(profile)
        self._in_flight = profile.budget.in_flight
        self._once = use_connections_once
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def post(
        self,
        path: str,
        body: bytes,
        kind: str,
        read: Callable[[bytes], T | NotStated],
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Put one question and return what `read` makes of the answer's body. Bounded in time by the caller.

        Raises: what `read` returned instead of raising it; UpstreamFailed.
        """
        if self._closed:
            raise UpstreamFailed(UpstreamFailure.UNREACHABLE, "closed")
        outcome = await self._exchange(path, body, {**_HEADERS, **(headers or {}), "Content-Type": kind}, read)
        if isinstance(outcome, CodeStopped | UpstreamFailed):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Close all connections; questions under way fail with UNREACHABLE."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(
        self, path: str, body: bytes, headers: Mapping[str, str], read: Callable[[bytes], T | NotStated]
    ) -> T | NotStated:
        try:
            url = self._root + path
            async with self._opened().post(url, data=body, headers=headers, allow_redirects=False) as response:
                assert isinstance(response, _Response)  # noqa: S101 the session makes no other
                outcome = await _answer_of(response, read)
                if isinstance(outcome, UpstreamFailed) and outcome.failure in _OUT_OF_STEP:
                    response.hang_up()
                return outcome
        except aiohttp.ClientResponseError:
            return UpstreamFailed(UpstreamFailure.GARBAGE, "HTTP")
        except (aiohttp.ClientError, OSError):
            return UpstreamFailed(UpstreamFailure.UNREACHABLE, "connection")
        except asyncio.CancelledError:
            # The library tells those who wait for a connection that there will be none by cancelling them.
            asker = asyncio.current_task()
            if not self._closed or asker is None or asker.cancelling():
                raise
            return UpstreamFailed(UpstreamFailure.UNREACHABLE, "closed")

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session, made inside the running loop when it is first needed."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._in_flight,
                ssl=self._tls,
                ttl_dns_cache=_DNS_S,
                force_close=self._once,
                socket_factory=_narrow_socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                response_class=_Response,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),  # the caller's clock ends it
            )
        return self._session


def _narrow_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Return a socket that takes no more than a few answers' worth at a time.

    What has come in is parsed in one go, and 256 KiB of a hostile server's cost all others a tenth of a second.
    """
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_AT_ONCE)
    return made


async def _answer_of(response: aiohttp.ClientResponse, read: Callable[[bytes], T | NotStated]) -> T | NotStated:
    """Return what `read` makes of the body.

    1. The status. The body of any but 200 is never read.
    2. Nothing is inflated.
    3. The body, up to the cap.
    """
    # 1
    if response.status != _OK:
        return UpstreamFailed(_failure_of(response.status), "status")
    # 2
    if any(value.strip().lower() not in ("", "identity") for value in response.headers.getall("Content-Encoding", ())):
        return UpstreamFailed(UpstreamFailure.GARBAGE, "Content-Encoding")
    # 3
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return UpstreamFailed(UpstreamFailure.GARBAGE, "size")
    return read(bytes(body))


def _failure_of(status: int) -> UpstreamFailure:
    if _FIRST_SERVER_ERROR <= status <= _LAST_SERVER_ERROR:
        return _FAILURE_OF_STATUS.get(status, UpstreamFailure.SERVER_ERROR)
    return _FAILURE_OF_STATUS.get(status, UpstreamFailure.GARBAGE)


def _checked_root(profile: ProvinceProfile) -> str:
    """Return the endpoint without a slash at its end: https, or http to this machine where the profile allows it."""
    try:
        parts = urlsplit(profile.endpoint)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise CredentialsUnavailable(f"{profile.name}.toml", "endpoint url: not a URL") from None
    plain = parts.scheme == "http" and profile.insecure_http_to_loopback and is_loopback(host)
    if not host or not (parts.scheme == "https" or plain):
        raise CredentialsUnavailable(f"{profile.name}.toml", "endpoint url: neither https nor http to loopback")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise CredentialsUnavailable(f"{profile.name}.toml", "endpoint url: host and path only")
    return profile.endpoint.rstrip("/")


def tls_of(profile: ProvinceProfile) -> ssl.SSLContext:
    """Return how the endpoint proves who it is. Raises: CredentialsUnavailable if the authorities cannot be used."""
    if profile.ca_file is None:
        context = ssl.create_default_context()
    else:
        try:
            context = ssl.create_default_context(cadata=read_public(profile.ca_file).decode("ascii"))
        except (ssl.SSLError, ValueError):
            raise CredentialsUnavailable(profile.ca_file, "no certificates in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
