"""The log in PostgreSQL: for several nodes, each of which appends, and hears what the others have appended.

- Who takes a number is decided by the lock on its list's row. Appends of one node that come at one time share a commit.
- Where the connection is lost in the middle of a commit, the database is asked what became of it. Where that cannot be
  found out in time, StoreDegraded is told, and `changed` names its lists once it is known that it was done after all.
- LISTEN tells of other nodes' appends; after a lost connection every list is named, as something may have been missed.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Self, TypeVar

from gateway.changes import ListName, StoreDegraded
from gateway.values import Instant

from . import postgres_statements as say
from .change_log import ListRow, LoggedBatch
from .inspection import Tally
from .migrations import Dialect, StoreUnfit, missing, shipped
from .numbering import refuse_malformed, refuse_not_anew
from .postgres_appends import PostgresAppends
from .postgres_link import LOST, Connection, Link, Patience, connect
from .postgres_schema import applied

CLOSE_S: Final = 10.0
NEEDED: Final = ("fsync", "synchronous_commit")
"""Settings without which what is committed may be lost. The first a session cannot ask for; what it asks for may not
arrive where something stands before the server."""
WISHED: Final = ("full_page_writes",)
"""A file system may do without."""

T = TypeVar("T")


class PostgresLog:
    """A ChangeLog in a database. Open it with `open`."""

    def __init__(self, dsn: str, patience: Patience) -> None:
        self._dsn = dsn
        self._patience = patience
        self._node = secrets.token_hex(8)
        self._writes = Link(dsn, patience)
        self._reads = Link(dsn, patience)
        self._heard: asyncio.Queue[ListName | None] = asyncio.Queue()
        self._closed = asyncio.Event()
        self._appends = PostgresAppends(self._writes, self._node, self._heard.put_nowait)

    @classmethod
    async def open(cls, dsn: str, patience: Patience | None = None, *, inspects: bool = False) -> Self:
        """Open the log of a database that `hcgw db migrate` has brought to this release's schema.

        `inspects`: also one that does not keep what it commits, which `faults` tells.

        Raises: StoreUnfit: it has not, nobody is let in, or what is acknowledged might not survive; StoreDegraded: it
            does not answer now.
        """

        async def look(connection: Connection) -> None:
            if missing(shipped(Dialect.POSTGRESQL), await applied(connection)):
                raise StoreUnfit("the store is not migrated to this release: hcgw db migrate")
            if not inspects and (faults := await _promises_broken(connection, NEEDED)):
                raise StoreUnfit(faults[0])

        log = cls(dsn, patience or Patience())
        try:
            await log._writes.use(look)
        except BaseException:
            await log.close()
            raise
        return log

    async def append(self, batches: Sequence[LoggedBatch]) -> None:
        """Put all of them into the log, durably, or none. Raises: NumberTaken, StoreDegraded."""
        refuse_malformed(batches)
        if not batches:
            return
        if self._closed.is_set():
            raise StoreDegraded("postgresql: closed")
        await self._appends.append(batches)

    async def lists(self) -> Sequence[ListRow]:
        """Return every list of the log. Raises: StoreDegraded."""
        return await self._read(say.lists)

    async def read(self, name: ListName, after: int, most_bytes: int) -> Sequence[LoggedBatch]:
        """Return the batches above `after`, as many as fit, at least one. Raises: StoreDegraded."""
        return await self._read(functools.partial(say.read, name=name, after=after, most_bytes=most_bytes))

    async def rebase(self, row: ListRow) -> None:
        """Let a list begin anew at `row`. Raises: NumberTaken, StoreDegraded."""
        refuse_not_anew(row)
        await self._write(functools.partial(say.rebase, row=row), row.name)
        await self._sweep()

    async def prune(self, name: ListName, keep_after: int, received_before: Instant) -> int:
        """Forget old batches. Return how many. Raises: StoreDegraded."""
        run = functools.partial(say.prune, name=name, keep_after=keep_after, received_before=received_before)
        pruned = await self._write(run)
        await self._sweep()
        return pruned

    async def forget(self, name: ListName) -> None:
        """Drop a list's batches and close it. Raises: StoreDegraded."""
        await self._write(functools.partial(say.forget, name=name), name)
        await self._sweep()

    async def changed(self) -> AsyncIterator[ListName]:
        """Yield lists to which another node may have appended, until closed. One task listens."""
        listening = asyncio.create_task(self._listen())
        try:
            while not self._closed.is_set() and (name := await self._heard.get()) is not None:
                yield name
        finally:
            listening.cancel()
            # Gathered: to suppress its cancellation would be to swallow one of our own.
            await asyncio.gather(listening, return_exceptions=True)

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
        """Return what of the server's settings breaks the promise of durability. Raises: StoreDegraded."""
        return await self._read(functools.partial(_promises_broken, settings=(*NEEDED, *WISHED)))

    async def close(self) -> None:
        """End within CLOSE_S. What was acknowledged stays."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._heard.put_nowait(None)
        await self._appends.close(CLOSE_S / 2)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S / 2):
                await asyncio.gather(self._writes.close(), self._reads.close())

    async def _write(self, run: Callable[[Connection], Awaitable[T]], *tell: ListName) -> T:
        """Do something in a transaction of its own, and tell other nodes of lists."""

        async def written(connection: Connection) -> T:
            await self._appends.settle(connection)
            async with connection.transaction():
                result = await run(connection)
                if tell:
                    await say.tell(connection, tell, self._node)
            return result

        return await self._use(self._writes, written)

    async def _read(self, run: Callable[[Connection], Awaitable[T]]) -> T:
        return await self._use(self._reads, run)

    async def _use(self, link: Link, run: Callable[[Connection], Awaitable[T]]) -> T:
        if self._closed.is_set():
            raise StoreDegraded("postgresql: closed")
        try:
            return await link.use(run)
        except StoreUnfit as unfit:
            # It was fit when it was opened: somebody is at work on the database.
            raise StoreDegraded(str(unfit)) from None

    async def _sweep(self) -> None:
        """Remove what nobody reads any more, in small steps. What cannot be removed now is removed another time."""
        with suppress(StoreDegraded):
            while await self._write(say.sweep):
                pass

    async def _listen(self) -> None:
        """Listen for other nodes, again and again."""
        while not self._closed.is_set():
            with suppress(*LOST, StoreDegraded):
                await self._listen_once()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience.retry_s):
                    await self._closed.wait()

    async def _listen_once(self) -> None:
        """Listen until the connection is lost. Raises: one of LOST, StoreDegraded."""

        def hear(_connection: object, _process: int, _channel: str, payload: object) -> None:
            name = say.heard(payload, self._node)
            if name is not None:
                self._heard.put_nowait(name)

        connection = await connect(self._dsn, self._patience)
        try:
            await connection.add_listener(say.CHANNEL, hear)
            # What came before somebody listened.
            for row in await say.lists(connection):
                self._heard.put_nowait(row.name)
            while True:
                await asyncio.sleep(self._patience.alive_s)
                await connection.fetchval("SELECT 1")
        finally:
            connection.terminate()


async def _promises_broken(connection: Connection, settings: Sequence[str]) -> list[str]:
    """Return which of these settings let a power cut take what was committed. Raises: one of LOST."""
    found = {name: await connection.fetchval(f"SHOW {name}") for name in settings}
    return [
        f"{name} is {value}: a power cut may lose what was acknowledged"
        for name, value in found.items()
        if value != "on"
    ]
