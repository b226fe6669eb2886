"""Date-times of CertLogic: every form that is allowed, none beside it, and how they are shifted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.certlogic import EvaluationFailed, compile_expression
from gateway.policy.certlogic.moments import read_moment


def moment(text: object, amount: int = 0, unit: str = "day") -> str:
    """Return what plusTime makes of a text, in ISO 8601; "" if it makes nothing of it."""
    expression = compile_expression({"plusTime": [{"var": "x"}, amount, unit]})
    try:
        result: Any = expression.evaluate({"x": text})
    except EvaluationFailed:
        return ""
    assert isinstance(result, datetime)
    assert result.tzinfo is None
    return result.isoformat(timespec="milliseconds")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021", "2021-12-31T00:00:00.000"),
        ("2021-02", "2021-02-28T00:00:00.000"),
        ("2020-02", "2020-02-29T00:00:00.000"),
        ("2021-12", "2021-12-31T00:00:00.000"),
        ("2021-06-01", "2021-06-01T00:00:00.000"),
        ("2021-06-01T12:34:56", "2021-06-01T12:34:56.000"),
        ("2021-06-01T12:34:56Z", "2021-06-01T12:34:56.000"),
        ("2021-06-01T12:34:56+00:00", "2021-06-01T12:34:56.000"),
        ("2021-06-01T12:34:56-00:00", "2021-06-01T12:34:56.000"),
        ("2021-06-01T12:34:56+2", "2021-06-01T10:34:56.000"),
        ("2021-06-01T12:34:56+02", "2021-06-01T10:34:56.000"),
        ("2021-06-01T12:34:56-230", "2021-06-01T15:04:56.000"),
        ("2021-06-01T12:34:56-0230", "2021-06-01T15:04:56.000"),
        ("2021-06-01T12:34:56-2:30", "2021-06-01T15:04:56.000"),
        ("2021-06-01T12:34:56-02:30", "2021-06-01T15:04:56.000"),
        ("2021-06-01T12:34:56.7", "2021-06-01T12:34:56.700"),
        ("2021-06-01T12:34:56.7Z", "2021-06-01T12:34:56.700"),
        ("2021-06-01T12:34:56.123456789Z", "2021-06-01T12:34:56.123"),
        ("2021-06-01T12:34:56.999999+02:00", "2021-06-01T10:34:56.999"),
        ("2021-06-01T12:34:56.7+2", "2021-06-01T10:34:56.700"),
        ("2021-06-01T00:34:56+05:30", "2021-05-31T19:04:56.000"),
    ],
)
def test_allowed_forms(text: str, expected: str) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "x", "20", "20210601", "2021-6-1", "2021-06-1", "2021-W22-2", "2021W22T00", "2021-152", "21-06-01",
        "2021-06-01 ", " 2021-06-01", "2021-06-01\n", "2021/06/01", "2021-06-01Z", "+2021-06-01", "2021-06-01T",
        "2021-06-01 12:34:56", "2021-06-01t12:34:56", "2021-06-01T12:34:56z", "2021-06-01T12:34", "2021-06-01T12",
        "2021-06-01T123456", "20210601T123456Z", "2021-06-01T12:34:56.", "2021-06-01T12:34:56,5Z",
        "2021-06-01T12:34:56.5ZZ", "2021-06-01T12:34:56+", "2021-06-01T12:34:56+02:", "2021-06-01T12:34:56+2:3",
        "2021-06-01T12:34:56+00000", "2021-06-01T12:34:56+24:00", "2021-06-01T12:34:56+00:60", "2021-06-01T12:34:60Z",
        "2021-06-01T12:60:00Z", "2021-06-01T25:00:00Z", "2021-02-29", "2021-06-31", "2021-13-01", "2021-00", "2021-13",
        "0000-01-01", "2021-06-01T12:34:56+00:00:00", "2021-06-01T12:34:56 00:00",
        "\uff12\uff10\uff12\uff11-06-01", "2021-06-0\uff11",
        "\ud800021-06-01", "2021-06-01T12:34:56\x00",
    ],
)  # fmt: skip
def test_nothing_else_is_a_date_time(text: str) -> None:
    assert moment(text) == ""


@pytest.mark.parametrize("text", ["2021-06-01T12:34:56." + "0" * 100_000, "9" * 1_000_000], ids=["decimals", "digits"])
def test_a_text_of_any_length_is_refused_in_no_time(text: str) -> None:
    assert moment(text) == ""


@pytest.mark.parametrize("value", [None, 2021, True, 1.5, [], ["2021"], {}, b"2021-06-01", datetime(2021, 6, 1)])  # noqa: DTZ001
def test_only_texts_are_date_times(value: object) -> None:
    assert moment(value) == ""


@pytest.mark.parametrize(
    ("text", "amount", "unit", "expected"),
    [
        ("2020-02-29", 1, "day", "2020-03-01"),
        ("2020-02-29", 1, "month", "2020-03-29"),
        ("2020-02-29", 1, "year", "2021-03-01"),
        ("2020-02-29", 4, "year", "2024-02-29"),
        ("2020-02-29", -1, "year", "2019-03-01"),
        ("2021-01-31", 1, "month", "2021-03-03"),
        ("2020-01-31", 1, "month", "2020-03-02"),
        ("2021-03-31", -1, "month", "2021-03-03"),
        ("2021-12-15", 1, "month", "2022-01-15"),
        ("2021-01-15", -1, "month", "2020-12-15"),
        ("2021-01-15", -13, "month", "2019-12-15"),
        ("2021-01-01", -1, "hour", "2020-12-31T23"),
        ("2021-06-01T12:00:00Z", 48, "hour", "2021-06-03T12"),
        ("2004", 18, "year", "2022-12-31"),
        ("2021-06-01", 0, "year", "2021-06-01"),
        ("9999-12-31", 1, "day", ""),
        ("0001-01-01", -1, "hour", ""),
        ("2021-01-01", 8000, "year", ""),
        ("2021-01-01", -2021, "year", ""),
        ("2021-01-01", 10**15, "hour", ""),
        ("2021-01-01", 10**15, "day", ""),
        ("2021-01-01", -(10**15), "month", ""),
        ("2021-01-01", 10**15, "year", ""),
    ],
)
def test_shifts(text: str, amount: int, unit: str, expected: str) -> None:
    found = moment(text, amount, unit)
    assert found.startswith(expected)
    assert bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2004", datetime(2004, 12, 31)),  # noqa: DTZ001
        ("2004-02", datetime(2004, 2, 29)),  # noqa: DTZ001
        ("2004-02-03", datetime(2004, 2, 3)),  # noqa: DTZ001
        ("2004-02-03T00:00:00Z", None),
        ("", None),
        ("2004-2", None),
        (None, None),
    ],
)
def test_dates_of_birth(text: str | None, expected: datetime | None) -> None:
    expression = compile_expression({"dccDateOfBirth": [{"var": "x"}]})
    if expected is not None:
        assert expression.evaluate({"x": text}) == expected
        return
    with pytest.raises(EvaluationFailed):
        expression.evaluate({"x": text})


EARLY, LATE = {"plusTime": [{"var": "early"}, 0, "day"]}, {"plusTime": ["2021-06-02", 0, "day"]}


@pytest.mark.parametrize(
    ("operator", "operands", "expected"),
    [
        ("before", [EARLY, LATE], True),
        ("before", [LATE, LATE], False),
        ("after", [LATE, EARLY], True),
        ("after", [EARLY, EARLY], False),
        ("not-after", [LATE, LATE], True),
        ("not-after", [LATE, EARLY], False),
        ("not-before", [EARLY, LATE], False),
        ("not-before", [LATE, LATE], True),
        ("before", [EARLY, LATE, EARLY], False),
        ("not-after", [EARLY, EARLY, LATE], True),
        ("not-after", [LATE, EARLY, LATE], False),
        ("after", [{"if": [{"var": "early"}, LATE, EARLY]}, EARLY], True),
    ],
)
def test_comparisons(operator: str, operands: list[object], expected: bool) -> None:
    assert compile_expression({operator: operands}).evaluate({"early": "2021-06-01"}) is expected


@pytest.mark.parametrize("operator", ["before", "after", "not-after", "not-before"])
@pytest.mark.parametrize(
    "other", [{"var": "early"}, {"var": "none"}, {"var": "number"}, {"if": [{"var": "none"}, LATE, 1]}]
)
def test_only_date_times_are_compared_as_such(operator: str, other: object) -> None:
    for operands in ([EARLY, other], [other, EARLY], [LATE, EARLY, other]):
        with pytest.raises(EvaluationFailed):
            compile_expression({operator: operands}).evaluate({"early": "2021-06-01", "number": 5})


@pytest.mark.parametrize(
    "logic",
    [
        {"<": [EARLY, LATE]},
        {"!": [EARLY]},
        {"if": [EARLY, 1, 2]},
        {"===": [EARLY, EARLY]},
        {"plusTime": [EARLY, 1, "day"]},
        {"+": [EARLY, 1]},
        {"and": [True, EARLY]},
    ],
)
def test_a_date_time_is_nothing_else(logic: object) -> None:
    with pytest.raises(EvaluationFailed):
        compile_expression(logic).evaluate({"early": "2021-06-01"})


@given(st.text(max_size=30) | st.from_regex(r"\A[0-9WT:Z.+-]{0,30}\Z"))
def test_the_quick_way_takes_no_more_than_the_careful_one(text: str) -> None:
    try:
        found = read_moment(text)
    except ValueError:
        return
    head = found.isoformat()[:10]
    assert len(text) < 10 or "T" not in text or text[:4].isdigit()
    assert len(text) != 10 or text == head
