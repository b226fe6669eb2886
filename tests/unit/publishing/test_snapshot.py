"""A list whole: as it stands at one number, and taken over only forward, from nobody who contradicts its issuer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.changes import (
    MAX_NUMBER,
    BatchDigest,
    BatchRefusal,
    BatchRefused,
    ListHead,
    SignedBatch,
    StateDigest,
    StoreDegraded,
)
from gateway.held import layout
from gateway.held.list_files import ListFiles
from gateway.publishing.observer import SetAside
from gateway.publishing.settings import LedgerSettings
from gateway.publishing.subscriptions import Lagged
from gateway.rpc.status_convert import WIRE
from gateway.status import words
from gateway.values import Algorithm, CodeState, Instant, IssuerId
from tests.conftest import FakeClock
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import StatusIssuer, sign_body, write_word

from .house import House, province
from .memory_log import MemoryLog, Shared

STRANGERS = (make_key(Algorithm.ED25519, "first"),)


@pytest.fixture
async def source(tmp_path: Path, clock: FakeClock) -> House:
    return await House(tmp_path / "source", MemoryLog(), clock).start()


@pytest.fixture
async def follower(tmp_path: Path, clock: FakeClock) -> House:
    return await House(tmp_path / "follower", MemoryLog(), clock, LedgerSettings(prune_s=0, max_lists=1)).start()


async def published(source: House, batches: int = 3) -> StatusIssuer:
    """Return a province that has published to the source."""
    zhejiang, at = province(), source.clock()
    await source.submit(zhejiang.open(at))
    for number in range(1, batches):
        await source.submit(zhejiang.change({words.RED: [number], words.GREEN: [900 + number]}, at))
    return zhejiang


def head_of(zhejiang: StatusIssuer, at: Instant) -> ListHead:
    """Return how far a province is, as an honest source would say."""
    assert zhejiang.digest is not None
    return ListHead(zhejiang.name, zhejiang.capacity, zhejiang.number, zhejiang.digest, at, at)


async def adopt(house: House, head: ListHead, raw: bytes, last: SignedBatch) -> None:
    file = house.folder.parent / "raw"
    file.write_bytes(raw)
    await house.ledger.adopt(head, file, last, house.clock())


async def adopted(house: House, zhejiang: StatusIssuer) -> None:
    await adopt(house, head_of(zhejiang, house.clock()), bytes(zhejiang.held), zhejiang.batches[-1])


async def test_a_snapshot_is_the_list_at_one_number(source: House, tmp_path: Path) -> None:
    zhejiang = await published(source)
    with await source.ledger.snapshot(zhejiang.name, tmp_path) as copy:
        assert copy.head == source.ledger.head(zhejiang.name)
        assert copy.path.read_bytes() == zhejiang.held
        assert copy.state_digest == zhejiang.state_digest
        assert WIRE.read_signed(copy.last) == zhejiang.batches[-1]
        await source.submit(zhejiang.change({words.RED: [7]}, source.clock()))
        assert copy.path.read_bytes() != zhejiang.held
        path = copy.path
    assert not path.exists()


async def test_a_copy_made_while_batches_come_is_of_one_number(source: House, tmp_path: Path) -> None:
    zhejiang, at = await published(source), source.clock()
    expected = bytearray(zhejiang.held)
    batches = [zhejiang.change({words.RED: [index]}, at) for index in range(10, 30)]
    _, copy = await asyncio.gather(
        asyncio.gather(*map(source.submit, batches)), source.ledger.snapshot(zhejiang.name, tmp_path)
    )
    with copy:
        number = copy.head.number
        assert WIRE.read_signed(copy.last) == zhejiang.batches[number - 1]
        for index in range(10, 10 + number - 3):
            write_word(expected, index, words.RED)
        assert copy.path.read_bytes() == expected
        assert copy.state_digest == sha256(expected).digest()


async def test_a_closed_list_reads_unknown_in_its_snapshot(source: House, follower: House, tmp_path: Path) -> None:
    zhejiang = await published(source)
    await follower.submit(zhejiang.batches[0])
    await source.submit(zhejiang.close(source.clock()))
    with await source.ledger.snapshot(zhejiang.name, tmp_path) as copy:
        assert copy.head.closed
        assert copy.path.read_bytes() == zhejiang.held == b"\xff" * 512
        assert copy.state_digest == zhejiang.state_digest
        await follower.ledger.adopt(copy.head, copy.path, zhejiang.batches[-1], follower.clock())
    (head,) = follower.ledger.heads()
    assert head.closed
    assert follower.look(zhejiang, 1) is None
    assert list(follower.folder.glob("*.list")) == []
    another = province("https://z.example/2")
    assert await follower.submit(another.open(follower.clock())) == (1, False)  # its room came back


async def test_there_is_no_snapshot_of_what_is_not_held(source: House, tmp_path: Path) -> None:
    with pytest.raises(BatchRefused) as refused:
        await source.ledger.snapshot(province().name, tmp_path)
    assert refused.value.refusal is BatchRefusal.UNKNOWN_LIST


async def test_a_copy_that_cannot_be_written_leaves_nothing(source: House, tmp_path: Path) -> None:
    zhejiang = await published(source)
    with pytest.raises(StoreDegraded):
        await source.ledger.snapshot(zhejiang.name, tmp_path / "nowhere")
    assert not source.ledger.degraded


@pytest.mark.parametrize("held", [0, 1, 2, 3, 4])
async def test_a_follower_goes_on_from_a_snapshot(source: House, follower: House, clock: FakeClock, held: int) -> None:
    zhejiang = await published(source, 5)
    for signed in zhejiang.batches[:held]:
        await follower.submit(signed)
    with follower.ledger.subscribe() as news:
        await adopted(follower, zhejiang)
        async with asyncio.timeout(10):
            assert await anext(news) == Lagged()
    assert follower.workers_read(zhejiang) == zhejiang.held
    assert follower.look(zhejiang, 3) is CodeState.RED
    head = follower.ledger.head(zhejiang.name)
    assert head is not None
    assert (head.number, head.digest) == (5, zhejiang.digest)
    assert follower.ledger.base(zhejiang.name) == (0 if held == 4 else 4)
    assert await follower.submit(zhejiang.change({words.GREEN: [3]}, clock(), prove=True)) == (6, False)
    # what was taken over can be handed on, also after a restart
    follower = await follower.crash_and_start()
    assert follower.told.aside == []
    assert follower.workers_read(zhejiang) == zhejiang.held
    with await follower.ledger.snapshot(zhejiang.name, follower.folder.parent) as copy:
        assert copy.state_digest == zhejiang.state_digest


async def test_what_is_held_already_is_not_taken_over(source: House, follower: House) -> None:
    zhejiang = await published(source)
    for signed in zhejiang.batches:
        await follower.submit(signed)
    lie = bytes(512)
    await adopt(follower, head_of(zhejiang, follower.clock()), lie, zhejiang.batches[-1])
    assert follower.workers_read(zhejiang) == zhejiang.held
    assert follower.told.adopted == []


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


@pytest.mark.parametrize("again", ["at once", "after a restart"])
@pytest.mark.parametrize("at", ["rebase", "append", "replace"])
async def test_taking_over_that_fails_half_way_is_done_again(
    source: House, follower: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, at: str, again: str
) -> None:
    """Wherever it ends, the list that was held is read on until it is taken over, and no restart is fooled."""
    zhejiang = await published(source, 5)
    for signed in zhejiang.batches[:2]:
        await follower.submit(signed)
    await follower.ledger.checkpoint()

    async def breaks(*_: object) -> None:
        raise StoreDegraded("memory: broken")

    def full(*_: object) -> None:
        raise OSError("full")

    with monkeypatch.context() as patch:
        if at == "replace":
            patch.setattr(ListFiles, "replace", full)
        else:
            patch.setattr(follower.log, at, breaks)
        with pytest.raises(StoreDegraded):
            await adopted(follower, zhejiang)
    assert follower.look(zhejiang, 1) is CodeState.RED
    assert follower.look(zhejiang, 3) is CodeState.UNKNOWN
    assert follower.ledger.missing() == (() if at == "rebase" else (zhejiang.name,))
    if again == "at once":
        await follower.ledger.probe()
        await adopted(follower, zhejiang)
        assert follower.workers_read(zhejiang) == zhejiang.held
    follower = await follower.crash_and_start()
    if again == "at once":
        assert follower.ledger.missing() == ()
        return
    if at == "rebase":
        assert follower.ledger.heads()[0].number == 2
    else:
        assert follower.ledger.missing() == (zhejiang.name,)
        assert follower.look(zhejiang, 1) is None
    await adopted(follower, zhejiang)
    assert follower.ledger.missing() == ()
    assert follower.workers_read(zhejiang) == zhejiang.held
    assert await follower.submit(zhejiang.heartbeat(clock(), prove=True)) == (6, False)


async def test_a_new_list_that_was_not_taken_over_whole_is_known_to_be_missing(
    source: House, follower: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhejiang = await published(source, 5)

    async def breaks(*_: object) -> None:
        raise StoreDegraded("memory: broken")

    with monkeypatch.context() as patch:
        patch.setattr(follower.log, "append", breaks)
        with pytest.raises(StoreDegraded):
            await adopted(follower, zhejiang)
    await follower.ledger.probe()
    assert follower.ledger.missing() == (zhejiang.name,)
    assert follower.ledger.heads() == ()
    with pytest.raises(StoreDegraded):
        await follower.submit(zhejiang.batches[0])
    await adopted(follower, zhejiang)
    assert follower.ledger.missing() == ()
    assert follower.workers_read(zhejiang) == zhejiang.held
    assert await follower.submit(zhejiang.heartbeat(clock(), prove=True)) == (6, False)


async def test_another_process_may_be_faster(
    source: House, follower: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhejiang, log = await published(source, 5), follower.log
    assert isinstance(log, MemoryLog)
    rebase = log.rebase

    async def outrun(row: object) -> None:
        monkeypatch.setattr(log, "rebase", rebase)
        log.shared.append(list(source.log.shared.batches[zhejiang.name]))  # type: ignore[attr-defined]
        await rebase(row)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "rebase", outrun)
    with pytest.raises(BatchRefused) as refused:
        await adopted(follower, zhejiang)
    assert refused.value.refusal is BatchRefusal.NUMBER_TAKEN
    await follower.ledger.checkpoint()  # looks into the log
    assert follower.workers_read(zhejiang) == zhejiang.held


async def test_a_snapshot_that_another_node_took_over_is_needed_here_too(
    source: House, tmp_path: Path, clock: FakeClock
) -> None:
    shared = Shared()
    first = await House(tmp_path / "a", MemoryLog(shared), clock).start()
    second = await House(tmp_path / "b", MemoryLog(shared), clock).start()
    zhejiang = await published(source, 5)
    for node in (first, second):
        await node.submit(zhejiang.batches[0])
    await adopted(first, zhejiang)
    await second.ledger.checkpoint()
    assert second.ledger.missing() == (zhejiang.name,)
    await adopted(second, zhejiang)
    assert second.workers_read(zhejiang) == first.workers_read(zhejiang) == zhejiang.held


async def test_distrusting_what_is_not_held_is_nothing(follower: House) -> None:
    await follower.ledger.distrust(province().name)
    assert follower.told.aside == []


def test_names_of_files_do_not_tell_whose_they_are() -> None:
    assert layout.file_name(province().name) != layout.file_name(OTHER.name)
    assert StateDigest(bytes(32))
