"""One PostgreSQL for all tests of this folder, and an empty store in it for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from gateway.store.postgres_link import SCHEMA
from gateway.store.postgres_schema import migrate
from tests.simulators.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    started = PostgresServer()
    try:
        started.start()
        yield started
    finally:
        started.close()


@pytest.fixture(scope="session")
def database(server: PostgresServer) -> str:
    """Return the DSN of a database that holds whatever the last test left."""
    return server.database()


@pytest.fixture
async def bare(database: str) -> str:
    """Return the DSN of a database that nobody has migrated."""
    connection = await asyncpg.connect(database)
    await connection.execute(f"SET client_min_messages = error; DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    await connection.close()
    return database


@pytest.fixture
async def dsn(bare: str) -> AsyncIterator[str]:
    """Return the DSN of an empty store."""
    connection = await asyncpg.connect(bare, server_settings={"search_path": SCHEMA})
    await migrate(connection)
    yield bare
    await connection.close()
