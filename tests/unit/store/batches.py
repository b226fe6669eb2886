"""Batches for tests of the log, which reads none of them: random bytes, rightly numbered."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from gateway.changes import BatchDigest, ListName
from gateway.store.change_log import ListRow, LoggedBatch
from gateway.values import Instant, IssuerId
from tests.conftest import NOON

CAPACITY = 1_000


def name(number: int = 0) -> ListName:
    return ListName(IssuerId("330000.example"), f"https://330000.example/lists/{number}")


def batch(number: int, of: ListName | None = None, *, size: int = 40, say: str = "", at: float = 0.0) -> LoggedBatch:
    """Return batch `number`; the same arguments give the same bytes, another `say` gives others."""
    of = of or name()
    seed = f"{of.issuer} {of.uri} {number} {say}".encode()
    signed = (sha256(b"signed" + seed).digest() * (size // 32 + 1))[:size]
    moment = Instant(NOON + number + at)
    digest = BatchDigest(sha256(seed).digest())
    return LoggedBatch(of, number, digest, signed, moment, moment, CAPACITY if number == 1 else None)


def batches(first: int, last: int, of: ListName | None = None, *, size: int = 40) -> list[LoggedBatch]:
    return [batch(number, of, size=size) for number in range(first, last + 1)]


def closing(number: int, of: ListName | None = None) -> LoggedBatch:
    return replace(batch(number, of), closing=True)


def row(number: int, of: ListName | None = None, *, closed: bool = False, say: str = "") -> ListRow:
    """Return a list's row as a snapshot at `number` gives it."""
    last = batch(number, of, say=say)
    return ListRow(last.name, CAPACITY, Instant(NOON + 1), number, number, last.digest, last.issued, closed)
