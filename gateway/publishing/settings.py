"""What can be chosen about lists, and the bounds that cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_IN_ROUND: Final = 64
"""Batches of one list that are appended together."""

MOST_BYTES_IN_ROUND: Final = 4 << 20

READ_BYTES: Final = 8 << 20
"""Of the log at a time, when it is read again."""

WARM_CHANGES: Final = 512
"""A batch of so many brings its list into memory first, in one pass: cold pages one by one take longer from here on."""


WARM_S: Final = 60.0
"""Seconds for which a list that was brought into memory is taken to be there."""

STALL_S: Final = 3.0
"""Seconds after which a log that does not answer is declared as failing; what waits for it is told the truth later."""


class LedgerRefused(ValueError):
    """Lists cannot be held like this. The text is for the operator; it names an option."""


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """How to hold lists."""

    bulk_size: int = 1_000
    """Places that a batch with one signature may write; more need two keys."""
    max_lists: int = 256
    """Lists that are open at one time, of all issuers."""
    max_bytes: int = 2 << 30
    """Bytes that all open lists together may take."""
    max_closed: int = 65_536
    """Closed lists of one issuer: their addresses are remembered for good, so that none comes back."""
    keep_s: float = 14 * 86_400.0
    """Seconds that batches are kept after they were received. Never fewer than it takes to a checkpoint."""
    checkpoint_s: float = 10.0
    """Seconds between two checkpoints; the keeper's task keeps to it."""
    checkpoint_changes: int = 1_000_000
    """Changes after which a checkpoint is due at once: what a restart has to write again."""
    prune_s: float = 60.0
    """Seconds between two looks for batches that need not be kept any more."""
    subscription_batches: int = 4_096
    """Batches that wait for one subscriber; beyond, she has to read the log."""
    subscription_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        """Check what would make a promise of the ledger's untrue. Raises: LedgerRefused."""
        if self.bulk_size < 1:
            raise LedgerRefused("status.bulk_size: at least 1 is required")
        if self.max_lists < 1 or self.max_bytes < 1 or self.max_closed < 1:
            raise LedgerRefused("status.max_lists, status.max_bytes: at least 1 is required")
        if self.keep_s <= 0 or self.checkpoint_s <= 0 or self.prune_s < 0:
            raise LedgerRefused("status.keep_days, status.checkpoint_s: more than 0 is required")
