"""The log in a SQLite file: for one machine, whose keeper is the only one that writes it.

- A commit is durable when it returns (WAL, synchronous=FULL); appends that come at one time share one.
- Reading has a connection and a thread of its own: it waits for no disk that is being written.
- Other processes may read the file meanwhile (`hcgw db check`, `hcgw db copy`).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, TypeVar

import apsw

from gateway.changes import ListName, StoreDegraded
from gateway.values import Instant

from . import sqlite_statements as say
from .change_log import ListRow, LoggedBatch
from .group_commit import CHECKPOINT_PAGES, THE_JOBS_OWN, GroupCommit
from .inspection import Tally
from .migrations import Dialect, StoreUnfit, missing, shipped
from .numbering import refuse_malformed, refuse_not_anew
from .sqlite_schema import applied, connect, create, degraded, migrate, opening, sync_folder

STALL_S: Final = 5.0
"""How long an append may wait for its turn before the disk is said to hang."""
CLOSE_S: Final = 10.0

T = TypeVar("T")


class SqliteLog:
    """A ChangeLog in one file. Open it with `open`, or with `open_to_read` beside the process that writes it."""

    def __init__(self, reader: apsw.Connection, writer: GroupCommit | None) -> None:
        self._reader = reader
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="hcgw-store-read")
        self._writer = writer
        self._closed = asyncio.Event()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        vfs: str | None = None,
        stall_s: float = STALL_S,
        checkpoint_pages: int = CHECKPOINT_PAGES,
    ) -> Self:
        """Open the log, made and migrated if need be. Its folder must exist.

        Raises: StoreUnfit: it is no log of this release's; StoreDegraded: it cannot be opened now.
        """

        def opened() -> tuple[apsw.Connection, apsw.Connection]:
            create(path)
            writer = connect(path, vfs=vfs, writes=True)
            try:
                if writer.readonly("main"):
                    raise StoreDegraded("sqlite: the file cannot be written")
                migrate(writer)
                sync_folder(path.parent)
                return writer, connect(path, vfs=vfs, writes=False)
            except BaseException:
                writer.close()
                raise

        writer, reader = await asyncio.to_thread(opening, opened)
        log = cls(reader, GroupCommit(writer, stall_s=stall_s, checkpoint_pages=checkpoint_pages))
        await log._sweep()  # what a crash left
        return log

    @classmethod
    async def open_to_read(cls, path: Path, *, vfs: str | None = None) -> Self:
        """Open a log that another process may be writing; every change of it raises StoreDegraded.

        Raises: StoreUnfit: there is none, or not of this release's schema; StoreDegraded.
        """

        def opened() -> apsw.Connection:
            if not path.is_file():
                raise StoreUnfit("there is no such file")
            reader = connect(path, vfs=vfs, writes=False)
            try:
                if missing(shipped(Dialect.SQLITE), applied(reader)):
                    raise StoreUnfit("the store is not migrated to this release: hcgw db migrate")
            except BaseException:
                reader.close()
                raise
            return reader

        return cls(await asyncio.to_thread(opening, opened), None)

    async def append(self, batches: Sequence[LoggedBatch]) -> None:
        """Put all of them into the log, durably, or none. Raises: NumberTaken, StoreDegraded."""
        refuse_malformed(batches)
        if batches:
            weight = sum(len(batch.signed) for batch in batches)
            await self._write(functools.partial(say.append, batches=batches), weight)

    async def lists(self) -> Sequence[ListRow]:
        """Return every list of the log. Raises: StoreDegraded."""
        return await self._read(say.lists)

    async def read(self, name: ListName, after: int, most_bytes: int) -> Sequence[LoggedBatch]:
        """Return the batches above `after`, as many as fit, at least one. Raises: StoreDegraded."""
        return await self._read(functools.partial(say.read, name=name, after=after, most_bytes=most_bytes))

    async def rebase(self, row: ListRow) -> None:
        """Let a list begin anew at `row`. Raises: NumberTaken, StoreDegraded."""
        refuse_not_anew(row)
        await self._write(functools.partial(say.rebase, row=row))
        await self._sweep()

    async def prune(self, name: ListName, keep_after: int, received_before: Instant) -> int:
        """Forget old batches. Return how many. Raises: StoreDegraded."""
        run = functools.partial(say.prune, name=name, keep_after=keep_after, received_before=received_before)
        pruned = await self._write(run)
        await self._sweep()
        return pruned

    async def forget(self, name: ListName) -> None:
        """Drop a list's batches and close it. Raises: StoreDegraded."""
        await self._write(functools.partial(say.forget, name=name))
        await self._sweep()

    async def changed(self) -> AsyncIterator[ListName]:
        """Yield nothing until closed: nobody else writes this file."""
        await self._closed.wait()
        nobody: tuple[ListName, ...] = ()
        for name in nobody:
            yield name

    async def check(self) -> None:
        """Write something. Raises: StoreDegraded."""
        await self._write(say.beat)

    async def based(self, name: ListName) -> ListRow | None:
        """Return a list's row as it was at its base. Raises: StoreDegraded."""
        return await self._read(functools.partial(say.based, name=name))

    async def tally(self, name: ListName, up_to: int) -> Tally:
        """Count the batches of a list up to a number. Raises: StoreDegraded."""
        return await self._read(functools.partial(say.tally, name=name, up_to=up_to))

    async def faults(self) -> Sequence[str]:
        """Return what SQLite finds wrong in the file; reads all of it. Raises: StoreDegraded."""

        def found(db: apsw.Connection) -> list[str]:
            return [str(row[0]) for row in db.execute("PRAGMA quick_check(10)") if row[0] != "ok"]

        return await self._read(found)

    async def close(self) -> None:
        """End within CLOSE_S. What was acknowledged stays."""
        if self._closed.is_set():
            return
        self._closed.set()
        with suppress(apsw.Error):
            await asyncio.get_running_loop().run_in_executor(self._reading, self._reader.close)
        self._reading.shutdown(wait=False)
        if self._writer is not None:
            await self._writer.close(CLOSE_S)

    async def _sweep(self) -> None:
        """Remove what nobody reads any more, in small steps. What cannot be removed now is removed another time."""
        with suppress(StoreDegraded):
            while await self._write(say.sweep):
                pass

    async def _write(self, run: Callable[[apsw.Connection], T], weight: int = 0) -> T:
        if self._writer is None:
            raise StoreDegraded("sqlite: opened to read")
        result: T = await self._writer.do(run, weight)
        return result

    async def _read(self, run: Callable[[apsw.Connection], T]) -> T:
        if self._closed.is_set():
            raise StoreDegraded("sqlite: closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, run, self._reader)
        except THE_JOBS_OWN:
            raise
        except (apsw.Error, OSError) as failed:
            raise degraded(failed) from None
