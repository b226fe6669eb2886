"""What becomes of an original reaches the codes that were made from it; who cannot be asked lets nobody through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from healthcode.interop.v1.conversion_service_pb2 import ConvertCodeRequest
from healthcode.interop.v1.verification_service_pb2 import VerificationContext

from gateway.conversion import recheck
from gateway.conversion.observer import RecheckOutcome
from gateway.conversion.recheck import IN_FLIGHT, SIGNED_PER_LOOK, SLICE, Rechecks
from gateway.errors import NotReady, Reason
from gateway.rpc.conversion import convert_code
from gateway.values import Caller, CallerId, CallerKind, CodeState, Decision, Instant, Measure, OpaqueCode, Way
from tests.conftest import NOON
from tests.unit.conversion.world import HAINAN, RULES, YUNNAN, ZHEJIANG, World, opaque, signed
from tests.unit.rpc.fakes import Desk
from tests.unit.rpc.test_audited import FakeAudit, turned

ID = "00000001"
CANARY = "Zhang Wei 330102199001011234"
OTHER_STATES = {
    "yellow": (Measure.LIMITED, Reason.STATE_YELLOW),
    "under_review": (Measure.LIMITED, Reason.STATE_UNDER_REVIEW),
    "unconfirmed": (Measure.LIMITED, Reason.STATE_UNCONFIRMED),
    "stale_declaration": (Measure.LIMITED, Reason.STATE_STALE_DECLARATION),
    "red": (Measure.DENY, Reason.STATE_RED),
    "a word that nobody has explained": (Measure.MANUAL, Reason.STATUS_UNAVAILABLE),
}


async def verdicts(world: World, made: Any) -> tuple[Measure, Reason]:
    """Return what a gate makes of a converted code, which is the same in both spellings."""
    token = await world.judged(made.jws.encode())
    text = await world.judged(made.qr.encode())
    assert (token.measure, token.reasons[0]) == (text.measure, text.reasons[0])
    return token.measure, token.reasons[0]


async def until(true: Callable[[], bool]) -> None:
    """Give others their turn until it is so."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 what is waited for sets no event
            await asyncio.sleep(0.001)


PASSES = (Measure.PASS, Reason.STATE_GREEN)
UNAVAILABLE = (Measure.MANUAL, Reason.STATUS_UNAVAILABLE)


@pytest.mark.parametrize("word", OTHER_STATES)
async def test_whatever_an_opaque_original_becomes_reaches_its_codes(world: World, word: str) -> None:
    made = await world.made(opaque())
    assert await verdicts(world, made) == PASSES
    world.yunnan.says[ID] = word
    await world.look_again()
    assert await verdicts(world, made) == OTHER_STATES[word]


async def test_a_later_red_stays_although_its_issuer_takes_it_back(world: World) -> None:
    made = await world.made(opaque())
    for word, expected in (
        ("green", PASSES),
        ("red", OTHER_STATES["red"]),
        ("green", OTHER_STATES["red"]),
        ("yellow", OTHER_STATES["red"]),
    ):
        world.yunnan.says[ID] = word
        await world.look_again()
        assert await verdicts(world, made) == expected
    again = await world.made(opaque())
    assert (await world.judged(again.jws.encode())).measure is Measure.LIMITED, "a new conversion says what is so now"
    assert world.counts.marks == [CodeState.RED]


async def test_states_that_do_not_compare_hold_a_code_back_until_they_agree(world: World) -> None:
    world.yunnan.says[ID] = "yellow"
    made = await world.made(opaque())
    for word, expected in (
        ("under_review", UNAVAILABLE),
        ("yellow", OTHER_STATES["yellow"]),
        ("unconfirmed", UNAVAILABLE),
        ("green", OTHER_STATES["yellow"]),
        ("red", OTHER_STATES["red"]),
    ):
        world.yunnan.says[ID] = word
        await world.look_again()
        assert await verdicts(world, made) == expected


@pytest.mark.parametrize(
    ("stops", "expected"),
    [
        (Reason.EXPIRED, (Measure.DENY, Reason.REVOKED)),
        (Reason.REVOKED, (Measure.DENY, Reason.REVOKED)),
        (Reason.CODE_NOT_FOUND, UNAVAILABLE),
        (Reason.NOT_ITS_ISSUERS, UNAVAILABLE),
    ],
)
async def test_an_original_that_is_one_no_longer_ends_its_codes(
    world: World, stops: Reason, expected: tuple[Measure, Reason]
) -> None:
    made = await world.made(opaque())
    world.yunnan.stops = stops
    await world.look_again()
    assert await verdicts(world, made) == expected
    world.yunnan.stops = None
    await world.look_again()
    assert await verdicts(world, made) == (expected if expected[0] is Measure.DENY else PASSES)


@pytest.mark.parametrize(
    "stops",
    [Reason.UPSTREAM_UNAVAILABLE, Reason.UPSTREAM_INVALID, Reason.UPSTREAM_REFUSED, Reason.ISSUER_NOT_CONNECTED],
)
async def test_silence_is_borne_for_so_long_and_no_longer(world: World, stops: Reason) -> None:
    made = await world.made(opaque())
    world.yunnan.stops = stops
    for _ in range(5):
        await world.look_again()
        assert await verdicts(world, made) == PASSES
    await world.look_again()
    assert world.at - NOON > world.settings.stale_after_s
    assert await verdicts(world, made) == UNAVAILABLE
    assert world.counts.marks == [CodeState.UNKNOWN]
    world.yunnan.stops = None
    await world.look_again()
    assert await verdicts(world, made) == PASSES
    assert world.counts.marks == [CodeState.UNKNOWN, CodeState.GREEN]


async def test_what_was_red_stays_red_in_silence(world: World) -> None:
    made = await world.made(opaque())
    world.yunnan.says[ID] = "red"
    await world.look_again()
    world.yunnan.stops = Reason.UPSTREAM_UNAVAILABLE
    await world.look_again(3_000)
    assert await verdicts(world, made) == OTHER_STATES["red"]


async def test_a_task_that_has_died_lets_nobody_through(world: World) -> None:
    """Nothing looks again: the codes hold as long as silence is borne, then a person decides."""
    online, token = await world.made(opaque()), await world.made(signed())
    world.pass_time(world.settings.stale_after_s)
    assert await verdicts(world, online) == await verdicts(world, token) == PASSES
    world.pass_time(0.001)
    assert await verdicts(world, online) == await verdicts(world, token) == UNAVAILABLE


async def test_after_a_restart_a_person_decides(world: World) -> None:
    online, token = await world.made(opaque()), await world.made(signed())
    world.restart()
    for made in (online, token):
        assert await verdicts(world, made) == UNAVAILABLE
    await world.look_again()
    assert await verdicts(world, online) == UNAVAILABLE
    assert world.yunnan.asked == [(ID, 1.0)]


async def test_a_signed_original_that_is_revoked_takes_its_codes_with_it(world: World) -> None:
    made = await world.made(signed())
    other = await world.made(signed(number=2))
    world.revoked["code-1"] = None
    world.reload()
    assert await verdicts(world, made) == PASSES
    world.rechecks.trust_changed()
    await world.look_again(0)
    assert await verdicts(world, made) == (Measure.DENY, Reason.REVOKED)
    assert await verdicts(world, other) == PASSES
    assert world.yunnan.asked == []


async def test_a_statement_that_means_something_else_now_reaches_the_codes(world: World) -> None:
    made = await world.made(signed())
    world.states["green"] = CodeState.YELLOW
    world.reload()
    await world.look_again()
    assert await verdicts(world, made) == OTHER_STATES["yellow"]


async def test_an_issuer_that_is_trusted_no_more_holds_its_codes_back(world: World) -> None:
    made = await world.made(signed())
    world.reload(guizhou=False)
    await world.look_again()
    assert await verdicts(world, made) == UNAVAILABLE
    world.reload()
    await world.look_again()
    assert await verdicts(world, made) == PASSES


@pytest.mark.parametrize("original", [signed(), opaque()], ids=["signed", "opaque"])
async def test_a_division_that_agrees_no_more_holds_its_codes_back(
    world: World, monkeypatch: pytest.MonkeyPatch, original: bytes
) -> None:
    made = await world.made(original)
    monkeypatch.setattr("tests.unit.conversion.world.RULES", RULES.replace('"verify", "convert"', '"verify"'))
    world.reload()
    assert await world.converted(original) is None
    await world.look_again()
    assert await verdicts(world, made) == UNAVAILABLE
    world.converter.noticed(original, await world.judged(original))
    assert await verdicts(world, made) == UNAVAILABLE, "that it is still green somewhere does not let it off"


async def test_what_anybody_learns_reaches_the_codes_at_once(world: World) -> None:
    made, elsewhere = await world.made(opaque()), await world.made(opaque(), HAINAN)
    world.yunnan.says[ID] = "red"
    world.converter.noticed(opaque(), await world.judged(opaque(), HAINAN))
    assert await verdicts(world, made) == OTHER_STATES["red"]
    assert (await world.judged(elsewhere.jws.encode(), HAINAN)).reasons[0] is Reason.STATE_RED


async def test_what_is_learnt_while_a_conversion_waits_reaches_its_code(world: World) -> None:
    audit = FakeAudit()
    desk = replace(Desk(receipts=None)(), pipeline=world.pipeline, converter=world.converter, audit=audit)
    context = VerificationContext(purpose=2, receiving_division=ZHEJIANG)  # type: ignore[arg-type]
    caller = Caller(CallerId("spiffe://zhejiang/gate"), CallerKind.TLS_PEER)
    asking = asyncio.create_task(
        convert_code(ConvertCodeRequest(context=context, code=opaque()), caller, world.at, desk)
    )
    await turned()
    world.yunnan.says[ID] = "red"
    world.converter.noticed(opaque(), await world.judged(opaque()))
    audit.settle()
    made = (await asking).converted
    assert (await world.judged(made.jws.encode())).reasons[0] is Reason.STATE_RED


async def test_nothing_is_noticed_of_codes_that_nothing_was_made_from(world: World) -> None:
    world.yunnan.says[ID] = "red"
    world.converter.noticed(opaque(), await world.judged(opaque()))
    assert world.counts.marks == []
    world.yunnan.says[ID] = "green"
    assert await verdicts(world, await world.made(opaque())) == PASSES


async def test_an_original_whose_codes_have_ended_meanwhile_is_not_asked_about(world: World) -> None:
    made = await world.made(opaque())
    (original,) = world.converter.bindings.take_due(Instant(world.at + 60), YUNNAN, 9)
    place = original.places[0]
    assert made.expire_time == place.ends
    world.converter.bindings.close(place)
    asked = len(world.yunnan.asked)
    await world.rechecks._look_at(original)
    assert (len(world.yunnan.asked), world.counts.looks) == (asked, [])


async def test_what_is_noticed_lets_no_code_off_and_touches_no_other(world: World) -> None:
    world.yunnan.says[ID] = "yellow"
    made, other = await world.made(opaque()), await world.made(opaque(2))
    world.yunnan.says[ID] = "green"
    world.converter.noticed(opaque(), await world.judged(opaque()))
    assert await verdicts(world, made) == OTHER_STATES["yellow"]
    world.yunnan.says[ID] = "red"
    world.converter.noticed(opaque(), await world.judged(opaque()))
    assert await verdicts(world, other) == PASSES
    world.yunnan.stops = Reason.UPSTREAM_UNAVAILABLE
    world.converter.noticed(opaque(2), await world.judged(opaque(2)))
    assert await verdicts(world, other) == PASSES, "silence tells nothing"
    world.converter.noticed(b"forged", await world.judged(b"forged"))


async def test_a_word_that_nobody_has_explained_is_noticed_until_it_is_taken_back(world: World) -> None:
    made = await world.made(opaque())
    world.yunnan.says[ID] = "mauve"
    world.converter.noticed(opaque(), await world.judged(opaque()))
    assert await verdicts(world, made) == UNAVAILABLE
    world.yunnan.says[ID] = "green"
    await world.look_again()
    assert await verdicts(world, made) == PASSES


async def test_one_question_serves_all_codes_of_an_original(world: World) -> None:
    codes = [await world.made(opaque()) for _ in range(5)]
    world.yunnan.asked.clear()
    world.yunnan.says[ID] = "red"
    await world.look_again()
    assert len(world.yunnan.asked) == 1
    assert [await verdicts(world, made) for made in codes] == [OTHER_STATES["red"]] * 5


async def test_nothing_is_asked_before_its_time_nor_after_its_end(world: World) -> None:
    world.yunnan.expires = Instant(NOON + 90)
    await world.made(opaque())
    world.yunnan.asked.clear()
    for seconds in (0, 59.9):
        await world.look_again(seconds)
        assert world.yunnan.asked == []
    await world.look_again(0.2)
    assert len(world.yunnan.asked) == 1
    await world.look_again(59)
    assert len(world.yunnan.asked) == 1
    await world.look_again(1_000)
    assert len(world.yunnan.asked) == 1
    assert world.counts.live == 0
    assert list(world.converter.bindings.issuers_to_ask()) == []


async def test_a_province_is_asked_so_much_and_no_more(tmp_path: Path) -> None:
    world = World(tmp_path, questions_per_s=7)
    for number in range(20):
        await world.made(opaque(number))
    world.yunnan.asked.clear()
    world.yunnan.most_waiting = 0
    world.pass_time(60)
    numbers = []
    for _ in range(4):
        await world.look_again(1)
        numbers.append(len(world.yunnan.asked))
    assert numbers == [7, 14, 20, 20]
    assert world.yunnan.most_waiting == IN_FLIGHT
    assert sorted(identifier for identifier, _ in world.yunnan.asked) == [f"{number:08x}" for number in range(20)]
    assert {time_left for _, time_left in world.yunnan.asked} == {world.settings.ask_s}


async def test_a_province_that_hangs_holds_up_nobody_else(world: World) -> None:
    online, token = await world.made(opaque()), await world.made(signed())
    world.yunnan.gate = asyncio.Event()
    world.revoked["code-1"] = None
    world.reload()
    world.pass_time(60)
    await world.rechecks.look()
    await until(lambda: world.yunnan.waiting == 1)
    assert await verdicts(world, token) == (Measure.DENY, Reason.REVOKED)
    world.pass_time(60)
    await world.rechecks.look()
    for _ in range(20):
        await asyncio.sleep(0)
    assert (world.yunnan.waiting, len(world.yunnan.asked)) == (1, 2), "nor is it asked again while it hangs"
    world.yunnan.says[ID] = "red"
    world.yunnan.gate.set()
    await world.rechecks.answered()
    assert await verdicts(world, online) == OTHER_STATES["red"]


async def test_a_question_that_ignores_its_time_is_silence(tmp_path: Path) -> None:
    world = World(tmp_path, ask_s=0.01)
    await world.made(opaque())
    world.yunnan.gate = asyncio.Event()
    await world.look_again()
    assert world.counts.looks == [RecheckOutcome.SILENT]
    assert world.yunnan.waiting == 0


async def test_a_fault_is_told_and_is_silence_for_that_original_only(world: World) -> None:
    online, token = await world.made(opaque()), await world.made(signed())
    world.yunnan.fails = KeyError(CANARY)
    await world.look_again()
    assert [type(failure) for failure in world.counts.failures] == [KeyError]
    assert sorted(world.counts.looks) == [RecheckOutcome.SILENT, RecheckOutcome.STANDS]
    assert await verdicts(world, online) == await verdicts(world, token) == PASSES
    await world.look_again(260)
    assert await verdicts(world, online) == UNAVAILABLE
    assert await verdicts(world, token) == PASSES


async def test_a_gateway_that_cannot_judge_hears_nothing(world: World) -> None:
    made = await world.made(signed())

    class NothingInForce:
        def verify(self, code: bytes, *, at: Instant, division: object, way: Way) -> Decision:
            raise NotReady("the trust list has expired")

        async def ask_issuer(self, code: OpaqueCode, **_: Any) -> Decision:
            raise AssertionError

    world.rechecks = Rechecks(world.converter, NothingInForce, world.clock, world.counts)  # type: ignore[arg-type]
    await world.look_again()
    assert (world.counts.looks, world.counts.failures) == ([RecheckOutcome.SILENT], [])
    assert await verdicts(world, made) == PASSES


async def test_many_signed_originals_give_others_their_turn(world: World) -> None:
    for number in range(5 * SLICE):
        await world.made(signed(number=number))
    turns: list[int] = []

    async def somebody_else() -> None:
        while True:
            turns.append(len(world.counts.looks))
            await asyncio.sleep(0)

    other = asyncio.create_task(somebody_else())
    await world.look_again()
    other.cancel()
    assert set(range(SLICE, 5 * SLICE, SLICE)) <= set(turns)
    assert len(world.counts.looks) == 5 * SLICE
    assert SIGNED_PER_LOOK > SLICE


async def test_the_task_looks_by_itself_and_ends_when_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck, "LOOK_S", 0.001)
    made = await world.made(opaque())
    before = asyncio.all_tasks()
    world.rechecks.start()
    world.rechecks.start()
    assert len(asyncio.all_tasks() - before) == 1
    world.yunnan.says[ID] = "red"
    world.pass_time(60)
    await until(lambda: bool(world.counts.looks))
    assert await verdicts(world, made) == OTHER_STATES["red"]
    world.yunnan.gate = asyncio.Event()
    world.pass_time(60)
    await until(lambda: world.yunnan.waiting == 1)
    async with asyncio.timeout(5):
        await world.rechecks.stop()
        await world.rechecks.stop()
    assert world.yunnan.waiting == 0
    assert asyncio.all_tasks() == before


async def test_a_look_that_fails_is_not_the_last_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck, "LOOK_S", 0.001)
    looks = 0

    async def failing(_self: Rechecks) -> None:
        nonlocal looks
        looks += 1
        raise LookupError(CANARY)

    monkeypatch.setattr(Rechecks, "look", failing)
    world.rechecks.start()
    await until(lambda: looks >= 3)
    await world.rechecks.stop()
    assert len(world.counts.failures) >= 3


async def test_a_converted_code_stands_as_long_as_all_goes_well(world: World) -> None:
    online, token = await world.made(opaque()), await world.made(signed(lives=20_000))
    for _ in range(100):
        await world.look_again()
        assert await verdicts(world, online) == await verdicts(world, token) == PASSES
    assert set(world.counts.looks) == {RecheckOutcome.STANDS}
    assert world.counts.marks == []
    assert world.converter.bindings.take_due(world.at, None, 10) == []
