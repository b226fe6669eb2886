"""The drill of tests/bench/cut_link.py, in the small."""

from __future__ import annotations

from pathlib import Path

from tests.bench.cut_link import run
from tests.simulators.bad_line import Faults


async def test_whatever_the_line_does_both_ends_hold_what_issuers_signed(tmp_path: Path) -> None:
    link = await run(
        tmp_path, batches=240, seed=11, faults=Faults(cut_after_bytes=6_000, hang=0.0, longest_stall_s=0.01)
    )
    assert link.faults == []
    assert link.batches == 240
    assert sum(line.cut for line in link.lines) > 3
    assert link.told["followed"]
