"""The pages of a gateway of several processes: what each of them tells, put together.

Rules:

- One process that hangs or is gone costs a page its budget and its own part, never the page.
- /readyz is asked of the processes anew each time; all of them are named in it. Ready: the keeper, if there is one, and
  at least one worker; not draining.
- The supervisor's own numbers are told under its own name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, Protocol

from gateway.web.pages import (
    KEY_SET,
    LIVEZ,
    METRICS,
    READYZ,
    Answer,
    Check,
    Question,
    Routes,
    alive,
    key_set_page,
    plain,
    readiness,
)
from gateway.web.pages import Page as MadePage

from .ask import Page
from .child import Role
from .exposition import Merged, NoExposition, Part
from .guard import Guard
from .settings import Patience

SUPERVISOR: Final = "supervisor"


class OwnNumbers(Protocol):
    """The supervisor's own metrics."""

    def answered(self, process: str, *, answered: bool) -> None:
        """Tell whether a process is in the scrape that is being put together."""

    def own(self, accept: str) -> tuple[bytes, str]:
        """Return the numbers about this process, and the content type for an Accept header."""
        ...

    def processes(self, accept: str) -> bytes:
        """Return the numbers about the processes, which have the label `process` already."""
        ...


class ProcessPages(Routes):
    """The pages, gathered from the guarded processes."""

    def __init__(
        self,
        guards: Sequence[Guard],
        numbers: OwnNumbers,
        patience: Patience,
        below: Mapping[str, MadePage] | None = None,
    ) -> None:
        super().__init__(
            {
                METRICS: self._metrics,
                LIVEZ: alive,
                READYZ: self._readyz,
                KEY_SET: self._key_set,
            },
            below,
        )
        self._guards = guards
        self._numbers = numbers
        self._patience = patience
        self._one_scrape = asyncio.Lock()
        self.draining = False

    async def look(self) -> None:
        """Ask every process anew."""
        await asyncio.gather(*(guard.look() for guard in self._guards))

    @property
    def ready(self) -> bool:
        """Whether the gateway was ready at the last look."""
        keepers = [guard.ok for guard in self._guards if guard.terms.post.role is Role.KEEPER]
        workers = [guard.ok for guard in self._guards if guard.terms.post.role is Role.WORKER]
        return not self.draining and all(keepers) and any(workers)

    @property
    def checks(self) -> tuple[Check, ...]:
        """All processes as they were at the last look."""
        running = Check("running", "draining" if self.draining else "ok")
        return (running, *(check for guard in self._guards for check in guard.checks))

    async def _readyz(self, _: Question) -> Answer:
        await self.look()
        return readiness(self.checks, ready=self.ready)

    async def _metrics(self, question: Question) -> Answer:
        async with self._one_scrape:
            pages = await asyncio.gather(
                *(
                    guard.ask(METRICS, budget_s=self._patience.scrape_s, accept=question.accept)
                    for guard in self._guards
                )
            )
            body, content_type = await asyncio.to_thread(self._put_together, pages, question.accept)
        return Answer(METRICS, HTTPStatus.OK, body, content_type)

    def _put_together(self, pages: Sequence[Page | None], accept: str) -> tuple[bytes, str]:
        own, content_type = self._numbers.own(accept)
        merged = Merged()
        merged.add(Part(SUPERVISOR, own))
        for guard, page in zip(self._guards, pages, strict=True):
            told = page is not None and page.status == HTTPStatus.OK and page.content_type == content_type
            if page is not None and told:
                try:
                    merged.add(Part(guard.name, page.body))
                except NoExposition:
                    told = False
            self._numbers.answered(guard.name, answered=told)
        merged.add(Part("", self._numbers.processes(accept)))
        return merged.body(), content_type

    async def _key_set(self, question: Question) -> Answer:
        # Every worker holds the same signers; the first that answers speaks for all.
        for guard in self._guards:
            if guard.terms.post.role is Role.WORKER:
                page = await guard.ask(KEY_SET, budget_s=self._patience.answer_s)
                if page is not None and page.status == HTTPStatus.OK:
                    return key_set_page(page.body, question)
        return plain(KEY_SET, HTTPStatus.SERVICE_UNAVAILABLE)
