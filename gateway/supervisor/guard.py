"""Keeps one post filled: starts its process, starts it again when it dies, looks whether it is well, and ends it.

Rules:

- Never given up: after each death in its youth twice the wait, up to a bound; one that lived long is replaced at once.
- A process that has been ready and then answers nothing for `silent_s` hangs: it is killed, and what follows is the
  same as after any death. So is one that does not become ready in its time.
- What it says of its readiness is asked anew, never remembered beyond its life.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from gateway.web.pages import READYZ, Check

from .ask import Page, ask
from .child import Terms
from .process import Process
from .settings import Patience, again_s

OK: Final = "ok"
STARTING: Final = "starting"
MISSING: Final = "missing"
SILENT: Final = "silent"
NOT_READY: Final = "not_ready"

_WORD: Final = re.compile(r"[a-z0-9_.-]{1,64}")
_MOST_CHECKS: Final = 64

Spawn = Callable[[Terms], Awaitable[Process]]
"""Starts a process. Raises: OSError."""


class GuardObserver(Protocol):
    """Told what happens at the posts, by their names. May not raise or wait."""

    def ready(self, process: str, pid: int, seconds: float) -> None:
        """Tell that it serves, so long after its start."""

    def died(self, process: str, pid: int, status: int, lived_s: float, again_in_s: float) -> None:
        """Tell that it ended without being told to; `again_in_s` is 0 if it is not started again."""

    def silent(self, process: str, pid: int, seconds: float) -> None:
        """Tell that it hangs, and is killed."""

    def not_started(self, process: str, again_in_s: float) -> None:
        """Tell that the system would not start it (no memory, no process id left)."""


class DiedYoung(Exception):
    """A process ended before it was ready for the first time. `status` is its exit status."""

    def __init__(self, process: str, status: int) -> None:
        super().__init__(f"{process} ended with status {status}")
        self.process = process
        self.status = status


class Guard:
    """Guards one post. Start and drain it in the same event loop."""

    def __init__(self, terms: Terms, spawn: Spawn, patience: Patience, observer: GuardObserver) -> None:
        self.terms = terms
        self.name = terms.post.name
        self._spawn = spawn
        self._patience = patience
        self._observer = observer
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._young_deaths = 0
        self._reload_due = False
        self._answered = 0.0
        self._checks: tuple[Check, ...] = ()
        self._state = MISSING

    async def start(self) -> None:
        """Start the process for the first time, and return when it is ready.

        Raises:
            DiedYoung: it ended without having been ready; it is not started again.
            OSError: the system would not start it.

        """
        process = await self._begin()
        if not await self._until_ready(process):
            status = await process.ended
            self._process = None
            self._observer.died(self.name, process.pid, status, self._now() - process.born, 0.0)
            raise DiedYoung(self.name, status)
        self._keeping = asyncio.create_task(self._keep(process))

    @property
    def checks(self) -> tuple[Check, ...]:
        """The process's state at the last look, under its name; then which of its own conditions fail."""
        return (Check(self.name, self._state), *self._checks)

    @property
    def ok(self) -> bool:
        """Whether it was ready at the last look."""
        return self._state == OK

    async def look(self) -> None:
        """Ask the process whether it is ready; kill it if it has answered nothing for too long."""
        process = self._process
        if process is None or not process.ready.done():
            self._note(MISSING if process is None else STARTING)
            return
        page = await ask(self.terms.http_socket, READYZ, budget_s=self._patience.answer_s)
        if process is not self._process:
            self._note(MISSING)
        elif page is None:
            self._note(SILENT)
            silent_s = self._now() - self._answered
            if silent_s > self._patience.silent_s and not process.ended.done():
                self._observer.silent(self.name, process.pid, silent_s)
                self._answered = self._now()
                process.signal(signal.SIGKILL)
        else:
            self._answered = self._now()
            self._note(*_read(page, self.name))

    async def ask(self, page: str, *, budget_s: float, accept: str = "") -> Page | None:
        """Return a page of the process, or None if there is none to be had in time."""
        if self._process is None:
            return None
        headers = {"Accept": accept} if accept else None
        return await ask(self.terms.http_socket, page, budget_s=budget_s, headers=headers)

    async def reload(self) -> bool:
        """Have the process reload and wait for its word; tell whether all is in force.

        One that still starts reloads once it is ready, and is not waited for: what it has read may be the old.
        """
        process = self._process
        if process is None:
            return True  # whatever starts in its place reads anew
        if not process.ready.done():
            self._reload_due = True
            return True
        try:
            async with asyncio.timeout(self._patience.reload_s):
                return await process.reload()
        except TimeoutError:
            return False

    async def drain(self, patience_s: float) -> None:
        """End the process with SIGTERM, or after `patience_s` with SIGKILL. Nothing is started any more."""
        self._stopping.set()
        if self._process is not None:
            self._process.signal(signal.SIGTERM)
        if await self._gone(patience_s):
            return
        self.kill()
        await self._gone(None)

    def kill(self) -> None:
        """End the process at once. Nothing is started any more."""
        self._stopping.set()
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    async def _gone(self, patience_s: float | None) -> bool:
        last: asyncio.Task[None] | asyncio.Task[int] | None = self._keeping
        if last is None and self._process is not None:
            last = self._process.ended
        if last is None:
            return True
        await asyncio.wait([last], timeout=patience_s)
        return last.done()

    async def _keep(self, process: Process) -> None:
        """Keep the post filled until told to stop."""
        current: Process | None = process
        while current is not None:
            status = await current.ended
            self._process = None
            self._note(MISSING)
            current = None if self._stopping.is_set() else await self._again(current, status)

    async def _again(self, dead: Process, status: int) -> Process | None:
        """Start a process in the place of a dead one and see it through its start; None if told to stop meanwhile."""
        lived_s = self._now() - dead.born
        sound = not dead.ready.cancelled() and lived_s >= self._patience.sound_s
        self._young_deaths = 0 if sound else self._young_deaths + 1
        wait_s = again_s(self._patience, self._young_deaths)
        self._observer.died(self.name, dead.pid, status, lived_s, wait_s)
        while not await self._told_to_stop(wait_s):
            try:
                process = await self._begin()
            except OSError:
                wait_s = self._patience.longest_again_s
                self._observer.not_started(self.name, wait_s)
                continue
            if await self._until_ready(process) and self._reload_due:
                process.signal(signal.SIGHUP)
            return process
        return None

    async def _told_to_stop(self, within_s: float) -> bool:
        """Wait so long, unless told to stop; tell whether that was so."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), within_s)
        return self._stopping.is_set()

    async def _begin(self) -> Process:
        self._reload_due = False
        self._process = process = await self._spawn(self.terms)
        self._note(STARTING)
        if self._stopping.is_set():
            process.signal(signal.SIGTERM)
        return process

    async def _until_ready(self, process: Process) -> bool:
        """Wait until the process is ready or has ended; kill it if it takes too long. Tell whether it is ready."""
        try:
            await asyncio.wait_for(asyncio.shield(process.ready), self._patience.start_s)
        except TimeoutError:
            process.signal(signal.SIGKILL)
            return False
        except asyncio.CancelledError:
            if process.ready.cancelled():
                return False
            raise
        self._answered = self._now()
        self._observer.ready(self.name, process.pid, self._answered - process.born)
        return True

    def _note(self, state: str, failing: tuple[Check, ...] = ()) -> None:
        self._state, self._checks = state, failing

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _read(page: Page, name: str) -> tuple[str, tuple[Check, ...]]:
    """Return the state that a page of readiness tells, and the conditions that fail."""
    try:
        body = json.loads(page.body)
        ready, states = body["ready"], body["checks"].items()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return NOT_READY, ()
    if ready is True and page.status == 200:
        return OK, ()
    failing = (
        Check(f"{name}.{check}", state)
        for check, state in list(states)[:_MOST_CHECKS]
        if state != OK and isinstance(state, str) and _WORD.fullmatch(check) and _WORD.fullmatch(state)
    )
    return NOT_READY, tuple(failing)
