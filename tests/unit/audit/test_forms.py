"""The forms of head and journal, and files that are no log's: each in its one spelling, or told as what it is."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import pytest

from gateway.audit.checkpoint import open_checkpoint, sign_checkpoint
from gateway.audit.disk import Disk
from gateway.audit.faults import LogFault, LogUnusable, Place
from gateway.audit.journal import JOURNAL, Journal, read_journal
from gateway.audit.reading import TileReader, read_file
from gateway.audit.retention import forget_bundles, read_forgotten
from gateway.audit.verification import verify_log
from tests.unit.audit.logs import AT, ORIGIN, entries, make_log, note_signer, open_log

VERIFIERS = [note_signer().verifier]
ROOT = bytes(range(32))
TEXT = base64.b64encode(ROOT).decode()


def test_a_head_says_origin_size_and_root() -> None:
    head = sign_checkpoint(ORIGIN, 12, ROOT, note_signer(), AT)
    assert head.note.decode().split("\n\n")[0] == f"{ORIGIN}\n12\n{TEXT}"
    assert open_checkpoint(head.note, VERIFIERS) == head
    assert "note" not in repr(head)


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n12\n",
        f"{ORIGIN}\n12\n{TEXT}\nextension\n",
        f"{ORIGIN}\n012\n{TEXT}\n",
        f"{ORIGIN}\n-1\n{TEXT}\n",
        f"{ORIGIN}\n{'9' * 20}\n{TEXT}\n",
        f"{ORIGIN}\n12\n{TEXT[:-1]}\n",
        f"{ORIGIN}\n12\n{TEXT[:-4]}\n",
        f"{ORIGIN}\n12\n{TEXT[:-2]}9=\n",
        f"{ORIGIN}\n12\n\u00fc\n",
        f"\n12\n{TEXT}\n",
    ],
)
def test_what_is_signed_and_no_head_is_malformed(text: str) -> None:
    with pytest.raises(LogUnusable) as why:
        open_checkpoint(note_signer().sign(text), VERIFIERS)
    assert why.value.fault is LogFault.CHECKPOINT_MALFORMED


def test_a_statement_of_what_was_forgotten_is_no_head(tmp_path: Path) -> None:
    make_log(tmp_path, 300)
    log = open_log(tmp_path)
    log.forget(256, AT)
    log.close()
    with pytest.raises(LogUnusable) as why:
        open_checkpoint((tmp_path / "forgotten").read_bytes(), VERIFIERS)
    assert why.value.fault is LogFault.CHECKPOINT_MALFORMED


@pytest.mark.parametrize(
    "text",
    [
        f"hcgw-audit-forgotten/v1\n{ORIGIN}\n255\n2022-01-01T00:00:00Z\n",
        f"hcgw-audit-forgotten/v1\n{ORIGIN}\n0256\n2022-01-01T00:00:00Z\n",
        f"hcgw-audit-forgotten/v1\n{ORIGIN}\n256\nyesterday\n",
        f"hcgw-audit-forgotten/v1\n{ORIGIN}\n256\n",
        "hcgw-audit-forgotten/v1\nother.example\n256\n2022-01-01T00:00:00Z\n",
        f"hcgw-audit-forgotten/v2\n{ORIGIN}\n256\n2022-01-01T00:00:00Z\n",
    ],
)
def test_what_is_signed_and_no_statement_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "forgotten").write_bytes(note_signer().sign(text))
    with pytest.raises(LogUnusable) as why:
        read_forgotten(tmp_path, ORIGIN, VERIFIERS)
    assert (why.value.fault, why.value.place) == (LogFault.STATEMENT_UNPROVEN, Place("forgotten"))


def test_there_may_be_nothing_to_forget(tmp_path: Path) -> None:
    forget_bundles(tmp_path, Disk(), 256)
    assert list(tmp_path.iterdir()) == []
    assert read_forgotten(tmp_path, ORIGIN, VERIFIERS).before == 0


def journal_of(folder: Path, *groups: list[bytes], first: int = 0) -> bytes:
    """Return the bytes of a journal with such groups."""
    journal = Journal(folder, Disk())
    journal.replace(first, ())
    index = first
    for group in groups:
        journal.append(index, group)
        index += len(group)
    assert journal.length == (folder / JOURNAL).stat().st_size
    journal.close()
    assert journal.length == 0
    return (folder / JOURNAL).read_bytes()


def test_a_journal_has_the_form_that_is_written_down(tmp_path: Path) -> None:
    """As docs/audit.md has it, read by hand."""
    data = journal_of(tmp_path, [b"ab", b""], [b"c"], first=7)
    assert data[:8] == b"hcgwjnl1"
    assert int.from_bytes(data[8:16], "big") == 7
    assert int.from_bytes(data[32:36], "big") == zlib.crc32(data[:32])
    seed = zlib.crc32(data[16:32])
    group = data[36 : 36 + 28 + 6]
    assert group[:4] == b"\xf5grp"
    assert [int.from_bytes(group[start:end], "big") for start, end in ((4, 12), (12, 16), (16, 20))] == [7, 2, 6]
    assert int.from_bytes(group[20:24], "big") == zlib.crc32(group[28:], seed)
    assert int.from_bytes(group[24:28], "big") == zlib.crc32(group[:24], seed)
    assert group[28:] == b"\0\2ab\0\0"
    assert (read_journal(data).first, list(read_journal(data).entries)) == (7, [b"ab", b"", b"c"])


def test_every_cut_of_a_journal_is_a_torn_group_or_a_whole_one(tmp_path: Path) -> None:
    data = journal_of(tmp_path, [b"a" * 50], [b"b" * 50], [b"c" * 50])
    ends = [36, 116, 196, 276]
    assert len(data) == ends[-1]
    for length in range(36, len(data) + 1):
        found = read_journal(data[:length])
        whole = max(number for number, end in enumerate(ends) if end <= length)
        assert len(found.entries) == whole
        assert found.torn_at == (None if length in ends else ends[whole])
    for length in range(36):
        with pytest.raises(LogUnusable) as why:
            read_journal(data[:length])
        assert (why.value.fault, why.value.place) == (LogFault.JOURNAL_DAMAGED, Place(JOURNAL, offset=0))


def test_every_flip_of_a_journal_is_noticed(tmp_path: Path) -> None:
    data = journal_of(tmp_path, [b"a" * 20], [b"b" * 20])
    for at in range(len(data)):
        bent = bytearray(data)
        bent[at] ^= 0x10
        if at >= 86:  # the last group: a crash may have done it
            assert read_journal(bytes(bent)).torn_at == 86
            continue
        with pytest.raises(LogUnusable) as why:
            read_journal(bytes(bent))
        assert why.value.fault is LogFault.JOURNAL_DAMAGED
        assert why.value.place.offset == (0 if at < 36 else 36)


def test_groups_that_are_out_of_order_are_damage(tmp_path: Path) -> None:
    data = journal_of(tmp_path, [b"a"], [b"b"], [b"c"])
    one, two, three = (data[start : start + 31] for start in (36, 67, 98))
    for order in ((one, three), (two, one, three), (one, one, two), (one, three, two)):
        with pytest.raises(LogUnusable) as why:
            read_journal(data[:36] + b"".join(order))
        assert why.value.fault is LogFault.JOURNAL_DAMAGED


def test_a_group_of_another_journal_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = journal_of(tmp_path, [b"a"]), journal_of(tmp_path / "other", [b"a"], [b"b"])
    found = read_journal(one + other[67:])
    assert (list(found.entries), found.torn_at) == ([b"a"], 67)


def test_what_looks_like_a_group_is_none(tmp_path: Path) -> None:
    data = journal_of(tmp_path, [b"a"])
    assert read_journal(data + b"\xf5gr" + b"\xf5grp" + b"\xf5grp" * 20).torn_at == 67


def test_files_that_are_too_large_or_no_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(11))
    assert read_file(tmp_path, "large", 11) == bytes(11)
    (tmp_path / "folder").mkdir()
    for name in ("large", "folder"):
        with pytest.raises(LogUnusable) as why:
            read_file(tmp_path, name, 10)
        assert (why.value.fault, why.value.place) == (LogFault.UNREADABLE, Place(name))
    assert read_file(tmp_path, "large/below", 10) is None


def test_earlier_partial_tiles_of_upper_levels_are_judged(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for first in range(0, 1_024, 256):
        log.append(entries(first, first + 256))
        log.publish(AT)
    log.close()
    assert verify_log(tmp_path, VERIFIERS).findings == []
    (tmp_path / "tile/1/000.p/2").write_bytes(bytes(64))
    (found,) = verify_log(tmp_path, VERIFIERS).findings
    assert (found.fault, found.place.file) == (LogFault.TILE_ALTERED, "tile/1/000.p/2")


def test_what_is_ahead_of_head_and_journal_is_a_stray(tmp_path: Path) -> None:
    make_log(tmp_path, 10)
    (tmp_path / JOURNAL).unlink()
    (tmp_path / "tile/0/000.p/11").write_bytes(bytes(11 * 32))
    assert {one.fault for one in verify_log(tmp_path, VERIFIERS).findings} == {
        LogFault.JOURNAL_MISSING,
        LogFault.STRAY,
    }


def test_partial_bundles_that_a_crash_has_left_are_forgotten_too(tmp_path: Path) -> None:
    make_log(tmp_path, 600)
    (tmp_path / "tile/entries/000.p").mkdir()
    (tmp_path / "tile/entries/000.p/9").write_bytes(b"x")
    log = open_log(tmp_path)
    log.forget(256, AT)
    log.close()
    assert sorted(path.name for path in (tmp_path / "tile/entries").iterdir()) == ["001", "002.p"]


def test_trusted_tiles_are_checked_once_and_held(tmp_path: Path) -> None:
    make_log(tmp_path, 700)
    log = open_log(tmp_path)
    log.close()
    tiles = TileReader(tmp_path, 700)
    tiles.trust(log.published.root)
    assert tiles.tile(0, 0) is tiles.tile(0, 0)
    assert list(tiles.tile(0, 2)) == tiles.edges()[0]
