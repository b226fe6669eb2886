"""Room 6: proof of what was said.

`Disclosure -> Receipt`, when the caller asks for one: the exact bytes that were signed. A receipt says what was
disclosed and not a word more.

- `receipt.py`  the signed receipt (compact JWS)

Door for later: the salted digest of the code, one signature for a whole batch, the audit log that a receipt points to.
"""
