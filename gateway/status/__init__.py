"""Room 3: is it still true.

`AuthenticCode -> LiveCode`: inside its validity, its key inside its own, not revoked, and how old the issuer's word is.

- `observe.py`  validity in time, revocation lists, freshness

Door for later: live status lists. Until they are followed, a code that points to one cannot be decided
(STATUS_UNAVAILABLE), because its issuer says that the signed colour alone is not enough.
"""
