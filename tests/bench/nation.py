"""`make bench-nation`: the lists of 31 provinces and 1.4 billion people, in memory, in every worker.

Prints a table, writes build/bench-nation.json, exits 1 if a figure misses its limit. Everything is made in a folder
below build, which is removed afterwards: 2.2 GB on the disk, 1.5 GB of the machine's memory for files.

- seconds to take snapshots over, as a follower does once it has them: digest checked, fsynced, shown
- seconds to start on files that are there, none of which is in memory
- the memory of all readers and the writer together, every page of every list touched, at rest and while the largest
  province has two epochs open
- look-ups at random places, in one process and in all at once
- what a look-up adds to a code's way through the pipeline

build/bench-nation.json is name -> {value, unit, limit, note}; `limit` is the most that will do, or null.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from gateway.changes import ListName
from gateway.held.list_files import ListFiles
from gateway.held.mapped_lists import MappedLists

from .figures import Result, show, write
from .nation_lists import OBSERVED, Snapshot, load_deflated, load_raw, make_snapshots
from .nation_pipeline import measure
from .nation_readers import Memory, memory_of, readers

BUILD = Path(__file__).resolve().parent.parent.parent / "build"
OUTPUT = BUILD / "bench-nation.json"
MB = 1_000_000
MOST_MB = 800.0
MOST_US = 1.0


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def forget_files(folder: Path) -> None:
    """Let the kernel forget what it holds of the files in a folder."""
    for path in folder.iterdir():
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def loading(folder: Path, lists: Path, share: float) -> tuple[dict[str, Result], list[Snapshot]]:
    """Measure how long it takes until all lists are there, each way; leave them in `lists`, none of them open."""
    snapshots = make_snapshots(folder, share)
    people = sum(each.capacity for each in snapshots)
    packed = sum(each.deflated.stat().st_size for each in snapshots)
    total = f"{len(snapshots)} lists, {people:,} places"
    results = {}
    for name, load, note in (
        ("load_deflated", lambda files: load_deflated(files, snapshots, folder), f"{total}, {packed / MB:.0f} MB"),
        ("load_raw", lambda files: load_raw(files, snapshots), f"{total}, {people / 2 / MB:.0f} MB"),
    ):
        files = ListFiles(lists)
        files.open_all()
        results[name] = Result(seconds(lambda load=load, files=files: load(files)), "s", None, note)  # type: ignore[misc]
        files.close()
    for each in snapshots:
        each.raw.unlink()
        each.deflated.unlink()
    forget_files(lists)
    results["start_cold"] = Result(seconds(lambda: start(lists)), "s", None, "files that are there, read from the disk")
    results["start_warm"] = Result(seconds(lambda: start(lists)), "s", None, "files that are there, in memory")
    return results, snapshots


def start(lists: Path) -> None:
    """Open and warm everything, as a writer does that is started."""
    files = ListFiles(lists)
    for held in files.open_all().values():
        held.warm()
    files.close()


def told(memory: Memory, before: Memory, count: int) -> str:
    """Return how a figure of memory comes about."""
    grown = (memory.anonymous - before.anonymous) / MB
    return (
        f"lists {memory.lists_pss / MB:.0f} + anonymous {grown:.1f} of {count} readers and the writer; "
        f"page tables {memory.page_tables / MB:.0f}; their PSS in all {memory.pss / MB:.0f}"
    )


def serving(lists: Path, snapshots: list[Snapshot], count: int, rounds: int) -> dict[str, Result]:
    """Measure memory and look-ups of processes that serve."""
    results = {}
    files = ListFiles(lists)
    for held in files.open_all().values():
        held.warm()
    with readers(lists, count) as processes:
        pids = [*processes.pids, os.getpid()]
        processes.tell("start")
        before = memory_of(pids, lists)

        def memory() -> Memory:
            if {answer["lists"] for answer in processes.tell("touch")} != {len(files.lists)}:
                raise AssertionError("a reader does not see all lists")
            return memory_of(pids, lists)

        def taken(found: Memory) -> float:
            return (found.lists_pss + found.anonymous - before.anonymous) / MB

        rest = memory()
        results["memory_at_rest"] = Result(taken(rest), "MB", MOST_MB, told(rest, before, count))
        largest = snapshots[0]
        files.create(ListName(largest.name.issuer, f"{largest.name.uri}-next"), largest.capacity).show(1, OBSERVED)
        epoch = memory()
        more = largest.capacity / 2 / MB
        results["memory_at_epoch_change"] = Result(taken(epoch), "MB", MOST_MB + more, told(epoch, before, count))
        files.drop(ListName(largest.name.issuer, f"{largest.name.uri}-next"))
        after = memory()
        results["memory_after_epoch_change"] = Result(taken(after), "MB", MOST_MB, told(after, before, count))
        together = median(processes.look_ups()[0] for _ in range(10 * rounds))
    with readers(lists, 1) as alone:
        alone.tell("touch")
        single = median(alone.look_ups()[1] for _ in range(10 * rounds))
    files.close()
    note = f"{1e9 / single:.0f} ns each, at random places, CPU time"
    results["look_ups_one_process"] = Result(single, "/s", None, note)
    results["look_ups_all_processes"] = Result(together, "/s", None, f"{count} on {os.cpu_count()} cores, wall clock")
    return results


def judging(lists: Path, codes: int, rounds: int) -> dict[str, Result]:
    """Measure what a look-up costs in the pipeline."""
    cost = measure(MappedLists(lists), codes, rounds)
    way = f"{cost.without * 1e6:.1f} us without, {cost.listed * 1e6:.1f} us with"
    rooms = f"{cost.rooms_without * 1e6:.1f} us without, {cost.rooms_listed * 1e6:.1f} us with"
    return {
        "pipeline_look_up": Result((cost.listed - cost.told) * 1e6, "us", MOST_US, "of codes that all point to a list"),
        "pipeline_rooms": Result(
            (cost.rooms_listed - cost.rooms_without) * 1e6,
            "us",
            MOST_US,
            f"look-up, age and the weighing of both states, in rooms 3 and 4: {rooms}",
        ),
        "pipeline_whole_way": Result(
            (cost.listed - cost.without) * 1e6,
            "us",
            None,
            f"that, and reading a longer code: {way}; CPU time, signatures aside",
        ),
    }


def main() -> int:
    """Measure, print, write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.nation", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the people (default 1)")
    parser.add_argument("--readers", type=int, default=4, help="reading processes (default 4)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each measurement (default 15)")
    parser.add_argument("--codes", type=int, default=2_000, help="codes in the pipeline (default 2000)")
    given = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="nation-") as folder:
        lists = Path(folder) / "lists"
        results, snapshots = loading(Path(folder), lists, given.share)
        results |= serving(lists, snapshots, given.readers, given.rounds)
        results |= judging(lists, given.codes, given.rounds)
    show("1.4 billion people in memory", results)
    return write(OUTPUT, results)


if __name__ == "__main__":
    sys.exit(main())
