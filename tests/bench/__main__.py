"""`make bench`: prints a table, writes build/bench.json, exits 1 if a ratio misses its limit.

build/bench.json is name -> {value, unit, limit, ratio, spread, note}: `value` in `unit`; `ratio` to what the name is
measured against, the median of the rounds; `spread` its least and greatest; `limit` the least ratio that will do, or
null. What could not be measured has null there, and the note says why.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from gateway.values import Profile

from . import audited, callers, certlogic, receipts, replay_cost
from .beside import LEAST, RIVALS, NotMeasured, compare
from .codes import KINDS, make
from .rooms import measure

OUTPUT = Path(__file__).resolve().parent.parent.parent / "build" / "bench.json"
PER_SECOND = "verifications/s"
RULES_PER_SECOND = "rule tests/s"
SHOWINGS_PER_SECOND = "showings/s"
CALLS_PER_SECOND = "calls/s"
RECEIPTS_PER_SECOND = "receipts/s"
DECISIONS_PER_SECOND = "decisions/s"
ADDED_S = 0.05
"""Of each of what a caller, a receipt or the audit log adds, in each round."""
WIDTH = 132
"""Characters. Set, so that the table is whole in a log too."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    value: float | None
    unit: str
    limit: float | None
    ratio: float | None
    spread: tuple[float, float] | None = None
    note: str = ""

    @property
    def misses(self) -> bool:
        """Whether it was measured and is not good enough."""
        return self.limit is not None and self.ratio is not None and self.ratio < self.limit


def rooms_results(names: list[str], count: int, rounds: int) -> dict[str, Result]:
    """Return what each kind of code costs through the six rooms, and raw."""
    results: dict[str, Result] = {}
    for name in names:
        kind = KINDS[name]
        made = make(kind, count)
        measured = measure(kind, made, rounds)
        raw, rooms, ratios = measured.quickest_raw / count, measured.quickest_rooms / count, measured.ratios
        note = f"undisturbed {raw / rooms:.2f}: {raw * 1e6:.1f} us raw + {(rooms - raw) * 1e6:.1f} us"
        speed = count / median(measured.rooms)
        results[name] = Result(speed, PER_SECOND, kind.limit, median(ratios), (ratios[0], ratios[-1]), note)
    return results


def rival_results(rounds: int) -> dict[str, Result]:
    """Return how many times faster than each rival the gateway is."""
    results: dict[str, Result] = {}
    for rival in RIVALS:
        name = f"beside_{rival}"
        try:
            found = compare(rival, rounds)
        except NotMeasured as why:
            results[name] = Result(None, PER_SECOND, LEAST.get(rival), None, None, f"not measured: {why}")
            continue
        note = f"{found.gateway * 1e6:.0f} us, rival {found.rival * 1e6:.0f} us, {found.codes} DCC codes"
        results[name] = Result(1 / found.gateway, PER_SECOND, LEAST.get(rival), found.times_faster, None, note)
    return results


def rule_results(rounds: int) -> dict[str, Result]:
    """Return how many times faster than each rival the gateway evaluates rules."""
    try:
        found = certlogic.compare(rounds)
    except NotMeasured as why:
        note = f"not measured: {why}"
        return {
            f"rules_beside_{rival}": Result(None, RULES_PER_SECOND, certlogic.LEAST, None, None, note)
            for rival in certlogic.RIVALS
        }
    ours = found.contestants[certlogic.GATEWAY].median
    results: dict[str, Result] = {}
    for rival in certlogic.RIVALS:
        ratios, theirs = sorted(found.ratios(rival)), found.contestants[rival].median
        note = f"{ours:.1f} us a rule test, rival {theirs:.1f} us, {found.tests} tests"
        spread = (ratios[0], ratios[-1])
        results[f"rules_beside_{rival}"] = Result(
            1e6 / ours, RULES_PER_SECOND, certlogic.LEAST, median(ratios), spread, note
        )
    return results


def caller_results(rounds: int) -> dict[str, Result]:
    """Return what identity, registry, rates, profiles and handles add to a call."""
    return {
        name: Result(1e6 / microseconds, CALLS_PER_SECOND, None, None, None, f"adds {microseconds:.1f} us to a call")
        for name, microseconds in callers.figures_of(rounds, ADDED_S).items()
    }


def receipt_results(rounds: int) -> dict[str, Result]:
    """Return what a receipt adds, alone and as one of 64 in a batch, by what signs it."""
    return {
        f"receipt, {kind}, {way}": Result(
            1e6 / microseconds, RECEIPTS_PER_SECOND, None, None, None, f"adds {microseconds:.1f} us to a verification"
        )
        for kind, ways in receipts.run(rounds, ADDED_S, profiles=(Profile.GATE,)).items()
        for way, microseconds in ways.items()
        if way in {"alone", "64 together"}
    }


def audit_results(rounds: int) -> dict[str, Result]:
    """Return what the audit log adds to a decision, and what writing it costs its owner."""
    return {
        f"audit, {way}": Result(
            1e6 / microseconds, DECISIONS_PER_SECOND, None, None, None, f"{microseconds:.1f} us a decision"
        )
        for way, microseconds in asyncio.run(audited.run(rounds, ADDED_S)).items()
    }


def replay_results() -> dict[str, Result]:
    """Return what the replay guard adds to a verification."""
    results = {}
    for name, found in (("own", replay_cost.own()), ("shared", replay_cost.shared())):
        note = f"adds {found.first:.1f} us to a first showing, {found.again:.1f} us to a retry"
        results[f"replay_guard_{name}"] = Result(1e6 / found.first, SHOWINGS_PER_SECOND, None, None, None, note)
    return results


def show(results: dict[str, Result]) -> None:
    """Print the table."""
    title = "One core, CPU time. Ratio: raw signature checks over six rooms; beside rivals: how many times faster."
    table = Table(title=title, title_justify="left")
    for column in ("", "a second", "ratio", "spread", "at least", ""):
        table.add_column(column, justify="left" if not column else "right")
    for name, result in results.items():
        table.add_row(
            name,
            "-" if result.value is None else f"{result.value:,.0f}",
            "-" if result.ratio is None else f"{result.ratio:.2f}",
            "" if result.spread is None else "{:.2f}-{:.2f}".format(*result.spread),
            "" if result.limit is None else f"{result.limit:.2f}",
            result.note,
            style="red" if result.misses else None,
        )
    Console(width=WIDTH).print(table)


def main() -> int:
    """Measure, print, write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--codes", type=int, default=2_000, help="distinct codes of each kind (default 2000)")
    parser.add_argument("--rounds", type=int, default=11, help="rounds of each measurement (default 11)")
    parser.add_argument("--only", choices=KINDS, action="append", help="only this kind, and no rivals; may be repeated")
    given = parser.parse_args()
    results = rooms_results(given.only or list(KINDS), given.codes, given.rounds)
    if not given.only:
        results |= caller_results(given.rounds) | replay_results()
        results |= receipt_results(given.rounds) | audit_results(given.rounds)
        results |= rival_results(given.rounds) | rule_results(given.rounds)
    show(results)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps({name: asdict(result) for name, result in results.items()}, indent=2) + "\n")
    return 1 if any(result.misses for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
