"""Fuzz readers for long: `python -m tests.fuzz.run TARGET... --runs N`, in the fuzzer's own environment (`make fuzz`).

- One target after the other, each in a process of its own, so that a crash or a hang of one is told and ends only it.
- Seeds are made at the start and lie in a folder that is removed at the end; findings stay in build/fuzz-findings.
- A finding does not stop the run: each place that breaks is kept once, with the first input that broke it.
- The exit code is 0 if every target made its runs without a finding.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
FINDINGS: Final = ROOT / "build" / "fuzz-findings"
NAMES: Final = (
    "native_jws", "native_qr", "hcert", "shc", "vdsnc", "divoc", "recognise", "strict_json", "trust_list",
    "certlogic", "opaque", "upstream", "status_list_jwt", "status_list_cwt", "status_batch", "signed_batch",
    "snapshot_manifest",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Fuzz what the command line names; without names, everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; all without a name")
    parser.add_argument("--runs", type=int, default=100_000, help="executions of each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer's random numbers (default: %(default)s)")
    asked = parser.parse_args(arguments)
    for name in asked.targets:
        if name not in NAMES:
            parser.error(f"{name} is not a target")
    FINDINGS.mkdir(parents=True, exist_ok=True)
    clean = True
    for name in asked.targets or NAMES:
        clean &= _fuzz(name, asked.runs, asked.seed)
    return 0 if clean else 1


def _fuzz(name: str, runs: int, seed: int) -> bool:
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        corpus = Path(scratch) / "corpus"
        corpus.mkdir()
        log = FINDINGS / f"{name}.log"
        with log.open("wb") as written:
            ended = subprocess.run(
                [sys.executable, "-m", "tests.fuzz.drive", name, str(runs), str(seed), str(corpus), str(report)],
                cwd=ROOT,
                stdout=written,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if ended.returncode != 0 or not report.exists():
            print(f"{name}: the process ended with {ended.returncode}; see {log.relative_to(ROOT)}", flush=True)
            return False
        said = json.loads(report.read_text())
    found = said["findings"]
    print(
        f"{name}: {said['executions']} executions, {said['accepted']} accepted, {len(found)} findings, "
        f"slowest {said['slowest_ms']:.2f} ms ({said['slowest_bytes']} bytes), {said['seconds']:.0f} s",
        flush=True,
    )
    for place, file in found.items():
        print(f"  {place}: {file}", flush=True)
    return not found


if __name__ == "__main__":
    sys.exit(main())
