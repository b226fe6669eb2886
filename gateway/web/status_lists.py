"""The status lists over HTTP, for enrolled clients that speak plain Token Status List.

Rules:

- Whoever is not enrolled gets the same answer whatever she asks for: which lists there are is not told.
- /status-lists tells the addresses of all lists that are held and open (the specification's aggregation). A list whose
  own address lies below this edge's is served there; every other one at /status-lists/ and its id, where its `sub` is
  its own address still.
- A list is served whole, as a JWT, with its tag. Nobody is told about a single place, and nothing about the past.
- In the log a list is "/status-lists/list", whichever it is.

Source: IETF Token Status List, sections 8.1, 8.2, 8.4 and 9.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus
from typing import Final

from .pages import JSON, Answer, Question, plain, same_tag
from .token_files import HeldList, ListName, TokenFiles, list_id

LISTS: Final = "/status-lists"
LIST: Final = "/status-lists/list"
"""What any list is called in logs and metrics."""
MEDIA_TYPE: Final = "application/statuslist+jwt"
RETRY_S: Final = 5

_ACCEPTED: Final = frozenset({MEDIA_TYPE, "application/*", "*/*"})


class StatusListPages:
    """The pages of one gateway's lists. What is held is asked for anew at each request."""

    def __init__(
        self,
        *,
        lists: Callable[[], Sequence[HeldList]],
        tokens: TokenFiles,
        enrolled: Callable[[str], bool],
        base: str,
        ttl_s: int,
    ) -> None:
        """Take what the pages show.

        Args:
            lists: the lists that are held.
            tokens: their tokens.
            enrolled: whether a caller, named by her certificate, may have lists.
            base: this edge's own address as clients reach it, https and no slash at its end.
            ttl_s: how long a client may keep a list before she asks again, as in the tokens.

        """
        self._lists = lists
        self._tokens = tokens
        self._enrolled = enrolled
        self._base = base.rstrip("/")
        self._ttl_s = ttl_s

    async def answer(self, question: Question) -> Answer:
        """Return the answer to `question`.

        1. an enrolled caller
        2. a page of ours, asked for as pages are
        3. the present, in a form that we write
        """
        # 1
        if not question.caller or not self._enrolled(question.caller):
            return plain("other", HTTPStatus.FORBIDDEN)
        # 2
        held = {one.name: one for one in self._lists() if not one.closed}
        self._tokens.keep_only(held.keys())
        found = None if question.path == LISTS else self._found(question.path, held.keys())
        if question.path != LISTS and found is None:
            return plain("other", HTTPStatus.NOT_FOUND)
        route = LISTS if found is None else LIST
        if question.method not in {"GET", "HEAD"}:
            return plain(route, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
        if question.has_body:
            return plain(route, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if found is None:
            return self._aggregation(held.keys())
        # 3
        if any(part.partition("=")[0] == "time" for part in question.query.split("&")):
            return plain(route, HTTPStatus.NOT_IMPLEMENTED)
        if not _accepts(question.accept):
            return plain(route, HTTPStatus.NOT_ACCEPTABLE)
        return await self._list(held[found], question)

    def _aggregation(self, names: Collection[ListName]) -> Answer:
        addresses = sorted(self._address_of(name, names) for name in names)
        body = json.dumps({"status_lists": addresses}).encode() + b"\n"
        return Answer(LISTS, HTTPStatus.OK, body, JSON, {"Cache-Control": f"private, max-age={self._ttl_s}"})

    async def _list(self, held: HeldList, question: Question) -> Answer:
        headers = {"Cache-Control": f"private, max-age={self._ttl_s}"}
        tag = self._tokens.tag(held)
        if tag is not None and same_tag(question, tag):
            return Answer(LIST, HTTPStatus.NOT_MODIFIED, headers={**headers, "ETag": tag})
        token = await self._tokens.token(held)
        if token is None:
            return plain(LIST, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(RETRY_S)})
        headers["ETag"] = token.tag
        if same_tag(question, token.tag):
            token.file.close()
            return Answer(LIST, HTTPStatus.NOT_MODIFIED, headers=headers)
        return Answer(LIST, HTTPStatus.OK, content_type=MEDIA_TYPE, headers=headers, file=token.file)

    def _found(self, path: str, names: Collection[ListName]) -> ListName | None:
        named = path.removeprefix(f"{LISTS}/")
        for name in names:
            if named == list_id(name) or path == self._own_path(name, names):
                return name
        return None

    def _own_path(self, name: ListName, names: Collection[ListName]) -> str | None:
        """Return the path of a list whose address lies below this edge's; None for others, and where two have it."""
        path = name[1].removeprefix(self._base)
        if path == name[1] or not path.startswith("/") or path.startswith(LISTS) or set(path) & set("?#%"):
            return None
        return path if sum(other[1] == name[1] for other in names) == 1 else None

    def _address_of(self, name: ListName, names: Collection[ListName]) -> str:
        return self._base + (self._own_path(name, names) or f"{LISTS}/{list_id(name)}")


def _accepts(accept: str) -> bool:
    """Tell whether a JWT is wanted. Weights are not looked at: it is the one form that there is."""
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return not accept.strip() or bool(kinds & _ACCEPTED)
