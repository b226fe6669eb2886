"""A log in memory that behaves like one: numbers, closed lists, pruning, other nodes, and failures on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from gateway.changes import ListName, StoreDegraded
from gateway.store.change_log import ListRow, LoggedBatch, NumberTaken
from gateway.values import Instant


class Shared:
    """What several nodes write: one database."""

    def __init__(self) -> None:
        self.rows: dict[ListName, ListRow] = {}
        self.batches: dict[ListName, list[LoggedBatch]] = {}
        self.nodes: list[MemoryLog] = []

    def append(self, batches: Sequence[LoggedBatch]) -> None:
        rows = dict(self.rows)
        for one in batches:
            row = rows.get(one.name)
            if one.number == 1:
                if row is not None:
                    raise NumberTaken(one.name, 1)
                assert one.capacity is not None
                row = ListRow(one.name, one.capacity, one.issued, 0, 0, one.digest, one.issued)
            elif row is None or row.closed or row.last != one.number - 1:
                raise NumberTaken(one.name, one.number)
            else:
                assert one.capacity is None
            rows[one.name] = replace(
                row, last=one.number, digest=one.digest, issued=one.issued, closed=row.closed or one.closing
            )
        self.rows = rows
        for one in batches:
            self.batches.setdefault(one.name, []).append(one)


class MemoryLog:
    """One node's way to it. `broken`: nothing can be written or read. `gate`: appends wait until it is set."""

    def __init__(self, shared: Shared | None = None) -> None:
        self.shared = shared or Shared()
        self.shared.nodes.append(self)
        self.broken = False
        self.commits_unseen = False
        """The next append is committed, and its caller is told that it failed."""
        self.gate: asyncio.Event | None = None
        self.waiting = asyncio.Event()
        """Set once an append waits at the gate."""
        self.appends: list[tuple[LoggedBatch, ...]] = []
        self.reads = 0
        self._news: asyncio.Queue[ListName] = asyncio.Queue()

    def _refuse(self) -> None:
        if self.broken:
            raise StoreDegraded("memory: broken")

    async def append(self, batches: Sequence[LoggedBatch]) -> None:
        await asyncio.sleep(0)
        if self.gate is not None:
            self.waiting.set()
            await self.gate.wait()
        self._refuse()
        self.shared.append(batches)
        self.appends.append(tuple(batches))
        for node in self.shared.nodes:
            if node is not self:
                for name in {one.name for one in batches}:
                    node._news.put_nowait(name)
        if self.commits_unseen:
            self.commits_unseen = False
            raise StoreDegraded("memory: the connection was lost")

    async def lists(self) -> Sequence[ListRow]:
        self._refuse()
        return [self.shared.rows[name] for name in sorted(self.shared.rows)]

    async def read(self, name: ListName, after: int, most_bytes: int) -> Sequence[LoggedBatch]:
        await asyncio.sleep(0)
        self._refuse()
        self.reads += 1
        found: list[LoggedBatch] = []
        for one in self.shared.batches.get(name, ()):
            if one.number > after:
                most_bytes -= len(one.signed)
                if found and most_bytes < 0:
                    break
                found.append(one)
        return found

    async def rebase(self, row: ListRow) -> None:
        self._refuse()
        held = self.shared.rows.get(row.name)
        assert row.base == row.last
        if held is not None and (
            held.last > row.last or (held.last == row.last and held.digest != row.digest) or (held.closed > row.closed)
        ):
            raise NumberTaken(row.name, row.last)
        self.shared.rows[row.name] = row
        self.shared.batches[row.name] = []

    async def prune(self, name: ListName, keep_after: int, received_before: Instant) -> int:
        self._refuse()
        batches = self.shared.batches[name]
        gone = 0
        while batches and batches[0].number <= keep_after and batches[0].received < received_before:
            row = self.shared.rows[name]
            self.shared.rows[name] = replace(row, base=batches.pop(0).number)
            gone += 1
        return gone

    async def forget(self, name: ListName) -> None:
        raise NotImplementedError

    async def changed(self) -> AsyncIterator[ListName]:
        while True:
            yield await self._news.get()

    async def check(self) -> None:
        self._refuse()

    async def close(self) -> None:
        """End."""
