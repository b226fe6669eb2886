"""What a compiled expression is, and the two ways to fail.

- A closure takes the data context and returns a JSON value or a moment; it raises EvaluationFailed and nothing else.
- Neither failure quotes data: the place in the rule and a fixed sentence.
- The one thing that is counted at run time is what `reduce` repeats (`Meter`); everything else is bounded by the size
  of the rule and of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final

Evaluate = Callable[[object], object]

Path = tuple[str | int, ...]
"""Operators and positions from the top of a rule's logic: ("if", 0, "and", 1)."""

MAX_STEPS: Final = 10_000
"""How many parts of expressions one evaluation may repeat: a few milliseconds."""


def spell(path: Path) -> str:
    """Return `path` as a person reads it: Logic.if[0].and[1]."""
    return "Logic" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


class RuleInvalid(ValueError):
    """An expression is not CertLogic. `path` is the place in it."""

    def __init__(self, path: Path, description: str) -> None:
        super().__init__(f"{spell(path)}: {description}")
        self.path = path
        self.description = description


class EvaluationFailed(Exception):
    """An expression cannot be applied to the data. `path` is the place in the expression; nothing quotes the data."""

    def __init__(self, path: Path, description: str) -> None:
        super().__init__(f"{spell(path)}: {description}")
        self.path = path
        self.description = description


class Kind(Enum):
    """What is known of a result before there is any data, so that it need not be looked at again."""

    ANY = auto()
    BOOLEAN = auto()
    INTEGER = auto()
    MOMENT = auto()


@dataclass(frozen=True, slots=True)
class Term:
    """One compiled expression inside another."""

    evaluate: Evaluate
    path: Path
    kind: Kind = Kind.ANY
    constant: bool = False
    """The same whatever the data."""


class Meter:
    """Counts what one evaluation repeats. One evaluation at a time: a rule is never evaluated by two threads."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_STEPS

    def take(self, steps: int, path: Path) -> None:
        """Use up `steps`. Raises: EvaluationFailed when there are none left."""
        self.left -= steps
        if self.left < 0:
            raise EvaluationFailed(path, f"repeats more than {MAX_STEPS} steps")

    def anew(self, evaluate: Evaluate) -> Evaluate:
        """Return `evaluate` so that each call has all steps."""

        def counted(data: object) -> object:
            self.left = MAX_STEPS
            return evaluate(data)

        return counted


@dataclass(frozen=True, slots=True)
class Expression:
    """A whole expression, compiled. Immutable."""

    evaluate: Evaluate
    """Takes the data context and returns what the expression makes of it: a JSON value, or a datetime (naive, meaning
    UTC). Guarantees an answer within a time that the rule and the size of the data bound.

    Raises: EvaluationFailed, whatever the data is made of.
    """
    reads: frozenset[str]
    """The paths that it reads; inside `reduce` they begin at "current" or "accumulator"."""


_KINDS: Final = {bool: Kind.BOOLEAN, int: Kind.INTEGER, datetime: Kind.MOMENT}


def constant(value: object, path: Path) -> Term:
    """Return a term that is always `value`."""
    return Term(lambda _data: value, path, _KINDS.get(type(value), Kind.ANY), constant=True)
