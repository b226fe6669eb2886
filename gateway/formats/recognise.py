"""Which family of encodings these bytes belong to, in one look at how they begin.

Rules:

- a prefix decides where the format has one: `HC1:`, `HCI1:`, `shc:/`, `B64:`, `PK`
- a compact JWS is decided by its header: `typ` first, then `zip`; a JWS with a foreign `typ` goes to the native reader,
  which refuses it by name (WRONG_TYPE)
- white space before the code does not hide it: it is recognised, and refused as such by `read_code`
- recognising is no promise that the code can be read; what is not recognised is UNKNOWN, never an exception
"""

from __future__ import annotations

import binascii
from typing import Final

from gateway.errors import CodeUnreadable
from gateway.values import Format

from . import jws, native_claims, shc

_PREFIXES: Final = (
    (b"HC1:", Format.HCERT),
    (b"HCI1:", Format.NATIVE),
    (b"shc:/", Format.SHC),
    (b"B64:", Format.DIVOC),
    (b"PK\x03\x04", Format.DIVOC),
)
_BY_FIRST_BYTE: Final = {
    first: tuple((prefix, found) for prefix, found in _PREFIXES if prefix[0] == first)
    for first in {prefix[0] for prefix, _ in _PREFIXES}
}
_WHITE_SPACE: Final = b" \t\r\n\x0b\x0c\0"

# '{' and one of '"', ' ', tab, line feed, carriage return, as base64url begins.
_HEADER_STARTS: Final = (b"ey", b"ew")
_VDSNC_MEMBERS: Final = (b'"data"', b'"sig"')


def recognise(code: bytes) -> Format:
    """Return the format that `code` begins like; UNKNOWN for anything else, and for nothing.

    Guarantees bounded work whatever the bytes are, and that it never raises.
    """
    if not code:
        return Format.UNKNOWN
    if code[0] in _WHITE_SPACE:
        code = code.lstrip(_WHITE_SPACE)
        if not code:
            return Format.UNKNOWN
    for prefix, found in _BY_FIRST_BYTE.get(code[0], ()):
        if code.startswith(prefix):
            return found
    if code.startswith(_HEADER_STARTS):
        return _recognise_jws(code)
    if code[0] == 0x7B and all(member in code for member in _VDSNC_MEMBERS):
        return Format.VDSNC
    return Format.UNKNOWN


def _recognise_jws(token: bytes) -> Format:
    """Decide by the header. One that cannot be read goes to the reader that will say why, if it tells which."""
    segment, dot, _ = token.partition(b".")
    if not dot:
        return Format.UNKNOWN
    try:
        header = jws.read_header(segment)
    except CodeUnreadable:
        return _guess(segment)
    if header.type == native_claims.JWS_TYPE:
        return Format.NATIVE
    return Format.SHC if header.type in shc.TYPES or header.compression == "DEF" else Format.NATIVE


def _guess(segment: bytes) -> Format:
    try:
        text = binascii.a2b_base64(segment[: jws.MAX_HEADER_BYTES].translate(_TO_STANDARD_ALPHABET) + b"==")
    except binascii.Error:
        return Format.UNKNOWN
    if native_claims.JWS_TYPE.encode() in text:
        return Format.NATIVE
    return Format.SHC if b'"DEF"' in text else Format.UNKNOWN


_TO_STANDARD_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")
