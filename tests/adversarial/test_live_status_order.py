"""What was acknowledged is never read older, in whatever order a snapshot, the log and the disk come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.changes import ListHead, ListName, StoreDegraded
from gateway.status import words
from gateway.store.change_log import LoggedBatch
from gateway.values import CodeState
from tests.conftest import FakeClock
from tests.unit.publishing.house import House, province
from tests.unit.publishing.memory_log import MemoryLog

PERSON = 7


@pytest.mark.parametrize("log_answers", [True, False])
async def test_a_snapshot_behind_the_log_shows_no_green_over_the_red_above_it(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, *, log_answers: bool
) -> None:
    log = MemoryLog()
    node = await House(tmp_path / "node", log, clock).start()
    zhejiang = province()
    await node.submit(zhejiang.open(clock()))
    await node.submit(zhejiang.change({words.GREEN: [PERSON]}, clock()))
    assert zhejiang.digest is not None
    head = ListHead(zhejiang.name, zhejiang.capacity, 2, zhejiang.digest, clock(), clock())
    raw = tmp_path / "raw"
    raw.write_bytes(zhejiang.held)
    await node.submit(zhejiang.change({words.RED: [PERSON]}, clock()))
    assert node.look(zhejiang, PERSON) is CodeState.RED
    await node.ledger.distrust(zhejiang.name)

    read, seen = log.read, []

    async def looked_at(name: ListName, after: int, most_bytes: int) -> Sequence[LoggedBatch]:
        seen.append(node.look(zhejiang, PERSON))
        if after >= head.number and not log_answers:
            raise StoreDegraded("memory: broken")
        return await read(name, after, most_bytes)

    with monkeypatch.context() as patch:
        patch.setattr(log, "read", looked_at)
        try:
            await node.ledger.adopt(head, raw, zhejiang.batches[1], clock())
        except StoreDegraded:
            assert not log_answers
        seen.append(node.look(zhejiang, PERSON))
    assert CodeState.GREEN not in seen
    await node.ledger.probe()
    assert node.look(zhejiang, PERSON) is CodeState.RED


async def test_a_snapshot_behind_what_readers_have_seen_is_not_shown_either(tmp_path: Path, clock: FakeClock) -> None:
    """The log was put back to an older state, and the gateway that is followed lags."""
    log = MemoryLog()
    node = await House(tmp_path / "node", log, clock).start()
    zhejiang = province()
    await node.submit(zhejiang.open(clock()))
    await node.submit(zhejiang.heartbeat(clock()))
    before = (dict(log.shared.rows), list(log.shared.batches[zhejiang.name]))
    await node.submit(zhejiang.change({words.GREEN: [PERSON]}, clock()))
    assert zhejiang.digest is not None
    head = ListHead(zhejiang.name, zhejiang.capacity, 3, zhejiang.digest, clock(), clock())
    raw = tmp_path / "raw"
    raw.write_bytes(zhejiang.held)
    await node.submit(zhejiang.change({words.RED: [PERSON]}, clock()))
    assert node.look(zhejiang, PERSON) is CodeState.RED

    rows, batches = before
    log.shared.rows = {zhejiang.name: replace(rows[zhejiang.name], base=1)}
    log.shared.batches = {zhejiang.name: batches[1:]}
    node = await node.crash_and_start()
    assert node.ledger.missing() == (zhejiang.name,)
    await node.ledger.adopt(head, raw, zhejiang.batches[2], clock())
    assert node.ledger.missing() == ()
    assert node.look(zhejiang, PERSON) is None
    await node.submit(zhejiang.batches[3])
    assert node.look(zhejiang, PERSON) is CodeState.RED
