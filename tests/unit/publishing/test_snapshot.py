"""A list whole: as it stands at one number, taken for others, and taken over, crash or not."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.changes import (
    BatchRefusal,
    BatchRefused,
    StoreDegraded,
)
from gateway.held.list_files import ListFiles
from gateway.publishing.subscriptions import Lagged
from gateway.rpc.status_convert import WIRE
from gateway.status import words
from gateway.values import CodeState
from tests.conftest import FakeClock
from tests.simulators.status_issuer import write_word

from .house import House, province
from .memory_log import MemoryLog, Shared
from .sources import adopt, adopted, head_of, published


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
