"""What the HTTP edge answers. Knows no socket: a question in, an answer out.

Rules:

- Four pages, and what others make below a path of theirs; any other path is 404, any other method 405.
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
from typing import BinaryIO, Final

JSON: Final = "application/json; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
METRICS: Final = "/metrics"
LIVEZ: Final = "/livez"
READYZ: Final = "/readyz"
KEY_SET: Final = "/.well-known/jwks.json"

JWKS_SECONDS: Final = 300
"""How long a verifier of receipts may keep the key set."""


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of being ready. `state` is "ok" or a fixed word for what is wrong."""

    name: str
    state: str
    essential: bool = True
    """Whether what is wrong hinders being ready; else it is told only."""

    @property
    def ok(self) -> bool:
        """Whether nothing that is wrong hinders being ready."""
        return self.state == "ok" or not self.essential


@dataclass(frozen=True, slots=True)
class Question:
    """The parts of a request that may matter."""

    method: str
    path: str
    accept: str = ""
    if_none_match: str = ""
    has_body: bool = False
    query: str = ""
    """As it was sent."""
    caller: str = ""
    """Who asks, as the transport tells (peers.py); empty for nobody."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The parts of a response that differ from page to page. `route` is for logs: a page of ours or "other"."""

    route: str
    status: HTTPStatus
    body: bytes = b""
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)
    file: BinaryIO | None = field(default=None, repr=False)
    """A body that is too large for memory, instead of `body`. Whoever sends the answer closes it."""


Page = Callable[[Question], Awaitable[Answer]]


class Routes:
    """Which pages there are. GET and HEAD, no body; everything else is refused in the same way on every edge."""

    def __init__(self, pages: Mapping[str, Page], below: Mapping[str, Page] | None = None) -> None:
        """Take the pages by their paths, and by a beginning with a slash at its end those that stand below it."""
        self._pages = pages
        self._below = below or {}

    async def answer(self, question: Question) -> Answer:
        """Return the answer to `question`; 404, 405 and 413 are answers too."""
        route, page = question.path, self._pages.get(question.path)
        if page is None:
            route = "/".join(question.path.split("/", 2)[:2]) + "/"
            page = self._below.get(route)
        if page is None:
            return plain("other", HTTPStatus.NOT_FOUND)
        if question.method not in {"GET", "HEAD"}:
            return plain(route, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
        if question.has_body:
            return plain(route, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return await page(question)


class Pages(Routes):
    """The pages of one gateway. Each part is asked for anew at each request."""

    def __init__(
        self,
        *,
        metrics: Callable[[str], tuple[bytes, str]],
        checks: Callable[[], tuple[Check, ...]],
        key_set: Callable[[], bytes],
        below: Mapping[str, Page] | None = None,
    ) -> None:
        """Take what the pages show.

        Args:
            metrics: all numbers and their content type for an Accept header; may run in a thread.
            checks: the conditions of being ready, now.
            key_set: the public receipt keys as a JWKS document.
            below: pages that others make, by the beginning of their paths.

        """
        self._metrics = metrics
        self._checks = checks
        self._key_set = key_set
        self._one_scrape = asyncio.Lock()
        super().__init__(
            {
                METRICS: self._metrics_page,
                LIVEZ: alive,
                READYZ: self._readyz,
                KEY_SET: self._jwks,
            },
            below,
        )

    async def _metrics_page(self, question: Question) -> Answer:
        # One at a time and beside the loop: thousands of series take tens of milliseconds to write out.
        async with self._one_scrape:
            body, content_type = await asyncio.to_thread(self._metrics, question.accept)
        return Answer(METRICS, HTTPStatus.OK, body, content_type)

    async def _readyz(self, _: Question) -> Answer:
        checks = self._checks()
        return readiness(checks, ready=all(check.ok for check in checks))

    async def _jwks(self, question: Question) -> Answer:
        return key_set_page(self._key_set(), question)


async def alive(_: Question) -> Answer:
    """Return the page of a process whose event loop turns."""
    return Answer(LIVEZ, HTTPStatus.OK, b"ok\n")


def readiness(checks: tuple[Check, ...], *, ready: bool) -> Answer:
    """Return the page that tells `checks` by their names."""
    body = {"ready": ready, "checks": {check.name: check.state for check in checks}}
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(READYZ, status, json.dumps(body).encode() + b"\n", JSON)


def key_set_page(body: bytes, question: Question) -> Answer:
    """Return a JWKS document, or the word that the asker has it."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={JWKS_SECONDS}"}
    if same_tag(question, tag):
        return Answer(KEY_SET, HTTPStatus.NOT_MODIFIED, headers=headers)
    return Answer(KEY_SET, HTTPStatus.OK, body, "application/jwk-set+json", headers)


def same_tag(question: Question, tag: str) -> bool:
    """Tell whether the asker has what `tag` names. Source: RFC 9110, section 13.1.2: the comparison is the weak one."""
    held = {one.strip().removeprefix("W/") for one in question.if_none_match.split(",")}
    return tag.removeprefix("W/") in held or "*" in held


def plain(route: str, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a page that says its status and nothing else."""
    return Answer(route, status, f"{status.phrase}\n".encode(), TEXT, headers or {})
