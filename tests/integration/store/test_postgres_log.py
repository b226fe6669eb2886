"""The log in a real PostgreSQL: the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.store.postgres_link import Patience
from gateway.store.postgres_log import PostgresLog
from tests.unit.store.contract import LogContract, Reopen


@pytest.fixture
async def opened() -> AsyncIterator[list[PostgresLog]]:
    """Collect logs, and close them at the end."""
    logs: list[PostgresLog] = []
    yield logs
    for log in logs:
        await log.close()


@pytest.fixture
async def log(dsn: str, opened: list[PostgresLog]) -> PostgresLog:
    opened.append(await PostgresLog.open(dsn, Patience(retry_s=0.05)))
    return opened[-1]


@pytest.fixture
def reopen(dsn: str, opened: list[PostgresLog]) -> Reopen:
    async def again() -> PostgresLog:
        for log in opened:
            await log.close()
        opened.append(await PostgresLog.open(dsn))
        return opened[-1]

    return again


class TestPostgresLog(LogContract):
    pass
