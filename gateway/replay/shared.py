"""The memory of several nodes: Redis, asked within a budget.

How it goes:

- All that is asked in one turn of the event loop is one call, sent at once; answers come in the order of the calls.
- Who asked in a call that is not answered within the budget is told that nothing is known. So many such calls in a row
  end the connection, and from then on nobody waits: connecting anew, the probe and what Redis has missed are the
  business of one task beside.
- The budget counts from when a call is sent: what the event loop has to do first is not Redis' doing.
- What nobody could tell Redis, or was not answered, is offered to it once it is back. A replay that it tells of then,
  or in an answer that comes too late, is counted.
- A Redis that has not been there for as long as a code lives may not know of earlier showings: that a code is the first
  one there then says nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from .observer import NOBODY_WATCHES, Offered, ReplayObserver, Silence
from .offers import Offers
from .questions import Question, QuestionMaker, RedisSilent
from .showing import Seen, Showing

MOST_AT_ONCE: Final = 512
"""Showings of one call: a batch. Redis does nothing else meanwhile, for about 2 ms."""

MOST_LATE: Final = 3
"""Calls in a row that are late before Redis is left alone."""

FIRST_AGAIN_S: Final = 0.1
LONGEST_AGAIN_S: Final = 2.0
"""Seconds between two attempts to connect; the first is made at once."""

OFFER_S: Final = 5.0
"""Seconds that Redis has to take what it missed. Nobody waits for it."""

_LOOKS: Final = 3
"""Turns of the event loop in which an answer that has come while the loop was busy is still taken."""


class Line(Protocol):
    """A connection to Redis. All of it may raise RedisSilent."""

    async def open(self, probe_s: float) -> float:
        """Connect; return for how many seconds the server has been up."""
        ...

    async def send(self, questions: Sequence[Question], ago_ms: Sequence[int]) -> None:
        """Send one call."""
        ...

    async def receive(self) -> tuple[float, list[int]]:
        """Return the next answer: seconds that the memory has been there, and what each showing was."""
        ...

    async def close(self) -> None:
        """Give it up. Raises nothing."""
        ...


class _Call:
    """What is asked at one time, and who waits for it."""

    __slots__ = ("asked", "given_up", "late", "questions", "sent", "waiting")

    def __init__(self, asked: float) -> None:
        self.asked = asked
        self.questions: list[Question] = []
        self.waiting: list[asyncio.Future[Seen | None]] = []
        self.late: asyncio.Handle | None = None
        self.sent = False
        self.given_up = False

    def end(self, answers: Sequence[Seen | None] | None = None) -> None:
        """Tell everybody who waits; without answers that nothing is known."""
        if self.late is not None:
            self.late.cancel()
        for waiting, seen in zip(self.waiting, answers or [None] * len(self.waiting), strict=True):
            if not waiting.done():
                waiting.set_result(seen)


class SharedShowings:
    """The memory of all nodes, as the guard asks it. For one event loop; `close` ends it."""

    def __init__(
        self,
        connect: Callable[[], Line],
        questions: QuestionMaker,
        *,
        budget_s: float,
        lifetime_s: float,
        observer: ReplayObserver = NOBODY_WATCHES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask what `connect` makes. `lifetime_s`: how long the longest-lived code that is guarded is valid."""
        self._connect = connect
        self._questions = questions
        self._budget_s = budget_s
        self._lifetime_s = lifetime_s
        self._observer = observer
        self._monotonic = monotonic
        self.offers = Offers(lambda: observer.offered(Offered.DROPPED))
        self._up = False
        self._late = 0
        self._edition = 0
        self._born = 0.0
        self._next: _Call | None = None
        self._asked: deque[_Call] = deque()
        self._wake = asyncio.Event()
        self._broken: asyncio.Future[Silence] | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether Redis is asked."""
        return self._up

    def ask(self, showing: Showing) -> asyncio.Future[Seen | None] | None:
        """See gateway.replay.guard.RemembersEverywhere."""
        question = self._questions.question(showing)
        if not self._up:
            self.offers.add(question, self._monotonic())
            return None
        loop = asyncio.get_running_loop()
        call = self._next
        if call is None or len(call.questions) >= MOST_AT_ONCE:
            call = self._next = _Call(self._monotonic())
            self._asked.append(call)
            self._wake.set()
        waiting: asyncio.Future[Seen | None] = loop.create_future()
        call.questions.append(question)
        call.waiting.append(waiting)
        return waiting

    def renew(self, connect: Callable[[], Line], questions: QuestionMaker) -> None:
        """Go on with another address or secret."""
        self._connect, self._questions = connect, questions
        self._edition += 1
        self._break(Silence.RENEWED)

    def start(self) -> None:
        """See gateway.replay.guard.RemembersEverywhere."""
        self._serving = asyncio.create_task(self._serve())

    async def close(self) -> None:
        """See gateway.replay.guard.RemembersEverywhere."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])
            self._serving = None
        self._let_go()

    async def _serve(self) -> None:
        """Connect, be asked until that fails, and connect again."""
        told: Silence | None = None
        again_s = 0.0
        while True:
            line = self._connect()
            try:
                why = await self._opened(line)
                if why is None:
                    told, again_s = None, 0.0
                    self._observer.shared_back()
                    why = await self._talk(line)
            except Exception as failure:  # noqa: BLE001 a fault of ours must not leave the nodes apart for good
                self._observer.failed(failure)
                why = Silence.BROKEN
            finally:
                self._let_go()
                await line.close()
            if why is Silence.RENEWED:
                continue
            if told is None:
                self._observer.shared_gone(why)
            told = why
            await asyncio.sleep(again_s)
            again_s = min(max(2 * again_s, FIRST_AGAIN_S), LONGEST_AGAIN_S)

    async def _opened(self, line: Line) -> Silence | None:
        """Connect and tell Redis what it has missed; from then on it is asked. Return why not, if so."""
        edition = self._edition
        try:
            self._born = self._monotonic() - await line.open(self._budget_s)
            while len(self.offers):
                await self._offer(line)
        except RedisSilent as silent:
            return silent.why
        if edition != self._edition:
            return Silence.RENEWED
        self._broken = asyncio.get_running_loop().create_future()
        self._late, self._up = 0, True
        return None

    async def _offer(self, line: Line) -> None:
        now = self._monotonic()
        offers, ended = self.offers.take(MOST_AT_ONCE, now)
        if ended:
            self._observer.offered(Offered.EXPIRED, ended)
        if not offers:
            return
        try:
            async with asyncio.timeout(OFFER_S):
                await line.send([one.question for one in offers], [round((now - one.shown) * 1_000) for one in offers])
                _, answers = await line.receive()
        except (RedisSilent, TimeoutError, asyncio.CancelledError) as failed:
            self.offers.give_back(offers)
            if isinstance(failed, TimeoutError):
                raise RedisSilent(Silence.SLOW) from None
            raise
        conflicts = answers.count(Seen.SUSPECTED)
        self._observer.offered(Offered.TAKEN, len(offers) - conflicts)
        if conflicts:
            self._observer.offered(Offered.CONFLICT, conflicts)

    async def _talk(self, line: Line) -> Silence:
        """Send calls and take answers until something fails; return what."""
        broken = self._broken
        if broken is None:  # pragma: no cover  # set when it was opened
            return Silence.BROKEN
        both = [asyncio.create_task(self._send(line)), asyncio.create_task(self._receive(line))]
        try:
            await asyncio.wait([broken, *both], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            ended = await asyncio.gather(*both, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Silence):
                return outcome
            if isinstance(outcome, Exception):
                raise outcome
        return broken.result()

    async def _send(self, line: Line) -> Silence:
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for call in [one for one in self._asked if not one.sent]:
                    if call is self._next:
                        self._next = None
                    call.sent = True
                    call.late = loop.call_later(self._budget_s, self._is_late, call, _LOOKS)
                    await line.send(call.questions, [0] * len(call.questions))
        except RedisSilent as silent:
            return silent.why

    async def _receive(self, line: Line) -> Silence:
        try:
            while True:
                age_s, answers = await line.receive()
                call, now = self._asked[0], self._monotonic()
                if len(answers) != len(call.waiting):
                    return Silence.BROKEN
                young = min(age_s, now - self._born) < self._lifetime_s
                # That it is the first one a young memory knows of says nothing.
                seen = [None if young and one == Seen.FIRST else Seen(one) for one in answers]
                self._asked.popleft().end(seen)
                if call.given_up:
                    # Nobody waits any more, but what nobody could be told must not go unseen.
                    if conflicts := seen.count(Seen.SUSPECTED):
                        self._observer.offered(Offered.CONFLICT, conflicts)
                else:
                    self._late = 0
                    self._observer.asked(now - call.asked)
        except RedisSilent as silent:
            return silent.why
        except (IndexError, ValueError):  # an answer that nobody waits for, or that is none
            return Silence.BROKEN

    def _is_late(self, call: _Call, looks: int) -> None:
        """Give a call up that is not answered in time, once what has come has been looked at; after some, Redis."""
        if looks:
            call.late = asyncio.get_running_loop().call_soon(self._is_late, call, looks - 1)
            return
        call.given_up = True
        call.end()
        self._late += 1
        if self._late >= MOST_LATE:
            self._break(Silence.SLOW)

    def _break(self, why: Silence) -> None:
        """End the connection, and let everybody go who waits."""
        broken = self._broken
        if broken is not None and not broken.done():
            broken.set_result(why)
        self._let_go()

    def _let_go(self) -> None:
        """Ask no more; tell who waits that nothing is known, and keep what they asked to tell Redis later."""
        self._up, self._next = False, None
        while self._asked:
            call = self._asked.popleft()
            for question in call.questions:
                self.offers.add(question, call.asked)
            call.end()
