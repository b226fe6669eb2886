"""A gateway that holds lists and judges codes by them, as far as watches see it.

A code of this world is text: `issuer|uri|index|end|begin`, where what is empty is not there. `lists` says how each list
stands and what it reads; a batch is applied as the ledger does it: the list first, then whoever follows is told.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.changes import BatchDigest, ChangeGroup, ListHead, ListName, StatusBatch, Word
from gateway.errors import REASONS, NotReady, Reason
from gateway.status import words
from gateway.status.freshness import Budget, Budgets
from gateway.values import (
    Caller,
    CallerId,
    CallerKind,
    CodeMarks,
    CodeState,
    Decision,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    Measure,
    Profile,
    Purpose,
    StatusPointer,
)
from gateway.watches.settings import WatchSettings
from gateway.watches.watch import Connection, WatchTerms
from gateway.watches.watches import Watches
from tests.conftest import NOON, FakeClock

GUIZHOU = IssuerId("https://code.guizhou.example")
LIST = ListName(GUIZHOU, "https://code.guizhou.example/status/1")
OTHER = ListName(GUIZHOU, "https://code.guizhou.example/status/2")
RAILWAY = Caller(CallerId("railway.example"), CallerKind.TLS_PEER)
AIRPORT = Caller(CallerId("airport.example"), CallerKind.TLS_PEER)
TERMS = WatchTerms(Purpose.TRANSPORT_ARRIVAL, DivisionCode("330000"), Profile.GATE)
CANARY = "Zhang Wei 330102199001011234"

_MEASURES = {
    CodeState.GREEN: (Measure.PASS, Reason.STATE_GREEN),
    CodeState.YELLOW: (Measure.LIMITED, Reason.STATE_YELLOW),
    CodeState.RED: (Measure.DENY, Reason.STATE_RED),
    CodeState.REVOKED: (Measure.DENY, Reason.REVOKED),
    CodeState.UNDER_REVIEW: (Measure.LIMITED, Reason.STATE_UNDER_REVIEW),
    CodeState.UNKNOWN: (Measure.MANUAL, Reason.STATUS_UNAVAILABLE),
}


def code(index: int, name: ListName | None = LIST, *, ends: float | None = None, begins: float | None = None) -> bytes:
    """Return a code that points to a place; without a list, to none."""
    issuer, uri = name or (GUIZHOU, "")
    return "|".join((issuer, uri, str(index), *("" if one is None else str(one) for one in (ends, begins)))).encode()


@dataclass
class Counts:
    """Keeps what it is told."""

    watches: int = 0
    codes: int = 0
    changes: list[float] = field(default_factory=list)
    lost: int = 0
    failures: list[Exception] = field(default_factory=list)

    def watches_held(self, watches: int, codes: int) -> None:
        self.watches, self.codes = watches, codes

    def code_changed(self, seconds: float) -> None:
        self.changes.append(seconds)

    def watch_lost(self) -> None:
        self.lost += 1

    def judging_failed(self, failure: Exception) -> None:
        self.failures.append(failure)


class Lists:
    """The lists that are held. `heads` and `words` are what a test sets."""

    def __init__(self) -> None:
        self.heads: dict[ListName, ListHead] = {}
        self.words: dict[tuple[ListName, int], Word] = {}

    def head(self, name: ListName) -> ListHead | None:
        return self.heads.get(name)

    def open(self, name: ListName, at: Instant) -> None:
        self.heads[name] = ListHead(name, 1 << 20, 1, BatchDigest(b""), at, at)


@dataclass
class Judge:
    """Judges by the code's text and the lists."""

    lists: Lists
    budgets: Budgets
    judged: list[tuple[bytes, Instant]] = field(default_factory=list)
    unready: bool = False
    broken: set[bytes] = field(default_factory=set)
    """Codes at which it fails with the canary in the text."""
    forgery: set[bytes] = field(default_factory=set)
    marks: CodeMarks | None = None
    """Of every code that it judges."""

    def judge(self, code: bytes, terms: WatchTerms, at: Instant) -> Decision:
        self.judged.append((code, at))
        if self.unready:
            raise NotReady(CANARY)
        if code in self.broken:
            raise KeyError(CANARY)
        issuer, uri, index, ends, begins = code.decode().split("|")
        if not issuer or code in self.forgery:
            return self._stopped(Reason.BAD_SIGNATURE, at)
        decision = Decision(
            Measure.PASS,
            (Reason.STATE_GREEN,),
            at,
            None,
            Format.NATIVE,
            CodeState.GREEN,
            IssuerId(issuer),
            DivisionCode("520000"),
            valid_until=Instant(float(ends)) if ends else None,
            marks=self.marks,
        )
        if ends and at >= float(ends):
            return self._as(decision, Measure.DENY, CodeState.EXPIRED, Reason.EXPIRED)
        if begins and at < float(begins):
            return self._as(decision, Measure.DENY, CodeState.UNKNOWN, Reason.NOT_YET_VALID)
        return self._listed(decision, ListName(IssuerId(issuer), uri), int(index), terms, at) if uri else decision

    def pointer_of(self, code: bytes) -> StatusPointer | None:
        _, uri, index, *_ = code.decode().split("|")
        return StatusPointer(uri, int(index)) if uri else None

    def _listed(self, decision: Decision, name: ListName, index: int, terms: WatchTerms, at: Instant) -> Decision:
        head = self.lists.heads.get(name)
        state = CodeState.UNKNOWN
        if head is not None and not head.closed:
            state = words.STATES[self.lists.words.get((name, index), words.UNKNOWN)] or CodeState.GREEN
            budget = self.budgets.of(name.issuer, terms.purpose)
            if state is not CodeState.RED and not -30 <= at - head.issued <= budget.budget_s:
                return self._as(decision, Measure.MANUAL, state, Reason.STATUS_STALE)
            if at - head.issued > budget.fresh_s:
                measure, reason = _MEASURES[state]
                return self._as(decision, measure, state, reason, Reason.STATUS_AGING)
        measure, reason = _MEASURES[state]
        return self._as(decision, measure, state, reason)

    @staticmethod
    def _as(decision: Decision, measure: Measure, state: CodeState, *reasons: Reason) -> Decision:
        return replace(decision, measure=measure, state=state, reasons=reasons)

    @staticmethod
    def _stopped(reason: Reason, at: Instant) -> Decision:
        return Decision(Measure[REASONS[reason].effect.value], (reason,), at, REASONS[reason].step, Format.NATIVE)


class World:
    """Watches with what they stand on. Its two lists are open; every place of them reads green."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.counts = Counts()
        self.lists = Lists()
        self.budgets = Budgets(Budget(60.0, 900.0), by_purpose={Purpose.MEDICAL_CARE: Budget(60.0, 3_600.0)})
        self.judge = Judge(self.lists, self.budgets)
        self.settings = WatchSettings(**settings)
        self.watches = Watches(self.judge, self.lists, self.budgets, self.settings, self.clock, self.counts)
        for name in (LIST, OTHER):
            self.lists.open(name, NOON)

    def open(self, caller: Caller = RAILWAY, terms: WatchTerms = TERMS) -> Connection:
        """Return a stream on a new watch."""
        return self.watches.open(caller, terms)

    def register(
        self, connection: Connection, handle: str, index: int, name: ListName | None = LIST, **ends: float
    ) -> None:
        """Register a green code, whose first event stays to be read."""
        if name is not None:
            self.lists.words.setdefault((name, index), words.GREEN)
        self.watches.register(connection.watch, handle, code(index, name, **ends))

    async def registered(self, count: int = 1, name: ListName = LIST, **ends: float) -> Connection:
        """Return a stream on a new watch of `count` codes, "h0" at place 0 and so on, all of them read."""
        connection = self.open()
        for index in range(count):
            self.register(connection, f"h{index}", index, name, **ends)
        assert len(self.events(connection)) == count
        return connection

    def events(self, connection: Connection) -> list[tuple[str, Measure, bool]]:
        """Return what is told now."""
        told = []
        while (event := self.watches.take(connection)) is not None:
            told.append((event.handle, event.decision.measure, event.watched))
        return told

    async def apply(self, changes: Mapping[Word, Iterable[int]], name: ListName = LIST, **more: Any) -> None:
        """Let a list change now, and whoever follows it be told and done."""
        self.tell(changes, name, **more)
        await self.watches.judge_touched()

    def tell(self, changes: Mapping[Word, Iterable[int]], name: ListName = LIST, **more: Any) -> None:
        """Let a list change now; what it touches waits to be judged."""
        head = self.lists.heads[name]
        groups = tuple(ChangeGroup(word, array("I", sorted(indices)), "office") for word, indices in changes.items())
        batch = StatusBatch(name, head.number + 1, head.digest, self.clock(), None, groups, **more)
        self.lists.words |= {(name, index): one.word for one in groups for index in one.indices}
        self.lists.heads[name] = replace(head, number=batch.number, issued=self.clock(), closed=batch.closing)
        self.watches.applied(batch)

    async def sweep(self, seconds: float = 0.0) -> None:
        """Let time pass, look at the clock and judge what that touched."""
        self.clock.advance(seconds)
        self.watches.sweep()
        await self.watches.judge_touched()
