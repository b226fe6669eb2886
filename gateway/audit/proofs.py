"""Proofs out of tiles alone: this entry is in the log, this head goes on from that one.

A proof of inclusion is one text that stands for itself: C2SP tlog-proof, with the entry as its extra data where it is
handed out with it. Whoever has the log's public key and the entry checks it offline, whatever has become of the log.

Source: RFC 6962, sections 2.1.1 and 2.1.2; C2SP tlog-proof v1.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.receipts.merkle import HASH_BYTES
from keys.notes import NoteVerifier

from .checkpoint import Checkpoint, open_checkpoint
from .faults import LogFault, LogUnusable
from .reading import TileReader
from .tiles import MAX_ENTRY_BYTES
from .tree import is_hash_included, leaf_hash

MAX_PROOF_BYTES: Final = 256 * 1024

_HEAD: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")
_EXTRA: Final = "extra "
_MOST_HASHES: Final = 64


class ProofFault(StrEnum):
    """Why a proof proves nothing."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    """Its head is signed, but by none of the keys that were named."""
    BAD_SIGNATURE = "bad_signature"
    WRONG_ORIGIN = "wrong_origin"
    NO_ENTRY = "no_entry"
    """It carries no entry, and none was given."""
    NOT_INCLUDED = "not_included"
    """The path does not lead from this entry to the head."""


_FAULTS: Final = {
    LogFault.CHECKPOINT_KEY: ProofFault.UNKNOWN_KEY,
    LogFault.CHECKPOINT_SIGNATURE: ProofFault.BAD_SIGNATURE,
    LogFault.CHECKPOINT_ORIGIN: ProofFault.WRONG_ORIGIN,
}


class ProofRefused(Exception):
    """A proof proves nothing. `fault` says why; nothing of what was read is kept."""

    def __init__(self, fault: ProofFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof has proved: this entry stands at this index of the log with this head."""

    head: Checkpoint
    index: int
    entry: bytes = field(repr=False)


def inclusion_path(reader: TileReader, index: int) -> Sequence[bytes]:
    """Return the hashes from an entry's sibling up to below the root. `index` lies in the tree.

    Raises: LogUnusable: a tile is missing, too short, altered.
    """
    start, end = 0, reader.size
    path: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(reader.range_hash(middle, end))
            end = middle
        else:
            path.append(reader.range_hash(start, middle))
            start = middle
    return path[::-1]


def consistency_proof(reader: TileReader, old_size: int, size: int) -> Sequence[bytes]:
    """Return what shows that the first `size` entries go on from the first `old_size`; none is needed from 0 or all.

    Raises: LogUnusable: a tile is missing, too short, altered.
    """
    start, end = 0, size
    if old_size in (start, end):
        return []
    path: list[bytes] = []
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append(reader.range_hash(middle, end))
            end = middle
        else:
            path.append(reader.range_hash(start, middle))
            start = middle
    if start:
        path.append(reader.range_hash(start, end))
    return path[::-1]


def write_proof(head: Checkpoint, index: int, path: Sequence[bytes], entry: bytes | None = None) -> bytes:
    """Return the text of a proof; with `entry`, it stands for itself."""
    lines = [_HEAD]
    if entry is not None:
        lines.append(_EXTRA + base64.b64encode(entry).decode())
    lines.append(f"index {index}")
    lines += [base64.b64encode(one).decode() for one in path]
    return "\n".join([*lines, "", ""]).encode() + head.note


def check_proof(
    data: bytes, verifiers: Iterable[NoteVerifier], *, origin: str | None = None, entry: bytes | None = None
) -> Proved:
    """Check a proof: 1. its form, 2. its head's signature, 3. that the path leads from the entry to the head.

    Args: origin: which log it must be of; None: of the log whose name the key has. entry: what must be included; None:
    what the proof carries itself.

    Not checked: whether the head is the newest, or the same that others were shown (`hcgw audit compare`).

    Raises: ProofRefused.
    """
    # 1
    index, path, carried, note = _read(data)
    shown = carried if entry is None else entry
    if shown is None:
        raise ProofRefused(ProofFault.NO_ENTRY)
    # 2
    try:
        head = open_checkpoint(note, verifiers, origin)
    except LogUnusable as refused:
        raise ProofRefused(_FAULTS.get(refused.fault, ProofFault.MALFORMED)) from None
    # 3
    if not is_hash_included(leaf_hash(shown), index, head.size, b"".join(path), head.root):
        raise ProofRefused(ProofFault.NOT_INCLUDED)
    return Proved(head, index, shown)


def _read(data: bytes) -> tuple[int, list[bytes], bytes | None, bytes]:
    """Return index, path, the entry that is carried, and the head's note."""
    if len(data) > MAX_PROOF_BYTES:
        raise ProofRefused(ProofFault.MALFORMED)
    top, blank, note = data.partition(b"\n\n")
    try:
        lines = top.decode("ascii").split("\n")
    except UnicodeDecodeError:
        lines = []
    if not blank or len(lines) < 2 or lines.pop(0) != _HEAD:
        raise ProofRefused(ProofFault.MALFORMED)
    entry = _base64(lines.pop(0)[len(_EXTRA) :], MAX_ENTRY_BYTES) if lines[0].startswith(_EXTRA) else None
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    path = [_base64(line, HASH_BYTES) for line in lines]
    if index is None or len(path) > _MOST_HASHES or any(len(one) != HASH_BYTES for one in path):
        raise ProofRefused(ProofFault.MALFORMED)
    return int(index[1]), path, entry, note


def _base64(text: str, most: int) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProofRefused(ProofFault.MALFORMED) from None
    if len(found) > most or base64.b64encode(found).decode() != text:
        raise ProofRefused(ProofFault.MALFORMED)
    return found


def _split(length: int) -> int:
    """Return the largest power of two below a length of at least 2."""
    return 1 << (length - 1).bit_length() - 1
