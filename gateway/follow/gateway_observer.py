"""The seam through which following other gateways is watched. `gateway/watch` fills it.

A source is told by the name of the gateway that is followed; lists by issuer and address; of content nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from gateway.changes import BatchRefusal, ListName
from gateway.values import IssuerId


class FollowFailure(StrEnum):
    """Why a connection to a source ended. Labels of a metric: additions only."""

    UNREACHABLE = "unreachable"
    """No connection, or it broke."""
    REFUSED = "refused"
    """The source does not let this gateway follow."""
    SILENT = "silent"
    """Not even a sign of life."""
    BROKEN = "broken"
    """What it sends is none of the protocol's messages, or more than there can be."""
    GAP = "gap"
    """Batches are missing."""
    STORE_DEGRADED = "store_degraded"
    """Nothing can be taken here."""


class FollowObserver(Protocol):
    """Is told how following goes. Must neither raise nor wait."""

    def connected(self, source: IssuerId) -> None:
        """Take note that the source sends."""
        ...

    def caught_up(self, source: IssuerId) -> None:
        """Take note that everything that the source holds has arrived, or of a later sign of life."""
        ...

    def batch_followed(self, source: IssuerId, name: ListName, *, repeated: bool) -> None:
        """Take note of a batch; `repeated` if it was held already, from wherever."""
        ...

    def list_set_aside(self, source: IssuerId, name: ListName, refusal: BatchRefusal) -> None:
        """Take note that a source's batches or snapshot of one list are refused, and not asked for, for a while."""
        ...

    def snapshot_taken(self, source: IssuerId, name: ListName, number: int) -> None:
        """Take note that a list was taken over from a snapshot."""
        ...

    def failed(self, source: IssuerId, why: FollowFailure) -> None:
        """Take note that the connection ended; it is made again."""
        ...

    def follower_failed(self, source: IssuerId, failure: Exception) -> None:
        """Take note of a bug. Of `failure` only the type and the frames may be told on."""
        ...


class NobodyObserves:
    """An observer that looks away."""

    def connected(self, source: IssuerId) -> None:
        """See FollowObserver."""

    def caught_up(self, source: IssuerId) -> None:
        """See FollowObserver."""

    def batch_followed(self, source: IssuerId, name: ListName, *, repeated: bool) -> None:
        """See FollowObserver."""

    def list_set_aside(self, source: IssuerId, name: ListName, refusal: BatchRefusal) -> None:
        """See FollowObserver."""

    def snapshot_taken(self, source: IssuerId, name: ListName, number: int) -> None:
        """See FollowObserver."""

    def failed(self, source: IssuerId, why: FollowFailure) -> None:
        """See FollowObserver."""

    def follower_failed(self, source: IssuerId, failure: Exception) -> None:
        """See FollowObserver."""
