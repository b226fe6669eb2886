"""`make bench-kills`: gateways are killed with SIGKILL at random instants, and nothing that was acknowledged is lost.

Two real gateways of several processes, the second follows the first. A few provinces publish to the first without a
pause: several lists side by side, batches of random size, lists opened, filled, changed and closed. Killed are keepers,
workers, and whole gateways (the supervisor and all of its processes at once, then started anew); keepers also while
they start. Each province sends the same bytes until they are acknowledged. Exit status 1 if

- an acknowledged batch is missing in a gateway, has other bytes, or stands twice in its log; or the chain is broken
- a list reads otherwise than its province's, by SHA-256, when all is quiet
- a place that only becomes worse is read better than acknowledged, or than it was read before: in the mapped lists all
  the time, and in the verdicts of workers; or a list that is there is not found, or its number goes back
- a rightly signed batch is refused, or a gateway complains of anything but the deaths
- a killed process takes longer than its limit until it is ready, without what its supervisor waited before starting it

Writes build/bench-kills.json. All else lies in a folder below build, removed afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final, TypeAlias

import grpc
from rich.console import Console
from rich.table import Table

from .kill_board import Board, Readings, reading
from .kill_checks import Asker, Checks, HeadsCheck, compare_log, compare_raw
from .kill_gateway import KEEPER, WHOLE, KillableGateway, Restart
from .kill_publishers import OPTIONS, Lane, Publisher, Tally, Track
from .load import quantile
from .nation_site import NationSite, make_nation

BUILD: Final = Path(__file__).resolve().parent.parent.parent / "build"
OUTPUT: Final = BUILD / "bench-kills.json"
LIMIT_S: Final = 3.0
PATIENCE_S: Final = 90.0
PROVINCES: Final = 3
LANES_EACH: Final = 2
CHECK_S: Final = 1.0
ASK_S: Final = 0.15
VICTIMS: Final = {
    (0, KEEPER): 30,
    (1, KEEPER): 26,
    (0, "worker-0"): 9,
    (0, "worker-1"): 9,
    (1, "worker-0"): 10,
    (0, WHOLE): 8,
    (1, WHOLE): 8,
}
"""Which process of which gateway, and how often among a hundred."""
AGAIN: Final = 0.2
"""How often a keeper is killed once more while it starts."""
NAMES: Final = ("publishing", "following")

Victim: TypeAlias = tuple[int, str]
"""Which gateway, and which process of it."""


@dataclass(slots=True)
class Drill:
    """What was done, and what was found."""

    seed: int
    killed: dict[str, int] = field(default_factory=dict)
    restarts: list[Restart] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    checks: Checks = field(default_factory=Checks)
    readings: Readings = field(default_factory=Readings)
    complaints: dict[str, int] = field(default_factory=dict)
    settled_after_s: float = 0.0
    """From the end of all publishing until the following gateway held everything."""
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        """How many processes, or whole gateways, were killed."""
        return sum(self.killed.values())

    @property
    def faults(self) -> list[str]:
        """Return every promise that was broken, those about time aside."""
        complained = [f"complaint, {times} times: {what}" for what, times in self.complaints.items()]
        return [*self.tally.faults, *self.checks.faults, *self.readings.told, *complained]

    def of(self, kind: str) -> list[Restart]:
        """Return the restarts of one kind of process."""
        return [one for one in self.restarts if kind_of(one.gateway, one.process) == kind]

    def late(self, limit_s: float) -> list[Restart]:
        """Return the restarts that took longer than they may."""
        return [one for one in self.restarts if one.own_s > limit_s]


def kind_of(gateway: int, process: str) -> str:
    """Return what a process is called in the table."""
    return f"{NAMES[gateway]} {process.partition('-')[0]}"  # any worker is a worker


class Killer:
    """Kills at random instants, and starts whole gateways anew."""

    def __init__(
        self,
        gateways: Sequence[KillableGateway],
        random: Random,
        drill: Drill,
        every_s: float,
        group: asyncio.TaskGroup,
    ) -> None:
        """`group` is told if a gateway does not come back."""
        self._gateways = gateways
        self._random = random
        self._drill = drill
        self._every_s = every_s
        self._group = group

    async def kill(self, victims: Iterable[Victim], kills: int) -> None:
        """Kill so many of `victims`, whoever of them is there then; wait until all is ready. Raises: TimeoutError."""
        for number, process in victims:
            if self._drill.kills >= kills:
                break
            await asyncio.sleep(self._random.uniform(0, 2 * self._every_s))
            self._kill(number, process)
        async with asyncio.timeout(PATIENCE_S):
            while any(gateway.restarting for gateway in self._gateways):  # noqa: ASYNC110 a drill, on wall time
                await asyncio.sleep(0.05)

    def _kill(self, number: int, process: str) -> None:
        """Kill it, unless it is not there, or its gateway only just starts."""
        gateway = self._gateways[number]
        if not gateway.serves or not gateway.kill(process, self._random):
            return
        kind = kind_of(number, process)
        self._drill.killed[kind] = self._drill.killed.get(kind, 0) + 1
        if process == WHOLE:
            self._group.create_task(gateway.start_again())


def at_random(random: Random) -> Iterator[Victim]:
    """Yield victims for ever; now and then a keeper twice, which may be killed the second time while it starts."""
    while True:
        [victim] = random.choices(list(VICTIMS), list(VICTIMS.values()))
        yield from [victim] * (2 if victim[1] == KEEPER and random.random() < AGAIN else 1)


async def run(
    folder: Path, victims: Iterable[Victim], kills: int, seed: int, *, every_s: float = 2.0, epoch_batches: int = 400
) -> Drill:
    """Run the drill in `folder`; return what was found.

    `victims`: in order, more than `kills`; one that is not there is left out. `every_s`: between two kills on average.
    `epoch_batches`: of a list, on average, before its province closes it.

    Raises: NotStarted, TimeoutError: a gateway does not come back.
    """
    random, drill, begun = Random(seed), Drill(seed), time.monotonic()
    provinces = make_nation(0.0)[:PROVINCES]
    sites = [NationSite(folder / "first", provinces), NationSite(folder / "second", provinces, folder / "first")]
    gateways = [
        KillableGateway(0, sites[0], ("service.workers=2", "status.checkpoint_s=0.5")),
        KillableGateway(1, sites[1], ("service.workers=1", "status.checkpoint_s=2")),
    ]
    sites[1].follow(gateways[0].status)
    tracks: list[Track] = []
    board = Board(folder / "board")
    async with AsyncExitStack() as stack:
        for gateway in gateways:
            stack.push_async_callback(gateway.kill_all)
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(gateway.status, options=OPTIONS))
            for gateway in gateways
        ]
        reader = stack.enter_context(reading(folder / "board", [site.lists for site in sites]))
        heads = [
            HeadsCheck(gateway, channel, tracks, board, drill.checks)
            for gateway, channel in zip(gateways, channels, strict=True)
        ]
        askers = [Asker(gateway, provinces, tracks, board, drill.checks, random) for gateway in gateways]
        publisher, stop, quiet = Publisher(channels[0], drill.tally), asyncio.Event(), asyncio.Event()
        lanes = [
            Lane(
                f"lane-{number}", province, publisher, tracks, board, reader.announce, drill.tally,
                Random(random.random()), epoch_batches=epoch_batches, pause_s=0.04,
            )
            for province in provinces
            for number in range(LANES_EACH)
        ]  # fmt: skip
        async with asyncio.TaskGroup() as group:
            publishing = [group.create_task(lane.run(stop)) for lane in lanes]
            for check in heads:
                group.create_task(_again_and_again(check.once, CHECK_S, quiet))
            for asker in askers:
                group.create_task(_again_and_again(asker.once, ASK_S, quiet))
            await Killer(gateways, Random(seed), drill, every_s, group).kill(victims, kills)
            stop.set()
            await asyncio.wait_for(asyncio.gather(*publishing), PATIENCE_S)
            quiet.set()
        await _all_held(heads, drill)
        drill.readings = await asyncio.to_thread(reader.end)
        for site, name in zip(sites, NAMES, strict=True):
            compare_raw(site, tracks, drill.checks, name)
        for gateway, name in zip(reversed(gateways), reversed(NAMES), strict=True):
            status = await gateway.stop()
            if status:
                drill.checks.faults.append(f"{name}: ended with status {status}")
    for number, (site, name) in enumerate(zip(sites, NAMES, strict=True)):
        compare_raw(site, tracks, drill.checks, f"{name}, ended")
        await compare_log(site, tracks, drill.checks, number, name)
    drill.restarts = [again for gateway in gateways for again in gateway.restarts]
    drill.complaints = dict(sum((gateway.complaints for gateway in gateways), Counter()))
    drill.seconds = time.monotonic() - begun
    return drill


async def _again_and_again(work: Callable[[], Awaitable[object]], every_s: float, quiet: asyncio.Event) -> None:
    while not quiet.is_set():
        await work()
        await asyncio.sleep(every_s)


async def _all_held(heads: Sequence[HeadsCheck], drill: Drill) -> None:
    """Wait until both gateways hold all that was made."""
    began = time.monotonic()
    while not all([await check.once() for check in heads]):
        if time.monotonic() - began > PATIENCE_S:
            drill.checks.faults.append("not everything has arrived")
            return
        await asyncio.sleep(0.1)
    drill.settled_after_s = time.monotonic() - began


def figures(drill: Drill, limit_s: float) -> dict[str, Any]:
    """Return what is written down."""
    waits, late = drill.tally.waits_s, drill.late(limit_s)
    kinds = sorted({kind_of(one.gateway, one.process) for one in drill.restarts})
    return {
        "seed": drill.seed,
        "kills": drill.kills,
        "seconds": round(drill.seconds, 1),
        "restart_limit_s": limit_s,
        "restarts": {kind: _restart_figures(drill.of(kind)) | {"kills": drill.killed.get(kind, 0)} for kind in kinds},
        "late": [asdict(one) for one in late],
        "published": {name: getattr(drill.tally, name) for name in Tally.__slots__ if name not in ("waits_s", "faults")}
        | {"wait_median_s": _rounded(median(waits)), "wait_p99_s": _rounded(quantile(waits, 0.99))}
        | {"wait_max_s": _rounded(max(waits))},
        "checks": {name: getattr(drill.checks, name) for name in Checks.__slots__ if name != "faults"},
        "reader": asdict(drill.readings),
        "settled_after_s": _rounded(drill.settled_after_s),
        "faults": drill.faults,
    }


def _restart_figures(restarts: Sequence[Restart]) -> dict[str, float]:
    if not restarts:
        return {"ready_again": 0}
    own, cpu = [one.own_s for one in restarts], [one.cpu_s for one in restarts]
    return {
        "ready_again": len(restarts),
        "max_s": _rounded(max(own)),
        "p99_s": _rounded(quantile(own, 0.99)),
        "median_s": _rounded(median(own)),
        "cpu_median_s": _rounded(median(cpu)),
        "longest_wait_s": _rounded(max(one.waited_s for one in restarts)),
        "with_wait_max_s": _rounded(max(one.seconds for one in restarts)),
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def show(found: dict[str, Any], console: Console) -> None:
    """Print the table."""
    table = Table(title=f"{found['kills']} kills in {found['seconds']:.0f} s, seed {found['seed']}")
    for column in ("process", "kills", "ready", "max s", "p99 s", "median s", "CPU s", "waited", "with it"):
        table.add_column(column, justify="left" if column == "process" else "right", no_wrap=True)
    for kind, its in found["restarts"].items():
        names = ("kills", "ready_again", "max_s", "p99_s", "median_s", "cpu_median_s", "longest_wait_s")
        table.add_row(kind, *(str(its.get(name, "")) for name in (*names, "with_wait_max_s")))
    console.print(table)
    told, checks, reader = found["published"], found["checks"], found["reader"]
    console.print(
        f"{told['batches']} batches acknowledged in {told['lists']} lists, {told['changes']} changes; "
        f"{told['calls_failed']} calls unanswered, {told['held_before_the_answer']} batches held before the answer\n"
        f"compared: {checks['heads']} heads, {checks['raw_lists']} lists, {checks['logged_batches']} logged batches\n"
        f"{reader['look_ups']} look-ups: {reader['wrong_green']} wrong greens, {reader['older_word']} older words, "
        f"{reader['number_back']} numbers back, {reader['gaps']} gaps, {reader['unread']} unread without fault\n"
        f"verdicts: {checks['verdicts']}, {checks['wrong_verdicts']} wrong"
    )
    for fault in found["faults"][:40]:
        console.print(f"BROKEN  {fault}", markup=False)
    if found["late"]:
        console.print(f"BROKEN  {len(found['late'])} restarts took longer than {found['restart_limit_s']} s")


def main() -> int:
    """Run, print, write build/bench-kills.json."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kill_drill", description="Kills at random instants")
    parser.add_argument("--kills", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all that is random")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two kills, on average (default 2)")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds until ready again (default 3)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # then too, nothing is left running
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kill-drill-", dir=BUILD) as folder:
        victims = at_random(Random(given.seed))
        drill = asyncio.run(run(Path(folder), victims, given.kills, given.seed, every_s=given.every))
    found = figures(drill, given.limit)
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    show(found, Console(width=120))
    return 1 if found["faults"] or found["late"] else 0


if __name__ == "__main__":
    sys.exit(main())
