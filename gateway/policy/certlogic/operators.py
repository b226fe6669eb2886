"""A closure for each operator: what is known when the rule is compiled is not looked at again when it is evaluated.

- A builder takes the operands, already compiled and right in number, and returns the term.
- All operands are evaluated, in order; only `if` and `and` leave out what they do not need.
- What an operand may be is checked where it is used and not known: a comparison never meets a type it has no order for.

Source: CertLogic specification 1.3.3, "Operations".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any, Final

from .moments import Shift, read_moment
from .terms import Evaluate, EvaluationFailed, Kind, Meter, Path, Term, constant
from .values import LARGEST_INTEGER, TRUTHFUL, among, integer, same, truth

Builder = Callable[[Sequence[Term], Path], Term]
Order = Callable[[Any, Any], bool]

INTEGER_ORDERS: Final[dict[str, Order]] = {"<": lt, ">": gt, "<=": le, ">=": ge}
MOMENT_ORDERS: Final[dict[str, Order]] = {"before": lt, "after": gt, "not-after": le, "not-before": ge}

_SEPARATORS: Final = re.compile("[/#:]")
_URN: Final = "URN:UVCI:"
_LONGEST_UCI: Final = 1_000
"""Characters. The specification of the certificates allows 80."""


def if_then_else(operands: Sequence[Term], path: Path) -> Term:
    """Return `if`: the second operand where the first is truthy, else the third; the other is not evaluated."""
    guard, then, otherwise = (operand.evaluate for operand in operands)
    kind = operands[1].kind if operands[1].kind is operands[2].kind else Kind.ANY
    place = operands[0].path

    if operands[0].kind is Kind.BOOLEAN:
        return Term(lambda data: then(data) if guard(data) else otherwise(data), path, kind)

    def choose(data: object) -> object:
        value = guard(data)
        if value if type(value) in TRUTHFUL else truth(value, place):
            return then(data)
        return otherwise(data)

    return Term(choose, path, kind)


def both(operands: Sequence[Term], path: Path) -> Term:
    """Return `and`: the first falsy operand, else the last one; what follows a falsy one is not evaluated."""
    conditions = tuple((operand.evaluate, operand.path) for operand in operands)
    kind = Kind.BOOLEAN if all(operand.kind is Kind.BOOLEAN for operand in operands) else Kind.ANY

    def first_falsy(data: object) -> object:
        value: object = None
        for evaluate, place in conditions:
            value = evaluate(data)
            if not (value if type(value) in TRUTHFUL else truth(value, place)):
                return value
        return value

    return Term(first_falsy, path, kind)


def negate(operands: Sequence[Term], path: Path) -> Term:
    """Return `!`: whether the operand is falsy."""
    operand, place = operands[0].evaluate, operands[0].path

    def falsy(data: object) -> bool:
        value = operand(data)
        return not (value if type(value) in TRUTHFUL else truth(value, place))

    return Term(falsy, path, Kind.BOOLEAN)


def equal(operands: Sequence[Term], path: Path) -> Term:
    """Return `===`: whether two values are the same."""
    left, right = (operand.evaluate for operand in operands)
    for one, other in ((operands[0], right), (operands[1], left)):
        if one.constant and type(text := one.evaluate(None)) is str:
            return Term(_equals_text(other, text), path, Kind.BOOLEAN)
    return Term(lambda data: same(left(data), right(data), path), path, Kind.BOOLEAN)


def _equals_text(operand: Evaluate, text: str) -> Evaluate:
    return lambda data: operand(data) == text


def contained(operands: Sequence[Term], path: Path) -> Term:
    """Return `in`: whether the first operand is in the second, an array."""
    value, array = (operand.evaluate for operand in operands)
    place = operands[1].path
    if operands[1].constant:
        members = array(None)
        if type(members) is list and all(type(member) is str for member in members):
            texts = frozenset(members)

            def among_texts(data: object) -> bool:
                found = value(data)
                return type(found) is str and found in texts

            return Term(among_texts, path, Kind.BOOLEAN)

    def is_among(data: object) -> bool:
        found, members = value(data), array(data)
        if type(members) is not list:
            raise EvaluationFailed(place, "is not an array")
        return among(found, members, path)

    return Term(is_among, path, Kind.BOOLEAN)


def add(operands: Sequence[Term], path: Path) -> Term:
    """Return `+`: the sum of two integers."""
    left, right = (operand.evaluate for operand in operands)
    left_place, right_place = (operand.path for operand in operands)

    def total(data: object) -> int:
        one, other = left(data), right(data)
        result = integer(one, left_place) + integer(other, right_place)
        if not -LARGEST_INTEGER <= result <= LARGEST_INTEGER:
            raise EvaluationFailed(path, "is larger than an exact integer")
        return result

    return Term(total, path, Kind.INTEGER)


def ordered(order: Order, kind: Kind, description: str) -> Builder:
    """Return the builder of a comparison of two or three integers, or moments: a op b, and b op c."""
    proper = int if kind is Kind.INTEGER else datetime

    def check(value: object, place: Path) -> object:
        if kind is Kind.INTEGER:
            return integer(value, place)
        raise EvaluationFailed(place, description)

    def build(operands: Sequence[Term], path: Path) -> Term:
        evaluates = tuple(operand.evaluate for operand in operands)
        places = tuple(operand.path for operand in operands)
        known = all(operand.kind is kind for operand in operands)
        if len(evaluates) == 2:
            left, right = evaluates
            left_place, right_place = places
            if known:
                return Term(lambda data: order(left(data), right(data)), path, Kind.BOOLEAN)

            def two(data: object) -> bool:
                one, other = left(data), right(data)
                if type(one) is not proper:
                    one = check(one, left_place)
                if type(other) is not proper:
                    other = check(other, right_place)
                return order(one, other)

            return Term(two, path, Kind.BOOLEAN)

        def three(data: object) -> bool:
            one, other, another = (
                value if type(value) is proper else check(value, place)
                for value, place in zip([evaluate(data) for evaluate in evaluates], places, strict=True)
            )
            return order(one, other) and order(other, another)

        return Term(three, path, Kind.BOOLEAN)

    return build


def plus_time(operand: Term, shift: Shift | None, path: Path) -> Term:
    """Return `plusTime`: the moment that the operand names, shifted."""
    return Term(_dated(operand, read_moment, shift), path, Kind.MOMENT)


def birth(operand: Term, read: Callable[[str], datetime], path: Path) -> Term:
    """Return `dccDateOfBirth`: the last day that the operand, perhaps a partial date, can mean."""
    return Term(_dated(operand, read, None), path, Kind.MOMENT)


def _dated(operand: Term, read: Callable[[str], datetime], shift: Shift | None) -> Evaluate:
    evaluate, place = operand.evaluate, operand.path

    def moment(data: object) -> datetime:
        text = evaluate(data)
        if type(text) is str:
            try:
                return read(text) if shift is None else shift(read(text))
            except (ValueError, OverflowError):
                pass
        # Outside the handler: the reader's exception quotes the text and must not be chained to ours.
        raise EvaluationFailed(place, "is not a date-time of the calendar")

    return moment


def reduction(operands: Sequence[Term], cost: int, meter: Meter, path: Path) -> Term:
    """Return `reduce`: a left fold of an array, or null, by an expression that costs `cost` steps each time."""
    array, fold, initial = (operand.evaluate for operand in operands)
    place = operands[0].path

    def folded(data: object) -> object:
        items, result = array(data), initial(data)
        if items is None:
            return result
        if type(items) is not list:
            raise EvaluationFailed(place, "is not an array")
        meter.take(len(items) * cost, path)
        for item in items:
            result = fold({"accumulator": result, "current": item})
        return result

    return Term(folded, path)


def uci_part(operand: Term, index: int, path: Path) -> Term:
    """Return `extractFromUVCI`: the part of a certificate's id with this index, null if there is none."""
    evaluate, place = operand.evaluate, operand.path

    def part(data: object) -> str | None:
        uci = evaluate(data)
        if uci is None:
            return None
        if type(uci) is not str or len(uci) > _LONGEST_UCI:
            raise EvaluationFailed(place, "is not a certificate's id")
        parts = _SEPARATORS.split(uci.removeprefix(_URN))
        return parts[index] if 0 <= index < len(parts) else None

    return Term(part, path)


def array_of(items: Sequence[Term], path: Path) -> Term:
    """Return an array, each item evaluated."""
    evaluates = tuple(item.evaluate for item in items)
    if all(item.constant for item in items):
        return constant([evaluate(None) for evaluate in evaluates], path)
    return Term(lambda data: [evaluate(data) for evaluate in evaluates], path)
