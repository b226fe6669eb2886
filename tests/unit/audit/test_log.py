"""The log as its writer has it: what is acknowledged is there, and what does not fit is not opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.audit import log as log_module
from gateway.audit.faults import DegradedReason, LogDegraded, LogFault, LogUnusable, Place
from gateway.audit.journal import JOURNAL
from gateway.audit.log import Recovered
from gateway.audit.reading import TileReader
from gateway.audit.tiles import CHECKPOINT, MAX_ENTRY_BYTES, Tile, tiles_of
from gateway.audit.tree import EMPTY_ROOT, leaf_hash, root_over
from gateway.receipts.merkle import tree_over
from gateway.values import Instant
from keys.notes import NoteSigner
from tests.unit.audit.logs import (
    AT,
    ORIGIN,
    FailingDisk,
    QuickDisk,
    contents,
    entries,
    entry,
    held,
    make_log,
    note_signer,
    open_log,
)


def test_a_new_log_has_a_signed_head_over_nothing(tmp_path: Path) -> None:
    log = open_log(tmp_path / "new" / "log")
    assert (log.size, log.published.size, log.published.root, log.published.at) == (0, 0, EMPTY_ROOT, None)
    assert (tmp_path / "new" / "log" / CHECKPOINT).read_bytes() == log.published.note
    assert (tmp_path / "new" / "log").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new" / "log").iterdir()} == {0o600}
    log.close()


def test_indices_go_on_and_an_empty_group_is_nothing(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    assert [log.append(entries(0, 3)), log.append([]), log.append(entries(3, 300)), log.append([b""])] == [0, 3, 3, 300]
    assert (log.size, log.published.size) == (301, 0)
    log.close()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_793])
def test_what_is_published_is_the_tree_over_all_entries(tmp_path: Path, size: int) -> None:
    leaves = [index.to_bytes(4, "big") for index in range(size)]
    log = open_log(tmp_path, disk=QuickDisk())
    log.append(leaves[: size // 3])
    log.publish(AT)
    log.append(leaves[size // 3 :])
    head = log.publish(AT)
    log.close()
    assert (head.size, head.root) == (size, tree_over(leaves).root)
    assert held(tmp_path, size) == leaves
    reader = TileReader(tmp_path, size)
    assert [one for tile in tiles_of(size, 0) for one in reader.tile(0, tile.number)] == list(map(leaf_hash, leaves))
    assert reader.range_hash(0, size) == head.root
    for tile in tiles_of(size, 1):
        below = [root_over(reader.tile(0, tile.number * 256 + at)) for at in range(tile.width)]
        assert list(reader.tile(1, tile.number)) == below


def test_publishing_nothing_new_writes_nothing(tmp_path: Path) -> None:
    disk = FailingDisk()
    log = open_log(tmp_path, disk=disk)
    log.append(entries(0, 5))
    head = log.publish(AT)
    disk.calls.clear()
    again = log.publish(Instant(AT + 60))
    assert disk.calls == []
    assert (again, again.at, head.at) == (head, AT + 60, AT)
    log.close()


def test_partial_tiles_stay_until_the_full_one_is_there(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for first, end in ((0, 10), (10, 200), (200, 255)):
        log.append(entries(first, end))
        log.publish(AT)
    assert sorted(path.name for path in (tmp_path / "tile/entries/000.p").iterdir()) == ["10", "200", "255"]
    log.append(entries(255, 256))
    log.publish(AT)
    assert sorted(path.name for path in (tmp_path / "tile/entries").iterdir()) == ["000"]
    assert sorted(path.name for path in (tmp_path / "tile/0").iterdir()) == ["000"]
    assert sorted(path.name for path in (tmp_path / "tile/1/000.p").iterdir()) == ["1"]
    log.close()


@pytest.mark.parametrize("published", [0, 100, 256, 300])
@pytest.mark.parametrize("more", [0, 1, 300])
def test_a_log_goes_on_where_it_stopped(tmp_path: Path, published: int, more: int) -> None:
    log = open_log(tmp_path)
    log.append(entries(0, published))
    log.publish(AT)
    log.append(entries(published, published + more))
    log.close()
    size = published + more
    log = open_log(tmp_path)
    assert (log.size, log.published.size, log.recovered) == (size, published, Recovered(more, None))
    assert log.append(entries(size, size + 3)) == size
    assert log.publish(AT).root == tree_over(entries(0, size + 3)).root
    assert held(tmp_path, size + 3) == entries(0, size + 3)
    log.close()


def test_a_long_journal_is_replaced_once_its_entries_are_in_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "CUT_BYTES", 10_000)
    log = open_log(tmp_path)
    log.append(entries(0, 100))
    assert (tmp_path / JOURNAL).stat().st_size > 20_000
    log.publish(AT)
    assert (tmp_path / JOURNAL).stat().st_size < 100
    log.append(entries(100, 110))
    log.close()
    log = open_log(tmp_path)
    assert (log.size, log.recovered.entries) == (110, 10)
    log.close()


def test_an_entry_that_is_too_long_is_refused_before_anything_is_taken(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with pytest.raises(ValueError, match="too long"):
        log.append([b"a", bytes(MAX_ENTRY_BYTES + 1)])
    assert log.size == 0
    assert log.append([bytes(MAX_ENTRY_BYTES)]) == 0
    log.publish(AT)
    log.close()
    assert held(tmp_path, 1) == [bytes(MAX_ENTRY_BYTES)]


def test_a_log_has_one_writer(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with pytest.raises(LogUnusable) as refused:
        open_log(tmp_path)
    assert (refused.value.fault, refused.value.place) == (LogFault.IN_USE, Place("."))
    log.close()
    open_log(tmp_path).close()


def test_what_is_closed_takes_nothing(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.close()
    log.close()
    for call in (lambda: log.append([b"a"]), lambda: log.publish(AT), lambda: log.forget(0, AT)):
        with pytest.raises(LogDegraded) as refused:
            call()
        assert refused.value.reason is DegradedReason.CLOSED


def test_a_start_that_a_crash_cut_short_is_a_new_log(tmp_path: Path) -> None:
    open_log(tmp_path).close()
    (tmp_path / JOURNAL).unlink()
    log = open_log(tmp_path)
    assert log.append([b"a"]) == 0
    log.close()


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def other(name: str, data: bytes) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return put


def flipped(name: str, at: int) -> Callable[[Path], None]:
    def flip(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[at] ^= 1
        (folder / name).write_bytes(data)

    return flip


def of_another_log(folder: Path) -> None:
    """Put the journal of a log in its place that has other entries."""
    log = open_log(folder / "other")
    log.append(entries(0, 280))
    log.append(entries(280, 301, "other"))
    log.close()
    (folder / "other" / JOURNAL).replace(folder / JOURNAL)


LAST_BUNDLE = "tile/entries/001.p/44"
BROKEN = [
    (without(CHECKPOINT), LogFault.CHECKPOINT_MISSING, Place(CHECKPOINT)),
    (other(CHECKPOINT, b"x"), LogFault.CHECKPOINT_MALFORMED, Place(CHECKPOINT)),
    (flipped(CHECKPOINT, 34), LogFault.CHECKPOINT_SIGNATURE, Place(CHECKPOINT)),
    (without(JOURNAL), LogFault.JOURNAL_MISSING, Place(JOURNAL)),
    (flipped(JOURNAL, 0), LogFault.JOURNAL_DAMAGED, Place(JOURNAL, offset=0)),
    (flipped(JOURNAL, 20), LogFault.JOURNAL_DAMAGED, Place(JOURNAL, offset=0)),
    (flipped(JOURNAL, 70), LogFault.JOURNAL_DAMAGED, Place(JOURNAL, 0, 1, 36)),
    (of_another_log, LogFault.JOURNAL_DIFFERS, Place(JOURNAL, 280, 281)),
    (without("tile/0/001.p/44"), LogFault.TILE_MISSING, Place("tile/0/001.p/44", 256, 300)),
    (other("tile/0/001.p/44", bytes(31)), LogFault.TILE_SIZE, Place("tile/0/001.p/44", 256, 300)),
    (flipped("tile/0/001.p/44", 3), LogFault.ROOT_MISMATCH, Place(CHECKPOINT, 0, 300)),
    (flipped("tile/1/000.p/1", 3), LogFault.ROOT_MISMATCH, Place(CHECKPOINT, 0, 300)),
    (without(LAST_BUNDLE), LogFault.BUNDLE_MISSING, Place(LAST_BUNDLE, 256, 300)),
    (other(LAST_BUNDLE, b"\0\1a"), LogFault.BUNDLE_MALFORMED, Place(LAST_BUNDLE, 256, 300)),
    (other(LAST_BUNDLE, b"\0\2a"), LogFault.BUNDLE_MALFORMED, Place(LAST_BUNDLE, 256, 300)),
    (flipped(LAST_BUNDLE, 5), LogFault.ENTRY_ALTERED, Place(LAST_BUNDLE, 256, 257)),
]


@pytest.mark.parametrize(("breaks", "fault", "place"), BROKEN)
def test_a_log_that_does_not_fit_is_not_opened_and_not_changed(
    tmp_path: Path, breaks: Callable[[Path], None], fault: LogFault, place: Place
) -> None:
    log = open_log(tmp_path)
    log.append(entries(0, 300))
    log.publish(AT)
    log.append(entries(300, 301))
    log.close()
    breaks(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(LogUnusable) as refused:
        open_log(tmp_path)
    assert (refused.value.fault, refused.value.place) == (fault, place)
    assert contents(tmp_path) == before


def test_a_head_put_back_behind_a_journal_that_was_cut_is_noticed(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(entries(0, 10))
    older = log.publish(AT).note
    log.append(entries(10, 20))
    log.publish(AT)
    log.close()
    open_log(tmp_path).close()
    (tmp_path / CHECKPOINT).write_bytes(older)
    with pytest.raises(LogUnusable) as refused:
        open_log(tmp_path)
    assert (refused.value.fault, refused.value.place) == (LogFault.JOURNAL_AHEAD, Place(JOURNAL, 10, 20))


def test_a_journal_that_ends_before_the_head_is_noticed(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(entries(0, 10))
    shorter = (tmp_path / JOURNAL).read_bytes()
    log.append(entries(10, 20))
    log.publish(AT)
    log.close()
    (tmp_path / JOURNAL).write_bytes(shorter)
    with pytest.raises(LogUnusable) as refused:
        open_log(tmp_path)
    assert (refused.value.fault, refused.value.place) == (LogFault.JOURNAL_SHORT, Place(JOURNAL, 10, 20))


def test_a_key_is_changed_by_naming_the_one_before(tmp_path: Path) -> None:
    make_log(tmp_path, 10)
    new = NoteSigner(ORIGIN, note_signer(which=1)._signer)
    with pytest.raises(LogUnusable) as refused:
        open_log(tmp_path, signer=new)
    assert refused.value.fault is LogFault.CHECKPOINT_KEY
    log = open_log(tmp_path, signer=new, accepts=[note_signer().verifier])
    log.append([entry(10)])
    log.publish(AT)
    log.close()
    open_log(tmp_path, signer=new).close()


def test_a_log_of_another_name_is_not_opened(tmp_path: Path) -> None:
    make_log(tmp_path, 10)
    with pytest.raises(LogUnusable) as refused:
        open_log(tmp_path, origin="gateway.example/audit/changes")
    assert refused.value.fault is LogFault.CHECKPOINT_ORIGIN


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    make_log(tmp_path, 10)
    (tmp_path / CHECKPOINT).unlink()
    (tmp_path / CHECKPOINT).symlink_to(tmp_path / JOURNAL)
    with pytest.raises(LogUnusable) as refused:
        open_log(tmp_path)
    assert (refused.value.fault, refused.value.place) == (LogFault.UNREADABLE, Place(CHECKPOINT))


def test_what_a_crash_cut_short_is_dropped_and_told(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(entries(0, 3))
    whole = (tmp_path / JOURNAL).stat().st_size
    log.append(entries(3, 6))
    log.close()
    data = (tmp_path / JOURNAL).read_bytes()
    for length in range(whole, len(data), 41):
        (tmp_path / JOURNAL).write_bytes(data[:length])
        log = open_log(tmp_path)
        torn = None if length == whole else Place(JOURNAL, offset=whole)
        assert (log.size, log.recovered) == (3, Recovered(3, torn))
        log.close()
        open_log(tmp_path).close()


def test_places_are_told_as_people_read_them() -> None:
    assert str(Place("journal", 3, 9, 36)) == "journal, byte 36, entries 3 to 8"
    assert str(Place("tile/0/000", 7)) == "tile/0/000, entry 7"
    assert Tile(None, 1_234_067, 4).path == "tile/entries/x001/x234/067.p/4"
