"""What a check of a whole log finds beside altered entries: earlier heads, forgetting, writers at work, strays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.audit import verification
from gateway.audit.classify import classify
from gateway.audit.faults import Finding, LogFault, LogUnusable, Place
from gateway.audit.genuine import GenuineTree
from gateway.audit.journal import JOURNAL, read_journal
from gateway.audit.log import AuditLog
from gateway.audit.resolve import resolve
from gateway.audit.tiles import CHECKPOINT, Tile, pack
from gateway.audit.tree import leaf_hash, root_over
from gateway.audit.verification import verify_log
from tests.unit.audit.logs import AT, ORIGIN, QuickDisk, contents, entries, entry, make_log, note_signer, open_log

VERIFIERS = [note_signer().verifier]


def found(folder: Path, **more: object) -> list[tuple[LogFault, Place]]:
    """Return what is found in a log."""
    report = verify_log(folder, VERIFIERS, **more)  # type: ignore[arg-type]
    return [(one.fault, one.place) for one in report.findings]


def heads(folder: Path, sizes: range) -> dict[int, bytes]:
    """Make a log that is published at each of some sizes; return its heads."""
    log = open_log(folder)
    told = {}
    for size in sizes:
        log.append(entries(log.size, size))
        told[size] = log.publish(AT).note
    log.close()
    return told


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 513])
def test_logs_of_every_shape_are_whole(tmp_path: Path, size: int) -> None:
    make_log(tmp_path, size, groups=100)
    report = verify_log(tmp_path, VERIFIERS, origin=ORIGIN)
    assert (report.is_whole, report.checked, report.forgotten) == (True, size, None)


def test_a_log_of_three_levels_is_whole_and_its_tiles_are_judged(tmp_path: Path) -> None:
    size = 65_536 + 700
    log = open_log(tmp_path, disk=QuickDisk())
    log.append([index.to_bytes(4, "big") for index in range(size)])
    log.publish(AT)
    log.close()
    assert found(tmp_path) == []
    for file, at in (("tile/1/000", 40 * 32), ("tile/2/000.p/1", 0), ("tile/1/001.p/2", 32)):
        path = tmp_path / file
        data = path.read_bytes()
        path.write_bytes(data[:at] + bytes(32) + data[at + 32 :])
        ((fault, place),) = found(tmp_path)
        assert (fault, place.file, place.offset) == (LogFault.TILE_ALTERED, file, at)
        path.write_bytes(data)
    # An entry, its hash and the hash above are all altered in agreement: the next level tells.
    bundle = [index.to_bytes(4, "big") for index in range(10 * 256, 11 * 256)]
    bundle[3] = b"false"
    (tmp_path / "tile/entries/010").write_bytes(pack(bundle))
    hashes = list(map(leaf_hash, bundle))
    (tmp_path / "tile/0/010").write_bytes(b"".join(hashes))
    first = (tmp_path / "tile/1/000").read_bytes()
    (tmp_path / "tile/1/000").write_bytes(first[:320] + root_over(hashes) + first[352:])
    assert (LogFault.UNDETERMINED, Place("tile/1/000", 0, 65_536)) in found(tmp_path)
    (tmp_path / "tile/1/000").write_bytes(first)
    assert found(tmp_path) == [(LogFault.ENTRY_ALTERED, Place("tile/entries/010", 2_560, 2_816))]


def test_an_earlier_head_must_be_continued(tmp_path: Path) -> None:
    told = heads(tmp_path / "log", range(100, 701, 200))
    earlier = {f"head-{size}": note for size, note in told.items()}
    assert found(tmp_path / "log", earlier=earlier) == []
    # The whole folder as it was before: only whoever remembers can tell.
    shutil.rmtree(tmp_path / "log")
    heads(tmp_path / "log", range(100, 401, 200))
    assert found(tmp_path / "log") == []
    assert found(tmp_path / "log", earlier=earlier) == [
        (LogFault.ROLLED_BACK, Place(CHECKPOINT, 300, 500)),
        (LogFault.ROLLED_BACK, Place(CHECKPOINT, 300, 700)),
    ]


def test_another_history_is_a_fork(tmp_path: Path) -> None:
    told = heads(tmp_path / "log", range(100, 301, 100))
    log = open_log(tmp_path / "other")
    log.append(entries(0, 200))
    log.append(entries(200, 400, "other"))
    log.publish(AT)
    log.close()
    assert found(tmp_path / "other", earlier={"b": told[200], "c": told[300]}) == [
        (LogFault.FORKED, Place("c", 0, 300))
    ]
    log = open_log(tmp_path / "third")
    log.append(entries(0, 300, "third"))
    log.publish(AT)
    log.close()
    assert found(tmp_path / "third", earlier={"c": told[300]}) == [(LogFault.FORKED, Place("c", 0, 300))]


def test_an_earlier_head_must_be_one(tmp_path: Path) -> None:
    make_log(tmp_path, 10)
    assert found(tmp_path, earlier={"x": b"?"}) == [(LogFault.CHECKPOINT_MALFORMED, Place("x"))]
    (tmp_path / "tile/0/000.p/10").unlink()
    head = (tmp_path / CHECKPOINT).read_bytes()
    assert [one[0] for one in found(tmp_path, earlier={"x": head})] == [LogFault.TILE_MISSING]


def test_a_history_that_was_written_anew_is_wrong_behind_the_last_head_that_holds(tmp_path: Path) -> None:
    """Everything is made anew in agreement but for the head, which nobody else can sign."""
    told = heads(tmp_path / "log", range(300, 901, 300))
    other = open_log(tmp_path / "other")
    other.append(entries(0, 600))
    other.publish(AT)
    other.append(entries(600, 900, "false"))
    other.publish(AT)
    other.close()
    (tmp_path / "other" / CHECKPOINT).write_bytes(told[900])
    assert found(tmp_path / "other") == [(LogFault.ROOT_MISMATCH, Place(CHECKPOINT, 0, 900))]
    assert found(tmp_path / "other", earlier={"a": told[300], "b": told[600], "c": told[900]})[0] == (
        LogFault.ROOT_MISMATCH,
        Place(CHECKPOINT, 600, 900),
    )


def test_where_nothing_tells_what_is_genuine_the_places_are_told(tmp_path: Path) -> None:
    make_log(tmp_path, 600)
    head = (tmp_path / CHECKPOINT).read_bytes()
    log = open_log(tmp_path)
    log.append([entry(600)])
    log.publish(AT)
    log.close()
    for name in ("tile/entries/002.p/88", "tile/0/002.p/88"):
        (tmp_path / name).unlink(missing_ok=True)
    bundle = entries(512, 600)
    bundle[3] = b"false"
    (tmp_path / "tile/entries/002.p/88").write_bytes(pack(bundle))
    (tmp_path / "tile/0/002.p/88").write_bytes(b"".join(map(leaf_hash, bundle)))
    for name in ("tile/entries/001", "tile/1/000.p/2"):
        data = bytearray((tmp_path / name).read_bytes())
        data[5] ^= 1
        (tmp_path / name).write_bytes(data)
    (tmp_path / CHECKPOINT).write_bytes(head)
    faults = found(tmp_path)
    assert faults[0] == (LogFault.ROOT_MISMATCH, Place(CHECKPOINT, 0, 600))
    assert (LogFault.UNDETERMINED, Place("tile/0/001", 256, 512)) in faults
    assert (LogFault.UNDETERMINED, Place("tile/1/000.p/2", 0, 256)) in faults


def test_forgotten_entries_are_no_fault_and_removed_ones_are(tmp_path: Path) -> None:
    make_log(tmp_path, 1_000)
    log = open_log(tmp_path)
    log.forget(512, AT)
    log.close()
    report = verify_log(tmp_path, VERIFIERS)
    assert report.is_whole
    assert report.forgotten is not None
    assert (report.forgotten.before, report.forgotten.at, report.checked) == (512, AT, 488)
    (tmp_path / "tile/entries/002").unlink()
    assert found(tmp_path) == [(LogFault.BUNDLE_MISSING, Place("tile/entries/002", 512, 768))]
    # An altered hash of forgotten entries is still told; which of them it is, nothing is left to tell.
    tile = tmp_path / "tile/0/001"
    tile.write_bytes(tile.read_bytes()[:-1] + b"x")
    assert (LogFault.TILE_ALTERED, Place("tile/0/001", 256, 512)) in found(tmp_path)


def test_without_a_statement_that_is_signed_nothing_is_forgotten(tmp_path: Path) -> None:
    make_log(tmp_path, 600)
    log = open_log(tmp_path)
    log.forget(512, AT)
    log.close()
    data = (tmp_path / "forgotten").read_bytes()
    for wrong in (data.replace(b"\n512\n", b"\n256\n"), b"", data.replace(b"/v1", b"/v2")):
        (tmp_path / "forgotten").write_bytes(wrong)
        assert found(tmp_path)[0] == (LogFault.STATEMENT_UNPROVEN, Place("forgotten"))
    (tmp_path / "forgotten").unlink()
    assert [one[0] for one in found(tmp_path)] == [LogFault.BUNDLE_MISSING] * 2


def meanwhile(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Let something happen after the head was read and before the files are."""
    check = GenuineTree.check

    def checked(tree: GenuineTree, known_good: int = 0) -> None:
        do()
        check(tree, known_good)

    monkeypatch.setattr(GenuineTree, "check", checked)


def test_a_writer_at_work_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    log.append(entries(0, 250))
    log.publish(AT)
    log.append(entries(250, 255))

    def go_on(log: AuditLog = log) -> None:
        log.append(entries(255, 900))
        log.publish(AT)
        log.append(entries(900, 901))
        log.forget(256, AT)

    meanwhile(monkeypatch, go_on)
    report = verify_log(tmp_path, VERIFIERS)
    assert report.head is not None
    assert (report.findings, report.head.size, report.unsigned) == ([], 250, 5)
    log.close()


def test_a_journal_that_was_replaced_meanwhile_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    log.append(entries(0, 10))
    log.publish(AT)
    read = read_journal

    def late(data: bytes) -> object:
        log.append(entries(log.size, log.size + 5))
        log.publish(AT)
        return read(data)

    monkeypatch.setattr("gateway.audit.verification.read_journal", late)
    assert found(tmp_path) == []
    log.close()


def test_what_a_crash_has_left_is_no_fault(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(entries(0, 10))
    before = (tmp_path / CHECKPOINT).read_bytes()
    log.publish(AT)
    log.close()
    (tmp_path / CHECKPOINT).write_bytes(before)  # tiles are there, the head over them is not
    (tmp_path / "tile/entries/000.p/10.new").write_bytes(b"x")
    (tmp_path / "journal.new").write_bytes(b"x")
    report = verify_log(tmp_path, VERIFIERS)
    assert (report.findings, report.unsigned) == ([], 10)


@pytest.mark.parametrize("file", ["notes.txt", "tile/0/001", "tile/entries/000.p/11", "tile/7/000", "tile/0/x"])
def test_strays_are_told(tmp_path: Path, file: str) -> None:
    make_log(tmp_path, 10)
    (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / file).write_bytes(b"x")
    assert found(tmp_path) == [(LogFault.STRAY, Place(file))]


@pytest.mark.parametrize("reopened", [False, True])
def test_earlier_partial_tiles_are_held_against_the_genuine_ones(tmp_path: Path, *, reopened: bool) -> None:
    heads(tmp_path, range(50, 301, 50))
    kept = contents(tmp_path)
    assert {"tile/0/000", "tile/entries/000"} <= kept.keys()
    assert found(tmp_path) == []
    if reopened:  # then the journal is a new one, and what is in tiles is not held against it
        open_log(tmp_path).close()
    # What a writer that was killed while it removed them has left is judged by the full tile.
    for path, data in (("tile/0/000.p/100", kept["tile/0/000"][:3_200]), ("tile/entries/000.p/2", pack(entries(0, 2)))):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert found(tmp_path) == []
    (tmp_path / "tile/0/000.p/100").write_bytes(bytes(3_200))
    (tmp_path / "tile/entries/000.p/2").write_bytes(pack([entry(0), b"false"]))
    (tmp_path / "tile/entries/000.p/3").write_bytes(b"\0")
    assert found(tmp_path) == [
        (LogFault.TILE_ALTERED, Place("tile/0/000.p/100", 0, 100)),
        (LogFault.ENTRY_ALTERED, Place("tile/entries/000.p/2", 1, 2)),
        (LogFault.BUNDLE_MALFORMED, Place("tile/entries/000.p/3", 0, 3)),
    ]


def test_a_head_that_nobody_can_believe_ends_the_check(tmp_path: Path) -> None:
    make_log(tmp_path, 10)
    report = verify_log(tmp_path, [note_signer("x").verifier])
    assert (report.head, [one.fault for one in report.findings]) == (None, [LogFault.CHECKPOINT_KEY])
    assert found(tmp_path, origin="other.example") == [(LogFault.CHECKPOINT_ORIGIN, Place(CHECKPOINT))]
    assert found(tmp_path / "nowhere") == [(LogFault.CHECKPOINT_MISSING, Place(CHECKPOINT))]


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    make_log(tmp_path, 300)
    for name in ("tile/entries/000", "tile/0/000", JOURNAL):
        (tmp_path / name).unlink()
        (tmp_path / name).symlink_to("/dev/null")
    assert {one[0] for one in found(tmp_path)} == {LogFault.UNREADABLE}
    assert len(found(tmp_path)) == 3


def test_a_journal_of_other_entries_is_told(tmp_path: Path) -> None:
    for name, say in (("one", ""), ("other", "other")):
        log = open_log(tmp_path / name)
        log.append(entries(0, 290))
        log.append(entries(290, 300, say))
        log.publish(AT)
        log.close()
    (tmp_path / "other" / JOURNAL).replace(tmp_path / "one" / JOURNAL)
    assert found(tmp_path / "one") == [(LogFault.JOURNAL_DIFFERS, Place(JOURNAL, 290, 291))]
    log = open_log(tmp_path / "third")
    log.append(entries(0, 400))
    log.publish(AT)
    log.close()
    open_log(tmp_path / "third").close()
    (tmp_path / "third" / JOURNAL).replace(tmp_path / "one" / JOURNAL)
    assert found(tmp_path / "one") == [(LogFault.JOURNAL_AHEAD, Place(JOURNAL, 300, 400))]


def test_no_more_is_told_than_anybody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MAX_FINDINGS", 3)
    make_log(tmp_path, 1_000)
    shutil.rmtree(tmp_path / "tile/entries")
    assert len(found(tmp_path)) == 3


WANTED = [bytes([one]) for one in range(8)]
BUNDLE = Tile(None, 2, 8)
DEEDS = [
    ([0, 1, 2, 3, 4, 5, 6, 7], []),
    ([0, 1, 3, 2, 4, 5, 6, 7], [(LogFault.ENTRIES_REORDERED, 2, 4)]),
    ([0, 1, 3, 4, 5, 6, 7], [(LogFault.ENTRY_DROPPED, 2, 3)]),
    ([0, 1, 5, 6, 7], [(LogFault.ENTRY_DROPPED, 2, 5)]),
    ([0, 1, 3, 4, 5, 6, 7, 99], [(LogFault.ENTRY_DROPPED, 2, 3)]),
    ([0, 1, 2], [(LogFault.ENTRIES_TRUNCATED, 3, 8)]),
    ([], [(LogFault.ENTRIES_TRUNCATED, 0, 8)]),
    ([0, 1, 1, 2, 3, 4, 5, 6, 7], [(LogFault.ENTRY_INSERTED, 2, 3)]),
    ([0, 1, 2, 3, 4, 5, 6, 7, 98, 99], [(LogFault.ENTRY_INSERTED, 8, 10)]),
    ([0, 1, 99, 2, 3, 4, 5, 6], [(LogFault.ENTRY_INSERTED, 2, 3)]),
    ([0, 98, 2, 3, 99, 99, 6, 7], [(LogFault.ENTRY_ALTERED, 1, 2), (LogFault.ENTRY_ALTERED, 4, 6)]),
    ([0, 1, 2, 3, 4, 5, 6, 99], [(LogFault.ENTRY_ALTERED, 7, 8)]),
    ([0, 1, 99, 4, 98, 6, 7], [(LogFault.ENTRY_ALTERED, 2, 8)]),
    ([0, 99, 98, 2, 97, 4, 5, 6, 7], [(LogFault.ENTRY_ALTERED, 1, 9)]),
]


@pytest.mark.parametrize(("there", "told"), DEEDS)
def test_deeds_are_told_apart(there: list[int], told: list[tuple[LogFault, int, int]]) -> None:
    findings = list(classify(BUNDLE, WANTED, [bytes([one]) for one in there]))
    assert findings == [
        Finding(fault, Place("tile/entries/002.p/8", 512 + first, 512 + end)) for fault, first, end in told
    ]


def test_what_is_genuine_is_put_together_out_of_what_is_there() -> None:
    genuine = [bytes([one]) for one in range(6)]

    def is_genuine(hashes: object) -> bool:
        return list(hashes) == genuine  # type: ignore[call-overload, no-any-return]

    one = [b"\0", b"x", b"\2", None, b"\4", b"\5"]
    other = [b"y", b"\1", b"\2", b"\3", b"z", b"\5"]
    assert list(resolve([one, None, other], is_genuine) or ()) == genuine
    assert resolve([one], is_genuine) is None
    assert resolve([None], is_genuine) is None
    assert resolve([[b"%d" % at for at in range(20)], [b"x"] * 20], is_genuine) is None


def test_faults_say_what_and_where() -> None:
    assert str(Finding(LogFault.FORKED, Place("x", 0, 3))) == "forked: x, entries 0 to 2"
    assert str(LogUnusable(LogFault.IN_USE, Place("."))) == "in_use: ."
