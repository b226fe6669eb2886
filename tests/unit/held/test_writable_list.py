"""One list, written: words, what readers are shown, and what is said to stand on the disk."""

from __future__ import annotations

import errno
import os
import random
from array import array
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.changes import BatchDigest, ListName, Word
from gateway.held.list_files import ListFiles, WritableList
from gateway.status.words import GREEN, RED, UNKNOWN, YELLOW
from gateway.values import Instant, IssuerId
from tests.conftest import NOON

NAME = ListName(IssuerId("https://guizhou.example"), "https://guizhou.example/status/1")
CAPACITY = 20_001
DIGEST = BatchDigest(bytes(32))


@pytest.fixture
def made(files: ListFiles) -> WritableList:
    return files.create(NAME, CAPACITY)


def words_of(held: WritableList) -> list[int]:
    return [held.read(index) for index in range(held.capacity)]


def test_a_new_list_knows_nothing_and_is_hidden(made: WritableList) -> None:
    assert (made.name, made.capacity, made.checkpointed, made.mark) == (NAME, CAPACITY, 0, None)
    assert set(words_of(made)) == {UNKNOWN}
    assert made.shown is None


@pytest.mark.parametrize("word", range(16))
def test_a_group_writes_its_places_and_no_neighbour(made: WritableList, word: int) -> None:
    indices = array("I", [0, 3, 4, 5, 10, 9_999, 10_000, CAPACITY - 1])
    made.write_group(Word(word), indices)
    assert {index for index, held in enumerate(words_of(made)) if held == word} >= set(indices)
    assert {held for index, held in enumerate(words_of(made)) if index not in indices} == {UNKNOWN}


def test_groups_blocks_and_single_words_agree_with_a_list_of_numbers(made: WritableList) -> None:
    chance = random.Random(4)
    model = [int(UNKNOWN)] * CAPACITY
    for _ in range(60):
        word = chance.randrange(16)
        indices = sorted(chance.sample(range(CAPACITY), chance.randrange(1, 400)))
        match chance.randrange(3):
            case 0:
                made.write_group(Word(word), array("I", indices))
                for index in indices:
                    model[index] = word
            case 1:
                final = {index: chance.randrange(16) for index in indices}
                made.write_final(final)
                for index, each in final.items():
                    model[index] = each
            case _:
                first, block = 2 * chance.randrange(CAPACITY // 2 - 300), chance.randbytes(300)
                made.write_block(first, block)
                for offset, byte in enumerate(block):
                    model[first + 2 * offset : first + 2 * offset + 2] = byte & 0xF, byte >> 4
    assert words_of(made) == model
    raw = bytes(low | high << 4 for low, high in zip(model[::2], [*model[1::2], int(UNKNOWN)], strict=True))
    assert made.digest() == sha256(raw).digest()


@pytest.mark.parametrize(("first", "size"), [(1, 1), (-2, 1), (CAPACITY + 1, 1), (CAPACITY - 1, 2), (0, CAPACITY)])
def test_a_block_that_does_not_fit_is_refused_whole(made: WritableList, first: int, size: int) -> None:
    with pytest.raises(IndexError):
        made.write_block(first, bytes(size))
    assert set(words_of(made)) == {UNKNOWN}


@pytest.mark.parametrize("index", [-1, CAPACITY, 1 << 32])
def test_nothing_stands_outside(made: WritableList, index: int) -> None:
    with pytest.raises(IndexError):
        made.read(index)


def test_a_group_outside_is_an_error_and_harms_nothing_else(made: WritableList) -> None:
    with pytest.raises(IndexError):
        made.write_group(GREEN, array("I", [2 * CAPACITY]))
    assert set(words_of(made)) == {UNKNOWN}


def test_a_list_can_be_cleared(made: WritableList) -> None:
    made.write_block(0, bytes((CAPACITY + 1) // 2))
    made.clear()
    assert set(words_of(made)) == {UNKNOWN}


def test_a_long_list_is_cleared_to_its_end(files: ListFiles) -> None:
    capacity = (5 << 20) + 3
    held = files.create(NAME, capacity)
    held.write_block(0, bytes((capacity + 1) // 2))
    held.clear()
    held.warm()
    assert held.digest() == sha256(b"\xff" * ((capacity + 1) // 2)).digest()


def test_what_is_shown(made: WritableList) -> None:
    made.show(7, NOON)
    assert made.shown == (7, NOON)
    made.hide()
    assert made.shown is None


def test_a_copy_is_the_raw_list(made: WritableList, tmp_path: Path) -> None:
    made.write_group(RED, array("I", [5]))
    made.copy_to(tmp_path / "copy")
    raw = (tmp_path / "copy").read_bytes()
    assert len(raw) == (CAPACITY + 1) // 2
    assert sha256(raw).digest() == made.digest()
    with pytest.raises(FileExistsError):
        made.copy_to(tmp_path / "copy")


def test_a_copy_of_a_file_that_is_cut_short_fails(
    made: WritableList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sendfile", lambda *_: 0)
    with pytest.raises(OSError, match="shorter"):
        made.copy_to(tmp_path / "copy")


def test_a_view_follows_the_list_and_cannot_write(files: ListFiles, made: WritableList) -> None:
    with made.view() as view:
        assert view[0] == 0xFF
        made.write_group(RED, array("I", [0]))
        assert view[0] == 0xFD
        with pytest.raises(TypeError):
            view[0] = 0


def test_a_list_that_is_closed_under_a_reader_stays_readable_for_it(files: ListFiles, made: WritableList) -> None:
    """No thread that is still at a digest finds the memory gone."""
    with memoryview(made._words)[:1] as reading:
        files.drop(NAME)
        assert reading[0] == 0xFF
    made.close()


def test_a_final_word_that_stands_already_does_not_touch_its_byte(made: WritableList) -> None:
    """So that a replay leaves clean pages clean, and no reader ever sees an older word."""
    made.write_group(RED, array("I", [4, 5]))
    made._words = made._words.toreadonly()
    made.write_final({4: RED, 5: RED, 6: UNKNOWN})
    with pytest.raises(TypeError):
        made.write_final({4: GREEN})


def test_checkpoints_survive_and_alternate(opened: Callable[[], ListFiles]) -> None:
    for number in range(1, 6):
        held = opened().create(NAME, CAPACITY) if number == 1 else opened().lists[NAME]
        assert held.checkpointed == number - 1
        held.sync()
        held.checkpoint(number, BatchDigest(bytes([number]) * 32), Instant(NOON + number))
        assert held.checkpointed == number
    mark = opened().lists[NAME].mark
    assert mark is not None
    assert (mark.number, mark.digest, mark.issued) == (5, bytes([5]) * 32, NOON + 5)


# What an fsync that fails leaves behind


class FailingDisk:
    """fdatasync as the kernel does it: fails, and the next time says that all is well."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fails_at: int) -> None:
        self.calls = 0
        self._fails_at = fails_at
        self._real = os.fdatasync
        monkeypatch.setattr("os.fdatasync", self)

    def __call__(self, fd: int) -> None:
        self.calls += 1
        if self.calls == self._fails_at:
            raise OSError(errno.EIO, "Input/output error")
        self._real(fd)


def _written(made: WritableList) -> None:
    made.write_group(GREEN, array("I", [1]))
    made.show(3, Instant(NOON))
    made.sync()
    made.checkpoint(3, DIGEST, Instant(NOON))
    made.write_group(RED, array("I", [1]))
    made.show(4, Instant(NOON + 10))


@pytest.mark.parametrize("fails_at", [3, 4])
def test_after_a_failed_fsync_a_list_is_shown_as_of_its_checkpoint(
    made: WritableList, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    disk = FailingDisk(monkeypatch, fails_at=fails_at)
    _written(made)
    if fails_at == 4:
        made.sync()
    fails = made.sync if fails_at == 3 else lambda: made.checkpoint(4, DIGEST, Instant(NOON + 10))
    with pytest.raises(OSError, match="Input/output"):
        fails()
    assert made.distrusted
    assert made.checkpointed == 3
    assert made.shown == (3, NOON), "the kernel may read back what was on the disk"
    made.show(5, Instant(NOON + 20))
    assert made.shown == (3, NOON)
    calls = disk.calls
    for _ in range(2):
        with pytest.raises(OSError, match="before"):
            made.sync()
        with pytest.raises(OSError, match="before"):
            made.checkpoint(5, DIGEST, Instant(NOON + 20))
    assert made.checkpointed == 3
    assert disk.calls == calls, "the disk is not asked again: it would say yes"


def test_without_a_checkpoint_nothing_is_shown_after_a_failed_fsync(
    made: WritableList, monkeypatch: pytest.MonkeyPatch
) -> None:
    FailingDisk(monkeypatch, fails_at=1)
    made.show(1, NOON)
    with pytest.raises(OSError, match="Input/output"):
        made.sync()
    assert made.shown is None


def test_a_hidden_list_stays_hidden_after_a_failed_fsync(made: WritableList, monkeypatch: pytest.MonkeyPatch) -> None:
    FailingDisk(monkeypatch, fails_at=3)
    _written(made)
    made.hide()
    with pytest.raises(OSError, match="Input/output"):
        made.sync()
    assert made.shown is None


def test_a_replaced_file_is_trusted_again(
    files: ListFiles, made: WritableList, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    FailingDisk(monkeypatch, fails_at=3)
    _written(made)
    with pytest.raises(OSError, match="Input/output"):
        made.sync()
    mark = made.mark
    made.copy_to(tmp_path / "copy")
    anew = files.replace(NAME, CAPACITY, tmp_path / "copy", mark)
    assert (anew.distrusted, anew.mark, anew.shown) == (False, mark, (3, NOON))
    assert anew.read(1) == RED
    anew.write_final({1: RED})
    anew.show(4, Instant(NOON + 10))
    anew.sync()
    anew.checkpoint(4, DIGEST, Instant(NOON + 10))
    assert (anew.checkpointed, anew.shown) == (4, (4, NOON + 10))


def test_a_writer_that_finds_a_distrusted_file_writes_all_of_it_again(
    opened: Callable[[], ListFiles], reboot: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = opened().create(NAME, CAPACITY)
    FailingDisk(monkeypatch, fails_at=3)
    _written(held)
    held.write_group(YELLOW, array("I", [CAPACITY - 1]))
    with pytest.raises(OSError, match="Input/output"):
        held.sync()
    before = held.digest()
    found = opened().lists[NAME]
    assert (found.distrusted, found.checkpointed, found.shown) == (False, 3, (3, NOON))
    assert found.digest() == before
    found.sync()
