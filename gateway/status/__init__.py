"""Room 3: is it still true.

`AuthenticCode -> LiveCode`: inside its validity, its key inside its own, not revoked, and how old the issuer's word is.

- `observe.py`  validity in time, revocation lists, freshness, and the seam to the live status lists that are held

Held is the list of the gateway's own converted codes (gateway/conversion). Door for later: those of other issuers.
Until they are followed, a code that points to one cannot be decided (STATUS_UNAVAILABLE), because its issuer says that
the signed colour alone is not enough.
"""
