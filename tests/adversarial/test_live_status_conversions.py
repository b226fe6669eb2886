"""Converted codes whose worker has died: others pass them on no older word of their originals than it would have."""

from __future__ import annotations

from pathlib import Path

from gateway.changes import ListName
from gateway.config import load
from gateway.conversion.observer import ConversionOutcome
from gateway.conversion.publishing import BEAT_S, RegisterPublisher
from gateway.judging import budgets_of
from gateway.rpc.status_convert import write_batch
from gateway.values import CodeState, Purpose
from tests.unit.conversion.keeper import Keeper, verifier_of
from tests.unit.conversion.world import LISTS, OURS, World, opaque, signed
from tests.unit.keeper.test_plain_edge import STATUS, configured
from tests.unit.test_config import MINIMAL

CONVERSION = f"""
[conversion]
signer = "file:conversion.key.pem"
issuer = "{OURS}"
status_uri = "{LISTS}"
"""


async def test_a_word_is_not_believed_for_longer_because_its_worker_died(tmp_path: Path) -> None:
    config = load(configured(tmp_path, MINIMAL + STATUS + CONVERSION))
    assert config.conversion is not None
    recheck_s, stale_after_s = config.conversion.recheck_s, config.conversion.stale_after_s
    world = World(tmp_path / "keys", recheck_s=recheck_s, stale_after_s=stale_after_s)
    keeper = Keeper(world.clock, verifier_of(world.converter.signer))
    publisher = RegisterPublisher(
        world.converter.register, OURS, world.converter.signer, keeper, write_batch, world.clock
    )
    heard = world.at
    made = await world.made(opaque())
    for _ in range(int(recheck_s / BEAT_S)):  # up to the moment before it would have asked again
        await publisher.flush()
        world.pass_time(BEAT_S)
    await publisher.flush()
    # its worker dies, and another looks into the list when the original's word is just too old
    head = keeper.heads[ListName(OURS, made.pointer.uri)]
    assert keeper.reads(head.name, made.pointer.index) is CodeState.GREEN
    world.clock.now = heard
    world.pass_time(stale_after_s + 1)
    for purpose in (None, *Purpose):
        assert world.at - head.issued > budgets_of(config).of(OURS, purpose).budget_s


async def test_no_more_signed_originals_than_can_be_looked_at_in_time(tmp_path: Path) -> None:
    """A worker's own look-up knows for how long nobody has looked; others only read the place."""
    world = World(tmp_path / "keys", recheck_s=2.0, stale_after_s=6.0)
    world.converter.bindings._signed = world.settings.signed_capacity - 1
    assert await world.converted(signed()) is not None
    assert await world.converted(signed(number=2)) is None
    assert world.counts.asked[-1] is ConversionOutcome.FULL
    assert await world.converted(signed()) is not None, "the same original costs no further look"
    assert await world.converted(opaque()) is not None
    world.pass_time(14_400)
    assert await world.converted(signed(number=2, lives=30_000)) is not None
