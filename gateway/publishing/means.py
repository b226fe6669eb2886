"""What all lists of one ledger work with: the log, the files, the bounds, whoever listens."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from gateway.changes import ListName, SignedBatch, StatusBatch
from gateway.held.layout import raw_bytes
from gateway.held.list_files import ListFiles
from gateway.store.change_log import ChangeLog
from gateway.values import Instant, IssuerId

from .health import StoreHealth
from .observer import LedgerObserver
from .settings import LedgerSettings
from .subscriptions import Subscriptions

T = TypeVar("T")


class BatchWire(Protocol):
    """How batches are encoded. Without state; gateway/rpc has one."""

    def read_batch(self, body: bytes) -> StatusBatch:
        """Return what a batch says, well-formed. Raises: BatchRefused."""
        ...

    def read_signed(self, raw: bytes) -> SignedBatch:
        """Return a signed batch; its body is not looked at. Raises: BatchRefused."""
        ...

    def write_signed(self, signed: SignedBatch) -> bytes:
        """Return a signed batch, encoded."""
        ...


FEW_LISTS: Final = 8
FEW_BYTES: Final = 1 << 30
"""What any issuer may take, if there is room: a gateway may be one province's own."""


class Room:
    """How many lists may be open, and how much they may take: taken before anything is written, given back by name.

    No issuer takes more than half of it, where there is room for several: opening a list needs one signature only, and
    who has one issuer's key should not keep the others from their next epoch.
    """

    def __init__(self, settings: LedgerSettings) -> None:
        """Bound the lists."""
        self._settings = settings
        self._held: dict[ListName, int] = {}
        self._bytes = 0
        self._closed: Counter[IssuerId] = Counter()

    def fits(self, issuer: IssuerId, capacity: int) -> bool:
        """Tell whether there is room for one more list of `issuer`."""
        settings, size = self._settings, raw_bytes(capacity)
        its = [held for name, held in self._held.items() if name.issuer == issuer]
        return (
            len(self._held) < settings.max_lists
            and len(its) < max(FEW_LISTS, settings.max_lists // 2)
            and self._bytes + size <= settings.max_bytes
            and sum(its) + size <= max(FEW_BYTES, settings.max_bytes // 2)
            and self._closed[issuer] < settings.max_closed
        )

    def take(self, name: ListName, capacity: int) -> None:
        """Count a list, whether there is room or not: the log holds it already."""
        self.give_back(name)
        self._held[name] = raw_bytes(capacity)
        self._bytes += self._held[name]

    def give_back(self, name: ListName) -> None:
        """Count a list no more."""
        self._bytes -= self._held.pop(name, 0)

    def close(self, name: ListName) -> None:
        """Count a list as closed: it takes nothing more, and is remembered."""
        self.give_back(name)
        self._closed[name.issuer] += 1


@dataclass(slots=True)
class Means:
    """Handed to every list."""

    log: ChangeLog
    files: ListFiles
    wire: BatchWire
    settings: LedgerSettings
    clock: Callable[[], Instant]
    observer: LedgerObserver
    health: StoreHealth
    room: Room
    subscriptions: Subscriptions
    unsaved: int = 0
    """Changes since the last checkpoint."""
    due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once there are so many that the next checkpoint should not wait."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while many words are written at one go."""
    _files_free: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def with_files(self, work: Callable[[], T]) -> T:
        """Do something with the folder in a thread, one at a time: it waits for the disk.

        Raises: StoreDegraded if the disk does not take it.
        """
        async with self._files_free:
            try:
                return await asyncio.to_thread(work)
            except OSError as failed:
                raise self.health.failed(f"list file: {failed.strerror}") from failed

    def count(self, changes: int) -> None:
        """Count changes that a restart would have to write again."""
        self.unsaved += changes
        if self.unsaved >= self.settings.checkpoint_changes:
            self.due.set()
