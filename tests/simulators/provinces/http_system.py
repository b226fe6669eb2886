"""A provincial system behind HTTP: a real server on loopback, with everything that all dialects have in common.

- A dialect gives its routes, and of each the answer to one request. What goes wrong on the wire happens here.
- `cut` takes it off the network at once: the listening socket is closed and open connections are reset. `restore`
  brings it back on the same port.
- Whatever it says, it says too much: the holder's data stand in headers, in error texts and in garbage.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import ClassVar

from aiohttp import web

from gateway.values import CodeState

from .faults import HEALTHY, Fault, FaultKind, FaultSwitch
from .finding import Finding, find
from .garbage import KINDS, bodies
from .people import Person
from .population import Clock
from .screens import Screens
from .wire import reset

CALL_WINDOW_S = 300.0
"""How far the time in a signed request may lie from the system's own."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a dialect answers, before the network has its say."""

    body: Mapping[str, object]
    about: Person
    status: int = 200
    text: bytes | None = None
    """The exact bytes, where they matter; None: `body` as JSON."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a system was sent, as a whole: what it could learn of the asker."""

    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


Answers = Callable[[web.Request, bytes, Fault], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a profile says that its system must know too."""

    division: str
    words: Mapping[CodeState, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    registered_as: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0


class HttpSystem(ABC):
    """One province's system. Started and stopped in one event loop."""

    WORDS: ClassVar[Mapping[CodeState, str]]
    """The dialect's own words; a province may add to them."""

    PARAMETERS: ClassVar[Mapping[str, str]] = {}
    """What a profile must say of a system as this one, where the dialect leaves it open."""

    def __init__(self, screens: Screens, clock: Clock, settings: Settings) -> None:
        self.screens = screens
        self.clock = clock
        self.switch = FaultSwitch()
        self.settings = settings
        self.words = {**self.WORDS, **settings.words}
        self.parameters = {**self.PARAMETERS, **settings.parameters}
        self.heard: deque[Heard] = deque(maxlen=64)
        self._runner: web.AppRunner | None = None
        self._open: set[asyncio.BaseTransport] = set()
        self._garbage = 0
        self.port = 0

    @abstractmethod
    def routes(self) -> Mapping[str, Answers]:
        """Return path -> what answers there."""

    @abstractmethod
    def credentials(self) -> Mapping[str, bytes]:
        """Return what the gateway needs to be let in: name -> what is in the file."""

    @property
    def endpoint(self) -> str:
        """Return where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def secret(self, what: str) -> str:
        """Return a secret that the system shares with the gateway; it follows from the seed."""
        key = f"{self.settings.seed}/{self.settings.division}/{what}".encode()
        return blake2b(key, digest_size=20).hexdigest()

    def find(self, presented: str, fault: Fault) -> Finding:
        """Return what is behind a code."""
        return find(self.screens, presented, fault, self.clock())

    def word(self, finding: Finding) -> str:
        """Return the system's own word for what it found."""
        if finding.lies_expired:
            return self.words.get(CodeState.EXPIRED, "expired")
        assert finding.colour is not None
        return self.words[finding.colour.state]

    def recent(self, stamp: float) -> bool:
        """Tell whether a request that was made at `stamp` is of now."""
        return abs(self.clock() - stamp) <= CALL_WINDOW_S

    async def start(self) -> None:
        """Listen on a free port, the first time, and on the same one later."""
        app = web.Application(client_max_size=1 << 16)
        for path, answer in self.routes().items():
            app.router.add_post(path, self._served(answer))
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening and let go of every question."""
        self.switch.turn(HEALTHY)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def cut(self) -> None:
        """Take it off the network, as a cable that is pulled: connections are reset, new ones refused."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for site in tuple(runner.sites):
            await site.stop()
        for transport in tuple(self._open):
            reset(transport)
        await runner.cleanup()

    async def restore(self) -> None:
        """Bring it back where it was."""
        if self._runner is None:
            await self.start()

    def _served(self, answer: Answers) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            transport = request.transport
            if transport is not None and transport not in self._open:
                self._open = {known for known in self._open if not known.is_closing()} | {transport}
            return await self._serve(request, answer)

        return serve

    async def _serve(self, request: web.Request, answer: Answers) -> web.StreamResponse:
        body = await request.read()
        self.heard.append(Heard(request.path_qs, tuple(request.headers.items()), body))
        fault = self.switch.strike()
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        elif fault.kind is FaultKind.HANG:
            await self.switch.until_turned()
            reset(request.transport)
        elif fault.kind is FaultKind.RESET:
            reset(request.transport)
        reply = await answer(request, body, fault)
        if fault.kind is FaultKind.SERVER_ERROR:
            trace = f"Traceback: KeyError: {reply.about.story}"
            return web.Response(status=500, text=trace, headers={"X-Holder": reply.about.id_number})
        text = reply.text if reply.text is not None else as_json(reply.body)
        if fault.kind is FaultKind.GARBAGE:
            text = bodies(reply.about, reply.body)[self._garbage % KINDS]
            self._garbage += 1
        headers = {"X-Holder": reply.about.id_number}
        if fault.kind is FaultKind.DRIP:
            return await _drip(request, text, headers, fault.seconds, self.switch)
        return web.Response(status=reply.status, body=text, content_type="application/json", headers=headers)


def as_json(value: object) -> bytes:
    """Return minified JSON, in which names stay as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


async def _drip(
    request: web.Request, text: bytes, headers: Mapping[str, str], seconds: float, switch: FaultSwitch
) -> web.StreamResponse:
    response = web.StreamResponse(headers={**headers, "Content-Length": str(len(text))})
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        place = 0
        while place < len(text) and switch.fault.kind is FaultKind.DRIP:
            await response.write(text[place : place + 1])
            await asyncio.sleep(seconds)
            place += 1
        await response.write(text[place:])
        await response.write_eof()
    return response
