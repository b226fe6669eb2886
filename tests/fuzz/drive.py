"""The process that fuzzes one target, guided by coverage (atheris). Started by `run.py`, never by hand.

1. The gateway is imported under instrumentation, the rest is not.
2. Most mutations know the format (`layers.py`), some of these start from a seed anew so that deep places stay in
   reach; the rest are the fuzzer's own.
3. Every execution is timed in CPU time of this thread. One over the limit is timed twice more, and is a finding if it
   stays over.
4. After the given number of executions a report is written and the process ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Final

import atheris  # type: ignore[import-untyped,unused-ignore]

from .run import FINDINGS, ROOT

with atheris.instrument_imports(include=["gateway", "keys"]):
    from .targets import TARGETS, Target

MOST_SECONDS: Final = 0.1


class Driver:
    """Counts, times and keeps what breaks."""

    def __init__(self, target: Target, runs: int, report: Path) -> None:
        self._target = target
        self._runs = runs
        self._report = report
        self._executions = 0
        self._accepted = 0
        self._slowest = (0.0, 0)
        self._findings: dict[str, str] = {}
        self._started = time.monotonic()

    def execute(self, data: bytes) -> None:
        """Run one input."""
        begun = time.thread_time()
        try:
            self._accepted += self._target.check(data)
        except Exception as broken:  # noqa: BLE001 - everything that comes here is a finding
            self._keep(_place(broken), data)
        spent = time.thread_time() - begun
        if spent > self._slowest[0]:
            spent = min(spent, self._timed(data), self._timed(data))
            if spent > self._slowest[0]:
                self._slowest = (spent, len(data))
            if spent > MOST_SECONDS:
                self._keep(f"slow-{int(spent * 1000)}ms", data)
        self._executions += 1
        if self._executions >= self._runs:
            self._end()

    def _timed(self, data: bytes) -> float:
        gc.collect()
        begun = time.thread_time()
        with contextlib.suppress(Exception):  # kept at the first time
            self._target.check(data)
        return time.thread_time() - begun

    def _keep(self, place: str, data: bytes) -> None:
        if place in self._findings:
            return
        file = FINDINGS / f"{self._target.name}-{len(self._findings)}"
        file.write_bytes(data)
        self._findings[place] = str(file.relative_to(ROOT))
        traceback.print_exc()

    def _end(self) -> None:
        said = {
            "executions": self._executions,
            "accepted": self._accepted,
            "findings": self._findings,
            "slowest_ms": self._slowest[0] * 1000,
            "slowest_bytes": self._slowest[1],
            "seconds": time.monotonic() - self._started,
        }
        self._report.write_text(json.dumps(said))
        sys.stdout.flush()
        sys.stderr.flush()
        # The fuzzer has no end of its own that would let Python go on.
        os._exit(0)


def _place(broken: BaseException) -> str:
    """Name where something broke: the exception, and the last line of ours that it came through."""
    frames = traceback.extract_tb(broken.__traceback__)
    ours = [frame for frame in frames if "/gateway/" in frame.filename or "/keys/" in frame.filename]
    last = (ours or frames)[-1]
    said = f" ({broken})" if type(broken).__name__ == "Broken" else ""
    return f"{type(broken).__name__}{said} at {Path(last.filename).name}:{last.lineno}"


def main(name: str, runs: str, seed: str, corpus: str, report: str) -> None:
    """Fuzz one target; does not return."""
    target = TARGETS[name]
    for place, code in enumerate(target.seeds):
        (Path(corpus) / f"seed-{place}").write_bytes(code)
    driver = Driver(target, int(runs), Path(report))

    def mutate(data: bytes, most: int, seed_of_one: int) -> bytes:
        rng = random.Random(seed_of_one)
        do = rng.random()
        if do < 0.3:
            return bytes(atheris.Mutate(data, most))
        if do < 0.6:
            data = rng.choice(target.seeds)
        return target.shape.mutate(rng, data)[:most]

    options = [
        f"-max_len={target.most_bytes}",
        f"-seed={seed}",
        "-mutate_depth=2",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-artifact_prefix={FINDINGS}/{name}-",
        corpus,
    ]
    atheris.Setup([sys.argv[0], *options], driver.execute, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
