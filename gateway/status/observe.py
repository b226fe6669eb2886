"""Validity, revocation, live status and age of a code at one instant.

- An expiry is exact: the instant itself is already outside (RFC 7519), except for HCERT, whose specification says
  "after which" and whose public test codes ask for it.
- A beginning may lie up to `MAX_CLOCK_SKEW` ahead, because the issuer's clock is not ours and a code that rotates every
  minute is shown within the second that it was made.
- What was said online is fresh for as long as its issuer's profile allows, and then known to be out of date.
- A code that points to a list is as fresh as the list: its issuer says that the signed colour alone is not enough.
- A list past its budget says nothing against a code that is newer still; its age alone keeps the code from passing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from gateway.changes import MAX_CLOCK_SKEW, Listed
from gateway.errors import CodeStopped, Reason
from gateway.values import (
    AuthenticCode,
    ClaimedCode,
    CodeState,
    Format,
    Freshness,
    Instant,
    IssuerId,
    LiveCode,
    Purpose,
    Revocations,
    StatusPointer,
    TrustedKey,
)

from .freshness import BUDGETS, Budgets

_NOTES: Final[Mapping[Freshness, tuple[Reason, ...]]] = {
    Freshness.NOT_PUBLISHED: (Reason.NOT_PUBLISHED,),
    Freshness.AGING: (Reason.STATUS_AGING,),
}
_NOTHING: Final[tuple[Reason, ...]] = ()

# Of a class, Python 3.11 takes 70 ns to look a member up: those that every code is compared with are looked up once.
_AGING: Final = Freshness.AGING
_FRESH: Final = Freshness.FRESH
_STALE: Final = Freshness.STALE
_UNAVAILABLE: Final = Freshness.UNAVAILABLE
_UNKNOWN: Final = CodeState.UNKNOWN


class StatusLists(Protocol):
    """The live status lists that are held here."""

    def look_up(self, issuer: IssuerId, pointer: StatusPointer, at: Instant) -> Listed | None:
        """Return what the list of `issuer` says there; None if no such list of this issuer is held.

        UNKNOWN for a place that was never given out or lies outside.
        """
        ...


class NoStatusLists:
    """Holds none."""

    def look_up(self, issuer: IssuerId, pointer: StatusPointer, at: Instant) -> Listed | None:  # noqa: ARG002 the protocol's signature
        """See StatusLists."""
        return None


NO_LISTS: Final = NoStatusLists()


class OwnAndFollowed:
    """Lists that are kept by those who write them, each for its issuer, and all that are followed."""

    __slots__ = ("_followed", "_own")

    def __init__(self, own: Mapping[IssuerId, StatusLists], followed: StatusLists) -> None:
        self._own = own
        self._followed = followed

    def look_up(self, issuer: IssuerId, pointer: StatusPointer, at: Instant) -> Listed | None:
        """See StatusLists. A list of an own issuer that its writer here does not know is another process's."""
        own = self._own.get(issuer)
        found = None if own is None else own.look_up(issuer, pointer, at)
        return self._followed.look_up(issuer, pointer, at) if found is None else found


def observe(
    code: AuthenticCode,
    revocations: Revocations,
    at: Instant,
    lists: StatusLists = NO_LISTS,
    budgets: Budgets = BUDGETS,
    purpose: Purpose | None = None,
) -> LiveCode:
    """Return `code` with what can be said of it at `at`, for `purpose`.

    1. The code's own times: not before, issued, expired.
    2. The window of the key that signed it.
    3. The issuer's revocation list for that key, if the code has an id to look up. STALE: the key names a newer edition
       than the list that is held, or there is none.
    4. Live status, if the code points to one: what its issuer's list says there, and how old that is (`_listed`).
       Nothing that it says stops a code here: policy weighs it against what the code says.

    Without a key nothing was signed: instead of 2 to 4 its issuer's word is as fresh as its profile allows.

    Does not check: what the statement means.

    Raises: CodeStopped with NOT_YET_VALID, EXPIRED, KEY_NOT_YET_VALID, KEY_EXPIRED, REVOKED: proven bad.
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
    pointer = claimed.status_pointer
    if pointer is None:
        return LiveCode(code, code.assurance, freshness, issued, age, ends, _NOTES.get(freshness, _NOTHING))
    # 4
    listed = lists.look_up(code.issuer.issuer, pointer, at)
    if listed is not None and freshness is not _STALE:
        state, observed = listed
        # Nearly all that are held: nothing about them depends on whose they are and what for.
        if observed is not None and 0.0 <= (since := at - observed) <= budgets.surely_fresh_s and state is not _UNKNOWN:
            return LiveCode(code, code.assurance, _FRESH, observed, since, ends, _NOTHING, state)
    return _listed(code, listed, freshness, age, at, budgets, purpose)


def _listed(
    code: AuthenticCode,
    listed: Listed | None,
    revocations: Freshness,
    age: float | None,
    at: Instant,
    budgets: Budgets,
    purpose: Purpose | None,
) -> LiveCode:
    """Return a code with what its issuer's list says of it.

    1. No list, or a place that was never given out: unavailable.
    2. How old the list is, and whether that is allowed. One from the future is out of date, and its age is not known.
       Our own is judged by who writes it: it is as old as the code.
    3. A list past its budget and older than the code says nothing.
    4. That a revocation list is out of date is not mended by a fresh status list.
    """
    claimed = code.claimed
    issued, ends = claimed.issue_time, claimed.expire_time
    # 1
    if listed is None:
        return LiveCode(code, code.assurance, _UNAVAILABLE, issued, age, ends, _NOTHING, _UNKNOWN)
    state, observed = listed
    freshness = _FRESH
    # 2
    if observed is None:
        observed = issued
    else:
        age = at - observed
        fresh_s, budget_s = budgets.of(code.issuer.issuer, purpose)
        if age > fresh_s:
            freshness = _AGING if age <= budget_s else _STALE
        elif age < 0.0:
            freshness, age = (_FRESH, 0.0) if age >= -MAX_CLOCK_SKEW else (_STALE, None)
    if state is _UNKNOWN:
        return LiveCode(code, code.assurance, _UNAVAILABLE, observed, age, ends, _NOTHING, _UNKNOWN)
    # 3
    if freshness is _STALE and issued is not None and observed is not None and issued > observed:
        state = None
    # 4
    if revocations is _STALE:
        freshness = _STALE
    notes = _NOTHING if freshness is _FRESH else _NOTES.get(freshness, _NOTHING)
    return LiveCode(code, code.assurance, freshness, observed, age, ends, notes, state)


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
