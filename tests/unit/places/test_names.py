"""What people type means the same however they type it; what is no number is refused, never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.places.names import Mode, NameInvalid, carriage, community, journey_numbers


@pytest.mark.parametrize(
    ("typed", "mode", "numbers"),
    [
        ("G1234", Mode.TRAIN, ("G1234",)),
        ("g1234次", Mode.TRAIN, ("G1234",)),
        ("Ｇ１２３４", Mode.TRAIN, ("G1234",)),
        (" g 12-34 次列车", Mode.TRAIN, ("G1234",)),
        ("1462", Mode.TRAIN, ("1462",)),
        ("D0301", Mode.TRAIN, ("D301",)),
        ("G1234/1231", Mode.TRAIN, ("G1234", "G1231")),
        ("G1234/G1231次", Mode.TRAIN, ("G1234", "G1231")),
        ("K1068/5", Mode.TRAIN, ("K1068", "K1065")),
        ("mu5138", Mode.FLIGHT, ("MU5138",)),
        ("MU 0513航班", Mode.FLIGHT, ("MU513",)),
        ("9C8888", Mode.FLIGHT, ("9C8888",)),
        ("3U8633", Mode.FLIGHT, ("3U8633",)),
        ("CCA101", Mode.FLIGHT, ("CCA101",)),
        ("浙A·12345", Mode.COACH, ("浙A12345",)),
        ("浙a 12345 大巴", Mode.COACH, ("浙A12345",)),
        ("长江2号", Mode.SHIP, ("长江2",)),
        ("1号线", Mode.CITY, ("1",)),
        ("K155路", Mode.CITY, ("K155",)),
    ],
)
def test_a_number_has_one_spelling(typed: str, mode: Mode, numbers: tuple[str, ...]) -> None:
    assert journey_numbers(typed, mode) == numbers


@pytest.mark.parametrize(
    ("typed", "mode"),
    [
        ("", Mode.TRAIN),
        ("G", Mode.TRAIN),
        ("G123456", Mode.TRAIN),
        ("高铁", Mode.TRAIN),
        ("G1/2/3/4", Mode.TRAIN),
        ("5138", Mode.FLIGHT),
        ("MU", Mode.FLIGHT),
        ("MU51388", Mode.FLIGHT),
        ("%00", Mode.CITY),
        ("<b>", Mode.COACH),
        ("x" * 33, Mode.SHIP),
    ],
)
def test_what_is_no_number_is_refused_and_not_quoted(typed: str, mode: Mode) -> None:
    with pytest.raises(NameInvalid) as refused:
        journey_numbers(typed, mode)
    assert not typed or typed not in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("3", "3"),
        ("03车", "3"),
        ("第３车厢", "3"),
        ("3号车厢", "3"),
        ("三", "3"),
        ("十二号车", "12"),
        ("二十", "20"),
        ("8A", "8A"),
    ],
)
def test_a_carriage_has_one_spelling(typed: str, number: str) -> None:
    assert carriage(typed) == number


@pytest.mark.parametrize("typed", ["", "车", "abc", "100", "三三三", "-"])
def test_what_is_no_carriage_is_refused(typed: str) -> None:
    with pytest.raises(NameInvalid):
        carriage(typed)


def test_a_community_has_one_spelling() -> None:
    assert community("文一 社区（东）") == community("文一社区(东)")
    for typed in ("", " ", "a;b", "x" * 65):
        with pytest.raises(NameInvalid):
            community(typed)


@given(st.text(max_size=40), st.sampled_from(Mode))
def test_nothing_else_is_ever_raised(typed: str, mode: Mode) -> None:
    try:
        found = journey_numbers(typed, mode)
    except NameInvalid:
        return
    for number in found:
        assert journey_numbers(number, mode) == (number,)
