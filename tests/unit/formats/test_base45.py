"""Base45: RFC 9285."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import base45

RFC_EXAMPLES = [
    (b"AB", b"BB8"),
    (b"Hello!!", b"%69 VD92EX0"),
    (b"base-45", b"UJCLQE7W581"),
    (b"ietf!", b"QED8WEX0"),
]
"""RFC 9285, sections 4.3 and 4.4."""


@pytest.mark.parametrize(("data", "text"), RFC_EXAMPLES)
def test_examples_of_the_rfc(data: bytes, text: bytes) -> None:
    assert base45.encode(data) == text
    assert base45.decode(text) == data


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff", b"\0\0", b"\xff\xff", b"\xff\xff\xff", bytes(300)])
def test_borders_round_trip(data: bytes) -> None:
    assert base45.decode(base45.encode(data)) == data


@given(st.binary(max_size=700))
def test_any_bytes_round_trip(data: bytes) -> None:
    assert base45.decode(base45.encode(data)) == data


@given(st.lists(st.sampled_from(list(base45.ALPHABET)), max_size=40).map(bytes))
def test_what_is_read_has_one_spelling(text: bytes) -> None:
    try:
        data = base45.decode(text)
    except CodeUnreadable:
        return
    assert base45.encode(data) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"BB", id="two letters beyond a byte"),
        pytest.param(b"::", id="two letters, the largest"),
        pytest.param(b":::", id="a group beyond two bytes"),
        pytest.param(b"GGW", id="a group one beyond two bytes"),
        pytest.param(b"BB8:::BB8", id="a bad group in the middle"),
        pytest.param(b"B", id="one letter"),
        pytest.param(b"BB8B", id="one letter left over"),
        pytest.param(b"bb8", id="lower case"),
        pytest.param(b"BB8\n", id="line end"),
        pytest.param(b"B\xc3\x84", id="beyond ASCII"),
        pytest.param(b"\0\0\0", id="zero bytes"),
        pytest.param(b"B=8", id="a letter of another alphabet"),
        pytest.param(b"\xff\xff\xff", id="the largest byte"),
    ],
)
def test_refused(text: bytes) -> None:
    with pytest.raises(CodeUnreadable) as refused:
        base45.decode(text)
    assert refused.value.reason is Reason.BAD_TEXT_ENCODING
