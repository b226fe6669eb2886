"""A plain list that is over says nothing: not when it comes again under its old time, and not after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.changes import Listed, ListName
from gateway.follow.token_list_source import TakenTokenList
from gateway.held.mapped_lists import MappedLists
from gateway.keeper.token_list_files import TokenListFiles
from gateway.values import CodeState, Instant, StatusPointer
from tests.conftest import NOON, FakeClock
from tests.simulators.token_list_site import TokenListSite
from tests.unit.follow.token_list_world import NAME, World, token


@pytest.fixture
async def world(tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    site = TokenListSite(token())
    await site.start()
    found = World(site, tmp_path, clock)
    yield found
    await found.close()


async def test_a_list_that_was_extended_under_its_old_time_lapses_too(world: World) -> None:
    follower = world.follow()
    world.site.token, world.site.tag = token(exp=int(NOON) + 60), '"1"'
    await follower.refresh()
    world.clock.advance(60)
    world.site.token, world.site.tag = token(exp=int(NOON) + 120), '"2"'
    await follower.refresh()
    assert world.kept.words() is not None
    world.clock.advance(60)
    await follower.refresh()
    assert world.kept.words() is None


@pytest.mark.parametrize("lapsed", [True, False], ids=["lapsed before", "over meanwhile"])
async def test_a_list_that_is_over_is_not_shown_by_a_restart(tmp_path: Path, *, lapsed: bool) -> None:
    def look() -> Listed | None:
        return MappedLists(tmp_path / "lists").look_up(NAME.issuer, StatusPointer(NAME.uri, 0), NOON)

    files = TokenListFiles(tmp_path / "lists", [NAME], NOON)
    came = tmp_path / "came"
    came.write_bytes(b"\x00")
    await files.take(TakenTokenList(NAME, 2, came, NOON, Instant(NOON + 60), None))
    assert look() == Listed(CodeState.GREEN, NOON)
    if lapsed:
        await files.lapse(NAME)
    files.close()
    files = TokenListFiles(tmp_path / "lists", [NAME], Instant(NOON + 60))
    assert look() is None
    files.close()


async def test_a_list_that_cannot_be_let_lapse_now_is_let_lapse_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.site.token = token(exp=int(NOON) + 3)
    bug, lapse = RuntimeError(), world.kept.lapse
    naps: list[float] = []
    done = asyncio.Event()

    async def breaks(_: ListName) -> None:
        monkeypatch.setattr(world.kept, "lapse", lapse)
        raise bug

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        world.clock.advance(seconds)
        if world.kept.words() is None:
            done.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(world.kept, "lapse", breaks)
    task = asyncio.create_task(world.follow(sleep=sleep).run())
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert world.watched.bugs == [bug]
    assert naps[:2] == [3.0, 7.0]  # and then it has lapsed
