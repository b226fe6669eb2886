"""What the commands of `hcgw audit` share: keys and heads as they are given, and how a command ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from gateway.audit.checkpoint import Checkpoint, open_checkpoint
from gateway.audit.compare import trusted_tiles
from gateway.audit.faults import LogFault, LogUnusable
from gateway.audit.reading import TileReader
from gateway.audit.tiles import CHECKPOINT
from keys.notes import NoteRefused, NoteVerifier

VALID: Final = 0
NOT_VALID: Final = 1
USAGE: Final = 2
UNKNOWN: Final = 3

MOST_BYTES: Final = 256 * 1024
"""Of any file that is given: a key, a head, a proof, an entry."""

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The log: as in /var/lib/hcgw/audit/decisions.")]
Vkeys = Annotated[
    list[str],
    typer.Option(metavar="KEY|FILE", help="The log's public key, as hcgw audit key prints it. Repeatable."),
]


def note_keys(command: str, given: Sequence[str]) -> list[NoteVerifier]:
    """Return the keys that were given, each as its text or as a file of such lines. Ends the command with USAGE."""
    found = []
    for text in given:
        is_key = text.count("+") > 1 and not Path(text).is_file()
        lines = text if is_key else read(command, Path(text)).decode("utf-8", "replace")
        try:
            found += [NoteVerifier.from_vkey(line) for line in lines.split("\n") if line.strip()]
        except NoteRefused as refused:
            refuse(command, f"--vkey: no public key of a log ({refused.fault.value})")
    if not found:
        refuse(command, "--vkey: there is no key in it")
    return found


def head_of(command: str, place: Path, keys: Sequence[NoteVerifier]) -> Checkpoint:
    """Return the signed head in a file, or of the log in a folder. Ends the command if it cannot be believed."""
    file = place / CHECKPOINT if place.is_dir() else place
    try:
        return open_checkpoint(read(command, file), keys, None, str(file))
    except LogUnusable as unusable:
        end(command, status_of(unusable), str(unusable))


def tiles_of_log(command: str, folder: Path, keys: Sequence[NoteVerifier]) -> tuple[Checkpoint, TileReader]:
    """Return the head of the log in a folder, and the tiles that lead to it. Ends the command if they do not."""
    head = head_of(command, folder, keys)
    try:
        return head, trusted_tiles(folder, head)
    except LogUnusable as unusable:
        end(command, NOT_VALID, str(unusable))


def status_of(unusable: LogUnusable) -> int:
    """Return the exit status of what is wrong with a log or a head."""
    return UNKNOWN if unusable.fault in (LogFault.CHECKPOINT_KEY, LogFault.CHECKPOINT_ORIGIN) else NOT_VALID


def read(command: str, file: Path) -> bytes:
    """Return a small file. Ends the command with UNKNOWN if it cannot be had."""
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES)
    except OSError as failed:
        end(command, UNKNOWN, f"{file}: {failed.strerror}")


def refuse(command: str, why: str) -> NoReturn:
    """End a command that was called wrongly."""
    end(command, USAGE, why)


def end(command: str, status: int, why: str) -> NoReturn:
    """End a command, saying why."""
    typer.secho(f"hcgw audit {command}: {why}", err=True)
    raise typer.Exit(status)
