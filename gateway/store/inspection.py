"""What `hcgw db` needs of a log beyond what the gateway does: to look at it whole, and to copy it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from gateway.changes import BatchDigest, ListName

from .change_log import ChangeLog, ListRow


@dataclass(frozen=True, slots=True)
class Tally:
    """What the log holds of one list, counted rather than believed."""

    count: int
    first: int
    """The lowest number; 0 if there is no batch."""
    last: int
    last_digest: BatchDigest | None = field(repr=False)
    fingerprint: bytes = field(repr=False)
    """SHA-256 over number and digest of each batch, in order: two logs that have it alike hold the same batches."""

    @property
    def continuous(self) -> bool:
        """Whether no number is missing in between."""
        return not self.count or self.last - self.first + 1 == self.count


class InspectableLog(ChangeLog, Protocol):
    """A log that tells more of itself."""

    async def based(self, name: ListName) -> ListRow | None:
        """Return a list's row as it was at its base: what another log has to be given before the batches above it.

        None if there is no such list, or if its base is 0: it begins with batch 1. Raises: StoreDegraded.
        """
        ...

    async def tally(self, name: ListName, up_to: int) -> Tally:
        """Count the batches of a list that can be read, up to a number. Raises: StoreDegraded."""
        ...

    async def faults(self) -> Sequence[str]:
        """Return what is wrong with what the log rests on: a damaged file, a server that syncs nothing.

        Raises: StoreDegraded.
        """
        ...


def tallied(pairs: Iterable[tuple[int, bytes]]) -> Tally:
    """Return the tally of numbers and digests, in order."""
    count = first = last = 0
    digest = None
    fingerprint = sha256()
    for number, digest in pairs:
        count += 1
        first, last = first or number, number
        fingerprint.update(number.to_bytes(8) + digest)
    return Tally(count, first, last, None if digest is None else BatchDigest(digest), fingerprint.digest())
