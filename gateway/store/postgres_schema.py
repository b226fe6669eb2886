"""The store's schema in PostgreSQL: a schema of its own in the database, migrated by whoever comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .migrations import Dialect, Migration, missing, shipped
from .postgres_link import SCHEMA, Connection

_LOCK: Final = 0x68636773
"""One migrates, others wait."""


async def migrate(connection: Connection, known: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """Bring a database to the schema of this release, in one transaction. Return what was applied.

    Raises: StoreUnfit, one of LOST.
    """
    known = shipped(Dialect.POSTGRESQL) if known is None else known
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(number integer PRIMARY KEY, subject text, digest text, applied timestamptz DEFAULT now())"
        )
        steps = missing(known, await applied(connection))
        for step in steps:
            await connection.execute(step.sql)
            await connection.execute(
                "INSERT INTO schema_migrations VALUES ($1, $2, $3)", step.number, step.subject, step.digest
            )
    return steps


async def applied(connection: Connection) -> dict[int, str]:
    """Return what has been applied: number -> digest. Raises: one of LOST."""
    if not await connection.fetchval("SELECT to_regclass($1)::text", f"{SCHEMA}.schema_migrations"):
        return {}
    return {row[0]: row[1] for row in await connection.fetch("SELECT number, digest FROM schema_migrations")}
