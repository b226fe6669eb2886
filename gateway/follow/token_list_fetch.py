"""One plain Token Status List over HTTP: one GET, one answer, and every way in which that can fail.

Rules:

- No redirect, no cookie, no proxy of the environment, nothing compressed in transfer: what is asked is what was
  configured. The specification lets clients follow redirects; nobody needs us to.
- No more is read than a list may have, whatever the headers promise, and for no longer than a fetch may take.
- `Cache-Control` and `Expires` are not looked at: what the token says of its age counts.
- The library's exceptions hold addresses and, at times, what was received: none is chained.

Source: IETF Token Status List, sections 8.1, 8.2 and 11.5.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from gateway.formats import status_list_cwt, status_list_jwt
from gateway.formats.status_list import ClaimedStatusList

from .token_list_source import SourceInvalid, TokenListRefusal, TokenListRefused, TokenListSource

ReadToken = Callable[[bytes], ClaimedStatusList]

MAX_TAG_CHARACTERS: Final = 256
_HEADERS: Final = {
    "Accept": f"{status_list_jwt.MEDIA_TYPE}, {status_list_cwt.MEDIA_TYPE};q=0.9",
    "Accept-Encoding": "identity",
    "User-Agent": "healthcode-gateway",
}
_OK: Final = 200
_NOT_MODIFIED: Final = 304


@dataclass(frozen=True, slots=True)
class FetchedToken:
    """What came. Nothing of it is read."""

    token: bytes = field(repr=False)
    jwt: bool
    """How it is spelled: as a JWT, else as a CWT."""
    tag: str | None


def client_tls(
    authorities: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Return how a source proves who it is, and how we do, if it wants to know: TLS 1.2 or later.

    `authorities` in PEM, None for those of the system; `certificate` and `key` of our own, or neither.

    Raises: SourceInvalid. Does not check who else may read the key.
    """
    try:
        context = ssl.create_default_context(cafile=authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate is not None:
            # A password is given, so that an encrypted key is a refusal and not a question on the terminal.
            context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as unusable:
        why = unusable.reason if isinstance(unusable, ssl.SSLError) else getattr(unusable, "strerror", None)
        raise SourceInvalid(f"TLS files: {why or 'cannot be used'}") from None
    return context


class TokenListHttp:
    """A source's server. Use it in one event loop."""

    __slots__ = ("_session", "_source", "_tls")

    def __init__(self, source: TokenListSource, tls: ssl.SSLContext | None) -> None:
        """Take what is asked and how it proves who it is; None: by the system's authorities. Nothing is opened yet."""
        self._source = source
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, tag: str | None, time_limit_s: float) -> FetchedToken | None:
        """Return the list, or None if it is still the one that `tag` names. All of it takes no longer than its time.

        Raises: TokenListRefused with UNREACHABLE, TIMED_OUT, BAD_STATUS, WRONG_MEDIA_TYPE, COMPRESSED or TOO_LARGE.
        """
        headers = _HEADERS if tag is None else {**_HEADERS, "If-None-Match": tag}
        try:
            async with asyncio.timeout(time_limit_s):
                outcome = await self._get(headers)
        except TimeoutError:
            outcome = TokenListRefused(TokenListRefusal.TIMED_OUT)
        except (aiohttp.ClientError, OSError, ValueError):
            outcome = TokenListRefused(TokenListRefusal.UNREACHABLE)
        if isinstance(outcome, TokenListRefused):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Close the connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _get(self, headers: dict[str, str]) -> FetchedToken | TokenListRefused | None:
        """Ask: 1. the status, 2. how it comes, 3. what it is, 4. the body up to the cap."""
        async with self._opened().get(self._source.url, headers=headers, allow_redirects=False) as response:
            # 1
            if response.status == _NOT_MODIFIED and "If-None-Match" in headers:
                return None
            if response.status != _OK:
                return TokenListRefused(TokenListRefusal.BAD_STATUS, str(response.status))
            # 2
            encodings = response.headers.getall("Content-Encoding", ())
            if any(value.strip().lower() not in ("", "identity") for value in encodings):
                return TokenListRefused(TokenListRefusal.COMPRESSED)
            # 3
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind not in (status_list_jwt.MEDIA_TYPE, status_list_cwt.MEDIA_TYPE):
                return TokenListRefused(TokenListRefusal.WRONG_MEDIA_TYPE)
            # 4
            if (response.content_length or 0) > self._source.max_token_bytes:
                return TokenListRefused(TokenListRefusal.TOO_LARGE)
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > self._source.max_token_bytes:
                    return TokenListRefused(TokenListRefusal.TOO_LARGE)
            given = response.headers.get("ETag", "")
            usable = 0 < len(given) <= MAX_TAG_CHARACTERS and given.isascii() and given.isprintable()
            return FetchedToken(bytes(body), kind == status_list_jwt.MEDIA_TYPE, given if usable else None)

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session, made inside the running loop when it is first needed."""
        if self._session is None:
            tls: ssl.SSLContext | bool = self._tls or not self._source.url.startswith("https:") or client_tls()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, ssl=tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),  # the fetch has its own
            )
        return self._session
