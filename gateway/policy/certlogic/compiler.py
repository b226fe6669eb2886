"""From JSON to closures: the form of every expression is checked here, once, and never again.

- An expression is a boolean, an integer, a text, an array of expressions, or an object of one operator.
- An operator takes an array of operands in the number that the specification says; `var` alone takes a path.
- What does not depend on the data is evaluated here. What can never be evaluated (a date that no calendar has) makes
  the rule invalid: better known when it is loaded than at the gate.
- At most MAX_PARTS parts, nested at most MAX_DEPTH deep.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from . import operators
from .moments import UNITS, read_date_of_birth, shift_by
from .operators import INTEGER_ORDERS, MOMENT_ORDERS, Builder
from .paths import reader
from .terms import EvaluationFailed, Expression, Kind, Meter, Path, RuleInvalid, Term, constant
from .values import LARGEST_INTEGER

MAX_PARTS: Final = 10_000
MAX_DEPTH: Final = 64

_PATH: Final = re.compile(r"(?:[^.]+(?:\.[^.]+)*)?")


def compile_expression(logic: object) -> Expression:
    """Return `logic`, as a JSON parser gives it, compiled.

    Guarantees that evaluating it costs a bounded time and raises nothing but EvaluationFailed. Does not check that the
    paths it reads exist anywhere, nor that it results in a boolean.

    Source: CertLogic specification 1.3.3.

    Raises: RuleInvalid with the place; then the rule must not be used.
    """
    compiler = _Compiler()
    term = compiler.expression(logic, (), 0)
    evaluate = compiler.meter.anew(term.evaluate) if compiler.repeats else term.evaluate
    return Expression(evaluate, frozenset(compiler.reads))


@dataclass(slots=True)
class _Compiler:
    """Compiles one rule."""

    meter: Meter = field(default_factory=Meter)
    repeats: bool = False
    folding: int = 0
    """How many `reduce` the expression at hand is repeated by."""
    parts: int = 0
    reads: set[str] = field(default_factory=set)

    def expression(self, logic: object, path: Path, depth: int) -> Term:
        """Return one expression, whatever it is."""
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise RuleInvalid(path, f"is the part after {MAX_PARTS}: the rule is too large")
        if depth > MAX_DEPTH:
            raise RuleInvalid(path, f"is nested deeper than {MAX_DEPTH}")
        if isinstance(logic, dict):
            return self.operation(logic, path, depth)
        if isinstance(logic, list):
            return operators.array_of(self.operands(logic, path, depth), path)
        if isinstance(logic, str | bool):
            return constant(logic, path)
        return constant(_integer(logic, path, "a boolean, integer, text, array or operation"), path)

    def operands(self, logic: Sequence[object], path: Path, depth: int) -> list[Term]:
        """Return a row of expressions."""
        return [self.expression(operand, (*path, place), depth + 1) for place, operand in enumerate(logic)]

    def operation(self, logic: Mapping[str, object], path: Path, depth: int) -> Term:
        """Return the expression that an object is.

        1. One operator that is known; `var` is a path.
        2. Operands in the right number.
        3. The closure; or its result, if it depends on no data.
        """
        # 1
        if len(logic) != 1:
            raise RuleInvalid(path, f"an operation has exactly one operator, not {len(logic)}")
        [(operator, given)] = logic.items()
        path = (*path, operator)
        if operator == "var":
            if not isinstance(given, str) or not _PATH.fullmatch(given):
                raise RuleInvalid(path, "a path of names and indices, parted by dots, is required")
            self.reads.add(given)
            return Term(reader(given), path)
        if not isinstance(given, list):
            raise RuleInvalid(path, "an array of operands is required")
        shape = _SHAPES.get(operator)
        if shape is None:
            raise RuleInvalid(path, "is not an operator of CertLogic")
        # 2
        if not shape.least <= len(given) <= shape.most:
            raise RuleInvalid(path, f"takes {shape.count} operands, not {len(given)}")
        # 3
        term = shape.build(self, given, path, depth)
        return _folded(term) if term.constant else term


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many operands an operator takes, and what is made of them."""

    least: int
    most: int
    build: Callable[[_Compiler, Sequence[object], Path, int], Term]

    @property
    def count(self) -> str:
        """The number of operands, for people."""
        if self.least == self.most:
            return str(self.least)
        return f"at least {self.least}" if self.most == MAX_PARTS else f"{self.least} to {self.most}"


def _plain(builder: Builder) -> Callable[[_Compiler, Sequence[object], Path, int], Term]:
    """Return the build step of an operator all of whose operands are expressions."""

    def build(compiler: _Compiler, given: Sequence[object], path: Path, depth: int) -> Term:
        operands = compiler.operands(given, path, depth)
        return _constant_if(builder(operands, path), operands)

    return build


def _plus_time(compiler: _Compiler, given: Sequence[object], path: Path, depth: int) -> Term:
    operand = compiler.expression(given[0], (*path, 0), depth + 1)
    amount, unit = _integer(given[1], (*path, 1)), given[2]
    if not isinstance(unit, str) or unit not in UNITS:
        raise RuleInvalid((*path, 2), "one of " + ", ".join(UNITS) + " is required")
    return _constant_if(operators.plus_time(operand, shift_by(amount, unit), path), [operand])


def _birth(compiler: _Compiler, given: Sequence[object], path: Path, depth: int) -> Term:
    operand = compiler.expression(given[0], (*path, 0), depth + 1)
    return _constant_if(operators.birth(operand, read_date_of_birth, path), [operand])


def _uci_part(compiler: _Compiler, given: Sequence[object], path: Path, depth: int) -> Term:
    operand = compiler.expression(given[0], (*path, 0), depth + 1)
    return _constant_if(operators.uci_part(operand, _integer(given[1], (*path, 1)), path), [operand])


def _contained(compiler: _Compiler, given: Sequence[object], path: Path, depth: int) -> Term:
    operands = compiler.operands(given, path, depth)
    meter = compiler.meter if compiler.folding else None
    return _constant_if(operators.contained(operands, meter, path), operands)


def _reduction(compiler: _Compiler, given: Sequence[object], path: Path, depth: int) -> Term:
    compiler.repeats = True
    array = compiler.expression(given[0], (*path, 0), depth + 1)
    before = compiler.parts
    compiler.folding += 1
    fold = compiler.expression(given[1], (*path, 1), depth + 1)
    compiler.folding -= 1
    cost = compiler.parts - before
    initial = compiler.expression(given[2], (*path, 2), depth + 1)
    return operators.reduction((array, fold, initial), cost, compiler.meter, path)


_SHAPES: Final[Mapping[str, _Shape]] = {
    "if": _Shape(3, 3, _plain(operators.if_then_else)),
    "and": _Shape(2, MAX_PARTS, _plain(operators.both)),
    "!": _Shape(1, 1, _plain(operators.negate)),
    "===": _Shape(2, 2, _plain(operators.equal)),
    "in": _Shape(2, 2, _contained),
    "+": _Shape(2, 2, _plain(operators.add)),
    **{name: _Shape(2, 3, _plain(operators.ordered(order, Kind.INTEGER))) for name, order in INTEGER_ORDERS.items()},
    **{name: _Shape(2, 3, _plain(operators.ordered(order, Kind.MOMENT))) for name, order in MOMENT_ORDERS.items()},
    "plusTime": _Shape(3, 3, _plus_time),
    "dccDateOfBirth": _Shape(1, 1, _birth),
    "extractFromUVCI": _Shape(2, 2, _uci_part),
    "reduce": _Shape(3, 3, _reduction),
}


def _constant_if(term: Term, operands: Sequence[Term]) -> Term:
    constants = all(operand.constant for operand in operands)
    return Term(term.evaluate, term.path, term.kind, constant=True) if constants else term


def _folded(term: Term) -> Term:
    try:
        return constant(term.evaluate(None), term.path)
    except EvaluationFailed as failed:
        raise RuleInvalid(failed.path, f"can never be evaluated: {failed.description}") from failed


def _integer(value: object, path: Path, wanted: str = "an integer") -> int:
    """Return an integer of the rule; 42.0 is one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuleInvalid(path, f"{wanted} is required")
    if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        raise RuleInvalid(path, "is larger than an exact integer")
    return value
