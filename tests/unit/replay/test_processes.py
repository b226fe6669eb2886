"""Several processes on one memory: one first showing each, whoever is killed or stopped, and however."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.replay.locks import RecordLocks
from gateway.replay.memory import MemoryUnusable, create_shared, map_shared
from gateway.replay.showing import Seen, Showing, Unchecked
from gateway.replay.table import ShowingTable
from gateway.values import CodeMarks, Instant
from tests.unit.replay.gates import GATE, ISSUER, OTHER_GATE

WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).resolve().parents[3]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def shared() -> Iterator[int]:
    descriptor = create_shared(10_000, 360.0)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def start(shared: int) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(gate: str, *task: str) -> subprocess.Popen[str]:
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), str(shared), gate, *task],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            pass_fds=(shared,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                pipe.close()


def told(worker: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Return the answers that a worker has told whole, once it has ended."""
    assert worker.stdout is not None
    said = worker.stdout.read()
    worker.wait()
    lines = [line.split() for line in said.split("\n")[:-1] if line != "here"]
    return [(int(number), seen) for number, seen in lines]


def table_over(shared: int, patience_s: float = 60.0) -> ShowingTable:
    memory = map_shared(shared)
    return ShowingTable(memory, len(memory), same_passage_s=10.0, locks=RecordLocks(shared, patience_s=patience_s))


def show(table: ShowingTable, code: str, scope: bytes = GATE) -> Seen | Unchecked:
    at = Instant(time.time())
    found = table.show(Showing(CodeMarks(ISSUER, b"", code.encode(), Instant(at + 200)), scope, at, 1))
    return found.seen if found.why is None else found.why


def test_of_processes_that_show_the_same_codes_at_once_one_is_first(start: Start) -> None:
    workers = [start(f"gate-{number}", "race", "1500") for number in range(4)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "here\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = Counter(one for worker in workers for one in told(worker))
    assert {answers[number, "FIRST"] for number in range(1_500)} == {1}
    assert {answers[number, "SUSPECTED"] for number in range(1_500)} == {3}


def test_two_workers_at_one_gate_are_one_passage(start: Start, shared: int) -> None:
    one, other = start("gate-1", "race", "1"), start("gate-1", "race", "1")
    for worker in (one, other):
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert Counter(seen for worker in (one, other) for _, seen in told(worker)) == {"FIRST": 1, "SAME_PASSAGE": 1}


def test_workers_that_are_killed_anywhere_let_nothing_be_first_twice(start: Start, shared: int) -> None:
    chance = random.Random(9)
    firsts: Counter[int] = Counter()
    gates: dict[int, set[str]] = defaultdict(set)
    for round_ in range(12):
        gate = f"gate-{round_ % 3}"
        workers = [start(gate, "storm", str(100 * round_ + number)) for number in range(2)]
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        time.sleep(chance.random() * 0.05)
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        for number, seen in (one for worker in workers for one in told(worker)):
            firsts[number] += seen == "FIRST"
            gates[number].add(seen)
    assert max(firsts.values()) == 1
    assert "UNCHECKED" not in {seen for all_ in gates.values() for seen in all_}
    # Nobody's lock outlives it, and what was answered is known.
    table = table_over(shared)
    for number, count in firsts.items():
        assert show(table, f"code-{number}", OTHER_GATE) is Seen.SUSPECTED or not count


def test_the_locks_of_a_killed_process_are_gone_with_it(start: Start, shared: int) -> None:
    holder = start("gate-1", "hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    table = table_over(shared, patience_s=0.05)
    assert show(table, "code") is Unchecked.BUSY
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    patient = table_over(shared)
    assert show(patient, "code") is Seen.FIRST
    assert show(patient, "code", OTHER_GATE) is Seen.SUSPECTED


def test_a_process_that_is_stopped_keeps_nobody_waiting_and_opens_nothing(start: Start, shared: int) -> None:
    holder = start("gate-1", "hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGSTOP)
    clock = [0.0]
    locks = RecordLocks(
        shared, monotonic=lambda: clock[0], sleep=lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    )
    memory = map_shared(shared)
    table = ShowingTable(memory, len(memory), same_passage_s=10.0, locks=locks)
    assert show(table, "code") is Unchecked.BUSY
    waited = clock[0]
    assert waited == pytest.approx(0.1, abs=0.01)
    for _ in range(1_000):
        assert show(table, "code") is Unchecked.BUSY
    assert clock[0] == waited
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    clock[0] += 2
    assert show(table, "code") is Seen.FIRST


def test_a_memory_cannot_be_made_smaller_and_is_in_no_folder(shared: int) -> None:
    with pytest.raises(OSError, match="not permitted"):
        os.ftruncate(shared, 4096)
    assert str(Path(f"/proc/self/fd/{shared}").readlink()).startswith("/memfd:hcgw-replay")
    assert os.fstat(shared).st_nlink == 0


@pytest.mark.parametrize("size", [0, 16, 4096, 1 << 20])
def test_what_is_no_memory_of_showings_is_refused(size: int) -> None:
    other = os.memfd_create("other")
    try:
        os.ftruncate(other, size)
        with pytest.raises(MemoryUnusable):
            map_shared(other)
    finally:
        os.close(other)


def test_locks_that_do_not_work_are_said_to(shared: int) -> None:
    locks = RecordLocks(10_000)
    with pytest.raises(OSError, match="descriptor"):
        locks.take(0)
