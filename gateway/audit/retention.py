"""What a log has forgotten on purpose, and how it is told from what somebody has taken away.

- Entries are deleted bundle by bundle, from the first on; hash tiles stay. What an entry said is gone with it, because
  each carries random bytes of its own: its hash cannot be guessed at.
- Before anything is deleted a signed statement says up to which index. Bundles that are missing below it are forgotten;
  above it they are missing. Whoever deletes without the log's key cannot make one.

The statement is a signed note: a line that names its kind, the log's origin, the index of the first entry that is kept,
the time. A head never begins with the name of its kind, so neither is taken for the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.instants import format_instant, parse_instant
from gateway.values import Instant
from keys.notes import NoteRefused, NoteSigner, NoteVerifier, open_note

from .disk import Disk
from .faults import LogFault, LogUnusable, Place
from .reading import MAX_NOTE_BYTES, read_file
from .tiles import full_path
from .tree import TILE_LEVELS, TILE_WIDTH

FORGOTTEN: Final = "forgotten"
KIND: Final = "hcgw-audit-forgotten/v1"
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES: Final = 4
_GROUP: Final = 1000
"""Numbers that one part of a path tells apart."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Up to where a log has forgotten."""

    origin: str
    before: int
    """Index of the first entry that is kept; 0: nothing was forgotten. A multiple of 256."""
    at: Instant | None


def sign_forgotten(origin: str, before: int, at: Instant, signer: NoteSigner) -> bytes:
    """Return the statement, signed, that stands in the file FORGOTTEN. `before` is a multiple of 256."""
    return signer.sign(f"{KIND}\n{origin}\n{before}\n{format_instant(at)}\n")


def read_forgotten(folder: Path, origin: str, verifiers: Iterable[NoteVerifier]) -> Forgotten:
    """Return what a log says that it has forgotten; without a statement: nothing.

    Raises: LogUnusable with STATEMENT_UNPROVEN: not signed by one of `verifiers`, or about another log.
    """
    data = read_file(folder, FORGOTTEN, MAX_NOTE_BYTES)
    if data is None:
        return Forgotten(origin, 0, None)
    with suppress(NoteRefused, ValueError):
        lines = open_note(data, verifiers).text.split("\n")[:-1]
        if len(lines) == _LINES and lines[:2] == [KIND, origin] and _NUMBER.fullmatch(lines[2]):
            before = int(lines[2])
            if before % TILE_WIDTH == 0:
                return Forgotten(origin, before, parse_instant(lines[3]))
    raise LogUnusable(LogFault.STATEMENT_UNPROVEN, Place(FORGOTTEN))


def forget_bundles(folder: Path, disk: Disk, before: int) -> None:
    """Delete the bundles of all entries below `before`, partial ones included, and sync. Raises: OSError.

    What a crash has left of an earlier time is deleted too.
    """
    top = folder / full_path(None, 0)
    _forget_below(top.parent, 0, before >> TILE_LEVELS, disk)


def _forget_below(here: Path, prefix: int, end: int, disk: Disk) -> bool:
    """Delete the bundles with numbers below `end` out of one folder and those in it; tell whether any is left.

    `prefix`: the number that the folder's own name stands for.
    """
    try:
        names = sorted(path.name for path in here.iterdir())
    except FileNotFoundError:
        return False
    left = changed = False
    for name in names:
        path = here / name
        digits = name.removeprefix("x").removesuffix(".p")
        number = prefix * _GROUP + int(digits) if digits.isascii() and digits.isdecimal() else end
        if number >= end:
            left = True
        elif name.startswith("x"):
            if _forget_below(path, number, end, disk):
                left = True
            else:
                path.rmdir()
                changed = True
        elif name.endswith(".p"):
            for partial in list(path.iterdir()):
                disk.unlink(partial)
            path.rmdir()
            changed = True
        else:
            disk.unlink(path)
            changed = True
    if changed:
        disk.sync_folder(here)
    return left
