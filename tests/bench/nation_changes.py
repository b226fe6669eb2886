"""`make bench-changes`: changes of colours reaching every worker of two gateways that hold the whole nation.

Prints a table, writes build/bench-changes.json, exits 1 if a figure misses its limit. Two gateways of several processes
each (`hcgw serve`), the second follows the first; 31 lists with 1.4 billion places; everything in a folder below build.

- the nation published: seconds until both gateways hold all lists
- a million changes at once, as signed batches, durable, cold pages: seconds from the first submission until the last is
  read in every worker of both gateways
- 10,000 changes a second: the age of the oldest change that is not seen yet, sampled; and what it does to the p99 of
  verification, phases with and without changes taking turns
- the memory of a gateway's processes, with all lists held
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import grpc

from gateway.changes import ListName
from gateway.errors import Reason
from gateway.held.mapped_lists import MappedLists
from gateway.rpc.methods import STATUS
from gateway.status import words
from gateway.values import Instant, Measure
from tests.integration.gateway_process import Gateway, running
from tests.integration.status_site import status_of

from .figures import Result, show, write
from .load import client, look_up, quantile, steady
from .nation_drip import DueBatch, drip, write_batches
from .nation_site import SENTINELS, NationSite, Province, make_nation, opening, request_of

BUILD: Final = Path(__file__).resolve().parent.parent.parent / "build"
OUTPUT: Final = BUILD / "bench-changes.json"
POLL_S: Final = 0.002
SIDE_BY_SIDE: Final = 31


@asynccontextmanager
async def publisher(target: str) -> AsyncIterator[Any]:
    """Give a call that publishes an encoded request."""
    options = [("grpc.max_send_message_length", 8 << 20), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield channel.unary_unary(f"/{STATUS}/PublishChanges")


async def publish_each(publish: Any, requests: Iterator[bytes]) -> None:
    """Publish one list's batches, one after another."""
    for request in requests:
        await publish(request, timeout=60)


class Readers:
    """What every worker of a gateway reads: the same files, by the same look-up."""

    def __init__(self, sites: Sequence[NationSite]) -> None:
        self._lists = [MappedLists(site.lists) for site in sites]

    def numbers(self) -> list[dict[ListName, int]]:
        """Return up to which batch each list is read, for each gateway."""
        return [{one.name: one.number for one in lists.lists()} for lists in self._lists]

    def forget(self) -> None:
        """Map nothing any more: what is mapped here is not counted as a gateway's alone."""
        self._lists.clear()
        gc.unfreeze()
        gc.collect()

    def behind(self, wanted: dict[ListName, int]) -> bool:
        """Tell whether any worker of any gateway does not read a list up to its number."""
        return any(found.get(name, 0) < number for found in self.numbers() for name, number in wanted.items())

    async def all_read(self, wanted: dict[ListName, int], *, within_s: float) -> None:
        """Return once every worker of every gateway reads all lists up to these numbers."""
        end = time.perf_counter() + within_s
        while self.behind(wanted):
            if time.perf_counter() > end:
                raise AssertionError(f"not everything is read after {within_s} s")
            await asyncio.sleep(POLL_S)


def held_now(nation: Sequence[Province]) -> dict[ListName, int]:
    """Return the last number of each list, as its province has it."""
    return {province.issuer.name: province.issuer.number for province in nation}


async def fill(gateway: Gateway, nation: Sequence[Province], readers: Readers) -> float:
    """Publish the whole nation; return the seconds until both gateways hold it."""
    began = time.perf_counter()
    async with publisher(status_of(gateway)) as publish:
        for province in nation:  # one after another: the batches of a province take up to a gigabyte here
            await publish_each(publish, (request_of(batch) for batch in opening(province)))
    await readers.all_read(held_now(nation), within_s=600)
    return time.perf_counter() - began


async def burst(gateway: Gateway, nation: Sequence[Province], readers: Readers, changes: int, size: int) -> float:
    """Publish many changes at once; return the seconds until the last is read everywhere."""
    people = sum(province.issuer.capacity for province in nation)
    by_province: list[list[bytes]] = []
    for province in nation:
        its = round(changes * province.issuer.capacity / people)
        sizes = [size] * (its // size) + ([its % size] if its % size else [])
        by_province.append([request_of(province.batch(count, words.YELLOW, keys=2)) for count in sizes])
    gc.collect()
    async with publisher(status_of(gateway)) as publish:
        await publish(by_province[0].pop(0), timeout=60)  # the connection is made before the clock runs
        began = time.perf_counter()
        await asyncio.gather(*(publish_each(publish, iter(requests)) for requests in by_province))
        await readers.all_read(held_now(nation), within_s=120)
    return time.perf_counter() - began


class Unseen:
    """Changes that were or will be submitted, and are not read everywhere yet."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._waiting: dict[ListName, deque[tuple[int, float]]] = {}
        self.ages: list[float] = []

    def submitted(self, name: ListName, number: int, made: float) -> None:
        """Take note of a batch whose oldest change is made at `made` (CLOCK_MONOTONIC)."""
        self._waiting.setdefault(name, deque()).append((number, made))

    async def watch(self) -> None:
        """Sample the age of the oldest change that is not read everywhere."""
        while True:
            now, read = time.monotonic(), self._readers.numbers()
            oldest = now
            for name, waiting in self._waiting.items():
                seen = min(found.get(name, 0) for found in read)
                while waiting and waiting[0][0] <= seen:
                    waiting.popleft()
                if waiting:
                    oldest = min(oldest, waiting[0][1])
            if any(self._waiting.values()):
                self.ages.append(max(0.0, now - oldest))
            await asyncio.sleep(0.005)


def prepared(nation: Sequence[Province], given: argparse.Namespace, seconds: float) -> tuple[list[DueBatch], int]:
    """Return the batches of a phase, `given.rate` changes a second, and how many changes they hold."""
    share = max(1, round(given.rate * given.every / len(nation)))
    batches = []
    for turn in range(int(seconds / given.every)):
        for place, province in enumerate(nation):
            batch = province.batch(share, words.GREEN if turn % 2 else words.YELLOW)
            due = given.every * (1 + turn + place / len(nation))
            batches.append(DueBatch(due, place, request_of(batch)))
    return batches, share * len(batches)


async def under_changes(
    gateway: Gateway, nation: Sequence[Province], readers: Readers, given: argparse.Namespace, folder: Path
) -> dict[str, Result]:
    """Measure verification and the age of changes, phases with and without changes taking turns.

    A change is as old as the batch before its own: it may have been made right after that.
    """
    codes = itertools.cycle([province.code(index) for province in nation for index in range(8)])
    quiet: list[list[float]] = []
    changing: list[list[float]] = []
    unseen = Unseen(readers)
    published, phases = 0, max(2, round(given.seconds / given.phase))
    target = status_of(gateway)
    async with client(gateway.grpc) as stub:
        await steady(stub, codes, rate=given.load, seconds=2.0)
        for _ in range(phases):
            first = held_now(nation)
            batches, changes = prepared(nation, given, given.phase)
            path = folder / "batches"
            await asyncio.to_thread(write_batches, path, batches)
            gc.collect()
            gc.freeze()
            with drip(target, path) as dripping:
                # It samples in both phases: what it takes of this process's time is in both figures.
                watching = asyncio.create_task(unseen.watch())
                still = await steady(stub, codes, rate=given.load, seconds=given.phase)
                began = time.monotonic()
                dripping.begin(began)
                for one in batches:
                    name = nation[one.list_number].issuer.name
                    first[name] += 1
                    unseen.submitted(name, first[name], began + one.due_s - given.every)
                loaded = await steady(stub, codes, rate=given.load, seconds=given.phase)
                await asyncio.to_thread(dripping.end)
                await readers.all_read(held_now(nation), within_s=30)
                watching.cancel()
            published += changes
            quiet.append([one.seconds for one in still])
            changing.append([one.seconds for one in loaded])
            if any(one.measure != "PASS" for one in (*still, *loaded)):
                raise AssertionError("a sentinel that is green was not let through")
    ages, spent = unseen.ages, phases * given.phase
    noise = median(quantile(one, 0.99) for one in quiet[::2]) / median(quantile(one, 0.99) for one in quiet[1::2])
    before, after = (median(quantile(one, 0.99) for one in phase) for phase in (quiet, changing))
    return {
        "oldest_unseen_p99": Result(
            quantile(ages, 0.99) * 1e3,
            "ms",
            250,
            f"at {published / spent:,.0f} changes/s for {spent:.0f} s, gathered for {given.every * 1e3:.0f} ms; median "
            f"{median(ages) * 1e3:.0f}, most {max(ages) * 1e3:.0f}",
        ),
        "verification_p99": Result(
            after / before,
            "x",
            1.2,
            f"{before * 1e3:.1f} ms without changes, {after * 1e3:.1f} ms with, at {given.load:.0f}/s; "
            f"without against without {max(noise, 1 / noise):.2f}",
        ),
    }


async def verdicts_everywhere(gateways: Sequence[Gateway], nation: Sequence[Province]) -> None:
    """Turn one sentinel of each province red; fail unless every worker of every gateway stops it."""
    async with publisher(status_of(gateways[0])) as publish:
        for province in nation:
            batch = province.issuer.change({words.RED: [SENTINELS - 1]}, province_now(), keys=province.keys[:1])
            await publish(request_of(batch), timeout=30)
    await asyncio.sleep(1.0)
    for gateway in gateways:
        for province in nation:
            code = province.code(SENTINELS - 1)
            for _ in range(4):  # each connection may be another worker's
                async with client(gateway.grpc) as stub:
                    said = await look_up(stub, code, time.perf_counter())
                if said.measure != Measure.DENY.name or said.reasons[0] != Reason.STATE_RED.name:
                    raise AssertionError(f"{code.province}: {said.measure} {said.reasons}")


def province_now() -> Instant:
    """Return the instant, as an issuer reads it."""
    return Instant(time.time())


def memory_of(gateway: Gateway) -> tuple[float, float]:
    """Return the PSS of a gateway's processes in MB, and how much of it is anonymous."""
    pids = {gateway.process.pid, *(one["pid"] for one in gateway.events if one["event"] == "process_ready")}
    pss = anonymous = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            pss += int(line.split()[1]) if line.startswith("Pss:") else 0
            anonymous += int(line.split()[1]) if line.startswith("Pss_Anon:") else 0
    return pss / 1e3, anonymous / 1e3


def forget(sites: Sequence[NationSite]) -> None:
    """Let the kernel forget what it holds of the files of gateways that are not running."""
    os.sync()
    for site in sites:
        for path in (site.folder / "status").rglob("*"):
            if path.is_file():
                fd = os.open(path, os.O_RDONLY)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(fd)


@contextmanager
def serving(sites: Sequence[NationSite], workers: int) -> Iterator[list[Gateway]]:
    """Give both gateways; the second follows the first."""
    with ExitStack() as stack:
        first = stack.enter_context(running(sites[0], f"service.workers={workers}"))
        target = status_of(first)
        follow = f'[{{gateway="https://gateway.test/status",target="{target}",insecure_plaintext_to_loopback=true}}]'
        second = stack.enter_context(running(sites[1], f"service.workers={workers}", f"status.follow={follow}"))
        yield [first, second]


def drill(folder: Path, given: argparse.Namespace) -> dict[str, Result]:
    """Run all of it."""
    nation = make_nation(given.share)
    first = NationSite(folder / "first", nation)
    sites = [first, NationSite(folder / "second", nation, relay=first.folder)]
    places = sum(province.issuer.capacity for province in nation)
    results: dict[str, Result] = {}
    with serving(sites, given.workers) as gateways:
        filled = asyncio.run(fill(gateways[0], nation, Readers(sites)))
        results["publish_nation"] = Result(filled, "s", None, f"{places:,} places, in signed batches, to both gateways")
    forget(sites)
    began = time.perf_counter()
    with serving(sites, given.workers) as gateways:
        results["start"] = Result(
            time.perf_counter() - began, "s", None, "both gateways, one after the other, cold files"
        )
        readers = Readers(sites)
        for name, note in (("burst_cold", "first touch after a start, cold files"), ("burst_warm", "again")):
            seconds = asyncio.run(burst(gateways[0], nation, readers, given.changes, given.size))
            results[name] = Result(
                seconds, "s", 5.0, f"{given.changes:,} changes, batches of {given.size:,}, two signatures; {note}"
            )
        results |= asyncio.run(under_changes(gateways[0], nation, readers, given, folder))
        asyncio.run(verdicts_everywhere(gateways, nation))
        readers.forget()
        for which, gateway in zip(("publisher", "follower"), gateways, strict=True):
            pss, anonymous = memory_of(gateway)
            results[f"memory_{which}"] = Result(pss, "MB", None, f"PSS of all its processes; {anonymous:.0f} anonymous")
    return results


def main() -> int:
    """Measure, print, write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.nation_changes", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the people (default 1)")
    parser.add_argument("--workers", type=int, default=2, help="of each gateway (default 2)")
    parser.add_argument("--changes", type=int, default=1_000_000, help="published at once (default a million)")
    parser.add_argument("--size", type=int, default=8_192, help="changes of a batch of those (default 8192)")
    parser.add_argument("--rate", type=int, default=10_000, help="changes a second, steadily (default 10000)")
    parser.add_argument("--every", type=float, default=0.2, help="seconds between a province's batches (default 0.2)")
    parser.add_argument("--load", type=float, default=150, help="look-ups a second beside them (default 150)")
    parser.add_argument("--seconds", type=float, default=60, help="of steady changes (default 60)")
    parser.add_argument("--phase", type=float, default=10, help="seconds of a phase (default 10)")
    given = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="changes-") as folder:
        results = drill(Path(folder), given)
    show("Changes of a nation", results)
    return write(OUTPUT, results)


if __name__ == "__main__":
    sys.exit(main())
