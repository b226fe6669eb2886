"""Prints coverage per room in a few lines and fails the run where a room is below its floor.

Loaded by `make test` only (`pytest -p tests.coverage_floor`), after the JSON report of pytest-cov is written:

- a room is a package of gateway/, or a module directly in it; `keys` is one room. A module with a floor of its own is
  counted by itself too;
- lines and branches are judged apart, each against the floor;
- a room with a floor that was not measured at all fails too.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FLOORS = {
    "gateway/audit": 97.0,
    "gateway/callers": 96.0,
    "gateway/conversion": 96.0,
    "gateway/disclosure": 100.0,
    "gateway/follow": 90.0,
    "gateway/formats": 95.0,
    "gateway/formats/opaque": 100.0,
    "gateway/handles": 98.0,
    "gateway/held": 97.0,
    "gateway/keeper": 80.0,
    "gateway/pipeline": 95.0,
    "gateway/places": 99.0,
    "gateway/policy": 99.0,
    "gateway/provinces": 97.0,
    "gateway/publishing": 95.0,
    "gateway/receipts": 100.0,
    "gateway/recording": 95.0,
    "gateway/replay": 94.0,
    "gateway/rpc/look_ahead": 100.0,
    "gateway/status": 98.0,
    "gateway/store": 90.0,
    "gateway/trust": 95.0,
    "gateway/trust/online": 100.0,
    "gateway/watches": 97.0,
}
"""What tests/unit and tests/conformance alone reach; where no timing is in play, all of it."""
REPORT = Path("build/coverage.json")

COUNTS = ("covered_lines", "num_statements", "covered_branches", "num_branches")


def rooms_of(path: str) -> set[str]:
    """Return the room that a measured file belongs to, and the module itself if it has a floor."""
    module = Path(path).with_suffix("")
    room = module.parts[0] if module.parts[0] != "gateway" else "/".join(module.parts[:2])
    return {room} | ({module.as_posix()} & FLOORS.keys())


def by_room(report: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return room, or module with a floor -> (percent of lines, percent of branches); without branches it is 100."""
    rooms: dict[str, Counter[str]] = {}
    for path, measured in report["files"].items():
        for room in rooms_of(path):
            rooms.setdefault(room, Counter()).update({name: measured["summary"][name] for name in COUNTS})
    return {
        room: (
            100.0 * n["covered_lines"] / (n["num_statements"] or 1) if n["num_statements"] else 100.0,
            100.0 * n["covered_branches"] / n["num_branches"] if n["num_branches"] else 100.0,
        )
        for room, n in sorted(rooms.items())
    }


def below_floor(rooms: dict[str, tuple[float, float]]) -> list[str]:
    """Return the rooms whose lines or branches are covered less than their floor asks."""
    return [room for room, floor in FLOORS.items() if min(rooms.get(room, (0.0, 0.0))) < floor]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remove the last run's report, so that it is never taken for this one's."""
    if not hasattr(session.config, "workerinput"):
        REPORT.unlink(missing_ok=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a passing run into a failing one if a room is below its floor."""
    if hasattr(session.config, "workerinput") or session.exitstatus != pytest.ExitCode.OK:
        return
    if not REPORT.is_file() or below_floor(by_room(json.loads(REPORT.read_bytes()))):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line per room, the ones below their floor in red."""
    write = terminalreporter.write_line
    terminalreporter.section("coverage: lines and branches, percent")
    if not REPORT.is_file():
        write("no coverage report was written", red=True)
        return
    rooms = by_room(json.loads(REPORT.read_bytes()))
    for room, (lines, branches) in rooms.items():
        floor = FLOORS.get(room)
        note = f"   at least {floor:.0f}" if floor else ""
        write(f"{room:24} {lines:6.1f} {branches:6.1f}{note}", red=bool(floor) and min(lines, branches) < (floor or 0))
    for room in below_floor(rooms):
        write(f"{room} is below its floor: the run fails", red=True)
