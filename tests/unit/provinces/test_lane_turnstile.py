"""The line before a province: its order, its bounds, and that no place is lost."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.provinces.turnstile import MOST_WAITING, Turnstile
from tests.unit.provinces.virtual_time import now, virtually


async def pass_through(turnstile: Turnstile, seconds: float, *, time_left: float = 9.0, patience: float = 9.0) -> bool:
    if not await turnstile.enter(time_left=time_left, patience=patience):
        return False
    try:
        await asyncio.sleep(seconds)
    finally:
        turnstile.leave(seconds)
    return True


def test_first_come_first_served() -> None:
    async def main() -> None:
        turnstile = Turnstile(2)
        order: list[int] = []

        async def one(number: int) -> None:
            await asyncio.sleep(0.001 * number)
            assert await turnstile.enter(time_left=9.0, patience=9.0)
            order.append(number)
            await asyncio.sleep(0.1)
            turnstile.leave(0.1)

        await asyncio.gather(*(one(number) for number in range(20)))
        assert order == list(range(20))
        assert (turnstile.inside, turnstile.waiting) == (0, 0)

    virtually(main)


@pytest.mark.parametrize(("places", "most"), [(1, MOST_WAITING), (200, 800)])
def test_the_line_is_bounded(places: int, most: int) -> None:
    async def main() -> None:
        turnstile = Turnstile(places)
        tasks = [asyncio.create_task(pass_through(turnstile, 1.0)) for _ in range(places + most + 5)]
        await asyncio.sleep(0.5)
        assert (turnstile.inside, turnstile.waiting) == (places, most)
        assert [task.done() for task in tasks[-6:]] == [False, *[True] * 5]
        assert not any(task.result() for task in tasks[-5:])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (turnstile.inside, turnstile.waiting) == (0, 0)

    virtually(main)


def test_who_loses_patience_leaves_the_line() -> None:
    async def main() -> None:
        turnstile = Turnstile(1)
        busy = asyncio.create_task(pass_through(turnstile, 1.0))
        await asyncio.sleep(0)
        assert not await pass_through(turnstile, 0.1, patience=0.3)
        assert now() == pytest.approx(0.3)
        assert turnstile.waiting == 0
        assert await busy

    virtually(main)


def test_a_line_that_is_too_long_is_not_joined() -> None:
    async def main() -> None:
        turnstile = Turnstile(1)
        assert await pass_through(turnstile, 0.5)  # now it is known how long it takes
        tasks = [asyncio.create_task(pass_through(turnstile, 0.5, time_left=1.1)) for _ in range(5)]
        assert await asyncio.gather(*tasks) == [True, True, True, False, False]

    virtually(main)


def test_who_was_not_asked_says_nothing_about_how_long_it_takes() -> None:
    async def main() -> None:
        turnstile = Turnstile(1)
        assert await pass_through(turnstile, 0.5)
        for _ in range(50):
            assert await turnstile.enter(time_left=9.0, patience=9.0)
            turnstile.leave(None)
        busy = asyncio.create_task(pass_through(turnstile, 0.5))
        await asyncio.sleep(0)
        assert not await turnstile.enter(time_left=0.4, patience=9.0)
        assert await busy

    virtually(main)


WAITER = st.tuples(st.floats(0, 1), st.floats(0, 0.3), st.one_of(st.none(), st.floats(0, 1)), st.floats(0, 1))


@settings(max_examples=80)
@given(places=st.integers(1, 3), waiters=st.lists(WAITER, max_size=30))
def test_no_place_is_lost_or_given_twice(places: int, waiters: list[tuple[float, float, float | None, float]]) -> None:
    async def main() -> None:
        turnstile = Turnstile(places)
        inside = most = 0

        async def one(start: float, seconds: float, cancelled: float | None, patience: float) -> None:
            async def through() -> None:
                nonlocal inside, most
                if await turnstile.enter(time_left=9.0, patience=patience):
                    inside += 1
                    most = max(most, inside)
                    try:
                        await asyncio.sleep(seconds)
                    finally:
                        inside -= 1
                        turnstile.leave(seconds)

            await asyncio.sleep(start)
            task = asyncio.create_task(through())
            if cancelled is not None:
                await asyncio.sleep(cancelled)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*(one(*waiter) for waiter in waiters))
        assert most <= places
        assert (turnstile.inside, turnstile.waiting, inside) == (0, 0, 0)

    virtually(main)
