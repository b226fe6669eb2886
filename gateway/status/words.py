"""What the four bits of a status list mean, both ways.

Rules:

- Every word that is not assigned reads UNKNOWN; so does 0xF, which stands in holes and at indices never given out.
- 0x2 (SUSPENDED) stands for two states; it reads UNDER_REVIEW.
- AS_SIGNED stands in files of this machine only, for lists of other issuers that know nothing but valid and not: no
  batch may write it.

Source: IETF Token Status List, section 7; the words of our own are those of the design (section 4, "live status").
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.changes import Word
from gateway.values import CodeState

GREEN: Final = Word(0x0)
CANCELLED: Final = Word(0x1)
SUSPENDED: Final = Word(0x2)
AS_SIGNED: Final = Word(0x3)
YELLOW: Final = Word(0xC)
RED: Final = Word(0xD)
STALE_DECLARATION: Final = Word(0xE)
UNKNOWN: Final = Word(0xF)

HOLE: Final = 0xFF
"""A byte of two places that were never given out."""

PUBLISHED: Final = frozenset({GREEN, CANCELLED, SUSPENDED, YELLOW, RED, STALE_DECLARATION, UNKNOWN})
"""What an issuer may write."""

PUBLISHED_BYTES: Final = bytes(low | high << 4 for low in PUBLISHED for high in PUBLISHED)
"""Every byte of two places that an issuer may write."""

WORDS: Final[Mapping[CodeState, Word]] = MappingProxyType(
    {
        CodeState.GREEN: GREEN,
        CodeState.REVOKED: CANCELLED,
        CodeState.UNDER_REVIEW: SUSPENDED,
        CodeState.UNCONFIRMED: SUSPENDED,
        CodeState.YELLOW: YELLOW,
        CodeState.RED: RED,
        CodeState.STALE_DECLARATION: STALE_DECLARATION,
        CodeState.UNKNOWN: UNKNOWN,
    }
)
"""What is said -> its word."""

_MEANINGS: Final = {
    GREEN: CodeState.GREEN,
    CANCELLED: CodeState.REVOKED,
    SUSPENDED: CodeState.UNDER_REVIEW,
    AS_SIGNED: None,
    YELLOW: CodeState.YELLOW,
    RED: CodeState.RED,
    STALE_DECLARATION: CodeState.STALE_DECLARATION,
}

STATES: Final[tuple[CodeState | None, ...]] = tuple(_MEANINGS.get(Word(word), CodeState.UNKNOWN) for word in range(16))
"""Word -> what it says; None: valid, as it was signed."""
