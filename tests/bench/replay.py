"""`make bench-replay`: screenshots at two nodes, while Redis is killed, paused and flaps.

Two real gateway processes, a real Redis, gates over real gRPC, all on this machine. Exit status 1 if a limit is missed:

- of 1,000 codes shown at a gate of one node and then at a gate of the other, each is flagged within a second
- of 10,000 retries at the same gate none is flagged, whichever node answers
- at half of what the nodes can do, at least 99.9 % of calls are answered while Redis is well, dead, stopped, flapping
- the guard is never open: a second gate of the same node is always told, a gate of the other node is told or its answer
  says that this machine was alone

    python -m tests.bench.replay --seconds 60
    python -m tests.bench.replay --seconds 300     five minutes, with a pause of 30 s
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import grpc
from healthcode.interop.v1 import reason_pb2, verdict_pb2

from tests.integration.gateway_process import Gateway
from tests.integration.replay_site import NOTE, Country, nodes, shown
from tests.simulators.redis_server import RedisServer

from .figures import Result, show, write
from .load import client, quantile

OUTPUT: Final = Path(__file__).resolve().parent.parent.parent / "build" / "bench-replay.json"
SCREENSHOTS: Final = 1_000
RETRIES: Final = 10_000
GATES: Final = 8
"""That show at the same moment, on each node."""
AT_ONCE: Final = 32
ANSWERED: Final = 0.999
FLAGGED_WITHIN_S: Final = 1.0
FLAP_S: Final = 0.5
DEADLINE_S: Final = 2.0
"""What a gate waits for an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one showing."""

    measure: str
    """Empty if there was no answer."""
    reasons: tuple[str, ...]
    seconds: float

    @property
    def flagged(self) -> bool:
        """Whether the code was suspected to be shown a second time."""
        return "REPLAY_SUSPECTED" in self.reasons

    @property
    def closed(self) -> bool:
        """Whether nobody was let through unseen: flagged, to a person, or said to be known of one machine only."""
        return self.flagged or self.measure not in ("PASS", "LIMITED")


async def show_code(stub: Any, code: bytes, gate: str) -> Answer:
    """Show a code at a gate."""
    began = time.perf_counter()
    try:
        verdict = (await stub.VerifyCode(shown(code, gate), timeout=DEADLINE_S)).verdict
    except grpc.aio.AioRpcError as failed:
        return Answer("", (failed.code().name,), time.perf_counter() - began)
    measure = verdict_pb2.Measure.Name(verdict.core.measure).removeprefix("MEASURE_")
    reasons = tuple(reason_pb2.Reason.Name(one).removeprefix("REASON_") for one in verdict.core.reasons)
    return Answer(measure, reasons, time.perf_counter() - began)


async def in_turns(work: Iterator[Awaitable[None]], at_once: int = AT_ONCE) -> None:
    """Do all of it, so much at a time."""

    async def some() -> None:
        for one in work:
            await one

    await asyncio.gather(*(some() for _ in range(at_once)))


async def screenshots(here: Any, there: Any, country: Country) -> dict[str, Result]:
    """Show each code at a gate of one node, and as soon as that has answered at a gate of the other."""
    codes = [country.code() for _ in range(SCREENSHOTS)]
    seconds: list[float] = []
    flagged = unsaid = 0

    async def both(code: bytes) -> None:
        nonlocal flagged, unsaid
        first = await show_code(here, code, "east-1")
        assert first.measure == "PASS", first
        second = await show_code(there, code, "west-1")
        seconds.append(second.seconds)
        flagged += second.flagged
        unsaid += not second.closed and NOTE not in second.reasons

    await in_turns((both(code) for code in codes), GATES)
    return {
        "screenshots that were not flagged": Result(SCREENSHOTS - flagged, "", 0, f"of {SCREENSHOTS:,}, at two nodes"),
        "of these, without a word of it": Result(unsaid, "", 0, f"the others said {NOTE}: Redis was late"),
        "longest until flagged": Result(
            max(seconds), "s", FLAGGED_WITHIN_S, f"p50 {quantile(seconds, 0.5) * 1e3:.1f} ms"
        ),
    }


async def retries(stubs: list[Any], country: Country) -> dict[str, Result]:
    """Show codes again and again at their gates, at either node."""
    codes = [country.code() for _ in range(100)]
    counts: Counter[str] = Counter()

    async def again(number: int) -> None:
        # A code's retries follow one another closely: a hundred in a row, at alternating nodes.
        place = number // (RETRIES // len(codes))
        answer = await show_code(stubs[number % len(stubs)], codes[place], f"east-{place}")
        counts["flagged" if answer.flagged else answer.measure or "unanswered"] += 1

    await in_turns(again(number) for number in range(RETRIES))
    return {
        "retries that were flagged": Result(counts["flagged"], "", 0, f"of {RETRIES:,} at the same gates"),
        "retries that were not let through": Result(RETRIES - counts["PASS"], "", 0),
    }


async def capacity(stubs: list[Any], country: Country, seconds: float = 5.0) -> float:
    """Return how many calls a second all nodes answer when asked as fast as they can."""
    code = country.code()
    ends = time.perf_counter() + seconds
    done = 0

    async def ask(number: int) -> None:
        nonlocal done
        while time.perf_counter() < ends:
            await show_code(stubs[number % len(stubs)], code, "east-1")
            done += 1

    await asyncio.gather(*(ask(number) for number in range(AT_ONCE)))
    return done / seconds


@dataclass
class Phase:
    """What was seen while Redis did one thing."""

    answers: int = 0
    unanswered: Counter[str] = field(default_factory=Counter)
    """By the RPC's status."""
    alone: int = 0
    opened_here: int = 0
    """Second gates of the same node that let the code through."""
    opened_there: int = 0
    """Gates of the other node that let it through, and did not say that they were alone."""
    false_alarms: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        """Count an answer."""
        self.answers += 1
        if not answer.measure:
            self.unanswered[answer.reasons[0]] += 1
        self.alone += NOTE in answer.reasons
        self.seconds.append(answer.seconds)


class Load:
    """People who pass their gate, turn back, and whose screenshots are shown elsewhere: an open loop."""

    def __init__(self, stubs: list[Any], country: Country) -> None:
        self._stubs = stubs
        self._country = country
        self.phases: dict[str, Phase] = {}
        self.phase = ""

    async def run(self, rate: float, seconds: float) -> None:
        """Let `rate` calls a second begin, evenly; return once the last has ended. Four calls are one code."""
        began = time.perf_counter()
        under_way: set[asyncio.Task[None]] = set()
        for place in range(int(rate / 4 * seconds)):
            due = began + place * 4 / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._person(place))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _person(self, number: int) -> None:
        here, there = self._stubs[number % 2], self._stubs[1 - number % 2]
        phase = self.phases.setdefault(self.phase, Phase())
        code = self._country.code()
        first = await show_code(here, code, "east-1")
        phase.add(first)
        again = await show_code(here, code, "east-1")
        phase.add(again)
        phase.false_alarms += first.flagged + again.flagged
        same_node = await show_code(here, code, "east-2")
        phase.add(same_node)
        # Nobody knows of a code whose first showing had no answer.
        if first.measure and same_node.measure:
            phase.opened_here += not same_node.closed
        other_node = await show_code(there, code, "west-1")
        phase.add(other_node)
        if first.measure and other_node.measure:
            # If the first node was alone, Redis may not know of it yet; then its own answer said so.
            alone = NOTE in other_node.reasons or NOTE in first.reasons
            phase.opened_there += not other_node.closed and not alone


async def faults(load: Load, redis: RedisServer, rate: float, seconds: float) -> None:
    """Let Redis be well, dead, well, stopped, and flap, while the load goes on."""
    pause_s = min(30.0, seconds / 4)
    rest_s = (seconds - pause_s) / 4
    going = asyncio.create_task(load.run(rate, seconds))

    async def lasts(name: str, for_s: float) -> None:
        load.phase = name
        await asyncio.sleep(for_s)

    load.phase = "well"
    await lasts("well", rest_s)
    redis.kill()
    await lasts("killed", rest_s)
    await asyncio.to_thread(redis.start)
    await lasts("started again", rest_s)
    redis.pause()
    await lasts("stopped", pause_s)
    redis.go_on()
    load.phase = "flapping"
    for number in count():
        if going.done():
            break
        if number % 4 == 0:
            redis.kill()
        elif number % 4 == 1:
            await asyncio.to_thread(redis.start)
        elif number % 4 == 2:
            redis.pause()
        else:
            redis.go_on()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(going), FLAP_S)
    await going


def results_of(phases: dict[str, Phase]) -> dict[str, Result]:
    """Return the figures of all phases, and what they are together."""
    found: dict[str, Result] = {}
    for name, phase in phases.items():
        p50, p99 = (quantile(phase.seconds, part) * 1e3 for part in (0.5, 0.99))
        note = f"{phase.alone / max(1, phase.answers):.0%} said {NOTE}; p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        found[f"{name}: calls"] = Result(phase.answers, "", None, note)
    everything = sum(phase.answers for phase in phases.values())
    missing: Counter[str] = sum((phase.unanswered for phase in phases.values()), Counter())
    when = ", ".join(f"{name} {phase.unanswered.total()}" for name, phase in phases.items() if phase.unanswered)
    why = ", ".join(f"{status} {number}" for status, number in missing.items())
    note = "; ".join(part for part in (f"{missing.total()} of {everything:,}", why, when) if part)
    found["calls that were not answered"] = Result(100 * missing.total() / everything, "%", 100 * (1 - ANSWERED), note)
    found["open at a second gate of the same node"] = Result(sum(one.opened_here for one in phases.values()), "", 0)
    found["open at the other node, unsaid"] = Result(sum(one.opened_there for one in phases.values()), "", 0)
    found["false alarms at the same gate"] = Result(sum(one.false_alarms for one in phases.values()), "", 0)
    return found


@asynccontextmanager
async def two_nodes(folder: Path, redis: RedisServer) -> AsyncIterator[tuple[list[Any], Country, list[Gateway]]]:
    """Give clients of two nodes that ask one Redis."""
    country = Country(folder, redis)
    with nodes(country, 2, "log.level=info") as both:
        async with AsyncExitStack() as stack:
            stubs = [await stack.enter_async_context(client(one.grpc)) for one in both]
            await until(lambda: all(b"hcgw_replay_redis_up 1.0" in one.get("/metrics")[1] for one in both))
            yield stubs, country, both


async def until(true: Callable[[], bool]) -> None:
    """Wait for it, a minute at most."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(true):  # noqa: ASYNC110 another process
            await asyncio.sleep(0.05)


async def bench(seconds: float) -> dict[str, Result]:
    """Return all figures."""
    redis = RedisServer()
    redis.start()
    try:
        with tempfile.TemporaryDirectory(prefix="hcgw-bench-") as folder:
            async with two_nodes(Path(folder), redis) as (stubs, country, both):
                found = await screenshots(stubs[0], stubs[1], country)
                found |= await retries(stubs, country)
                most = await capacity(stubs, country)
                load = Load(stubs, country)
                await faults(load, redis, most / 2, seconds)
                found["calls a second that both nodes can answer"] = Result(most, "/s", None, "the load runs at half")
                found |= results_of(load.phases)
                for gateway in both:
                    assert gateway.process.poll() is None, "a gateway has died"
    finally:
        redis.close()
    return found


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.replay", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="Of the load under faults (default 60).")
    given = parser.parse_args()
    gc.freeze()
    busy = os.getloadavg()[0]
    found = asyncio.run(bench(given.seconds))
    title = f"replay guard: two nodes, one Redis, {given.seconds:.0f} s of faults (load before: {busy:.1f})"
    show(title, found)
    OUTPUT.parent.mkdir(exist_ok=True)
    return write(OUTPUT, found)


if __name__ == "__main__":
    sys.exit(main())
