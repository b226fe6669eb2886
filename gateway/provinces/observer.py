"""The seam through which the lanes are watched. `gateway/watch` fills it; this room defines no metric and no event."""

from __future__ import annotations

from typing import Final, Protocol

from .breaker import BreakerState
from .profile import ProvinceName

ANSWERED: Final = "answered"
"""The outcome that is no `UpstreamFailure`."""


class ProvinceObserver(Protocol):
    """Is told what happens on the lanes. Must neither raise nor wait. Nothing of a code or an answer is handed over."""

    def asked(self, province: ProvinceName, outcome: str, seconds: float) -> None:
        """Take note of a question that was put, or was not (SHED, RESTING: after 0 seconds).

        `outcome` is ANSWERED or an `UpstreamFailure`.
        """
        ...

    def remembered(self, province: ProvinceName) -> None:
        """Take note of a question that was answered from memory."""
        ...

    def joined(self, province: ProvinceName) -> None:
        """Take note of a question that waits for the answer to an equal one."""
        ...

    def fell_back(self, province: ProvinceName, *, answered: bool) -> None:
        """Take note that the national platform was asked in `province`'s place."""
        ...

    def breaker(self, province: ProvinceName, state: BreakerState) -> None:
        """Take note of a breaker's new state, or of that of a new lane."""
        ...

    def in_flight(self, province: ProvinceName, questions: int) -> None:
        """Take note of how many questions are with the province."""
        ...

    def gone(self, province: ProvinceName) -> None:
        """Take note that a province has no profile any more."""
        ...

    def broke(self, province: ProvinceName, failure: Exception) -> None:
        """Take note of a fault of a dialect of ours. Of `failure` only the type and the frames may be told on."""
        ...


class NobodyWatches:
    """An observer that looks away."""

    def asked(self, province: ProvinceName, outcome: str, seconds: float) -> None:
        """See ProvinceObserver."""

    def remembered(self, province: ProvinceName) -> None:
        """See ProvinceObserver."""

    def joined(self, province: ProvinceName) -> None:
        """See ProvinceObserver."""

    def fell_back(self, province: ProvinceName, *, answered: bool) -> None:
        """See ProvinceObserver."""

    def breaker(self, province: ProvinceName, state: BreakerState) -> None:
        """See ProvinceObserver."""

    def in_flight(self, province: ProvinceName, questions: int) -> None:
        """See ProvinceObserver."""

    def gone(self, province: ProvinceName) -> None:
        """See ProvinceObserver."""

    def broke(self, province: ProvinceName, failure: Exception) -> None:
        """See ProvinceObserver."""


class WatchesCalls:
    """Hands on what happens to questions, and not the state of a lane that stands in for another."""

    def __init__(self, observer: ProvinceObserver) -> None:
        self.asked = observer.asked
        self.remembered = observer.remembered
        self.joined = observer.joined
        self.fell_back = observer.fell_back
        self.gone = observer.gone
        self.broke = observer.broke

    def breaker(self, province: ProvinceName, state: BreakerState) -> None:
        """See ProvinceObserver."""

    def in_flight(self, province: ProvinceName, questions: int) -> None:
        """See ProvinceObserver."""
