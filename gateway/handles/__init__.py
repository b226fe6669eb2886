"""Pairwise handles: the same person has another name for every caller, and another one in every epoch.

- `pairwise.py`  the name: a keyed digest over caller, issuer and the issuer's own pseudonym of the person
- `current.py`   the keys in force: which epoch it is, whether its key is at hand, what is made and destroyed at a look
- `upkeep.py`    looks again and again
- `observer.py`  who is told

The keys themselves are `keys/epoch_keys.py`'s. What a handle is good for and what it is not: docs/handles.md.
"""
