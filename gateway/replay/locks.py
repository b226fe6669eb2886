"""Who may write where in a memory that several processes map.

Rules:

- Record locks (fcntl): the kernel lifts them when their holder dies, however it dies, so nobody inherits a lock.
- They are of the process: within one process there is one thread that shows codes.
- A holder that is stopped keeps its lock. Nobody waits for it longer than `PATIENCE_S`, and whoever has waited in vain
  does not wait there again for a while.
- The lock is not waited for in the kernel: a wait that ends would need a signal.

Source: fcntl(2), "Advisory record locking".
"""

from __future__ import annotations

import errno
import fcntl
import time
from collections.abc import Callable
from typing import Final, Protocol

PATIENCE_S: Final = 0.1
"""A holder needs microseconds; one that lost its core in between some milliseconds, on a crowded machine more."""

STUCK_S: Final = 1.0
"""Seconds for which a place where the patience ran out is not waited at again."""

_LONGEST_NAP_S: Final = 0.002
_TAKE: Final = fcntl.LOCK_EX | fcntl.LOCK_NB
_HELD: Final = (errno.EAGAIN, errno.EACCES)


class Locks(Protocol):
    """Locks over numbered stripes."""

    def take(self, first: int, count: int = 1) -> bool:
        """Lock `count` stripes from `first`; tell whether that was to be had. Raises: OSError if locks do not work."""
        ...

    def give_back(self, first: int, count: int = 1) -> None:
        """Unlock them. Raises: OSError."""
        ...


class NoLocks:
    """For a memory that one thread alone uses."""

    def take(self, first: int, count: int = 1) -> bool:  # noqa: ARG002 the protocol's signature
        """See Locks."""
        return True

    def give_back(self, first: int, count: int = 1) -> None:
        """See Locks."""


class RecordLocks:
    """Locks by the bytes of a descriptor that all processes have. See Locks.

    Closing any descriptor of that file gives up all its locks: this process must keep those that it has.
    """

    __slots__ = ("_descriptor", "_monotonic", "_patience_s", "_sleep", "_stuck")

    def __init__(
        self,
        descriptor: int,
        *,
        patience_s: float = PATIENCE_S,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._descriptor = descriptor
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._stuck: dict[int, float] = {}

    def take(self, first: int, count: int = 1) -> bool:
        """See Locks."""
        try:
            fcntl.lockf(self._descriptor, _TAKE, count, first)
        except OSError as refused:
            if refused.errno not in _HELD:
                raise
        else:
            return True
        return self._wait(first, count)

    def give_back(self, first: int, count: int = 1) -> None:
        """See Locks."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, count, first)

    def _wait(self, first: int, count: int) -> bool:
        began = self._monotonic()
        if began < self._stuck.get(first, 0.0):
            return False
        nap_s = 0.000_02
        while self._monotonic() - began < self._patience_s:
            self._sleep(nap_s)
            nap_s = min(2 * nap_s, _LONGEST_NAP_S)
            try:
                fcntl.lockf(self._descriptor, _TAKE, count, first)
            except OSError as refused:
                if refused.errno not in _HELD:
                    raise
            else:
                self._stuck.pop(first, None)
                return True
        self._stuck[first] = self._monotonic() + STUCK_S
        return False
