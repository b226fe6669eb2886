"""A post is kept filled, whatever its process does."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.supervisor.child import Line, LineCut, Post, Role, Terms, Word
from gateway.supervisor.guard import DiedYoung
from gateway.supervisor.process import spawn
from gateway.supervisor.settings import Patience, again_s, posts
from gateway.web.pages import Check

from .stand_in import Wrong
from .world import COMMAND, LONG_S, SWIFT, WORKER, World, notes

Make = Callable[..., World]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[World] = []

    def make(wrong: Wrong | None = None, patience: Patience = SWIFT, system_refuses: int = 0) -> World:
        made.append(World(tmp_path, wrong or {}, patience, system_refuses=system_refuses))
        return made[-1]

    yield make
    for one in made:
        one.guard.kill()
        await one.guard.drain(LONG_S)
        assert all(process.ended.done() for process in one.spawned)


def state(world: World) -> str:
    return world.guard.checks[0].state


async def test_it_starts_and_tells_how_it_is(world: Make) -> None:
    its = world()
    assert not its.guard.ok
    await its.guard.start()
    assert await its.heard.next() == "ready"
    assert state(its) == "starting"
    await its.guard.look()
    assert (its.guard.ok, state(its)) == (True, "ok")
    its.spawned[0].signal(signal.SIGUSR2)
    while state(its) == "ok":
        await its.guard.look()
    assert its.guard.checks == (
        Check("worker-0", "not_ready"),
        Check("worker-0.trust", "expired"),
        Check("worker-0.port", "7"),
    )


async def test_a_killed_process_is_started_again(world: Make) -> None:
    its = world()
    await its.guard.start()
    for _ in range(3):
        assert await its.heard.next() == "ready"
        its.spawned[-1].signal(signal.SIGKILL)
        assert await its.heard.next() == "died"
    assert await its.heard.next() == "ready"
    assert its.heard.statuses == [-signal.SIGKILL] * 3
    assert len(set(its.heard.pids)) == 4
    assert its.heard.waits == [SWIFT.first_again_s * two for two in (2, 4, 8)]
    await its.guard.look()
    assert its.guard.ok


async def test_one_that_lived_long_is_replaced_at_once(world: Make) -> None:
    its = world(patience=replace(SWIFT, sound_s=0.0))
    await its.guard.start()
    for _ in range(3):
        assert await its.heard.next() == "ready"
        its.spawned[-1].signal(signal.SIGKILL)
        assert await its.heard.next() == "died"
    assert its.heard.waits == [SWIFT.first_again_s] * 3


async def test_one_that_never_became_ready_died_young_however_long_it_took(world: Make) -> None:
    its = world({"dies": [-1, 1, 1]}, replace(SWIFT, sound_s=0.0))
    await its.guard.start()
    its.spawned[0].signal(signal.SIGKILL)
    assert [await its.heard.next() for _ in range(5)] == ["ready", "died", "died", "died", "ready"]
    assert its.heard.waits == [SWIFT.first_again_s * times for times in (1, 2, 4)]


@pytest.mark.parametrize(("deaths", "wait_s"), [(0, 0.1), (1, 0.2), (4, 1.6), (8, 15.0), (10_000, 15.0)])
def test_waits_grow_to_a_bound(deaths: int, wait_s: float) -> None:
    assert again_s(Patience(), deaths) == pytest.approx(wait_s)


async def test_it_is_never_given_up(world: Make) -> None:
    its = world({"dies": [-1, 1, 78, 3]})
    await its.guard.start()
    its.spawned[0].signal(signal.SIGKILL)
    assert [await its.heard.next() for _ in range(6)] == ["ready", "died", "died", "died", "died", "ready"]
    assert its.heard.statuses == [-signal.SIGKILL, 1, 78, 3]


async def test_a_system_that_starts_nothing_is_asked_again(world: Make) -> None:
    its = world(patience=replace(SWIFT, longest_again_s=0.001), system_refuses=2)
    await its.guard.start()
    its.spawned[0].signal(signal.SIGKILL)
    assert [await its.heard.next() for _ in range(5)] == ["ready", "died", "not_started", "not_started", "ready"]


@pytest.mark.parametrize("status", [1, 78])
async def test_a_first_start_that_fails_is_not_repeated(world: Make, status: int) -> None:
    its = world({"dies": [status]})
    with pytest.raises(DiedYoung) as caught:
        await its.guard.start()
    assert (caught.value.status, caught.value.process) == (status, "worker-0")
    assert await its.heard.next() == "died"
    assert its.heard.waits == [0]
    assert notes(its.folder) == ["worker-0 started"]


async def test_one_that_does_not_become_ready_is_killed(world: Make) -> None:
    its = world({"never_ready": True}, replace(SWIFT, start_s=0.2))
    with pytest.raises(DiedYoung) as caught:
        await its.guard.start()
    assert caught.value.status == -signal.SIGKILL


async def test_one_that_hangs_is_killed_and_replaced(world: Make) -> None:
    its = world(patience=replace(SWIFT, answer_s=0.05))
    await its.guard.start()
    await its.guard.look()
    its.spawned[0].signal(signal.SIGUSR1)
    while its.heard.events.qsize() < 2:
        await its.guard.look()
    assert [await its.heard.next() for _ in range(4)] == ["ready", "silent", "died", "ready"]


async def test_one_that_is_slow_once_is_not_killed(world: Make) -> None:
    its = world(patience=replace(SWIFT, answer_s=0.0, silent_s=LONG_S))
    await its.guard.start()
    await its.guard.look()
    assert its.guard.checks == (Check("worker-0", "silent"),)
    assert not its.spawned[0].ended.done()


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_reload_is_waited_for_and_its_outcome_told(world: Make, refuses: bool) -> None:
    its = world({"refuses_reload": refuses})
    await its.guard.start()
    for _ in range(2):
        assert await asyncio.wait_for(its.guard.reload(), LONG_S) is not refuses
    assert notes(its.folder) == ["worker-0 started", "worker-0 reloaded", "worker-0 reloaded"]


async def test_a_reload_that_never_ends_is_not_waited_for(world: Make) -> None:
    its = world(patience=replace(SWIFT, reload_s=0.01))
    await its.guard.start()
    its.spawned[0].signal(signal.SIGUSR1)
    assert await its.guard.reload() is False


async def test_a_reload_ends_with_its_process(world: Make) -> None:
    its = world()
    await its.guard.start()
    its.spawned[0].signal(signal.SIGKILL)
    assert await asyncio.wait_for(its.guard.reload(), LONG_S) in {False, True}


async def test_a_reload_during_a_start_is_made_up_for(world: Make) -> None:
    its = world({"dies": [-1]})
    await its.guard.start()
    assert await its.heard.next() == "ready"
    its.begun.clear()
    its.spawned[0].signal(signal.SIGKILL)
    assert await its.heard.next() == "died"
    await asyncio.wait_for(its.begun.wait(), LONG_S)
    assert not its.spawned[1].ready.done()
    assert await its.guard.reload() is True
    assert await its.heard.next() == "ready"
    async with asyncio.timeout(LONG_S):
        while "worker-0 reloaded" not in notes(its.folder):
            await its.guard.look()


async def test_a_drain_ends_it_and_starts_nothing(world: Make) -> None:
    its = world()
    await its.guard.start()
    await its.guard.drain(LONG_S)
    await its.guard.drain(LONG_S)
    assert its.spawned[0].ended.result() == 0
    assert notes(its.folder) == ["worker-0 started", "worker-0 drained"]
    assert its.guard.checks == (Check("worker-0", "missing"),)


async def test_one_that_outlasts_its_time_is_killed(world: Make) -> None:
    its = world({"deaf": True})
    await its.guard.start()
    await its.guard.drain(0.01)
    assert its.spawned[0].ended.result() == -signal.SIGKILL
    assert await its.heard.next() == "ready"
    assert its.heard.events.empty()


async def test_a_drain_between_two_lives_starts_no_third(world: Make) -> None:
    its = world(patience=replace(SWIFT, first_again_s=LONG_S))
    await its.guard.start()
    its.spawned[0].signal(signal.SIGKILL)
    assert [await its.heard.next() for _ in range(2)] == ["ready", "died"]
    await asyncio.wait_for(its.guard.drain(LONG_S), LONG_S / 2)
    assert len(its.spawned) == 1


async def test_a_drain_while_one_is_being_started_ends_that_one(world: Make) -> None:
    its = world()
    await its.guard.start()
    its.may_begin.clear()
    its.spawned[0].signal(signal.SIGKILL)
    assert [await its.heard.next() for _ in range(2)] == ["ready", "died"]
    assert await its.guard.reload() is True  # whatever starts next reads anew
    await its.guard.look()
    assert state(its) == "missing"
    assert await its.guard.ask("/metrics", budget_s=LONG_S) is None
    await asyncio.wait_for(its.held_back.wait(), LONG_S)
    draining = asyncio.create_task(its.guard.drain(LONG_S))
    await asyncio.wait({draining}, timeout=0)
    its.may_begin.set()
    await asyncio.wait_for(draining, LONG_S)
    assert len(its.spawned) == 2
    assert its.spawned[1].ended.done()
    assert "worker-0 reloaded" not in notes(its.folder)


async def test_it_ends_when_its_supervisor_is_gone(tmp_path: Path) -> None:
    """Its end of the line says so; here the supervisor only lets go of it."""
    its = World(tmp_path)
    await its.guard.start()
    process = its.spawned[0]
    process._line.close()
    assert await asyncio.wait_for(process.ended, LONG_S) == 0
    assert "worker-0 drained" in notes(tmp_path)
    await its.guard.drain(LONG_S)


def open_in(process: str) -> set[str]:
    """Return what is open there, but for standard input, output and error."""
    found = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            found |= {str(descriptor.readlink())} if int(descriptor.name) > 2 else set()
    return found


async def test_nothing_else_of_the_supervisor_is_inherited(tmp_path: Path) -> None:
    its = World(tmp_path)
    await its.guard.start()
    pid = its.spawned[0].pid
    assert not {one for one in open_in(str(pid)) & open_in("self") if one.startswith(("socket:", "pipe:"))}
    assert os.getpgid(pid) == pid
    await its.guard.drain(LONG_S)


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await spawn([str(tmp_path / "absent")], Terms(WORKER, tmp_path / "w"), b"\n")


async def test_words_that_are_none_are_ignored(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import socket, sys\n"
        "line = socket.socket(fileno=int(sys.argv[sys.argv.index('--line') + 1]))\n"
        r"line.sendall(b'\xff\nreloaded\nfine\nready\nready\n')" + "\nline.recv(100)\nline.recv(100)\n"
    )
    process = await spawn([COMMAND[0], str(program)], Terms(WORKER, tmp_path / "w"), b"{}\n")
    await asyncio.wait_for(process.ready, LONG_S)
    process.signal(signal.SIGKILL)
    await process.ended
    process.signal(signal.SIGKILL)


def test_posts_are_filled_in_order() -> None:
    assert [post.name for post in posts(workers=2, keeper=True)] == ["keeper", "worker-0", "worker-1"]
    assert [post.name for post in posts(workers=1, keeper=False)] == ["worker-0"]


def test_terms_are_arguments() -> None:
    assert Terms(Post(Role.KEEPER), Path("k.sock")).words(5) == [
        *("--role", "keeper", "--number", "0", "--line", "5", "--http-socket", "k.sock")
    ]
    assert Terms(Post(Role.WORKER, 3), Path("w"), 0).words(5)[-2:] == ["--grpc-port", "0"]


@pytest.mark.parametrize("sent", [b"", b"half", b"x" * ((1 << 20) + 1)])
def test_a_line_without_a_whole_configuration(sent: bytes) -> None:
    ours, its = socket.socketpair()
    line = Line(its.detach())

    def send() -> None:
        with ours, suppress(OSError):
            ours.sendall(sent)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(LineCut):
        line.configuration()
    line._socket.close()
    sender.join(LONG_S)


def test_words_to_nobody_are_lost_in_silence() -> None:
    ours, its = socket.socketpair()
    line = Line(its.detach())
    line.tell(Word.READY)
    assert ours.recv(100) == b"ready\n"
    ours.close()
    line.tell(Word.REFUSED)
    line.tell(Word.REFUSED)
    line._socket.close()
