"""CertLogic, operator by operator: results, what makes an expression invalid, and what cannot be evaluated."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.certlogic import EvaluationFailed, RuleInvalid, compile_expression
from gateway.policy.certlogic.terms import MAX_STEPS

FAILS = object()
"""An evaluation that ends in EvaluationFailed."""


def var(path: str) -> dict[str, str]:
    return {"var": path}


def run(logic: Any, data: Any = None) -> object:
    expression = compile_expression(logic)
    try:
        return expression.evaluate(data)
    except EvaluationFailed:
        return FAILS


def check(logic: Any, data: Any, expected: object) -> None:
    result = run(logic, data)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize("value", [True, False, 0, 42, -1, "", "text", [], [1, "a", [True]]])
def test_literals_are_themselves(value: object) -> None:
    check(value, None, value)


def test_a_number_without_a_fraction_is_an_integer() -> None:
    check(42.0, None, 42)
    check({"<": [var(""), 3]}, 2.0, True)


def test_an_array_is_evaluated_item_by_item() -> None:
    check([1, var("x"), [var("y")]], {"x": 2}, [1, 2, [None]])


# var

DATA = {"a": {"b": [{"c": 1}, "text"], "0": "zero"}, "n": None, "s": "text", "1": "one", "t": True}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", DATA),
        ("a.b.0.c", 1),
        ("a.b.1", "text"),
        ("a.b.2", None),
        ("a.b.-1", None),
        ("a.b.00", None),
        ("a.b.x", None),
        ("a.b.0.c.d", None),
        ("a.0", "zero"),
        ("1", "one"),
        ("n.x", None),
        ("s.0", None),
        ("s.length", None),
        ("t.x", None),
        ("missing.far.beyond", None),
        ("a.b.999999999999999999999999", None),
        (".".join("x" * 40), None),
    ],
)
def test_var(path: str, expected: object) -> None:
    assert run(var(path), DATA) == expected


@pytest.mark.parametrize("data", [None, [], 1, "text", True])
def test_var_reads_nothing_off_what_has_no_members(data: object) -> None:
    assert run(var("a.0"), data) is None


def test_a_path_longer_than_any_certificate_is_read_too() -> None:
    deep: Any = "bottom"
    for _ in range(30):
        deep = {"x": [deep]}
    assert run(var(".".join(["x.0"] * 30)), deep) == "bottom"


# truth

TRUTHY = [True, 1, -1, "0", "false", [0], {"a": None}, 2.0]
FALSY: list[object] = [False, None, 0, "", [], {}, 0.0]
NEITHER = [0.5, -3.14, b"bytes", datetime(2021, 1, 1)]  # noqa: DTZ001 a moment is UTC without saying so


@pytest.mark.parametrize(
    ("values", "expected"), [(TRUTHY, True), (FALSY, False), (NEITHER, FAILS)], ids=["truthy", "falsy", "neither"]
)
def test_truth(values: list[object], expected: object) -> None:
    for value in values:
        negated = (not expected) if isinstance(expected, bool) else expected
        assert run({"!": [var("x")]}, {"x": value}) == negated
        chosen = {True: "yes", False: "no"}.get(expected, FAILS) if isinstance(expected, bool) else FAILS
        assert run({"if": [var("x"), "yes", "no"]}, {"x": value}) == chosen


@pytest.mark.parametrize(
    ("operands", "expected"),
    [
        ([True, 1], 1),
        ([1, "", True], ""),
        ([var("missing"), True], None),
        ([var("zero"), {"<": ["text", var("zero")]}], 0),
        ([True, True, {"<": [var("text"), 1]}], FAILS),
        ([True, var("half")], FAILS),
    ],
)
def test_and_stops_at_the_first_falsy_operand(operands: list[object], expected: object) -> None:
    assert run({"and": operands}, {"zero": 0, "text": "x", "half": 0.5}) == expected


def test_if_leaves_the_other_branch_alone() -> None:
    breaks = {"plusTime": [var("text"), 0, "day"]}
    assert run({"if": [True, 1, breaks]}, {"text": "x"}) == 1
    assert run({"if": [False, breaks, 2]}, {"text": "x"}) == 2


# === and in


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (1, 1, True),
        (2, 2.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        (1, "1", False),
        (None, None, True),
        (None, 0, False),
        (None, "", False),
        ([], "", False),
        ({}, None, False),
        ([1], [1], FAILS),
        ({}, {}, FAILS),
    ],
)
def test_equal(one: object, other: object, expected: object) -> None:
    data = {"x": one, "y": other}
    assert run({"===": [var("x"), var("y")]}, data) is expected
    assert run({"===": [var("y"), var("x")]}, data) is expected
    if isinstance(one, str | int):
        assert run({"===": [one, var("y")]}, data) is expected
        assert run({"===": [var("y"), one]}, data) is expected


def test_an_array_is_the_same_as_itself() -> None:
    assert run({"===": [var("x"), var("x")]}, {"x": [1]}) is True


@pytest.mark.parametrize(
    ("value", "members", "expected"),
    [
        ("a", ["a", "b"], True),
        ("c", ["a", "b"], False),
        ("a", [], False),
        (None, [None], True),
        (None, [0, "", False], False),
        (1, [True, "1"], False),
        (1, [True, 1.0], True),
        (True, [1], False),
        ([], ["a"], False),
        ([], [[]], FAILS),
        ("a", "abc", FAILS),
        ("a", None, FAILS),
        ("a", {"a": 1}, FAILS),
    ],
)
def test_in(value: object, members: object, expected: object) -> None:
    assert run({"in": [var("x"), var("y")]}, {"x": value, "y": members}) is expected
    if isinstance(members, list) and None not in members:
        assert run({"in": [var("x"), members]}, {"x": value}) is expected


# integers


@pytest.mark.parametrize(
    ("operator", "operands", "expected"),
    [
        ("<", (1, 2), True),
        ("<", (2, 2), False),
        (">", (2, 1), True),
        ("<=", (2, 2), True),
        (">=", (1, 2), False),
        ("<", (1, 2, 3), True),
        ("<", (1, 3, 2), False),
        (">=", (3, 3, 1), True),
        ("<", (3, 1, "x"), FAILS),
        ("<", (1, True), FAILS),
        ("<", ("1", 2), FAILS),
        ("<", (None, 2), FAILS),
        ("<", (1.5, 2), FAILS),
        ("+", (1, 2), 3),
        ("+", (2**53 - 2, 1), 2**53 - 1),
        ("+", (2**53 - 1, 1), FAILS),
        ("+", ("1", 2), FAILS),
        ("+", (True, 2), FAILS),
        ("+", (1e300, 2), FAILS),
    ],
)
def test_integers(operator: str, operands: tuple[object, ...], expected: object) -> None:
    data = dict(enumerate(operands))
    read = [var(f"x{place}") for place in data]
    result = run({operator: read}, {f"x{place}": value for place, value in data.items()})
    assert (result, type(result)) == (expected, type(expected))


# reduce

COUNT = {"reduce": [var("x"), {"+": [var("accumulator"), {"if": [var("current"), 1, 0]}]}, 0]}


@pytest.mark.parametrize(
    ("items", "expected"), [(None, 0), ([], 0), ([1, None, "a"], 2), ("abc", FAILS), ({"a": 1}, FAILS), (7, FAILS)]
)
def test_reduce(items: object, expected: object) -> None:
    assert run(COUNT, {"x": items}) is expected


def test_reduce_sees_the_item_and_the_result_only() -> None:
    logic = {"reduce": [var("x"), [var("accumulator"), var("current"), var("x"), var("")], 0]}
    assert run(logic, {"x": [5]}) == [0, 5, None, {"accumulator": 0, "current": 5}]


def test_what_reduce_repeats_is_bounded_and_counted_anew_each_time() -> None:
    cost = 6  # parts of the lambda of COUNT
    expression = compile_expression(COUNT)
    most = MAX_STEPS // cost
    for _ in range(2):
        assert expression.evaluate({"x": [1] * most}) == most
    with pytest.raises(EvaluationFailed):
        expression.evaluate({"x": [1] * (most + 1)})


@pytest.mark.parametrize(
    "logic",
    [
        {"reduce": [var("x"), {"reduce": [var("current"), {"+": [var("accumulator"), 1]}, 0]}, 0]},
        {"reduce": [var("x"), {"in": [0, var("current")]}, False]},
    ],
    ids=["reduce in reduce", "in in reduce"],
)
def test_what_a_lambda_repeats_is_counted_too(logic: object) -> None:
    assert run(logic, {"x": [[1] * 100] * 10}) is not FAILS
    assert run(logic, {"x": [[1] * 1000] * 1000}) is FAILS


def test_a_result_that_doubles_each_time_is_stopped() -> None:
    logic = {"reduce": [var("x"), {"+": [var("accumulator"), var("accumulator")]}, 1]}
    assert run(logic, {"x": [0] * 52}) == 2**52
    assert run(logic, {"x": [0] * 500}) is FAILS


# extractFromUVCI


@pytest.mark.parametrize(
    ("uci", "index", "expected"),
    [
        (None, 0, None),
        ("", 0, ""),
        ("URN:UVCI:01:NL:187/37512422923", 1, "NL"),
        ("01:NL:187/37512422923", 3, "37512422923"),
        ("a::c/#/f", 5, "f"),
        ("a", 1, None),
        ("a", -1, None),
        (7, 0, FAILS),
        ("x" * 201, 0, FAILS),
    ],
)
def test_extract_from_uvci(uci: object, index: int, expected: object) -> None:
    assert run({"extractFromUVCI": [var("x"), index]}, {"x": uci}) == expected


# invalid expressions


@pytest.mark.parametrize(
    ("logic", "path"),
    [
        (None, ()),
        (3.14, ()),
        (2**53, ()),
        (float("inf"), ()),
        (b"bytes", ()),
        ({}, ()),
        ({"!": [True], "if": [1, 2, 3]}, ()),
        ({"all": [var("x")]}, ("all",)),
        ({"or": [True, True]}, ("or",)),
        ({"==": [1, 1]}, ("==",)),
        ({"!": True}, ("!",)),
        ({"!": None}, ("!",)),
        ({"!": {"var": "x"}}, ("!",)),
        ({"!": []}, ("!",)),
        ({"!": [1, 2]}, ("!",)),
        ({"if": [True, 1]}, ("if",)),
        ({"if": [True, 1, 2, 3]}, ("if",)),
        ({"and": [True]}, ("and",)),
        ({"===": [1]}, ("===",)),
        ({"===": [1, 2, 3]}, ("===",)),
        ({"in": ["a"]}, ("in",)),
        ({"+": [1, 2, 3]}, ("+",)),
        ({"<": [1]}, ("<",)),
        ({"<": [1, 2, 3, 4]}, ("<",)),
        ({"after": [1]}, ("after",)),
        ({"var": 0}, ("var",)),
        ({"var": None}, ("var",)),
        ({"var": ["x", 1]}, ("var",)),
        ({"var": "x."}, ("var",)),
        ({"var": ".x"}, ("var",)),
        ({"var": "x..y"}, ("var",)),
        ({"plusTime": ["2021-01-01", 1]}, ("plusTime",)),
        ({"plusTime": [var("x"), "1", "day"]}, ("plusTime", 1)),
        ({"plusTime": [var("x"), 1.5, "day"]}, ("plusTime", 1)),
        ({"plusTime": [var("x"), var("y"), "day"]}, ("plusTime", 1)),
        ({"plusTime": [var("x"), 1, "week"]}, ("plusTime", 2)),
        ({"plusTime": [var("x"), 1, ["day"]]}, ("plusTime", 2)),
        ({"plusTime": [None, 1, "day"]}, ("plusTime", 0)),
        ({"dccDateOfBirth": []}, ("dccDateOfBirth",)),
        ({"extractFromUVCI": [var("x")]}, ("extractFromUVCI",)),
        ({"extractFromUVCI": [var("x"), True]}, ("extractFromUVCI", 1)),
        ({"reduce": [var("x"), 1]}, ("reduce",)),
        ({"if": [True, [1, {"and": [True, None]}], False]}, ("if", 1, 1, "and", 1)),
        ({"reduce": [var("x"), {"+": [var("current"), None]}, 0]}, ("reduce", 1, "+", 1)),
    ],
)
def test_invalid_expressions_are_refused_with_their_place(logic: object, path: tuple[str | int, ...]) -> None:
    with pytest.raises(RuleInvalid) as refused:
        compile_expression(logic)
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("logic", "path"),
    [
        ({"plusTime": ["2021-02-30", 0, "day"]}, ("plusTime", 0)),
        ({"plusTime": ["tomorrow", 0, "day"]}, ("plusTime", 0)),
        ({"if": [var("x"), {"<": [1, "a"]}, True]}, ("if", 1, "<", 1)),
        ({"in": ["a", "abc"]}, ("in", 1)),
        ({"+": [2**53 - 1, 1]}, ("+",)),
    ],
)
def test_what_can_never_be_evaluated_is_refused_too(logic: object, path: tuple[str | int, ...]) -> None:
    with pytest.raises(RuleInvalid) as refused:
        compile_expression(logic)
    assert refused.value.path == path


def nested(levels: int, logic: object = True) -> object:
    for _ in range(levels):
        logic = {"!": [logic]}
    return logic


@pytest.mark.parametrize(
    "logic", [nested(100_000), [True] * 100_000, {"and": [var("x")] * 100_000}], ids=["deep", "wide", "and"]
)
def test_a_rule_beyond_bounds_is_refused(logic: object) -> None:
    with pytest.raises(RuleInvalid):
        compile_expression(logic)


def test_a_rule_as_deep_as_allowed_is_evaluated() -> None:
    assert run(nested(64, var("x")), {"x": 1}) is True


def test_a_rule_tells_what_it_reads() -> None:
    logic = {"if": [var("a.b"), COUNT, {"plusTime": [var("c"), 1, "day"]}]}
    assert compile_expression(logic).reads == {"a.b", "x", "accumulator", "current", "c"}


def test_a_failure_tells_the_place_and_never_the_data() -> None:
    expression = compile_expression({"and": [True, {"after": [{"plusTime": [var("x"), 1, "day"]}, var("y")]}]})
    with pytest.raises(EvaluationFailed) as failed:
        expression.evaluate({"x": "Canary", "y": "Canary"})
    assert failed.value.path == ("and", 1, "after", 0, "plusTime", 0, "var")
    assert "Canary" not in str(failed.value)
    assert failed.value.__cause__ is failed.value.__context__ is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.sampled_from(["2021-02-29", "2021-06-01", "2021-06-01T00:00:00Z", "a", "0"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "0", "x"]), inner, max_size=4)
    ),
    max_leaves=15,
)
PATHS = st.sampled_from(["", "a", "a.0", "a.b", "b.0.a", "x", "current", "accumulator", "current.a"])
OPERATORS = [
    *((name, 1) for name in ("!", "dccDateOfBirth")),
    *((name, 2) for name in ("===", "in", "+", "and", "<", ">=", "before")),
    *((name, 3) for name in ("if", "reduce", ">", "not-after", "and")),
]


def operations(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    units = st.sampled_from(["day", "hour", "month", "year"])
    return (
        st.lists(inner, max_size=3)
        | st.sampled_from(OPERATORS).flatmap(
            lambda one: st.lists(inner, min_size=one[1], max_size=one[1]).map(lambda operands: {one[0]: operands})
        )
        | st.tuples(inner, st.integers(), units).map(lambda operands: {"plusTime": list(operands)})
        | st.tuples(inner, st.integers(-2, 5)).map(lambda operands: {"extractFromUVCI": list(operands)})
    )


LOGIC = st.recursive(
    st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "a", "2021-06-01", "2021-06-01T00:00:00Z"])
    | st.builds(var, PATHS),
    operations,
    max_leaves=12,
)


@given(LOGIC, JSON)
def test_whatever_the_data_there_is_a_result_or_one_failure(logic: object, data: object) -> None:
    try:
        expression = compile_expression(logic)
    except RuleInvalid:
        return
    first = run(logic, data)
    if first is FAILS:
        with pytest.raises(EvaluationFailed):
            expression.evaluate(data)
    else:
        assert expression.evaluate(data) == first


@given(JSON)
def test_whatever_the_json_it_compiles_or_is_refused(logic: object) -> None:
    with suppress(RuleInvalid):
        compile_expression(logic)
