"""Who gets in: from a connection to a caller with rights, asked anew at each call, so that a reload shows.

`gateway/callers` knows no transport; this is what the server asks it with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.callers.rights import EVERYTHING, RightsOf, everyone_may
from gateway.callers.roots import DomainRoots
from gateway.instants import now
from gateway.values import Instant


@dataclass(frozen=True, slots=True)
class Admission:
    """What is in force. Immutable: a reload puts another in its place."""

    rights_of: RightsOf
    roots: DomainRoots | None = None
    """None: authorities are not told apart, and whoever TLS lets in is who her certificate says."""
    clock: Callable[[], Instant] = now
    """The system's, also where codes are judged by another: certificates are of now."""


ANYBODY: Final = Admission(everyone_may(EVERYTHING))
"""Of a server that leaves it to its handlers who may ask what: for tests and tools."""


def anybody() -> Admission:
    """Return ANYBODY."""
    return ANYBODY
