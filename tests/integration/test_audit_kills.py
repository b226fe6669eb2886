"""A process that writes an audit log is killed: nothing that it acknowledged is missing."""

from __future__ import annotations

from pathlib import Path

from tests.bench.audit_kills import drill


def test_no_acknowledged_entry_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    """`python -m tests.bench.audit_kills` kills 200 times."""
    outcome = drill(tmp_path, 10, 7)
    assert outcome.wrong == []
    assert outcome.kills == 10
    assert outcome.size >= outcome.entries > 10
