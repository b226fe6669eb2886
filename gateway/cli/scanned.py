"""What was scanned, as a person gives it: typed behind the command, or piped into it."""

from __future__ import annotations

import sys
from typing import Final

MOST_READ: Final = 1 << 20
"""Bytes taken from standard input: far more than any code (`gateway.formats.MAX_CODE_BYTES`), and bounded."""


def scanned_bytes(code: str) -> bytes:
    """Return the bytes of `code`; for "-" those of standard input, without the line end that a shell adds."""
    if code == "-":
        return sys.stdin.buffer.read(MOST_READ).rstrip(b"\r\n")
    return code.encode("utf-8", "surrogateescape")
