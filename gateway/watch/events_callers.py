"""The log events of the rates of callers. Rules as in `events.py`."""

from __future__ import annotations

from dataclasses import dataclass

from .event import Event


@dataclass(frozen=True, slots=True)
class RatesApart(Event):
    """What others count is not known: this process allows its share of each rate. `why` in a word."""

    name = "rates_apart"
    severity = "warning"
    why: str


@dataclass(frozen=True, slots=True)
class RatesTogether(Event):
    """All processes and nodes count rates together: each allows the whole of a rate."""

    name = "rates_together"
