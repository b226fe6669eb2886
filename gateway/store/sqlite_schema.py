"""A SQLite file as the store uses it: opened with the settings that durability rests on, and brought to its schema.

- WAL and synchronous=FULL: a commit that returned survives a power cut.
- The file is readable by its owner only, and carries a mark: a database of anybody else's is refused, not migrated.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar, cast

import apsw

from gateway.changes import StoreDegraded

from .migrations import Dialect, Migration, StoreUnfit, missing, shipped

APPLICATION_ID: Final = 0x68636773
"""`hcgs` in the file's header."""

_BUSY_MS: Final = 2_000
"""For whoever else has the file open for a moment: `hcgw db`."""
_MOST_WAL_BYTES: Final = 64 << 20
"""What the WAL is cut down to once it was longer."""
_CACHE_KIB: Final = 16_384
"""Of a writer: so that a large group is not spilled before its commit."""

T = TypeVar("T")


def connect(path: Path, *, vfs: str | None = None, writes: bool) -> apsw.Connection:
    """Open a file that must exist, to read or to write. Raises: apsw.Error."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        db.set_busy_timeout(_BUSY_MS)
        if writes:
            # The writer's loop checkpoints by itself, where nobody waits for it.
            db.wal_autocheckpoint(0)
            db.pragma("synchronous", "FULL")
            db.pragma("journal_size_limit", _MOST_WAL_BYTES)
            db.pragma("cache_size", -_CACHE_KIB)
        else:
            db.pragma("query_only", 1)
    except apsw.Error:
        db.close()
        raise
    return db


def create(path: Path) -> None:
    """Create an empty file of the owner's, durably, if there is none. Raises: OSError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable. SQLite does so for a new WAL, but goes on if that fails. Raises: OSError."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def migrate(db: apsw.Connection, known: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """Bring an empty or an older store to the schema of this release. Return what was applied.

    Raises: StoreUnfit, apsw.Error.
    """
    known = shipped(Dialect.SQLITE) if known is None else known
    _refuse_foreign(db)
    if db.pragma("journal_mode", "wal") != "wal":
        raise StoreUnfit("the file system cannot keep a write-ahead log")
    steps = []
    while missing(known, applied(db)):
        db.execute("BEGIN IMMEDIATE")
        try:
            # Looked at anew: another process may have come to migrate.
            for step in missing(known, applied(db))[:1]:
                _apply(db, step)
                steps.append(step)
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                with contextlib.suppress(apsw.Error):
                    db.execute("ROLLBACK")
    return tuple(steps)


def _apply(db: apsw.Connection, step: Migration) -> None:
    if step.number == 1:
        db.execute(
            "CREATE TABLE schema_migrations "
            "(number INTEGER PRIMARY KEY, subject TEXT, digest TEXT, applied TEXT) STRICT"
        )
        db.pragma("application_id", APPLICATION_ID)
    db.execute(step.sql)
    values = (step.number, step.subject, step.digest)
    db.execute("INSERT INTO schema_migrations VALUES (?, ?, ?, datetime())", values)


def applied(db: apsw.Connection) -> dict[int, str]:
    """Return what has been applied: number -> digest. Raises: StoreUnfit if it is no store of ours, apsw.Error."""
    _refuse_foreign(db)
    if not db.pragma("application_id"):
        return {}
    return dict(cast("Iterator[tuple[int, str]]", db.execute("SELECT number, digest FROM schema_migrations")))


def opening(run: Callable[[], T]) -> T:
    """Open a file. Raises: StoreUnfit, StoreDegraded."""
    try:
        return run()
    except apsw.NotADBError:
        raise StoreUnfit("the file is no SQLite database") from None
    except apsw.CorruptError:
        raise StoreUnfit("the file is damaged") from None
    except (apsw.Error, OSError) as failed:
        raise degraded(failed) from None


def degraded(failed: BaseException) -> StoreDegraded:
    """Return what to tell of a store that cannot be used now: the kind of fault, nothing of a statement."""
    if isinstance(failed, OSError):
        return StoreDegraded(f"sqlite: {failed.strerror}")
    code = getattr(failed, "extendedresult", 0)
    name = apsw.mapping_extended_result_codes.get(code) or apsw.mapping_result_codes.get(code & 0xFF)
    return StoreDegraded(f"sqlite: {name or type(failed).__name__}")


def _refuse_foreign(db: apsw.Connection) -> None:
    mark = db.pragma("application_id")
    if mark == APPLICATION_ID:
        return
    if mark or db.execute("SELECT count(*) FROM sqlite_schema").get:
        raise StoreUnfit("the file is a database of something else")
