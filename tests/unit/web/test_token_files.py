"""The files of tokens: made once, one at a time, not too often, and never taken away from a reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.web.token_files import TokenFiles, list_id, tag_of
from tests.unit.web.status_edge import GZ, HI, Held, Maker, Ticks, body_of, files_in, read


@dataclass
class World:
    folder: Path
    maker: Maker
    ticks: Ticks
    failures: list[BaseException]
    files: TokenFiles


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    maker, ticks, failures = Maker(), Ticks(), list[BaseException]()
    maker.hold(Held(), Held(HI))
    files = TokenFiles(tmp_path / "tokens", maker, failed=failures.append, every_s=60, clock=ticks)
    yield World(tmp_path / "tokens", maker, ticks, failures, files)
    await files.close()


async def until(holds: Callable[[], bool]) -> None:
    """Let others run until something holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 what is waited for has no event
            await asyncio.sleep(0)


async def test_a_token_is_made_once_for_a_number(world: World) -> None:
    assert world.files.tag(Held()) is None
    assert await read(world.files, Held()) == body_of(Held())
    world.ticks.now += 1_000
    assert await read(world.files, Held()) == body_of(Held())
    assert world.files.tag(Held()) == tag_of(1, Held().digest)
    assert world.maker.made == [(GZ[1], 1)]


async def test_a_list_that_moves_is_made_anew_when_its_time_has_come(world: World) -> None:
    await read(world.files, Held())
    moved = world.maker.move()
    world.ticks.now += 59
    assert await read(world.files, moved) == body_of(Held())
    assert world.files.tag(moved) == tag_of(1, Held().digest)
    world.ticks.now += 1
    assert world.files.tag(moved) is None
    assert await read(world.files, moved) == body_of(moved)
    assert list(files_in(world.folder)) == [f"{list_id(GZ)}.2.statuslist"]


async def test_whoever_asks_for_the_same_waits_for_the_same_and_others_in_turn(world: World) -> None:
    world.maker.let.clear()
    asking = [read(world.files, held) for held in (Held(), Held(), Held(HI))]
    await until(lambda: world.maker.running == 1)
    world.maker.let.set()
    assert await asyncio.gather(*asking) == [body_of(Held()), body_of(Held()), body_of(Held(HI))]
    assert (len(world.maker.made), world.maker.most_running) == (2, 1)


async def test_nobody_waits_for_ever(world: World) -> None:
    world.files._patience_s = 0.0
    world.maker.let.clear()
    assert await read(world.files, Held()) is None
    world.maker.let.set()
    await until(lambda: world.files.tag(Held()) is not None)
    moved = world.maker.move()
    world.ticks.now += 60
    world.maker.let.clear()
    assert await read(world.files, moved) == body_of(Held())
    assert world.failures == []


async def test_an_asker_who_goes_away_takes_nothing_from_others(world: World) -> None:
    world.maker.let.clear()
    gone, stays = read(world.files, Held()), read(world.files, Held())
    await until(lambda: world.maker.running == 1)
    gone.cancel()
    world.maker.let.set()
    assert await stays == body_of(Held())
    assert len(world.maker.made) == 1


async def test_a_fault_is_told_and_the_last_token_served(world: World) -> None:
    world.maker.broken = OSError(28, "No space left on device")
    assert await read(world.files, Held()) is None
    assert world.failures == [world.maker.broken]
    world.maker.broken = None
    assert await read(world.files, Held()) == body_of(Held())
    world.maker.broken = OSError(5, "Input/output error")
    moved = world.maker.move()
    world.ticks.now += 60
    assert await read(world.files, moved) == body_of(Held())
    world.maker.broken = None
    assert await read(world.files, moved) == body_of(moved)
    assert len(world.failures) == 2


async def test_a_reader_keeps_what_she_has_while_a_newer_one_is_made(world: World) -> None:
    token = await world.files.token(Held())
    assert token is not None
    moved = world.maker.move()
    world.ticks.now += 60
    assert await read(world.files, moved) == body_of(moved)
    with token.file:
        assert token.file.read() == body_of(Held())


async def test_lists_that_are_gone_leave_nothing(world: World) -> None:
    await asyncio.gather(read(world.files, Held()), read(world.files, Held(HI)))
    world.files.keep_only({HI})
    assert list(files_in(world.folder)) == [f"{list_id(HI)}.1.statuslist"]
    assert world.files.tag(Held()) is None


async def test_what_an_earlier_run_left_is_dropped(world: World, tmp_path: Path) -> None:
    await read(world.files, Held())
    (world.folder / "half.statuslist.new").write_bytes(b"half")
    (world.folder / "other").write_bytes(b"not ours")
    again = TokenFiles(world.folder, world.maker, failed=world.failures.append)
    assert list(files_in(world.folder)) == ["other"]
    assert again.tag(Held()) is None
    assert world.folder.stat().st_mode & 0o077 == 0


def test_an_id_names_issuer_and_address() -> None:
    ids = {list_id(name) for name in (GZ, HI, (GZ[0], HI[1]), (HI[0], GZ[1]))}
    assert {len(one) for one in ids} == {43}
    assert len(ids) == 4
