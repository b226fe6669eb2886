"""The folder, read by a worker: what stands at an index, when it was said, and nothing that is not so."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.changes import Listed, ListName, Word
from gateway.held.layout import GENERATION_FILE
from gateway.held.list_files import ListFiles, WritableList
from gateway.held.mapped_lists import MappedList, MappedLists
from gateway.status.words import AS_SIGNED, GREEN, RED, STATES
from gateway.values import CodeState, Instant, IssuerId, StatusPointer
from tests.conftest import NOON

ISSUER, OTHER = IssuerId("https://guizhou.example"), IssuerId("https://zhejiang.example")
URI = "https://guizhou.example/status/1"
NAME = ListName(ISSUER, URI)
CAPACITY = 1001


@pytest.fixture
def made(files: ListFiles) -> WritableList:
    held = files.create(NAME, CAPACITY)
    held.show(1, NOON)
    return held


def look_up(readers: MappedLists, index: int, uri: str = URI, issuer: IssuerId = ISSUER) -> Listed | None:
    return readers.look_up(issuer, StatusPointer(uri, index), Instant(NOON + 1))


@pytest.mark.parametrize("index", [0, 7, 8, CAPACITY - 1])
@pytest.mark.parametrize("word", range(16))
def test_each_word_reads_as_its_table_says(made: WritableList, readers: MappedLists, index: int, word: int) -> None:
    made.write_group(Word(word), array("I", [index]))
    assert look_up(readers, index) == Listed(STATES[word], NOON)
    assert look_up(readers, 9) == Listed(CodeState.UNKNOWN, NOON)
    assert isinstance(look_up(readers, index), Listed)


def test_as_signed_says_nothing_of_a_colour(made: WritableList, readers: MappedLists) -> None:
    made.write_group(AS_SIGNED, array("I", [4]))
    assert look_up(readers, 4) == Listed(None, NOON)


@pytest.mark.parametrize("index", [-1, -CAPACITY, CAPACITY, CAPACITY + 1, 1 << 32, 1 << 64])
def test_an_index_outside_the_list_is_unknown(made: WritableList, readers: MappedLists, index: int) -> None:
    made.write_block(0, bytes((CAPACITY + 1) // 2))
    found = look_up(readers, index)
    assert found == Listed(CodeState.UNKNOWN, NOON)
    assert isinstance(found, Listed)


@pytest.mark.parametrize(
    ("issuer", "uri"),
    [(OTHER, URI), (ISSUER, URI + "/"), (ISSUER, URI.upper()), (ISSUER, ""), (IssuerId(""), URI), (OTHER, "x")],
)
def test_no_other_list_is_meant(made: WritableList, readers: MappedLists, issuer: IssuerId, uri: str) -> None:
    made.write_block(0, bytes(500))
    assert look_up(readers, 0, uri, issuer) is None


def test_two_issuers_may_use_one_address(files: ListFiles, made: WritableList, readers: MappedLists) -> None:
    other = files.create(ListName(OTHER, URI), CAPACITY)
    other.show(1, Instant(NOON + 5))
    other.write_group(RED, array("I", [0]))
    made.write_group(GREEN, array("I", [0]))
    assert look_up(readers, 0) == Listed(CodeState.GREEN, NOON)
    assert look_up(readers, 0, issuer=OTHER) == Listed(CodeState.RED, Instant(NOON + 5))


def test_a_change_is_seen_at_once(made: WritableList, readers: MappedLists) -> None:
    for number, word in enumerate((GREEN, RED, GREEN), start=2):
        made.write_group(word, array("I", [5]))
        made.show(number, Instant(NOON + number))
        assert look_up(readers, 5) == Listed(STATES[word], Instant(NOON + number))


def test_a_hidden_list_is_not_held(made: WritableList, readers: MappedLists) -> None:
    made.hide()
    assert look_up(readers, 0) is None
    assert readers.lists() == ()
    made.show(2, NOON)
    assert look_up(readers, 0) == Listed(CodeState.UNKNOWN, NOON)


def test_lists_come_and_go(files: ListFiles, readers: MappedLists, tmp_path: Path) -> None:
    assert look_up(readers, 0) is None
    held = files.create(NAME, CAPACITY)
    assert look_up(readers, 0) is None
    held.show(1, NOON)
    assert look_up(readers, 0) == Listed(CodeState.UNKNOWN, NOON)
    (tmp_path / "raw").write_bytes(bytes(2))
    files.replace(NAME, 4, tmp_path / "raw").show(2, NOON)
    assert look_up(readers, 0) == Listed(CodeState.GREEN, NOON)
    assert look_up(readers, 4) == Listed(CodeState.UNKNOWN, NOON)
    files.create(ListName(ISSUER, "2"), CAPACITY).show(1, NOON)
    assert look_up(readers, 0, "2") == Listed(CodeState.UNKNOWN, NOON)
    files.drop(NAME)
    assert look_up(readers, 0) is None
    assert look_up(readers, 0, "2") == Listed(CodeState.UNKNOWN, NOON)


def test_a_list_that_is_dropped_is_gone_for_a_look_up_that_has_begun(
    files: ListFiles, made: WritableList, readers: MappedLists
) -> None:
    """The header says it before the folder does."""
    look_up(readers, 0)
    place = readers._places[ISSUER][URI]
    files.drop(NAME)
    assert place.times[0] == 0.0


def test_what_has_not_changed_stays_mapped(files: ListFiles, made: WritableList, readers: MappedLists) -> None:
    look_up(readers, 0)
    before = readers._places[ISSUER][URI]
    files.create(ListName(ISSUER, "2"), CAPACITY)
    look_up(readers, 0)
    assert readers._places[ISSUER][URI].words is before.words


def test_a_mapping_cannot_be_written(made: WritableList, readers: MappedLists) -> None:
    look_up(readers, 0)
    place = readers._places[ISSUER][URI]
    assert place.words.readonly
    assert place.times.readonly


def test_how_far_each_list_is_held(files: ListFiles, made: WritableList, readers: MappedLists) -> None:
    files.create(ListName(OTHER, "hidden"), CAPACITY)
    made.show(12, Instant(NOON + 3))
    assert readers.lists() == (MappedList(NAME, 12, Instant(NOON + 3), CAPACITY),)


def test_a_folder_may_be_missing_and_come_later(folder: Path, opened: Callable[[], ListFiles]) -> None:
    readers = MappedLists(folder)
    assert look_up(readers, 0) is None
    assert readers.lists() == ()
    opened().create(NAME, CAPACITY).show(1, NOON)
    assert look_up(readers, 0) == Listed(CodeState.UNKNOWN, NOON)


def test_a_folder_that_was_put_there_anew_is_noticed(
    folder: Path, opened: Callable[[], ListFiles], readers: MappedLists
) -> None:
    files = opened()
    files.create(NAME, CAPACITY).show(1, NOON)
    assert look_up(readers, 0) is not None
    files.close()
    shutil.rmtree(folder)
    assert readers.lists() == ()
    assert look_up(readers, 0) is None
    opened().create(NAME, CAPACITY).show(2, NOON)
    assert [held.number for held in readers.lists()] == [2]


@pytest.mark.parametrize("size", [0, 8, 4095, 4097])
def test_a_generation_of_another_size_is_not_mapped(folder: Path, size: int) -> None:
    folder.mkdir(parents=True)
    (folder / GENERATION_FILE).write_bytes(bytes(size))
    readers = MappedLists(folder)
    assert look_up(readers, 0) is None
    assert readers.lists() == ()


REFUSED = {
    "open": ("os.open", errno.EMFILE),
    "map": ("mmap.mmap", errno.ENOMEM),
    "list": ("pathlib.Path.iterdir", errno.EMFILE),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_mapped_now_stays_as_it_was_and_is_tried_again(
    files: ListFiles, made: WritableList, readers: MappedLists, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    assert look_up(readers, 0) is not None
    target, code = REFUSED[what]

    def refuse(*_: object, **__: object) -> int:
        raise OSError(code, "no more")

    files.create(ListName(ISSUER, "2"), CAPACITY).show(1, NOON)
    with monkeypatch.context() as patch:
        patch.setattr(target, refuse)
        assert look_up(readers, 0, "2") is None
        assert look_up(readers, 0) is not None
        assert len(readers.lists()) == 1
    assert look_up(readers, 0, "2") is None, "nothing has changed since"
    assert len(readers.lists()) == 2
    assert look_up(readers, 0, "2") is not None


@pytest.mark.parametrize("what", ["open", "map"])
def test_a_folder_that_cannot_be_mapped_yet_is_tried_at_each_look_up(
    made: WritableList, readers: MappedLists, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    target, code = REFUSED[what]

    def refuse(*_: object, **__: object) -> int:
        raise OSError(code, "no more")

    with monkeypatch.context() as patch:
        patch.setattr(target, refuse)
        assert look_up(readers, 0) is None
        assert readers.lists() == ()
    assert look_up(readers, 0) is not None


def test_a_file_that_goes_while_it_is_looked_for_is_not_held(
    made: WritableList, readers: MappedLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", lambda folder: iter([folder / "gone.list"]))
        assert look_up(readers, 0) is None
        assert readers.lists() == ()


WRITER = """
import sys
from array import array
from pathlib import Path
from gateway.changes import ListName, Word
from gateway.held.list_files import ListFiles
files = ListFiles(Path(sys.argv[1]))
held = files.open_all()[ListName(sys.argv[2], sys.argv[3])]
places = array("I", range(0, 1000, 7))
for number in range(2, 20_002):
    held.write_group(Word((0x0, 0x1, 0x2, 0xC, 0xD, 0xE)[number % 6]), places)
    held.show(number, 1_600_000_000.0 + number)
sys.stdout.write("done")
"""
_TURN = [CodeState.GREEN, CodeState.REVOKED, CodeState.UNDER_REVIEW, CodeState.YELLOW, CodeState.RED]
_TURN.append(CodeState.STALE_DECLARATION)


def test_what_is_read_is_never_older_than_the_time_that_it_names(
    opened: Callable[[], ListFiles], folder: Path, readers: MappedLists
) -> None:
    """Another process writes 20,000 batches, in each of which the state follows the one of the batch before."""
    files = opened()
    held = files.create(NAME, CAPACITY)
    held.write_group(Word(0x1), array("I", range(0, 1000, 7)))
    held.show(1, Instant(1_600_000_001.0))
    files.close()
    command = [sys.executable, "-c", WRITER, str(folder), *NAME]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd())
    numbers, distinct = [1], set()
    try:
        while numbers[-1] < 20_001:
            for index in (0, 497, 994):
                found = look_up(readers, index)
                assert found is not None
                assert found.observed is not None
                assert found.state is not None
                number = round(found.observed - 1_600_000_000.0)
                assert number >= numbers[-1]
                after = look_up(readers, 1)
                assert after is not None
                assert after.observed is not None
                upto = round(after.observed - 1_600_000_000.0) + 1
                ahead = (_TURN.index(found.state) - number) % 6
                assert ahead <= upto - number or upto - number >= 6
                numbers.append(number)
                distinct.add(number)
            assert writer.poll() in (None, 0)
    finally:
        writer.kill()
        said = writer.communicate()[0]
    assert len(distinct) > 2, "it was read while it was written"
    assert said == b"done" or writer.returncode != 0
