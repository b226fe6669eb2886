"""One thread that writes: what is asked for at one time shares one commit.

Rules:

- Nobody is told of success before the commit that holds her change has returned.
- Each change stands in a savepoint of its own: one that is refused harms no other of its group.
- A commit that fails fails for all of its group. The connection stays: SQLite writes over what a failed commit left in
  the WAL, and a new connection might read it.
- A disk that hangs lets nobody wait who has not begun: she is told after `stall_s`. Who has begun is told the truth,
  whenever it is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

import apsw

from gateway.changes import StoreDegraded

from .sqlite_schema import degraded

MOST_JOBS: Final = 512
MOST_BYTES: Final = 8 << 20
"""Of one group: those behind it wait."""
CHECKPOINT_PAGES: Final = 4_000
"""Of the WAL (16 MB), after which it is written back into the database, between two groups."""

THE_JOBS_OWN: Final = (apsw.SQLError, apsw.ConstraintError, apsw.TooBigError, apsw.MismatchError, apsw.BindingsError)
"""Faults of what was asked for, not of the disk."""

Run = Callable[[apsw.Connection], Any]


class _Stage(Enum):
    WAITING = 0
    BEGUN = 1
    WITHDRAWN = 2


class _Job:
    """One change, and who waits for it."""

    __slots__ = ("future", "loop", "raised", "result", "run", "stage", "weight")

    def __init__(self, run: Run, weight: int) -> None:
        self.run = run
        self.weight = weight
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.stage = _Stage.WAITING
        self.result: Any = None
        self.raised: BaseException | None = None

    def settle(self) -> None:
        """Tell her who waits, if she still does."""
        if self.future.done():
            return
        if self.raised is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.raised)


class GroupCommit:
    """The thread and its queue. `do` is called in an event loop; everything else happens in the thread."""

    def __init__(self, db: apsw.Connection, *, stall_s: float, checkpoint_pages: int = CHECKPOINT_PAGES) -> None:
        self._db = db
        self._stall_s = stall_s
        self._checkpoint_pages = checkpoint_pages
        self._wal_pages = 0
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        db.set_wal_hook(self._wal_has_grown)
        # A daemon: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="hcgw-store", daemon=True)
        self._thread.start()

    async def do(self, run: Run, weight: int = 0) -> Any:
        """Have `run` done in a transaction, and return what it returned once that is committed.

        `weight` is how many bytes it writes, roughly. Who stops waiting does not stop the change.
        Raises: what `run` raises, StoreDegraded.
        """
        job = _Job(run, weight)
        with self._lock:
            if self._closed:
                raise StoreDegraded("sqlite: closed")
            self._queue.put(job)
        done, _ = await asyncio.wait({job.future}, timeout=self._stall_s)
        if not done:
            with self._lock:
                if job.stage is _Stage.WAITING:
                    job.stage = _Stage.WITHDRAWN
                    raise StoreDegraded("sqlite: the disk does not answer")
        return await job.future

    async def close(self, within_s: float) -> bool:
        """Do what was asked for, and end. Return whether it ended in time."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        await asyncio.to_thread(self._thread.join, within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            group, goes_on = self._next_group()
            if group:
                self._commit(group)
                self._tell(group)
            # After they have been told: a checkpoint takes its time, and its failure is no failure of theirs. What it
            # did not bring back is brought back by the next.
            if self._wal_pages >= self._checkpoint_pages or not goes_on:
                with contextlib.suppress(apsw.Error, OSError):
                    self._wal_pages = 0
                    self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        with contextlib.suppress(apsw.Error, OSError):
            self._db.close()

    def _next_group(self) -> tuple[list[_Job], bool]:
        """Wait for a job; return it with those that have come meanwhile, and whether more will come."""
        group: list[_Job] = []
        weight = 0
        while len(group) < MOST_JOBS and weight < MOST_BYTES:
            try:
                job = self._queue.get(block=not group)
            except queue.Empty:
                break
            if job is None:
                return group, False
            with self._lock:
                if job.stage is _Stage.WITHDRAWN:
                    continue
                job.stage = _Stage.BEGUN
            group.append(job)
            weight += job.weight
        return group, True

    def _commit(self, group: list[_Job]) -> None:
        """Do a group in one transaction: 1. each job by itself, 2. all of them durably, or 3. none."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            for job in group:
                self._do_one(job)  # 1
            db.execute("COMMIT")  # 2
        except Exception as failed:  # noqa: BLE001 whatever it is, the thread lives on, and nobody is told of success
            for job in group:  # 3
                if job.raised is None:
                    job.raised = degraded(failed)
            with contextlib.suppress(apsw.Error, OSError):
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def _do_one(self, job: _Job) -> None:
        """Do one job. What it raises is its own, unless the disk failed: then it is everybody's."""
        db = self._db
        db.execute("SAVEPOINT job")
        try:
            job.result = job.run(db)
        except THE_JOBS_OWN as raised:
            job.raised = raised
        except (apsw.Error, OSError, MemoryError):
            raise
        except Exception as raised:  # noqa: BLE001 handed to who asked
            job.raised = raised
        if job.raised is not None:
            db.execute("ROLLBACK TO job")
        db.execute("RELEASE job")

    def _tell(self, group: list[_Job]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in group:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, jobs in by_loop.items():
            with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits
                loop.call_soon_threadsafe(_settle, jobs)

    def _wal_has_grown(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()
