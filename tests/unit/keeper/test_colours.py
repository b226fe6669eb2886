"""Batches of colours on their way into the audit log: each once, whatever is killed, lags or is older than is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.entries import (
    MAX_BODY,
    MAX_ENTRY,
    ColourEntry,
    ColoursAdoptedEntry,
    Delivery,
    Entry,
    Filled,
    LogName,
    RunId,
    body_of,
    written,
)
from gateway.changes import BatchDigest, Block, ListHead, ListName, SignedBatch, StatusBatch, StoreDegraded
from gateway.keeper.colours import MOST_DELIVERIES, MOST_ORDERS, ColourRecorder, Deliveries
from gateway.publishing.observer import NobodyObserves
from gateway.publishing.subscriptions import Applied, Subscription, Subscriptions
from gateway.recording.positions import Positions
from gateway.rpc.status_convert import WIRE
from gateway.status import words
from gateway.store.change_log import LoggedBatch
from gateway.values import Caller, CallerId, CallerKind, CodeState, Instant, ReasonClass
from keys.values import Algorithm
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import AUTHORITY, StatusIssuer, group

AT = Instant(1_800_000_000.5)
KEYS = tuple(make_key(Algorithm.ED25519, f"gz-{number}") for number in (1, 2))
PUBLISHER = Caller(CallerId("spiffe://gz.example/publisher"), CallerKind.TLS_PEER)


def province(uri: str = "https://gz.example/1", capacity: int = 1_024) -> StatusIssuer:
    return StatusIssuer.make("https://gz.example", uri, KEYS, capacity)


@dataclass
class FakeLedger:
    """Batches that were taken, and whoever wants to hear of them."""

    logged: dict[ListName, list[LoggedBatch]] = field(default_factory=dict)
    pruned: dict[ListName, int] = field(default_factory=dict)
    fails: int = 0
    reads: int = 0
    most: int = 100

    def __post_init__(self) -> None:
        self.subscriptions = Subscriptions(self.most, 1 << 20, NobodyObserves())

    def take(self, signed: SignedBatch, *, quietly: bool = False) -> StatusBatch:
        """Take a batch as the ledger does; `quietly`: another process did."""
        batch = WIRE.read_batch(signed.body)
        raw = WIRE.write_signed(signed)
        one = LoggedBatch(batch.name, batch.number, signed.digest, raw, batch.issued, AT, batch.capacity)
        self.logged.setdefault(batch.name, []).append(one)
        if not quietly:
            self.subscriptions.tell(Applied(batch.name, batch.number, raw, batch))
        return batch

    def heads(self) -> Sequence[ListHead]:
        return [
            ListHead(name, 1_024, its[-1].number, its[-1].digest, its[-1].issued, AT)
            for name, its in self.logged.items()
        ]

    def base(self, name: ListName) -> int:
        return self.pruned.get(name, 0)

    async def read(self, name: ListName, after: int, most_bytes: int) -> Sequence[LoggedBatch]:
        assert most_bytes > 0
        self.reads += 1
        if self.fails:
            self.fails -= 1
            raise StoreDegraded("away")
        return [one for one in self.logged[name] if one.number > max(after, self.base(name))][:3]

    def subscribe(self) -> Subscription:
        return self.subscriptions.open()


@dataclass
class FakeRecorder:
    """Keeps what was written."""

    entries: list[Entry] = field(default_factory=list)
    wait: int = 0
    emptied_: int = 0

    def changed(self, entry: Entry) -> None:
        assert len(body_of(entry)) <= MAX_BODY
        self.entries.append(entry)

    def waiting(self, log: LogName) -> int:
        assert log is LogName.CHANGES
        return self.wait

    async def emptied(self, log: LogName) -> None:
        self.emptied_ += 1
        self.wait = 0

    def colours(self) -> list[ColourEntry]:
        return [one for one in self.entries if isinstance(one, ColourEntry)]


@dataclass
class World:
    """A ledger, what is written of it, and up to where."""

    folder: Path
    ledger: FakeLedger = field(default_factory=FakeLedger)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)

    def __post_init__(self) -> None:
        self.positions = Positions(self.folder)
        self.found = asyncio.Event()
        self.found.set()
        self.its = self.made()

    def made(self) -> ColourRecorder:
        return ColourRecorder(self.ledger, WIRE, self.recorder, self.positions, lambda: AT, self.found.wait)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run it for a while."""
        task = asyncio.create_task(self.its.run())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            self.ledger.subscriptions.close()
            async with asyncio.timeout(20):
                await task

    async def until(self, number: int) -> list[ColourEntry]:
        """Wait for so many entries."""
        async with asyncio.timeout(20):
            while len(self.recorder.colours()) < number:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return self.recorder.colours()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_batch_is_written_with_its_author_reason_and_deliverer(world: World) -> None:
    gz = province()
    async with world.running():
        world.ledger.take(gz.open(AT))
        red = gz.change({words.RED: [5, 6, 7], words.GREEN: [9]}, AT)
        world.its.deliveries.by(red.digest, PUBLISHER)
        world.its.deliveries.by(red.digest, Caller(CallerId("later"), CallerKind.TLS_PEER))
        world.ledger.take(red)
        opening, change = await world.until(2)
    assert (opening.opens, opening.number, opening.delivered_by, opening.orders) == (1_024, 1, None, ())
    assert (change.number, change.digest, change.delivered_by) == (2, red.digest, PUBLISHER.caller_id)
    assert change.delivery is Delivery.HERE
    assert {(one.state, one.places, one.authority, one.reason_class) for one in change.orders} == {
        (CodeState.RED, 3, AUTHORITY, ReasonClass.RED_OTHER_ORDER),
        (CodeState.GREEN, 1, AUTHORITY, None),
    }
    assert change.orders[0].state is CodeState.RED
    assert len(change.signers) == len(red.signatures)
    assert change.at == 1_800_000_000_500
    assert change.salt != opening.salt


async def test_a_correction_a_second_signature_and_an_end_are_seen(world: World) -> None:
    gz = province()
    async with world.running():
        world.ledger.take(gz.open(AT))
        world.ledger.take(gz.change({words.RED: [5]}, AT))
        groups = (group(words.GREEN, [5], authority="appeals office", corrects=2),)
        world.ledger.take(_batch(gz, groups=groups, keys=KEYS))
        world.ledger.take(gz.close(AT))
        _, _, corrected, ended = await world.until(4)
    assert corrected.orders[0].corrects == 2
    assert corrected.orders[0].authority == "appeals office"
    assert len(corrected.signers) == 2
    assert ended.closes


def _batch(gz: StatusIssuer, **members: Any) -> SignedBatch:
    """Return the next batch with these members, signed as said."""
    keys = members.pop("keys")
    signed = gz.change({words.GREEN: [5]}, AT, keys=keys, **members)
    gz.number += 1
    gz.digest = signed.digest
    return signed


async def test_a_sign_of_life_is_no_entry_and_costs_no_gap(world: World) -> None:
    gz = province()
    async with world.running():
        world.ledger.take(gz.open(AT))
        for _ in range(3):
            world.ledger.take(gz.change({}, AT))
        world.ledger.take(gz.change({words.RED: [1]}, AT))
        found = await world.until(2)
    assert [one.number for one in found] == [1, 5]
    assert world.ledger.reads == 0


async def test_what_was_taken_before_the_start_is_read_in_the_log(world: World) -> None:
    gz = province()
    world.ledger.take(gz.open(AT), quietly=True)
    for index in range(7):
        world.ledger.take(gz.change({words.RED: [index]}, AT), quietly=True)
    world.ledger.fails = 1
    world.positions.move(gz.name, 3)  # an entry of these is there already
    async with world.running():
        found = await world.until(5)
        world.ledger.take(gz.change({words.GREEN: [0]}, AT))
        found = await world.until(6)
    assert [one.number for one in found] == [4, 5, 6, 7, 8, 9]
    assert [one.delivery for one in found] == [Delivery.FROM_LOG] * 5 + [Delivery.HERE]


async def test_nothing_is_written_before_it_is_known_what_is_there(world: World) -> None:
    gz = province()
    for signed in (gz.open(AT), gz.change({words.RED: [1]}, AT)):
        world.ledger.take(signed, quietly=True)
    world.found.clear()
    async with world.running():
        await asyncio.sleep(0.01)
        assert (world.recorder.entries, world.ledger.reads) == ([], 0)
        world.positions.move(gz.name, 1)  # an entry of it is there already
        world.found.set()
        (entry,) = await world.until(1)
    assert entry.number == 2


async def test_another_start_writes_nothing_twice(world: World) -> None:
    gz = province()
    async with world.running():
        world.ledger.take(gz.open(AT))
        await world.until(1)
    world.its = world.made()
    async with world.running():
        world.ledger.take(gz.change({words.RED: [1]}, AT))
        found = await world.until(2)
    assert [one.number for one in found] == [1, 2]


async def test_who_lags_reads_on_in_the_log(tmp_path: Path) -> None:
    world = World(tmp_path, FakeLedger(most=1))
    gz = province()
    async with world.running():
        for signed in (gz.open(AT), *(gz.change({words.RED: [index]}, AT) for index in range(9))):
            world.ledger.take(signed)
        found = await world.until(10)
    assert [one.number for one in found] == list(range(1, 11))


async def test_batches_that_are_not_kept_any_more_are_told_as_that(world: World) -> None:
    gz = province()
    world.ledger.take(gz.open(AT), quietly=True)
    for index in range(4):
        world.ledger.take(gz.change({words.RED: [index]}, AT), quietly=True)
    world.ledger.pruned[gz.name] = 3
    gone = province("https://gz.example/2")
    world.ledger.take(gone.open(AT), quietly=True)
    world.ledger.pruned[gone.name] = 1
    async with world.running():
        await world.until(2)
    adopted = [one for one in world.recorder.entries if isinstance(one, ColoursAdoptedEntry)]
    assert [(one.uri, one.after, one.number) for one in adopted] == [(gz.name.uri, 0, 3), (gone.name.uri, 0, 1)]
    assert [one.number for one in world.recorder.colours()] == [4, 5]


async def test_while_entries_wait_batches_stay_where_they_are(world: World) -> None:
    gz = province()
    world.recorder.wait = 5_000
    async with world.running():
        world.ledger.take(gz.open(AT))
        await world.until(1)
    assert world.recorder.emptied_ == 1


async def test_a_filled_list_is_counted_by_state(world: World) -> None:
    gz = province()
    filled = bytes([words.GREEN | words.RED << 4] * 10 + [words.GREEN] * 2 + [0xFF] * 4)
    async with world.running():
        world.ledger.take(gz.open(AT))
        signed = gz.change({}, AT, blocks=(Block(0, filled),))
        world.ledger.take(signed)
        _, entry = await world.until(2)
    assert entry.filled == (Filled(CodeState.GREEN, 14), Filled(CodeState.RED, 10))


async def test_of_very_many_orders_the_largest_are_told_and_the_rest_is_counted(world: World) -> None:
    gz = province()
    groups = tuple(
        group(words.GREEN, range(start, start + (2 if number < 10 else 1)), authority=f"office {number}")
        for number, start in enumerate(range(0, 400, 2))
    )
    async with world.running():
        world.ledger.take(gz.open(AT))
        world.ledger.take(gz.change({}, AT, groups=groups))
        _, entry = await world.until(2)
    assert len(entry.orders) == MOST_ORDERS
    assert {one.places for one in entry.orders[:10]} == {2}
    assert (entry.further_orders, entry.further_places) == (200 - MOST_ORDERS, 200 - MOST_ORDERS)


async def test_orders_of_long_names_leave_room_for_the_entry_and_the_next_batch_is_written(world: World) -> None:
    gz = province()
    groups = tuple(group(words.GREEN, [number], authority=chr(0x20000 + number) * 128) for number in range(MOST_ORDERS))
    async with world.running():
        world.ledger.take(gz.open(AT))
        world.ledger.take(_batch(gz, groups=groups, keys=KEYS))
        world.ledger.take(gz.change({words.RED: [1]}, AT))
        _, entry, after = await world.until(3)
    assert len(written(body_of(entry), RunId("0" * 16), 10**16 - 1)) <= MAX_ENTRY
    assert (len(entry.orders) + entry.further_orders, entry.further_places) == (MOST_ORDERS, entry.further_orders)
    one_more = replace(entry, orders=(*entry.orders, entry.orders[0]))
    assert len(body_of(one_more)) > MAX_BODY
    assert (after.number, after.orders[0].state) == (3, CodeState.RED)


def test_who_was_refused_has_delivered_nothing() -> None:
    deliveries, digest = Deliveries(), BatchDigest(bytes(32))
    other = Caller(CallerId("spiffe://gz.example/other"), CallerKind.TLS_PEER)
    refused = deliveries.by(digest, other)
    deliveries.by(digest, PUBLISHER)
    refused()
    refused()
    assert deliveries.taken(digest) == PUBLISHER.caller_id
    deliveries.by(digest, other)()
    assert deliveries.taken(digest) is None


def test_who_delivers_is_remembered_for_a_while_only() -> None:
    deliveries = Deliveries()
    for number in range(MOST_DELIVERIES + 1):
        deliveries.by(BatchDigest(number.to_bytes(32)), PUBLISHER)
    assert deliveries.taken(BatchDigest(bytes(32))) is None
    assert deliveries.taken(BatchDigest((1).to_bytes(32))) == PUBLISHER.caller_id
    assert deliveries.taken(BatchDigest((1).to_bytes(32))) is None
