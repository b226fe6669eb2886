"""`python -m tests.bench.appends`: how many batches a second the log takes, durably, in SQLite and in PostgreSQL.

One caller after the other, callers at one time (group commit), and calls of many batches; 300 bytes a batch, as a sign
of life or a few changes have, and 260 kB, as 65,536 changes have. Shows; decides nothing: the disk is what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from statistics import median

import asyncpg

from gateway.store.change_log import ChangeLog
from gateway.store.postgres_link import SCHEMA
from gateway.store.postgres_log import PostgresLog
from gateway.store.postgres_schema import migrate
from gateway.store.sqlite_log import SqliteLog
from tests.simulators.postgres_server import PostgresServer
from tests.unit.store.batches import batch, batches, name

BUILD = Path(__file__).parents[2] / "build"
SMALL, LARGE = 300, 260_000
_fresh = count(1)


async def one_after_the_other(log: ChangeLog, many: int, size: int) -> int:
    for one in batches(1, many, name(next(_fresh)), size=size):
        await log.append([one])
    return many


def at_one_time(callers: int) -> Callable[[ChangeLog, int, int], Awaitable[int]]:
    async def run(log: ChangeLog, many: int, size: int) -> int:
        each = max(many // callers, 1)
        await asyncio.gather(*(one_after_the_other(log, each, size) for _ in range(callers)))
        return each * callers

    return run


async def many_a_call(log: ChangeLog, many: int, size: int) -> int:
    of = name(next(_fresh))
    made = [batch(number, of, size=size) for number in range(1, many + 1)]
    for begin in range(0, many, 200):
        await log.append(made[begin : begin + 200])
    return many


WAYS: list[tuple[str, Callable[[ChangeLog, int, int], Awaitable[int]], int, int]] = [
    ("one after the other", one_after_the_other, 1_000, SMALL),
    ("31 at one time", at_one_time(31), 6_200, SMALL),
    ("200 at one time", at_one_time(200), 10_000, SMALL),
    ("200 a call", many_a_call, 20_000, SMALL),
    ("31 at one time, 260 kB", at_one_time(31), 124, LARGE),
]


async def measure(kind: str, log: ChangeLog, rounds: int) -> None:
    for what, run, many, size in WAYS:
        speeds = []
        for _ in range(rounds):
            began = time.perf_counter()
            done = await run(log, many, size)
            speeds.append(done / (time.perf_counter() - began))
        print(f"{kind:10} {what:24} {median(speeds):10,.0f} batches/s  ({min(speeds):,.0f}-{max(speeds):,.0f})")
    await log.close()


async def run(rounds: int, folder: Path, server: PostgresServer) -> None:
    await measure("SQLite", await SqliteLog.open(folder / "changes.db"), rounds)
    dsn = server.database()
    connection = await asyncpg.connect(dsn, server_settings={"search_path": SCHEMA})
    await migrate(connection)
    await connection.close()
    await measure("PostgreSQL", await PostgresLog.open(dsn), rounds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.appends", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each way (default 5)")
    given = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    server = PostgresServer()
    try:
        server.start()
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            asyncio.run(run(given.rounds, Path(folder), server))
    finally:
        server.close()


if __name__ == "__main__":
    main()
