"""Snapshots of liars: nothing goes back, nothing contradicts the issuer, and what is refused changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.changes import (
    MAX_NUMBER,
    BatchDigest,
    BatchRefusal,
    BatchRefused,
    ListHead,
    SignedBatch,
    StoreDegraded,
)
from gateway.publishing.observer import SetAside
from gateway.status import words
from gateway.values import Algorithm, CodeState, Instant, IssuerId
from tests.conftest import FakeClock
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import StatusIssuer, sign_body

from .house import House, province
from .memory_log import MemoryLog
from .sources import adopt, adopted, head_of, published

STRANGERS = (make_key(Algorithm.ED25519, "first"),)

Lie = Callable[[ListHead, bytes, SignedBatch, StatusIssuer], tuple[ListHead, bytes, SignedBatch]]

OTHER = ListHead(province("https://z.example/other").name, 1_024, 5, BatchDigest(bytes(32)), Instant(0), Instant(0))

LIES: dict[str, tuple[BatchRefusal, Lie]] = {
    "another list's name": (
        BatchRefusal.MALFORMED,
        lambda head, raw, last, _: (replace(head, name=OTHER.name), raw, last),
    ),
    "another issuer's name": (
        BatchRefusal.MALFORMED,
        lambda head, raw, last, _: (replace(head, name=head.name._replace(issuer=IssuerId("x"))), raw, last),
    ),
    "a higher number": (BatchRefusal.MALFORMED, lambda head, raw, last, _: (replace(head, number=6), raw, last)),
    "the highest number": (
        BatchRefusal.MALFORMED,
        lambda head, raw, last, _: (replace(head, number=MAX_NUMBER), raw, last),
    ),
    "another digest": (
        BatchRefusal.MALFORMED,
        lambda head, raw, last, _: (replace(head, digest=BatchDigest(bytes(32))), raw, last),
    ),
    "another time": (
        BatchRefusal.MALFORMED,
        lambda head, raw, last, _: (replace(head, issued=Instant(head.issued + 1)), raw, last),
    ),
    "opened after it was changed": (
        BatchRefusal.MALFORMED,
        lambda head, raw, last, _: (replace(head, opened=Instant(head.issued + 1)), raw, last),
    ),
    "closed": (BatchRefusal.MALFORMED, lambda head, raw, last, _: (replace(head, closed=True), raw, last)),
    "another capacity": (
        BatchRefusal.MALFORMED,
        lambda head, raw, last, _: (replace(head, capacity=2_048), raw + raw, last),
    ),
    "an odd capacity": (
        BatchRefusal.MALFORMED,
        lambda head, raw, last, _: (replace(head, capacity=1_023), raw, last),
    ),
    "too short": (BatchRefusal.MALFORMED, lambda head, raw, last, _: (head, raw[:-1], last)),
    "too long": (BatchRefusal.MALFORMED, lambda head, raw, last, _: (head, raw + b"\xff", last)),
    "words that nobody may write": (
        BatchRefusal.MALFORMED,
        lambda head, raw, last, _: (head, b"\x33" + raw[1:], last),
    ),
    "signed by a stranger": (
        BatchRefusal.BAD_SIGNATURE,
        lambda head, raw, last, _: (head, raw, sign_body(last.body, STRANGERS)),
    ),
    "an older batch": (
        BatchRefusal.MALFORMED,
        lambda head, raw, _, one: (head, raw, one.batches[2]),
    ),
    "rolled back": (
        BatchRefusal.NUMBER_OLD,
        lambda head, raw, _, one: (replace(head, number=2, digest=one.batches[1].digest), raw, one.batches[1]),
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lying_source_changes_nothing(source: House, follower: House, lie: str) -> None:
    refusal, tell = LIES[lie]
    zhejiang, log = await published(source, 5), follower.log
    assert isinstance(log, MemoryLog)
    for signed in zhejiang.batches[:3]:
        await follower.submit(signed)
    before = (dict(log.shared.rows), follower.ledger.heads(), follower.workers_read(zhejiang))
    head, raw, last = tell(head_of(zhejiang, follower.clock()), bytes(zhejiang.held), zhejiang.batches[-1], zhejiang)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head, raw, last)
    assert refused.value.refusal is refusal
    assert (dict(log.shared.rows), follower.ledger.heads(), follower.workers_read(zhejiang)) == before
    assert set(follower.ledger._lanes) == {zhejiang.name}
    assert follower.told.adopted == []
    await adopted(follower, zhejiang)
    assert follower.workers_read(zhejiang) == zhejiang.held


@pytest.mark.parametrize("capacity", [0, -2, (1 << 28) + 2])
async def test_a_new_list_has_a_size(source: House, follower: House, clock: FakeClock, capacity: int) -> None:
    zhejiang, log = await published(source), follower.log
    assert isinstance(log, MemoryLog)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, replace(head_of(zhejiang, clock()), capacity=capacity), b"", zhejiang.batches[-1])
    assert refused.value.refusal is BatchRefusal.MALFORMED
    assert log.shared.rows == {}
    assert follower.ledger._lanes == {}


async def test_a_snapshot_of_the_future_is_refused(source: House, follower: House, clock: FakeClock) -> None:
    zhejiang = await published(source)
    clock.advance(-31)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head_of(zhejiang, source.clock.now), bytes(zhejiang.held), zhejiang.batches[-1])
    assert refused.value.refusal is BatchRefusal.MALFORMED
    head = head_of(zhejiang, Instant(clock() + 31))
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head, bytes(zhejiang.held), zhejiang.batches[-1])
    assert refused.value.refusal is BatchRefusal.IN_THE_FUTURE


async def test_another_history_under_the_held_number_is_refused(
    source: House, follower: House, clock: FakeClock
) -> None:
    zhejiang = await published(source)
    for signed in zhejiang.batches:
        await follower.submit(signed)
    fork = zhejiang.change({words.GREEN: [1]}, clock(), number=3, previous=zhejiang.batches[1].digest)
    head = replace(head_of(zhejiang, clock()), digest=fork.digest)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head, bytes(zhejiang.held), fork)
    assert refused.value.refusal is BatchRefusal.NUMBER_TAKEN


async def test_a_closed_list_is_not_opened_again_by_a_snapshot(
    source: House, follower: House, clock: FakeClock
) -> None:
    zhejiang = await published(source)
    for signed in (*zhejiang.batches, zhejiang.close(clock(), number=4)):
        await follower.submit(signed)
    after = zhejiang.heartbeat(clock(), number=5, previous=BatchDigest(bytes(32)))
    head = replace(head_of(zhejiang, clock()), number=5, digest=after.digest)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head, bytes(zhejiang.held), after)
    assert refused.value.refusal is BatchRefusal.LIST_CLOSED


async def test_time_does_not_go_back_by_a_snapshot(source: House, follower: House, clock: FakeClock) -> None:
    zhejiang = await published(source)
    clock.advance(9)
    for signed in (*zhejiang.batches, zhejiang.heartbeat(clock(), number=4)):
        await follower.submit(signed)
    clock.advance(-9)
    older = zhejiang.heartbeat(clock(), number=5, previous=BatchDigest(bytes(32)))
    head = replace(head_of(zhejiang, clock()), number=5, digest=older.digest)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head, bytes(zhejiang.held), older)
    assert refused.value.refusal is BatchRefusal.TIME_GOES_BACK


async def test_a_raw_file_that_is_gone_is_a_failure(source: House, follower: House, clock: FakeClock) -> None:
    zhejiang = await published(source)
    with pytest.raises(StoreDegraded):
        await follower.ledger.adopt(
            head_of(zhejiang, clock()), follower.folder / "nothing", zhejiang.batches[-1], clock()
        )
    assert not follower.ledger.degraded
    assert follower.ledger._lanes == {}


async def test_a_bulk_batch_needs_its_two_keys_in_a_snapshot_too(
    source: House, follower: House, clock: FakeClock
) -> None:
    zhejiang = await published(source)
    bulk = zhejiang.change({words.RED: range(1_001)}, clock(), number=4)
    head = replace(head_of(zhejiang, clock()), number=4, digest=bulk.digest)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head, bytes(zhejiang.held), bulk)
    assert refused.value.refusal is BatchRefusal.SECOND_SIGNATURE_REQUIRED


async def test_the_issuers_digest_tells_a_lying_source(source: House, follower: House, clock: FakeClock) -> None:
    zhejiang = await published(source)
    await source.submit(zhejiang.heartbeat(clock(), prove=True))
    head, lie = head_of(zhejiang, clock()), bytes(512)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head, lie, zhejiang.batches[-1])
    assert refused.value.refusal is BatchRefusal.DIGEST_MISMATCH
    # one that lied a batch earlier is found out by the next digest
    await source.submit(zhejiang.heartbeat(clock()))
    await adopt(follower, head_of(zhejiang, clock()), lie, zhejiang.batches[-1])
    assert follower.look(zhejiang, 1) is CodeState.GREEN
    proof = zhejiang.heartbeat(clock(), prove=True)
    assert (await follower.refusal(proof)).refusal is BatchRefusal.DIGEST_MISMATCH
    await follower.ledger.distrust(zhejiang.name)
    assert follower.told.aside == [(zhejiang.name, SetAside.DISTRUSTED)]
    assert follower.look(zhejiang, 1) is None
    assert follower.ledger.missing() == (zhejiang.name,)
    with pytest.raises(StoreDegraded):
        await follower.submit(proof)
    follower = await follower.crash_and_start()
    assert follower.look(zhejiang, 1) is None
    assert follower.ledger.missing() == (zhejiang.name,)
    # a good source: of the number that is in the log already, then of a later one
    earlier = replace(head_of(zhejiang, clock()), number=5, digest=zhejiang.batches[4].digest)
    await adopt(follower, earlier, bytes(zhejiang.held), zhejiang.batches[4])
    assert follower.ledger.missing() == ()
    assert await follower.submit(proof) == (6, False)
    assert follower.workers_read(zhejiang) == zhejiang.held


async def test_a_list_that_was_never_whole_takes_an_older_snapshot_that_the_log_goes_on_from(
    source: House, follower: House, clock: FakeClock
) -> None:
    zhejiang = await published(source)
    held_then, head_then = bytes(zhejiang.held), head_of(zhejiang, clock())
    await adopted(follower, zhejiang)
    for index in (11, 12):
        signed = zhejiang.change({words.RED: [index]}, clock())
        await source.submit(signed)
        await follower.submit(signed)
    await follower.ledger.distrust(zhejiang.name)
    await adopt(follower, head_then, held_then, zhejiang.batches[2])
    assert follower.ledger.missing() == ()
    assert follower.workers_read(zhejiang) == zhejiang.held
    assert follower.ledger.heads()[0].number == 5


async def test_another_history_than_the_logs_is_refused_of_a_list_that_is_not_whole(
    source: House, follower: House, clock: FakeClock
) -> None:
    zhejiang = await published(source)
    fork = zhejiang.change({words.GREEN: [1]}, clock(), number=3, previous=zhejiang.batches[1].digest)
    for signed in (*zhejiang.batches, zhejiang.heartbeat(clock())):
        await follower.submit(signed)
    await follower.ledger.distrust(zhejiang.name)
    head = replace(head_of(zhejiang, clock()), number=3, digest=fork.digest)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head, bytes(zhejiang.held), fork)
    assert refused.value.refusal is BatchRefusal.NUMBER_TAKEN
    assert follower.ledger.missing() == (zhejiang.name,)


async def test_an_older_snapshot_that_the_log_does_not_know_is_refused(
    source: House, follower: House, clock: FakeClock
) -> None:
    zhejiang = await published(source)
    held_then, head_then = bytes(zhejiang.held), head_of(zhejiang, clock())
    await source.submit(zhejiang.heartbeat(clock()))
    await source.submit(zhejiang.heartbeat(clock()))
    await adopted(follower, zhejiang)
    await follower.ledger.distrust(zhejiang.name)
    with pytest.raises(BatchRefused) as refused:
        await adopt(follower, head_then, held_then, zhejiang.batches[2])
    assert refused.value.refusal is BatchRefusal.NUMBER_OLD


async def test_room_is_asked_for_a_list_that_is_taken_over(source: House, follower: House, clock: FakeClock) -> None:
    zhejiang, another = await published(source), province("https://z.example/2")
    await follower.submit(another.open(clock()))
    with pytest.raises(BatchRefused) as refused:
        await adopted(follower, zhejiang)
    assert refused.value.refusal is BatchRefusal.TOO_MANY_LISTS
    assert set(follower.ledger._lanes) == {another.name}
