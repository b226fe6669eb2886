"""The power is cut at any call to the disk: what was acknowledged is there, and the log is whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from gateway.audit import log as log_module
from gateway.audit.disk import Disk
from gateway.audit.faults import LogDegraded
from gateway.audit.log import AuditLog
from gateway.audit.reading import read_bundle
from gateway.audit.tiles import tiles_of
from gateway.audit.verification import verify_log
from tests.unit.audit.cut_disk import CutDisk, PowerCut
from tests.unit.audit.logs import AT, entries, note_signer, open_log

VERIFIERS = [note_signer().verifier]


@dataclass
class Told:
    """What the writer was told before the power went."""

    acknowledged: dict[int, bytes] = field(default_factory=dict)
    published: int = 0
    forgotten: int = 0


def work(folder: Path, disk: Disk, told: Told, random: Random, start: int) -> None:
    """Open, append, publish, forget, until the power goes."""
    log: AuditLog | None = None
    try:
        log = open_log(folder, disk=disk)
        while True:
            count = random.choice((1, 5, 90, 260))
            group = entries(log.size, log.size + count, f"start {start} ")
            first = log.append(group)
            told.acknowledged |= dict(enumerate(group, first))
            if random.randrange(3) == 0:
                told.published = log.publish(AT).size
            if random.randrange(8) == 0:
                told.forgotten = log.forget(log.size - 300, AT)
    finally:
        if log is not None:
            log.close()


@pytest.mark.parametrize("seed", range(25))
def test_nothing_acknowledged_is_lost_when_the_power_goes(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "CUT_BYTES", 20_000)
    random = Random(seed)
    told = Told()
    folder = tmp_path / "start"
    for start in range(8):
        disk = CutDisk(folder, random)
        disk.settle()
        disk.cut_at(random.randrange(1, 120))
        with suppress(PowerCut):
            work(folder, disk, told, random, start)
        after = tmp_path / f"after-{start}"
        after.mkdir()
        disk.survivors(after)
        folder = after
        log = open_log(folder)
        assert log.size > max(told.acknowledged, default=-1)
        assert log.published.size >= told.published
        assert log.forgotten >= told.forgotten
        log.publish(AT)
        size = log.size
        log.close()
        report = verify_log(folder, VERIFIERS)
        assert [str(one) for one in report.findings] == []
        found = held_from(folder, size)
        # What is there and was never told of is of the last start; from here on it counts.
        for index, entry in told.acknowledged.items():
            assert index < told.forgotten or found.get(index, entry) == entry
            assert index in found or index < (report.forgotten.before if report.forgotten else 0)
        told.acknowledged |= found
    assert len(told.acknowledged) > 500


def held_from(folder: Path, size: int) -> dict[int, bytes]:
    """Return index -> entry of all that is there."""
    found: dict[int, bytes] = {}
    for bundle in tiles_of(size, None):
        found |= dict(enumerate(read_bundle(folder, bundle) or (), bundle.first))
    return found


def test_the_drill_finds_what_is_lost(tmp_path: Path) -> None:
    """A disk that says that it has synced, and has not."""

    class Liar(CutDisk):
        def sync(self, fd: int) -> None:
            self._step()

    disk = Liar(tmp_path / "log", Random(1))
    disk.cut_at(60)
    told = Told()
    with suppress(PowerCut, LogDegraded):
        work(tmp_path / "log", disk, told, Random(1), 0)
    lost = 0
    for number in range(20):
        after = tmp_path / f"after-{number}"
        after.mkdir()
        disk.survivors(after)
        with suppress(Exception):
            log = open_log(after)
            lost += log.size <= max(told.acknowledged)
            log.close()
            continue
        lost += 1
    assert lost > 0
