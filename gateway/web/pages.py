"""What the HTTP edge answers. Knows no socket: a question in, an answer out.

Rules:

- Four pages; any other path is 404, any other method 405.
- /livez depends on nothing: it tells that the process turns its event loop.
- /readyz is asked anew each time and never latched; it names each check and its state, no file and no reason text.
- Nothing that a caller sent is ever repeated.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

JSON: Final = "application/json; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
JWKS_SECONDS: Final = 300
"""How long a verifier of receipts may keep the key set."""


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of being ready. `state` is "ok" or a fixed word for what is wrong."""

    name: str
    state: str

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.state == "ok"


@dataclass(frozen=True, slots=True)
class Question:
    """The parts of a request that may matter."""

    method: str
    path: str
    accept: str = ""
    if_none_match: str = ""
    has_body: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The parts of a response that differ from page to page. `route` is for logs: a page of ours or "other"."""

    route: str
    status: HTTPStatus
    body: bytes = b""
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


class Pages:
    """The pages of one gateway. Each part is asked for anew at each request."""

    def __init__(
        self,
        *,
        metrics: Callable[[str], tuple[bytes, str]],
        checks: Callable[[], tuple[Check, ...]],
        key_set: Callable[[], bytes],
    ) -> None:
        """Take what the pages show.

        Args:
            metrics: all numbers and their content type for an Accept header; may run in a thread.
            checks: the conditions of being ready, now.
            key_set: the public receipt keys as a JWKS document.

        """
        self._metrics = metrics
        self._checks = checks
        self._key_set = key_set
        self._one_scrape = asyncio.Lock()
        self._pages: Mapping[str, Callable[[Question], Awaitable[Answer]]] = {
            "/metrics": self._metrics_page,
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/.well-known/jwks.json": self._jwks,
        }

    async def answer(self, question: Question) -> Answer:
        """Return the answer to `question`; 404, 405 and 413 are answers too."""
        page = self._pages.get(question.path)
        if page is None:
            return _plain("other", HTTPStatus.NOT_FOUND)
        if question.method not in {"GET", "HEAD"}:
            return _plain(question.path, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
        if question.has_body:
            return _plain(question.path, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return await page(question)

    async def _metrics_page(self, question: Question) -> Answer:
        # One at a time and beside the loop: thousands of series take tens of milliseconds to write out.
        async with self._one_scrape:
            body, content_type = await asyncio.to_thread(self._metrics, question.accept)
        return Answer("/metrics", HTTPStatus.OK, body, content_type)

    async def _livez(self, _: Question) -> Answer:
        return Answer("/livez", HTTPStatus.OK, b"ok\n")

    async def _readyz(self, _: Question) -> Answer:
        checks = self._checks()
        ready = all(check.ok for check in checks)
        body = {"ready": ready, "checks": {check.name: check.state for check in checks}}
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer("/readyz", status, json.dumps(body).encode() + b"\n", JSON)

    async def _jwks(self, question: Question) -> Answer:
        body = self._key_set()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": f"public, max-age={JWKS_SECONDS}"}
        if tag in {one.strip().removeprefix("W/") for one in question.if_none_match.split(",")}:
            return Answer("/.well-known/jwks.json", HTTPStatus.NOT_MODIFIED, headers=headers)
        return Answer("/.well-known/jwks.json", HTTPStatus.OK, body, "application/jwk-set+json", headers)


def _plain(route: str, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(route, status, f"{status.phrase}\n".encode(), TEXT, headers or {})
