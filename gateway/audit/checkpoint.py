"""The head of a log: origin, size and root, signed.

A signed head is the one thing that a reader must remember. It says nothing about time: which is newer of two heads of
one log is told by their sizes.

Source: C2SP tlog-checkpoint. No extension lines are written; those of others are refused, as nothing here means them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.receipts.merkle import HASH_BYTES
from gateway.values import Instant
from keys.notes import NoteFault, NoteRefused, NoteSigner, NoteVerifier, open_note

from .faults import LogFault, LogUnusable, Place
from .tiles import CHECKPOINT

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES: Final = 3

_FAULTS: Final = {
    NoteFault.BAD_SIGNATURE: LogFault.CHECKPOINT_SIGNATURE,
    NoteFault.UNKNOWN_KEY: LogFault.CHECKPOINT_KEY,
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head that was signed, or checked."""

    origin: str
    size: int
    """Entries that it speaks of."""
    root: bytes
    """32 bytes: RFC 6962 tree head over them."""
    note: bytes = field(repr=False)
    """The signed note itself, to be handed on as it is."""
    at: Instant | None = field(default=None, compare=False)
    """When this process published it; it does not stand in the note."""


def sign_checkpoint(origin: str, size: int, root: bytes, signer: NoteSigner, at: Instant | None) -> Checkpoint:
    """Return the signed head of a log."""
    note = signer.sign(f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n")
    return Checkpoint(origin, size, root, note, at)


def open_checkpoint(
    data: bytes, verifiers: Iterable[NoteVerifier], origin: str | None = None, file: str = CHECKPOINT
) -> Checkpoint:
    """Return what a signed head says: 1. signed by one of `verifiers`, 2. in the one spelling, 3. of this log.

    Args: origin: which log it must be of; None: of the log whose name the key has. file: what to call it in a fault.
    Raises: LogUnusable: CHECKPOINT_MALFORMED, CHECKPOINT_SIGNATURE, CHECKPOINT_KEY, CHECKPOINT_ORIGIN.
    """
    # 1
    try:
        note = open_note(data, verifiers)
    except NoteRefused as refused:
        raise LogUnusable(_FAULTS.get(refused.fault, LogFault.CHECKPOINT_MALFORMED), Place(file)) from None
    # 2
    lines = note.text.split("\n")[:-1]
    root = _root(lines[2]) if len(lines) == _LINES else None
    if root is None or not _NUMBER.fullmatch(lines[1]) or not lines[0]:
        raise LogUnusable(LogFault.CHECKPOINT_MALFORMED, Place(file))
    # 3
    if lines[0] != (note.signed_by[0].name if origin is None else origin):
        raise LogUnusable(LogFault.CHECKPOINT_ORIGIN, Place(file))
    return Checkpoint(lines[0], int(lines[1]), root, data)


def _root(text: str) -> bytes | None:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == HASH_BYTES and base64.b64encode(found).decode() == text else None
