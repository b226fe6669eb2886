"""What the handlers of StatusService need, in one piece."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.changes import BatchDigest
from gateway.errors import CallerRefused, RefusalReason
from gateway.instants import now
from gateway.publishing.ledger import Ledger
from gateway.rpc.errors import TooManyStreams
from gateway.values import Caller, CallerId, Instant, IssuerId
from keys.signer import Signer

MAX_STREAMS: Final = 8
"""Of changes, of one caller: a gateway of several nodes follows with each of them."""

MAX_SNAPSHOTS: Final = 2
"""At one time, for all callers: each is a copy of a whole list. Others wait."""


def _nobody(_digest: BatchDigest, _caller: Caller) -> Callable[[], None]:
    """Tell nobody."""
    return lambda: None


@dataclass(frozen=True, slots=True)
class StatusDesk:
    """The lists that are held, who may have them, and in whose name snapshots are vouched for."""

    ledger: Ledger
    enrolled: Callable[[Caller], bool]
    """Whether a caller may follow lists. A gateway of the same country, not a gate."""
    gateway: IssuerId
    """This gateway, as trust lists have it."""
    signer: Signer = field(repr=False)
    """Signs snapshots."""
    folder: Path
    """For the copies that snapshots are sent from: as roomy as the largest list, `MAX_SNAPSHOTS` times."""
    clock: Callable[[], Instant] = now
    beat_s: float = 5.0
    """How often a stream of changes says that it lives."""
    stream_s: float = 25 * 60.0
    """A stream of changes ends by itself, and is begun again, before the connection is ended for its age."""
    snapshots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_SNAPSHOTS), repr=False)
    streams: Counter[CallerId] = field(default_factory=Counter, repr=False)
    delivering: Callable[[BatchDigest, Caller], Callable[[], None]] = _nobody
    """Told who delivers a batch before it is submitted; what it returns is called if the batch was not taken from her.
    Neither may raise or wait."""

    def refuse_strangers(self, caller: Caller) -> None:
        """Return if `caller` may follow lists: asked before anything of the request is looked at.

        Raises: CallerRefused (NOT_ENROLLED).
        """
        if not self.enrolled(caller):
            raise CallerRefused(RefusalReason.NOT_ENROLLED)

    @contextmanager
    def streaming(self, caller: Caller) -> Iterator[None]:
        """Count a stream of changes. Raises: TooManyStreams."""
        if self.streams[caller.caller_id] >= MAX_STREAMS:
            raise TooManyStreams
        self.streams[caller.caller_id] += 1
        try:
            yield
        finally:
            self.streams[caller.caller_id] -= 1
            if not self.streams[caller.caller_id]:
                del self.streams[caller.caller_id]
