"""A list's file to the byte: what is written reads back, and nothing else is taken."""

from __future__ import annotations

import itertools
import os
import struct
from pathlib import Path
from zlib import crc32

import pytest

from gateway.changes import MAX_CAPACITY, BatchDigest, ListName
from gateway.held import layout
from gateway.held.layout import (
    HEADER_BYTES,
    NO_CLAIM,
    Fault,
    FileBroken,
    Header,
    Mark,
    claim_of,
    file_bytes,
    file_name,
    pack_header,
    pack_slot,
    raw_bytes,
    read_header,
    read_header_of,
    read_slots,
)
from gateway.values import Instant, IssuerId

NAME = ListName(IssuerId("https://guizhou.example"), "https://guizhou.example/status/1")
FILE_ID = bytes(range(16))
HEADER = Header(NAME, 1001, FILE_ID)
FILE = file_name(NAME)


@pytest.mark.parametrize("capacity", [1, 2, 3, 1001, MAX_CAPACITY])
@pytest.mark.parametrize(
    "name",
    [NAME, ListName(IssuerId("省" * 128), "https://x.example/" + "市" * 200), ListName(IssuerId(""), "")],
)
def test_a_header_reads_back(name: ListName, capacity: int) -> None:
    header = Header(name, capacity, FILE_ID)
    page = pack_header(header)
    assert len(page) == HEADER_BYTES
    assert read_header(page, file_name(name), file_bytes(capacity)) == header
    assert read_slots(page, FILE_ID) == (0, None)
    assert page[2048:] == bytes(2048), "hidden, claimed by nobody, never checkpointed, trusted"


@pytest.mark.parametrize("capacity", [0, -1, MAX_CAPACITY + 1])
def test_no_header_for_an_impossible_capacity(capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        pack_header(Header(NAME, capacity, FILE_ID))


def test_no_header_for_a_name_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="name"):
        pack_header(Header(ListName(NAME.issuer, "x" * 2044), 2, FILE_ID))


def test_sizes() -> None:
    assert [raw_bytes(n) for n in (1, 2, 3, 4, 126_012_510)] == [1, 1, 2, 2, 63_006_255]
    assert file_bytes(4) == 4098


def test_no_two_lists_share_a_file_and_no_name_leaves_the_folder() -> None:
    names = [("a", "bc"), ("ab", "c"), ("1:a", "b"), ("", "1:ab"), ("../../x", "/etc"), ("a\0", "b")]
    called = [file_name(ListName(IssuerId(issuer), uri)) for issuer, uri in names]
    assert len(set(called)) == len(names)
    assert all(Path(file).name == file and file.endswith(".list") for file in called)


def _signed(page: bytes) -> bytes:
    return page[:2044] + struct.pack("=I", crc32(page[:2044])) + page[2048:]


def _changed(start: int, to: bytes) -> bytes:
    page = pack_header(HEADER)
    return page[:start] + to + page[start + len(to) :]


WHOLE = file_bytes(1001)

BROKEN = {
    "empty": (b"", 0, Fault.SIZE),
    "shorter than a header": (pack_header(HEADER)[:-1], HEADER_BYTES - 1, Fault.SIZE),
    "a header alone": (pack_header(HEADER), HEADER_BYTES, Fault.SIZE),
    "zeros": (bytes(HEADER_BYTES), WHOLE, Fault.MAGIC),
    "another version": (_signed(_changed(16, struct.pack("=I", 2))), WHOLE, Fault.VERSION),
    "another header size": (_signed(_changed(20, struct.pack("=I", 8192))), WHOLE, Fault.VERSION),
    "one bit of the issuer": (_changed(60, b"X"), WHOLE, Fault.CHECKSUM),
    "one bit of the capacity": (_changed(24, struct.pack("=Q", 1003)), WHOLE, Fault.CHECKSUM),
    "no places": (_signed(_changed(24, struct.pack("=Q", 0))), WHOLE, Fault.CONTENT),
    "too many places": (_signed(_changed(24, struct.pack("=Q", 1 << 60))), WHOLE, Fault.CONTENT),
    "a name beyond the page": (_signed(_changed(50, struct.pack("=H", 65_535))), WHOLE, Fault.CONTENT),
    "no text": (_signed(_changed(60, b"\xff\xff")), WHOLE, Fault.CONTENT),
    "a byte too few": (pack_header(HEADER), WHOLE - 1, Fault.SIZE),
    "a byte too many": (pack_header(HEADER), WHOLE + 1, Fault.SIZE),
    "another list's": (pack_header(Header(ListName(NAME.issuer, "other"), 1001, FILE_ID)), WHOLE, Fault.NAME),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_told_by_name(what: str) -> None:
    page, size, fault = BROKEN[what]
    with pytest.raises(FileBroken) as broken:
        read_header(page, FILE, size)
    assert broken.value.fault is fault


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(FileBroken) as broken:
            read_header_of(fd, FILE)
    finally:
        os.close(fd)
    assert broken.value.fault is Fault.CONTENT


MARKS = [Mark(n, BatchDigest(bytes([n]) * 32), Instant(1_600_000_000.0 + n)) for n in range(1, 8)]


def _with_slots(page: bytes, count: int) -> bytes:
    for sequence, mark in enumerate(MARKS[:count], start=1):
        start, slot = pack_slot(FILE_ID, sequence, mark)
        page = page[:start] + slot + page[start + len(slot) :]
    return page


@pytest.mark.parametrize("count", range(1, 8))
def test_the_last_checkpoint_counts(count: int) -> None:
    assert read_slots(_with_slots(pack_header(HEADER), count), FILE_ID) == (count, MARKS[count - 1])


@pytest.mark.parametrize("count", range(1, 8))
def test_a_torn_checkpoint_leaves_the_one_before(count: int) -> None:
    """Whatever part of a slot reaches the disk, one of the two checkpoints is read, and neither of a mixture."""
    before = _with_slots(pack_header(HEADER), count - 1)
    start, slot = pack_slot(FILE_ID, count, MARKS[count - 1])
    expected = (count - 1, MARKS[count - 2] if count > 1 else None)
    for length in range(1, len(slot)):
        torn = before[:start] + slot[:length] + before[start + length :]
        assert read_slots(torn, FILE_ID) in (expected, (count, MARKS[count - 1]))
    assert start // 512 != pack_slot(FILE_ID, count + 1, MARKS[0])[0] // 512, "each in a sector of its own"


def test_a_checkpoint_of_another_file_is_none() -> None:
    assert read_slots(_with_slots(pack_header(HEADER), 3), bytes(16)) == (0, None)


def test_a_claim_is_of_one_boot_and_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot_id = tmp_path / "boot_id"
    monkeypatch.setattr(layout, "BOOT_ID", boot_id)
    assert claim_of(1, 2) == NO_CLAIM
    claims = []
    for boot in ("first", "second"):
        boot_id.write_text(boot)
        claims += [claim_of(*file) for file in itertools.product((1, 2), (3, 4))]
        assert claim_of(1, 3) == claims[-4]
    assert len(set(claims)) == 8
    assert NO_CLAIM not in claims
