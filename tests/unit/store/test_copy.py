"""Copying a log, from SQLite to SQLite; tests/integration/store does it to PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.changes import StoreDegraded
from gateway.store import copy as copying
from gateway.store.copy import CopyRefused, copy
from gateway.store.sqlite_log import SqliteLog
from gateway.values import Instant
from tests.conftest import NOON

from .batches import batch, batches, closing, name, row
from .contract import ALL, LATE, held


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(tmp_path / "source.db")
    yield log
    await log.close()


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(tmp_path / "target.db")
    yield log
    await log.close()


Step = Callable[[SqliteLog], Awaitable[object]]

STEPS: dict[str, Step] = {
    "batches": lambda log: log.append([*batches(1, 30), *batches(1, 9, name(1), size=9_000)]),
    "a closed list": lambda log: log.append([batch(1, name(2)), closing(2, name(2))]),
    "a list that begins with a snapshot": lambda log: log.rebase(row(50, name(3))),
    "batches above a snapshot": lambda log: log.append(batches(51, 60, name(3))),
    "old ones forgotten": lambda log: log.prune(name(), 20, LATE),
    "more batches": lambda log: log.append([*batches(31, 40), *batches(10, 12, name(1))]),
    "all forgotten of a list": lambda log: log.prune(name(1), 99, LATE),
    "batches above those": lambda log: log.append(batches(13, 14, name(1))),
    "a newer snapshot": lambda log: log.rebase(row(90, name(3))),
    "a list that is forgotten": lambda log: log.forget(name()),
    "a closed list that is forgotten": lambda log: log.forget(name(2)),
    "a closed snapshot": lambda log: log.rebase(row(95, name(3), closed=True)),
}


@pytest.mark.parametrize("count", range(len(STEPS) + 1))
async def test_whatever_happened_before_the_copy(source: SqliteLog, target: SqliteLog, count: int) -> None:
    for step in list(STEPS.values())[:count]:
        await step(source)
    copied = await copy(source, target)
    assert not copied.behind
    assert await target.lists() == await source.lists()
    for one in await source.lists():
        assert await target.read(one.name, 0, ALL) == await source.read(one.name, 0, ALL)
    assert copied.compared == copied.batches
    assert (await copy(source, target)).batches == 0


async def test_whatever_happens_between_two_copies(source: SqliteLog, target: SqliteLog) -> None:
    for step in STEPS.values():
        await step(source)
        assert not (await copy(source, target)).behind
        assert await target.lists() == await source.lists()
        assert await target.tally(name(), ALL) == await source.tally(name(), ALL)


async def test_a_copy_that_was_cut_off_goes_on(
    source: SqliteLog, target: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "AT_ONCE_BYTES", 400)
    await source.append(batches(1, 100))
    left = 4
    append = SqliteLog.append

    async def cut_off(log: SqliteLog, put: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise StoreDegraded("cut")
        await append(log, put)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(SqliteLog, "append", cut_off)
        with pytest.raises(StoreDegraded):
            await copy(source, target)
    assert await held(target) == list(range(1, 31))
    copied = await copy(source, target)
    assert (copied.batches, copied.compared, copied.behind) == (70, 100, ())


async def test_a_source_that_is_being_written(source: SqliteLog, target: SqliteLog) -> None:
    """The copy ends, tells which lists have moved on, and is right as far as it goes; a last one finds them equal."""
    on = True

    async def write(of: int) -> None:
        last = 0
        while on:
            await source.append([batch(last + 1, name(of), size=3_000)])
            last += 1
            if last % 40 == 0:
                await source.prune(name(of), last - 30, LATE)

    writing = [asyncio.create_task(write(of)) for of in range(5)]
    copied = await copy(source, target)
    on = False
    await asyncio.gather(*writing)
    assert set(copied.behind) <= {name(of) for of in range(5)}
    assert copied.batches >= copied.compared
    assert not (await copy(source, target)).behind
    assert await source.lists() == await target.lists()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda log: log.append([batch(4)]), id="holds more"),
        pytest.param(lambda log: log.append([batch(1, name(7))]), id="holds another list"),
        pytest.param(lambda log: log.forget(name()), id="has closed a list"),
        pytest.param(lambda log: log.prune(name(), 2, Instant(NOON + 1e9)), id="has forgotten more"),
    ],
)
async def test_a_target_that_is_no_copy_is_refused(source: SqliteLog, target: SqliteLog, spoil: Step) -> None:
    await source.append(batches(1, 3))
    await copy(source, target)
    await spoil(target)
    before = list(await target.lists())
    await source.append([batch(1, name(1))])
    with pytest.raises(CopyRefused):
        await copy(source, target)
    assert [one for one in await target.lists() if one.name != name(1)] == before


@pytest.mark.parametrize("more", [0, 3])
async def test_another_batch_under_a_number_is_refused(source: SqliteLog, target: SqliteLog, more: int) -> None:
    await source.append(batches(1, 3 + more))
    await target.append([*batches(1, 2), batch(3, say="other")])
    with pytest.raises(CopyRefused):
        await copy(source, target)
    assert await held(target) == [1, 2, 3]


async def test_another_batch_further_down_is_found(source: SqliteLog, target: SqliteLog) -> None:
    await source.append(batches(1, 3))
    await target.append([batch(1), batch(2, say="other"), batch(3)])
    with pytest.raises(CopyRefused):
        await copy(source, target)
