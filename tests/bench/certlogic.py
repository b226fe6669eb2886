"""The public rule tests through the gateway's CertLogic and through rivals, in turns.

- the rivals: certlogic-js (npm), which the specification comes with, and panzi-json-logic (PyPI)
- measured are the tests that all of them get right, each with the data that it gives, read from JSON beforehand
- the gateway compiles each rule once, as it does when rules are loaded; what that costs is told beside it
- one round of each in turn; the first rounds do not count, so that Node has compiled what it calls often

`python -m tests.bench.certlogic` prints microseconds per rule test; `make bench` takes the same figures in.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from gateway.policy.certlogic import compile_expression
from gateway.policy.certlogic.terms import Evaluate
from tests.vectors import WHERE_TO_GET_THEM, vectors_dir

from .beside import BUILD, HERE, NotMeasured, npm_package, python_packages, running
from .rooms import cpu

GATEWAY = "gateway"
UNCOUNTED = 3
"""Rounds before those that count."""
TIMES = 20
"""How often a round goes through all tests."""
LEAST = 1.0
"""How many times faster than each rival the gateway must be."""


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU microseconds per rule test of one contestant, round by round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest."""
        return min(self.rounds), max(self.rounds)


@dataclass(frozen=True, slots=True)
class Compared:
    """All contestants on the same tests."""

    tests: int
    contestants: dict[str, Measured]
    compile_us: float
    """What compiling one rule costs the gateway."""

    def ratios(self, rival: str) -> tuple[float, ...]:
        """Return how many times faster than `rival` the gateway was, round by round."""
        pairs = zip(self.contestants[GATEWAY].rounds, self.contestants[rival].rounds, strict=True)
        return tuple(theirs / ours for ours, theirs in pairs)


def compare(rounds: int) -> Compared:
    """Return what one rule test costs each contestant. Raises: NotMeasured."""
    rules = _rules()
    work, right = _answered(rules)
    with ExitStack() as open_rivals:
        asks = {name: open_rivals.enter_context(running(make())) for name, make in RIVALS.items()}
        for ask in asks.values():
            right &= set(ask({"rules": rules})["right"])
        chosen = sorted(right)
        ours = [work[at] for at in chosen]

        def gateway() -> None:
            for _ in range(TIMES):
                for evaluate, data in ours:
                    evaluate(data)

        question: dict[str, object] = {"round": chosen, "times": TIMES}
        turns = [
            {GATEWAY: cpu(gateway)} | {name: float(ask(question)["cpu"]) for name, ask in asks.items()}
            for _ in range(UNCOUNTED + rounds)
        ]
    each = TIMES * len(chosen) / 1e6
    contestants = {
        name: Measured(tuple(turn[name] / each for turn in turns[UNCOUNTED:])) for name in (GATEWAY, *RIVALS)
    }
    return Compared(len(chosen), contestants, _compile_us(rules))


def _answered(rules: list[dict[str, Any]]) -> tuple[list[tuple[Evaluate, object]], set[int]]:
    """Return every test as what to call with what, and which of them the gateway gets right."""
    work: list[tuple[Evaluate, object]] = []
    right: set[int] = set()
    for rule in rules:
        expression = compile_expression(rule["logic"])
        for data, expected in rule["tests"]:
            if expression.evaluate(data) is expected:
                right.add(len(work))
            work.append((expression.evaluate, data))
    return work, right


def _compile_us(rules: list[dict[str, Any]]) -> float:
    def compile_all() -> None:
        for rule in rules:
            compile_expression(rule["logic"])

    return min(cpu(compile_all) for _ in range(5)) / len(rules) * 1e6


def _rules() -> list[dict[str, Any]]:
    """Return the public rules: their logic, and their tests as (data, expected)."""
    folder = vectors_dir()
    if folder is None:
        raise NotMeasured(WHERE_TO_GET_THEM)
    rows = [json.loads(line) for line in (folder / "rules.jsonl").read_text().splitlines()]
    return [
        {
            "logic": row["rule"]["Logic"],
            "tests": [
                ({"payload": test["payload"], "external": test["external"]}, test["expected"]) for test in row["tests"]
            ],
        }
        for row in rows
    ]


def _certlogic_js() -> Sequence[str]:
    home = BUILD / "certlogic_js"
    return [npm_package(home, "certlogic-js@1.2.2"), str(HERE / "rivals" / "certlogic_js_driver.cjs"), str(home)]


def _panzi() -> Sequence[str]:
    return [python_packages(BUILD / "panzi", "panzi-json-logic==1.0.1"), str(HERE / "rivals" / "panzi_driver.py")]


RIVALS = {"certlogic_js": _certlogic_js, "panzi": _panzi}


def main() -> int:
    """Measure and print; exit 1 if a rival is faster."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.certlogic", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default 5)")
    found = compare(parser.parse_args().rounds)
    table = Table(title=f"CPU microseconds per rule test, {found.tests} tests", title_justify="left")
    for column in ("", "median", "spread", "times slower than the gateway"):
        table.add_column(column, justify="right" if column else "left")
    for name, measured in found.contestants.items():
        slower = "" if name == GATEWAY else f"{median(found.ratios(name)):.2f}"
        table.add_row(name, f"{measured.median:.2f}", "{:.2f}-{:.2f}".format(*measured.spread), slower)
    console = Console()
    console.print(table)
    console.print(f"Compiling a rule once: {found.compile_us:.0f} us.")
    return 1 if any(median(found.ratios(rival)) < LEAST for rival in RIVALS) else 0


if __name__ == "__main__":
    sys.exit(main())
