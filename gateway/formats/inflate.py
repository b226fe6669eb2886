"""Bounded decompression.

Rules:

- the output is bounded while it is made, so that a bomb costs no more than its bound
- the stream is whole: it ends by itself, with the right check value where the format has one
- nothing follows the stream
- no preset dictionary: nobody agreed on one
"""

from __future__ import annotations

import zlib

from gateway.errors import CodeUnreadable, Reason

_ZLIB_WINDOW = zlib.MAX_WBITS
_RAW_WINDOW = -zlib.MAX_WBITS


def inflate(data: bytes, *, raw: bool, limit: int) -> bytes:
    """Return what `data`, one whole DEFLATE stream, unpacks to: at most `limit` bytes.

    `raw` is True for a bare stream (RFC 1951), False for one in a zlib wrapper (RFC 1950).

    Source: RFC 1950, section 2.2; RFC 1951, section 3.2.3.

    Raises: CodeUnreadable with BAD_COMPRESSION (not such a stream, or a truncated one), DECOMPRESSION_BOMB (the output
    would exceed `limit`) or TRAILING_BYTES (something follows the stream).
    """
    stream = zlib.decompressobj(_RAW_WINDOW if raw else _ZLIB_WINDOW)
    try:
        unpacked = stream.decompress(data, limit + 1)
    except zlib.error:
        unpacked = None
    if unpacked is None:
        raise CodeUnreadable(Reason.BAD_COMPRESSION, "deflate stream")
    if len(unpacked) > limit:
        raise CodeUnreadable(Reason.DECOMPRESSION_BOMB, "deflate stream")
    if not stream.eof:
        raise CodeUnreadable(Reason.BAD_COMPRESSION, "deflate stream is truncated")
    if stream.unused_data:
        raise CodeUnreadable(Reason.TRAILING_BYTES, "deflate stream")
    return unpacked
