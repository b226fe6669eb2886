"""Which store: the one place where a store's address is read and the store behind it opened.

- `sqlite:/path/to/changes.db`: one machine. Its schema is brought up to date as it is opened.
- `postgresql:/path/to/dsn.file`: several nodes. A DSN may hold a password: it stands in a file of its owner's only,
  never in a configuration, and no text of ours quotes it. Its schema is brought up to date by `hcgw db migrate`.
- A path that is not absolute is one in the gateway's own folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from gateway.changes import StoreDegraded
from gateway.errors import GatewayError
from keys.own_files import FileRefused, read_secret_file

from .drop import drop_file, drop_schema, files_of, is_there
from .inspection import InspectableLog
from .migrations import Dialect, Migration, StoreUnfit
from .postgres_link import Connection, Link
from .postgres_log import PostgresLog
from .postgres_schema import applied as applied_to_postgres
from .postgres_schema import migrate as migrate_postgres
from .sqlite_log import SqliteLog
from .sqlite_schema import applied as applied_to_sqlite
from .sqlite_schema import connect, create, opening
from .sqlite_schema import migrate as migrate_sqlite

_MOST_DSN_BYTES: Final = 4_096
_HERE: Final = Path()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where a store is."""

    dialect: Dialect
    path: Path
    """The database, or the file that its DSN is in."""

    def __str__(self) -> str:
        return f"{self.dialect.value}:{self.path}"


class StoreUnavailable(GatewayError):
    """The store cannot be opened. The text is for the operator: which, and why."""


def read_address(text: str, folder: Path = _HERE) -> StoreAddress:
    """Return the store that a text names. Raises: StoreUnavailable."""
    scheme, colon, path = text.partition(":")
    if not colon or scheme not in set(Dialect) or not path or path.startswith("//"):
        raise StoreUnavailable("a store is sqlite:FILE, or postgresql:FILE for the file that holds the DSN")
    return StoreAddress(Dialect(scheme), folder / path)


async def open_log(store: str, folder: Path = _HERE) -> InspectableLog:
    """Open the log that the gateway writes. Raises: StoreUnavailable."""
    address = read_address(store, folder)
    with _refusing(address):
        if address.dialect is Dialect.SQLITE:
            return await SqliteLog.open(address.path)
        return await PostgresLog.open(await _dsn(address))


async def open_beside(store: str, folder: Path = _HERE) -> InspectableLog:
    """Open a log that a running gateway may be writing: one in SQLite can only be read. Raises: StoreUnavailable."""
    address = read_address(store, folder)
    with _refusing(address):
        if address.dialect is Dialect.SQLITE:
            return await SqliteLog.open_to_read(address.path)
        return await PostgresLog.open(await _dsn(address), inspects=True)


async def migrate(store: str, folder: Path = _HERE) -> Sequence[Migration]:
    """Bring a store to the schema of this release; one in SQLite is made if it is not there. Return what was applied.

    Raises: StoreUnavailable.
    """
    address = read_address(store, folder)
    with _refusing(address):
        if address.dialect is Dialect.POSTGRESQL:
            return await _with_database(address, migrate_postgres)
        return await asyncio.to_thread(_migrate_file, address.path)


async def schema_of(store: str, folder: Path = _HERE) -> int:
    """Return the number of the last migration of a store, 0 if there was none. Raises: StoreUnavailable."""
    address = read_address(store, folder)
    with _refusing(address):
        if address.dialect is Dialect.POSTGRESQL:
            return max(await _with_database(address, applied_to_postgres), default=0)
        return await asyncio.to_thread(_schema_of_file, address.path)


async def holds_anything(store: str, folder: Path = _HERE) -> bool:
    """Tell whether a store has anything of a gateway in it. Raises: StoreUnavailable."""
    address = read_address(store, folder)
    with _refusing(address):
        if address.dialect is Dialect.POSTGRESQL:
            return await _with_database(address, is_there)
        return bool(files_of(address.path))


async def drop(store: str, folder: Path = _HERE) -> None:
    """Delete a store and all that is in it. Raises: StoreUnavailable: somebody uses it, or it cannot be deleted."""
    address = read_address(store, folder)
    with _refusing(address):
        if address.dialect is Dialect.POSTGRESQL:
            await _with_database(address, drop_schema)
        else:
            await asyncio.to_thread(drop_file, address.path)


@contextmanager
def _refusing(address: StoreAddress) -> Iterator[None]:
    try:
        yield
    except (StoreUnfit, StoreDegraded) as refused:
        raise StoreUnavailable(f"{address}: {refused}") from None


async def _with_database(address: StoreAddress, run: Callable[[Connection], Awaitable[T]]) -> T:
    link = Link(await _dsn(address))
    try:
        return await link.use(run)
    finally:
        await link.close()


def _migrate_file(path: Path) -> Sequence[Migration]:
    def migrated() -> Sequence[Migration]:
        create(path)
        db = connect(path, writes=True)
        try:
            return migrate_sqlite(db)
        finally:
            db.close()

    return opening(migrated)


def _schema_of_file(path: Path) -> int:
    def found() -> int:
        if not path.is_file():
            return 0
        db = connect(path, writes=False)
        try:
            return max(applied_to_sqlite(db), default=0)
        finally:
            db.close()

    return opening(found)


async def _dsn(address: StoreAddress) -> str:
    try:
        content = await asyncio.to_thread(read_secret_file, address.path, _MOST_DSN_BYTES)
    except FileRefused as refused:
        raise StoreUnfit(str(refused)) from None
    try:
        return content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise StoreUnfit(f"{address.path}: is no DSN") from None
