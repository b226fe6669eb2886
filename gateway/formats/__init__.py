"""What a code says: bytes in, `ClaimedCode` out. No cryptography, no I/O, bounded in size, depth and time.

- `recognise.py` tells the format in one look; `read_code` hands the bytes to that format's reader
- one module per format; each has one `read(code) -> ClaimedCode` and raises nothing but `CodeUnreadable`
- those that hold clinical items take which one is wanted: `read(code, item)`; without one the holder's data end there
- size is judged here, before anything is parsed

The formats, and what their readers stand on:

- `native.py`  our own: `native_jws.py` and `native_cwt.py` take it apart, `native_claims.py` is what it may say,
               `native_encode.py` writes one
- `hcert.py`   EU DCC and WHO DDCC: `base45.py`, `cose.py`, `cbor.py`, then `hcert_payload.py` with `validity_dates.py`
- `shc.py`, `vdsnc.py`, `divoc.py`  SMART Health Card, ICAO VDS-NC, DIVOC
- `jws.py`, `members.py`, `inflate.py`  for all of them: a compact JWS, members of JSON, bounded decompression
- `clinical_dcc.py`, `clinical_fhir.py`, `clinical_vdsnc.py`  the one item of a certificate that a clinic was granted,
               in the forms of `clinical_codes.py`
- `opaque.py`  whose an id looks like, by the templates of the provinces' profiles (`opaque_template.py`)
- `status_list.py`  no code: an IETF Token Status List, as `status_list_jwt.py` and `status_list_cwt.py` spell it
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.clinical import ClinicalItem
from gateway.errors import CodeUnreadable, Reason
from gateway.values import ClaimedCode, Format

from . import divoc, hcert, native, shc, vdsnc
from .recognise import recognise

__all__ = ["MAX_CODE_BYTES", "read_code", "recognise"]

MAX_CODE_BYTES: Final = 32_768
"""More than any symbol or set of symbols in use holds: the largest QR has 7,089 digits, the largest published set of
SMART Health Card chunks 6,597. It bounds what a hostile code may cost before it is looked at."""

_READERS: Final[Mapping[Format, Callable[[bytes], ClaimedCode]]] = {
    Format.NATIVE: native.read,
    Format.HCERT: hcert.read,
    Format.SHC: shc.read,
    Format.VDSNC: vdsnc.read,
    Format.DIVOC: divoc.read,
}

_HOLD_ITEMS: Final[Mapping[Format, Callable[[bytes, ClinicalItem | None], ClaimedCode]]] = {
    Format.HCERT: hcert.read,
    Format.SHC: shc.read,
    Format.VDSNC: vdsnc.read,
}


def read_code(code: bytes, found: Format, item: ClinicalItem | None = None) -> ClaimedCode:
    """Read a code by the reader of the format that `recognise` found.

    `item` is the clinical item that is wanted, None (as ever but for a clinic) if none is.

    1. something, and not too much of it
    2. a format that is read
    3. nothing before the code

    Guarantees what the reader does: see `read` of the format's module.

    Raises: CodeUnreadable, and nothing else whatever the bytes are: EMPTY_CODE, TOO_LARGE, UNRECOGNISED,
    TRAILING_BYTES, or what the reader finds.
    """
    # 1
    if not code:
        raise CodeUnreadable(Reason.EMPTY_CODE)
    if len(code) > MAX_CODE_BYTES:
        raise CodeUnreadable(Reason.TOO_LARGE)
    # 2
    reader = _READERS.get(found)
    if reader is None:
        raise CodeUnreadable(Reason.UNRECOGNISED)
    # 3
    if code[0] <= 0x20:
        raise CodeUnreadable(Reason.TRAILING_BYTES)
    if item is not None and found in _HOLD_ITEMS:
        return _HOLD_ITEMS[found](code, item)
    return reader(code)
