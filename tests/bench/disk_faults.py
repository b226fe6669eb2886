"""`python -m tests.bench.disk_faults`: a process appends, and the kernel's answers to it are made into errors.

strace attaches to the running process and lets fsync, fdatasync and pwrite64 fail (EIO, ENOSPC, EROFS), each time or
now and then; in one case a file system is really full, if one may be mounted. Every try of a batch has bytes of its
own, so that the log tells which of them was taken. Exit status 1 if

- anything acknowledged is missing, doubled or has the bytes of another try,
- a try that was told of a failure is in the log while the process lives, or nothing was ever told of a failure,
- appends do not go on after the fault, without a restart.

Needs strace (Debian: apt-get install strace) and the right to trace; what cannot be had here is told and left out.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.changes import StoreDegraded
from gateway.store.sqlite_log import SqliteLog
from tests.unit.store.batches import batch, name

ROOT = Path(__file__).parents[2]
FILE = "changes.db"
LISTS = 3
SIZE = 2_000
ALL = 1 << 40
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Case:
    """Which calls fail, and how."""

    calls: str
    error: str
    when: str = ""
    """strace's `when`: empty is always."""

    @property
    def inject(self) -> str:
        return f"inject={self.calls}:error={self.error}" + (f":when={self.when}" if self.when else "")

    def __str__(self) -> str:
        return f"{self.calls} {self.error}" + (f" when={self.when}" if self.when else "")


SYNCS = "fsync,fdatasync"
CASES = [
    Case(SYNCS, "EIO"),
    Case(SYNCS, "ENOSPC"),
    Case("pwrite64", "EIO"),
    Case("pwrite64", "ENOSPC"),
    Case(f"pwrite64,ftruncate,{SYNCS}", "EROFS"),
    Case(SYNCS, "EIO", "1+3"),
    Case("pwrite64", "ENOSPC", "3+17"),
    Case(f"pwrite64,{SYNCS}", "EIO", "5+11"),
]


@dataclass
class Seen:
    """What the appending process has told."""

    acknowledged: dict[tuple[int, int], str] = field(default_factory=dict)
    """List and number -> which try."""
    told_of_failure: int = 0
    there_after_all: int = 0


class Appending:
    """The process that appends (`--child`), and what it tells."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.disk_faults", "--child", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        self.seen = Seen()
        self._lines: queue.Queue[list[str]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def until(self, what: str, count: int = 1, *, within_s: float = PATIENCE_S) -> float:
        """Take in what is told until so many lines say `what`. Return how long it took. Raises: TimeoutError."""
        began = time.monotonic()
        while count:
            left = began + within_s - time.monotonic()
            try:
                line = self._lines.get(timeout=max(left, 0))
            except queue.Empty:
                raise TimeoutError(what) from None
            count -= self._take(line) == what
        return time.monotonic() - began

    def during(self, seconds: float) -> int:
        """Take in what is told for a while. Return how many acknowledgements there were."""
        end, found = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            try:
                found += self._take(self._lines.get(timeout=left)) == "acknowledged"
            except queue.Empty:
                break
        return found

    def end(self) -> None:
        """Have it close its log, and end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.until("closed")
        self.process.wait(PATIENCE_S)

    def _take(self, line: list[str]) -> str:
        what, *more = line
        if what == "acknowledged":
            self.seen.acknowledged[int(more[0]), int(more[1])] = more[2]
        self.seen.told_of_failure += what == "failed"
        self.seen.there_after_all += what == "there"
        return what

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.split())


@contextmanager
def injected(case: Case, pid: int) -> Iterator[None]:
    """Let calls of a process fail. Raises: RuntimeError if strace cannot attach."""
    calls = f"trace={case.calls}"
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", calls, "-e", case.inject, "-p", str(pid)],
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _is_traced(pid):
            if tracer.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("strace cannot attach")
            time.sleep(0.01)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(PATIENCE_S)
        assert tracer.stderr is not None
        tracer.stderr.close()


def _is_traced(pid: int) -> bool:
    """Tell whether every thread of a process is traced."""
    return all("TracerPid:\t0\n" not in one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/status"))


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Fill the file system that a folder is on."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4_096))
        except OSError:
            pass
    try:
        yield
    finally:
        ballast.unlink()


def drill(folder: Path, case: Case | None) -> bool:
    """Append through one fault (None: a file system that is full); print what was seen. Return whether all is well."""
    appending = Appending(folder)
    try:
        appending.until("acknowledged", 200)
        always = case is None or not case.when
        with filled(folder) if case is None else injected(case, appending.process.pid):
            noticed = appending.until("failed")
            during = appending.during(1.0)
        back = appending.until("acknowledged")
        appending.until("acknowledged", 200)
        appending.end()
    finally:
        if appending.process.poll() is None:
            appending.process.kill()
            appending.process.wait()
    lost, doubled = asyncio.run(_look(folder / FILE, appending.seen))
    seen = appending.seen
    well = not (lost or doubled or seen.there_after_all or (always and during))
    print(
        f"{case or 'a full file system'}: told of it after {noticed * 1000:.0f} ms, {seen.told_of_failure} failures, "
        f"{during} acknowledged meanwhile; well {back * 1000:.0f} ms after it; {len(seen.acknowledged)} acknowledged, "
        f"lost {lost}, doubled {doubled}, there after all {seen.there_after_all}: {'well' if well else 'NOT WELL'}"
    )
    return well


async def _look(path: Path, seen: Seen) -> tuple[int, int]:
    log = await SqliteLog.open(path)
    lost = doubled = 0
    for number in range(LISTS):
        found = await log.read(name(number), 0, ALL)
        doubled += len(found) - len({one.number for one in found})
        digests = {one.number: one.digest for one in found}
        for (of, at), say in seen.acknowledged.items():
            if of == number:
                lost += digests.get(at) != batch(at, name(of), say=say).digest
    lost += len(await log.faults())
    await log.close()
    return lost, doubled


async def append(folder: Path) -> None:
    """Append until the input ends, telling each outcome: the process that the kernel fails."""
    log = await SqliteLog.open(folder / FILE, checkpoint_pages=200)
    on = True

    def listen() -> None:
        nonlocal on
        sys.stdin.read()
        on = False

    threading.Thread(target=listen, daemon=True).start()

    async def one_list(of: int) -> None:
        last = tries = 0
        while on:
            tries += 1
            put = batch(last + 1, name(of), say=str(tries), size=SIZE)
            try:
                await log.append([put])
            except StoreDegraded:
                print("failed", of, put.number, tries, flush=True)
                there = {row.name: row.last for row in await log.lists()}
                if there.get(put.name, 0) != last:
                    print("there", of, put.number, tries, flush=True)
                await asyncio.sleep(0.02)
                continue
            last += 1
            print("acknowledged", of, put.number, tries, flush=True)

    await asyncio.gather(*map(one_list, range(LISTS)))
    await log.close()
    print("closed", flush=True)


@contextmanager
def mounted(folder: Path) -> Iterator[bool]:
    """Mount a small file system, if that is allowed."""
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    allowed = os.geteuid() == 0 and subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield allowed
    finally:
        if allowed:
            subprocess.run(["umount", str(folder)], check=True)


def main() -> int:
    """Run all cases; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.disk_faults", description=__doc__)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        asyncio.run(append(given.child))
        return 0
    well = True
    if shutil.which("strace") is None:
        print("strace is not here: its cases are left out")
    else:
        for case in CASES:
            with tempfile.TemporaryDirectory() as folder:
                well &= drill(Path(folder), case)
    with tempfile.TemporaryDirectory() as folder, mounted(Path(folder)) as allowed:
        if allowed:
            well &= drill(Path(folder), None)
        else:
            print("a file system cannot be mounted here: that case is left out")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
