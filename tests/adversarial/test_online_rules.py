"""Rules and certificates that try to end in something else than one of the enumerated outcomes."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.policy.certlogic import EvaluationFailed, compile_expression
from gateway.policy.rules import RulesInvalid, parse_rules
from tests.unit.policy.test_rule_sets import judge, rule, sets

LATE = {"after": [{"plusTime": [{"var": "payload.answer"}, 0, "day"]}, {"plusTime": ["2021-01-01", 0, "day"]}]}

OFFSETS = ("+10", "-10", "+00", "+1", "Z", "z", ",5", ".5", ".12", "+0010", "-00:10")
DATES = tuple(
    f"2021-06-01{letter}{clock}{offset}{end}"
    for letter, clock, offset, end in product(
        ("T", " ", "t"), ("10", "10:10", "10:10:10", "1010"), OFFSETS, ("", "Z", "+00:00", "+0000")
    )
)


@pytest.mark.parametrize("text", ["2021-06-01T10:10+10Z", "2021-06-01T10:10-10Z", "2021-06-01T10:10+10+00:00"])
def test_an_offset_in_the_place_of_the_seconds_is_no_date_time(text: str) -> None:
    with pytest.raises(EvaluationFailed):
        compile_expression(LATE).evaluate({"payload": {"answer": text}})


def test_whatever_a_date_in_a_certificate_looks_like_a_rule_has_an_outcome() -> None:
    held = sets(rule(logic=LATE))
    for text in DATES:
        assert judge(held, payload={"answer": text}).outcome.value in ("met", "undetermined"), text


@pytest.mark.parametrize(
    "text",
    [
        "division = " + "9" * 5_000,
        "a = " + "[" * 100_000,
        "a." * 20_000 + "b = 1",
        "a = 1e999999999",
        'division = "\ud800"',
        "a = 9999-99-99",
    ],
    ids=["digits", "depth", "keys", "exponent", "surrogate", "day"],
)
def test_a_rules_file_of_any_kind_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(RulesInvalid):
        parse_rules(text)
