"""Whether the store takes what must survive: declared by the first failure, over when it was tried and works.

While it is degraded nothing is tried but by a probe: nobody waits for a disk that is known to fail.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from gateway.changes import StoreDegraded

from .observer import LedgerObserver

T = TypeVar("T")


class StoreHealth:
    """The state of one ledger's store."""

    def __init__(self, observer: LedgerObserver) -> None:
        """Begin well."""
        self._observer = observer
        self.degraded = False
        self.why = ""
        """What failed first, for the operator."""

    def refuse(self) -> None:
        """Raise StoreDegraded while the store is known not to work."""
        if self.degraded:
            raise StoreDegraded(self.why)

    async def tried(self, call: Awaitable[T]) -> T:
        """Return what `call` of the store gives; its failure is declared. Raises: StoreDegraded, and what it raises."""
        try:
            return await call
        except StoreDegraded as failed:
            self.failed(str(failed))
            raise

    def failed(self, why: str) -> StoreDegraded:
        """Declare the store degraded; return what to raise."""
        if not self.degraded:
            self.degraded, self.why = True, why
            self._observer.store_degraded(why)
        return StoreDegraded(why)

    def well(self) -> None:
        """Declare that it works again."""
        if self.degraded:
            self.degraded, self.why = False, ""
            self._observer.store_well()
