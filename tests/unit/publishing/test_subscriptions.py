"""Who hears of batches: in order, never waited for, and told when something went by."""

from __future__ import annotations

import asyncio
from array import array
from typing import Any

import pytest

from gateway.changes import Block, ChangeGroup, ListName, StatusBatch
from gateway.publishing.subscriptions import Applied, Lagged, Subscriptions
from gateway.status.words import RED
from gateway.values import IssuerId
from tests.conftest import NOON

from .house import Told

NAME = ListName(IssuerId("zhejiang"), "https://zhejiang.example/1")


def applied(number: int, size: int = 10) -> Applied:
    return Applied(NAME, number, bytes(size), StatusBatch(NAME, number, None, NOON, None))


def made(most_batches: int = 3, most_bytes: int = 100) -> tuple[Subscriptions, Told]:
    told = Told()
    return Subscriptions(most_batches, most_bytes, told), told


async def test_each_hears_all_in_order() -> None:
    all_of_them, _ = made()
    with all_of_them.open() as first, all_of_them.open() as second:
        for number in (1, 2, 3):
            all_of_them.tell(applied(number))
        for news in (first, second):
            assert [await anext(news) for _ in range(3)] == [applied(number) for number in (1, 2, 3)]


@pytest.mark.parametrize(("number", "size"), [(4, 10), (2, 60)], ids=["too many", "too large"])
async def test_who_is_slow_is_told_and_goes_on(number: int, size: int) -> None:
    all_of_them, told = made()
    with all_of_them.open() as slow:
        for one in range(1, number + 1):
            all_of_them.tell(applied(one, size))
        assert told.lagged == 1
        assert await anext(slow) == Lagged()
        all_of_them.tell(applied(9, size))
        assert await anext(slow) == applied(9, size)


@pytest.mark.parametrize(
    "content",
    [{"blocks": (Block(0, bytes(101)),)}, {"groups": (ChangeGroup(RED, array("I", range(26)), "office"),)}],
    ids=["blocks", "groups"],
)
async def test_what_waits_counts_as_it_lies_in_memory(content: dict[str, Any]) -> None:
    all_of_them, told = made(most_bytes=100)
    with all_of_them.open() as slow:
        all_of_them.tell(Applied(NAME, 1, b"", StatusBatch(NAME, 1, None, NOON, None, **content)))
        assert told.lagged == 1
        assert await anext(slow) == Lagged()


async def test_room_comes_back_with_what_is_taken() -> None:
    all_of_them, told = made()
    with all_of_them.open() as news:
        for number in range(20):
            all_of_them.tell(applied(number, 90))
            assert await anext(news) == applied(number, 90)
    assert told.lagged == 0


async def test_a_jump_is_told_to_all() -> None:
    all_of_them, _ = made()
    with all_of_them.open() as news:
        all_of_them.tell(applied(1))
        all_of_them.tell_of_jump()
        all_of_them.tell(applied(2))
        assert [await anext(news), await anext(news)] == [Lagged(), applied(2)]


async def test_who_waits_is_woken_and_ends_when_it_is_closed() -> None:
    all_of_them, _ = made()
    news = all_of_them.open()
    waiting = asyncio.create_task(anext(news))
    await asyncio.sleep(0)
    all_of_them.tell(applied(1))
    assert await waiting == applied(1)
    ending = asyncio.create_task(anext(news, None))
    await asyncio.sleep(0)
    all_of_them.close()
    assert await ending is None
    all_of_them.tell(applied(2))
    assert [one async for one in news] == []


async def test_who_stops_waiting_loses_nothing() -> None:
    all_of_them, _ = made()
    with all_of_them.open() as news:
        waiting = asyncio.create_task(anext(news))
        await asyncio.sleep(0)
        all_of_them.tell(applied(1))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await anext(news) == applied(1)


def test_nothing_of_a_batch_shows_in_a_log() -> None:
    assert "signed" not in repr(applied(1))
