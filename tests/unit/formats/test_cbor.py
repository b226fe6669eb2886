"""Strict CBOR."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Mapping

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import cbor

ITEM = {1: "XA", -260: {1: {"v": [{"dn": 2}]}}, "b": b"\x01", "n": None, "t": True, "f": 1.5}


def reason_of(data: bytes) -> Reason:
    with pytest.raises(CodeUnreadable) as refused:
        cbor.decode(data)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None, "cbor2's exception quotes the code"
    return refused.value.reason


def test_reads_what_it_writes() -> None:
    assert cbor.decode(cbor.encode(ITEM)) == ITEM


@pytest.mark.parametrize(
    ("data", "item"),
    [
        pytest.param("bf6161018202ffff", None, id="break in a definite array"),
        pytest.param("bf616101ff", {"a": 1}, id="map of indefinite length"),
        pytest.param("9f0102ff", [1, 2], id="array of indefinite length"),
        pytest.param("7f61616162ff", "ab", id="text of indefinite length"),
        pytest.param("5f41014102ff", b"\x01\x02", id="bytes of indefinite length"),
        pytest.param("190001", 1, id="a head longer than needed"),
        pytest.param("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z", id="tagged time"),
        pytest.param("d903ec6a323031332d30332d3231", "2013-03-21", id="tagged date"),
    ],
)
def test_forms_that_real_codes_may_have(data: str, item: object) -> None:
    if item is None:
        assert reason_of(bytes.fromhex(data)) is Reason.BAD_CBOR
    else:
        assert cbor.decode(bytes.fromhex(data)) == item


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param("", Reason.BAD_CBOR, id="nothing"),
        pytest.param("a1", Reason.BAD_CBOR, id="map cut"),
        pytest.param("6261", Reason.BAD_CBOR, id="text cut"),
        pytest.param("9f01", Reason.BAD_CBOR, id="no break"),
        pytest.param("ff", Reason.BAD_CBOR, id="break alone"),
        pytest.param("1c", Reason.BAD_CBOR, id="reserved head"),
        pytest.param("9b7fffffffffffffff", Reason.BAD_CBOR, id="array of 2^63 items"),
        pytest.param("bb7fffffffffffffff", Reason.BAD_CBOR, id="map of 2^63 pairs"),
        pytest.param("5b7fffffffffffffff", Reason.BAD_CBOR, id="2^63 bytes"),
        pytest.param("f816", Reason.BAD_CBOR, id="simple value in two bytes"),
        pytest.param("c249010000000000000000", Reason.BAD_CBOR, id="bignum"),
        pytest.param("c11a514b67b0", Reason.BAD_CBOR, id="tagged number of seconds"),
        pytest.param("c001", Reason.BAD_CBOR, id="a time that is a number"),
        pytest.param("d81c81d81d00", Reason.BAD_CBOR, id="a list that holds itself"),
        pytest.param("d8236128", Reason.BAD_CBOR, id="regular expression"),
        pytest.param("c4821a7fffffff01", Reason.BAD_CBOR, id="decimal of a billion digits"),
        pytest.param("a1d90100820102" + "00", Reason.BAD_CBOR, id="tag as a key"),
        pytest.param("a1a0" + "00", Reason.BAD_CBOR, id="an empty map as a key"),
        pytest.param("a1a101a20102030400" + "00", Reason.BAD_CBOR, id="a map as a key, with a map in it"),
        pytest.param("a1820181a1000000", Reason.BAD_CBOR, id="a map in an array in an array that is a key"),
        pytest.param("0101", Reason.TRAILING_BYTES, id="a second item"),
        pytest.param("a0ff", Reason.TRAILING_BYTES, id="a byte behind"),
        pytest.param("a201010102", Reason.DUPLICATE_KEY, id="number twice"),
        pytest.param("a2616101616102", Reason.DUPLICATE_KEY, id="text twice"),
        pytest.param("a2010119000102", Reason.DUPLICATE_KEY, id="number twice, another head"),
        pytest.param("a20101f93c0002", Reason.DUPLICATE_KEY, id="1 and 1.0"),
        pytest.param("bf01010102ff", Reason.DUPLICATE_KEY, id="twice, indefinite length"),
        pytest.param("81a201010102", Reason.DUPLICATE_KEY, id="twice, further in"),
        pytest.param("f97e00", Reason.NOT_FINITE, id="NaN, half"),
        pytest.param("a101fa7fc00000", Reason.NOT_FINITE, id="NaN, single"),
        pytest.param("81fb7ff8000000000000", Reason.NOT_FINITE, id="NaN, double"),
        pytest.param("a1f97e0001", Reason.NOT_FINITE, id="NaN as a key"),
        pytest.param("f97c00", Reason.NOT_FINITE, id="infinity"),
        pytest.param("a10181fbfff0000000000000", Reason.NOT_FINITE, id="minus infinity"),
        pytest.param("62c328", Reason.NOT_UTF8, id="not UTF-8"),
        pytest.param("a161ff01", Reason.NOT_UTF8, id="not UTF-8, a key"),
        pytest.param("63eda080", Reason.NOT_UTF8, id="a surrogate"),
        pytest.param("7f61c361a9ff", Reason.NOT_UTF8, id="a letter cut in two"),
        pytest.param("81" * 17 + "00", Reason.TOO_DEEP, id="arrays"),
        pytest.param("a101" * 17 + "00", Reason.TOO_DEEP, id="maps"),
        pytest.param("c0" * 5000 + "00", Reason.TOO_DEEP, id="tags"),
    ],
)
def test_refused(data: str, reason: Reason) -> None:
    assert reason_of(bytes.fromhex(data)) is reason


def test_the_deepest_that_is_read() -> None:
    cbor.decode(b"\x81" * cbor.MAX_DEPTH + b"\x00")


@pytest.mark.parametrize("filler", [b"\x00", b"a"])
def test_size(filler: bytes) -> None:
    largest = cbor.byte_string(filler * (cbor.MAX_BYTES - 3))
    assert len(largest) == cbor.MAX_BYTES
    assert cbor.decode(largest) == filler * (cbor.MAX_BYTES - 3)
    assert reason_of(cbor.byte_string(filler * (cbor.MAX_BYTES - 2))) is Reason.TOO_LARGE


def test_every_other_tag_is_refused() -> None:
    for number in [*range(70_000), 2**32, 2**64 - 1]:
        if number in (0, 1004):
            continue
        for content in ("2013-03-21T20:04:00Z", 1):
            if number < 3000 or content == 1:
                assert reason_of(cbor2.dumps(cbor2.CBORTag(number, content))) is Reason.BAD_CBOR, number


def test_keys_that_all_collide_are_read_in_bounded_work() -> None:
    """The dearest map there is: keys (a, b) of equal hash, as many as fit; unbounded, it would hang."""
    mask = 2**64 - 1
    prime_1, prime_2, prime_5 = 11400714785074694791, 14029467366897019727, 2870177450012600261
    keys: list[tuple[int, int]] = []
    first = 1
    while len(keys) < cbor.MAX_BYTES // 15:
        lane = (prime_5 + first * prime_2) & mask
        lane = ((lane << 31 | lane >> 33) & mask) * prime_1 & mask
        second = (12345 - lane) * pow(prime_2, -1, 2**64) & mask
        if second < 2**61 - 1:
            keys.append((first, second))
        first += 1
    data = b"\xb9" + struct.pack(">H", len(keys)) + b"".join(cbor2.dumps(list(key)) + b"\x00" for key in keys)
    assert len({hash(key) for key in keys}) == 1
    assert cbor.decode(data) == dict.fromkeys(keys, 0)


def test_maps_as_keys_are_refused_before_a_second_one_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps in maps in a key took half a second for 3 KB: each comparison of two keys walks all of their levels."""
    seen = 0
    hook = cbor._no_key

    def counted(content: Mapping[object, object], immutable: bool) -> Mapping[object, object]:
        nonlocal seen
        seen += 1
        return hook(content, immutable)

    monkeypatch.setattr(cbor, "_no_key", counted)
    keys = [b"\xa1\x00\xa1\x00\x88" + bytes(one) for one in itertools.product((0x20, 0x21), repeat=8)]
    data = b"\xb9" + struct.pack(">H", len(keys)) + b"".join(key + b"\x00" for key in keys)
    assert reason_of(data) is Reason.BAD_CBOR
    assert seen == 1


def decoded(data: bytes) -> object:
    """Return the item, or the reason why there is none."""
    try:
        return cbor.decode(data)
    except CodeUnreadable as refused:
        return refused.reason


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    item = decoded(data)
    assert not (isinstance(item, float) and not math.isfinite(item))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(0, 99), inner, max_size=4),
        max_leaves=20,
    ),
)
def test_any_item_round_trips(item: object) -> None:
    data = cbor.encode(item)
    assert decoded(data) in (item, Reason.NOT_FINITE, Reason.TOO_DEEP)
    assert decoded(data + b"\x00") in (Reason.TRAILING_BYTES, Reason.NOT_FINITE, Reason.TOO_DEEP)


@pytest.mark.parametrize("length", [0, 23, 24, 255, 256, 65_535, 65_536])
def test_byte_string(length: int) -> None:
    assert cbor.byte_string(bytes(length)) == cbor2.dumps(bytes(length))


# larger than a code


def test_what_is_no_code_may_be_larger_if_it_is_of_few_items() -> None:
    large = {"lst": bytes(20_000), "more": [1] * (cbor.MAX_ITEMS - 5)}
    assert cbor.decode(cbor.encode(large), max_bytes=30_000) == large
    assert reason_of(cbor.encode(large)) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(cbor.encode({"lst": bytes(9_000), "more": [1] * 253}), Reason.TOO_LARGE, id="many items"),
        pytest.param(b"\x5f" + b"\x41\x00" * 5_000 + b"\xff", Reason.TOO_LARGE, id="many parts of one"),
        pytest.param(b"\x82\x1c" + bytes(9_000), Reason.BAD_CBOR, id="no such head"),
        pytest.param(b"\x82" + cbor.encode(bytes(9_000)) + b"\x5b" + b"\xff" * 8, Reason.BAD_CBOR, id="a long promise"),
    ],
)
def test_larger_items_are_bounded_too(data: bytes, reason: Reason) -> None:
    with pytest.raises(CodeUnreadable) as refused:
        cbor.decode(data, max_bytes=1 << 20)
    assert refused.value.reason is reason
