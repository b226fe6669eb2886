"""The folder, written: what comes, what goes, what a crash leaves, and what is set aside."""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.changes import BatchDigest, ListName
from gateway.held.layout import HEADER_BYTES, Fault, Mark, file_bytes, file_name
from gateway.held.list_files import FolderInUse, ListFiles, SetAside, WritableList
from gateway.held.mapped_lists import MappedLists
from gateway.status.words import GREEN, RED, UNKNOWN
from gateway.values import CodeState, Instant, IssuerId, StatusPointer
from tests.conftest import NOON

ISSUER = IssuerId("https://guizhou.example")
ONE, TWO = (ListName(ISSUER, f"https://guizhou.example/status/{n}") for n in (1, 2))
CAPACITY = 1001
MARK = Mark(9, BatchDigest(bytes(range(32))), Instant(NOON - 5))


def raw_file(tmp_path: Path, raw: bytes = bytes((CAPACITY + 1) // 2)) -> Path:
    path = tmp_path / "raw"
    path.write_bytes(raw)
    return path


def state_of(readers: MappedLists, name: ListName, index: int) -> CodeState | None:
    listed = readers.look_up(name.issuer, StatusPointer(name.uri, index), NOON)
    return None if listed is None else listed.state


def test_a_folder_has_one_writer(files: ListFiles, folder: Path) -> None:
    with pytest.raises(FolderInUse):
        ListFiles(folder)
    files.close()
    ListFiles(folder).close()


def test_nobody_else_may_look(files: ListFiles, folder: Path) -> None:
    files.create(ONE, CAPACITY)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_lists_survive_a_writer(opened: Callable[[], ListFiles]) -> None:
    files = opened()
    for name, word in ((ONE, GREEN), (TWO, RED)):
        held = files.create(name, CAPACITY)
        held.write_group(word, array("I", [3]))
        held.show(2, NOON)
    found = opened().lists
    assert {name: (held.read(3), held.read(2), held.shown) for name, held in found.items()} == {
        ONE: (GREEN, UNKNOWN, (2, NOON)),
        TWO: (RED, UNKNOWN, (2, NOON)),
    }


def test_a_list_replaces_one_of_its_name(files: ListFiles, tmp_path: Path) -> None:
    before = files.create(ONE, 2)
    held = files.replace(ONE, CAPACITY, raw_file(tmp_path), MARK)
    assert list(files.lists.items()) == [(ONE, held)]
    assert (held.mark, held.checkpointed, held.shown, held.capacity) == (MARK, 9, (9, NOON - 5), CAPACITY)
    assert (held.read(0), held.read(CAPACITY - 1)) == (GREEN, GREEN)
    with pytest.raises(ValueError, match="released"):
        before.write_group(GREEN, array("I", [0]))
    assert files.create(ONE, CAPACITY).read(0) == UNKNOWN


def test_a_replaced_list_without_a_mark_is_hidden(files: ListFiles, readers: MappedLists, tmp_path: Path) -> None:
    held = files.replace(ONE, CAPACITY, raw_file(tmp_path))
    assert (held.mark, held.shown) == (None, None)
    assert state_of(readers, ONE, 0) is None
    held.show(1, NOON)
    assert state_of(readers, ONE, 0) is CodeState.GREEN


@pytest.mark.parametrize("size", [0, 500, 502])
def test_a_raw_file_of_another_size_replaces_nothing(files: ListFiles, tmp_path: Path, size: int) -> None:
    held = files.create(ONE, CAPACITY)
    with pytest.raises(ValueError, match="raw file"):
        files.replace(ONE, CAPACITY, raw_file(tmp_path, bytes(size)))
    assert files.lists == {ONE: held}
    held.show(1, NOON)


def test_a_dropped_list_is_gone_for_good(opened: Callable[[], ListFiles], folder: Path) -> None:
    files = opened()
    files.create(ONE, CAPACITY)
    files.drop(TWO)
    files.drop(ONE)
    files.drop(ONE)
    assert files.lists == {}
    assert not [path for path in folder.iterdir() if path.suffix == ".list"]
    assert opened().lists == {}


# What a crash or a failing disk leaves


@pytest.mark.parametrize("fails", ["posix_fallocate", "pwrite", "fsync", "fdatasync", "sendfile"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_list_that_cannot_be_made_leaves_nothing_and_the_one_before(
    files: ListFiles,
    folder: Path,
    readers: MappedLists,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: str,
    code: int,
) -> None:
    held = files.create(ONE, CAPACITY)
    held.write_group(RED, array("I", [3]))
    held.show(1, NOON)
    there = sorted(path.name for path in folder.iterdir())

    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, fails, refuse)
        with pytest.raises(OSError, match=os.strerror(code)):
            files.replace(ONE, CAPACITY, raw_file(tmp_path), MARK)
    assert sorted(path.name for path in folder.iterdir()) == there
    assert files.lists == {ONE: held}
    assert (held.read(3), held.shown) == (RED, (1, NOON))
    assert state_of(readers, ONE, 3) is CodeState.RED
    assert files.replace(ONE, CAPACITY, raw_file(tmp_path), MARK).checkpointed == 9, "and works again without a restart"


def test_space_is_taken_when_a_list_is_made(files: ListFiles) -> None:
    """A mapped hole would be SIGBUS, for all workers at once, on a disk that has run full."""
    held = files.create(ONE, 1 << 22)
    assert held.path.stat().st_blocks * 512 >= file_bytes(1 << 22)


def test_what_a_crash_left_unfinished_is_removed(opened: Callable[[], ListFiles], folder: Path) -> None:
    opened().create(ONE, CAPACITY)
    left = (folder / file_name(TWO)).with_suffix(".new")
    left.write_bytes(b"half")
    found = opened()
    assert list(found.lists) == [ONE]
    assert not left.exists()
    assert found.set_aside == []


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _forge_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(60)
        file.write(b"X")


def _zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _swap_in(path: Path) -> None:
    other = path.with_name(file_name(TWO))
    other.rename(path)


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _make_link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_suffix(".elsewhere")))


BROKEN = {
    "truncated": (_truncate, Fault.SIZE),
    "empty": (_empty, Fault.SIZE),
    "of zeros": (_zero, Fault.MAGIC),
    "changed": (_forge_header, Fault.CHECKSUM),
    "another list's": (_swap_in, Fault.NAME),
    "a folder": (_make_folder, Fault.CONTENT),
    "a link": (_make_link, Fault.CONTENT),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_is_set_aside_and_told(
    opened: Callable[[], ListFiles], readers: MappedLists, folder: Path, how: str
) -> None:
    files = opened()
    for name in (ONE, TWO):
        held = files.create(name, CAPACITY)
        held.write_block(0, bytes(500))
        held.show(1, NOON)
    files.close()
    harm, fault = BROKEN[how]
    harm(folder / file_name(ONE))
    aside = SetAside(f"{file_name(ONE).removesuffix('.list')}.broken", fault)
    assert state_of(MappedLists(folder), ONE, 0) is None, "a worker reads nothing of it, even before its writer looks"
    found = opened()
    assert ONE not in found.lists
    assert found.set_aside == [aside]
    assert (folder / aside.file).exists()
    assert state_of(readers, ONE, 0) is None
    assert opened().set_aside == [], "once"
    assert opened().create(ONE, CAPACITY).read(0) == UNKNOWN


def test_a_disk_that_cannot_read_a_header_sets_its_file_aside(
    opened: Callable[[], ListFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().create(ONE, CAPACITY)

    def refuse(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", refuse)
        assert [aside.fault for aside in opened().set_aside] == [Fault.UNREADABLE]


def test_no_file_is_set_aside_for_what_is_not_its_fault(
    opened: Callable[[], ListFiles], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().create(ONE, CAPACITY)

    def refuse(*_: object) -> bytes:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", refuse)
        with pytest.raises(OSError, match="memory"):
            opened()
    again = opened()
    assert list(again.lists) == [ONE]
    held = again.lists[ONE]
    again.open_all()
    assert again.lists[ONE] is held


# Power cuts: after one, nobody knows which of the words reached the disk


def _filled(files: ListFiles, name: ListName, *, checkpoint: bool) -> WritableList:
    held = files.create(name, CAPACITY)
    held.write_block(0, bytes(500))
    held.show(1, NOON)
    if checkpoint:
        held.sync()
        held.checkpoint(1, MARK.digest, NOON)
    return held


def test_after_a_power_cut_lists_are_hidden_until_they_are_replayed(
    opened: Callable[[], ListFiles], folder: Path, reboot: Callable[[], None]
) -> None:
    files = opened()
    _filled(files, ONE, checkpoint=True)
    _filled(files, TWO, checkpoint=False)
    files.close()
    reboot()
    early = MappedLists(folder)
    assert early.lists() == ()
    assert [state_of(early, name, 0) for name in (ONE, TWO)] == [None, None], "its writer has not looked yet"
    found = opened().lists
    assert {name: (held.shown, held.checkpointed, held.read(0)) for name, held in found.items()} == {
        ONE: (None, 1, GREEN),
        TWO: (None, 0, UNKNOWN),
    }, "what was never on the disk for certain is not believed"
    assert [state_of(early, name, 0) for name in (ONE, TWO)] == [None, None]
    found[ONE].show(2, NOON)
    assert state_of(early, ONE, 0) is CodeState.GREEN


def test_a_writer_that_is_killed_leaves_no_gap(opened: Callable[[], ListFiles], readers: MappedLists) -> None:
    files = opened()
    _filled(files, ONE, checkpoint=False)
    assert state_of(readers, ONE, 0) is CodeState.GREEN
    files.close()
    assert state_of(readers, ONE, 0) is CodeState.GREEN
    found = opened().lists[ONE]
    assert (found.shown, found.read(0)) == ((1, NOON), GREEN)
    assert state_of(readers, ONE, 0) is CodeState.GREEN


def test_a_machine_that_does_not_tell_its_boot_is_taken_for_another_each_time(
    opened: Callable[[], ListFiles], reboot: Callable[[], None], tmp_path: Path, folder: Path
) -> None:
    """A worker may be there before the keeper: of a file that a power cut left it would read zeros, which are green."""
    (tmp_path / "boot_id").unlink()
    files = opened()
    _filled(files, ONE, checkpoint=True)
    files.close()
    assert state_of(MappedLists(folder), ONE, 0) is None
    held = opened().lists[ONE]
    assert held.shown is None
    held.show(1, NOON)
    assert state_of(MappedLists(folder), ONE, 0) is None


def test_a_restored_copy_is_not_believed_before_it_is_replayed(
    opened: Callable[[], ListFiles], folder: Path, tmp_path: Path
) -> None:
    """A backup, made while the gateway ran, put back on the same day: its words may be older than its header."""
    files = opened()
    path = _filled(files, ONE, checkpoint=True).path
    files.close()
    shutil.copy(path, tmp_path / "backup")
    shutil.copy(tmp_path / "backup", tmp_path / "restored")
    (tmp_path / "restored").rename(path)
    assert state_of(MappedLists(folder), ONE, 0) is None
    held = opened().lists[ONE]
    assert (held.shown, held.checkpointed) == (None, 1)


def test_the_folder_is_given_its_list_durably(
    files: ListFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words, header and checkpoint are on the disk before the name is; and the name is before it returns."""
    order: list[str] = []
    fsync, fdatasync, rename = os.fsync, os.fdatasync, Path.rename

    def note_fsync(fd: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        fsync(fd)

    def note_fdatasync(fd: int) -> None:
        order.append("checkpoint")
        fdatasync(fd)

    def note_rename(path: Path, to: Path) -> Path:
        order.append("name")
        return rename(path, to)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "fdatasync", note_fdatasync)
    monkeypatch.setattr(Path, "rename", note_rename)
    held = files.replace(ONE, CAPACITY, raw_file(tmp_path), MARK)
    assert order == ["file", "checkpoint", "name", "folder"]
    assert held.path.stat().st_size == HEADER_BYTES + (CAPACITY + 1) // 2


def test_a_folder_that_cannot_be_used_is_let_go_of(
    folder: Path, opened: Callable[[], ListFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", refuse)
        with pytest.raises(OSError, match="No space"):
            ListFiles(folder)
    opened()


def test_a_raw_file_that_shrinks_meanwhile_replaces_nothing(
    files: ListFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sendfile", lambda *_: 0)
    with pytest.raises(OSError, match="shorter"):
        files.replace(ONE, CAPACITY, raw_file(tmp_path))
    assert files.lists == {}


def test_a_list_whose_name_may_not_be_durable_is_told(
    files: ListFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fsync of the folder fails: the list is there, and its snapshot must not yet count as taken over."""
    fsync = os.fsync

    def refuse(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        fsync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="Input/output"):
            files.replace(ONE, CAPACITY, raw_file(tmp_path), MARK)
    assert files.lists[ONE].shown == (9, NOON - 5)
    assert files.replace(ONE, CAPACITY, raw_file(tmp_path), MARK).shown == (9, NOON - 5)


KILLED = """
import sys
from pathlib import Path
from gateway.changes import ListName
from gateway.held.layout import Mark
from gateway.held.list_files import ListFiles
files = ListFiles(Path(sys.argv[1]))
files.open_all()
names = [ListName("a", "1"), ListName("a", "2"), ListName("b", "1")]
raw = Path(sys.argv[2])
number = 1
while True:
    for name in names:
        held = files.create(name, 300_000)
        held.write_block(0, raw.read_bytes())
        held.show(number, 1.6e9 + number)
        held.sync()
        held.checkpoint(number, bytes(32), 1.6e9 + number)
        files.replace(name, 300_000, raw, Mark(number, bytes(32), 1.6e9 + number))
        if number % 3 == 0:
            files.drop(name)
    number += 1
    sys.stdout.write(".")
    sys.stdout.flush()
"""


def test_a_writer_killed_at_any_instant_leaves_whole_lists(
    opened: Callable[[], ListFiles], folder: Path, readers: MappedLists, tmp_path: Path
) -> None:
    """Each is as its writer had filled it, or knows nothing; none is broken, and none is green where nobody said so."""
    chance = random.Random(9)
    raw = raw_file(tmp_path, b"\xdd" * 150_000)
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder), str(raw)], stdout=subprocess.PIPE, cwd=Path.cwd()
        )
        assert writer.stdout is not None
        writer.stdout.read(1)
        for _ in range(chance.randrange(4_000)):
            state_of(readers, ListName(IssuerId("a"), "1"), 7)
        for issuer, uri in (("a", "1"), ("a", "2"), ("b", "1")):
            assert state_of(readers, ListName(IssuerId(issuer), uri), 7) in (None, CodeState.RED)
        writer.kill()
        writer.communicate()
        files = opened()
        assert files.set_aside == []
        assert {held.read(7) for held in files.lists.values()} <= {RED, UNKNOWN}
        assert {path.suffix for path in folder.iterdir()} <= {".list", ""}
        files.close()
