"""Bounded decompression."""

from __future__ import annotations

import zlib

import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.formats.inflate import inflate

CONTENT = b"what the code says, " * 20


def deflate(content: bytes, *, raw: bool, dictionary: bytes | None = None) -> bytes:
    window = -zlib.MAX_WBITS if raw else zlib.MAX_WBITS
    if dictionary is None:
        stream = zlib.compressobj(9, zlib.DEFLATED, window)
    else:
        stream = zlib.compressobj(9, zlib.DEFLATED, window, zdict=dictionary)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("content", [b"", b"x", CONTENT])
def test_round_trip(content: bytes, raw: bool) -> None:
    assert inflate(deflate(content, raw=raw), raw=raw, limit=len(CONTENT)) == content


@pytest.mark.parametrize("raw", [True, False])
def test_the_limit_itself_is_allowed(raw: bool) -> None:
    packed = deflate(CONTENT, raw=raw)
    assert inflate(packed, raw=raw, limit=len(CONTENT)) == CONTENT
    with pytest.raises(CodeUnreadable) as refused:
        inflate(packed, raw=raw, limit=len(CONTENT) - 1)
    assert refused.value.reason is Reason.DECOMPRESSION_BOMB


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("size", [1_000_000, 30_000_000])
def test_a_bomb_is_stopped_at_its_bound(size: int, raw: bool) -> None:
    with pytest.raises(CodeUnreadable) as refused:
        inflate(deflate(bytes(size), raw=raw), raw=raw, limit=10_000)
    assert refused.value.reason is Reason.DECOMPRESSION_BOMB


WRAPPED = deflate(CONTENT, raw=False)
BARE = deflate(CONTENT, raw=True)


@pytest.mark.parametrize(
    ("packed", "raw", "reason"),
    [
        pytest.param(b"", False, Reason.BAD_COMPRESSION, id="nothing"),
        pytest.param(b"", True, Reason.BAD_COMPRESSION, id="nothing, bare"),
        pytest.param(CONTENT, False, Reason.BAD_COMPRESSION, id="not compressed"),
        pytest.param(BARE, False, Reason.BAD_COMPRESSION, id="bare where a wrapper is due"),
        pytest.param(WRAPPED, True, Reason.BAD_COMPRESSION, id="wrapper where none is due"),
        pytest.param(WRAPPED[:-1], False, Reason.BAD_COMPRESSION, id="check value cut"),
        pytest.param(WRAPPED[:-5], False, Reason.BAD_COMPRESSION, id="check value gone"),
        pytest.param(BARE[:-3], True, Reason.BAD_COMPRESSION, id="bare stream cut"),
        pytest.param(WRAPPED[:-1] + b"\0", False, Reason.BAD_COMPRESSION, id="wrong check value"),
        pytest.param(
            deflate(CONTENT, raw=False, dictionary=b"what the code"),
            False,
            Reason.BAD_COMPRESSION,
            id="preset dictionary",
        ),
        pytest.param(b"\x1f\x8b" + WRAPPED[2:], False, Reason.BAD_COMPRESSION, id="gzip magic"),
        pytest.param(WRAPPED + b"\0", False, Reason.TRAILING_BYTES, id="a byte behind"),
        pytest.param(WRAPPED + WRAPPED, False, Reason.TRAILING_BYTES, id="a second stream"),
        pytest.param(BARE + b"\0", True, Reason.TRAILING_BYTES, id="a byte behind, bare"),
    ],
)
def test_refused(packed: bytes, raw: bool, reason: Reason) -> None:
    with pytest.raises(CodeUnreadable) as refused:
        inflate(packed, raw=raw, limit=len(CONTENT))
    assert refused.value.reason is reason
