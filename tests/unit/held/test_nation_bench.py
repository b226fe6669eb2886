"""The bench of the nation's lists measures what it says, on a ten-thousandth of the nation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.held.list_files import ListFiles
from gateway.held.mapped_lists import MappedLists
from tests.bench.nation_lists import OBSERVED, PEOPLE, load_deflated, load_raw, make_snapshots
from tests.bench.nation_pipeline import measure
from tests.bench.nation_readers import memory_of, readers

SHARE = 1e-4


def test_the_nation_is_whole() -> None:
    assert (len(PEOPLE), sum(PEOPLE.values())) == (31, 1_409_778_724)


def test_each_way_of_loading_loads_the_same_lists(
    opened: Callable[[], ListFiles], folder: Path, tmp_path: Path
) -> None:
    snapshots = make_snapshots(tmp_path, SHARE)
    files = opened()
    load_deflated(files, snapshots, tmp_path)
    deflated = {name: held.digest() for name, held in files.lists.items()}
    load_raw(files, snapshots)
    assert {name: held.digest() for name, held in files.lists.items()} == deflated
    assert deflated == {each.name: each.digest for each in snapshots}
    assert {held.checkpointed for held in files.lists.values()} == {1}
    assert {(each.number, each.observed) for each in MappedLists(folder).lists()} == {(1, OBSERVED)}


def test_a_snapshot_that_was_changed_stops_the_bench(files: ListFiles, tmp_path: Path) -> None:
    snapshots = make_snapshots(tmp_path, SHARE)[-1:]
    raw = bytearray(snapshots[0].raw.read_bytes())
    raw[7] ^= 1
    snapshots[0].raw.write_bytes(raw)
    with pytest.raises(AssertionError):
        load_raw(files, snapshots)
    assert files.lists == {}


def test_readers_and_the_pipeline_find_what_stands_in_the_lists(files: ListFiles, folder: Path, tmp_path: Path) -> None:
    load_raw(files, make_snapshots(tmp_path, SHARE))
    with readers(folder, 1) as processes:
        assert processes.tell("start") == [{}]
        before = memory_of(processes.pids, folder)
        assert processes.tell("touch")[0]["lists"] == 31
        after = memory_of(processes.pids, folder)
        assert min(processes.look_ups()) > 0
        assert processes.tell("prepare") == [{}], "what was looked up was right"
    assert before.lists_pss == 0
    assert after.lists_pss > 0
    cost = measure(MappedLists(folder), 16, rounds=1)
    assert cost.listed > 0
