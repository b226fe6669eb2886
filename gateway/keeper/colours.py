"""Each batch of colours on its way into the audit log: by whose order, for which reason, and who delivered it.

Rules:

- The log of batches is the truth, the audit log follows it: what was taken while this process was away, or came by
  another node, is read there and written down. So a kill loses no entry, and writes none twice.
- Nobody waits for it: a batch is acknowledged once the log of batches has it, with all signatures.
- A sign of life, which changes nothing, is no entry.
- Which places a batch writes stays in the log of batches, which is kept for days: an entry counts them.
- Every batch has an entry, whatever it orders: of orders that do not fit into one the largest stand there, and the
  others are counted.
- While entries wait, nothing more is read: they are as safe where they are.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from gateway.audit.entries import (
    MAX_BODY,
    ColourEntry,
    ColoursAdoptedEntry,
    Delivery,
    Entry,
    Filled,
    LogName,
    Milliseconds,
    Order,
    base64url,
    body_of,
)
from gateway.changes import BatchDigest, ListHead, ListName, SignedBatch, StatusBatch, StoreDegraded
from gateway.publishing.means import BatchWire
from gateway.publishing.subscriptions import Applied, Subscription
from gateway.recording.positions import Positions
from gateway.recording.recorder import milliseconds, salt
from gateway.status.words import STATES
from gateway.store.change_log import LoggedBatch
from gateway.values import Caller, CallerId, CodeState, Instant

MOST_ORDERS: Final = 64
"""In one entry, if their authorities' names let so many fit; what is left out is counted."""

MOST_WAITING: Final = 1_024
"""Entries that may wait before batches are left where they are."""

MOST_DELIVERIES: Final = 4_096
READ_BYTES: Final = 4 << 20
AGAIN_S: Final = 0.1
"""Before the store is asked again that could not be read, and before what has failed is begun anew."""

_WORDS: Final = "0123456789abcdef"


class KnowsBatches(Protocol):
    """The ledger, as far as it is needed here."""

    def heads(self) -> Sequence[ListHead]: ...  # noqa: D102
    def base(self, name: ListName) -> int: ...  # noqa: D102
    async def read(self, name: ListName, after: int, most_bytes: int) -> Sequence[LoggedBatch]: ...  # noqa: D102
    def subscribe(self) -> Subscription: ...  # noqa: D102


class Deliveries:
    """Who delivered which batch: from the call until its entry is written."""

    def __init__(self) -> None:
        self._callers: OrderedDict[BatchDigest, dict[object, CallerId]] = OrderedDict()

    def by(self, digest: BatchDigest, caller: Caller) -> Callable[[], None]:
        """Take note that a batch is about to be submitted; return what takes that back if it was not taken from her.

        One digest may be submitted by several: a batch that wants a second signature has the same with one and with
        two. Who was first with it, and did not take it back, has delivered it.
        """
        call = object()
        self._callers.setdefault(digest, {})[call] = caller.caller_id
        while len(self._callers) > MOST_DELIVERIES:
            self._callers.popitem(last=False)

        def take_back() -> None:
            callers = self._callers.get(digest, {})
            if callers.pop(call, None) is not None and not callers:
                del self._callers[digest]

        return take_back

    def taken(self, digest: BatchDigest) -> CallerId | None:
        """Return who delivered a batch, and forget it."""
        return next(iter(self._callers.pop(digest, {}).values()), None)


class WritesChanges(Protocol):
    """The recorder, as far as it is needed here."""

    def changed(self, entry: Entry) -> None: ...  # noqa: D102
    def waiting(self, log: LogName) -> int: ...  # noqa: D102
    async def emptied(self, log: LogName) -> None: ...  # noqa: D102


class ColourRecorder:
    """Writes down the batches of one ledger. Run it in the ledger's event loop."""

    def __init__(
        self,
        ledger: KnowsBatches,
        wire: BatchWire,
        recorder: WritesChanges,
        positions: Positions,
        clock: Callable[[], Instant],
        found: Callable[[], Awaitable[object]],
    ) -> None:
        """`positions` are up to where each list stands in the audit log, once `found` has returned."""
        self.deliveries = Deliveries()
        self._ledger = ledger
        self._wire = wire
        self._recorder = recorder
        self._positions = positions
        self._clock = clock
        self._found = found

    async def run(self) -> None:
        """Write down all that was taken, and from then on each batch as it is, once it is known what is there."""
        await self._found()
        with self._ledger.subscribe() as news:
            await self._catch_up()
            async for event in news:
                if isinstance(event, Applied):
                    at = self._positions.of(event.name)
                    if event.number == at + 1:
                        await self._write(self._wire.read_signed(event.signed), event.batch, Delivery.HERE)
                        continue
                    if event.number <= at:
                        continue
                await self._catch_up()

    async def _catch_up(self) -> None:
        """Bring every list up to where it is held."""
        for head in self._ledger.heads():
            while self._positions.of(head.name) < head.number:
                try:
                    await self._read_on(head)
                except StoreDegraded:  # it is declared by whoever owns the store
                    await asyncio.sleep(AGAIN_S)

    async def _read_on(self, head: ListHead) -> None:
        name, at = head.name, self._positions.of(head.name)
        logged = await self._ledger.read(name, at, READ_BYTES)
        first = logged[0].number if logged else head.number + 1
        if first > at + 1:
            # A snapshot was taken over, or the batches are older than they are kept.
            entry = ColoursAdoptedEntry(self._at(), name.issuer, name.uri, at, first - 1, salt())
            self._recorder.changed(entry)
            self._positions.move(name, first - 1)
        for one in logged:
            signed = self._wire.read_signed(one.signed)
            await self._write(signed, self._wire.read_batch(signed.body), Delivery.FROM_LOG)

    async def _write(self, signed: SignedBatch, batch: StatusBatch, delivery: Delivery) -> None:
        if self._recorder.waiting(LogName.CHANGES) >= MOST_WAITING:
            await self._recorder.emptied(LogName.CHANGES)
        delivered_by = self.deliveries.taken(signed.digest)
        if delivered_by is not None:
            delivery = Delivery.HERE
        if batch.groups or batch.blocks or batch.closing or batch.capacity is not None:
            filled = await asyncio.to_thread(_filled, batch) if batch.blocks else ()
            self._recorder.changed(_entry(signed, batch, delivery, delivered_by, filled, self._clock()))
        self._positions.move(batch.name, batch.number)

    def _at(self) -> Milliseconds:
        return milliseconds(self._clock())


def _entry(
    signed: SignedBatch,
    batch: StatusBatch,
    delivery: Delivery,
    delivered_by: CallerId | None,
    filled: tuple[Filled, ...],
    at: Instant,
) -> ColourEntry:
    entry = ColourEntry(
        at=milliseconds(at),
        issuer=batch.name.issuer,
        uri=batch.name.uri,
        number=batch.number,
        digest=signed.digest,
        issued=milliseconds(batch.issued),
        signers=tuple(base64url(one.key_id) for one in signed.signatures),
        orders=(),
        delivery=delivery,
        salt=salt(),
        filled=filled,
        delivered_by=delivered_by,
        opens=batch.capacity,
        closes=batch.closing,
    )
    return _with_orders(entry, _orders(batch))


def _with_orders(entry: ColourEntry, orders: list[Order]) -> ColourEntry:
    """Return an entry with as many of `orders` as fit, from the first; the others are counted.

    Bound by bytes, too: an authority has up to 128 characters, and a character up to 12 bytes in an entry.
    """

    def first(most: int) -> ColourEntry:
        further = orders[most:]
        return replace(
            entry,
            orders=tuple(orders[:most]),
            further_orders=len(further),
            further_places=sum(order.places for order in further),
        )

    numbers = range(1, min(len(orders), MOST_ORDERS) + 1)
    return first(bisect_right(numbers, MAX_BODY, key=lambda most: len(body_of(first(most)))))


def _orders(batch: StatusBatch) -> list[Order]:
    """Return what a batch orders, the largest first."""
    places: Counter[tuple[CodeState, str, object, int | None]] = Counter()
    for group in batch.groups:
        places[_state(group.word), group.authority, group.reason_class, group.corrects] += len(group.indices)
    return [
        Order(state, count, authority, reason_class, corrects)  # type: ignore[arg-type]  # as it was put in
        for (state, authority, reason_class, corrects), count in places.most_common()
    ]


def _filled(batch: StatusBatch) -> tuple[Filled, ...]:
    """Return how many places blocks give which state; unknown ones, which may be holes, are left out."""
    places: Counter[CodeState] = Counter()
    for block in batch.blocks:
        text = block.words.hex()
        for word, digit in enumerate(_WORDS):
            places[_state(word)] += text.count(digit)
    del places[CodeState.UNKNOWN]
    return tuple(Filled(state, count) for state, count in places.most_common() if count)


def _state(word: int) -> CodeState:
    return STATES[word] or CodeState.UNKNOWN
