"""`python -m tests.bench.audited`: what the audit log costs a verification.

Microseconds of CPU for one decision:

- `entry`: its bytes made and kept in the outbox, where an answer waits for nothing (audit.answer = "at_once")
- `waited for`: the same, and the answer waits until it is acknowledged ("after_commit"); `, 64`: once for a batch
- `with a receipt`: the digest of a code, which is the receipt's own, on top of either
- `written`: what the log's owner spends on it, in groups of 64: hashes, a sync for each group, tiles, a signed head

Rounds alternate, the median is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Final

from gateway.audit.entries import LogName, written
from gateway.audit.log import AuditLog
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.receipts.commitment import code_digest
from gateway.recording.outbox import Outbox
from gateway.recording.settings import RecordingSettings
from gateway.recording.trail import Asked, DecisionTrail, decision_body
from gateway.status.observe import observe
from gateway.values import CallerId, DivisionCode, Profile, Purpose
from keys.notes import NoteSigner
from keys.signer import generate_dev_key
from tests.unit.codes import AT, authentic
from tests.unit.recording.fakes import Remembered, gap_body

BUILD: Final = Path(__file__).parents[2] / "build"
CODE: Final = b"HCI1:" + b"A" * 400
TRUST: Final = ("12:" + "a" * 64,)
DECISION: Final = PolicyBook.load(SHIPPED).decide(observe(authentic(), {}, AT), DivisionCode("330000"), AT)
ASKED: Final = Asked(
    "VerifyCode",
    CallerId("spiffe://zhejiang.example/hub/330100/rail/east"),
    Purpose.TRANSPORT_ARRIVAL,
    Profile.STAFF,
    DivisionCode("330100"),
)
GROUP: Final = 64

Work = Callable[[], Awaitable[int]]
"""Does something; returns for how many decisions."""


def works(folder: Path) -> dict[str, Work]:  # noqa: C901 one small function for each way
    """Return the ways to be measured, by their names."""
    box = Outbox(LogName.DECISIONS, RecordingSettings(wait_s=60), Remembered(), gap=gap_body)
    box.linked(up=True)
    trail = DecisionTrail(box, TRUST)
    name = "bench.example/decisions"
    log = AuditLog.open(folder / "log", origin=name, signer=NoteSigner(name, generate_dev_key(folder / "key.pem")))
    group = [written(decision_body(ASKED, DECISION, None, TRUST, 600), box.run, number) for number in range(GROUP)]

    async def entry() -> int:
        for _ in range(GROUP):
            last = trail.decided(ASKED, DECISION, None)
        await box.next()
        box.acknowledged(last)
        return GROUP

    async def waited() -> int:
        waiting = []
        for _ in range(GROUP):
            trail.refuse()
            waiting.append(trail.durable(trail.decided(ASKED, DECISION, None)))
        await box.next()
        box.acknowledged(box.put_so_far)
        for one in waiting:
            if one is not None:
                await one
        return GROUP

    async def batch() -> int:
        trail.refuse()
        for _ in range(GROUP):
            last = trail.decided(ASKED, DECISION, None)
        waiting = trail.durable(last)
        await box.next()
        box.acknowledged(last)
        if waiting is not None:
            await waiting
        return GROUP

    async def receipt() -> int:
        salt = secrets.token_bytes(32)
        for _ in range(GROUP):
            code_digest(CODE, salt)
        return GROUP

    async def appended() -> int:
        for _ in range(8):
            log.append(group)
        log.publish(AT)
        return 8 * GROUP

    return {
        "entry": entry,
        "waited for": waited,
        "waited for, 64": batch,
        "with a receipt": receipt,
        "written": appended,
    }


async def measured(work: Work, seconds: float) -> float:
    """Return the microseconds of CPU for one decision."""
    done = 0
    began = time.process_time()
    while (spent := time.process_time() - began) < seconds:
        done += await work()
    return spent / done * 1e6


async def run(rounds: int, seconds: float) -> dict[str, float]:
    """Return microseconds a decision: way -> median of the rounds."""
    with tempfile.TemporaryDirectory() as folder:
        ways = works(Path(folder))
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, work in ways.items():
                times[way].append(await measured(work, seconds))
    return {way: median(one) for way, one in times.items()}


def main() -> int:
    """Print a table and write build/bench-audited.json."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=float, default=0.1, help="of each measurement")
    chosen = options.parse_args()
    found = asyncio.run(run(chosen.rounds, chosen.seconds))
    for way, microseconds in found.items():
        print(f"{way:16}{microseconds:10.2f} us a decision")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench-audited.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
