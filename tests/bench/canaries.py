"""`make bench-canaries`: 100,000 look-ups of people whose data stand in every answer of their provinces; then a search.

Searched for the name, the ID number, the phone and the address, in plain, base64 (three alignments), UTF-16 (both
orders), hex and more: every gRPC answer and error, both outputs of the process at log level debug, all HTTP pages, the
files below its folder; and, of a gateway in this process, everything that it still holds on to. Exit status 1 on a hit.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gateway.app import App
from gateway.config import load
from gateway.watch.logs import EventLog
from tests.integration.gateway_process import Edges, running
from tests.integration.province_site import connected_site
from tests.privacy.needles import NEEDLES, marks_in
from tests.privacy.reachable import texts_reachable
from tests.privacy.upstream import BUDGET, PROVINCES, Heard, files_below, look_up_all
from tests.simulators.process import simulators

PAGES = ("/metrics", "/livez", "/readyz", "/.well-known/jwks.json", "/nothing")
HELD_SHARE = 0.2
"""Of the look-ups, for the gateway whose memory is searched."""

Row = tuple[str, int, int]
"""What was searched, its bytes, the hits."""


def of_a_process(home: Path, many: int, heard: Heard) -> tuple[list[Row], int]:
    """Look up through a gateway process; return what was searched there and how many questions provinces were asked."""
    with simulators(home, *PROVINCES, people=-(-many // len(PROVINCES)) + 1, budget=BUDGET) as world:
        with running(connected_site(home, world.issuers)) as gateway:
            look_up_all(gateway, world, many, heard)
            pages = b"\n".join(gateway.get(page)[1] + repr(gateway.get(page)[2]).encode() for page in PAGES)
            asked = sum(world.questions().values())
            gateway.signal(signal.SIGTERM)
            gateway.end()
        written = files_below(home, but=world.directory)
        searched = {
            "standard output, level debug": gateway.stdout,
            "standard error": gateway.stderr,
            "HTTP pages": pages,
            "files": written,
        }
    return [(what, len(said), len(marks_in(said))) for what, said in searched.items()], asked


async def of_what_is_held(home: Path, many: int, heard: Heard) -> list[Row]:
    """Look up through a gateway in this process; return what was searched of all that it holds on to."""
    log = io.StringIO()
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
    held = sum(len(text) for text in texts)
    return [
        (f"{len(texts):,} texts held in memory", held, sum(bool(marks_in(text)) for text in texts)),
        ("its log, level debug", log.tell(), len(marks_in(log.getvalue().encode()))),
    ]


def main() -> int:
    """Run the drill; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.canaries", description=__doc__)
    parser.add_argument("--look-ups", type=int, default=100_000, help="through the process (default 100000)")
    many = parser.parse_args().look_ups
    heard, held = Heard(), Heard()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="hcgw-bench-") as one, tempfile.TemporaryDirectory(prefix="hcgw-") as two:
        rows, asked = of_a_process(Path(one), many, heard)
        rows.append(("gRPC answers and errors", heard.searched, len(heard.leaks)))
        rows += asyncio.run(of_what_is_held(Path(two), int(many * HELD_SHARE), held))
        rows.append(("its gRPC answers and errors", held.searched, len(held.leaks)))
    title = f"{heard.look_ups:,} look-ups, {asked:,} questions to provinces, {len(NEEDLES)} spellings"
    table = Table(title=f"{title}, {time.perf_counter() - began:.0f} s", title_justify="left")
    for column in ("searched", "bytes", "hits"):
        table.add_column(column, justify="left" if column == "searched" else "right")
    for what, size, hits in rows:
        table.add_row(what, f"{size:,}", str(hits), style="red" if hits else None)
    console = Console(width=120)
    console.print(table)
    for verdict, count in heard.verdicts.most_common():
        console.print(f"{count:>8,} {verdict}", highlight=False)
    return 1 if any(hits for _, _, hits in rows) or asked < 0.9 * many else 0


if __name__ == "__main__":
    sys.exit(main())
