"""`python -m tests.bench.audit_kills`: a process that writes an audit log is killed (SIGKILL) at 200 random instants.

The child appends groups of 1 to 300 entries, publishes, and tells each group once it was acknowledged. Each start
writes bytes of its own, so that the log tells which try an entry is of. Exit status 1 if anything that was acknowledged
is missing or other than it was, if a start is refused, or if the log is not whole after all.

A killed process leaves what it wrote in the kernel's memory: what a power cut does is tested with a disk that fails
(tests/unit/audit/test_log_faults.py), and with journals that were cut off at any length.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from gateway.audit.log import AuditLog
from gateway.audit.reading import read_bundle
from gateway.audit.tiles import tiles_of
from gateway.audit.verification import verify_log
from gateway.values import Instant
from keys.notes import NoteSigner
from keys.signer import generate_dev_key, open_signer

ROOT: Final = Path(__file__).parents[2]
ORIGIN: Final = "gateway.example/kills"
MOST_GROUP: Final = 300


@dataclass
class Outcome:
    """What a drill has seen."""

    kills: int = 0
    acknowledged: dict[int, tuple[int, int]] = field(default_factory=dict)
    """First index of a group -> how many, and of which start."""
    size: int = 0
    torn: int = 0
    """Starts that found a group cut short."""
    more: int = 0
    """Entries that a kill kept from being acknowledged, and that are there."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def entries(self) -> int:
        """How many were acknowledged."""
        return sum(count for count, _ in self.acknowledged.values())

    @property
    def end(self) -> int:
        """The index after the last one that was acknowledged."""
        return max((first + count for first, (count, _) in self.acknowledged.items()), default=0)


def said(start: int, index: int) -> bytes:
    """Return the entry that a start writes at an index."""
    return b'{"index":%d,"kind":"drill","say":"%s","start":%d}' % (index, b"x" * (index % 400), start)


def write(folder: Path, key: Path, start: int, seed: int) -> None:
    """Append until killed: the child."""
    random = Random(seed)
    log = AuditLog.open(folder, origin=ORIGIN, signer=NoteSigner(ORIGIN, open_signer(f"file:{key}")))
    sys.stdout.write(f"opened {log.size} {int(log.recovered.torn is not None)}\n")
    sys.stdout.flush()
    while True:
        count = random.choice((1, 1, random.randrange(1, 20), random.randrange(1, MOST_GROUP)))
        first = log.append([said(start, index) for index in range(log.size, log.size + count)])
        sys.stdout.write(f"acknowledged {first} {count}\n")
        sys.stdout.flush()
        if random.randrange(4) == 0:
            log.publish(Instant(time.time()))


def drill(folder: Path, kills: int, seed: int) -> Outcome:
    """Kill so often; return what was seen."""
    random = Random(seed)
    key = folder / "key.pem"
    signer = NoteSigner(ORIGIN, generate_dev_key(key))
    outcome = Outcome()
    began = time.monotonic()
    for start in range(kills):
        told = _until_killed(folder, key, start, random)
        outcome.kills += 1
        if not told or told[0][0] != "opened":
            outcome.wrong.append(f"start {start} was refused")
            break
        size, torn = int(told[0][1]), int(told[0][2])
        outcome.torn += torn
        if size < outcome.end:
            outcome.wrong.append(f"start {start}: {size} entries, {outcome.end} were acknowledged")
        outcome.more += max(size - outcome.end, 0)
        for _, first, count in told[1:]:
            outcome.acknowledged[int(first)] = (int(count), start)
    _judge(folder / "log", signer, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def _until_killed(folder: Path, key: Path, start: int, random: Random) -> list[list[str]]:
    """Run the child, kill it at a random instant, and return the lines that it has told whole."""
    given = [str(folder / "log"), str(key), str(start), str(random.randrange(1 << 30))]
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.audit_kills", "--child", *given], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    try:
        # After some acknowledgements, and then a moment later: in whatever it does then.
        told = [child.stdout.readline() for _ in range(random.randrange(2, 40))]
        time.sleep(random.random() * 0.004)
    finally:
        child.kill()
    told += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    return [line.decode().split() for line in told if line.endswith(b"\n")]


def _judge(folder: Path, signer: NoteSigner, outcome: Outcome) -> None:
    """Open the log a last time, publish, and hold it against what was acknowledged."""
    log = AuditLog.open(folder, origin=ORIGIN, signer=signer)
    log.publish(Instant(time.time()))
    outcome.size = log.size
    log.close()
    found = [one for bundle in tiles_of(outcome.size, None) for one in read_bundle(folder, bundle) or ()]
    for first, (count, start) in outcome.acknowledged.items():
        outcome.wrong += [
            f"entry {index} of start {start} is not there"
            for index in range(first, first + count)
            if index >= len(found) or found[index] != said(start, index)
        ]
    outcome.wrong += [str(one) for one in verify_log(folder, [signer.verifier]).findings]


def main() -> int:
    """Run the drill, or the child; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.audit_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        folder, key, start, seed = given.child
        write(Path(folder), Path(key), int(start), int(seed))
    with tempfile.TemporaryDirectory() as place:
        outcome = drill(Path(place), given.kills, given.seed)
    print(
        f"{outcome.kills} kills in {outcome.seconds:.0f} s: {outcome.entries} entries acknowledged, {outcome.size} in "
        f"the log ({outcome.more} that were not told of any more), {outcome.torn} groups cut short, wrong: "
        f"{len(outcome.wrong)}"
    )
    for line in outcome.wrong[:20]:
        print(f"  {line}")
    return int(bool(outcome.wrong))


if __name__ == "__main__":
    raise SystemExit(main())
