"""Lists of revoked ids, in the form of SMART Health Cards: per key, with a counter.

- An entry is `rid`, revoked for good, or `rid.timestamp`: revoked if it was issued before that second.
- Of two entries for one id the one that revokes more counts.
- An id has up to 64 letters: a card's `rid` at most 24, a native code's `jti` (often a UUID) up to 64.
- Nothing here judges a code; that is the status room's.

Source: SMART Health Cards 1.0, Revocation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from .values import Instant, KeyId

METHOD: Final = "rid"
MAX_REVOKED: Final = 1_000_000
"""Entries in one list."""

MAX_COUNTER: Final = 2**53 - 1
MAX_KEY_ID_CHARACTERS: Final = 256

_ENTRY: Final = re.compile(r"([A-Za-z0-9_-]{1,64})(?:\.([0-9]{1,12}))?", re.ASCII)


class RevocationInvalid(ValueError):
    """Not a revocation list. `member` names the part that is wrong."""

    def __init__(self, member: str, description: str) -> None:
        super().__init__(f"{member}: {description}")
        self.member = member
        self.description = description


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What an issuer has revoked among the codes signed with one key."""

    key_id: KeyId
    counter: int
    """Grows with every new edition of the list."""
    revoked: Mapping[str, Instant | None] = field(repr=False)
    """Revoked id -> None (for good) or the instant before which codes are revoked."""


def revocation_list(key_id: KeyId, counter: int, entries: Iterable[str]) -> RevocationList:
    """Return the list of these `rid` and `rid.timestamp` entries. Raises: RevocationInvalid at one that is neither."""
    revoked: dict[str, Instant | None] = {}
    for number, entry in enumerate(entries):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise RevocationInvalid(f"rids[{number}]", "neither rid nor rid.timestamp")
        rid, before = found.groups()
        until = None if before is None else Instant(float(before))
        held = revoked.get(rid, until)
        revoked[rid] = None if held is None or until is None else max(held, until)
    return RevocationList(key_id, counter, MappingProxyType(revoked))


def revocation_list_from_crl(crl: object) -> RevocationList:
    """Return a published card revocation list (`kid`, `method`, `ctr`, `rids`), as parsed JSON.

    `ctr` may be a number written as text, as one real issuer has it. Unknown members are passed over.

    Raises: RevocationInvalid: nothing can be taken from it.
    """
    if not isinstance(crl, dict):
        raise RevocationInvalid("crl", "not an object")
    kid, method, counter, rids = (crl.get(member) for member in ("kid", "method", "ctr", "rids"))
    if not isinstance(kid, str) or not 1 <= len(kid) <= MAX_KEY_ID_CHARACTERS:
        raise RevocationInvalid("kid", "not a text of usual length")
    if method != METHOD:
        raise RevocationInvalid("method", f"only {METHOD!r} is read")
    if isinstance(counter, str) and re.fullmatch(r"[0-9]{1,15}", counter, re.ASCII):
        counter = int(counter)
    if type(counter) is not int or not 0 <= counter <= MAX_COUNTER:
        raise RevocationInvalid("ctr", "not a counter")
    if not isinstance(rids, list) or len(rids) > MAX_REVOKED or not all(isinstance(rid, str) for rid in rids):
        raise RevocationInvalid("rids", f"not a list of at most {MAX_REVOKED} texts")
    return revocation_list(KeyId(kid.encode(errors="replace")), counter, rids)
