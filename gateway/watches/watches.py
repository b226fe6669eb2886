"""All watches of a gateway: codes come and go, batches touch them, and what was touched is judged anew.

Rules:

- A code is judged by the pipeline, whole, at one reading of the clock: first when it is registered, then whenever a
  batch writes its place, its list leaves its budget or comes back into it, it ends, or trust and rules have changed;
  and now and then though nobody said anything, as rules, keys and risks have times of their own.
- Judging takes turns with everything else. What may have got worse goes first.
- What points to no list that is held open here is told of once and not kept.
- While nothing can be judged (the trust list has expired) nothing is told: streams end, and watches wait.
- A watch belongs to the caller who opened it. To anybody else there is none under its name.
- Bounded: watches and codes of a caller, codes in all, and the bytes of both.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from time import monotonic
from typing import Final, Protocol

from gateway.changes import MAX_CLOCK_SKEW, ListName, StatusBatch
from gateway.errors import REASONS, NotReady, Reason
from gateway.values import Caller, CodeState, Decision, Format, Instant, Measure, StatusPointer

from .due import DueCodes
from .index import WatchIndex
from .observer import NobodyObserves, WatchObserver
from .settings import BYTES_OF_CODE, WatchRefusal, WatchRefused, WatchSettings
from .standing import HoldsLists, KnowsBudgets, Standings
from .watch import CodeEvent, Connection, Watch, Watched, WatchTerms

SLICE_S: Final = 0.005
"""Seconds of judging between which others get their turn."""

_WATCH_ID_BYTES: Final = 16


class JudgesWatched(Protocol):
    """The rooms, as watches see them."""

    def judge(self, code: bytes, terms: WatchTerms, at: Instant) -> Decision:
        """Return the decision on `code`; of an opaque one, that nobody could be asked. Raises: NotReady."""
        ...

    def pointer_of(self, code: bytes) -> StatusPointer | None:
        """Return where `code` says that its live status stands; None if it says nothing, or cannot be read."""
        ...


class Watches:
    """All watches of one gateway. Use from one event loop."""

    def __init__(
        self,
        judge: JudgesWatched,
        lists: HoldsLists,
        budgets: KnowsBudgets,
        settings: WatchSettings,
        clock: Callable[[], Instant],
        observer: WatchObserver | None = None,
    ) -> None:
        self._judge = judge
        self._settings = settings
        self._clock = clock
        self._observer = observer or NobodyObserves()
        self._index = WatchIndex()
        self._watches: dict[str, Watch] = {}
        self._of_caller: dict[Caller, list[Watch]] = {}
        self._worse: OrderedDict[Watched, float] = OrderedDict()
        self._others: OrderedDict[Watched, float] = OrderedDict()
        self._standings = Standings(lists, budgets, self._index)
        self._due = DueCodes(settings.again_s)
        self._swept = Instant(0.0)
        self._failing = False
        self.work = asyncio.Event()
        """Set while codes wait to be judged anew."""

    def __len__(self) -> int:
        """Return how many codes are watched."""
        return len(self._index)

    def open(self, caller: Caller, terms: WatchTerms) -> Connection:
        """Return a stream's place on a new watch.

        A caller who has as many watches as she may gives up the one that nobody has read for the longest time.

        Raises: WatchRefused with TOO_MANY_WATCHES if all of hers are being read.
        """
        hers = self._of_caller.setdefault(caller, [])
        if len(hers) >= self._settings.watches_per_caller:
            left = [watch for watch in hers if watch.left is not None]
            if not left:
                raise WatchRefused(WatchRefusal.TOO_MANY_WATCHES)
            self._forget(min(left, key=lambda watch: watch.left or 0.0))
            hers = self._of_caller.setdefault(caller, [])
        watch = Watch(secrets.token_urlsafe(_WATCH_ID_BYTES), caller, terms)
        self._watches[watch.watch_id] = watch
        hers.append(watch)
        self._told_how_many()
        return Connection(watch)

    def go_on(self, caller: Caller, watch_id: str, after: int) -> Connection | None:
        """Return a stream's place on the caller's own watch, after an event; None if something of it is lost."""
        watch = self._watches.get(watch_id)
        if watch is None or watch.caller != caller or not watch.go_on(after):
            self._observer.watch_lost()
            return None
        return Connection(watch)

    def leave(self, connection: Connection) -> None:
        """Let a stream's watch wait to be gone on with, if no other stream has taken it over."""
        watch = connection.watch
        if watch.connection is connection:
            watch.connection = None
            watch.left = self._clock()

    def take(self, connection: Connection) -> CodeEvent | None:
        """Return the next event for a stream; None if there is none at the moment.

        Raises: WatchRefused with TAKEN_OVER; NotReady while nothing can be judged.
        """
        if not connection.in_force:
            raise WatchRefused(WatchRefusal.TAKEN_OVER)
        if self._failing:
            raise NotReady("codes cannot be judged now")
        return connection.watch.take()

    def make_room(self, watch: Watch, codes: Sequence[tuple[str, bytes]]) -> None:
        """Return if these codes, under their handles, may all be watched. Raises: WatchRefused with TOO_MANY_CODES."""
        new = sum(handle not in watch.codes for handle, _ in codes)
        hers = self._of_caller.get(watch.caller, ())
        most = self._settings.codes_per_caller
        live = sum(one.live for one in hers) + new
        size = sum(one.bytes for one in hers) + sum(len(code) for _, code in codes)
        if live > most or size > most * BYTES_OF_CODE or len(self._index) + new > self._settings.capacity:
            raise WatchRefused(WatchRefusal.TOO_MANY_CODES)

    def register(self, watch: Watch, handle: str, code: bytes) -> None:
        """Judge `code` and let it be told of under `handle`, now and whenever it changes. The bytes are kept, sealed.

        Another code under that handle goes. Does not check that there is room: `make_room`.

        Raises: NotReady.
        """
        at = self._clock()
        decision = self._judge.judge(code, watch.terms, at)
        self.drop(watch, handle)
        watched = Watched(watch, handle, decision)
        pointer = None if decision.issuer is None else self._judge.pointer_of(code)
        if pointer is not None and decision.issuer is not None:
            name = ListName(decision.issuer, pointer.uri)
            if self._standings.is_held(name) and decision.state is not CodeState.EXPIRED:
                self._begin(watched, code, name, pointer.index, at)
        watch.put(watched)

    def drop(self, watch: Watch, handle: str) -> None:
        """Watch no code under `handle` any more. Called for one that is not there, it does nothing."""
        watched = watch.codes.get(handle)
        if watched is not None:
            self._end(watched)
            watch.remove(watched)
            self._told_how_many()

    def applied(self, batch: StatusBatch) -> None:
        """Let the codes at the places that `batch` wrote be judged anew. Their list reads so already."""
        touched = self._index.touched(batch)
        self._touch(touched.worse, worse=True)
        self._touch(touched.others)
        if self._standings.is_stale(batch.name):
            self._look_at(batch.name, self._clock())

    def list_changed(self, name: ListName) -> None:
        """Let every code of a list be judged anew: it was taken over as a whole."""
        self._touch(self._index.all_of(name), worse=True)

    def judge_again(self) -> None:
        """Let every code be judged anew: trust or rules have changed, or batches have been missed."""
        self._touch(self._index.everything())

    def sweep(self) -> None:
        """Look at the clock: who has not come back, which lists are too old or back again, which codes are due."""
        at = self._clock()
        for watch in [one for one in self._watches.values() if one.left is not None]:
            watch.left = min(watch.left or at, at)  # the clock may have been set back
            if at - watch.left > self._settings.resume_s:
                self._forget(watch)
        if at < self._swept - MAX_CLOCK_SKEW:
            self._due.begin_anew(self._index.everything(), at)
        self._swept = at
        for name in self._index.names():
            self._look_at(name, at)
        self._touch(self._due.take(at, len(self._index)))
        self._touch(islice(self._index.everything(), 1))  # so that it shows within a look when nothing can be judged
        if self._failing:
            self.work.set()

    async def judge_touched(self) -> None:
        """Judge what was touched, until nothing is left or nothing can be judged. Others have their turn meanwhile."""
        while self._worse or self._others:
            ends = monotonic() + SLICE_S
            at = self._clock()
            while (self._worse or self._others) and monotonic() < ends:
                queue = self._worse or self._others
                watched, since = queue.popitem(last=False)
                try:
                    self._judge_anew(watched, since, at)
                except NotReady:
                    queue[watched] = since
                    self.work.clear()
                    self._set_failing(failing=True)
                    return
            self._set_failing(failing=False)
            await asyncio.sleep(0)
        self._set_failing(failing=False)
        self.work.clear()

    def _judge_anew(self, watched: Watched, since: float, at: Instant) -> None:
        """Judge one code; tell its watch. Raises: NotReady."""
        name, watch = watched.name, watched.watch
        if not watched.live or name is None:
            return
        try:
            decision = self._judge.judge(watched.code.open(), watch.terms, at)
        except NotReady:
            raise
        except Exception as failure:  # noqa: BLE001 one code that fails must not be told as what it was, nor stop others
            self._observer.judging_failed(failure)
            decision = _undecided(watched.decision, at)
            self._due.retry(watched, at)
        if decision.state is CodeState.EXPIRED or not self._standings.is_held(name):
            self._end(watched)
            self._told_how_many()
        if watch.say(watched, decision):
            self._observer.code_changed(max(0.0, monotonic() - since))

    def _begin(self, watched: Watched, code: bytes, name: ListName, index: int, at: Instant) -> None:
        watched.watch_for(code, name, index)
        self._index.add(watched, name)
        watched.watch.live += 1
        watched.watch.bytes += len(code)
        self._standings.begin(name, at)
        self._due.schedule(watched, at)
        self._told_how_many()

    def _end(self, watched: Watched) -> None:
        """Let a code be judged no more."""
        if watched.live and watched.name is not None:
            self._index.remove(watched, watched.name)
            if watched.name not in self._index:
                self._standings.end(watched.name)
            watched.watch.live -= 1
            watched.watch.bytes -= len(watched.code)
            watched.end()
            self._worse.pop(watched, None)
            self._others.pop(watched, None)

    def _forget(self, watch: Watch) -> None:
        del self._watches[watch.watch_id]
        hers = self._of_caller[watch.caller]
        hers.remove(watch)
        if not hers:
            del self._of_caller[watch.caller]
        for watched in watch.codes.values():
            self._end(watched)
        self._told_how_many()

    def _touch(self, codes: Iterable[Watched], *, worse: bool = False) -> None:
        queue, now = (self._worse if worse else self._others), monotonic()
        for watched in codes:
            queue.setdefault(watched, now)
        if queue:
            self.work.set()

    def _look_at(self, name: ListName, at: Instant) -> None:
        """Let all codes of a list be judged anew if it is past a budget now and was not, or the other way round."""
        if self._standings.changed(name, at):
            self._touch(self._index.all_of(name), worse=True)

    def _set_failing(self, *, failing: bool) -> None:
        if self._failing is not failing:
            self._failing = failing
            for watch in self._watches.values():
                watch.wake()

    def _told_how_many(self) -> None:
        self._observer.watches_held(len(self._watches), len(self._index))


def _undecided(before: Decision, at: Instant) -> Decision:
    """Return the decision on a code that cannot be judged for a fault of ours."""
    reason = Reason.STATUS_UNAVAILABLE
    return Decision(
        Measure.MANUAL,
        (reason,),
        at,
        REASONS[reason].step,
        Format.NATIVE,
        issuer=before.issuer,
        division=before.division,
    )
