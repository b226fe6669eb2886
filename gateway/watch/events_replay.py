"""The log events of the replay guard. Rules as in `events.py`."""

from __future__ import annotations

from dataclasses import dataclass

from .event import Event


@dataclass(frozen=True, slots=True)
class ReplayUnchecked(Event):
    """Codes cannot be checked for being shown twice, and go to a person: `why`, said once a minute."""

    name = "replay_unchecked"
    severity = "error"
    why: str


@dataclass(frozen=True, slots=True)
class ReplayGuardAlone(Event):
    """Redis does not answer: this machine decides alone whether a code was shown before. `why` in a word."""

    name = "replay_guard_alone"
    severity = "warning"
    why: str


@dataclass(frozen=True, slots=True)
class ReplayGuardShared(Event):
    """Redis answers: what other nodes have seen counts again."""

    name = "replay_guard_shared"


@dataclass(frozen=True, slots=True)
class ReplayFound(Event):
    """Codes were shown at gates of two nodes while these could not tell each other: so many, found afterwards."""

    name = "replay_found"
    severity = "warning"
    count: int
