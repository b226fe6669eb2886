"""Validity, revocation and age of a code at one instant.

- An expiry is exact: the instant itself is already outside (RFC 7519), except for HCERT, whose specification says
  "after which" and whose public test codes ask for it.
- A beginning may lie up to `MAX_CLOCK_SKEW` ahead, because the issuer's clock is not ours and a code that rotates every
  minute is shown within the second that it was made.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import CodeStopped, Reason
from gateway.values import Assurance, AuthenticCode, Format, Freshness, Instant, LiveCode, Revocations

MAX_CLOCK_SKEW: Final = 30.0
"""Seconds that an issuer's clock may be ahead of ours."""

_NOT_PUBLISHED: Final = (Reason.NOT_PUBLISHED,)
_NOTHING: Final = ()


def observe(code: AuthenticCode, revocations: Revocations, at: Instant) -> LiveCode:
    """Return `code` with what can be said of it at `at`.

    1. The code's own times: not before, issued, expired.
    2. The window of the key that signed it.
    3. The issuer's revocation list for that key, if the code has an id to look up. STALE: the key names a newer edition
       than the list that is held, or there is none.
    4. Live status, if the code points to one.

    Does not check: what the statement means.

    Raises: CodeStopped with NOT_YET_VALID, EXPIRED, KEY_NOT_YET_VALID, KEY_EXPIRED, REVOKED (proven bad) or
    STATUS_UNAVAILABLE (cannot decide).
    Source: RFC 7519 4.1.4-4.1.6; Electronic Health Certificate 1.3, 3.3; SMART Health Cards 1.0, Revocation.
    """
    claimed, key = code.claimed, code.key
    # 1
    issued, begins, ends = claimed.issue_time, claimed.not_before, claimed.expire_time
    soon = at + MAX_CLOCK_SKEW
    if (begins is not None and begins > soon) or (issued is not None and issued > soon):
        raise CodeStopped(Reason.NOT_YET_VALID)
    if ends is not None and at >= ends and (at > ends or claimed.format is not Format.HCERT):
        raise CodeStopped(Reason.EXPIRED)
    # 2
    if key.not_before is not None and key.not_before > soon:
        raise CodeStopped(Reason.KEY_NOT_YET_VALID)
    if key.not_after is not None and at > key.not_after:
        raise CodeStopped(Reason.KEY_EXPIRED)
    # 3
    listed = revocations.get((code.issuer.issuer, key.key_id)) if revocations else None
    current, code_id, freshness = key.revocation_counter, claimed.code_id, Freshness.NOT_PUBLISHED
    if code_id is not None and (listed is not None or current is not None):
        if listed is not None and code_id in listed.codes:
            before = listed.codes[code_id]
            if before is None or issued is None or issued < before:
                raise CodeStopped(Reason.REVOKED)
        held = -1 if listed is None else listed.counter
        freshness = Freshness.STALE if current is not None and held < current else Freshness.FRESH
    # 4
    if claimed.status_pointer is not None:
        raise CodeStopped(Reason.STATUS_UNAVAILABLE)
    return LiveCode(
        code,
        Assurance.SCANNED_SIGNED,
        freshness,
        issued,
        None if issued is None else max(0.0, at - issued),
        ends,
        _NOT_PUBLISHED if freshness is Freshness.NOT_PUBLISHED else _NOTHING,
    )
