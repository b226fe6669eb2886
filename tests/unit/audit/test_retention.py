"""Forgetting: entries gone, hashes kept, and a statement that nobody else can make."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from gateway.audit import log as log_module
from gateway.audit.faults import LogDegraded, LogFault, LogUnusable, Place
from gateway.audit.journal import JOURNAL
from gateway.audit.reading import TileReader
from gateway.receipts.merkle import tree_over
from tests.unit.audit.logs import (
    AT,
    FailingDisk,
    QuickDisk,
    contents,
    entries,
    entry,
    make_log,
    open_log,
)


def test_forgotten_entries_are_gone_and_their_hashes_stay(tmp_path: Path) -> None:
    make_log(tmp_path, 1_000)
    log = open_log(tmp_path)
    assert log.forget(700, AT) == log.forgotten == 512
    assert log.forget(300, AT) == 512
    assert sorted(path.name for path in (tmp_path / "tile/entries").iterdir()) == ["002", "003.p"]
    assert TileReader(tmp_path, 1_000).range_hash(0, 1_000) == log.published.root
    assert log.append(entries(1_000, 1_100)) == 1_000
    assert log.forget(10_000, AT) == 768
    log.publish(AT)
    log.close()
    log = open_log(tmp_path)
    assert (log.size, log.forgotten) == (1_100, 768)
    assert log.publish(AT).root == tree_over(entries(0, 1_100)).root
    log.close()


def test_what_is_forgotten_is_not_in_the_journal_either(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(entries(0, 600))
    log.publish(AT)
    log.append(entries(600, 601))
    assert entry(5) in (tmp_path / JOURNAL).read_bytes()
    log.forget(512, AT)
    everything = b"".join(contents(tmp_path).values())
    assert entry(511) not in everything
    assert entry(512) in everything
    assert entry(600) in everything
    log.close()


def test_entries_are_forgotten_for_as_long_as_they_are_old(tmp_path: Path) -> None:
    make_log(tmp_path, 2_000)
    log = open_log(tmp_path)

    def is_old(one: bytes) -> bool:
        return int(one[6:16]) < 1_600_000_000 + 1_024

    assert log.forget_while(is_old, AT) == 1_024
    assert log.forget_while(is_old, AT) == 1_024
    assert log.forget_while(lambda _: True, AT) == 1_792
    (tmp_path / "tile/entries/007.p/208").unlink()
    log.close()


def test_forgetting_goes_by_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_log(tmp_path, 1_500)
    monkeypatch.setattr(log_module, "MOST_FORGOTTEN", 512)
    log = open_log(tmp_path)
    assert [log.forget(1_400, AT) for _ in range(4)] == [512, 1_024, 1_280, 1_280]
    log.close()


def test_nothing_is_forgotten_out_of_a_bundle_that_is_missing(tmp_path: Path) -> None:
    make_log(tmp_path, 600)
    (tmp_path / "tile/entries/000").unlink()
    log = open_log(tmp_path)
    with pytest.raises(LogUnusable) as refused:
        log.forget_while(lambda _: True, AT)
    assert (refused.value.fault, refused.value.place) == (
        LogFault.BUNDLE_MISSING,
        Place("tile/entries/000", 0, 256),
    )
    assert log.forgotten == 0
    log.close()


@pytest.mark.parametrize("call", ["create", "write", "sync", "rename", "sync_folder", "unlink"])
@pytest.mark.parametrize("skip", range(3))
def test_forgetting_that_fails_is_gone_on_with(tmp_path: Path, call: str, skip: int) -> None:
    make_log(tmp_path, 1_000)
    disk = FailingDisk()
    log = open_log(tmp_path, disk=disk)
    disk.fail(call, skip=skip)
    with suppress(LogDegraded):
        log.forget(1_000, AT)
    disk.mend()
    log.close()
    log = open_log(tmp_path)
    assert log.forgotten in (0, 768)
    present = {path.name for path in (tmp_path / "tile/entries").iterdir()}
    # A statement stands before anything is gone, and a start finishes what was begun.
    assert present == ({"003.p"} if log.forgotten else {"000", "001", "002", "003.p"})
    assert log.forget(1_000, AT) == 768
    log.close()


def test_deep_folders_are_forgotten_too(tmp_path: Path) -> None:
    size = 1_002 * 256
    log = open_log(tmp_path, disk=QuickDisk())
    log.append([b""] * size)
    log.publish(AT)
    assert (tmp_path / "tile/entries/x001/001").is_file()
    assert log.forget(1_001 * 256, AT) == 1_001 * 256
    assert [path.name for path in (tmp_path / "tile/entries").iterdir()] == ["x001"]
    assert [path.name for path in (tmp_path / "tile/entries/x001").iterdir()] == ["001"]
    log.append([b""] * 256)
    log.publish(AT)
    assert log.forget(1_003 * 256, AT) == 1_003 * 256
    assert list((tmp_path / "tile/entries").iterdir()) == []
    log.close()


def test_a_statement_that_another_key_signed_is_not_believed(tmp_path: Path) -> None:
    make_log(tmp_path, 600)
    log = open_log(tmp_path)
    log.forget(300, AT)
    data = (tmp_path / "forgotten").read_bytes()
    (tmp_path / "forgotten").write_bytes(data.replace(b"\n256\n", b"\n512\n"))
    with pytest.raises(LogUnusable) as refused:
        log.forget(600, AT)
    assert (refused.value.fault, refused.value.place) == (LogFault.STATEMENT_UNPROVEN, Place("forgotten"))
    (tmp_path / "forgotten").write_bytes(log.published.note)
    with pytest.raises(LogUnusable):
        _ = log.forgotten
    log.close()
