"""Validity, revocation, live status and age of a code at one instant.

- An expiry is exact: the instant itself is already outside (RFC 7519), except for HCERT, whose specification says
  "after which" and whose public test codes ask for it.
- A beginning may lie up to `MAX_CLOCK_SKEW` ahead, because the issuer's clock is not ours and a code that rotates every
  minute is shown within the second that it was made.
- What was said online is fresh for as long as its issuer's profile allows, and then known to be out of date.
"""

from __future__ import annotations

from typing import Final, Protocol

from gateway.errors import CodeStopped, Reason
from gateway.values import (
    AuthenticCode,
    ClaimedCode,
    CodeState,
    Format,
    Freshness,
    Instant,
    LiveCode,
    Revocations,
    StatusPointer,
    TrustedKey,
)

MAX_CLOCK_SKEW: Final = 30.0
"""Seconds that an issuer's clock may be ahead of ours."""

_NOT_PUBLISHED: Final = (Reason.NOT_PUBLISHED,)
_NOTHING: Final = ()


class StatusLists(Protocol):
    """The live status lists that are held here."""

    def look_up(self, pointer: StatusPointer, at: Instant) -> CodeState | None:
        """Return what the list says there: UNKNOWN for a place that was never given out, None if no list is held."""
        ...


class NoStatusLists:
    """Holds none."""

    def look_up(self, pointer: StatusPointer, at: Instant) -> CodeState | None:  # noqa: ARG002 the protocol's signature
        """See StatusLists."""
        return None


NO_LISTS: Final = NoStatusLists()


def observe(code: AuthenticCode, revocations: Revocations, at: Instant, lists: StatusLists = NO_LISTS) -> LiveCode:
    """Return `code` with what can be said of it at `at`.

    1. The code's own times: not before, issued, expired.
    2. The window of the key that signed it.
    3. The issuer's revocation list for that key, if the code has an id to look up. STALE: the key names a newer edition
       than the list that is held, or there is none.
    4. Live status, if the code points to one.

    Without a key nothing was signed: instead of 2 to 4 its issuer's word is as fresh as its profile allows.

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
    age = None if issued is None else max(0.0, at - issued)
    if key is None:
        return _said_online(code, age)
    # 2
    if key.not_before is not None and key.not_before > soon:
        raise CodeStopped(Reason.KEY_NOT_YET_VALID)
    if key.not_after is not None and at > key.not_after:
        raise CodeStopped(Reason.KEY_EXPIRED)
    # 3
    freshness = _revoked_or_how_fresh(code, key, revocations)
    # 4
    listed: CodeState | None = None
    if claimed.status_pointer is not None:
        listed = _listed(claimed.status_pointer, lists, at)
        freshness = Freshness.FRESH
    return LiveCode(
        code,
        code.assurance,
        freshness,
        issued,
        age,
        ends,
        _NOT_PUBLISHED if freshness is Freshness.NOT_PUBLISHED else _NOTHING,
        listed,
    )


def _said_online(code: AuthenticCode, age: float | None) -> LiveCode:
    stale = age is not None and code.fresh_for is not None and age > code.fresh_for
    claimed: ClaimedCode = code.claimed
    freshness = Freshness.STALE if stale else Freshness.FRESH
    return LiveCode(code, code.assurance, freshness, claimed.issue_time, age, claimed.expire_time)


def _revoked_or_how_fresh(code: AuthenticCode, key: TrustedKey, revocations: Revocations) -> Freshness:
    listed = revocations.get((code.issuer.issuer, key.key_id)) if revocations else None
    current, code_id, issued = key.revocation_counter, code.claimed.code_id, code.claimed.issue_time
    if code_id is None or (listed is None and current is None):
        return Freshness.NOT_PUBLISHED
    if listed is not None and code_id in listed.codes:
        before = listed.codes[code_id]
        if before is None or issued is None or issued < before:
            raise CodeStopped(Reason.REVOKED)
    held = -1 if listed is None else listed.counter
    return Freshness.STALE if current is not None and held < current else Freshness.FRESH


def _listed(pointer: StatusPointer, lists: StatusLists, at: Instant) -> CodeState:
    state = lists.look_up(pointer, at)
    if state is CodeState.REVOKED:
        raise CodeStopped(Reason.REVOKED)
    if state is None or state is CodeState.UNKNOWN:
        raise CodeStopped(Reason.STATUS_UNAVAILABLE)
    return state
