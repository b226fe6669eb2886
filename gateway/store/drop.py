"""Deletes a store, for good: the file of SQLite with those beside it, the schema in PostgreSQL with all its tables.

Rules:

- Nothing is deleted that somebody uses: in PostgreSQL another session of a gateway refuses it, and so does a lock.
- It is looked at afterwards: what is still there is a failure.
- What the operating system, the database's own log, a replica or a backup keeps is not reached from here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gateway.changes import StoreDegraded

from .migrations import StoreUnfit
from .postgres_link import SCHEMA, Connection

SUFFIXES: Final = ("", "-wal", "-shm", "-journal")
"""Of the files that SQLite keeps for a database."""

_OTHERS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'hcgw' AND pid <> pg_backend_pid()
"""


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files of a SQLite database that are there."""
    return tuple(file for suffix in SUFFIXES if (file := path.with_name(path.name + suffix)).exists())


def drop_file(path: Path) -> None:
    """Delete a SQLite database, which nobody may have open. Raises: StoreDegraded."""
    try:
        for file in files_of(path):
            file.unlink(missing_ok=True)
    except OSError as failed:
        raise StoreDegraded(f"sqlite: {failed.strerror}") from None


async def is_there(connection: Connection) -> bool:
    """Tell whether a database holds anything of a gateway. Raises: one of LOST."""
    return bool(await connection.fetchval("SELECT to_regnamespace($1)::text", SCHEMA))


async def drop_schema(connection: Connection) -> None:
    """Delete everything of ours in a database. Raises: StoreUnfit: a gateway is connected; one of LOST."""
    async with connection.transaction():
        if await connection.fetchval(_OTHERS):
            raise StoreUnfit("postgresql: a gateway is connected to this database: stop every node first")
        await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    if await is_there(connection):
        raise StoreUnfit(f"postgresql: the schema {SCHEMA} is still there")
