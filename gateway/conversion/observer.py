"""The seam through which conversions are watched. `gateway/watch` fills it; nothing of a code is handed over."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from gateway.values import CodeState


class ConversionOutcome(StrEnum):
    """What came of a wish for a converted code. Labels of a metric: additions only."""

    CONVERTED = "converted"
    NOT_LET_THROUGH = "not_let_through"
    """The measure is neither PASS nor LIMITED."""
    SUSPECTED = "suspected"
    """The original was shown elsewhere already: the converted code would be a fresh one that nobody suspects."""
    ALREADY_CONVERTED = "already_converted"
    """The original is a converted code itself: nothing is laundered through two gateways."""
    UNNAMED = "unnamed"
    """The original's issuer has no division, or a name that a native code cannot hold."""
    UNDATED = "undated"
    """Nobody knows when its issuer said so: a converted code would pass for fresh."""
    ENDING = "ending"
    """The original has no whole second left."""
    FULL = "full"
    """As many converted codes live as are allowed, in all, of this original, or of its province."""


class RecheckOutcome(StrEnum):
    """What a new look at an original gave. Labels of a metric: additions only."""

    STANDS = "stands"
    WORSE = "worse"
    """A state that is worse, or one that does not go with that of the converted code."""
    SILENT = "silent"
    """Nothing was learnt."""


class ConversionObserver(Protocol):
    """Is told of conversions. Must neither raise nor wait."""

    def conversion_asked(self, outcome: ConversionOutcome) -> None:
        """Take note of what came of a wish for a converted code."""
        ...

    def conversions_live(self, count: int) -> None:
        """Take note of how many converted codes live."""
        ...

    def conversion_marked(self, state: CodeState) -> None:
        """Take note that the place of a converted code now reads `state`."""
        ...

    def original_rechecked(self, outcome: RecheckOutcome) -> None:
        """Take note of a new look at an original."""
        ...

    def recheck_failed(self, failure: Exception) -> None:
        """Take note of a bug. Of `failure` only the type and the frames may be told on."""
        ...


class NobodyObserves:
    """An observer that looks away."""

    def conversion_asked(self, outcome: ConversionOutcome) -> None:
        """See ConversionObserver."""

    def conversions_live(self, count: int) -> None:
        """See ConversionObserver."""

    def conversion_marked(self, state: CodeState) -> None:
        """See ConversionObserver."""

    def original_rechecked(self, outcome: RecheckOutcome) -> None:
        """See ConversionObserver."""

    def recheck_failed(self, failure: Exception) -> None:
        """See ConversionObserver."""
