"""Strict CBOR: one data item, whole, bounded, and nothing that could be read in two ways.

Rules:

- at most MAX_BYTES, at most MAX_DEPTH levels; what is no code may be larger if it is of few items
- exactly one item: nothing follows it
- no map has the same key twice (1 and 1.0 are the same)
- no map is the key of a map: each level of it multiplies the price of a comparison
- no NaN and no infinity, text is UTF-8
- no tags but the two that mark a text as a date (0 and 1004), which are read as that text
- indefinite lengths are allowed: the HCERT specifications do not forbid them, and the signature covers the bytes

MAX_BYTES bounds time, not memory: map keys can be chosen so that they all collide, which costs the square of their
number. 8 KiB of them (arrays of -1 and -2, whose hashes are equal) take about 10 ms; 128 KiB would take seconds. The
largest QR symbol holds 2,864 bytes as Base45; the real codes' CBOR is under 2 KiB. A status list is one byte string of
megabytes and a dozen items beside it: there the items are counted before they are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import NoReturn

from cbor2 import CBORDecoder, dumps

from gateway.errors import CodeUnreadable, Reason

MAX_BYTES = 8_192
MAX_DEPTH = 16
MAX_ITEMS = 256
"""Of something larger than MAX_BYTES: items, keys and tags counted each."""


class _TagRefused(ValueError):
    """A tag that nobody asked for."""


class _MapAsKey(ValueError):
    """A map where only a number or a text makes sense."""


def _refuse(_content: object, _immutable: bool) -> NoReturn:  # noqa: FBT001
    raise _TagRefused


def _no_key(content: Mapping[object, object], immutable: bool) -> Mapping[object, object]:  # noqa: FBT001
    if immutable:  # cbor2 reads a map this way where it stands in a key, and only there
        raise _MapAsKey
    return content


def _date_text(content: object, _immutable: bool) -> str:  # noqa: FBT001
    if not isinstance(content, str):
        raise _TagRefused
    return content


# cbor2 turns these into objects of many types, some at a price that the sender sets (bignums, decimals, patterns).
_BUILT_IN_TAGS = (1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 43000, 55799)
_DECODERS: dict[int, Callable[[object, bool], object]] = {
    **dict.fromkeys(_BUILT_IN_TAGS, _refuse),
    0: _date_text,
    1004: _date_text,
}


def decode(data: bytes, *, finite: bool = True, max_bytes: int = MAX_BYTES) -> object:
    """Return the one item that `data` encodes: int, float, str, bytes, bool, None, list, dict.

    Guarantees the rules above; with `finite` False all but the one about NaN, and then the caller calls
    `require_finite` herself. `max_bytes` is for what is no code. Does not check that the encoding is the shortest or
    the map keys sorted.

    Source: RFC 8949, sections 3, 5.3 and 5.6.

    Raises: CodeUnreadable with TOO_LARGE, TOO_DEEP, DUPLICATE_KEY, NOT_UTF8, NOT_FINITE, TRAILING_BYTES, or BAD_CBOR
    for everything else that is broken or not wanted.
    """
    if len(data) > max_bytes:
        raise CodeUnreadable(Reason.TOO_LARGE, "CBOR")
    if len(data) > MAX_BYTES:
        _refuse_crowds(data)
    source = BytesIO(data)
    try:
        item: object = CBORDecoder(
            source,
            tag_hook=_refuse,
            object_hook=_no_key,
            semantic_decoders=_DECODERS,
            max_depth=MAX_DEPTH,
            allow_duplicate_keys=False,
        ).decode()
    except Exception as error:  # noqa: BLE001 - whatever hostile bytes provoke is a refusal
        reason = _reason(error)
    else:
        if source.tell() != len(data):
            raise CodeUnreadable(Reason.TRAILING_BYTES, "CBOR")
        if finite:
            require_finite(item, data)
        return item
    # Outside the handler: cbor2's exception quotes the code and must not be chained to ours.
    raise CodeUnreadable(reason, "CBOR")


def encode(item: object) -> bytes:
    """Return `item` as CBOR with shortest heads, maps in the order given. For encoders."""
    return dumps(item)


def byte_string(data: bytes) -> bytes:
    """Return `data` as a CBOR byte string: its head, then the bytes."""
    length = len(data)
    if length < 24:
        return bytes((0x40 | length,)) + data
    if length < 0x100:
        return bytes((0x58, length)) + data
    if length < 0x10000:
        return b"\x59" + length.to_bytes(2, "big") + data
    return b"\x5a" + length.to_bytes(4, "big") + data


def _refuse_crowds(data: bytes) -> None:
    """Refuse more than MAX_ITEMS items. Heads follow one another in whatever they lie: only texts are stepped over.

    Raises: CodeUnreadable with TOO_LARGE, or with BAD_CBOR for a head that is none.
    """
    place, size = 0, len(data)
    for _ in range(MAX_ITEMS + 1):
        if place >= size:
            return
        major, short = data[place] >> 5, data[place] & 0x1F
        if 28 <= short <= 30:
            raise CodeUnreadable(Reason.BAD_CBOR, "CBOR")
        head = 1 + (1 << (short - 24) if 24 <= short <= 27 else 0)
        if major in (2, 3) and short != 31:
            head += short if short < 24 else int.from_bytes(data[place + 1 : place + head])
        place += head
    raise CodeUnreadable(Reason.TOO_LARGE, "CBOR items")


def _reason(error: Exception) -> Reason:
    """Tell why cbor2 gave up. It has one exception for all, so two reasons are read from its message."""
    if isinstance(error, UnicodeDecodeError) or isinstance(error.__cause__, UnicodeDecodeError):
        return Reason.NOT_UTF8
    message = str(error)
    if "nesting depth" in message:
        return Reason.TOO_DEEP
    if "Duplicate map key" in message:
        return Reason.DUPLICATE_KEY
    return Reason.BAD_CBOR


def require_finite(item: object, encoded: bytes) -> None:
    """Refuse NaN and infinity anywhere in `item`, which was decoded from `encoded`.

    Raises: CodeUnreadable with NOT_FINITE.
    """
    # A float starts with one of three bytes that UTF-8 never contains: without them there is no float to look at.
    if b"\xf9" not in encoded and b"\xfa" not in encoded and b"\xfb" not in encoded:
        return
    pending = [item]
    while pending:
        value = pending.pop()
        if isinstance(value, float):
            if not math.isfinite(value):
                raise CodeUnreadable(Reason.NOT_FINITE, "CBOR")
        elif isinstance(value, dict):
            pending.extend(value)
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)
