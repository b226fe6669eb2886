"""`python -m tests.bench.audit`: what an entry of the audit log costs, appended alone and with others.

Microseconds for one entry of 250 bytes, of the clock and of the CPU: appended in groups of 1, 64 and 1,024, with a head
each 10,240 entries, that is with journal, sync, hashing, tiles and heads on the disk of the current folder. Beside it
what hashing alone costs, and how long it takes to verify a log and to open it. Exit status 1 if a second of CPU is not
enough for 20,000 entries in groups of 1,024: what the clock says depends on the disk, and on who else uses it.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from gateway.audit.log import AuditLog
from gateway.audit.tree import GrowingTree, leaf_hash
from gateway.audit.verification import verify_log
from gateway.values import Instant
from keys.notes import NoteSigner
from keys.signer import generate_dev_key

BUILD: Final = Path(__file__).parents[2] / "build"
ORIGIN: Final = "gateway.example/bench"
ENTRY_BYTES: Final = 250
EVERY: Final = 10_240
"""Entries between two heads: half a second of 20,000 a second."""
GROUPS: Final = {1: 1_024, 64: 10_240, 1_024: 40_960}
"""Entries of a group -> entries of a round."""
LEAST_PER_S: Final = 20_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds for one entry."""

    clock: float
    cpu: float


def appended(log: AuditLog, group: int, entries: list[bytes]) -> None:
    """Append entries in groups, publishing now and then and in the end."""
    for first in range(0, len(entries), group):
        log.append(entries[first : first + group])
        if first % EVERY < group:
            log.publish(Instant(time.time()))
    log.publish(Instant(time.time()))


def measured(work: Callable[[], object], count: int) -> Cost:
    """Return what one of `count` costs."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost((time.perf_counter() - clock) / count * 1e6, (time.process_time() - cpu) / count * 1e6)


def middle(costs: list[Cost]) -> Cost:
    """Return the median of rounds."""
    return Cost(median(one.clock for one in costs), median(one.cpu for one in costs))


def hashed(entries: list[bytes]) -> None:
    """Only what the tree costs."""
    tree = GrowingTree()
    for entry in entries:
        tree.add(leaf_hash(entry))


def run(rounds: int) -> dict[str, Cost]:
    """Return way -> cost of one entry, the median of the rounds, which alternate."""
    entries = [os.urandom(ENTRY_BYTES) for _ in range(max(GROUPS.values()))]
    costs: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        signer = NoteSigner(ORIGIN, generate_dev_key(Path(place) / "key.pem"))
        folder = Path(place) / "log"
        log = AuditLog.open(folder, origin=ORIGIN, signer=signer)
        for _ in range(rounds):
            for group, count in GROUPS.items():
                done = measured(lambda g=group, n=count: appended(log, g, entries[:n]), count)  # type: ignore[misc]
                costs.setdefault(f"group of {group}", []).append(done)
            costs.setdefault("hashing alone", []).append(measured(lambda: hashed(entries), len(entries)))
        size = log.size
        log.close()
        costs["verify"] = [measured(lambda: verify_log(folder, [signer.verifier]), size)]
        costs["open"] = [measured(lambda: AuditLog.open(folder, origin=ORIGIN, signer=signer).close(), 1)]
    return {way: middle(found) for way, found in costs.items()}


def main() -> int:
    """Print a table and write build/bench-audit.json."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.audit", description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    found = run(options.parse_args().rounds)
    print(f"{'us an entry':16}{'clock':>10}{'CPU':>10}{'a second':>12}")
    for way, cost in found.items():
        print(f"{way:16}{cost.clock:10.1f}{cost.cpu:10.1f}{1e6 / cost.clock:12,.0f}")
    BUILD.mkdir(exist_ok=True)
    text = json.dumps({way: asdict(cost) for way, cost in found.items()}, indent=1)
    (BUILD / "bench-audit.json").write_text(text + "\n")
    return int(1e6 / found["group of 1024"].cpu < LEAST_PER_S)


if __name__ == "__main__":
    raise SystemExit(main())
