"""One batch on its way into a list, and whoever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.changes import BatchDigest, SignedBatch, StatusBatch
from gateway.store.change_log import LoggedBatch
from gateway.values import Instant


class Accepted(NamedTuple):
    """A batch is durable, and every worker sees it."""

    held: int
    """The highest number that is held of the list."""
    repeated: bool
    """Whether this very batch had been held before."""


@dataclass(slots=True, eq=False)
class Job:
    """One batch on its way: proven to be its issuer's, not judged."""

    signed: SignedBatch
    batch: StatusBatch
    digest: BatchDigest
    keys: int
    """How many different keys signed it."""
    at: Instant
    done: asyncio.Future[Accepted]
    tries: int = 0

    @property
    def begins(self) -> bool:
        """Whether those before it must be applied before it can be judged."""
        return self.batch.capacity is not None or self.batch.closing or self.batch.state_digest is not None


def logged_of(job: Job, signed: bytes) -> LoggedBatch:
    """Return a batch as the log keeps it."""
    batch = job.batch
    return LoggedBatch(
        batch.name, batch.number, job.digest, signed, batch.issued, job.at, batch.capacity, batch.closing
    )


def settle(job: Job, answer: Accepted | Exception) -> None:
    """Answer whoever waits for a batch, if she still does and was not answered before."""
    if job.done.done():
        return
    if isinstance(answer, Accepted):
        job.done.set_result(answer)
    else:
        job.done.set_exception(answer)


def settle_all(group: Sequence[Job], answer: Exception) -> None:
    """Answer all who were not answered before."""
    for job in group:
        settle(job, answer)
