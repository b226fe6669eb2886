"""The marks of a code: what tells it, and the person it was made for, from others once its issuer is established.

Rules:

- Only two read them: the handles, which make a pseudonym of the person, and the replay guard, which knows a showing
  again.
- What a person is told by is of one of three kinds, and no kind ever looks like another.
- A showing has an id only if the code is *dynamic*: made for one showing, and good for a few minutes. A certificate,
  and a code that lives for a day, is shown again and again, and nothing follows from that.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from gateway.values import ClaimedCode, CodeMarks, Format, Instant, IssuerId, OpaqueCode

DYNAMIC_MAX_S: Final = 300.0
"""Seconds between issue and expiry up to which a native code is dynamic, if nothing else is configured."""

_SUBJECT: Final = b"subject\0"
_CODE_ID: Final = b"code id\0"
_PAYLOAD: Final = b"payload\0"

_NATIVE: Final = Format.NATIVE


def marks_of(claimed: ClaimedCode, issuer: IssuerId, dynamic_max_s: float = DYNAMIC_MAX_S) -> CodeMarks:
    """Return the marks of a code whose signature is `issuer`'s.

    `dynamic_max_s`: a native code whose whole life is at most this long, in seconds, is dynamic.

    Does not check: the signature, or that the code is still valid.
    """
    code_id, subject = claimed.code_id, claimed.subject
    if subject is not None:
        person = _SUBJECT + subject.encode()
    elif code_id is not None:
        person = _CODE_ID + code_id.encode()
    else:
        person = _PAYLOAD + sha256(claimed.signed).digest()
    if claimed.format is _NATIVE and code_id is not None:
        issued, ends = claimed.issue_time, claimed.expire_time
        if issued is not None and ends is not None and ends - issued <= dynamic_max_s:
            return CodeMarks(issuer, person, code_id.encode(), ends)
    return CodeMarks(issuer, person)


def marks_of_answered(code: OpaqueCode, dynamic_s: float | None, at: Instant, expire_time: Instant | None) -> CodeMarks:
    """Return the marks of an opaque code that its issuer has answered for.

    `dynamic_s` is what its province's profile says: seconds that a code of a showing is good for, None if its codes are
    static. They count from `at`, when it is shown: its issuer's word may be older, and it answers for it all the same.
    They bound what the answer says: an issuer that names the end of the day does not make its ids live longer.
    """
    identifier = code.identifier.encode()
    person = _CODE_ID + identifier
    if dynamic_s is None:
        return CodeMarks(code.issuer, person)
    latest = Instant(at + dynamic_s)
    return CodeMarks(code.issuer, person, identifier, latest if expire_time is None else min(latest, expire_time))
