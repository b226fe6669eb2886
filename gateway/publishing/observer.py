"""The seam through which the ledger is watched. `gateway/watch` fills it.

Issuers and list addresses may be told on; indices and content are never handed over.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from gateway.changes import BatchRefusal, ListName
from gateway.values import IssuerId


class Source(StrEnum):
    """Whence a batch came to be applied. Labels of a metric: additions only."""

    HERE = "here"
    """It was submitted to this process: published here, or followed from another gateway."""
    OTHER_NODE = "other_node"
    """Another process wrote it into the log that both use."""


class SetAside(StrEnum):
    """Why a list, or its file, is not used any more. Labels of a metric: additions only."""

    NOT_IN_LOG = "not_in_log"
    """The log knows no such list."""
    AHEAD_OF_LOG = "ahead_of_log"
    """The file goes further than the log: the log was put back to an older state, or is another one."""
    BEHIND_LOG = "behind_log"
    """The log does not reach back to where the file, if there is one, ends: a snapshot is needed."""
    OTHER_CAPACITY = "other_capacity"
    UNFIT_BATCH = "unfit_batch"
    """What stands in the log is not the list's next batch."""
    DISTRUSTED = "distrusted"
    """Its issuer says that the list reads otherwise."""
    FAILED_SYNC = "failed_sync"
    """The disk did not take what was written. The list goes on in a new file."""


class LedgerObserver(Protocol):
    """Is told of batches and lists. Must neither raise nor wait."""

    def batch_applied(self, name: ListName, changes: int, age_s: float, source: Source) -> None:
        """Take note of a batch that is visible now, `age_s` seconds after its issuer made it."""
        ...

    def batch_repeated(self, name: ListName) -> None:
        """Take note of a batch that was held already."""
        ...

    def batch_refused(self, issuer: IssuerId | None, refusal: BatchRefusal) -> None:
        """Take note of a refused batch. `issuer` is None unless a signature proves it."""
        ...

    def issuer_contradicts_itself(self, name: ListName, number: int, held: bytes, other: bytes) -> None:
        """Take note that an issuer signed two histories of one list. The digests are those of the two batches."""
        ...

    def list_opened(self, name: ListName, capacity: int) -> None:
        """Take note of a new list."""
        ...

    def list_closed(self, name: ListName) -> None:
        """Take note of a list that is closed."""
        ...

    def list_adopted(self, name: ListName, number: int) -> None:
        """Take note of a list that was taken over from a snapshot."""
        ...

    def list_set_aside(self, name: ListName, why: SetAside) -> None:
        """Take note of a list, or a file, that is not used any more."""
        ...

    def store_degraded(self, why: str) -> None:
        """Take note that nothing can be acknowledged from now on."""
        ...

    def store_well(self) -> None:
        """Take note that the store works again."""
        ...

    def checkpoint_done(self, seconds: float, lists: int) -> None:
        """Take note of a checkpoint of so many lists."""
        ...

    def subscriber_lagged(self) -> None:
        """Take note of a subscriber who did not keep up."""
        ...

    def ledger_failed(self, failure: Exception) -> None:
        """Take note of a bug. Of `failure` only the type and the frames may be told on."""
        ...


class NobodyObserves:
    """An observer that looks away."""

    def batch_applied(self, name: ListName, changes: int, age_s: float, source: Source) -> None:
        """See LedgerObserver."""

    def batch_repeated(self, name: ListName) -> None:
        """See LedgerObserver."""

    def batch_refused(self, issuer: IssuerId | None, refusal: BatchRefusal) -> None:
        """See LedgerObserver."""

    def issuer_contradicts_itself(self, name: ListName, number: int, held: bytes, other: bytes) -> None:
        """See LedgerObserver."""

    def list_opened(self, name: ListName, capacity: int) -> None:
        """See LedgerObserver."""

    def list_closed(self, name: ListName) -> None:
        """See LedgerObserver."""

    def list_adopted(self, name: ListName, number: int) -> None:
        """See LedgerObserver."""

    def list_set_aside(self, name: ListName, why: SetAside) -> None:
        """See LedgerObserver."""

    def store_degraded(self, why: str) -> None:
        """See LedgerObserver."""

    def store_well(self) -> None:
        """See LedgerObserver."""

    def checkpoint_done(self, seconds: float, lists: int) -> None:
        """See LedgerObserver."""

    def subscriber_lagged(self) -> None:
        """See LedgerObserver."""

    def ledger_failed(self, failure: Exception) -> None:
        """See LedgerObserver."""
