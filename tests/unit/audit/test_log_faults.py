"""A disk that fails: nothing half taken, nothing acknowledged lost, well again without a restart."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.audit import log as log_module
from gateway.audit.disk import Disk
from gateway.audit.faults import DegradedReason, LogDegraded
from gateway.audit.journal import JOURNAL
from gateway.receipts.merkle import tree_over
from tests.unit.audit.logs import (
    AT,
    FailingDisk,
    entries,
    held,
    make_log,
    open_log,
)

FAULTS = [
    (errno.ENOSPC, DegradedReason.DISK_FULL),
    (errno.EDQUOT, DegradedReason.DISK_FULL),
    (errno.EROFS, DegradedReason.READ_ONLY),
    (errno.EACCES, DegradedReason.NOT_PERMITTED),
    (errno.EIO, DegradedReason.DISK_FAILED),
]


@pytest.mark.parametrize(("code", "reason"), FAULTS)
@pytest.mark.parametrize("call", ["write", "sync"])
@pytest.mark.parametrize("short", [None, 7, 1 << 20])
def test_a_disk_that_fails_takes_nothing_and_gets_well_without_a_restart(
    tmp_path: Path, code: int, reason: DegradedReason, call: str, short: int | None
) -> None:
    disk = FailingDisk()
    log = open_log(tmp_path, disk=disk)
    log.append(entries(0, 10))
    disk.short_write = short
    disk.fail(call, code=code)
    for say in ("first", "second"):
        with pytest.raises(LogDegraded) as refused:
            log.append(entries(10, 20, say))
        assert refused.value.reason is reason
    assert log.size == 10
    disk.mend()
    assert log.append(entries(10, 15)) == 10
    root = log.publish(AT).root
    log.close()
    assert root == tree_over(entries(0, 15)).root
    log = open_log(tmp_path)
    assert (log.size, log.recovered.torn) == (15, None)
    log.close()


@pytest.mark.parametrize("call", ["create", "write", "sync", "rename", "sync_folder"])
def test_a_journal_that_cannot_be_replaced_keeps_what_was_acknowledged(tmp_path: Path, call: str) -> None:
    disk = FailingDisk()
    log = open_log(tmp_path, disk=disk)
    log.append(entries(0, 10))
    disk.fail("sync")
    with pytest.raises(LogDegraded):
        log.append(entries(10, 20, "lost"))
    disk.fail(call)
    with pytest.raises(LogDegraded):
        log.append(entries(10, 20, "lost too"))
    log.close()  # as if it had been killed
    log = open_log(tmp_path)
    assert log.size == 10
    log.append(entries(10, 12))
    assert log.publish(AT).root == tree_over(entries(0, 12)).root
    log.close()


@pytest.mark.parametrize("call", ["create", "write", "sync", "rename", "sync_folder"])
@pytest.mark.parametrize("skip", range(8))
def test_publishing_that_fails_anywhere_is_done_again(tmp_path: Path, call: str, skip: int) -> None:
    disk = FailingDisk()
    log = open_log(tmp_path, disk=disk)
    log.append(entries(0, 300))
    log.publish(AT)
    log.append(entries(300, 600))
    disk.fail(call, skip=skip)
    with suppress(LogDegraded):
        log.publish(AT)
    failed = log.published.size == 300
    disk.mend()
    if skip % 2 == 1:
        log.close()
        log = open_log(tmp_path)
    assert log.size == 600
    head = log.publish(AT)
    assert head.root == tree_over(entries(0, 600)).root
    assert held(tmp_path, 600) == entries(0, 600)
    log.close()
    assert failed or skip >= 4


def test_a_journal_that_cannot_be_cut_harms_no_publishing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "CUT_BYTES", 0)

    class NoJournal(Disk):
        def rename(self, path: Path, final: Path) -> None:
            if final.name == JOURNAL and failing:
                raise OSError(errno.EIO, "fails")
            super().rename(path, final)

    failing = False
    log = open_log(tmp_path, disk=NoJournal())
    log.append(entries(0, 10))
    failing = True
    assert log.publish(AT).size == 10
    with pytest.raises(LogDegraded):
        log.append(entries(10, 11))
    failing = False
    log.append(entries(10, 12))
    assert log.publish(AT).root == tree_over(entries(0, 12)).root
    log.close()


def test_tiles_that_stay_behind_stop_the_log_before_a_start_would_take_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "MOST_UNPUBLISHED_BYTES", 5_000)
    log = open_log(tmp_path)
    log.append(entries(0, 30))
    with pytest.raises(LogDegraded) as refused:
        log.append(entries(30, 31))
    assert refused.value.reason is DegradedReason.BEHIND
    log.publish(AT)
    assert log.append(entries(30, 31)) == 30
    log.close()


def test_a_log_that_was_opened_while_nothing_can_be_written_gets_well(tmp_path: Path) -> None:
    make_log(tmp_path, 300)
    disk = FailingDisk()
    disk.fail("create", code=errno.ENOSPC)
    log = open_log(tmp_path, disk=disk)
    with pytest.raises(LogDegraded) as refused:
        log.append([b"a"])
    assert (log.size, refused.value.reason) == (300, DegradedReason.DISK_FULL)
    disk.mend()
    assert log.append([b"a"]) == 300
    log.close()


def test_a_new_log_that_cannot_be_made_is_degraded(tmp_path: Path) -> None:
    disk = FailingDisk()
    disk.fail("sync", code=errno.ENOSPC)
    with pytest.raises(LogDegraded) as refused:
        open_log(tmp_path, disk=disk)
    assert refused.value.reason is DegradedReason.DISK_FULL
    (tmp_path / "file").touch()
    with pytest.raises(LogDegraded) as refused:
        open_log(tmp_path / "file")
    assert refused.value.reason is DegradedReason.DISK_FAILED
    open_log(tmp_path).close()
