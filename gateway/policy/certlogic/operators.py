"""A closure for each operator: what is known when the rule is compiled is not looked at again when it is evaluated.

- A builder takes the operands, already compiled and right in number, and returns the term.
- All operands are evaluated, in order; only `if` and `and` leave out what they do not need.
- What an operand may be is checked where it is used and not known: a comparison never meets a type it has no order for.

Source: CertLogic specification 1.3.3, "Operations".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import ge, gt, le, lt
from typing import Any, Final, NoReturn

from .moments import Shift, read_moment
from .terms import Evaluate, EvaluationFailed, Kind, Meter, Path, Term, constant
from .values import LARGEST_INTEGER, SIMPLE, TRUTHFUL, among, integer, same, truth

Builder = Callable[[Sequence[Term], Path], Term]
Order = Callable[[Any, Any], bool]

INTEGER_ORDERS: Final[dict[str, Order]] = {"<": lt, ">": gt, "<=": le, ">=": ge}
MOMENT_ORDERS: Final[dict[str, Order]] = {"before": lt, "after": gt, "not-after": le, "not-before": ge}

_SEPARATORS: Final = re.compile("[/#:]")
_URN: Final = "URN:UVCI:"
_LONGEST_UCI: Final = 200
"""Characters. The schema of the certificates allows 80."""


def if_then_else(operands: Sequence[Term], path: Path) -> Term:
    """Return `if`: the second operand where the first is truthy, else the third; the other is not evaluated."""
    guard, then, otherwise = (operand.evaluate for operand in operands)
    kind = operands[1].kind if operands[1].kind is operands[2].kind else Kind.ANY
    place = operands[0].path

    if operands[2].constant:  # as nearly always: a rule that does not speak of a certificate is met
        known = otherwise(None)

        def choose_or_known(data: object) -> object:
            value = guard(data)
            if value if type(value) in TRUTHFUL else truth(value, place):
                return then(data)
            return known

        return Term(choose_or_known, path, kind)

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
        if one.constant:
            known = one.evaluate(None)
            if type(known) is str or (type(known) is int and known not in (0, 1)):  # 0 and 1 equal booleans
                return Term(_equals(other, known), path, Kind.BOOLEAN)

    def is_same(data: object) -> bool:
        one, other = left(data), right(data)
        if type(one) is type(other) and type(one) in SIMPLE:
            return one == other
        return same(one, other, path)

    return Term(is_same, path, Kind.BOOLEAN)


def _equals(operand: Evaluate, known: str | int) -> Evaluate:
    return lambda data: operand(data) == known


def contained(operands: Sequence[Term], meter: Meter | None, path: Path) -> Term:
    """Return `in`: whether the first operand is in the second, an array. `meter` is for what stands in a `reduce`."""
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
        if meter is not None:
            meter.take(len(members), path)
        return among(found, members, path)

    return Term(is_among, path, Kind.BOOLEAN)


def add(operands: Sequence[Term], path: Path) -> Term:
    """Return `+`: the sum of two integers."""
    left, right = (operand.evaluate for operand in operands)
    left_place, right_place = (operand.path for operand in operands)

    def total(data: object) -> int:
        one, other = left(data), right(data)
        if type(one) is not int:
            one = integer(one, left_place)
        if type(other) is not int:
            other = integer(other, right_place)
        result = one + other
        if -LARGEST_INTEGER <= result <= LARGEST_INTEGER:
            return result
        raise EvaluationFailed(path, "is larger than an exact integer")

    return Term(total, path, Kind.INTEGER)


def ordered(order: Order, kind: Kind) -> Builder:
    """Return the builder of a comparison of two or three integers, or moments: a op b, and b op c."""
    proper, check = (int, integer) if kind is Kind.INTEGER else (datetime, _no_moment)

    def checked(operand: Term) -> Evaluate:
        evaluate, place = operand.evaluate, operand.path
        if operand.kind is kind:
            return evaluate

        def value_of_kind(data: object) -> object:
            value = evaluate(data)
            return value if type(value) is proper else check(value, place)

        return value_of_kind

    def build(operands: Sequence[Term], path: Path) -> Term:
        if len(operands) == 2:
            left, right = map(checked, operands)
            return Term(lambda data: order(left(data), right(data)), path, Kind.BOOLEAN)
        first, second, third = map(checked, operands)

        def between(data: object) -> bool:
            one, other, another = first(data), second(data), third(data)
            return order(one, other) and order(other, another)

        return Term(between, path, Kind.BOOLEAN)

    return build


def _no_moment(_value: object, path: Path) -> NoReturn:
    raise EvaluationFailed(path, "is not a date-time")


def plus_time(operand: Term, shift: timedelta | Shift | None, path: Path) -> Term:
    """Return `plusTime`: the moment that the operand names, shifted."""
    return Term(_dated(operand, read_moment, shift), path, Kind.MOMENT)


def birth(operand: Term, read: Callable[[str], datetime], path: Path) -> Term:
    """Return `dccDateOfBirth`: the last day that the operand, perhaps a partial date, can mean."""
    return Term(_dated(operand, read, None), path, Kind.MOMENT)


def _dated(operand: Term, read: Callable[[str], datetime], shift: timedelta | Shift | None) -> Evaluate:
    evaluate, place = operand.evaluate, operand.path
    delta, move = (shift, None) if isinstance(shift, timedelta) else (None, shift)

    def moment(data: object) -> datetime:
        text = evaluate(data)
        if type(text) is str:
            try:
                if delta is not None:
                    return read(text) + delta
                return read(text) if move is None else move(read(text))
            except (ValueError, OverflowError):
                pass
        # Outside the handler: the reader's exception quotes the text and must not be chained to ours.
        raise EvaluationFailed(place, "is not a date-time of the calendar")

    return moment


def reduction(operands: Sequence[Term], cost: int, meter: Meter, path: Path) -> Term:
    """Return `reduce`: a left fold of an array (null is an empty one) by an expression of `cost` parts."""
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
