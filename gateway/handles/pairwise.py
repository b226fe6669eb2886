"""The handle of one person for one caller.

    base64url(first 16 bytes of HMAC-SHA-256(key of the epoch, "hcgw-handle-v1" 0x00 | caller | issuer | person))

Rules:

- Each part stands behind its length, so that no two questions have the same bytes.
- The caller is who her certificate says. A name without a domain of its own counts under the domains that vouch for it:
  two callers of one name are two callers.
- A handle says nothing without the key: not whose it is, not who asked, not whether two of them are one person's.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Final, NamedTuple, NewType

from gateway.values import Caller, CodeMarks, Instant
from keys.epoch_keys import EpochKey

HANDLE_BYTES: Final = 16
_DOMAIN: Final = b"hcgw-handle-v1\0"
_WITH_DOMAIN: Final = "spiffe://"

Handle = NewType("Handle", str)
"""22 letters of base64url."""


class PairwiseHandle(NamedTuple):
    """A handle, and until when this caller will find the person under it."""

    handle: Handle
    until: Instant

    def __repr__(self) -> str:
        """Show no handle."""
        return f"PairwiseHandle(until={self.until})"


def handle_for(caller: Caller, marks: CodeMarks, key: EpochKey) -> PairwiseHandle:
    """Return the handle of the person of `marks`, for `caller`, in the epoch of `key`.

    Does not check that the code is valid, or that the caller may have a handle.
    """
    issuer, person = marks.issuer.encode(), marks.person
    name = scope_of(caller)
    digest = key.prf.digest(b"".join((_DOMAIN, _length(name), name, _length(issuer), issuer, _length(person), person)))
    text = urlsafe_b64encode(digest[:HANDLE_BYTES])[:-2].decode("ascii")
    return PairwiseHandle(Handle(text), Instant(float(key.epoch.end)))


def scope_of(caller: Caller) -> bytes:
    """Return what tells one caller from all others: her name, and where it has no domain whose word it is."""
    name = caller.caller_id
    domains = "" if name.startswith(_WITH_DOMAIN) else " ".join(sorted(caller.vouched_by))
    return f"{caller.kind.value}\n{domains}\n{name}".encode()


def _length(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big")
