"""How many fields does an encoding have? Counted before it is parsed.

Parsing 4 MiB of empty messages would take 115 MiB and a tenth of a second; counting them stops at the bound.
"""

from __future__ import annotations

from typing import Final

_SMALL: Final = 65_536
"""Bytes below which nobody needs to count."""


def crowded(raw: bytes, most: int) -> bool:
    """Tell whether `raw`, one encoded message, has more than `most` fields at its top level.

    Small encodings are not looked at. Broken ones are not crowded: the parser refuses them.
    """
    if len(raw) <= _SMALL:
        return False
    position = 0
    for _ in range(most):
        tag, position = _varint(raw, position)
        match tag & 7:
            case 0:
                _, position = _varint(raw, position)
            case 1:
                position += 8
            case 2:
                length, position = _varint(raw, position)
                position += length
            case 5:
                position += 4
            case _:
                return False
        if position >= len(raw):
            return False
    return True


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(raw):
            break
        byte = raw[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    return 7, len(raw)  # no varint: wire type 7 does not exist
