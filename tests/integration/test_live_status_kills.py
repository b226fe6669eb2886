"""The drill of tests/bench/kill_drill.py, in the small; and that its reader sees what must not be."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest

from gateway.changes import ListName, Word
from gateway.held.list_files import ListFiles, WritableList
from gateway.status import words
from gateway.values import Instant, IssuerId
from tests.bench.kill_board import MARKS, Board, Reader, Readings
from tests.bench.kill_drill import run
from tests.bench.kill_gateway import KEEPER, WHOLE

NAME = ListName(IssuerId("https://health.guizhou.test"), "https://status.guizhou.test/1")
AT = Instant(1_600_000_000.0)


async def test_what_is_killed_loses_nothing_and_shows_nothing_old(tmp_path: Path) -> None:
    victims = [(0, KEEPER), (1, KEEPER), (1, KEEPER), (0, "worker-1"), (0, WHOLE), (1, WHOLE)]
    drill = await run(tmp_path, cycle(victims), kills=6, seed=7, every_s=1.0, epoch_batches=60)
    assert drill.faults == []
    assert drill.kills == 6
    assert drill.tally.calls_failed
    assert drill.checks.logged_batches > drill.tally.batches
    assert drill.readings.look_ups


class Watched:
    """A list, a reader of it, and the board between them."""

    def __init__(self, folder: Path, board: Path) -> None:
        self.board = Board(board)
        self.files = ListFiles(folder)
        self.held: WritableList = self.files.create(NAME, 64)
        self.write(1, words.GREEN)
        self.board.set_live(0, live=True)
        self.reader = Reader(Board(board), [folder])
        self.reader.announce(0, NAME, list(range(MARKS)))
        self.reader.look()

    def write(self, number: int, word: Word) -> None:
        """Write every marked place, and show it as this batch."""
        self.held.write_group(word, array("I", range(MARKS)))
        self.held.show(number, AT)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path / "lists", tmp_path / "board")
    yield made
    made.files.close()


def red_then_green(its: Watched) -> None:
    its.write(2, words.RED)
    its.reader.look()
    its.write(3, words.GREEN)


def acknowledged_and_not_shown(its: Watched) -> None:
    its.board.raise_to(0, 0, 1, {5: 3})


def red_then_yellow(its: Watched) -> None:
    its.write(2, words.RED)
    its.reader.look()
    its.write(3, words.YELLOW)


def number_not_shown(its: Watched) -> None:
    its.board.raise_to(0, 0, 2, {})


def gone(its: Watched) -> None:
    its.board.settle(0, 0)
    its.files.drop(NAME)


def gone_and_filled_again(its: Watched) -> None:
    its.files.drop(NAME)


def closed(its: Watched) -> None:
    red_then_green(its)
    its.board.set_live(0, live=False)


@pytest.mark.parametrize(
    ("happens", "wanted"),
    [
        (red_then_green, {"wrong_green": MARKS}),
        (acknowledged_and_not_shown, {"wrong_green": 1}),
        (red_then_yellow, {"older_word": MARKS}),
        (number_not_shown, {"number_back": 1}),
        (gone, {"gaps": MARKS}),
        (gone_and_filled_again, {"unread": MARKS}),
        (closed, {}),
    ],
)
def test_the_reader_sees_what_must_not_be(
    watched: Watched, happens: Callable[[Watched], None], wanted: dict[str, int]
) -> None:
    assert not watched.reader.found.broken
    happens(watched)
    watched.reader.look()
    kinds = set(Readings.__slots__) - {"rounds", "look_ups", "told"}
    found = {kind: getattr(watched.reader.found, kind) for kind in kinds}
    assert {kind: times for kind, times in found.items() if times} == wanted
    assert watched.reader.found.broken is bool(wanted.keys() - {"unread"})
