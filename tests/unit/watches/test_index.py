"""Which watched codes a batch touches, whatever is more: its changes or they."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator

import pytest

from gateway.changes import Block, ChangeGroup, ListName, StatusBatch, Word
from gateway.status import words
from gateway.values import Purpose
from gateway.watches import due
from gateway.watches.due import DueCodes
from gateway.watches.index import WatchIndex
from gateway.watches.watch import Watched
from tests.conftest import NOON
from tests.unit.watches.world import LIST, OTHER, TERMS, World, code


def batch(changes: dict[Word, list[int]], name: ListName = LIST, blocks: tuple[Block, ...] = ()) -> StatusBatch:
    groups = tuple(ChangeGroup(word, array("I", sorted(indices)), "office") for word, indices in changes.items())
    return StatusBatch(name, 2, None, NOON, None, groups, blocks)


def filled(world: World, indices: list[int], name: ListName = LIST) -> tuple[WatchIndex, list[Watched]]:
    """Return an index of codes at these places."""
    index, watch = WatchIndex(), world.open().watch
    made = []
    for number, place in enumerate(indices):
        watched = Watched(watch, f"h{number}", world.judge.judge(code(place), TERMS, NOON))
        watched.watch_for(code(place), name, place)
        index.add(watched, name)
        made.append(watched)
    return index, made


@pytest.mark.parametrize("watched", [1, 3, 50, 1_000])
@pytest.mark.parametrize("changed", [1, 40, 5_000])
def test_all_that_are_touched_are_found_and_no_other(watched: int, changed: int) -> None:
    chance = random.Random(watched * 10_000 + changed)
    places = [chance.randrange(8_000) for _ in range(watched)]
    index, made = filled(World(), places)
    wanted = set(chance.sample(range(8_000), changed))
    touched = index.touched(batch({words.RED: sorted(wanted)}))
    assert sorted(map(id, touched.worse)) == sorted(id(one) for one in made if one.index in wanted)
    assert touched.others == []


@pytest.mark.parametrize("places", [[0], [7_999], [0, 7_999]])
def test_the_ends_of_a_long_group_count(places: list[int]) -> None:
    index, made = filled(World(), places)
    assert index.touched(batch({words.GREEN: list(range(8_000))})).others == made
    assert index.touched(batch({words.GREEN: list(range(1, 7_999))})).others == []
    assert index.touched(batch({words.GREEN: list(range(8_000)), words.RED: [9_000]})).worse == []


def test_another_list_touches_nothing() -> None:
    index, _ = filled(World(), [1, 2])
    assert index.touched(batch({words.RED: [1, 2]}, OTHER)) == ([], [])


def test_what_a_block_fills_is_touched() -> None:
    index, made = filled(World(), [9, 10, 13, 14])
    touched = index.touched(batch({}, blocks=(Block(10, b"\x00\x00"),)))
    assert touched.worse == made[1:3]


def test_each_code_is_looked_for_once_however_many_blocks_there_are() -> None:
    """256 blocks over 100,000 codes would hold the loop for two seconds, and with it every other issuer's batches."""
    chance = random.Random(7)
    starts = sorted(chance.sample(range(0, 8_000, 4), 256))
    blocks = tuple(Block(start, bytes(chance.randrange(1, 3))) for start in starts)
    index, made = filled(World(), list(range(0, 8_200, 3)))
    looked_for = 0

    class Counted(dict[int, list[Watched]]):
        def __iter__(self) -> Iterator[int]:
            nonlocal looked_for
            looked_for += len(self)
            return super().__iter__()

    places = index._lists[LIST]
    places.codes = Counted(places.codes)
    touched = index.touched(batch({}, blocks=blocks))
    written = {place for block in blocks for place in range(block.first, block.first + 2 * len(block.words))}
    assert touched.worse == [one for one in made if one.index in written]
    assert looked_for <= len(made)


def test_what_was_removed_is_not_found_and_leaves_nothing() -> None:
    index, made = filled(World(), [5, 5, 6])
    assert (len(index), index.purposes(LIST)) == (3, (Purpose.TRANSPORT_ARRIVAL,))
    index.remove(made[0], LIST)
    assert index.touched(batch({words.RED: [5]})).worse == [made[1]]
    for one in made[1:]:
        index.remove(one, LIST)
    assert (len(index), index.names(), LIST in index) == (0, (), False)
    assert list(index.everything()) == []


def test_the_line_of_due_codes_holds_little_more_than_lives() -> None:
    _, made = filled(World(), list(range(3_000)))
    line = DueCodes(600.0)
    for _ in range(3):
        line.begin_anew(made, NOON)
        for watched in made:
            line.retry(watched, NOON)
    for watched in made[10:]:
        watched.end()
    line.take(NOON, 10)
    assert len(line._line) == 10
    taken = {one.index for second in range(0, 1_000, 10) for one in line.take(NOON + second, 10)}  # type: ignore[arg-type]
    assert taken == set(range(10))


def test_many_that_are_due_at_once_are_taken_in_parts() -> None:
    _, made = filled(World(), list(range(due.AT_ONCE + 5)))
    line = DueCodes(600.0)
    for watched in made:
        line.schedule(watched, NOON)
    later = type(NOON)(NOON + 601)
    parts = [len(line.take(later, len(made))) for _ in range(3)]
    assert parts == [due.AT_ONCE, 5, 0]
