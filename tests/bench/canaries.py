"""`make bench-canaries`: data of 100,000 people through every format, dialect and RPC; then a search of what came out.

Searched for name, ID number, phone and address, in plain, base64 (three alignments, both alphabets), UTF-16 (both
orders), hex (both cases) and more: answers by profile, errors with their details, receipts, converted codes, watches,
lists, both outputs at log level debug, HTTP pages, every file below the gateway's folder and its name; and, of a
gateway in this process, everything that it still holds on to. Exit status 1 on a hit.

Counted only: what is left in the memory of each process a minute after the last answer, by kind of region.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gateway.app import App
from gateway.config import load
from gateway.watch.logs import EventLog
from tests.integration.gateway_process import Edges
from tests.integration.province_site import connected_site
from tests.privacy import drill
from tests.privacy.drill import Drill
from tests.privacy.memory import IN_MEMORY
from tests.privacy.needles import NEEDLES
from tests.privacy.reachable import texts_reachable
from tests.privacy.upstream import BUDGET, PROVINCES, Heard, look_up_all
from tests.simulators.process import simulators

BUILD = Path(__file__).parents[2] / "build"
HELD_SHARE = 0.1
"""Of the people, for the gateway whose memory is walked through."""


async def of_what_is_held(home: Path, many: int, found: Drill) -> None:
    """Look up through a gateway in this process; search all that it holds on to afterwards."""
    log, heard = io.StringIO(), Heard()
    with simulators(home, *PROVINCES, people=-(-many // len(PROVINCES)) + 1, budget=BUDGET) as world:
        app = App(load(connected_site(home, world.issuers).config), log=EventLog(log, level="debug"))
        await app.start()
        edges = Edges(f"127.0.0.1:{app.grpc_port}", f"127.0.0.1:{app.http_port}")
        await asyncio.to_thread(look_up_all, edges, world, many, heard)
    try:  # The provinces are gone, and with them the idle connections, which keep the headers of their last answer.
        await asyncio.sleep(1)
        texts = list(texts_reachable(app, "gateway", "keys", "healthcode"))
    finally:
        await app.drain()
    for text in texts:
        found.findings.hear("objects held: caches, pools, tasks", text)
    found.findings.hear("log, level debug", log.getvalue().encode(), codes=True)
    found.findings.searched["answers at STAFF"] += heard.searched
    found.findings.hits["answers at STAFF"] += len(heard.leaks)


def places_of(found: Drill, title: str) -> Table:
    """Return what was searched, place by place."""
    table = Table(title=title, title_justify="left")
    for column in ("searched", "bytes", "hits"):
        table.add_column(column, justify="left" if column == "searched" else "right")
    for place, size in sorted(found.findings.searched.items()):
        hits = found.findings.hits[place]
        table.add_row(place, f"{size:,}", str(hits), style="red" if hits else None)
    return table


def memory_of(found: Drill, idle_s: float) -> Table:
    """Return what is left in memory, by process and kind of region."""
    title = f"left in memory {idle_s:.0f} s after the last answer ({len(IN_MEMORY)} spellings; counted, not judged)"
    table = Table(title=title, title_justify="left")
    for column in ("process", "region", "bytes read", "marks"):
        table.add_column(column, justify="left" if column in ("process", "region") else "right")
    for process, left in found.memory.items():
        for kind, size in sorted(left.size.items()):
            table.add_row(process, kind, f"{size:,}", f"{left.marks[kind]:,}")
    return table


def main() -> int:
    """Run the drill, write build/bench-canaries.json; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.canaries", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, default=100_000, help="through the processes (default 100000)")
    parser.add_argument("--workers", type=int, default=2, help="of the gateway (default 2)")
    parser.add_argument("--idle-s", type=float, default=60.0, help="from the last answer to the dump (default 60)")
    chosen = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="hcgw-bench-") as one, tempfile.TemporaryDirectory(prefix="hcgw-") as two:
        found = drill.run(Path(one), chosen.people, workers=chosen.workers, idle_s=chosen.idle_s)
        asyncio.run(of_what_is_held(Path(two), max(1, int(chosen.people * HELD_SHARE)), found))
    took = time.perf_counter() - began
    people = f"{found.people:,} people, {found.asked_upstream:,} questions to provinces"
    console = Console(width=120)
    console.print(places_of(found, f"{people}, {len(NEEDLES)} spellings, {took:.0f} s"))
    for place, what in found.findings.samples.items():
        console.print(f"found in {place}: {what}", style="red")
    console.print(memory_of(found, chosen.idle_s))
    for counted in (found.calls, found.verdicts):
        console.print(", ".join(f"{name} {count:,}" for name, count in counted.most_common()), highlight=False)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench-canaries.json").write_text(json.dumps(figures(found, took), indent=1) + "\n")
    # Half of the people show opaque codes; what is asked again within its freshness is remembered.
    return int(bool(+found.findings.hits) or found.asked_upstream < 0.4 * chosen.people or bool(found.error_output))


def figures(found: Drill, took: float) -> dict[str, object]:
    """Return the figures of a run."""
    return {
        "people": found.people,
        "asked_upstream": found.asked_upstream,
        "seconds": round(took),
        "searched": dict(found.findings.searched),
        "hits": dict(+found.findings.hits),
        "calls": dict(found.calls),
        "verdicts": dict(found.verdicts),
        "memory": {
            process: {kind: {"bytes": size, "marks": left.marks[kind]} for kind, size in left.size.items()}
            for process, left in found.memory.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
