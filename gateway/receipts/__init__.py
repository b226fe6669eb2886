"""Room 6: proof of what was said.

`Disclosure -> Receipt`, when the caller asks for one: the exact bytes that were signed. A receipt says what was
disclosed and not a word more.

- `receipt.py`     the signed receipt (compact JWS), and one signature for many
- `merkle.py`      the tree that makes one signature enough
- `commitment.py`  which code it is about: a salted digest
- `checking.py`    the other side: is this a receipt, and of what

The audit log's entry of a decision has the same digest as its receipt.
"""
