"""Asking another node for parts of its logs: one GET each, and every way in which that can fail.

No redirect, no cookie, no proxy of the environment, nothing compressed; no more is read than a part may have, and for
no longer than a look may take. The library's exceptions hold addresses and what was received: none is chained.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import aiohttp

_OK: Final = 200
_NOT_FOUND: Final = 404
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "healthcode-gateway"}


class PeerUnreachable(Exception):
    """A part cannot be had. `why` is a word for events."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class PeerHttp:
    """One node's HTTP address. Use it in one event loop."""

    def __init__(self, url: str, tls: ssl.SSLContext | None, *, time_limit_s: float = 10.0) -> None:
        """`url` as in the configuration; `tls` proves who it is, None in plaintext. Nothing is opened yet."""
        self._url = url
        self._tls = tls
        self._time_limit_s = time_limit_s
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, most: int) -> bytes | None:
        """Return what stands at `path`, None if nothing does. Raises: PeerUnreachable."""
        try:
            async with (
                asyncio.timeout(self._time_limit_s),
                self._opened().get(self._url + path, headers=_HEADERS, allow_redirects=False) as response,
            ):
                if response.status == _NOT_FOUND:
                    return None
                if response.status != _OK:
                    why = "bad_status"
                else:
                    body = bytearray()
                    async for piece in response.content.iter_any():
                        body += piece
                        if len(body) > most:
                            break
                    else:
                        return bytes(body)
                    why = "too_large"
        except TimeoutError:
            why = "timed_out"
        except (aiohttp.ClientError, OSError, ValueError):
            why = "unreachable"
        raise PeerUnreachable(why)

    async def close(self) -> None:
        """Close the connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),  # each question has its own
            )
        return self._session
