"""Which code a receipt is about, told only to who has that code and the receipt's salt.

- The digest alone says nothing, however few codes there may be: the salt is 32 random bytes, another for each receipt.
- The salt is given to the asker with her receipt and kept nowhere. Without it nobody, not even the gateway, can
  tell which code a receipt was about.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

SALT_BYTES: Final = 32

_CONTEXT: Final = b"hcgw-receipt-code-v1\0"
"""So that no digest of anything else is ever one of a code."""


def code_digest(code: bytes, salt: bytes) -> bytes:
    """Return SHA-256 over the context, `salt` (SALT_BYTES) and `code`, exactly as it was scanned."""
    return sha256(_CONTEXT + salt + code).digest()
