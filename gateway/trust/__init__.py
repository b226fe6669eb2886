"""Room 2: who says it.

`ClaimedCode -> AuthenticCode`: the key of that issuer, for that purpose. No I/O on the way of a code.

- `snapshot.py`      everything that is trusted at one moment, immutable, with its epoch
- `authenticate.py`  the checks: issuer, format, key, algorithm, signature, division; then key use
- `store.py`         who holds the snapshot in force: loads trust lists from files, swaps whole, keeps the old one if a
                     new one is broken

Door for later: an opaque code is authenticated by asking its issuer (gateway/provinces) and enters the way of a code
as an `AuthenticCode` too.
"""
