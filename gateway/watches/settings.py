"""What can be chosen about watches, and why one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.errors import GatewayError

BYTES_OF_CODE: Final = 1_024
"""What codes may take, for each that may be watched: a native code has some 500, few have more."""


class WatchRefusal(StrEnum):
    """Why a watch is not opened, or ends. The names are those on the wire (ErrorInfo.reason): additions only."""

    TOO_MANY_WATCHES = "WATCH_TOO_MANY"
    """The caller has as many open streams as she may have."""
    TOO_MANY_CODES = "WATCH_TOO_MANY_CODES"
    """The caller, or all callers together, would have more codes watched than there is room for."""
    TAKEN_OVER = "WATCH_TAKEN_OVER"
    """Another stream of the same caller goes on with this watch."""


class WatchRefused(GatewayError):
    """A watch is not opened, takes no more codes, or is gone on with elsewhere. What it holds already stays."""

    def __init__(self, refusal: WatchRefusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How much, and for how long."""

    watches_per_caller: int = 16
    codes_per_caller: int = 100_000
    """Codes watched in all watches of one caller: the passengers of a large airport's day."""
    capacity: int = 500_000
    """Codes watched in all: each takes some 2 KB."""
    resume_s: float = 900.0
    """Seconds after a cut that a watch waits to be gone on with."""
    again_s: float = 600.0
    """Seconds after which a code is judged again though nobody said anything: rules, keys and risks have times too."""
