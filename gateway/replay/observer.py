"""Who is told what the guard does. None of it names a code, a gate or a caller; none of it may raise or wait."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

from .showing import Seen, Unchecked


class Silence(StrEnum):
    """Why Redis does not answer, as far as it can be told in a word."""

    UNREACHABLE = "unreachable"
    SLOW = "slow"
    """It answers later than its budget."""
    REFUSED = "refused"
    """It does not take the password, or not the script."""
    FORGETFUL = "forgetful"
    """It evicts what it is told for want of memory, or is a copy of another: it could forget showings."""
    RENEWED = "renewed"
    """Address or secret were changed by a reload."""
    BROKEN = "broken"
    """It says something that is no answer, or is full."""


class Offered(StrEnum):
    """What became of a showing that Redis was told of afterwards, or answered too late."""

    TAKEN = "taken"
    CONFLICT = "conflict"
    """Another node has recorded the same code at another gate meanwhile: a replay that nobody could see in time."""
    EXPIRED = "expired"
    """Its code had ended before Redis was back."""
    DROPPED = "dropped"
    """There were too many to keep."""


class ReplayObserver(Protocol):
    """Told of every showing, and how the memory of several nodes does."""

    def shown(self, seen: Seen, why: Unchecked | None, *, here_only: bool) -> None:
        """Tell what a showing was, why it could not be checked, and whether others could not be asked."""

    def asked(self, seconds: float) -> None:
        """Tell how long a question to Redis took that was answered in time."""

    def shared_gone(self, why: Silence) -> None:
        """Tell that this machine decides alone from now on."""

    def shared_back(self) -> None:
        """Tell that all nodes are asked again."""

    def offered(self, outcome: Offered, count: int = 1) -> None:
        """Tell what became of showings that were recorded here alone."""

    def failed(self, failure: Exception) -> None:
        """Tell of a fault of ours: its type and our own frames, never its text."""


class NobodyWatches:
    """Is told, and tells nobody."""

    def shown(self, seen: Seen, why: Unchecked | None, *, here_only: bool) -> None:
        """See ReplayObserver."""

    def asked(self, seconds: float) -> None:
        """See ReplayObserver."""

    def shared_gone(self, why: Silence) -> None:
        """See ReplayObserver."""

    def shared_back(self) -> None:
        """See ReplayObserver."""

    def offered(self, outcome: Offered, count: int = 1) -> None:
        """See ReplayObserver."""

    def failed(self, failure: Exception) -> None:
        """See ReplayObserver."""


NOBODY_WATCHES: Final = NobodyWatches()
