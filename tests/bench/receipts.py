"""`python -m tests.bench.receipts`: what a receipt costs, signed alone and under one signature with others.

Microseconds of CPU for one receipt: its claims, alone with its signature, and in batches of 8, 64 and 512. Rounds
alternate, the median is shown. Exit status 1 if 64 together cost more than half of 64 alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from gateway.disclosure import disclose
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.receipts.receipt import Answer, ReceiptIssuer
from gateway.status.observe import observe
from gateway.values import Caller, CallerId, CallerKind, DivisionCode, Profile, Purpose
from keys.signer import SIGNING, Signer, generate_dev_key
from tests.unit.codes import AT, authentic

BUILD: Final = Path(__file__).parents[2] / "build"
CALLER: Final = Caller(CallerId("spiffe://zhejiang.example/hub/330100/rail/east"), CallerKind.TLS_PEER)
DECISION: Final = PolicyBook.load(SHIPPED).decide(observe(authentic(), {}, AT), DivisionCode("330000"), AT)
CODE: Final = b"HCI1:" + b"A" * 400
TRUST: Final = ("12:" + "a" * 64,)
BATCHES: Final = (8, 64, 512)

Work = Callable[[], int]
"""Does something once; returns for how many receipts."""


def works(issuer: ReceiptIssuer, profile: Profile) -> dict[str, Work]:
    said = disclose(DECISION, profile)

    def claims() -> int:
        issuer.draft(Answer(said, CALLER, Purpose.TRANSPORT_ARRIVAL, "r-1", CODE))
        return 1

    def alone() -> int:
        issuer.issue(Answer(said, CALLER, Purpose.TRANSPORT_ARRIVAL, "r-1", CODE))
        return 1

    def batch(size: int) -> Work:
        def together() -> int:
            drafts = [issuer.draft(Answer(said, CALLER, Purpose.TRANSPORT_ARRIVAL, "r-1", CODE)) for _ in range(size)]
            issuer.sign_together([draft.payload for draft in drafts], caller=CALLER, at=AT)
            return size

        return together

    return {"claims only": claims, "alone": alone} | {f"{size} together": batch(size) for size in BATCHES}


def measured(work: Work, seconds: float) -> float:
    """Return the microseconds of CPU for one receipt."""
    done = 0
    began = time.process_time()
    while (spent := time.process_time() - began) < seconds:
        done += work()
    return spent / done * 1e6


def signers(folder: Path) -> dict[str, Signer]:
    return {one.value: generate_dev_key(folder / f"{one.value}.pem", one) for one in SIGNING}


def run(
    rounds: int, seconds: float, profiles: tuple[Profile, ...] = (Profile.GATE, Profile.STAFF)
) -> dict[str, dict[str, float]]:
    """Return microseconds a receipt: kind -> way -> median of the rounds."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, signer in signers(Path(folder)).items():
            for profile in profiles:
                issuer = ReceiptIssuer("https://gateway.example", signer, trust=TRUST)
                ways = works(issuer, profile)
                times: dict[str, list[float]] = {way: [] for way in ways}
                for _ in range(rounds):
                    for way, work in ways.items():
                        times[way].append(measured(work, seconds))
                found[f"{name} {profile.name}"] = {way: median(one) for way, one in times.items()}
    return found


def main() -> int:
    """Print a table and write build/bench-receipts.json."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=float, default=0.1, help="of each measurement")
    chosen = options.parse_args()
    found = run(chosen.rounds, chosen.seconds)
    ways = list(next(iter(found.values())))
    print(f"{'us a receipt':16}" + "".join(f"{way:>14}" for way in ways) + f"{'64 : alone':>14}")
    for kind, times in found.items():
        ratio = times["64 together"] / times["alone"]
        print(f"{kind:16}" + "".join(f"{times[way]:14.1f}" for way in ways) + f"{ratio:14.2f}")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench-receipts.json").write_text(json.dumps(found, indent=1) + "\n")
    return int(any(times["64 together"] * 2 > times["alone"] for times in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
