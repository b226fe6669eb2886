"""How one node appends to PostgreSQL: calls that come at one time share a transaction, and none is told a guess.

- Who takes a number is decided by the lock on its list's row: each call of a group goes on where its lists end, or is
  refused by itself.
- A commit that was sent and not answered is asked about, by its transaction's id and by what is in the log, before
  anybody is told anything and before anything else is written.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gateway.changes import ListName, StoreDegraded

from . import postgres_statements as say
from .change_log import LoggedBatch, NumberTaken
from .migrations import StoreUnfit
from .postgres_link import Connection, Link

MOST_CALLS: Final = 512
MOST_BYTES: Final = 8 << 20
"""Of one group: those behind it wait."""
_ASKED_AGAIN_S: Final = 0.05


@dataclass(slots=True, eq=False)
class _Call:
    """One call of append, and who waits for it."""

    batches: Sequence[LoggedBatch]
    future: asyncio.Future[None]

    @property
    def weight(self) -> int:
        return sum(len(batch.signed) for batch in self.batches)

    def settle(self, raised: BaseException | None = None) -> None:
        """Tell her who waits, if she still does and has not been told."""
        if self.future.done():
            return
        if raised is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(raised)


_Refused = dict[_Call, NumberTaken]


@dataclass(frozen=True, slots=True)
class _Unsure:
    """A commit that was sent and not answered."""

    transaction: str
    batches: Sequence[LoggedBatch]
    refused: _Refused


class PostgresAppends:
    """The queue, and the task that empties it. `link` is its own; `came_to_light` is told of lists that hold more."""

    def __init__(self, link: Link, node: str, came_to_light: Callable[[ListName], None]) -> None:
        self._link = link
        self._node = node
        self._came_to_light = came_to_light
        self._calls: asyncio.Queue[_Call] = asyncio.Queue()
        self._unsure: _Unsure | None = None
        self._task = asyncio.create_task(self._append_groups())

    async def append(self, batches: Sequence[LoggedBatch]) -> None:
        """Put batches into the log. Raises: NumberTaken, StoreDegraded."""
        call = _Call(batches, asyncio.get_running_loop().create_future())
        self._calls.put_nowait(call)
        await call.future

    async def close(self, within_s: float) -> None:
        """Do what was asked for, if the database answers in time, and end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._calls.join()
        self._task.cancel()
        # Gathered: to suppress its cancellation would be to swallow one of our own.
        await asyncio.gather(self._task, return_exceptions=True)
        self._fail_waiting(StoreDegraded("postgresql: closed"))

    async def settle(self, connection: Connection) -> None:
        """Find out what became of an earlier commit, before anything else is written.

        Raises: StoreDegraded: it is still under way; one of LOST.
        """
        if self._unsure is None:
            return
        committed = await _is_committed(connection, self._unsure)
        if committed is None:
            raise StoreDegraded("postgresql: an earlier commit is not done with")
        if committed:
            for name in dict.fromkeys(batch.name for batch in self._unsure.batches):
                self._came_to_light(name)
        self._unsure = None

    async def _append_groups(self) -> None:
        while True:
            group = [await self._calls.get()]
            weight = group[0].weight
            while len(group) < MOST_CALLS and weight < MOST_BYTES and not self._calls.empty():
                group.append(self._calls.get_nowait())
                weight += group[-1].weight
            try:
                refused = await self._append_group(group)
                for call in group:
                    call.settle(refused.get(call))
            except (StoreDegraded, StoreUnfit) as failed:
                degraded = StoreDegraded(str(failed))
                for call in group:
                    call.settle(degraded)
                # Whoever came meanwhile would wait as long for the same answer.
                self._fail_waiting(degraded)
            except Exception as raised:  # noqa: BLE001 a fault of ours: handed to who asked, and the task lives on
                for call in group:
                    call.settle(raised)
            finally:
                for call in group:
                    call.settle(StoreDegraded("postgresql: closed"))
                    self._calls.task_done()

    async def _append_group(self, group: list[_Call]) -> _Refused:
        """Append a group, each call whole or not at all; return who was refused.

        Raises: StoreDegraded, StoreUnfit: none of it is in the log, or it is not known whether it is.
        """
        earlier = self._unsure
        try:
            return await self._link.use(functools.partial(self._commit, group))
        except (StoreDegraded, StoreUnfit):
            unsure = self._unsure
            if unsure is None or unsure is earlier or not await self._became_known(unsure):
                raise
            return unsure.refused

    async def _commit(self, group: list[_Call], connection: Connection) -> _Refused:
        """Append a group in one transaction. Raises: StoreDegraded, one of LOST: `_unsure` says if it may be there."""
        await self.settle(connection)
        while True:
            transaction = connection.transaction()
            await transaction.start()
            try:
                batches, refused, ids = await _decide(connection, group)
                written = await say.keep(connection, ids, batches, self._node) if batches else ""
            except say.OpenedByAnother:
                await transaction.rollback()
                continue
            if batches:
                self._unsure = _Unsure(written, batches, refused)
            await transaction.commit()
            self._unsure = None
            return refused

    async def _became_known(self, unsure: _Unsure) -> bool:
        """Find out, within command_s, whether a commit was done. Raises: StoreDegraded if it cannot be known."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._link.patience.command_s
        while clock() < end:
            with suppress(StoreDegraded, StoreUnfit):
                committed = await self._link.use(functools.partial(_is_committed, unsure=unsure))
                if committed is not None:
                    self._unsure = None
                    return committed
            await asyncio.sleep(_ASKED_AGAIN_S)
        raise StoreDegraded("postgresql: whether it was committed is not known yet")

    def _fail_waiting(self, failed: StoreDegraded) -> None:
        while not self._calls.empty():
            self._calls.get_nowait().settle(failed)
            self._calls.task_done()


async def _decide(
    connection: Connection, group: list[_Call]
) -> tuple[list[LoggedBatch], _Refused, dict[ListName, int]]:
    """Lock the lists of a group; return what goes on where they end, who does not, and the ids of those lists."""
    names = list(dict.fromkeys(batch.name for call in group for batch in call.batches))
    locked = await say.lock(connection, names)
    ends = {name: (last, closed) for name, (_, last, closed) in locked.items()}
    batches: list[LoggedBatch] = []
    refused: _Refused = {}
    for call in group:
        after = dict(ends)
        for batch in call.batches:
            last, closed = after.get(batch.name, (0, False))
            if closed or batch.number != last + 1:
                refused[call] = NumberTaken(batch.name, batch.number)
                break
            after[batch.name] = (batch.number, batch.closing)
        else:
            ends = after
            batches += call.batches
    return batches, refused, {name: number for name, (number, _, _) in locked.items()}


async def _is_committed(connection: Connection, unsure: _Unsure) -> bool | None:
    """Tell whether a transaction was committed; None: it is still under way. Raises: one of LOST."""
    if await say.status(connection, unsure.transaction) == "in progress":
        return None
    return await say.is_there(connection, unsure.batches[0])
