"""`make bench-audit-kills`: a gateway's processes are killed at random instants; no answer is without its entry.

A real gateway of a keeper and two workers, which answer once an entry is durable. It is asked without a pause, with
receipts, and a province publishes batches. Killed with SIGKILL are the keeper, workers, and the whole gateway (the
supervisor and all of its processes at once, then started anew). Exit status 1 if

- an answer that was given has no entry, or two: found by the digest of the code in its receipt
- a batch that was acknowledged has no entry, or two; an entry stands twice, by its run and number
- a log is not what was signed, when it is verified at the end

Writes build/bench-audit-kills.json. All else lies in a folder below build, removed afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

import grpc

from gateway.audit.entries import ColourEntry, DecisionEntry, LogName, read_entry
from gateway.audit.verification import verify_log
from gateway.changes import BatchDigest, SignedBatch, StoreDegraded
from gateway.rpc.client import AskingFailed
from gateway.rpc.status_client import connected_status
from gateway.status import words
from keys.notes import NoteSigner
from keys.signer import open_signer
from tests.integration.audit_site import ORIGIN, digest_in, durable, with_audit
from tests.integration.gateway_process import question, stub_of
from tests.integration.status_site import StatusSite, now

from .kill_gateway import KEEPER, WHOLE, KillableGateway
from .load import quantile

BUILD: Final = Path(__file__).resolve().parent.parent.parent / "build"
OUTPUT: Final = BUILD / "bench-audit-kills.json"
VICTIMS: Final = {KEEPER: 50, "worker-0": 15, "worker-1": 15, WHOLE: 20}
"""Which process, and how often among a hundred."""
ASKERS: Final = 4
PATIENCE_S: Final = 60.0


@dataclass(slots=True)
class Drill:
    """What was done, and what was found."""

    seed: int
    killed: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    unanswered: int = 0
    """Calls that ended in an error: refused, or cut off."""
    entries: int = 0
    more_entries: int = 0
    """Entries of answers that never arrived."""
    batches: int = 0
    wait_p50_ms: float = 0.0
    wait_p99_ms: float = 0.0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Load:
    """Asks and publishes until told to stop, and keeps what was acknowledged."""

    def __init__(self, gateway: KillableGateway, site: StatusSite) -> None:
        self.digests: list[bytes] = []
        self.waits_s: list[float] = []
        self.unanswered = 0
        self.batches: list[BatchDigest] = []
        self.stopping = False
        self._gateway = gateway
        self._site = site

    async def ask(self) -> None:
        """Ask again and again."""
        code = self._site.code()
        while not self.stopping:
            async with grpc.aio.insecure_channel(self._gateway.grpc) as channel:
                stub: Any = stub_of(channel)  # type: ignore[arg-type]  # the generated client fits both
                try:
                    while not self.stopping:
                        began = time.monotonic()
                        verdict = (await stub.VerifyCode(question(code), timeout=PATIENCE_S)).verdict
                        self.waits_s.append(time.monotonic() - began)
                        self.digests.append(digest_in(verdict.receipt))
                except grpc.RpcError:
                    self.unanswered += 1
                    await asyncio.sleep(0.02)

    async def publish(self) -> None:
        """Publish batches, each until it is acknowledged."""
        gz = self._site.issuer()
        batch, index = gz.open(now()), 0
        while not self.stopping:
            await self._publish(batch)
            self.batches.append(batch.digest)
            index = (index + 1) % 1_024
            batch = gz.change({words.RED if index % 2 else words.GREEN: [index]}, now())
            await asyncio.sleep(0.05)

    async def _publish(self, batch: SignedBatch) -> None:
        while True:
            with suppress(AskingFailed, StoreDegraded):
                async with connected_status(self._gateway.status) as client:
                    await client.publish(batch)
                    return
            await asyncio.sleep(0.05)


async def run(folder: Path, kills: int, seed: int, every_s: float) -> Drill:
    """Kill so often, and compare."""
    site, random, drill = StatusSite(folder), Random(seed), Drill(seed)
    with_audit(site, wait_ms=5_000)
    gateway = KillableGateway(0, site, ("service.workers=2",))
    began = time.monotonic()
    await gateway.start()
    load = Load(gateway, site)
    try:
        tasks = [asyncio.create_task(load.ask()) for _ in range(ASKERS)]
        tasks.append(asyncio.create_task(load.publish()))
        killed: Counter[str] = Counter()
        while killed.total() < kills:
            await asyncio.sleep(random.uniform(0.2, 2 * every_s - 0.2))
            (victim,) = random.choices(list(VICTIMS), list(VICTIMS.values()))
            if gateway.kill(victim, random):
                killed[victim] += 1
                if victim == WHOLE:
                    await gateway.start_again()
        async with asyncio.timeout(PATIENCE_S):
            while gateway.restarting:  # noqa: ASYNC110 it is told by the processes
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)
        load.stopping = True
        done, late = await asyncio.wait(tasks, timeout=PATIENCE_S)
        drill.faults += [f"a task failed: {type(one.exception()).__name__}" for one in done if one.exception()]
        drill.faults += ["a caller hangs"] * len(late)
        for one in late:
            one.cancel()
        status = await gateway.stop()
        drill.faults += [f"ended with status {status}"] if status else []
    finally:
        await gateway.kill_all()
    drill.killed = dict(killed)
    drill.seconds = round(time.monotonic() - began, 1)
    compare(site, load, drill)
    return drill


def compare(site: StatusSite, load: Load, drill: Drill) -> None:
    """Compare what was acknowledged with what stands in the logs."""
    signer = open_signer(f"file:{site.folder / 'audit.key.pem'}")
    found = {log: [read_entry(raw) for raw in durable(site, log)] for log in LogName}
    for log, its in found.items():
        twice = [one for one, times in Counter((entry.run, entry.number) for entry in its).items() if times > 1]
        drill.faults += [f"{log.value}: {len(twice)} entries stand twice"] * bool(twice)
        report = verify_log(site.folder / "audit" / log.value, [NoteSigner(f"{ORIGIN}/{log.value}", signer).verifier])
        drill.faults += [f"{log.value}: {finding}" for finding in report.findings]
    commitments = Counter(
        one.entry.commitment for one in found[LogName.DECISIONS] if isinstance(one.entry, DecisionEntry)
    )
    _each_once("answer", load.digests, commitments, drill)
    colours = Counter(one.entry.digest for one in found[LogName.CHANGES] if isinstance(one.entry, ColourEntry))
    _each_once("batch", load.batches, colours, drill)
    drill.answers, drill.unanswered, drill.batches = len(load.digests), load.unanswered, len(load.batches)
    drill.entries = commitments.total()
    drill.more_entries = drill.entries - drill.answers
    drill.wait_p50_ms = round(median(load.waits_s) * 1_000, 2)
    drill.wait_p99_ms = round(quantile(load.waits_s, 0.99) * 1_000, 2)


def _each_once(what: str, acknowledged: Sequence[bytes], entries: Counter[bytes], drill: Drill) -> None:
    missing = sum(entries[one] == 0 for one in acknowledged)
    twice = sum(times > 1 for times in entries.values())
    drill.faults += [f"{missing} of {len(acknowledged)} {what}s have no entry"] * bool(missing)
    drill.faults += [f"{twice} {what}s have two entries"] * bool(twice)


def main() -> int:
    """Run, print, write build/bench-audit-kills.json."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.audit_gateway_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all that is random")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two kills, on average (default 2)")
    given = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="audit-kills-", dir=BUILD) as folder:
        drill = asyncio.run(run(Path(folder), given.kills, given.seed, given.every))
    OUTPUT.write_text(json.dumps(asdict(drill), indent=2) + "\n", encoding="utf-8")
    for name, value in asdict(drill).items():
        print(f"{name:16} {value}")
    return 1 if drill.faults else 0


if __name__ == "__main__":
    sys.exit(main())
