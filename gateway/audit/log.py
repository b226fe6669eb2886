"""The log as its only writer has it: entries in, tree, tiles and signed heads out.

Rules:

- An entry is acknowledged when the journal that holds it is synced. Tiles and the signed head are written behind, by
  `publish`; the journal is replaced only once they are synced.
- After a failed write or sync the file is not relied on again: the next append first writes a new journal with all that
  was acknowledged and is in no tile yet. So the log gets well when the disk does, without a restart.
- What was refused is nowhere while the process lives. If the machine dies before the next append, a group whose sync
  failed may be found in the journal after all: the disk had it, and nobody could know.
- A log whose signed head, right edge or journal do not fit one another is not opened, and nothing of it is changed.

Blocking, and not to be called by two threads at a time: the owner runs it in one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from gateway.values import Instant
from keys.notes import NoteSigner, NoteVerifier

from .checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from .disk import Disk
from .faults import DegradedReason, LogDegraded, LogFault, LogUnusable, Place, degraded
from .journal import JOURNAL, Journal, read_journal
from .reading import MAX_NOTE_BYTES, TileReader, read_bundle, read_file
from .retention import FORGOTTEN, forget_bundles, read_forgotten, sign_forgotten
from .tiles import CHECKPOINT, MAX_ENTRY_BYTES, TILE_FOLDER, Tile, full_path, pack, tile_at
from .tree import EMPTY_ROOT, TILE_LEVELS, TILE_WIDTH, GrowingTree, leaf_hash, root_of_edges

__all__ = ["AuditLog", "Checkpoint", "LogDegraded", "LogUnusable", "Recovered"]

CUT_BYTES: Final = 1 << 20
"""A journal that is longer is replaced once its entries are in tiles."""
MOST_UNPUBLISHED_BYTES: Final = 64 << 20
"""Of entries that are durable but in no tile yet. Beyond it nothing is taken: a start would take too long."""
MOST_FORGOTTEN: Final = 1 << 20
"""Entries that one call of `forget` deletes."""
MAX_JOURNAL_BYTES: Final = 4 * MOST_UNPUBLISHED_BYTES

_LOCK: Final = "lock"
_MODE: Final = 0o600


class Recovered(NamedTuple):
    """What opening a log has found."""

    entries: int
    """Durable ones that were in no tile yet."""
    torn: Place | None
    """A group that a crash cut short before it was acknowledged, and that was dropped."""


class AuditLog:
    """One writer of one log."""

    def __init__(
        self,
        folder: Path,
        lock: int,
        origin: str,
        signer: NoteSigner,
        verifiers: Sequence[NoteVerifier],
        disk: Disk,
        published: Checkpoint,
    ) -> None:
        """Use `open`."""
        self._folder = folder
        self._lock = lock
        self._origin = origin
        self._signer = signer
        self._verifiers = verifiers
        self._disk = disk
        self._published = published
        self._journal = Journal(folder, disk)
        self._tree = GrowingTree()
        self._bundle: list[bytes] = []
        """Entries of the last bundle, as far as it goes."""
        self._full: list[tuple[int, bytes]] = []
        """Bundles that are full and in no file yet."""
        self._pending: list[bytes] = []
        """Entries behind the published head."""
        self._pending_bytes = 0
        self.recovered = Recovered(0, None)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        origin: str,
        signer: NoteSigner,
        accepts: Iterable[NoteVerifier] = (),
        disk: Disk | None = None,
    ) -> AuditLog:
        """Open a log, or make a new one in a folder that is empty or not there.

        Args: origin: the log's name in its heads, best the signer's too. accepts: keys that signed for this log
        before, after a rotation; the next head is signed by `signer`.

        Raises: LogUnusable: it is written by another process (IN_USE), or not whole; nothing is changed then.
        LogDegraded: a new log cannot be made now.
        """
        disk = disk or Disk()
        verifiers = (signer.verifier, *accepts)
        try:
            disk.make_folder(folder)
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as failed:
            raise degraded(failed) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            published = _published(folder, origin, verifiers)
            if published is None:
                published = sign_checkpoint(origin, 0, EMPTY_ROOT, signer, None)
                disk.put_all([(folder / CHECKPOINT, published.note)])
            log = cls(folder, lock, origin, signer, verifiers, disk, published)
            log._recover()
        except BaseException as failed:
            os.close(lock)
            if isinstance(failed, BlockingIOError):
                raise LogUnusable(LogFault.IN_USE, Place(".")) from None
            if isinstance(failed, OSError):
                raise degraded(failed) from None
            raise
        return log

    @property
    def size(self) -> int:
        """Entries that are durable."""
        return self._tree.size

    @property
    def published(self) -> Checkpoint:
        """The last signed head that is durable."""
        return self._published

    @property
    def forgotten(self) -> int:
        """How many entries, from the first, have been deleted. Raises: LogUnusable."""
        return read_forgotten(self._folder, self._origin, self._verifiers).before

    def append(self, entries: Sequence[bytes]) -> int:
        """Make entries durable, all or none, and return the index of the first.

        Many at a time share one sync. Not checked: what they say, and whether they are there already.

        Raises: LogDegraded: nothing was appended. ValueError: one has more than MAX_ENTRY_BYTES.
        """
        first = self._tree.size
        if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
            raise ValueError("an entry is too long")
        if self._lock < 0:
            raise LogDegraded(DegradedReason.CLOSED)
        if not entries:
            return first
        if self._pending_bytes > MOST_UNPUBLISHED_BYTES:
            raise LogDegraded(DegradedReason.BEHIND)
        try:
            if not self._journal.is_open:
                self._journal.replace(self._published.size, self._pending)
            self._journal.append(first, entries)
        except OSError as failed:
            raise degraded(failed) from None
        self._take(entries)
        return first

    def publish(self, at: Instant) -> Checkpoint:
        """Bring all durable entries into tiles and sign a head over them; without new ones the last head is returned.

        1. Bundles and tiles, full ones and those at the right edge. 2. The head. 3. A long journal is replaced, and
        partial tiles that have become full are removed: a failure there is tried again another time.

        Raises: LogDegraded: the head before stands, and the next call does it all again.
        """
        if self._lock < 0:
            raise LogDegraded(DegradedReason.CLOSED)
        if self._tree.size == self._published.size:
            self._published = replace(self._published, at=at)
            return self._published
        full = self._tree.full
        try:
            self._disk.put_all((self._folder / file, data) for file, data in self._files())  # 1
            head = sign_checkpoint(self._origin, self._tree.size, self._tree.root(), self._signer, at)
            self._disk.put_all([(self._folder / CHECKPOINT, head.note)])  # 2
        except OSError as failed:
            raise degraded(failed) from None
        done = [Tile(level, number, TILE_WIDTH) for level, number, _ in full]
        done += [Tile(None, number, TILE_WIDTH) for number, _ in self._full]
        self._published = head
        self._full, self._tree.full, self._pending, self._pending_bytes = [], [], [], 0
        with suppress(OSError):  # 3
            if self._journal.length > CUT_BYTES or not self._journal.is_open:
                self._journal.replace(head.size, ())
            for tile in done:
                remove_partials(self._folder, tile)
        return head

    def forget(self, before_index: int, at: Instant) -> int:
        """Delete the entries below an index, whole bundles of them, and return the index of the first that is kept.

        At most MOST_FORGOTTEN at a time, so that no append waits for long: call it again until nothing changes. A
        signed statement of it is durable before anything is deleted. Hashes stay: proofs and heads of before hold.
        What it promises: docs/audit.md, "Forgetting". Entries that are in no published head are never deleted.

        Raises: LogDegraded: some may still be there; call it again. LogUnusable with STATEMENT_UNPROVEN.
        """
        if self._lock < 0:
            raise LogDegraded(DegradedReason.CLOSED)
        before = self.forgotten
        asked = min(before_index, self._published.size, before + MOST_FORGOTTEN)
        kept = max(asked // TILE_WIDTH * TILE_WIDTH, before)
        try:
            if kept > before:
                # The journal may still hold what is about to be forgotten.
                self._journal.replace(self._published.size, self._pending)
                statement = sign_forgotten(self._origin, kept, at, self._signer)
                self._disk.put_all([(self._folder / FORGOTTEN, statement)])
            forget_bundles(self._folder, self._disk, kept)
        except OSError as failed:
            raise degraded(failed) from None
        return kept

    def forget_while(self, is_old: Callable[[bytes], bool], at: Instant) -> int:
        """Forget from the first entry on, bundle by bundle, for as long as the last entry of a bundle is old.

        Raises: as `forget`; LogUnusable: a bundle cannot be read.
        """
        kept = self.forgotten
        end = min(self._published.size, kept + MOST_FORGOTTEN)
        while kept + TILE_WIDTH <= end:
            bundle = Tile(None, kept >> TILE_LEVELS, TILE_WIDTH)
            entries = read_bundle(self._folder, bundle)
            if not entries:
                raise LogUnusable(LogFault.BUNDLE_MISSING, Place(bundle.path, bundle.first, bundle.end))
            if not is_old(entries[-1]):
                break
            kept += TILE_WIDTH
        return self.forget(kept, at)

    def last(self, most: int) -> list[bytes]:
        """Return the last entries that are durable and kept, at most `most`, in order.

        Raises: LogUnusable: a bundle cannot be read.
        """
        found = self._pending[-most:] if most > 0 else []
        begin, end = self.forgotten, self._published.size
        while len(found) < most and end > begin:
            bundle = tile_at(self._published.size, None, (end - 1) >> TILE_LEVELS)
            entries = read_bundle(self._folder, bundle)
            if entries is None:
                raise LogUnusable(LogFault.BUNDLE_MISSING, Place(bundle.path, bundle.first, bundle.end))
            found = [*entries, *found]
            end = bundle.first
        return found[-most:] if most > 0 else []

    def close(self) -> None:
        """Let go of the folder. Publishes nothing: what is durable and in no tile is taken up by the next `open`."""
        if self._lock >= 0:
            self._journal.close()
            os.close(self._lock)
            self._lock = -1

    def _take(self, entries: Iterable[bytes]) -> None:
        """Put entries that are durable into the tree."""
        tree, bundle = self._tree, self._bundle
        for entry in entries:
            bundle.append(entry)
            tree.add(leaf_hash(entry))
            if len(bundle) == TILE_WIDTH:
                self._full.append(((tree.size >> TILE_LEVELS) - 1, pack(bundle)))
                bundle.clear()
            self._pending.append(entry)
            self._pending_bytes += len(entry)

    def _files(self) -> Iterable[tuple[str, bytes]]:
        """Yield the files that a head over all entries needs and that may not be there."""
        for number, bundle in self._full:
            yield full_path(None, number), bundle
        for level, number, hashes in self._tree.full:
            yield full_path(level, number), hashes
        size = self._tree.size
        if self._bundle:
            yield tile_at(size, None, size >> TILE_LEVELS).path, pack(self._bundle)
        for level, edge in enumerate(self._tree.edges):
            if edge:
                yield tile_at(size, level, size >> TILE_LEVELS * (level + 1)).path, b"".join(edge)

    def _recover(self) -> None:
        """Go on where the last writer stopped.

        1. The right edge. 2. Its entries. 3. The journal. 4. A new one, and what a crash has left of forgotten entries.

        Raises: LogUnusable.
        """
        folder, head = self._folder, self._published
        # 1
        edges = TileReader(folder, head.size).edges()
        if root_of_edges(edges) != head.root:
            raise LogUnusable(LogFault.ROOT_MISMATCH, Place(CHECKPOINT, 0, head.size))
        self._tree = GrowingTree(head.size, edges)
        # 2
        rest = head.size % TILE_WIDTH
        if rest:
            self._bundle = _last_bundle(folder, tile_at(head.size, None, head.size >> TILE_LEVELS), edges[0])
        # 3
        data = read_file(folder, JOURNAL, MAX_JOURNAL_BYTES)
        torn = None
        entries: Sequence[bytes] = ()
        if data is not None:
            found = read_journal(data)
            check_journal(found.first, found.entries, head.size, self._bundle)
            entries = found.entries[head.size - found.first :]
            torn = None if found.torn_at is None else Place(JOURNAL, offset=found.torn_at)
        elif head.size or (folder / TILE_FOLDER).exists():
            raise LogUnusable(LogFault.JOURNAL_MISSING, Place(JOURNAL))
        self._take(entries)
        self.recovered = Recovered(len(entries), torn)
        # 4: a disk that takes nothing now may do so later, and then the next append replaces it
        with suppress(OSError):
            self._journal.replace(head.size, self._pending)
            if before := self.forgotten:
                forget_bundles(folder, self._disk, before)


def check_journal(first: int, entries: Sequence[bytes], size: int, last_bundle: Sequence[bytes]) -> None:
    """Check that a journal goes with a head over `size` entries, of which `last_bundle` are the last ones.

    Raises: LogUnusable: JOURNAL_AHEAD, JOURNAL_SHORT, JOURNAL_DIFFERS.
    """
    end = first + len(entries)
    if first > size:
        raise LogUnusable(LogFault.JOURNAL_AHEAD, Place(JOURNAL, size, first))
    if end < size:
        raise LogUnusable(LogFault.JOURNAL_SHORT, Place(JOURNAL, end, size))
    start = size - len(last_bundle)
    for index in range(max(first, start), size):
        if entries[index - first] != last_bundle[index - start]:
            raise LogUnusable(LogFault.JOURNAL_DIFFERS, Place(JOURNAL, index, index + 1))


def remove_partials(folder: Path, tile: Tile) -> None:
    """Remove what stood for a tile before it was full. Raises: OSError."""
    partials = folder / (full_path(tile.level, tile.number) + ".p")
    if partials.is_dir():
        for path in partials.iterdir():
            path.unlink()
        partials.rmdir()


def _published(folder: Path, origin: str, verifiers: Sequence[NoteVerifier]) -> Checkpoint | None:
    """Return the head that stands; None in a new folder. Raises: LogUnusable."""
    data = read_file(folder, CHECKPOINT, MAX_NOTE_BYTES)
    if data is not None:
        return open_checkpoint(data, verifiers, origin)
    if (folder / JOURNAL).exists() or (folder / TILE_FOLDER).exists():
        raise LogUnusable(LogFault.CHECKPOINT_MISSING, Place(CHECKPOINT))
    return None


def _last_bundle(folder: Path, bundle: Tile, hashes: Sequence[bytes]) -> list[bytes]:
    """Return the entries of a partial bundle. Raises: LogUnusable: they are not those of the tile."""
    entries = read_bundle(folder, bundle)
    if entries is None:
        raise LogUnusable(LogFault.BUNDLE_MISSING, Place(bundle.path, bundle.first, bundle.end))
    if len(entries) != bundle.width:
        raise LogUnusable(LogFault.BUNDLE_MALFORMED, Place(bundle.path, bundle.first, bundle.end))
    for index, (entry, known) in enumerate(zip(entries, hashes, strict=True), bundle.first):
        if leaf_hash(entry) != known:
            raise LogUnusable(LogFault.ENTRY_ALTERED, Place(bundle.path, index, index + 1))
    return list(entries)
