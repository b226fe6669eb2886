"""Strict readers of base64url and JSON, for everything that comes from outside: codes, trust lists, key sets.

Rules:

- **base64url** (RFC 4648, 5): the 64 letters only, no padding, no length that cannot occur, unused last bits zero. So
  one byte string has exactly one spelling.
- **JSON** (RFC 8259): UTF-8 without a byte order mark; no key twice in an object, at any level; every number fits an
  IEEE 754 double (no NaN, no Infinity, no 1e400, no integer of more than 308 digits); no lone surrogate; nesting is
  bounded before it is parsed; nothing but white space after the value.
- **Pure**: no I/O, nothing of the gateway. Size is the caller's to bound; the work here is linear in it.
- **One exception**: `StrictError` with a `StrictFault`. It neither quotes the input nor is chained to one that does.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from enum import StrEnum
from typing import NoReturn

__all__ = ["StrictError", "StrictFault", "base64url_decode", "parse_json"]


class StrictFault(StrEnum):
    """What is wrong with the input."""

    BAD_BASE64 = "bad_base64"
    BAD_JSON = "bad_json"
    DUPLICATE_KEY = "duplicate_key"
    TOO_DEEP = "too_deep"
    NOT_FINITE = "not_finite"
    NOT_UTF8 = "not_utf8"


class StrictError(ValueError):
    """The input breaks a rule of this module. `fault` is for machines; nothing of the input is kept."""

    def __init__(self, fault: StrictFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


# base64url

_REFUSED_LETTER = 0x21  # "!": outside both alphabets
_TO_STANDARD_ALPHABET = bytes(
    (0x2B if letter == 0x2D else 0x2F if letter == 0x5F else letter)
    if letter in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    else _REFUSED_LETTER
    for letter in range(256)
)
_PADDING = (b"", None, b"==", b"=")
_LAST_LETTERS = (None, None, frozenset(b"AQgw"), frozenset(b"AEIMQUYcgkosw048"))
"""By length modulo 4: the letters whose unused bits are zero."""


def base64url_decode(text: bytes) -> bytes:
    """Decode base64url without padding, in its one canonical spelling.

    Raises: StrictError with BAD_BASE64: a letter outside the alphabet (also "=", white space), a length of 1 modulo
    4, or unused last bits that are not zero.

    Source: RFC 4648, sections 3.5 and 5; RFC 7515, section 2.
    """
    rest = len(text) & 3
    padding = _PADDING[rest]
    last_letters = _LAST_LETTERS[rest]
    if padding is None or (last_letters is not None and text[-1] not in last_letters):
        raise StrictError(StrictFault.BAD_BASE64)
    try:
        return binascii.a2b_base64(text.translate(_TO_STANDARD_ALPHABET) + padding, strict_mode=True)
    except binascii.Error:
        pass
    raise StrictError(StrictFault.BAD_BASE64)


# JSON

_MOST_DIGITS = 308
"""An integer of more decimal digits does not fit an IEEE 754 double."""


def _read_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StrictError(StrictFault.DUPLICATE_KEY)
    return members


def _read_integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise StrictError(StrictFault.NOT_FINITE)
    return int(digits)


def _read_fraction(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise StrictError(StrictFault.NOT_FINITE)
    return number


def _refuse_constant(_name: str) -> NoReturn:
    raise StrictError(StrictFault.NOT_FINITE)


_read_short = json.JSONDecoder(
    object_pairs_hook=_read_object, parse_float=_read_fraction, parse_constant=_refuse_constant
).raw_decode
"""For a text that is too short for an integer of too many digits: json reads integers quicker than we do."""
_read_long = json.JSONDecoder(
    object_pairs_hook=_read_object,
    parse_int=_read_integer,
    parse_float=_read_fraction,
    parse_constant=_refuse_constant,
).raw_decode

_WHITE_SPACE = " \t\n\r"
_BRACKETS_ONLY = bytes.maketrans(b"[]", b"{}")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")
_SURROGATE_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(data: bytes, *, max_depth: int) -> object:
    """Read one JSON value under the rules above.

    Not checked: any meaning. `data` is the whole text, its size bounded by the caller; `max_depth` is how many objects
    and arrays may lie inside one another (`{}` has depth 1).

    Raises: StrictError with the first rule that was broken.

    Source: RFC 8259; RFC 7493 (I-JSON), sections 2.1 to 2.3; RFC 8725, section 3.7.
    """
    # 1. Depth is judged on the brackets alone, so that nothing deep is ever parsed.
    if data.count(b"{") + data.count(b"[") > max_depth:
        _check_depth(data, max_depth)

    # 2. Text. Escaped surrogates are the one way that UTF-8 bytes can still say something that is not Unicode.
    text = _read_text(data)
    if b"\\u" in data:
        _check_surrogates(data)

    # 3. The value, and nothing after it.
    if text[:1] != "{":
        text = text.lstrip(_WHITE_SPACE)
    try:
        value, end = (_read_short if len(text) <= _MOST_DIGITS else _read_long)(text)
    except json.JSONDecodeError:
        # UTF-16 and UTF-32 begin with a NUL among the first bytes of any JSON text (RFC 4627, section 3).
        fault = StrictFault.NOT_UTF8 if b"\0" in data[:4] else StrictFault.BAD_JSON
    except RecursionError:
        fault = StrictFault.TOO_DEEP
    else:
        if end == len(text) or not text[end:].strip(_WHITE_SPACE):
            return value
        fault = StrictFault.BAD_JSON
    # Outside the handlers: json's exceptions hold the whole text and must not be chained to ours.
    raise StrictError(fault)


def _read_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    raise StrictError(StrictFault.NOT_UTF8)


def _check_depth(data: bytes, max_depth: int) -> None:
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(data.split(b'"')[::2])
    brackets = outside_strings.translate(_BRACKETS_ONLY, _NOT_BRACKETS)
    for _ in range(max_depth):
        if not brackets:
            return
        brackets = brackets.replace(b"{}", b"")
    # What is left unpaired is broken rather than deep, unless it alone is too many.
    if b"{}" in brackets or brackets.count(b"{") > max_depth:
        raise StrictError(StrictFault.TOO_DEEP)


def _check_surrogates(data: bytes) -> None:
    escapes = data.replace(b"\\\\", b" ")
    if _SURROGATE.search(_SURROGATE_PAIR.sub(b" ", escapes)):
        raise StrictError(StrictFault.NOT_UTF8)
