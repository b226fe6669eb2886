"""`make bench-provinces`: one of eight provinces hangs, resets and lies at a steady load; what do the others feel?

A real gateway process, real servers, an open loop of look-ups over gRPC, all on this machine. Healthy phases and
phases with one fault follow one another several times in the same process. Shown of each kind of phase: the p99 of the
other seven (median of the phases, least and greatest), what was said of the failing one, and how the national platform
and the breaker stood in. Exit status 1 if a limit is missed:

- the median p99 of the other seven, per fault, is at most 1.10 times that of the healthy phases
- nobody passes of whom her province does not say green
- the breaker opened and the national platform answered, as /metrics tells
- after the last fault the failing province is asked again and answers, without a restart
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import sys
import tempfile
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.integration.gateway_process import Gateway, running
from tests.integration.province_site import connected_site
from tests.simulators.process import Simulators, simulators

from .load import LookUp, client, in_turn, quantile, steady

OUTPUT = Path(__file__).resolve().parent.parent.parent / "build" / "bench-provinces.json"
FAILING = "zhejiang"
OTHERS = ("guangdong", "hainan", "jiangsu", "fujian", "sichuan", "guizhou", "beijing")
"""Seven provinces of four dialects; the national platform stands in, and is not one of the eight."""
FAULTS = ("hang", "reset", "other_person", "garbage", "wrong_signature", "expired_as_success")
MOST = 1.10
HEALTHY = "healthy"
INSTEAD = "ANSWERED_BY_NATIONAL_PLATFORM"
BREAKER = f'hcgw_breaker_state{{province="{FAILING}"}}'
STOOD_IN = f'hcgw_upstream_fallbacks_total{{outcome="answered",province="{FAILING}"}}'
OPENS = frozenset({"hang", "reset", "other_person", "garbage", "wrong_signature"})
"""An answer that says expired is an answer: the province works, and its breaker stays closed."""
SETTLE_S = 1.0
"""Of the start of each phase, left out of its p99: the fault's own first second is shown beside it."""


@dataclass
class Phases:
    """What was seen in all phases of one kind."""

    p99: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    onset_p99: list[float] = field(default_factory=list)
    failing: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    wrong_passes: int = 0
    stood_in: list[int] = field(default_factory=list)
    """Look-ups of the failing province, by phase, that the national platform answered."""
    breaker: list[int] = field(default_factory=list)
    """Its state at the end of each phase: 0 closed, 1 half-open, 2 open."""

    def add(self, found: list[LookUp]) -> None:
        """Take in one phase."""
        began = min(each.due for each in found)
        rest = [each for each in found if each.code.province != FAILING]
        settled = [each.seconds for each in rest if each.due - began >= SETTLE_S]
        self.p99.append(quantile(settled, 0.99))
        self.p50.append(quantile(settled, 0.5))
        self.onset_p99.append(quantile([each.seconds for each in rest if each.due - began < SETTLE_S], 0.99))
        self.stood_in.append(sum(INSTEAD in each.reasons for each in found))
        for each in found:
            instead = INSTEAD in each.reasons
            said = f"{each.measure} {each.reasons[0]}" + (" (national)" if instead else "")
            (self.failing if each.code.province == FAILING else self.others)[said] += 1
            self.wrong_passes += each.wrong_pass


async def drill(gateway: Gateway, world: Simulators, given: argparse.Namespace) -> dict[str, Phases]:
    """Let the phases follow one another, healthy ones between; return what was seen by kind."""
    names = (FAILING, *OTHERS)
    codes = in_turn([world.codes(name, 0, given.people) for name in names])
    seen = {kind: Phases() for kind in (HEALTHY, *FAULTS)}
    async with client(gateway.grpc) as stub:
        await steady(stub, codes, rate=given.rate, seconds=given.phase)  # connections, first secrets
        for turn in range(given.rounds):
            for kind in FAULTS:
                seen[HEALTHY].add(await steady(stub, codes, rate=given.rate, seconds=given.phase))
                world.fault(FAILING, kind)
                seen[kind].add(await steady(stub, codes, rate=given.rate, seconds=given.phase))
                seen[kind].breaker.append(int(province_metrics(gateway).get(BREAKER, 0)))
                world.fault(FAILING, "none")
                await asyncio.sleep(given.rest * 1.2)
                # The first questions afterwards close the breaker; they belong to no phase.
                await steady(stub, codes, rate=given.rate, seconds=1)
            sys.stderr.write(f"round {turn + 1} of {given.rounds}\n")
        after = await steady(stub, codes, rate=given.rate, seconds=2)
    recovered = [each for each in after if each.code.province == FAILING]
    if any(INSTEAD in each.reasons or each.measure == "" for each in recovered):
        raise SystemExit("the failing province was not asked again after it had recovered")
    return seen


def province_metrics(gateway: Gateway) -> dict[str, float]:
    """Return the metrics about the failing province that are not zero."""
    with urllib.request.urlopen(f"http://{gateway.http}/metrics", timeout=10) as page:
        text = page.read().decode()
    found = re.findall(rf'^(hcgw_\w+\{{[^}}]*"{FAILING}"[^}}]*\}}) (\S+)$', text, re.MULTILINE)
    return {name: float(value) for name, value in found if float(value) and "_bucket" not in name}


def show(seen: dict[str, Phases], metrics: dict[str, float]) -> list[str]:
    """Print the table; return what misses a limit."""
    base = median(seen[HEALTHY].p99)
    table = Table(title=f"{FAILING} fails, seven others do not", title_justify="left")
    for column in (
        "phase",
        "p50 ms",
        "p99 ms",
        "least-greatest",
        "to healthy",
        "first second",
        "breaker",
        f"said of {FAILING}",
    ):
        table.add_column(column, justify="left" if column in ("phase", f"said of {FAILING}") else "right")
    missed = []
    for kind, phases in seen.items():
        ratio = median(phases.p99) / base
        if kind != HEALTHY and ratio > MOST:
            missed.append(f"{kind}: p99 of the others moved by {ratio - 1:+.0%}")
        if phases.wrong_passes:
            missed.append(f"{kind}: {phases.wrong_passes} wrong passes")
        unanswered = sum(count for said, count in phases.others.items() if "UPSTREAM" in said or said.startswith(" "))
        if unanswered > phases.others.total() / 1000:
            missed.append(f"{kind}: {unanswered} look-ups of the others were not answered")
        table.add_row(
            kind,
            f"{median(phases.p50) * 1e3:.1f}",
            f"{median(phases.p99) * 1e3:.1f}",
            f"{min(phases.p99) * 1e3:.1f}-{max(phases.p99) * 1e3:.1f}",
            f"{ratio:.2f}",
            f"{median(phases.onset_p99) * 1e3:.1f}",
            " ".join(map(str, phases.breaker)),
            "; ".join(f"{count} {said}" for said, count in phases.failing.most_common(4)),
        )
    console = Console(width=180)
    console.print(table)
    halves = [median(seen[HEALTHY].p99[start::2]) for start in (0, 1)]
    console.print(f"Noise: every second healthy phase against the others: {max(halves) / min(halves):.2f}")
    for name, value in metrics.items():
        console.print(f"{name} {value:g}", highlight=False)
    missed += [f"{kind}: the breaker stayed closed" for kind in OPENS if 0 in seen[kind].breaker]
    if not metrics.get(STOOD_IN):
        missed.append("the national platform stood in for nobody")
    if metrics.get(BREAKER):
        missed.append("the breaker is not closed again")
    return missed


def main() -> int:
    """Run the drill; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.provinces", description=__doc__)
    parser.add_argument("--rate", type=float, default=160, help="look-ups a second, all eight together (default 160)")
    parser.add_argument("--phase", type=float, default=6, help="seconds of a phase (default 6)")
    parser.add_argument("--rounds", type=int, default=6, help="how often each fault comes (default 6)")
    parser.add_argument("--people", type=int, default=4_000, help="of each province (default 4000)")
    parser.add_argument("--rest", type=float, default=2.0, help="seconds that the breaker rests (default 2)")
    given = parser.parse_args()
    budget = {"breaker_rest_s": given.rest}
    with tempfile.TemporaryDirectory(prefix="hcgw-bench-") as folder:
        home = Path(folder)
        with simulators(home, FAILING, *OTHERS, "national", people=given.people, budget=budget) as world:
            site = connected_site(home, world.issuers)
            gc.disable()  # of the load: its own pauses are nobody's
            with running(site) as gateway:
                seen = asyncio.run(drill(gateway, world, given))
                metrics = province_metrics(gateway)
    missed = show(seen, metrics)
    OUTPUT.parent.mkdir(exist_ok=True)
    figures = {kind: vars(phases) for kind, phases in seen.items()}
    OUTPUT.write_text(json.dumps({"phases": figures, "metrics": metrics, "missed": missed}, indent=2) + "\n")
    for miss in missed:
        sys.stdout.write(f"MISSED {miss}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
