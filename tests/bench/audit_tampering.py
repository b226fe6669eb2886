"""`python -m tests.bench.audit_tampering`: a log of 10,000 entries is altered at random places, a thousand times.

Each deed of tests/unit/audit/tampering.py (flip, drop, reorder, duplicate, truncate, remove, forge, in entries, tiles
and the head) is done to a copy of a whole log, which is then verified. Exit status 1 if one was not noticed, or told
with another place.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from gateway.audit.verification import verify_log
from tests.unit.audit.logs import make_log, note_signer
from tests.unit.audit.tampering import DEEDS


def main() -> int:
    """Alter, verify, count; return the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.audit_tampering", description=__doc__)
    options.add_argument("--deeds", type=int, default=1_000)
    options.add_argument("--size", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    random = Random(given.seed)
    done: Counter[str] = Counter()
    missed = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        whole, log = Path(place) / "whole", Path(place) / "log"
        make_log(whole, given.size, groups=2_500)
        for number in range(given.deeds):
            shutil.copytree(whole, log)
            deed = DEEDS[number % len(DEEDS)](log, given.size, random)
            findings = verify_log(log, [note_signer().verifier]).findings
            done[deed.what] += 1
            if not any(deed.is_named_by(one.fault, one.place) for one in findings):
                missed.append(f"{deed}: {', '.join(map(str, findings[:3]))}")
            shutil.rmtree(log)
    for what, count in sorted(done.items()):
        print(f"{what:20}{count:6}")
    print(f"{done.total()} deeds in {time.monotonic() - began:.0f} s, not noticed or not named: {len(missed)}")
    for line in missed[:20]:
        print(f"  {line}")
    return int(bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())
