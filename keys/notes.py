"""Signed notes: a text with one or more signature lines under it, and the keys that sign and check them.

Rules:

- Only Ed25519 (signature type 0x01). A key is known by its name and the first four bytes of a hash over name, type and
  key; both must fit before its signature is looked at.
- A note counts if a known key signed it. A signature of an unknown key is passed over; one that claims a known key and
  is not its own spoils the whole note, whatever else stands there.
- A note has one spelling: UTF-8, no control characters but the newline, base64 with padding and no unused bits set.
- What a text means is the caller's to judge. One key may sign several kinds of note, so each kind must begin with a
  line that no other kind can begin with.

Source: C2SP signed-note v1.0.0; the text form of a public key (vkey) is that of Go's golang.org/x/mod/sumdb/note.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final

from .ed25519 import Ed25519Verifier
from .signer import Signer
from .strict import base64url_decode
from .values import Algorithm, KeyRefused

MAX_NOTE_BYTES: Final = 64 * 1024
MAX_SIGNATURES: Final = 64

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_DASH: Final = "\u2014 "


class NoteFault(StrEnum):
    """Why a note, or a key for notes, is not taken."""

    BAD_KEY_NAME = "bad_key_name"
    """Empty, or with a space, a plus or a control character in it."""
    BAD_KEY = "bad_key"
    """No Ed25519 key, or a text form that does not fit itself."""
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    """Signed, but by none of the keys that count."""
    BAD_SIGNATURE = "bad_signature"


class NoteRefused(Exception):
    """A note or a key for notes is not taken. `fault` says why; nothing of what was read is kept."""

    def __init__(self, fault: NoteFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """One key that notes are checked with."""

    name: str
    public_key: bytes = field(repr=False)
    """32 bytes (RFC 8032)."""

    def __post_init__(self) -> None:
        """Check the key. Raises: NoteRefused: BAD_KEY_NAME, BAD_KEY (no Ed25519 key, or one of small order)."""
        if not is_key_name(self.name):
            raise NoteRefused(NoteFault.BAD_KEY_NAME)
        try:
            Ed25519Verifier(self.public_key)
        except KeyRefused:
            raise NoteRefused(NoteFault.BAD_KEY) from None

    @classmethod
    def from_vkey(cls, text: str) -> NoteVerifier:
        """Return the key that a vkey names: `name+hhhhhhhh+base64`, as `hcgw audit key` prints it.

        Raises: NoteRefused: BAD_KEY_NAME, BAD_KEY.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, key = rest.partition("+")
        encoded = _base64(key)
        if encoded is None or encoded[:1] != _ED25519:
            raise NoteRefused(NoteFault.BAD_KEY)
        found = cls(name, encoded[1:])
        if key_id != found.key_id.hex():
            raise NoteRefused(NoteFault.BAD_KEY)
        return found

    @property
    def key_id(self) -> bytes:
        """Its four bytes in a signature line."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:_KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """Its text form, for whoever checks notes."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public_key).decode()}"

    def verify(self, signature: bytes, text: bytes) -> bool:
        """Tell whether `signature` is this key's over exactly `text`. Never raises."""
        return Ed25519Verifier(self.public_key).verify(signature, text)


class NoteSigner:
    """A name and the private key that signs notes under it."""

    __slots__ = ("_signer", "verifier")

    def __init__(self, name: str, signer: Signer) -> None:
        """Put a name and a key together. Raises: NoteRefused: BAD_KEY_NAME, BAD_KEY (the key is not Ed25519)."""
        if signer.algorithm is not Algorithm.ED25519:
            raise NoteRefused(NoteFault.BAD_KEY)
        self._signer = signer
        self.verifier: Final = NoteVerifier(name, base64url_decode(str(signer.public_jwk["x"]).encode()))

    def __repr__(self) -> str:
        return f"<note signer {self.verifier.name}+{self.verifier.key_id.hex()}>"

    def sign(self, text: str) -> bytes:
        """Return the note: `text` and one signature line.

        Raises: ValueError: the text cannot stand in a note (it must be lines without control characters).
        """
        if not _is_note_text(text):
            raise ValueError("no text of a note")
        signed = text.encode()
        line = base64.b64encode(self.verifier.key_id + self._signer.sign(signed)).decode()
        return signed + f"\n{_DASH}{self.verifier.name} {line}\n".encode()


@dataclass(frozen=True, slots=True)
class Note:
    """A text that a known key has signed."""

    text: str
    """With its last newline; without the blank line and the signatures."""
    signed_by: Sequence[NoteVerifier]
    """The known keys that did; at least one."""


def open_note(data: bytes, verifiers: Iterable[NoteVerifier]) -> Note:
    """Return the text of a note that at least one of `verifiers` has signed. The size is bounded here.

    1. Text and signature lines, in the one spelling. 2. Each line of a known key must verify. 3. One there must be.

    Raises: NoteRefused: MALFORMED, BAD_SIGNATURE, UNKNOWN_KEY.
    """
    # 1
    text, lines = _parts(data)
    known = {(one.name, one.key_id): one for one in verifiers}
    signed_by = []
    for name, key_id, signature in map(_signature, lines):
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        # 2
        if not verifier.verify(signature, text.encode()):
            raise NoteRefused(NoteFault.BAD_SIGNATURE)
        if verifier not in signed_by:
            signed_by.append(verifier)
    # 3
    if not signed_by:
        raise NoteRefused(NoteFault.UNKNOWN_KEY)
    return Note(text, tuple(signed_by))


def is_key_name(name: str) -> bool:
    """Tell whether a key, or a log, may have this name."""
    return bool(name) and name.isprintable() and "+" not in name and not any(letter.isspace() for letter in name)


def _parts(data: bytes) -> tuple[str, list[str]]:
    if len(data) > MAX_NOTE_BYTES:
        raise NoteRefused(NoteFault.MALFORMED)
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise NoteRefused(NoteFault.MALFORMED) from None
    text, blank, signatures = whole.rpartition("\n\n")
    lines = signatures.split("\n")
    if not blank or not _is_note_text(text + "\n") or lines.pop() != "" or not 0 < len(lines) <= MAX_SIGNATURES:
        raise NoteRefused(NoteFault.MALFORMED)
    return text + "\n", lines


def _signature(line: str) -> tuple[str, bytes, bytes]:
    """Return name, key id and signature of one line."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    found = _base64(encoded)
    if not line.startswith(_DASH) or not is_key_name(name) or found is None or len(found) <= _KEY_ID_BYTES:
        raise NoteRefused(NoteFault.MALFORMED)
    return name, found[:_KEY_ID_BYTES], found[_KEY_ID_BYTES:]


def _is_note_text(text: str) -> bool:
    return text.endswith("\n") and all(letter >= " " or letter == "\n" for letter in text)


def _base64(text: str) -> bytes | None:
    """Return what a text says in base64 with padding; None if it is not the one spelling of anything."""
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return found if base64.b64encode(found).decode() == text else None
