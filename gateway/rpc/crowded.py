"""How many fields does an encoding have? Counted before it is parsed.

Parsing 4 MiB of empty messages would take 115 MiB and a tenth of a second; counting them stops at the bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

_SMALL: Final = 65_536
"""Bytes below which nobody needs to count."""


def crowded(raw: bytes, most: int) -> bool:
    """Tell whether `raw`, one encoded message, has more than `most` fields at its top level.

    Small encodings are not looked at. Broken ones are not crowded: the parser refuses them.
    """
    return len(raw) > _SMALL and next(islice(_fields(raw), most, None), None) is not None


def crowded_inside(raw: bytes, number: int, most: int) -> bool:
    """Tell whether `raw` has more than `most` fields, or a field `number` that is a message with more than that."""
    if crowded(raw, most):
        return True
    inner = (raw[begin:end] for field, begin, end in _fields(raw) if field == number and end - begin > _SMALL)
    return any(crowded(one, most) for one in inner)


def _fields(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield number, begin and end of each field, up to the first that is broken."""
    position = 0
    while position < len(raw):
        tag, position = _varint(raw, position)
        begin = position
        match tag & 7:
            case 0:
                _, position = _varint(raw, position)
            case 1:
                position += 8
            case 2:
                length, begin = _varint(raw, position)
                position = begin + length
            case 5:
                position += 4
            case _:
                return
        yield tag >> 3, begin, position


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
