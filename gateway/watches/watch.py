"""One caller's watch: her codes, what is to be told of them, and where she goes on after a cut.

Rules:

- What is to be told is a set of codes, not a line of events: a code that changes again before its turn is told once, as
  it then is. So a watch that nobody reads takes no more room than its codes do.
- Events are numbered as they are handed out. Who goes on after event n is told again of every code whose last event was
  a later one, and the numbers go on from n: without a gap for her, and without anything missing.
- A verdict is told if it differs from the one told last in measure, reasons or state. A note on the mere age of the
  issuer's word is no difference.
- Of codes that have ended, the last `ENDED_KEPT` are remembered for who goes on; who is further behind is told that she
  lost something, and never goes on with a hole.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.changes import ListName
from gateway.errors import Reason
from gateway.sealed import Sealed
from gateway.values import Caller, CodeState, Decision, DivisionCode, Instant, Measure, Profile, Purpose

ENDED_KEPT: Final = 1_024
"""Codes that ended, of one watch."""

_AGE_NOTES: Final = frozenset({Reason.STATUS_AGING})
_NOTHING: Final = Sealed(b"")


@dataclass(frozen=True, slots=True)
class WatchTerms:
    """Under which terms the codes of a watch are judged and told of."""

    purpose: Purpose
    division: DivisionCode | None
    profile: Profile


class Verdict(NamedTuple):
    """What makes one verdict another."""

    measure: Measure
    reasons: tuple[Reason, ...]
    state: CodeState


def verdict_of(decision: Decision) -> Verdict:
    """Return what a caller would act on."""
    reasons = decision.reasons
    if not _AGE_NOTES.isdisjoint(reasons):
        reasons = tuple(reason for reason in reasons if reason not in _AGE_NOTES)
    return Verdict(decision.measure, reasons, decision.state)


class CodeEvent(NamedTuple):
    """One event of a watch."""

    number: int
    handle: str
    decision: Decision
    watched: bool
    """Whether later changes will be told."""


class Watched:
    """A code of a watch. Equal to nothing but itself."""

    __slots__ = ("code", "decision", "handle", "index", "live", "name", "sent", "told", "watch")

    def __init__(self, watch: Watch, handle: str, decision: Decision) -> None:
        self.watch = watch
        self.handle = handle
        self.decision = decision
        """The last one."""
        self.code = _NOTHING
        self.name: ListName | None = None
        self.index = 0
        self.live = False
        """Whether it is found by the list that it points to, and will be judged anew."""
        self.sent = 0
        """The number of its last event; 0: none yet."""
        self.told: Verdict | None = None
        """What that event said, as far as the caller is known to have got it."""

    def watch_for(self, code: bytes, name: ListName, index: int) -> None:
        """Keep `code`, sealed: its place is `index` of the list `name`."""
        self.code = Sealed(code)
        self.name = name
        self.index = index
        self.live = True

    def end(self) -> None:
        """Keep nothing of the code any more."""
        self.code = _NOTHING
        self.live = False

    def __repr__(self) -> str:
        """Show nothing."""
        return "<watched code>"


class Watch:
    """A watch: codes under handles. Use from one event loop."""

    def __init__(self, watch_id: str, caller: Caller, terms: WatchTerms) -> None:
        self.watch_id = watch_id
        self.caller = caller
        self.terms = terms
        self.codes: dict[str, Watched] = {}
        self.live = 0
        """Codes of it that are found by their lists."""
        self.bytes = 0
        self.event = 0
        """The number of the last event."""
        self.left: Instant | None = None
        """Since when nobody reads it; None while a stream does."""
        self.connection: Connection | None = None
        self._pending: OrderedDict[Watched, None] = OrderedDict()
        self._ended: OrderedDict[Watched, None] = OrderedDict()
        self._forgotten = 0
        self._wake = asyncio.Event()
        self._taken = asyncio.Event()

    @property
    def pending(self) -> int:
        """How many codes are to be told of."""
        return len(self._pending)

    def put(self, watched: Watched) -> None:
        """Take a code in, to be told of at once. Its handle is free."""
        self.codes[watched.handle] = watched
        self._pending[watched] = None
        self._wake.set()

    def remove(self, watched: Watched) -> None:
        """Forget a code that the caller wants to hear nothing of any more."""
        del self.codes[watched.handle]
        self._pending.pop(watched, None)
        self._ended.pop(watched, None)

    def say(self, watched: Watched, decision: Decision) -> bool:
        """Take the new `decision` on one of its codes. Return whether there is something to tell."""
        watched.decision = decision
        if watched.live and verdict_of(decision) == watched.told:
            self._pending.pop(watched, None)  # it has changed back before anybody heard of it
            return False
        self._pending[watched] = None
        self._wake.set()
        return True

    def take(self) -> CodeEvent | None:
        """Return the next event, which is now told; None if there is none."""
        if not self._pending:
            return None
        watched, _ = self._pending.popitem(last=False)
        self._taken.set()
        self.event += 1
        watched.sent = self.event
        watched.told = verdict_of(watched.decision)
        if not watched.live:
            self._remember_ended(watched)
        return CodeEvent(self.event, watched.handle, watched.decision, watched.live)

    def go_on(self, after: int) -> bool:
        """Go on after the event `after`. Return whether all later ones can be told; if not, nothing has changed."""
        if not self._forgotten <= after <= self.event:
            return False
        again = sorted((one for one in self.codes.values() if one.sent > after), key=lambda one: one.sent)
        for watched in again:
            watched.told = None
            self._ended.pop(watched, None)
        self._pending = OrderedDict.fromkeys(again) | self._pending
        self.event = after
        self._wake.set()
        return True

    def wake(self) -> None:
        """Let its stream look at how things stand."""
        self._wake.set()

    async def wait(self, seconds: float) -> bool:
        """Return True when there may be something new, False after `seconds` without."""
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def read(self) -> None:
        """Return once an event has been taken."""
        self._taken.clear()
        await self._taken.wait()

    def _remember_ended(self, watched: Watched) -> None:
        self._ended[watched] = None
        if len(self._ended) > ENDED_KEPT:
            oldest, _ = self._ended.popitem(last=False)
            del self.codes[oldest.handle]
            self._forgotten = max(self._forgotten, oldest.sent)

    def __repr__(self) -> str:
        """Show how much, not of whom."""
        return f"<watch of {len(self.codes)} codes>"


class Connection:
    """A stream that reads a watch: the only one, until another takes the watch over."""

    __slots__ = ("watch",)

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        watch.connection = self
        watch.left = None
        watch.wake()  # whoever read it before is told

    @property
    def in_force(self) -> bool:
        """Whether no other stream has taken the watch over."""
        return self.watch.connection is self
