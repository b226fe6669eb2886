"""`python -m tests.bench.replay_cost`: microseconds that the replay guard adds to a verification, on one machine.

- the whole step of the edge: marks in hand, to the decision that is answered
- in a memory of the process's own, and in one that workers share (with its locks)
- beside it what the other way would cost: an owner in another process, asked over a Unix socket, which answers at once
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from gateway.errors import Reason
from gateway.replay.guard import ReplayGuard
from gateway.replay.locks import RecordLocks
from gateway.replay.memory import create_shared, map_shared, own_memory
from gateway.replay.showing import scope_of
from gateway.replay.table import ShowingTable
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.showing import Shown, show
from gateway.trust.marks import marks_of
from gateway.values import (
    Caller,
    CallerId,
    CallerKind,
    ClaimedCode,
    CodeMarks,
    Decision,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    Measure,
)
from gateway.watch.logs import EventLog
from gateway.watch.metrics import Metrics
from gateway.watch.replay import ReplayWatch

OUTPUT: Final = Path(__file__).resolve().parent.parent.parent / "build" / "bench-replay-cost.json"
ISSUER: Final = IssuerId("https://code.gz.example")
DIVISION: Final = DivisionCode("330000")
SHOWINGS: Final = 20_000
ROUNDS: Final = 5
ASKED: Final = 2_000

_OWNER: Final = """
import asyncio, sys
async def answer(reader, writer):
    while data := await reader.read(4096):
        writer.write(b"\\0" * (len(data) // 64))
async def main():
    server = await asyncio.start_unix_server(answer, sys.argv[1])
    print("here", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of the first showing of a code, and of a retry; the least of the rounds."""

    first: float
    again: float


def decisions(count: int, at: Instant) -> list[Decision]:
    """Return so many decisions to let somebody through, each on a code of its own."""
    return [
        Decision(
            Measure.PASS,
            (Reason.STATE_GREEN,),
            at,
            None,
            Format.NATIVE,
            marks=CodeMarks(ISSUER, b"", os.urandom(12).hex().encode(), Instant(at + 120)),
        )
        for _ in range(count)
    ]


def step(table: ShowingTable, rounds: int = ROUNDS, count: int = SHOWINGS) -> Cost:
    """Return what the step of the edge costs over `table`."""
    caller = Caller(CallerId("spiffe://zj.example/hub/330100/rail/east"), CallerKind.TLS_PEER)
    watch = ReplayWatch(Metrics(lambda: Instant(0.0), version="0").replay, EventLog(), time.monotonic)
    guard = ReplayGuard(table, None, watch, clock=lambda: Instant(time.time()))
    desk = VerificationDesk(None, None, None, replay=guard)  # type: ignore[arg-type]  # nothing else is asked here
    at = Instant(time.time())

    def turn(some: list[Decision]) -> float:
        began = time.perf_counter()
        for one in some:
            scope = scope_of(caller, DIVISION, "gate-17")
            shown = show(one, scope, DIVISION, at, desk, receipt=False)
            assert isinstance(shown, Shown)
        return (time.perf_counter() - began) / len(some) * 1e6

    turn(decisions(count, at))  # the pages of the memory are there
    first, again = [], []
    for _ in range(rounds):
        some = decisions(count, at)
        first.append(turn(some))
        again.append(turn(some))
    return Cost(min(first), min(again))


def marks(rounds: int = ROUNDS, count: int = SHOWINGS) -> float:
    """Return what the marks of a native code cost, which every code gets."""
    claimed = ClaimedCode(
        Format.NATIVE, ISSUER, None, None, b"payload", b"signature", "green",
        Instant(0.0), None, Instant(60.0), code_id="c" * 22, subject="s" * 22,
    )  # fmt: skip

    def turn() -> float:
        began = time.perf_counter()
        for _ in range(count):
            marks_of(claimed, ISSUER)
        return (time.perf_counter() - began) / count * 1e6

    return min(turn() for _ in range(rounds))


def own() -> Cost:
    """Return the cost with a memory of this process alone."""
    memory = own_memory(250_000, 360.0)
    return step(ShowingTable(memory, len(memory), same_passage_s=10.0))


def shared() -> Cost:
    """Return the cost with a memory that workers share."""
    descriptor = create_shared(250_000, 360.0)
    memory = map_shared(descriptor)
    try:
        return step(ShowingTable(memory, len(memory), same_passage_s=10.0, locks=RecordLocks(descriptor)))
    finally:
        memory.close()
        os.close(descriptor)


async def owner() -> float:
    """Return what it costs to ask an owner in another process, one question at a time: the median."""
    with tempfile.TemporaryDirectory(prefix="hcgw-bench-", dir="/tmp") as folder:
        place = f"{folder}/owner.sock"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _OWNER, place, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            await process.stdout.readline()
            reader, writer = await asyncio.open_unix_connection(place)
            found = []
            for _ in range(ASKED):
                began = time.perf_counter()
                writer.write(bytes(64))
                await reader.readexactly(1)
                found.append((time.perf_counter() - began) * 1e6)
            writer.close()
            return median(found)
        finally:
            process.kill()
            await process.wait()


def measure(*, beside: Callable[[], float] | None = None) -> dict[str, float]:
    """Return all figures, in microseconds."""
    alone, together = own(), shared()
    found = {
        "marks of every code": marks(),
        "guard, own memory, first showing": alone.first,
        "guard, own memory, retry": alone.again,
        "guard, shared memory, first showing": together.first,
        "guard, shared memory, retry": together.again,
    }
    if beside is not None:
        found["an owner over a Unix socket, its answer alone"] = beside()
    return found


def main() -> None:
    """Measure, print, write."""
    found = measure(beside=lambda: asyncio.run(owner()))
    for name, microseconds in found.items():
        sys.stdout.write(f"{name:48} {microseconds:8.2f} us\n")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
