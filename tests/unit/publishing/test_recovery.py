"""After a crash: what was acknowledged is there, older words never come back, and what does not fit is not used."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.changes import BatchDigest, BatchRefusal, ListName, StoreDegraded, Word
from gateway.held import layout
from gateway.held.list_files import ListFiles, WritableList
from gateway.publishing import replay
from gateway.publishing.observer import SetAside
from gateway.publishing.settings import LedgerSettings
from gateway.publishing.subscriptions import Lagged
from gateway.status import words
from gateway.values import CodeState, Instant, IssuerId
from tests.conftest import FakeClock
from tests.simulators.status_issuer import StatusIssuer, read_word

from .house import House, province, raw_of
from .memory_log import MemoryLog


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock) -> House:
    return await House(tmp_path / "lists", MemoryLog(), clock).start()


def power_cut(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let what comes next run in another boot of the machine."""
    boot = tmp_path / "boot"
    boot.write_text(str(random.random()))
    monkeypatch.setattr(layout, "BOOT_ID", boot)


async def published(house: House) -> StatusIssuer:
    """Return a province that holds a list, half of it below its checkpoint."""
    zhejiang, at = province(), house.clock()
    for signed in (*zhejiang.fill_all(bytes(512), at), zhejiang.change({words.RED: [1, 2]}, at)):
        await house.submit(signed)
    await house.ledger.checkpoint()
    for changes in ({words.GREEN: [1], words.RED: [9]}, {words.YELLOW: [9]}):
        await house.submit(zhejiang.change(changes, at))
    return zhejiang


@pytest.mark.parametrize("cut", [False, True], ids=["kill -9", "power cut"])
async def test_a_restart_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, cut: bool
) -> None:
    zhejiang = await published(house)
    heads = house.ledger.heads()
    if cut:
        power_cut(monkeypatch, tmp_path)
    house = await house.crash_and_start()
    assert house.ledger.heads() == heads
    assert house.workers_read(zhejiang) == zhejiang.held
    assert house.look(zhejiang, 9) is CodeState.YELLOW
    assert await house.submit(zhejiang.change({words.RED: [1]}, house.clock(), prove=True)) == (
        heads[0].number + 1,
        False,
    )
    assert house.told.aside == []


async def test_words_that_the_disk_lost_are_written_again(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After a power cut the file may hold what it held at its checkpoint, or anything newer, page by page."""
    zhejiang, at = province(), house.clock()
    await house.submit(zhejiang.open(at))
    await house.submit(zhejiang.change({words.RED: [1, 2]}, at))
    await house.ledger.checkpoint()
    file = house.folder / layout.file_name(zhejiang.name)
    at_checkpoint = file.read_bytes()
    await house.submit(zhejiang.change({words.GREEN: [1], words.YELLOW: [700]}, at))
    power_cut(monkeypatch, tmp_path)
    for task in tuple(house.ledger._tasks):
        task.cancel()
    house.files.close()
    file.write_bytes(at_checkpoint)
    house = await House(house.folder, house.log, house.clock).start()
    assert house.workers_read(zhejiang) == zhejiang.held
    assert house.look(zhejiang, 700) is CodeState.YELLOW


async def test_a_list_without_a_checkpoint_is_written_from_its_first_batch(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    zhejiang, at = province(), house.clock()
    for signed in (*zhejiang.fill_all(bytes(512), at), zhejiang.change({words.RED: [5]}, at)):
        await house.submit(signed)
    power_cut(monkeypatch, tmp_path)
    house = await house.crash_and_start()
    assert house.workers_read(zhejiang) == zhejiang.held
    assert house.look(zhejiang, 5) is CodeState.RED
    assert (await house.refusal(zhejiang.fill(0, b"\x00", at, number=4))).refusal is BatchRefusal.BLOCK_TOO_LATE


class Watcher:
    """Looks at every write into a list, as a worker might who reads between any two."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[dict[int, Word]] = []
        for name in ("write_group", "write_block", "write_final"):
            monkeypatch.setattr(WritableList, name, self._watched(getattr(WritableList, name)))

    def _watched(self, write: object) -> object:
        def wrapped(held: WritableList, *args: object) -> None:
            write(held, *args)  # type: ignore[operator]
            if held.shown is not None:
                raw = held.view()
                self.seen.append({index: read_word(raw, index) for index in (1, 2, 9)})
                raw.release()

        return wrapped


async def test_no_reader_ever_sees_an_older_word_come_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    zhejiang, at = province(), house.clock()
    await house.submit(zhejiang.open(at))
    await house.ledger.checkpoint()
    for word in (words.GREEN, words.YELLOW, words.GREEN, words.RED):
        await house.submit(zhejiang.change({word: [1, 2, 9]}, at))
    watcher = Watcher(monkeypatch)
    house = await house.crash_and_start()
    assert watcher.seen == [{1: words.RED, 2: words.RED, 9: words.RED}]


@pytest.mark.parametrize("most_final", [1 << 20, 1])
async def test_what_is_not_written_as_last_words_is_written_unseen(
    house: House, monkeypatch: pytest.MonkeyPatch, most_final: int
) -> None:
    zhejiang, at = province(), house.clock()
    for signed in (*zhejiang.fill_all(bytes(512), at), zhejiang.change({words.RED: [1, 2, 9]}, at)):
        await house.submit(signed)
    watcher = Watcher(monkeypatch)
    monkeypatch.setattr(replay, "MOST_FINAL", most_final)
    house = await house.crash_and_start()
    assert watcher.seen == []
    assert house.look(zhejiang, 9) is CodeState.RED
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_too_many_last_words_are_written_unseen(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    zhejiang = await published(house)
    sizes: list[int] = []
    write = WritableList.write_final

    def counted(held: WritableList, final: Mapping[int, int]) -> None:
        sizes.append(len(final))
        write(held, final)

    monkeypatch.setattr(WritableList, "write_final", counted)
    watcher = Watcher(monkeypatch)
    monkeypatch.setattr(replay, "MOST_FINAL", 0)
    house = await house.crash_and_start()
    assert watcher.seen == []
    assert sizes == [2, 1]
    assert house.workers_read(zhejiang) == zhejiang.held
    assert house.look(zhejiang, 9) is CodeState.YELLOW


async def test_what_the_log_does_not_hold_is_not_believed(house: House) -> None:
    """Of a list without a checkpoint nothing is known for certain but what the log has."""
    zhejiang, at = province(), house.clock()
    await house.submit(zhejiang.open(at))
    await house.submit(zhejiang.change({words.RED: [5]}, at))
    file = house.ledger._lanes[zhejiang.name].held.file
    assert file is not None
    file.write_final({7: words.GREEN})
    house = await house.crash_and_start()
    assert house.look(zhejiang, 7) is CodeState.UNKNOWN
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_what_was_restored_goes_on_to_its_next_checkpoint(house: House) -> None:
    zhejiang = await published(house)
    house = await house.crash_and_start()
    await house.ledger.checkpoint()
    file = house.ledger._lanes[zhejiang.name].held.file
    assert file is not None
    assert file.checkpointed == 5


async def test_a_file_that_the_log_does_not_know_is_put_aside(house: House) -> None:
    foreign = ListName(IssuerId("nobody"), "https://nobody.example/1")
    house.files.create(foreign, 64).show(1, Instant(1.0))
    house = await house.crash_and_start()
    assert house.told.aside == [(foreign, SetAside.NOT_IN_LOG)]
    assert house.ledger.heads() == ()
    assert list(house.folder.glob("*.list")) == []
    assert len(list(house.folder.glob("*.broken"))) == 1


@pytest.mark.parametrize("wrong", ["empty", "older"])
async def test_a_start_on_the_wrong_log_loses_no_list(house: House, wrong: str) -> None:
    """Another database was configured by mistake, and the right one has forgotten the list's first batches."""
    zhejiang = await published(house)
    await house.ledger.checkpoint()
    right = house.log
    assert isinstance(right, MemoryLog)
    await right.prune(zhejiang.name, zhejiang.number - 1, Instant(house.clock() + 1))
    house.log = other = MemoryLog()
    if wrong == "older":
        row = replace(right.shared.rows[zhejiang.name], base=2, last=2)
        other.shared.rows, other.shared.batches = {zhejiang.name: row}, {zhejiang.name: []}
    house = await house.crash_and_start()
    assert house.look(zhejiang, 9) is None
    (kept,) = house.folder.glob("*.broken")
    kept.rename(kept.with_suffix(".list"))
    house.log = right
    house = await house.crash_and_start()
    assert house.ledger.missing() == ()
    assert house.workers_read(zhejiang) == zhejiang.held
    assert house.look(zhejiang, 9) is CodeState.YELLOW


async def test_a_file_that_is_gone_is_made_anew_from_the_log(house: House) -> None:
    zhejiang = await published(house)
    (house.folder / layout.file_name(zhejiang.name)).unlink()
    house = await house.crash_and_start()
    assert house.workers_read(zhejiang) == zhejiang.held
    assert house.look(zhejiang, 9) is CodeState.YELLOW


async def test_a_broken_file_is_made_anew_from_the_log(house: House) -> None:
    zhejiang = await published(house)
    file = house.folder / layout.file_name(zhejiang.name)
    file.write_bytes(file.read_bytes()[:-1])
    house = await house.crash_and_start()
    assert house.workers_read(zhejiang) == zhejiang.held
    assert len(list(house.folder.glob("*.broken"))) == 1


@pytest.mark.parametrize("checkpoint", [True, False])
async def test_a_file_that_is_ahead_of_the_log_is_not_used(house: House, *, checkpoint: bool) -> None:
    """The log was put back to an older state: what it holds counts, and nobody reads it before it is where it was."""
    zhejiang = await published(house)
    if checkpoint:
        await house.ledger.checkpoint()
    log = house.log
    assert isinstance(log, MemoryLog)
    kept = log.shared.batches[zhejiang.name][:3]
    log.shared.rows, log.shared.batches = {}, {}
    log.shared.append(kept)
    house = await house.crash_and_start()
    assert (zhejiang.name, SetAside.AHEAD_OF_LOG) in house.told.aside
    assert house.ledger.heads()[0].number == 3
    assert house.look(zhejiang, 9) is None
    house = await house.crash_and_start()
    assert house.look(zhejiang, 9) is None
    with house.ledger.subscribe() as news:
        for signed in zhejiang.batches[3:]:
            assert house.look(zhejiang, 9) is None
            await house.submit(signed)
        assert await anext(news) == Lagged(), "who watches other places of it hears that they can be read again"
    assert house.look(zhejiang, 9) is CodeState.YELLOW


async def test_another_log_with_other_batches_is_noticed(house: House) -> None:
    zhejiang = await published(house)
    await house.ledger.checkpoint()
    impostor = province()
    other = House(house.folder.parent / "other", MemoryLog(), house.clock)
    await other.start()
    at = house.clock()
    for signed in (impostor.open(at), *(impostor.change({words.GREEN: [9]}, at) for _ in range(zhejiang.number - 1))):
        await other.submit(signed)
    house.log = other.log
    house = await house.crash_and_start()
    assert house.told.aside == [(zhejiang.name, SetAside.UNFIT_BATCH)]
    assert house.workers_read(impostor) == impostor.held


async def test_a_list_whose_batches_are_gone_needs_a_snapshot(house: House, clock: FakeClock) -> None:
    house.settings = LedgerSettings(keep_s=10, prune_s=0)
    house = await house.crash_and_start()
    zhejiang = await published(house)
    clock.advance(11)
    await house.ledger.checkpoint()
    assert house.ledger.base(zhejiang.name) == zhejiang.number - 1
    (house.folder / layout.file_name(zhejiang.name)).unlink()
    house = await house.crash_and_start()
    assert house.told.aside == [(zhejiang.name, SetAside.BEHIND_LOG)]
    assert house.ledger.missing() == (zhejiang.name,)
    assert house.ledger.heads() == ()
    assert house.ledger.head(zhejiang.name) is None
    assert house.look(zhejiang, 9) is None
    with pytest.raises(StoreDegraded):
        await house.submit(zhejiang.change({words.RED: [9]}, clock()))
    assert not house.ledger.degraded


@pytest.mark.parametrize("what", ["another batch", "another digest"])
async def test_a_log_whose_batches_do_not_fit_is_not_written_to_a_file(house: House, what: str) -> None:
    zhejiang = await published(house)
    log = house.log
    assert isinstance(log, MemoryLog)
    batches = log.shared.batches[zhejiang.name]
    if what == "another batch":
        batches[-1] = replace(batches[-1], signed=batches[-2].signed)
    else:
        batches[-1] = replace(batches[-1], digest=BatchDigest(bytes(32)))
    house = await house.crash_and_start()
    assert house.told.aside == [(zhejiang.name, SetAside.UNFIT_BATCH)]
    assert house.ledger.missing() == (zhejiang.name,)
    assert house.look(zhejiang, 9) is None


async def test_a_log_that_lost_what_it_acknowledged_is_noticed(house: House) -> None:
    zhejiang = await published(house)
    log = house.log
    assert isinstance(log, MemoryLog)
    log.shared.batches[zhejiang.name].pop()
    house = await house.crash_and_start()
    assert house.told.aside == [(zhejiang.name, SetAside.UNFIT_BATCH)]
    assert house.ledger.missing() == (zhejiang.name,)


async def test_a_file_of_another_size_is_not_used(house: House) -> None:
    zhejiang = await published(house)
    house.files.create(zhejiang.name, 64)
    house = await house.crash_and_start()
    assert house.told.aside == [(zhejiang.name, SetAside.OTHER_CAPACITY)]
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_whether_a_list_is_filled_is_known_after_a_restart(house: House) -> None:
    zhejiang, at = province(), house.clock()
    for signed in (zhejiang.open(at), zhejiang.fill(0, bytes(8), at)):
        await house.submit(signed)
    house = await house.crash_and_start()
    assert await house.submit(zhejiang.fill(16, bytes(8), at)) == (3, False)
    assert await house.submit(zhejiang.change({words.RED: [1]}, at)) == (4, False)
    house = await house.crash_and_start()
    assert (await house.refusal(zhejiang.fill(32, bytes(8), at, number=5))).refusal is BatchRefusal.BLOCK_TOO_LATE


async def test_recovering_may_be_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    zhejiang = await published(house)
    log = house.log
    assert isinstance(log, MemoryLog)
    for task in tuple(house.ledger._tasks):
        task.cancel()
    house.files.close()
    house = House(house.folder, log, house.clock)
    log.broken = True
    with pytest.raises(StoreDegraded):
        await house.ledger.recover()
    log.broken = False
    read, failing = log.read, [True]

    async def fails_once(*args: object) -> object:
        if failing.pop() if failing else False:
            raise StoreDegraded("memory: once")
        return await read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "read", fails_once)
    with pytest.raises(StoreDegraded):
        await house.ledger.recover()
    await house.ledger.recover()
    assert house.told.store == ["degraded", "well"]
    assert house.workers_read(zhejiang) == zhejiang.held
    assert house.look(zhejiang, 9) is CodeState.YELLOW


async def test_a_crash_between_file_and_log_leaves_no_list(house: House) -> None:
    """The file of a new list is made before the log has it."""
    zhejiang, log = province(), house.log
    assert isinstance(log, MemoryLog)
    log.gate = asyncio.Event()
    waiting = asyncio.create_task(house.submit(zhejiang.open(house.clock())))
    async with asyncio.timeout(10):
        await log.waiting.wait()
    waiting.cancel()
    files = raw_of(house.folder, zhejiang.name)
    assert set(files) == {0xFF}
    copy = house.folder.parent / "crashed"
    copy.mkdir()
    for file in house.folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    again = await House(copy, MemoryLog(), house.clock).start()
    assert again.ledger.heads() == ()
    assert list(copy.glob("*.list")) == []
    log.gate.set()
    await house.ledger.close()


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_of_work_and_crashes_ends_as_the_issuers_have_it(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    house = await House(tmp_path / "lists", MemoryLog(), clock, LedgerSettings(keep_s=50, prune_s=0)).start()
    provinces = [province(f"https://z.example/{number}", 256) for number in range(3)]

    def some() -> Mapping[Word, list[int]]:
        picked = chance.sample(range(256), 6)
        return {chance.choice((words.RED, words.YELLOW)): picked[:3], words.GREEN: picked[3:]}

    for one in provinces:
        await house.submit(one.open(clock()))
    for _ in range(60):
        one = chance.choice(provinces)
        what = chance.random()
        if what < 0.5:
            batches = [one.change(some(), clock(), prove=chance.random() < 0.2) for _ in range(chance.randrange(1, 5))]
            again = batches + chance.sample(batches, 1)
            answers = await asyncio.gather(*map(house.submit, again))
            assert [repeated for _, repeated in answers].count(False) == len(batches)
        elif what < 0.6:
            await house.submit(one.heartbeat(clock()))
        elif what < 0.75:
            await house.ledger.checkpoint()
        elif what < 0.85:
            clock.advance(chance.random() * 40)
        else:
            if chance.random() < 0.5:
                power_cut(monkeypatch, tmp_path)
            house = await house.crash_and_start()
            assert house.told.aside == []
    for one in provinces:
        assert house.workers_read(one) == one.held
        head = house.ledger.head(one.name)
        assert head is not None
        assert (head.number, head.digest) == (one.number, one.digest)
    await house.ledger.close()


async def test_a_goodbye_leaves_a_checkpoint(house: House) -> None:
    zhejiang = await published(house)
    await house.ledger.close()
    await house.ledger.close()
    with pytest.raises(StoreDegraded):
        await house.submit(zhejiang.heartbeat(house.clock()))
    found = ListFiles(house.folder).open_all()[zhejiang.name]
    assert found.mark is not None
    assert (found.mark.number, found.mark.digest) == (5, zhejiang.batches[4].digest)
