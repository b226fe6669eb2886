"""What is said to PostgreSQL: each function one question, or one change inside of its caller's transaction.

Rows of `lists` are locked in the order of their ids, new ones made in the order of their names: two nodes that append
at one time wait for each other, and never in a circle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import asyncpg

from gateway.changes import BatchDigest, ListName
from gateway.values import Instant, IssuerId

from .change_log import ListRow, LoggedBatch, NumberTaken
from .inspection import Tally, tallied
from .numbering import goes_back
from .postgres_link import Connection

CHANNEL: Final = "hcgw_changes"
SWEPT_AT_ONCE: Final = 256
READ_AT_ONCE: Final = 4_096
COUNTED_AT_ONCE: Final = 20_000

_LOCK: Final = """
SELECT id, issuer, uri, last, closed FROM lists
JOIN unnest($1::text[], $2::text[]) AS asked(issuer, uri) USING (issuer, uri) ORDER BY id FOR UPDATE OF lists"""
_OPEN: Final = """
INSERT INTO lists (issuer, uri, capacity, opened, base, last, digest, issued, closed)
SELECT issuer, uri, capacity, opened, 0, last, digest, issued, closed
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::float8[], $5::bigint[], $6::bytea[], $7::float8[], $8::bool[])
  AS new(issuer, uri, capacity, opened, last, digest, issued, closed)
ORDER BY issuer COLLATE "C", uri COLLATE "C"
ON CONFLICT DO NOTHING RETURNING id, issuer, uri"""
_GO_ON: Final = """
UPDATE lists SET last = new.last, digest = new.digest, issued = new.issued, closed = new.closed
FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::float8[], $5::bool[]) AS new(id, last, digest, issued, closed)
WHERE lists.id = new.id"""
_KEEP: Final = """
INSERT INTO batches (list, number, digest, issued, received, capacity, closing, signed)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::float8[], $5::float8[], $6::bigint[], $7::bool[],
  $8::bytea[])"""
_TELL: Final = """
SELECT pg_current_xact_id()::text, count(pg_notify($1, told)) FROM unnest($2::text[]) AS told"""
_ONE_FOR_UPDATE: Final = """
SELECT id, base, last, digest, closed FROM lists WHERE issuer = $1 AND uri = $2 FOR UPDATE"""
_REBASE: Final = """
INSERT INTO lists (issuer, uri, capacity, opened, base, base_digest, base_issued, last, digest, issued, closed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $5, $6, $7, $8)
ON CONFLICT (issuer, uri) DO UPDATE SET capacity = $3, opened = $4, base = $5, base_digest = $6, base_issued = $7,
  last = $5, digest = $6, issued = $7, closed = $8
WHERE (lists.last < $5 OR (lists.last = $5 AND lists.digest = $6)) AND ($8 OR NOT lists.closed) RETURNING id"""
_FIRST_KEPT: Final = """
SELECT number FROM batches WHERE list = $1 AND number > $2 AND (number > $3 OR received >= $4)
ORDER BY number LIMIT 1"""
_RAISE_BASE: Final = """
UPDATE lists SET base = number, base_digest = batches.digest, base_issued = batches.issued
FROM batches WHERE id = $1 AND list = $1 AND number = $2"""
_FORGET: Final = """
UPDATE lists SET base = last, base_digest = digest, base_issued = issued, closed = true
WHERE issuer = $1 AND uri = $2"""
_SWEEP: Final = """
DELETE FROM batches WHERE (list, number) IN (
  SELECT list, number FROM lists CROSS JOIN LATERAL (
    SELECT list, number FROM batches WHERE list = lists.id AND number <= lists.base LIMIT $1) AS old LIMIT $1)"""
_LISTS: Final = """
SELECT issuer, uri, capacity, opened, base, last, digest, issued, closed FROM lists ORDER BY issuer, uri"""
_BASED: Final = """
SELECT issuer, uri, capacity, opened, base, base, base_digest, base_issued, closed AND base = last FROM lists
WHERE issuer = $1 AND uri = $2 AND base > 0"""
_READ: Final = """
WITH sized AS (
  SELECT list, number, octet_length(signed) AS size FROM lists JOIN batches ON list = id
  WHERE issuer = $1 AND uri = $2 AND number > greatest($3, base) ORDER BY number LIMIT $5),
summed AS (
  SELECT list, number, sum(size) OVER up AS through, row_number() OVER up AS place
  FROM sized WINDOW up AS (ORDER BY number))
SELECT number, digest, signed, issued, received, capacity, closing
FROM summed JOIN batches USING (list, number) WHERE through <= $4 OR place = 1 ORDER BY number"""
_COUNTED: Final = """
SELECT number, batches.digest FROM lists JOIN batches ON list = id
WHERE issuer = $1 AND uri = $2 AND number > greatest($3, base) AND number <= $4 ORDER BY number LIMIT $5"""
_THERE: Final = """
SELECT EXISTS (SELECT FROM lists JOIN batches ON list = id
  WHERE issuer = $1 AND uri = $2 AND number = $3 AND batches.digest = $4)"""


class OpenedByAnother(Exception):
    """Another node has opened a list at this very moment: look again."""


async def lock(connection: Connection, names: Sequence[ListName]) -> dict[ListName, tuple[int, int, bool]]:
    """Lock the rows of lists; return id, last number and whether it is closed of those that are there."""
    rows = await connection.fetch(_LOCK, [one.issuer for one in names], [one.uri for one in names])
    return {ListName(row["issuer"], row["uri"]): (row["id"], row["last"], row["closed"]) for row in rows}


async def keep(connection: Connection, ids: dict[ListName, int], batches: Sequence[LoggedBatch], node: str) -> str:
    """Put batches, which go on where their locked rows end, into the log. Return the transaction's id.

    `ids` are those of lists that are there; the others are opened. Raises: OpenedByAnother.
    """
    ends = {batch.name: batch for batch in batches}
    opening = [batch for batch in batches if batch.name not in ids]
    opened = {batch.name: batch for batch in opening if batch.number == 1}
    if opened:
        last = [ends[name] for name in opened]
        rows = await connection.fetch(
            _OPEN,
            [name.issuer for name in opened],
            [name.uri for name in opened],
            [batch.capacity for batch in opened.values()],
            [batch.issued for batch in opened.values()],
            *_ends(last),
        )
        if len(rows) < len(opened):
            raise OpenedByAnother
        ids = ids | {ListName(row["issuer"], row["uri"]): row["id"] for row in rows}
    going_on = [batch for name, batch in ends.items() if name not in opened]
    if going_on:
        await connection.execute(_GO_ON, [ids[batch.name] for batch in going_on], *_ends(going_on))
    await connection.execute(
        _KEEP,
        [ids[batch.name] for batch in batches],
        [batch.number for batch in batches],
        [batch.digest for batch in batches],
        [batch.issued for batch in batches],
        [batch.received for batch in batches],
        [batch.capacity for batch in batches],
        [batch.closing for batch in batches],
        [batch.signed for batch in batches],
    )
    return await tell(connection, list(ends), node)


async def tell(connection: Connection, names: Sequence[ListName], node: str) -> str:
    """Have other nodes told of lists once this transaction is committed. Return its id."""
    told = [json.dumps([node, *name]) for name in names]
    row = await connection.fetchrow(_TELL, CHANNEL, told)
    return str(row[0]) if row is not None else ""


def heard(payload: object, node: str) -> ListName | None:
    """Return the list that another node tells of, or None if it was this one."""
    teller, issuer, uri = json.loads(str(payload))
    return None if teller == node else ListName(IssuerId(issuer), uri)


async def rebase(connection: Connection, row: ListRow) -> None:
    """Let a list begin anew. Raises: NumberTaken."""
    held = await connection.fetchrow(_ONE_FOR_UPDATE, *row.name)
    if held is not None and goes_back(row, last=held["last"], digest=held["digest"], closed=held["closed"]):
        raise NumberTaken(row.name, row.last)
    values = (row.capacity, row.opened, row.last, row.digest, row.issued, row.closed)
    # Where there was no row to be locked, another node may have made one since.
    if await connection.fetchval(_REBASE, *row.name, *values) is None:
        raise NumberTaken(row.name, row.last)


async def prune(connection: Connection, name: ListName, keep_after: int, received_before: Instant) -> int:
    """Raise a list's base as far as is allowed. Return by how many batches."""
    row = await connection.fetchrow(_ONE_FOR_UPDATE, *name)
    if row is None:
        return 0
    first_kept = await connection.fetchval(_FIRST_KEPT, row["id"], row["base"], keep_after, received_before)
    raised = int(row["last"] if first_kept is None else first_kept - 1)
    if raised > row["base"]:
        await connection.execute(_RAISE_BASE, row["id"], raised)
    return raised - int(row["base"])


async def forget(connection: Connection, name: ListName) -> None:
    """Leave of a list its row, closed."""
    await connection.execute(_FORGET, *name)


async def sweep(connection: Connection) -> int:
    """Remove some batches that nobody reads any more. Return how many; 0: there are none."""
    return int((await connection.execute(_SWEEP, SWEPT_AT_ONCE)).split()[-1])


async def beat(connection: Connection) -> None:
    """Write something."""
    await connection.execute("UPDATE pulse SET beats = beats + 1")


async def lists(connection: Connection) -> tuple[ListRow, ...]:
    """Return all rows."""
    return tuple(map(_row, await connection.fetch(_LISTS)))


async def based(connection: Connection, name: ListName) -> ListRow | None:
    """Return a list's row as at its base."""
    found = await connection.fetchrow(_BASED, *name)
    return None if found is None else _row(found)


async def read(connection: Connection, name: ListName, after: int, most_bytes: int) -> tuple[LoggedBatch, ...]:
    """Return batches above `after`, as many as fit."""
    rows = await connection.fetch(_READ, *name, after, most_bytes, READ_AT_ONCE)
    return tuple(LoggedBatch(name, *row.values()) for row in rows)


async def tally(connection: Connection, name: ListName, up_to: int) -> Tally:
    """Count."""
    pages: list[list[Any]] = []
    after = 0
    while page := await connection.fetch(_COUNTED, *name, after, up_to, COUNTED_AT_ONCE):
        pages.append(page)
        after = page[-1]["number"]

    def pairs() -> Iterator[tuple[int, bytes]]:
        for page in pages:
            for row in page:
                yield row["number"], row["digest"]

    return tallied(pairs())


async def is_there(connection: Connection, batch: LoggedBatch) -> bool:
    """Tell whether this very batch is in the log."""
    return bool(await connection.fetchval(_THERE, *batch.name, batch.number, batch.digest))


async def status(connection: Connection, transaction: str) -> str | None:
    """Return what became of a transaction: committed, aborted, in progress; None: this server does not know it."""
    try:
        found = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", transaction)
    except asyncpg.InvalidParameterValueError:
        # Another server, after a failover, has not come as far as this number.
        return None
    return None if found is None else str(found)


def _ends(batches: Sequence[LoggedBatch]) -> tuple[list[Any], ...]:
    """Return what lists read once these are their last batches."""
    return (
        [batch.number for batch in batches],
        [batch.digest for batch in batches],
        [batch.issued for batch in batches],
        [batch.closing for batch in batches],
    )


def _row(row: Any) -> ListRow:
    issuer, uri, capacity, opened, base, last, digest, issued, closed = row.values()
    name = ListName(IssuerId(issuer), uri)
    return ListRow(name, capacity, Instant(opened), base, last, BatchDigest(digest), Instant(issued), closed)
