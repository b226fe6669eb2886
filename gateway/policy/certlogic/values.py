"""Values as CertLogic sees them: truthy and falsy, same and not, integers.

- falsy: false, null, 0, "", [], {}; truthy: every other boolean, integer, text, array, object
- a number with a fraction, a date-time, and whatever JSON does not have, is neither: using it as a truth fails
- 42.0 is the integer 42; a boolean is no integer
- two arrays, two objects or two date-times are the same only if they are one and the same: implementations differ on
  two equal ones, so that comparing them fails

Source: CertLogic specification 1.3.3, "Values".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from .terms import EvaluationFailed, Path

LARGEST_INTEGER: Final = 2**53 - 1
"""Integers are those that every JSON reader keeps exactly (RFC 7493, 2.2)."""

TRUTHFUL: Final = frozenset({bool, type(None), int, str, list, dict})
"""The types whose truth is Python's own."""
SIMPLE: Final = frozenset({bool, int, str})
"""The types of which two values are the same if they are equal."""
_COMPOSITE: Final = frozenset({list, dict, datetime})


def truth(value: object, path: Path) -> bool:
    """Tell whether `value`, of a type that is not in TRUTHFUL, is truthy. Raises: EvaluationFailed if it is neither."""
    if type(value) is float and value.is_integer():
        return value != 0
    raise EvaluationFailed(path, "is neither truthy nor falsy")


def same(one: object, other: object, path: Path) -> bool:
    """Tell whether two values are the same, without coercion. Raises: EvaluationFailed for two composite ones."""
    if one is other:
        return True
    kind, other_kind = type(one), type(other)
    if kind is other_kind:
        if kind in _COMPOSITE:
            raise EvaluationFailed(path, "compares arrays, objects or date-times")
        return one == other
    return {kind, other_kind} == {int, float} and one == other


def among(value: object, members: Sequence[object], path: Path) -> bool:
    """Tell whether `value` is the same as one of `members`. Raises: as `same`."""
    if type(value) is str:
        return value in members
    return any(same(value, member, path) for member in members)


def integer(value: object, path: Path) -> int:
    """Return `value` as an integer. Raises: EvaluationFailed if it is none, or too large to be exact."""
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise EvaluationFailed(path, "is not an integer")
    if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        raise EvaluationFailed(path, "is larger than an exact integer")
    return value
