"""Whether a log is what was signed, and if not: what is wrong with it, and where.

Rules:

- Everything is hashed anew from the entries, and compared with every tile, the signed head and the journal.
- What is genuine is told from the signed head downwards, so that of an entry and its hash the altered one is named.
- A running gateway may write meanwhile: what is read is judged by heads that were there before and after it.
- Faults are found, not raised. Nothing is changed.

What it cannot tell: that a shorter, older state of the whole folder was put back, unless an earlier head is given that
says more; that other readers were shown another head (`compare.py`); whether entries are true.

Source: RFC 6962, section 2.1; C2SP tlog-tiles, tlog-checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keys.notes import NoteVerifier

from .checkpoint import Checkpoint, open_checkpoint
from .compare import trusted_tiles
from .faults import Finding, LogFault, LogUnusable, Place
from .genuine import GenuineTree
from .journal import JOURNAL, Found, read_journal
from .log import MAX_JOURNAL_BYTES
from .reading import MAX_NOTE_BYTES, TileReader, read_file
from .retention import Forgotten, read_forgotten
from .strays import find_strays
from .tiles import CHECKPOINT
from .tree import TILE_LEVELS, TILE_WIDTH, leaf_hash

MAX_FINDINGS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a log."""

    head: Checkpoint | None
    """What was signed; None: there is no head that can be believed, and nothing behind it was judged."""
    checked: int
    """Entries that were hashed and compared."""
    forgotten: Forgotten | None
    """What was deleted on purpose, by a signed statement."""
    unsigned: int
    """Entries in the journal behind the head: durable, not signed for yet."""
    torn: Place | None
    """A group at the journal's end that a crash, or a write that is going on, has left unfinished. No fault."""
    findings: Sequence[Finding]
    """What is wrong, at most MAX_FINDINGS."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify_log(
    folder: Path,
    verifiers: Iterable[NoteVerifier],
    *,
    origin: str | None = None,
    earlier: Mapping[str, bytes] | None = None,
) -> Report:
    """Check a whole log.

    1. The signed head, the statement of what was forgotten. 2. Entries, tiles, head. 3. Earlier heads. 4. The journal.
    5. Files that do not belong there.

    Args: verifiers: the log's public keys. origin: the name that its heads must have; None: the one of the key that
    signed. earlier: heads that were kept elsewhere, by what to call them; each must be continued by this log.
    """
    keys = tuple(verifiers)
    findings: list[Finding] = []
    # 1
    try:
        before, journal, head = _heads_around_journal(folder, keys, origin, findings)
    except LogUnusable as unusable:
        return Report(None, 0, None, 0, None, [Finding(unusable.fault, unusable.place)])
    forgotten = None
    try:
        forgotten = read_forgotten(folder, head.origin, keys)
    except LogUnusable as unusable:
        findings.append(Finding(unusable.fault, unusable.place))
    # 2
    last_tile = head.size >> TILE_LEVELS
    from_tile = last_tile if journal is None else min(journal.first >> TILE_LEVELS, last_tile)
    tree = GenuineTree(folder, head, forgotten.before if forgotten else 0, from_tile, findings)
    tree.check(known_good=_known_good(folder, head, keys, earlier or {}))
    if any(found.fault is LogFault.BUNDLE_MISSING for found in findings):
        forgotten = _without_forgotten_since(folder, head, keys, forgotten, findings)
    # 3
    for name, data in (earlier or {}).items():
        findings += [one for one in _against_earlier(folder, head, keys, name, data) if one not in findings]
    # 4
    unsigned = 0
    if journal is not None:
        findings.extend(_against_tiles(journal, before.size, head.size, tree))
        unsigned = max(journal.first + len(journal.entries) - head.size, 0)
    # 5
    findings.extend(find_strays(folder, head.size, lambda: _durable(folder, keys, head.origin), tree))
    return Report(
        head,
        tree.checked,
        forgotten if forgotten and forgotten.before else None,
        unsigned,
        None if journal is None or journal.torn_at is None else Place(JOURNAL, offset=journal.torn_at),
        findings[:MAX_FINDINGS],
    )


def _heads_around_journal(
    folder: Path, keys: Sequence[NoteVerifier], origin: str | None, findings: list[Finding]
) -> tuple[Checkpoint, Found | None, Checkpoint]:
    """Return the head before the journal was read, the journal (None: it tells nothing), and the head after.

    Raises: LogUnusable: there is no head that can be believed.
    """
    before = _head(folder, keys, origin)
    journal = None
    try:
        data = read_file(folder, JOURNAL, MAX_JOURNAL_BYTES)
        if data is not None:
            journal = read_journal(data)
        elif before.size:
            findings.append(Finding(LogFault.JOURNAL_MISSING, Place(JOURNAL)))
    except LogUnusable as unusable:
        findings.append(Finding(unusable.fault, unusable.place))
    return before, journal, _head(folder, keys, origin)


def _durable(folder: Path, keys: Sequence[NoteVerifier], origin: str) -> int:
    """Return how many entries are durable now."""
    durable = 0
    with suppress(LogUnusable):
        data = read_file(folder, JOURNAL, MAX_JOURNAL_BYTES)
        if data is not None:
            found = read_journal(data)
            durable = found.first + len(found.entries)
    with suppress(LogUnusable):
        durable = max(durable, _head(folder, keys, origin).size)
    return durable


def _without_forgotten_since(
    folder: Path,
    head: Checkpoint,
    keys: Sequence[NoteVerifier],
    forgotten: Forgotten | None,
    findings: list[Finding],
) -> Forgotten | None:
    """Take back what was found missing and has been forgotten meanwhile; return the statement that says so."""
    with suppress(LogUnusable):
        forgotten = read_forgotten(folder, head.origin, keys)
        for found in list(findings):
            if found.fault is LogFault.BUNDLE_MISSING and (found.place.end or 0) <= forgotten.before:
                findings.remove(found)
    return forgotten


def _head(folder: Path, keys: Sequence[NoteVerifier], origin: str | None) -> Checkpoint:
    data = read_file(folder, CHECKPOINT, MAX_NOTE_BYTES)
    if data is None:
        raise LogUnusable(LogFault.CHECKPOINT_MISSING, Place(CHECKPOINT))
    return open_checkpoint(data, keys, origin)


def _known_good(folder: Path, head: Checkpoint, keys: Sequence[NoteVerifier], earlier: Mapping[str, bytes]) -> int:
    """Return up to which entry the tiles lead to an earlier head: what is wrong lies behind it."""
    good = 0
    for name, data in earlier.items():
        try:
            found = open_checkpoint(data, keys, head.origin, name)
            if found.size <= head.size and TileReader(folder, head.size).prefix_root(found.size) == found.root:
                good = max(good, found.size)
        except LogUnusable:
            continue  # told by `_against_earlier`
    return good


def _against_earlier(
    folder: Path, head: Checkpoint, keys: Sequence[NoteVerifier], name: str, data: bytes
) -> list[Finding]:
    """Return what an earlier head says against this log."""
    try:
        found = open_checkpoint(data, keys, head.origin, name)
        if found.size > head.size:
            return [Finding(LogFault.ROLLED_BACK, Place(CHECKPOINT, head.size, found.size))]
        tiles = trusted_tiles(folder, head)
        whole = found.root == head.root if found.size == head.size else tiles.prefix_root(found.size) == found.root
    except LogUnusable as unusable:
        return [Finding(unusable.fault, unusable.place)]
    return [] if whole else [Finding(LogFault.FORKED, Place(name, 0, found.size))]


def _against_tiles(journal: Found, before: int, size: int, tree: GenuineTree) -> list[Finding]:
    """Return where a journal does not go with the heads around it and the entries in tiles."""
    end = journal.first + len(journal.entries)
    if journal.first > size:
        return [Finding(LogFault.JOURNAL_AHEAD, Place(JOURNAL, size, journal.first))]
    if end < before:
        return [Finding(LogFault.JOURNAL_SHORT, Place(JOURNAL, end, before))]
    for index, entry in enumerate(journal.entries[: max(size - journal.first, 0)], journal.first):
        leaves = tree.leaves(index >> TILE_LEVELS)
        if leaves is not None and leaf_hash(entry) != leaves[index % TILE_WIDTH]:
            return [Finding(LogFault.JOURNAL_DIFFERS, Place(JOURNAL, index, index + 1))]
    return []
