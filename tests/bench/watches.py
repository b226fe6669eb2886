"""What watching costs, and how soon a change is told: `python -m tests.bench.watches`.

- 100,000 watched codes of one province, real ones, judged by the real rooms, in one process with the ledger
- a batch of 65,536 changes anywhere in the list: what finding the watched ones among them takes
- the same with every change at a watched code: until the last of them is judged
- seconds from PublishChanges to the WatchCodes event of a change, over gRPC, with the disk's fsync in it
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from gateway.instants import now
from gateway.rpc.status_client import WatchEvent, connected_status
from gateway.rpc.status_convert import WIRE
from gateway.status import words
from gateway.values import Caller, CallerId, CallerKind, Profile, Purpose
from gateway.watches.observer import NobodyObserves
from gateway.watches.settings import WatchSettings
from gateway.watches.watch import WatchTerms
from tests.simulators.watched_country import HERE, WatchedCountry, watched_country

WATCHED: Final = 100_000
CHANGES: Final = 65_536
CAPACITY: Final = 1 << 22
SAMPLES: Final = 200
TERMS: Final = WatchTerms(Purpose.TRANSPORT_ARRIVAL, HERE, Profile.GATE)
CALLER: Final = Caller(CallerId("bench"), CallerKind.DEV_LOOPBACK)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. Seconds, unless named otherwise."""

    watched: int
    register_us: float
    """Judging a code for the first time and keeping it."""
    kb_per_code: float
    batch_anywhere_ms: float
    """Of the watches' own work on a batch of 65,536 changes, before judging."""
    touched_anywhere: int
    batch_all_watched_ms: float
    judge_us: float
    """Judging a touched code anew, and putting its event in line."""
    all_watched_told_s: float
    """From the batch to the last of 65,536 verdicts, with everything else having its turn."""
    worst_pause_ms: float
    """The longest time that the event loop was held up meanwhile."""
    event_p50_ms: float
    event_p99_ms: float
    event_max_ms: float


def _resident_kb() -> int:
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1])


async def _watch_many(country: WatchedCountry, places: list[int]) -> tuple[float, float]:
    """Register a code at each place. Return the seconds and the kilobytes of one."""
    at, watches = now(), country.watches
    codes = [country.code(index, at) for index in places]
    connection = watches.open(CALLER, TERMS)
    gc.collect()
    before, began = _resident_kb(), perf_counter()
    for number, code in enumerate(codes):
        watches.register(connection.watch, f"h{number}", code)
        if number % 64 == 0:
            await asyncio.sleep(0)
    seconds, kilobytes = perf_counter() - began, _resident_kb() - before
    while watches.take(connection) is not None:
        pass
    return seconds / len(places), kilobytes / len(places)


async def _longest_pause(done: asyncio.Event) -> float:
    """Return the longest time for which the loop let nobody else go on, until `done`."""
    worst = 0.0
    while not done.is_set():
        began = perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, perf_counter() - began - 0.001)
    return worst


async def _touch(country: WatchedCountry, places: list[int]) -> tuple[float, int]:
    """Return the least seconds that finding the watched among `places` takes, of five times, and how many there are."""
    batch = WIRE.read_batch(country.province.change({words.GREEN: places}, now(), number=1 << 40).body)
    index, times = country.watches._index, []
    for _ in range(5):
        began = perf_counter()
        touched = index.touched(batch)
        times.append(perf_counter() - began)
    return min(times), len(touched.others)


async def _all_told(country: WatchedCountry, places: list[int], got: asyncio.Queue[float]) -> tuple[float, float]:
    """Return the seconds from a red batch's acknowledgement to the last new verdict, and the longest pause."""
    done = asyncio.Event()
    pausing = asyncio.create_task(_longest_pause(done))
    signed = country.province.change({words.RED: places}, now())
    await country.node.ledger.submit(signed, now())
    began = perf_counter()
    for _ in places:
        await got.get()
    seconds = perf_counter() - began
    done.set()
    return seconds, await pausing


async def _samples(country: WatchedCountry, chance: random.Random) -> list[float]:
    """Return the seconds from the call of PublishChanges to the arrival of its event, one change after another."""
    index, seconds = CAPACITY - 1, []
    async with connected_status(country.target) as caller, connected_status(country.target) as issuer:
        events = caller.watch([("h", country.code(index, now()))], purpose=TERMS.purpose, division=TERMS.division)
        async with aclosing(events):
            await _next(events)
            for number in range(SAMPLES):
                await asyncio.sleep(chance.random() * 0.02)
                signed = country.province.change({(words.RED, words.GREEN)[number % 2]: [index]}, now())
                began = perf_counter()
                _, arrived = await asyncio.gather(issuer.publish(signed), _next(events))
                seconds.append(arrived - began)
    return sorted(seconds)


async def _next(events: AsyncGenerator[WatchEvent, None]) -> float:
    """Return when the next event of a code arrived."""
    async for event in events:
        if event.answer is not None:
            return perf_counter()
    raise RuntimeError("the stream has ended")


class Changed(NobodyObserves):
    """Keeps count of new verdicts."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[float] = asyncio.Queue()

    def code_changed(self, seconds: float) -> None:
        """See WatchObserver."""
        self.queue.put_nowait(seconds)


async def measure(folder: Path, watched: int, changes: int) -> Figures:
    """Return all figures. Leaves files in `folder`."""
    chance, changed = random.Random(1), Changed()
    async with watched_country(
        folder, now, capacity=CAPACITY, settings=WatchSettings(codes_per_caller=watched), observer=changed
    ) as country:
        samples = await _samples(country, chance)
        while not changed.queue.empty():
            changed.queue.get_nowait()
        places = sorted(chance.sample(range(CAPACITY - 1), watched))
        for begin in range(0, len(places), changes):
            await country.node.ledger.submit(
                country.province.change({words.GREEN: places[begin : begin + changes]}, now()), now()
            )
        register_s, kilobytes = await _watch_many(country, places)
        anywhere_s, touched = await _touch(country, sorted(chance.sample(range(CAPACITY), changes)))
        chosen = sorted(chance.sample(places, min(changes, watched)))
        every_s, _ = await _touch(country, chosen)
        told_s, pause_s = await _all_told(country, chosen, changed.queue)
    return Figures(
        watched=watched,
        register_us=round(register_s * 1e6, 1),
        kb_per_code=round(kilobytes, 2),
        batch_anywhere_ms=round(anywhere_s * 1e3, 2),
        touched_anywhere=touched,
        batch_all_watched_ms=round(every_s * 1e3, 2),
        judge_us=round(told_s / len(chosen) * 1e6, 1),
        all_watched_told_s=round(told_s, 2),
        worst_pause_ms=round(pause_s * 1e3, 1),
        event_p50_ms=round(samples[len(samples) // 2] * 1e3, 2),
        event_p99_ms=round(samples[len(samples) * 99 // 100] * 1e3, 2),
        event_max_ms=round(samples[-1] * 1e3, 2),
    )


def main() -> int:
    """Measure, print, and fail if a change is not told within a second."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.watches", description=__doc__)
    parser.add_argument("--watched", type=int, default=WATCHED)
    parser.add_argument("--changes", type=int, default=CHANGES)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), chosen.watched, chosen.changes))
    print(json.dumps(asdict(figures), indent=2))
    return 0 if figures.event_p99_ms < 1_000 else 1


if __name__ == "__main__":
    sys.exit(main())
