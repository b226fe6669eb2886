"""Divisions lie in one another by the levels of their codes, all in the nation, and countries abroad in nothing."""

from __future__ import annotations

import pytest

from gateway.divisions import enclosing, is_division, lies_within, shared_digits
from gateway.values import DivisionCode


@pytest.mark.parametrize(
    ("division", "outer"),
    [
        (None, ()),
        ("FR", ("FR",)),
        ("330106", ("330106", "330100", "330000")),
        ("330100", ("330100", "330000")),
        ("330000", ("330000",)),
        ("100000", ("100000",)),
    ],
)
def test_a_division_lies_in_its_prefecture_and_province(division: str | None, outer: tuple[str, ...]) -> None:
    assert enclosing(None if division is None else DivisionCode(division)) == outer


@pytest.mark.parametrize(
    ("division", "outer", "inside"),
    [
        ("520100", "520000", True),
        ("520000", "520000", True),
        ("530100", "520000", False),
        ("520102", "520100", True),
        ("520200", "520100", False),
        ("520102", "520102", True),
        ("520103", "520102", False),
        ("520000", "520100", False),
        ("520100", "100000", True),
        ("100000", "100000", True),
        ("100000", "520000", False),
        ("520100", "FR", False),
        ("FR", "FR", True),
        ("FR", "100000", False),
        ("FR", "520000", False),
    ],
)
def test_a_division_lies_within_another_by_its_levels(division: str, outer: str, *, inside: bool) -> None:
    assert lies_within(division, outer) is inside


@pytest.mark.parametrize(
    ("division", "digits"), [("100000", ""), ("330000", "33"), ("330100", "3301"), ("330106", "330106")]
)
def test_what_lies_inside_begins_alike(division: str, digits: str) -> None:
    assert shared_digits(division) == digits


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("330106", True),
        ("030106", False),
        ("33010", False),
        ("3301060", False),
        ("330106\n", False),
        ("\uff1330106", False),
        ("FR", False),
    ],
)
def test_the_form_of_a_division(text: str, *, is_one: bool) -> None:
    assert bool(is_division(text)) is is_one
