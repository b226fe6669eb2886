"""`python -m tests.bench.database_faults`: three nodes append to one PostgreSQL that is cut, crashed and paused.

All nodes push the same ten lists on; who is told that a number is taken reads how far its list is. After every few
acknowledgements sessions are cut on the server's side, the server crashes and is started again, or hangs for a while.
No node is restarted. Exit status 1 if

- anything acknowledged is missing or has another node's bytes, a number stands twice or is missing in between,
- appends do not go on within a bounded time after a fault.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from gateway.changes import ListName, StoreDegraded
from gateway.store.change_log import LoggedBatch, NumberTaken
from gateway.store.postgres_link import Patience, connect
from gateway.store.postgres_log import PostgresLog
from gateway.store.postgres_schema import migrate
from tests.simulators.postgres_server import PostgresServer
from tests.unit.store.batches import batch, name

NODES, LISTS = 3, 10
BETWEEN = 8
"""Acknowledgements between two faults."""
WITHIN_S = 30.0
ALL = 1 << 40
QUICK = Patience(connect_s=1.0, command_s=1.0, lock_s=1.0, retry_s=0.02, alive_s=0.05)

Fault = Callable[[PostgresServer, str], int]


@dataclass
class Found:
    """What was found after faults."""

    faults: int = 0
    sessions_cut: int = 0
    acknowledged: int = 0
    told_of_failure: int = 0
    lost: int = 0
    doubled: int = 0
    slowest_s: float = 0.0
    """From a fault to so many acknowledgements behind it."""


def cut_sessions(server: PostgresServer, dsn: str) -> int:
    """Cut all sessions of the nodes. Return how many."""
    return asyncio.run(terminate(dsn))


def crash(server: PostgresServer, dsn: str) -> int:
    """Let the server crash, and start it again."""
    server.crash()
    server.start()
    return 0


def hang(server: PostgresServer, dsn: str) -> int:
    """Let the server hang for longer than a node waits."""
    server.pause(on=True)
    time.sleep(QUICK.command_s * 1.5)
    server.pause(on=False)
    return 0


async def terminate(dsn: str) -> int:
    """Cut all sessions of ours in a database, on the server's side. Return how many."""
    connection = await asyncpg.connect(dsn)
    cut = await connection.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'hcgw' AND datname = current_database()"
    )
    await connection.close()
    return len(cut)


class Pushing:
    """The nodes at work, and what they were told."""

    def __init__(self, nodes: list[PostgresLog]) -> None:
        self.acknowledged: dict[tuple[ListName, int], LoggedBatch] = {}
        self.progress: asyncio.Queue[None] = asyncio.Queue()
        self.failures = 0
        self._on = True
        self._tasks = [
            asyncio.create_task(self._push(log, name(number), f"node {who}"))
            for who, log in enumerate(nodes)
            for number in range(LISTS)
        ]

    async def end(self) -> None:
        self._on = False
        await asyncio.gather(*self._tasks)

    async def _push(self, log: PostgresLog, of: ListName, who: str) -> None:
        last = 0
        while self._on:
            put = batch(last + 1, of, say=who)
            try:
                await log.append([put])
            except NumberTaken:
                last = await self._end_of(log, of)
            except StoreDegraded:
                self.failures += 1
                await asyncio.sleep(0.01)
            else:
                self.acknowledged[of, put.number] = put
                self.progress.put_nowait(None)
                last += 1

    async def _end_of(self, log: PostgresLog, of: ListName) -> int:
        while True:
            try:
                return max(row.last for row in await log.lists() if row.name == of)
            except StoreDegraded:
                await asyncio.sleep(0.01)


async def endure(server: PostgresServer, dsn: str, faults: list[Fault]) -> Found:
    """Let faults happen, one after the other. Raises: TimeoutError if appends do not go on."""
    nodes = [await PostgresLog.open(dsn, QUICK) for _ in range(NODES)]
    found = Found()
    pushing = Pushing(nodes)
    for fault in faults:
        found.sessions_cut += await asyncio.to_thread(fault, server, dsn)
        found.faults += 1
        while not pushing.progress.empty():
            pushing.progress.get_nowait()
        began = time.monotonic()
        for _ in range(BETWEEN):
            await asyncio.wait_for(pushing.progress.get(), WITHIN_S)
        found.slowest_s = max(found.slowest_s, time.monotonic() - began)
    await pushing.end()
    found.acknowledged, found.told_of_failure = len(pushing.acknowledged), pushing.failures
    for number in range(LISTS):
        read = await nodes[0].read(name(number), 0, ALL)
        numbers = [one.number for one in read]
        found.doubled += len(numbers) - len(set(numbers))
        found.lost += len(set(range(1, max(numbers, default=0) + 1)) - set(numbers))
        held = {one.number: one for one in read}
        found.lost += sum(held.get(at) != put for (of, at), put in pushing.acknowledged.items() if of == name(number))
    await asyncio.gather(*(node.close() for node in nodes))
    return found


async def make_store(dsn: str) -> None:
    """Make the tables, in a session that asks for durability as ours do: else a crash takes them away again."""
    connection = await connect(dsn, QUICK)
    await migrate(connection)
    await connection.close()


def main() -> int:
    """Run, print, return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.database_faults", description=__doc__)
    parser.add_argument("--cuts", type=int, default=200, help="times that all sessions are cut (default 200)")
    parser.add_argument("--crashes", type=int, default=20, help="crashes of the server (default 20)")
    parser.add_argument("--hangs", type=int, default=5, help="times that the server hangs (default 5)")
    given = parser.parse_args()
    well = True
    for fault, times in ((cut_sessions, given.cuts), (crash, given.crashes), (hang, given.hangs)):
        server = PostgresServer()
        try:
            server.start()
            dsn = server.database()
            asyncio.run(make_store(dsn))
            found = asyncio.run(endure(server, dsn, [fault] * times))
        finally:
            server.close()
        well &= not (found.lost or found.doubled)
        print(f"{fault.__name__}: {found}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
