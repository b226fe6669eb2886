"""The native interop code: reads either of its two spellings (docs/native-code.md).

Rules:

- the prefix `HCI1:` means the QR text, anything else the compact JWS
- one set of claims (`native_claims`) comes out of both
"""

from __future__ import annotations

from gateway.values import ClaimedCode

from . import native_cwt, native_jws
from .native_claims import QR_PREFIX

__all__ = ["read"]


def read(code: bytes) -> ClaimedCode:
    """Read a native code from its QR text or its compact JWS.

    Raises: CodeUnreadable; see `native_cwt.read` and `native_jws.read`.
    """
    return native_cwt.read(code) if code.startswith(QR_PREFIX) else native_jws.read(code)
