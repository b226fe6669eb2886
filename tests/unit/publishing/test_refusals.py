"""What is refused changes nothing at all: not the log, not the file, not the head; nobody is told, nothing is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.changes import BatchDigest, BatchRefusal, BatchRefused, Block, SignedBatch, StateDigest
from gateway.publishing.settings import LedgerSettings
from gateway.status import words
from gateway.values import Algorithm, Instant, IssuerId, ReasonClass
from tests.conftest import FakeClock
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import StatusIssuer, group, sign_body

from .house import ISSUER, KEYS, House, province, raw_of, trust_of
from .memory_log import MemoryLog

STRANGERS = (make_key(Algorithm.ED25519, "first"), make_key(Algorithm.ED25519, "second"))
RED = {words.RED: [3]}

Make = Callable[[StatusIssuer, Instant], SignedBatch]


def changed(changes: Mapping[Any, Any] | list[Any] = RED, **wrong: Any) -> Make:
    """Return how to make the next batch, wrongly."""
    wrong = {"number": 4} | wrong
    return lambda one, at: one.change(changes, at, **wrong)


REFUSED: dict[str, tuple[BatchRefusal, Make]] = {
    "no message": (BatchRefusal.MALFORMED, lambda one, at: sign_body(b"\xff\xff", one.keys)),
    "endless": (BatchRefusal.TOO_LARGE, lambda one, at: sign_body(bytes(5 << 20), one.keys)),
    "stranger": (BatchRefusal.BAD_SIGNATURE, changed(keys=STRANGERS)),
    "altered": (
        BatchRefusal.BAD_SIGNATURE,
        lambda one, at: replace(one.change(RED, at, number=4), body=one.change({words.GREEN: [3]}, at, number=4).body),
    ),
    "unknown issuer": (
        BatchRefusal.UNKNOWN_ISSUER,
        lambda one, at: one.change(RED, at, name=one.name._replace(issuer=IssuerId("nobody"))),
    ),
    "unknown list": (
        BatchRefusal.UNKNOWN_LIST,
        lambda one, at: one.change(RED, at, name=one.name._replace(uri=one.name.uri + "/")),
    ),
    "bulk by one": (BatchRefusal.SECOND_SIGNATURE_REQUIRED, changed({words.RED: range(200)})),
    "bulk by one, twice": (
        BatchRefusal.SECOND_SIGNATURE_REQUIRED,
        changed({words.RED: range(200)}, keys=(KEYS[0], KEYS[0])),
    ),
    "gap": (BatchRefusal.NUMBER_GAP, changed(number=5)),
    "fast forward": (BatchRefusal.NUMBER_GAP, changed(number=(1 << 53) - 1)),
    "beyond all numbers": (BatchRefusal.MALFORMED, changed(number=(1 << 63) - 1)),
    "another second batch": (BatchRefusal.NUMBER_TAKEN, changed(number=2)),
    "another third batch": (BatchRefusal.NUMBER_TAKEN, changed(number=3)),
    "opened again": (
        BatchRefusal.NUMBER_TAKEN,
        lambda one, at: one.open(at, number=1, previous=None, capacity=2_048),
    ),
    "chain": (BatchRefusal.BROKEN_CHAIN, changed(previous=BatchDigest(bytes(32)))),
    "future": (BatchRefusal.IN_THE_FUTURE, lambda one, at: one.change(RED, Instant(at + 31), number=4)),
    "past": (BatchRefusal.TIME_GOES_BACK, lambda one, at: one.change(RED, Instant(at - 1), number=4)),
    "outside": (BatchRefusal.INDEX_OUT_OF_RANGE, changed({words.RED: [3, 1_024]})),
    "twice": (BatchRefusal.INDEX_REPEATED, changed([group(words.RED, [3]), group(words.GREEN, [3])])),
    "no reason": (
        BatchRefusal.REASON_REQUIRED,
        changed([replace(group(words.RED, [3]), reason_class=None)]),
    ),
    "wrong reason": (
        BatchRefusal.REASON_CONTRADICTS,
        changed([group(words.RED, [3], reason=ReasonClass.YELLOW_OTHER)]),
    ),
    "reason for a green": (
        BatchRefusal.REASON_CONTRADICTS,
        changed([group(words.GREEN, [3], reason=ReasonClass.RED_INBOUND)]),
    ),
    "nobody's order": (BatchRefusal.AUTHORITY_REQUIRED, changed([group(words.RED, [3], authority="")])),
    "corrects itself": (BatchRefusal.CORRECTS_NOTHING, changed([group(words.RED, [3], corrects=4)])),
    "filled too late": (BatchRefusal.BLOCK_TOO_LATE, lambda one, at: one.fill(0, bytes(8), at, number=4)),
    "another list's digest": (BatchRefusal.DIGEST_MISMATCH, changed(state_digest=StateDigest(bytes(32)))),
    "closes and changes": (BatchRefusal.MALFORMED, changed(closing=True)),
}


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock) -> House:
    return await House(
        tmp_path / "lists", MemoryLog(), clock, LedgerSettings(bulk_size=100, max_lists=2, max_bytes=1_024)
    ).start()


async def opened(house: House) -> StatusIssuer:
    """Return a province that holds three batches."""
    zhejiang, at = province(), house.clock()
    for signed in (zhejiang.open(at), zhejiang.change({words.GREEN: range(50)}, at), zhejiang.change(RED, at)):
        await house.submit(signed)
    return zhejiang


@pytest.mark.parametrize("what", REFUSED)
async def test_a_refused_batch_changes_nothing(house: House, what: str) -> None:
    refusal, make = REFUSED[what]
    zhejiang = await opened(house)
    log = house.log
    assert isinstance(log, MemoryLog)
    before = (dict(log.shared.rows), house.ledger.heads(), raw_of(house.folder, zhejiang.name), len(log.appends))
    files = sorted(path.name for path in house.folder.iterdir())
    with house.ledger.subscribe() as news:
        refused = await house.refusal(make(zhejiang, house.clock()))
    assert refused.refusal is refusal
    after = (dict(log.shared.rows), house.ledger.heads(), raw_of(house.folder, zhejiang.name), len(log.appends))
    assert after == before
    assert sorted(path.name for path in house.folder.iterdir()) == files
    with pytest.raises(StopAsyncIteration):
        await anext(news)
    assert set(house.ledger._lanes) == {zhejiang.name}
    assert [told for _, told in house.told.refused] == [refusal]
    assert len(house.told.applied) == 3
    assert house.told.failures == []
    # and the province goes on as if it had never been
    assert await house.submit(zhejiang.change({words.YELLOW: [9]}, house.clock())) == (4, False)
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_only_proven_issuers_are_named(house: House) -> None:
    zhejiang, at = await opened(house), house.clock()
    await house.refusal(zhejiang.change(RED, at, number=9))
    await house.refusal(zhejiang.change(RED, at, number=9, keys=STRANGERS))
    await house.refusal(sign_body(b"\xff", KEYS))
    assert [issuer for issuer, _ in house.told.refused] == [ISSUER, None, None]


async def test_how_much_is_held_is_told_to_the_issuer_only(house: House) -> None:
    zhejiang, at = await opened(house), house.clock()
    assert (await house.refusal(zhejiang.change(RED, at, number=9))).held == 3
    assert (await house.refusal(zhejiang.change(RED, at, number=9, keys=STRANGERS))).held == 0


async def test_a_broken_chain_is_a_contradiction(house: House) -> None:
    zhejiang = await opened(house)
    await house.refusal(zhejiang.change(RED, house.clock(), number=4, previous=BatchDigest(bytes(32))))
    assert house.told.contradicted == [(zhejiang.name, 3)]


async def test_room_is_bounded_and_comes_back(house: House, clock: FakeClock) -> None:
    first, second, third = (province(f"https://z.example/{n}") for n in range(3))
    too_large = province("https://z.example/large", 1_026)
    await house.submit(first.open(clock()))
    assert (await house.refusal(too_large.open(clock(), number=1))).refusal is BatchRefusal.TOO_MANY_LISTS
    await house.submit(second.open(clock()))
    assert (await house.refusal(third.open(clock(), number=1))).refusal is BatchRefusal.TOO_MANY_LISTS
    assert sorted(house.ledger._lanes) == sorted([first.name, second.name])
    await house.submit(first.close(clock()))
    third = province("https://z.example/2")
    assert await house.submit(third.open(clock())) == (1, False)


async def test_the_last_room_is_taken_once(tmp_path: Path, clock: FakeClock) -> None:
    house = await House(tmp_path / "lists", MemoryLog(), clock, LedgerSettings(max_lists=1)).start()
    openings = [province(f"https://z.example/{number}").open(clock()) for number in range(3)]
    answers = await asyncio.gather(*map(house.submit, openings), return_exceptions=True)
    assert sorted(str(one) for one in answers) == sorted(
        ["(1, False)", *("BATCH_TOO_MANY_LISTS: capacity" for _ in range(2))]
    )
    assert len(list(house.folder.glob("*.list"))) == 1


@pytest.mark.parametrize("blocks", [(), (Block(0, bytes(20)),)])
async def test_a_list_may_be_proven_from_its_first_batch_to_its_last(
    house: House, clock: FakeClock, blocks: tuple[Block, ...]
) -> None:
    expected = province()
    expected.open(clock(), blocks=blocks)
    zhejiang, nothing = province(), StateDigest(sha256(b"\xff" * 512).digest())
    wrong = zhejiang.open(clock(), blocks=blocks, state_digest=StateDigest(bytes(32)))
    assert (await house.refusal(wrong)).refusal is BatchRefusal.DIGEST_MISMATCH
    assert house.ledger._lanes == {}
    opening = zhejiang.open(clock(), blocks=blocks, state_digest=expected.state_digest)
    assert await house.submit(opening) == (1, False)
    closing: dict[str, Any] = {"closing": True, "number": 2, "previous": opening.digest}
    wrong = zhejiang.heartbeat(clock(), **closing, state_digest=StateDigest(bytes(32)))
    assert (await house.refusal(wrong)).refusal is BatchRefusal.DIGEST_MISMATCH
    assert await house.submit(zhejiang.heartbeat(clock(), **closing, state_digest=nothing)) == (2, False)


async def test_closed_addresses_are_bounded_too(tmp_path: Path, clock: FakeClock) -> None:
    house = await House(tmp_path / "lists", MemoryLog(), clock, LedgerSettings(max_closed=1)).start()
    for number, refused in ((1, False), (2, True)):
        one = province(f"https://z.example/{number}")
        opening = one.open(clock())
        if refused:
            assert (await house.refusal(opening)).refusal is BatchRefusal.TOO_MANY_LISTS
        else:
            await house.submit(opening)
            await house.submit(one.close(clock()))


async def test_a_closed_list_stays_closed(house: House, clock: FakeClock) -> None:
    zhejiang = await opened(house)
    closing = zhejiang.close(clock())
    assert await house.submit(closing) == (4, False)
    assert house.look(zhejiang, 3) is None
    assert await house.submit(closing) == (4, True)
    assert (await house.refusal(zhejiang.change(RED, clock()))).refusal is BatchRefusal.LIST_CLOSED
    again = province()
    assert (await house.refusal(again.open(clock(), capacity=4))).refusal is BatchRefusal.NUMBER_TAKEN
    (head,) = house.ledger.heads()
    assert head.closed
    house = await house.crash_and_start()
    assert house.ledger.heads() == (head,)
    assert (await house.refusal(zhejiang.change(RED, clock(), number=5))).refusal is BatchRefusal.LIST_CLOSED


async def test_what_is_too_old_to_compare_is_told_as_that(house: House, clock: FakeClock) -> None:
    house.settings = LedgerSettings(bulk_size=100, keep_s=10, prune_s=0)
    house = await house.crash_and_start()
    zhejiang = province()
    first, second = zhejiang.open(clock()), zhejiang.heartbeat(clock())
    for signed in (first, second, zhejiang.heartbeat(clock())):
        await house.submit(signed)
    clock.advance(11)
    await house.ledger.checkpoint()
    assert house.ledger.base(zhejiang.name) == 2
    assert (await house.refusal(first)).refusal is BatchRefusal.NUMBER_OLD
    assert (await house.refusal(second)).refusal is BatchRefusal.NUMBER_OLD
    assert await house.submit(zhejiang.batches[-1]) == (3, True)


async def test_a_block_behind_a_group_that_waits_with_it_is_too_late(house: House, clock: FakeClock) -> None:
    zhejiang = province()
    await house.submit(zhejiang.open(clock()))
    batches = [zhejiang.change(RED, clock()), zhejiang.fill(0, bytes(8), clock())]
    answers = await asyncio.gather(*map(house.submit, batches), return_exceptions=True)
    assert answers[0] == (2, False)
    assert isinstance(answers[1], BatchRefused)
    assert answers[1].refusal is BatchRefusal.BLOCK_TOO_LATE


async def test_a_list_may_be_opened_filled_changed_and_closed_in_one_go(house: House, clock: FakeClock) -> None:
    zhejiang, at = province(), clock()
    batches = [*zhejiang.fill_all(bytes(512), at), zhejiang.change(RED, at, prove=True), zhejiang.close(at)]
    assert await asyncio.gather(*map(house.submit, batches)) == [(number, False) for number in range(1, 5)]
    assert house.ledger.heads()[0].closed
    assert house.look(zhejiang, 3) is None


async def test_a_proven_digest_is_taken(house: House, clock: FakeClock) -> None:
    zhejiang = province()
    await house.submit(zhejiang.open(clock(), blocks=[Block(0, bytes(100))]))
    await house.submit(zhejiang.change({words.RED: [5, 77], words.GREEN: [1_023]}, clock(), prove=True))
    await house.submit(zhejiang.heartbeat(clock(), prove=True))
    assert house.workers_read(zhejiang) == zhejiang.held


async def test_a_trust_list_that_has_run_out_lets_nobody_publish(house: House, clock: FakeClock) -> None:
    zhejiang = await opened(house)
    house.trust = trust_of(expires=clock())
    assert (await house.refusal(zhejiang.heartbeat(clock()))).refusal is BatchRefusal.UNKNOWN_ISSUER
