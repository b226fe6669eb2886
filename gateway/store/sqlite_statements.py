"""What is said to SQLite: one function a change, each inside of a transaction that its caller opens and commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, cast

import apsw

from gateway.changes import BatchDigest, ListName
from gateway.values import Instant, IssuerId

from .change_log import ListRow, LoggedBatch, NumberTaken
from .inspection import Tally, tallied
from .numbering import goes_back

SWEPT_AT_ONCE: Final = 256
"""Batches that one transaction removes: others wait for it."""

_OPEN: Final = """
INSERT INTO lists (issuer, uri, capacity, opened, base, last, digest, issued, closed)
VALUES (?, ?, ?, ?, 0, 1, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"""
_GO_ON: Final = """
UPDATE lists SET last = ?, digest = ?, issued = ?, closed = ?
WHERE issuer = ? AND uri = ? AND last = ? AND NOT closed RETURNING id"""
_KEEP: Final = """
INSERT INTO batches (list, number, digest, issued, received, capacity, closing, signed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_REBASE: Final = """
INSERT INTO lists (issuer, uri, capacity, opened, base, base_digest, base_issued, last, digest, issued, closed)
VALUES (:issuer, :uri, :capacity, :opened, :last, :digest, :issued, :last, :digest, :issued, :closed)
ON CONFLICT DO UPDATE SET capacity = :capacity, opened = :opened, base = :last, base_digest = :digest,
  base_issued = :issued, last = :last, digest = :digest, issued = :issued, closed = :closed"""
_FIRST_KEPT: Final = """
SELECT number FROM batches
WHERE list = :id AND number > :base AND (number > :keep_after OR received >= :received_before)
ORDER BY number LIMIT 1"""
_RAISE_BASE: Final = """
UPDATE lists SET (base, base_digest, base_issued) =
  (SELECT number, digest, issued FROM batches WHERE list = :id AND number = :base)
WHERE id = :id"""
_FORGET: Final = """
UPDATE lists SET base = last, base_digest = digest, base_issued = issued, closed = 1 WHERE issuer = ? AND uri = ?"""
_SWEEP: Final = """
DELETE FROM batches WHERE rowid IN (
  SELECT batches.rowid FROM lists JOIN batches ON batches.list = lists.id AND batches.number <= lists.base LIMIT ?)"""
_LISTS: Final = """
SELECT issuer, uri, capacity, opened, base, last, digest, issued, closed FROM lists ORDER BY issuer, uri"""
_BASED: Final = """
SELECT issuer, uri, capacity, opened, base, base, base_digest, base_issued, closed AND base = last FROM lists
WHERE issuer = ? AND uri = ? AND base > 0"""
_READ: Final = """
SELECT number, batches.digest, signed, batches.issued, received, batches.capacity, closing
FROM lists JOIN batches ON batches.list = lists.id
WHERE issuer = ? AND uri = ? AND number > max(?, base) ORDER BY number"""
_TALLY: Final = """
SELECT number, batches.digest FROM lists JOIN batches ON batches.list = lists.id
WHERE issuer = ? AND uri = ? AND number > base AND number <= ? ORDER BY number"""


def append(db: apsw.Connection, batches: Sequence[LoggedBatch]) -> None:
    """Put batches behind the ends of their lists. Raises: NumberTaken: undo what was done, apsw.Error."""
    for batch in batches:
        name = batch.name
        if batch.number == 1:
            opening = (*name, batch.capacity, batch.issued, batch.digest, batch.issued, batch.closing)
            row = db.execute(_OPEN, opening).fetchone()
        else:
            going_on = (batch.number, batch.digest, batch.issued, batch.closing, *name, batch.number - 1)
            row = db.execute(_GO_ON, going_on).fetchone()
        if row is None:
            raise NumberTaken(name, batch.number)
        kept = (batch.digest, batch.issued, batch.received, batch.capacity, batch.closing, batch.signed)
        db.execute(_KEEP, (row[0], batch.number, *kept))


def rebase(db: apsw.Connection, row: ListRow) -> None:
    """Let a list begin anew. Raises: NumberTaken: the log holds more, or something else; apsw.Error."""
    held = db.execute("SELECT last, digest, closed FROM lists WHERE issuer = ? AND uri = ?", row.name).fetchone()
    if held is not None and goes_back(row, last=held[0], digest=held[1], closed=bool(held[2])):
        raise NumberTaken(row.name, row.last)
    db.execute(
        _REBASE,
        {
            "issuer": row.name.issuer,
            "uri": row.name.uri,
            "capacity": row.capacity,
            "opened": row.opened,
            "last": row.last,
            "digest": row.digest,
            "issued": row.issued,
            "closed": row.closed,
        },
    )


def prune(db: apsw.Connection, name: ListName, keep_after: int, received_before: Instant) -> int:
    """Raise a list's base as far as is allowed. Return by how many batches. Raises: apsw.Error."""
    found = db.execute("SELECT id, base, last FROM lists WHERE issuer = ? AND uri = ?", name).fetchone()
    if found is None:
        return 0
    number, base, last = found
    bounds = {"id": number, "base": base, "keep_after": keep_after, "received_before": received_before}
    first_kept = db.execute(_FIRST_KEPT, bounds).get
    raised = int(last if first_kept is None else first_kept - 1)
    if raised > base:
        db.execute(_RAISE_BASE, {"id": number, "base": raised})
    return raised - int(base)


def forget(db: apsw.Connection, name: ListName) -> None:
    """Leave of a list its row, closed. Raises: apsw.Error."""
    db.execute(_FORGET, name)


def sweep(db: apsw.Connection) -> int:
    """Remove some batches that nobody reads any more. Return how many; 0: there are none. Raises: apsw.Error."""
    db.execute(_SWEEP, (SWEPT_AT_ONCE,))
    return db.changes()


def beat(db: apsw.Connection) -> None:
    """Write something. Raises: apsw.Error."""
    db.execute("UPDATE pulse SET beats = beats + 1")


def lists(db: apsw.Connection) -> tuple[ListRow, ...]:
    """Return all rows. Raises: apsw.Error."""
    return tuple(_row(row) for row in db.execute(_LISTS))


def based(db: apsw.Connection, name: ListName) -> ListRow | None:
    """Return a list's row as at its base. Raises: apsw.Error."""
    found = db.execute(_BASED, name).fetchone()
    return None if found is None else _row(found)


def read(db: apsw.Connection, name: ListName, after: int, most_bytes: int) -> tuple[LoggedBatch, ...]:
    """Return batches above `after`, as many as fit. Raises: apsw.Error."""
    found: list[LoggedBatch] = []
    with_room = most_bytes
    for number, digest, signed, issued, received, capacity, closing in db.execute(_READ, (*name, after)):
        with_room -= len(signed)
        if found and with_room < 0:
            break
        found.append(LoggedBatch(name, number, digest, signed, issued, received, capacity, bool(closing)))
    return tuple(found)


def tally(db: apsw.Connection, name: ListName, up_to: int) -> Tally:
    """Count. Raises: apsw.Error."""
    return tallied(cast("Iterator[tuple[int, bytes]]", db.execute(_TALLY, (*name, up_to))))


def _row(row: tuple[apsw.SQLiteValue, ...]) -> ListRow:
    issuer, uri, capacity, opened, base, last, digest, issued, closed = cast(
        "tuple[IssuerId, str, int, Instant, int, int, BatchDigest, Instant, int]", row
    )
    return ListRow(ListName(issuer, uri), capacity, opened, base, last, digest, issued, bool(closed))
