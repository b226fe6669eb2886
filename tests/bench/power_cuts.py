"""`python -m tests.bench.power_cuts`: the power is cut at random instants of appending, and what is found is counted.

Several callers append to three lists at one time; old batches are pruned, and the WAL is written back often. At a
random write, sync, truncation or deletion the power goes. In every third run a sync has failed before, and the disk has
lost what it was asked to sync. Then the log is opened from what the disk kept. Exit status 1 if

- anything acknowledged is missing or has other bytes, or a number stands twice or is missing in between,
- an append that was not acknowledged is there in part, or one that was never tried is,
- SQLite finds a fault in the file, or the log cannot be appended to.

And the WAL is cut off at every byte of its last commit: what was committed below that byte is there, and no more.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random

from gateway.changes import ListName, StoreDegraded
from gateway.store import sqlite_statements as say
from gateway.store.change_log import LoggedBatch
from gateway.store.migrations import StoreUnfit
from gateway.store.sqlite_log import SqliteLog
from gateway.store.sqlite_schema import connect
from gateway.values import Instant
from tests.conftest import NOON
from tests.simulators.power_cut import Disk
from tests.unit.store.batches import batch, name

ALL = 1 << 40
NAMES = [name(number) for number in range(3)]
FILE = "changes.db"


@dataclass
class Found:
    """What was found after power cuts."""

    cuts: int = 0
    acknowledged: int = 0
    after_a_failed_sync: int = 0
    """Acknowledged batches of runs in which a sync had failed."""
    appeared: int = 0
    """Batches of appends that were cut and stand in the log, whole."""
    lost: int = 0
    doubled: int = 0
    in_part: int = 0
    unsound: int = 0

    @property
    def broken(self) -> bool:
        return bool(self.lost or self.doubled or self.in_part or self.unsound)

    def add(self, other: Found) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass
class Told:
    """What callers were told while the power was on."""

    acknowledged: dict[tuple[ListName, int], LoggedBatch] = field(default_factory=dict)
    failed: list[list[LoggedBatch]] = field(default_factory=list)
    """Calls that were told of a failure, or of nothing."""
    pruned: dict[ListName, int] = field(default_factory=dict)
    """Up to where somebody wanted batches to be forgotten."""


async def cut_once(seed: int, folder: Path) -> Found:
    """Append until the power goes, then look."""
    random = Random(seed)
    disk = Disk(f"disk-{seed}", random)
    disk.cut_at(1 + int(400 * random.random() ** 2), at_a_sync=random.randrange(2) == 0)
    fails = seed % 3 == 0
    if fails:
        disk.fail_sync_at(random.randrange(120))
    told = Told()
    (folder / "before").mkdir()
    (folder / "after").mkdir()
    try:
        await _work(folder / "before" / FILE, disk, random, told)
        disk.survivors(folder / "after")
    finally:
        disk.close()
    found = Found(1, len(told.acknowledged), len(told.acknowledged) if fails else 0)
    try:
        found.add(await _look(folder / "after" / FILE, told))
    except (StoreDegraded, StoreUnfit):
        found.add(Found(lost=len(told.acknowledged), unsound=1))
    return found


async def _work(path: Path, disk: Disk, random: Random, told: Told) -> None:
    log = await _opened(path, disk, random)
    if log is None:
        return
    try:
        callers: list[Awaitable[None]] = [_append(log, one, disk, Random(random.random()), told) for one in NAMES]
        await asyncio.gather(*callers, _prune(log, disk, random, told))
    finally:
        await log.close()


async def _opened(path: Path, disk: Disk, random: Random) -> SqliteLog | None:
    """Open the log; after a failed sync once more; None if the power goes meanwhile."""
    pages = random.randrange(5, 60)
    while True:
        try:
            return await SqliteLog.open(path, vfs=disk.name, checkpoint_pages=pages)
        except StoreDegraded:
            if disk.is_off():
                return None


async def _append(log: SqliteLog, of: ListName, disk: Disk, random: Random, told: Told) -> None:
    """Append to one list; after a failure the same again, as an issuer does."""
    last = 0
    while not disk.is_off():
        count, size = random.randrange(1, 5), int(9_000 * random.random() ** 3)
        call = [batch(last + 1 + more, of, size=size) for more in range(count)]
        told.failed.append(call)
        while True:
            try:
                await log.append(call)
            except StoreDegraded:
                if disk.is_off():
                    return
                continue
            break
        told.failed.remove(call)
        told.acknowledged |= {(of, one.number): one for one in call}
        last += count


async def _prune(log: SqliteLog, disk: Disk, random: Random, told: Told) -> None:
    while not disk.is_off():
        try:
            await log.check()
            if random.randrange(8) == 0:
                of = random.choice(NAMES)
                for row in await log.lists():
                    if row.name == of and row.last > 3:
                        told.pruned[of] = max(told.pruned.get(of, 0), row.last - 3)
                        await log.prune(of, row.last - 3, Instant(NOON + 1e9))
        except StoreDegraded:
            continue


async def _look(path: Path, told: Told) -> Found:
    found = Found()
    log = await SqliteLog.open(path)
    try:
        found.unsound += bool(await log.faults())
        rows = {row.name: row for row in await log.lists()}
        there: dict[tuple[ListName, int], LoggedBatch] = {}
        for of, row in rows.items():
            read = await log.read(of, 0, ALL)
            numbers = [one.number for one in read]
            found.doubled += len(numbers) - len(set(numbers))
            found.unsound += sorted(set(numbers)) != list(range(row.base + 1, row.last + 1))
            found.unsound += row.base > told.pruned.get(of, 0)
            there |= {(of, one.number): one for one in read}
        for (of, number), one in told.acknowledged.items():
            base = rows[of].base if of in rows else 0
            found.lost += number > base and there.get((of, number)) != one
        for call in told.failed:
            held = [there.get((one.name, one.number)) == one for one in call]
            found.in_part += any(held) and not all(held)
            found.appeared += sum(held)
        tried = told.acknowledged.keys() | {(one.name, one.number) for call in told.failed for one in call}
        found.unsound += not there.keys() <= tried
        for of in NAMES:
            last = rows[of].last if of in rows else 0
            await log.append([batch(last + 1, of)])
    finally:
        await log.close()
    return found


def cut(cuts: int, seed: int, folder: Path, *, chatty: bool = False) -> Found:
    """Cut the power so many times, each in a log of its own."""
    found = Found()
    for number in range(seed, seed + cuts):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            one = asyncio.run(cut_once(number, Path(own)))
        found.add(one)
        if chatty and one.broken:
            print(f"seed {number}: {one}")
    return found


async def _committed(path: Path, commits: int) -> list[int]:
    """Append so many times; return where the WAL ended after each. Leave the files as a crash would."""
    wal = path.with_name(f"{path.name}-wal")
    log = await SqliteLog.open(path)
    ends = []
    for number in range(1, commits + 1):
        await log.append([batch(number, size=500)])
        ends.append(wal.stat().st_size)
    for file in (path, wal):
        shutil.copy(file, file.with_name(f"crashed-{file.name}"))
    await log.close()
    return ends


def truncate(folder: Path, commits: int = 8, last: int = 1, step: int = 1) -> tuple[int, int]:
    """Cut the WAL off at every `step`th byte of its last commits. Return at how many, and how often it was wrong."""
    ends = asyncio.run(_committed(folder / FILE, commits))
    kept, kept_wal = (folder / f"crashed-{FILE}{more}" for more in ("", "-wal"))
    path = folder / "truncated.db"
    wrong = 0
    lengths = range(ends[-1 - last] - 1, ends[-1] + 1, step)
    whole = kept_wal.read_bytes()
    for length in lengths:
        shutil.copy(kept, path)
        path.with_name(f"{path.name}-wal").write_bytes(whole[:length])
        db = connect(path, writes=True)
        numbers = [one.number for one in say.read(db, name(), 0, ALL)]
        wrong += numbers != list(range(1, sum(end <= length for end in ends) + 1))
        wrong += bool(db.execute("PRAGMA quick_check").get != "ok")
        db.close()
    return len(lengths), wrong


def main() -> int:
    """Cut, print, return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.power_cuts", description=__doc__)
    parser.add_argument("--cuts", type=int, default=1_000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first; each cut has the next one (default 0)")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = cut(given.cuts, given.seed, Path(folder), chatty=True)
        lengths, wrong = truncate(Path(folder))
    print(f"{found.cuts} power cuts, {found.acknowledged} batches acknowledged")
    print(f"{found.after_a_failed_sync} of them in runs in which a sync had failed")
    print(f"lost {found.lost}, doubled {found.doubled}, in part {found.in_part}, unsound {found.unsound}")
    print(f"{found.appeared} batches of unanswered appends are there, whole; {time.monotonic() - began:.0f} s")
    print(f"the WAL cut off at {lengths} bytes: wrong {wrong}")
    return 1 if found.broken or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
