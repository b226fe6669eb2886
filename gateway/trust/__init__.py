"""Room 2: who says it.

`ClaimedCode -> AuthenticCode`: the key of that issuer, for that purpose. An opaque or displayed code has no signature
and comes in by a door of its own. No I/O on the way of a code.

- `snapshot.py`      everything that is trusted at one moment, immutable, with its epoch
- `authenticate.py`  the checks: issuer, format, key, algorithm, signature, division; then key use
- `marks.py`         what tells a code and its person from others, for the handles and the replay guard
- `online.py`        the other door: what an issuer answered (gateway/provinces asks it), what a checker saw
- `store.py`         who holds the snapshot in force: loads trust lists from files, swaps whole, keeps the old one if a
                     new one is broken
"""
