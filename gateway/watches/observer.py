"""The seam through which watches are watched. `gateway/watch` fills it. No handle is handed over, nothing of a code."""

from __future__ import annotations

from typing import Protocol


class WatchObserver(Protocol):
    """Is told of watches. Must neither raise nor wait."""

    def watches_held(self, watches: int, codes: int) -> None:
        """Take note of how many watches there are, and how many codes are watched in them."""
        ...

    def code_changed(self, seconds: float) -> None:
        """Take note that a verdict changed, `seconds` after what changed it was known here."""
        ...

    def watch_lost(self) -> None:
        """Take note that a caller could not go on with a watch."""
        ...

    def judging_failed(self, failure: Exception) -> None:
        """Take note of a bug. Of `failure` only the type and the frames may be told on."""
        ...


class NobodyObserves:
    """An observer that looks away."""

    def watches_held(self, watches: int, codes: int) -> None:
        """See WatchObserver."""

    def code_changed(self, seconds: float) -> None:
        """See WatchObserver."""

    def watch_lost(self) -> None:
        """See WatchObserver."""

    def judging_failed(self, failure: Exception) -> None:
        """See WatchObserver."""
