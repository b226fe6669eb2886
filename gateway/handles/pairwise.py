"""The handle of one person for one caller.

    base64url(first 16 bytes of HMAC-SHA-256(key of the epoch, "hcgw-handle-v1" 0x00 | caller | issuer | person))

Rules:

- Each part stands behind its length, so that no two questions have the same bytes.
- The caller is who her certificate says. A name without a domain of its own counts under the domains that vouch for it:
  two callers of one name are two callers.
- A handle says nothing without the key: not whose it is, not who asked, not whether two of them are one person's.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import Final

from gateway.values import Caller, CodeMarks, Handle, PairwiseHandle
from keys.epoch_keys import EpochKey

HANDLE_BYTES: Final = 16
HANDLE_LETTERS: Final = 22
_DOMAIN: Final = b"hcgw-handle-v1\0"
_WITH_DOMAIN: Final = "spiffe://"
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def handle_for(caller: Caller, marks: CodeMarks, key: EpochKey) -> PairwiseHandle:
    """Return the handle of the person of `marks`, for `caller`, in the epoch of `key`.

    Does not check that the code is valid, or that the caller may have a handle.
    """
    name, issuer, person = scope_of(caller), marks.issuer.encode(), marks.person
    lengths = len(name).to_bytes(4, "big"), len(issuer).to_bytes(4, "big"), len(person).to_bytes(4, "big")
    digest = key.prf.digest(b"".join((_DOMAIN, lengths[0], name, lengths[1], issuer, lengths[2], person)))
    text = b2a_base64(digest[:HANDLE_BYTES], newline=False)[:HANDLE_LETTERS].translate(_URL_SAFE)
    return PairwiseHandle(Handle(text.decode("ascii")), key.until)


def scope_of(caller: Caller) -> bytes:
    """Return what tells one caller from all others: her name, and where it has no domain whose word it is."""
    name = caller.caller_id
    domains = "" if name.startswith(_WITH_DOMAIN) else " ".join(sorted(caller.vouched_by))
    return f"{caller.kind}\n{domains}\n{name}".encode()
