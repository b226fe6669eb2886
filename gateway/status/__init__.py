"""Room 3: is it still true.

`AuthenticCode -> LiveCode`: inside its validity, its key inside its own, not revoked, and how old the issuer's word is.

- `observe.py`    validity in time, revocation lists, live status, and the seam to the lists that are held
- `freshness.py`  how old a list may be, by issuer and purpose
- `words.py`      what the four bits of a list mean
- `batches.py`    the next batch of a list and its signatures, for whoever publishes

Held are the list of the gateway's own converted codes (gateway/conversion) and those of other issuers that are followed
(gateway/held). A code that points to a list that is not held cannot be decided (STATUS_UNAVAILABLE), because its issuer
says that the signed colour alone is not enough; a signed red stays a red.
"""
