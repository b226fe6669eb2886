"""The strict readers: one spelling of base64url, one meaning of JSON, every breach named."""

from __future__ import annotations

import base64
import json
import random

import pytest

from keys.strict import StrictError, StrictFault, base64url_decode, parse_json

DEPTH = 8


def fault_of(data: bytes, max_depth: int = DEPTH) -> StrictFault:
    with pytest.raises(StrictError) as caught:
        parse_json(data, max_depth=max_depth)
    return caught.value.fault


@pytest.mark.parametrize("length", range(70))
def test_base64url_agrees_with_the_standard_library(length: int) -> None:
    data = random.Random(length).randbytes(length)
    assert base64url_decode(base64.urlsafe_b64encode(data).rstrip(b"=")) == data


def test_base64url_known_answers() -> None:
    # RFC 4648, section 10, and RFC 7515, appendix C.
    assert base64url_decode(b"") == b""
    assert base64url_decode(b"Zg") == b"f"
    assert base64url_decode(b"Zm9vYg") == b"foob"
    assert base64url_decode(b"A-z_4ME") == bytes([3, 236, 255, 224, 193])


@pytest.mark.parametrize(
    "text",
    [
        b"Zg==", b"Zm8=", b"=", b"Zm9v=", b"====",  # padding
        b"Z", b"Zm9vY", b"AAAAA",  # lengths that cannot occur
        b"Zm+v", b"Zm/v", b"A+z/4ME",  # the other alphabet
        b"Zm9v\n", b" Zm9", b"Zm 9", b"Zm\x009", b"Zm!9", b"Zm\xff9", "Zm\uff19v".encode(), b"Zm9v.", b"~~~~",
        b"Zh", b"Z_", b"ZB", b"Zm9", b"Zm-", b"AAB", b"AAAAAA_",  # unused bits set
    ],
)  # fmt: skip
def test_base64url_refuses(text: bytes) -> None:
    with pytest.raises(StrictError) as caught:
        base64url_decode(text)
    assert caught.value.fault is StrictFault.BAD_BASE64


def test_exactly_one_last_letter_in_sixteen_or_four_is_canonical() -> None:
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    def accepted(head: bytes) -> int:
        count = 0
        for letter in letters:
            try:
                base64url_decode(head + bytes([letter]))
            except StrictError:
                continue
            count += 1
        return count

    assert accepted(b"Z") == 4
    assert accepted(b"Zm") == 16
    assert accepted(b"Zm9") == 64


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":1,"b":[true,null,"x"]}', {"a": 1, "b": [True, None, "x"]}),
        (b' \t\r\n{"a":-1.5e3} \n', {"a": -1500.0}),
        ('{"省":"贵州"}'.encode(), {"省": "贵州"}),
        (rb'{"a":"\ud83d\ude00"}', {"a": "\U0001f600"}),
        (rb'{"a":"\\ud83d"}', {"a": r"\ud83d"}),
        (rb'{"a":"\\\ud83d\ude00"}', {"a": "\\\U0001f600"}),
        (b'{"a":{"a":{"a":1}}}', {"a": {"a": {"a": 1}}}),
        (b"9" * 308, int("9" * 308)),
        (b"1e308", 1e308),
        (b'"x"', "x"),
        (b"[]", []),
    ],
)
def test_json_accepts(data: bytes, value: object) -> None:
    assert parse_json(data, max_depth=DEPTH) == value


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", StrictFault.BAD_JSON),
        (b"{", StrictFault.BAD_JSON),
        (b'{"a":1', StrictFault.BAD_JSON),
        (b'{"a":1}x', StrictFault.BAD_JSON),
        (b'{"a":1}{}', StrictFault.BAD_JSON),
        (b'{"a":1}\0', StrictFault.BAD_JSON),
        (b'{"a":1}\xc2\xa0', StrictFault.BAD_JSON),
        (b'\x0b{"a":1}', StrictFault.BAD_JSON),
        (b"{'a':1}", StrictFault.BAD_JSON),
        (b'{"a":1,}', StrictFault.BAD_JSON),
        (b'{"a":01}', StrictFault.BAD_JSON),
        (b'{"a":+1}', StrictFault.BAD_JSON),
        ('{"a":\uff11}'.encode(), StrictFault.BAD_JSON),
        (b'{"a":"\x01"}', StrictFault.BAD_JSON),
        (b'{"a":"\n"}', StrictFault.BAD_JSON),
        (b'\xef\xbb\xbf{"a":1}', StrictFault.BAD_JSON),
        (b'{"a":1,"a":1}', StrictFault.DUPLICATE_KEY),
        (b'{"b":{"a":1,"a":2}}', StrictFault.DUPLICATE_KEY),
        (b'[{"a":1},{"a":1,"b":2,"a":3}]', StrictFault.DUPLICATE_KEY),
        (rb'{"a":1,"\u0061":2}', StrictFault.DUPLICATE_KEY),
        (b'{"a":NaN}', StrictFault.NOT_FINITE),
        (b'{"a":Infinity}', StrictFault.NOT_FINITE),
        (b'{"a":-Infinity}', StrictFault.NOT_FINITE),
        (b'{"a":1e400}', StrictFault.NOT_FINITE),
        (b'{"a":-1e309}', StrictFault.NOT_FINITE),
        (b'{"a":' + b"9" * 309 + b"}", StrictFault.NOT_FINITE),
        (b'{"a":' + b"9" * 4_000 + b"}", StrictFault.NOT_FINITE),
        (b'{"a":' + b"9" * 100_000 + b"}", StrictFault.NOT_FINITE),
        (b'{"a":"\xff"}', StrictFault.NOT_UTF8),
        (b'{"a":"\xc0\xaf"}', StrictFault.NOT_UTF8),
        (b'{"a":"\xed\xa0\x80"}', StrictFault.NOT_UTF8),
        ('{"a":1}'.encode("utf-16"), StrictFault.NOT_UTF8),
        ('{"a":1}'.encode("utf-16-le"), StrictFault.NOT_UTF8),
        ('{"a":1}'.encode("utf-16-be"), StrictFault.NOT_UTF8),
        ('{"a":1}'.encode("utf-32-be"), StrictFault.NOT_UTF8),
        (rb'{"a":"\ud800"}', StrictFault.NOT_UTF8),
        (rb'{"a":"\uDFFF"}', StrictFault.NOT_UTF8),
        (rb'{"a":"\ude00\ud83d"}', StrictFault.NOT_UTF8),
        (rb'{"a":"\ud83d\ud83d\ude00"}', StrictFault.NOT_UTF8),
        (rb'{"a":"\\\ud800"}', StrictFault.NOT_UTF8),
        (rb'{"\ud800":1}', StrictFault.NOT_UTF8),
    ],
)
def test_json_refuses(data: bytes, fault: StrictFault) -> None:
    assert fault_of(data) is fault


@pytest.mark.parametrize("max_depth", [1, 2, 8, 32])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_depth_is_exact(max_depth: int, opening: bytes, closing: bytes) -> None:
    levels_each = 2 if opening.startswith(b"[{") else 1
    times, odd = divmod(max_depth, levels_each)
    inside = b"[]" if odd else b"0"

    def nested(count: int, core: bytes) -> bytes:
        return opening * count + core + closing * count

    assert json.loads(nested(times, inside)) == parse_json(nested(times, inside), max_depth=max_depth)
    assert fault_of(nested(times + 1, inside), max_depth) is StrictFault.TOO_DEEP


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b'{"a":' * 26_000,
        b'{"a":[' * 20_000 + b"]}" * 20_000,
        b'{"}":' * 5_000 + b'{"{":0}' + b',"{":0}' * 5_000,  # brackets in strings hide nothing
        b'{"\\"}":' * 5_000 + b"0" + b"}" * 5_000,
        b'{"\\\\":' * 5_000 + b"0" + b"}" * 5_000,
    ],
)
def test_nothing_deep_is_parsed(data: bytes) -> None:
    assert fault_of(data) is StrictFault.TOO_DEEP


def test_a_caller_that_allows_more_than_the_parser_can_gets_a_refusal() -> None:
    assert fault_of(b"[" * 50_000 + b"]" * 50_000, 100_000) is StrictFault.TOO_DEEP


def test_width_is_not_depth_and_brackets_in_strings_do_not_count() -> None:
    wide = b"[" + b",".join([b'{"a":[]}'] * 500) + b"]"
    assert len(parse_json(wide, max_depth=3)) == 500  # type: ignore[arg-type]
    assert fault_of(wide, 2) is StrictFault.TOO_DEEP
    text = b'{"a":"' + b"[{" * 500 + rb"\"\\" + b'"}'
    assert parse_json(text, max_depth=1) == {"a": "[{" * 500 + '"\\'}


@pytest.mark.parametrize("data", [b'{"name":"Anyperson"', b'{"name":"Anyperson\xff"}', b'{"name":"Anyperson"}x'])
def test_the_error_keeps_nothing_of_the_input(data: bytes) -> None:
    with pytest.raises(StrictError) as caught:
        parse_json(data, max_depth=2)
    error = caught.value
    assert "Anyperson" not in f"{error!r} {error} {error.__dict__}"
    assert error.__context__ is None
    assert error.__cause__ is None
