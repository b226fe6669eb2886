"""Several nodes on one PostgreSQL, and everything that a database or the way to it does to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from asyncpg.transaction import Transaction

from gateway.changes import ListName, StoreDegraded
from gateway.store import postgres_appends
from gateway.store import postgres_statements as say
from gateway.store.change_log import NumberTaken
from gateway.store.migrations import StoreUnfit
from gateway.store.open import open_beside
from gateway.store.postgres_link import SCHEMA, Connection
from gateway.store.postgres_log import PostgresLog
from tests.bench.database_faults import QUICK, Fault, crash, cut_sessions, endure, make_store, terminate
from tests.simulators.postgres_server import PostgresServer
from tests.unit.store.batches import batch, batches, closing, name, row
from tests.unit.store.contract import LATE, held, taken

WITHIN_S = 20.0

Node = Callable[[], Awaitable[PostgresLog]]


@pytest.fixture
async def node(dsn: str) -> AsyncIterator[Node]:
    """Give a function that starts one more node."""
    logs: list[PostgresLog] = []

    async def started() -> PostgresLog:
        logs.append(await PostgresLog.open(dsn, QUICK))
        return logs[-1]

    yield started
    await asyncio.gather(*(log.close() for log in logs))


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """Give a server that only this test stops and starts."""
    started = PostgresServer()
    try:
        started.start()
        yield started
    finally:
        started.close()


class Listening:
    """Hears what a log says has changed."""

    def __init__(self, log: PostgresLog) -> None:
        self.heard: asyncio.Queue[ListName] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(log))

    async def until(self, wanted: ListName) -> None:
        async with asyncio.timeout(WITHIN_S):
            while await self.heard.get() != wanted:
                pass

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, log: PostgresLog) -> None:
        async for one in log.changed():
            self.heard.put_nowait(one)


async def until_well(log: PostgresLog) -> None:
    """Try the store again until it can be written, as the keeper does."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                return await log.check()
            except StoreDegraded:
                await asyncio.sleep(0.02)


async def test_one_of_two_nodes_takes_a_number(node: Node) -> None:
    nodes = [await node() for _ in range(3)]
    for number in range(1, 31):
        at_once = (taken(one, batch(number, say=say)) for one, say in zip(nodes, "abc", strict=True))
        assert sorted(await asyncio.gather(*at_once)) == [False, True, True]
    assert await held(nodes[0]) == list(range(1, 31))


async def test_nodes_that_open_the_same_lists_in_any_order_wait_in_no_circle(node: Node) -> None:
    one, other = await node(), await node()
    names = [name(number) for number in range(40)]

    async def open_all(log: PostgresLog, order: list[ListName]) -> list[bool]:
        return list(await asyncio.gather(*(taken(log, batch(1, of)) for of in order)))

    here, there = await asyncio.gather(open_all(one, names), open_all(other, names[::-1]))
    assert [taken for pair in zip(here, there[::-1], strict=True) for taken in sorted(pair)] == [False, True] * 40


async def test_a_list_that_another_opens_at_this_moment_is_looked_at_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await node(), await node()
    looked = say.lock

    async def overtaken(connection: Connection, names: list[ListName]) -> dict[ListName, tuple[int, int, bool]]:
        found = await looked(connection, names)
        monkeypatch.setattr(say, "lock", looked)
        await other.append([batch(1, say="other")])
        return found

    monkeypatch.setattr(say, "lock", overtaken)
    assert await taken(one, batch(1), batch(1, name(1)))
    assert [found.digest for found in await one.lists()] == [batch(1, say="other").digest]


async def test_others_are_told_and_the_teller_is_not(node: Node) -> None:
    one, other = await node(), await node()
    await one.append([batch(1, name(9))])
    here, there = Listening(one), Listening(other)
    await there.until(name(9))  # as it began to listen
    await here.until(name(9))
    await one.append([batch(1)])
    await there.until(name())
    await one.rebase(row(5, name(1)))
    await there.until(name(1))
    await one.forget(name())
    await there.until(name())
    await other.append([batch(1, name(2))])
    await here.until(name(2))
    assert here.heard.empty()
    await here.end()
    await there.end()


async def test_a_snapshot_does_not_overtake_another_node(node: Node) -> None:
    one, other = await node(), await node()
    await other.append(batches(1, 5))
    with pytest.raises(NumberTaken):
        await one.rebase(row(4))
    await other.append([closing(6)])
    with pytest.raises(NumberTaken):
        await one.rebase(row(9))


async def test_sessions_that_are_cut_are_made_anew(node: Node, dsn: str) -> None:
    log, other = await node(), await node()
    listening = Listening(log)
    await other.append([batch(1)])
    await listening.until(name())
    assert await terminate(dsn) == 3
    await until_well(log)
    await until_well(other)
    await listening.until(name())  # something may have been missed
    await other.append([batch(1, name(1))])
    await listening.until(name(1))
    assert await held(log) == [1]
    await listening.end()


@pytest.mark.parametrize(
    ("fault", "times"), [pytest.param(cut_sessions, 12, id="cut"), pytest.param(crash, 3, id="crashed")]
)
async def test_nothing_is_lost_or_doubled_while_the_database(
    own_server: PostgresServer, fault: Fault, times: int
) -> None:
    """`python -m tests.bench.database_faults` does it longer."""
    dsn = await asyncio.to_thread(own_server.database)
    await make_store(dsn)
    found = await endure(own_server, dsn, [fault] * times)
    assert (found.lost, found.doubled) == (0, 0)
    assert found.acknowledged >= 8 * times
    assert fault is crash or found.sessions_cut >= 3 * times


def cutting(*, committed: bool) -> Callable[[Transaction], Awaitable[None]]:
    """Return a commit whose session is cut as it is sent, or just after it was done."""
    done = Transaction.commit

    async def commit(transaction: Transaction) -> None:
        if committed:
            await done(transaction)
        transaction._connection.terminate()  # type: ignore[attr-defined]  # not in the stubs
        raise asyncpg.ConnectionDoesNotExistError("cut")

    return commit


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_that_was_not_answered_is_asked_about(
    node: Node, monkeypatch: pytest.MonkeyPatch, *, committed: bool
) -> None:
    log = await node()
    await log.append([batch(1)])
    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "commit", cutting(committed=committed))
        results = await asyncio.gather(
            log.append([batch(2)]), log.append([batch(4)]), log.append([batch(3)]), return_exceptions=True
        )
    if committed:
        assert [type(one) for one in results] == [type(None), NumberTaken, type(None)]
        assert await held(log) == [1, 2, 3]
    else:
        assert [type(one) for one in results] == [StoreDegraded] * 3
        assert await held(log) == [1]
        await log.append(batches(2, 3))


@pytest.mark.parametrize("committed", [True, False])
async def test_what_could_not_be_known_in_time_comes_to_light(
    node: Node, monkeypatch: pytest.MonkeyPatch, *, committed: bool
) -> None:
    log = await node()
    listening = Listening(log)
    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "commit", cutting(committed=committed))
        patched.setattr(postgres_appends, "_is_committed", lambda connection, unsure: asyncio.sleep(0))
        with pytest.raises(StoreDegraded):
            await log.append([batch(1)])
        for asked in (log.check(), log.append([batch(1)]), log.forget(name())):
            with pytest.raises(StoreDegraded):  # nothing is written before it is known
                await asked
    await log.check()
    if committed:
        await listening.until(name())
        assert await taken(log, batch(1))
    else:
        await log.append([batch(1)])
    assert await held(log) == [1]
    await listening.end()


async def test_a_server_that_crashes_and_comes_back(own_server: PostgresServer) -> None:
    await _comes_back(own_server, own_server.crash, own_server.start)


async def test_a_server_that_is_stopped_and_comes_back(own_server: PostgresServer) -> None:
    await _comes_back(own_server, own_server.stop, own_server.start)


async def test_a_server_that_hangs_and_goes_on(own_server: PostgresServer) -> None:
    await _comes_back(own_server, lambda: own_server.pause(on=True), lambda: own_server.pause(on=False))


async def _comes_back(server: PostgresServer, away: Callable[[], None], back: Callable[[], None]) -> None:
    """While the database is away nothing is acknowledged; then all goes on, without a restart of ours."""
    dsn = await asyncio.to_thread(server.database)
    await make_store(dsn)
    log = await PostgresLog.open(dsn, QUICK)
    listening = Listening(log)
    await log.append(batches(1, 20))
    await asyncio.to_thread(away)
    try:
        for asked in (log.append([batch(21)]), log.lists(), log.check()):
            async with asyncio.timeout(WITHIN_S):
                with pytest.raises(StoreDegraded):
                    await asked
    finally:
        await asyncio.to_thread(back)
    await until_well(log)
    assert await held(log) in (list(range(1, 21)), list(range(1, 22)))
    if not await taken(log, batch(21)):
        assert await held(log) == list(range(1, 22))
    await listening.until(name())
    await listening.end()
    await log.close()


async def test_a_server_that_was_away_when_the_log_was_closed(own_server: PostgresServer) -> None:
    dsn = await asyncio.to_thread(own_server.database)
    await make_store(dsn)
    log = await PostgresLog.open(dsn, QUICK)
    own_server.pause(on=True)
    try:
        waiting = asyncio.ensure_future(log.append([batch(1)]))
        await asyncio.sleep(0)
        async with asyncio.timeout(WITHIN_S):
            await log.close()
            with pytest.raises(StoreDegraded):
                await waiting
    finally:
        own_server.pause(on=False)


async def test_a_read_only_database_is_degraded(node: Node, dsn: str) -> None:
    log = await node()
    await log.append([batch(1)])
    connection = await asyncpg.connect(dsn)
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    await terminate(dsn)
    with pytest.raises(StoreDegraded):
        await log.append([batch(2)])
    for asked in (log.append([batch(2)]), log.check(), log.prune(name(), 1, LATE)):
        with pytest.raises(StoreDegraded, match="25006"):
            await asked
    assert await held(log) == [1]
    await connection.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    await connection.close()
    await terminate(dsn)
    await until_well(log)
    await log.append([batch(2)])


async def test_a_session_asks_for_what_durability_needs(node: Node) -> None:
    """The server of these tests has synchronous_commit off."""
    log = await node()
    assert await log._writes.use(lambda connection: connection.fetchval("SHOW synchronous_commit")) == "on"
    assert list(await log.faults()) == []


async def test_a_server_that_keeps_nothing_is_not_written_to(dsn: str, tmp_path: Path) -> None:
    """What it commits may be gone after a power cut: an acknowledgement would be a lie."""

    async def fsync(value: str) -> None:
        server = await asyncpg.connect(dsn)
        await server.execute(f"ALTER SYSTEM SET fsync = {value}")
        await server.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(20):
            while await server.fetchval("SHOW fsync") != value:  # noqa: ASYNC110 the server tells nobody
                await asyncio.sleep(0.01)
        await server.close()

    await fsync("off")
    try:
        with pytest.raises(StoreUnfit):
            await PostgresLog.open(dsn)
        file = tmp_path / "dsn"
        file.write_text(dsn)
        file.chmod(0o600)
        beside = await open_beside(f"postgresql:{file}")
        assert len(await beside.faults()) == 1
        await beside.close()
    finally:
        await fsync("on")
    log = await PostgresLog.open(dsn)
    assert await log.faults() == []
    await log.close()


async def test_a_database_that_nobody_has_migrated(bare: str) -> None:
    with pytest.raises(StoreUnfit, match="hcgw db migrate"):
        await PostgresLog.open(bare, QUICK)


@pytest.mark.parametrize(
    ("change", "unfit"),
    [
        pytest.param(lambda dsn: dsn.replace("/log", "/nolog"), True, id="no such database"),
        pytest.param(lambda dsn: dsn.replace("hcgw@", "nobody@"), True, id="no such user"),
        pytest.param(lambda dsn: "mysql://here", True, id="no DSN"),
        pytest.param(lambda dsn: dsn.replace("hcgw-pg", "none"), False, id="no server"),
    ],
)
async def test_a_dsn_that_leads_nowhere_is_not_told(dsn: str, change: Callable[[str], str], *, unfit: bool) -> None:
    wrong = change(dsn)
    with pytest.raises(StoreUnfit if unfit else StoreDegraded) as refused:
        await PostgresLog.open(wrong, QUICK)
    assert "hcgw-pg" not in str(refused.value)
    assert "nolog" not in str(refused.value)


async def test_a_database_whose_tables_are_gone_is_degraded(node: Node, bare: str) -> None:
    log = await node()
    connection = await asyncpg.connect(bare)
    await connection.execute(f"SET client_min_messages = error; DROP SCHEMA {SCHEMA} CASCADE")
    await connection.close()
    for asked in (log.append([batch(1)]), log.lists(), log.check()):
        with pytest.raises(StoreDegraded):
            await asked
