"""Asking a process for a page, over its Unix socket.

Rules:

- Bounded in time and size, whatever the process does: it may hang, drip, or be gone.
- What does not come whole and in time is nothing; why is not told apart, because the next look asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

MAX_PAGE_BYTES: Final = 16 << 20
"""A thousand times the exposition of a process that has seen every issuer and reason is less."""


@dataclass(frozen=True, slots=True)
class Page:
    """What came back."""

    status: int
    content_type: str
    body: bytes = field(repr=False)


async def ask(socket: Path, page: str, *, budget_s: float, headers: Mapping[str, str] | None = None) -> Page | None:
    """Return what the process at `socket` answers, or None if it does not within `budget_s`. Never raises."""
    try:
        async with (
            asyncio.timeout(budget_s),
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(socket), force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ) as session,
            session.get(f"http://process{page}", headers=headers, allow_redirects=False) as answer,
        ):
            body = bytearray()
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > MAX_PAGE_BYTES:
                    return None
            return Page(answer.status, answer.headers.get("Content-Type", ""), bytes(body))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
