"""What can be wrong with a log, and where: for the operator, for the reader, for the tests.

Two families, never mixed:

- **LogDegraded**: the disk does not take what it should. It may get well again; nothing that was acknowledged is lost.
- **LogFault** with a **Place**: the log is not what it should be. It is never repaired silently.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.errors import GatewayError


class LogFault(StrEnum):
    """What is wrong with a log. The comment tells what it means to whoever reads it."""

    # the folder
    IN_USE = "in_use"
    """Another process writes it."""
    UNREADABLE = "unreadable"
    """The system refuses to read or make a file."""
    STRAY = "stray"
    """A file that no log has."""
    # the signed head
    CHECKPOINT_MISSING = "checkpoint_missing"
    CHECKPOINT_MALFORMED = "checkpoint_malformed"
    CHECKPOINT_SIGNATURE = "checkpoint_signature"
    """It claims the key, and the key did not sign it: forged or altered."""
    CHECKPOINT_KEY = "checkpoint_key"
    """Signed, but by none of the keys that were named."""
    CHECKPOINT_ORIGIN = "checkpoint_origin"
    """Another log's."""
    ROOT_MISMATCH = "root_mismatch"
    """The tree does not have the root that was signed, and nothing signed tells which part of it is wrong."""
    ROLLED_BACK = "rolled_back"
    """Shorter than it was: entries that were signed for are gone."""
    FORKED = "forked"
    """Not a continuation of an earlier head: two histories of one log."""
    # the tree
    TILE_MISSING = "tile_missing"
    TILE_SIZE = "tile_size"
    """Longer or shorter than it must be."""
    TILE_ALTERED = "tile_altered"
    # the entries
    BUNDLE_MISSING = "bundle_missing"
    BUNDLE_MALFORMED = "bundle_malformed"
    """Its lengths do not fit what is in it."""
    ENTRY_ALTERED = "entry_altered"
    ENTRY_DROPPED = "entry_dropped"
    ENTRY_INSERTED = "entry_inserted"
    """One, or a copy of one, that does not belong there; those after it have moved on."""
    ENTRIES_REORDERED = "entries_reordered"
    ENTRIES_TRUNCATED = "entries_truncated"
    """The last ones are missing."""
    UNDETERMINED = "undetermined"
    """Entries and hashes below an altered tile: which of them are genuine cannot be told."""
    # what is not in tiles yet
    JOURNAL_MISSING = "journal_missing"
    JOURNAL_DAMAGED = "journal_damaged"
    """Broken, with whole records behind the break: no crash does that."""
    JOURNAL_SHORT = "journal_short"
    """Ends before the entries that were signed for."""
    JOURNAL_AHEAD = "journal_ahead"
    """Begins behind the signed head: an older head has been put back, or entries are gone."""
    JOURNAL_DIFFERS = "journal_differs"
    """Has other entries than the tiles."""
    # what has been forgotten on purpose
    STATEMENT_UNPROVEN = "statement_unproven"
    """What says which entries were forgotten is not signed by this log."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a log: a file, and what is known of the entries and bytes in it."""

    file: str
    """Relative to the log's folder; "." for the folder."""
    first: int | None = None
    """Index of the first entry that is concerned."""
    end: int | None = None
    """Index after the last one; with `first`."""
    offset: int | None = None
    """Byte of the file."""

    def __str__(self) -> str:
        parts = [self.file]
        if self.offset is not None:
            parts.append(f"byte {self.offset}")
        if self.first is not None:
            last = self.first if self.end is None else self.end - 1
            parts.append(f"entry {self.first}" if last <= self.first else f"entries {self.first} to {last}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, at one place."""

    fault: LogFault
    place: Place

    def __str__(self) -> str:
        return f"{self.fault.value}: {self.place}"


class LogUnusable(GatewayError):
    """A log cannot be opened or read as it is. Nothing has been changed: look first (`hcgw audit verify`)."""

    def __init__(self, fault: LogFault, place: Place) -> None:
        super().__init__(f"{fault.value}: {place}")
        self.fault = fault
        self.place = place


class DegradedReason(StrEnum):
    """Why a log takes nothing now."""

    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    NOT_PERMITTED = "not_permitted"
    DISK_FAILED = "disk_failed"
    BEHIND = "behind"
    """Entries are durable, but tiles cannot be written, and too many wait for it."""
    CLOSED = "closed"


class LogDegraded(GatewayError):
    """A log takes nothing now. What was acknowledged stays; try again: it recovers without a restart."""

    def __init__(self, reason: DegradedReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


_REASONS: Final = {
    errno.ENOSPC: DegradedReason.DISK_FULL,
    errno.EDQUOT: DegradedReason.DISK_FULL,
    errno.EROFS: DegradedReason.READ_ONLY,
    errno.EACCES: DegradedReason.NOT_PERMITTED,
    errno.EPERM: DegradedReason.NOT_PERMITTED,
}


def degraded(failed: OSError) -> LogDegraded:
    """Return what a failure of the disk means to whoever appends."""
    return LogDegraded(_REASONS.get(failed.errno or 0, DegradedReason.DISK_FAILED))
