"""Bringing a file onto the disk in pieces: what it asks of the system, and what a failure of it means."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.held import write_out as module
from gateway.held.write_out import PIECE_BYTES, write_out


class Libc:
    """Remembers what is asked, and answers with an error number, 0 for none."""

    def __init__(self, answer: int = 0) -> None:
        self.answer = answer
        self.asked: list[tuple[int, int]] = []

    def sync_file_range(self, _: int, start: ctypes.c_int64, length: ctypes.c_int64, flags: ctypes.c_uint) -> int:
        assert flags.value == 7
        self.asked.append((start.value, length.value))
        ctypes.set_errno(self.answer)
        return -1 if self.answer else 0


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(opened, 0, 3 * PIECE_BYTES)
    yield opened
    os.close(opened)


def test_the_system_takes_it(fd: int) -> None:
    os.pwrite(fd, b"x", 2 * PIECE_BYTES)
    write_out(fd, 3 * PIECE_BYTES)


def test_every_byte_is_in_one_piece(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc()
    monkeypatch.setattr(module, "_libc", libc)
    write_out(fd, 2 * PIECE_BYTES + 5)
    assert libc.asked == [(0, PIECE_BYTES), (PIECE_BYTES, PIECE_BYTES), (2 * PIECE_BYTES, 5)]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ESPIPE, errno.EINVAL, errno.EPERM])
def test_where_it_cannot_be_done_it_is_left_to_the_fsync(fd: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc(number)
    monkeypatch.setattr(module, "_libc", libc)
    write_out(fd, 3 * PIECE_BYTES)
    assert len(libc.asked) == 1


def test_a_library_without_it_is_no_failure(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_libc", object())
    write_out(fd, PIECE_BYTES)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_failing_disk_is_told(fd: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_libc", Libc(number))
    with pytest.raises(OSError, check=lambda failed: failed.errno == number):
        write_out(fd, 3 * PIECE_BYTES)
