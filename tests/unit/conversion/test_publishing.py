"""What a place of the register reads is what others hold, whatever happens on the way."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.changes import BatchRefusal, BatchRefused, ListName
from gateway.conversion import publishing, register
from gateway.conversion.publishing import RegisterPublisher
from gateway.conversion.register import StatusRegister
from gateway.rpc.status_convert import write_batch
from gateway.status import words
from gateway.values import CodeState, ReasonClass, StatusPointer
from keys.signer import Signer, generate_dev_key
from tests.conftest import NOON, FakeClock
from tests.unit.conversion.keeper import Keeper, verifier_of
from tests.unit.conversion.world import LISTS, OURS

GREEN, YELLOW, RED, UNKNOWN = CodeState.GREEN, CodeState.YELLOW, CodeState.RED, CodeState.UNKNOWN


@dataclass
class Told:
    """Keeps what it is told of batches."""

    changes: list[int] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def register_published(self, changes: int, seconds: float) -> None:
        assert seconds >= 0
        self.changes.append(changes)

    def register_unpublished(self, failure: Exception) -> None:
        self.failures.append(failure)


class Shown:
    """A register, and the keeper that it is shown to."""

    def __init__(self, signer: Signer, **more: int) -> None:
        self.clock = FakeClock()
        self.told = Told()
        self.keeper = Keeper(self.clock, verifier_of(signer))
        self.register = StatusRegister(LISTS)
        self.publisher = RegisterPublisher(
            self.register, OURS, signer, self.keeper, write_batch, self.clock, observer=self.told, **more
        )

    async def flush(self, seconds: float = 0.1) -> None:
        """Let some time pass, then send what there is."""
        self.clock.advance(seconds)
        await self.publisher.flush()

    def give_out(self, *states: CodeState) -> list[StatusPointer]:
        return [self.register.give_out(state) for state in states]

    def reads(self, pointer: StatusPointer) -> CodeState | None:
        """Return what the keeper says of a place."""
        return self.keeper.reads(ListName(OURS, pointer.uri), pointer.index)

    def same(self, *pointers: StatusPointer) -> bool:
        """Tell whether the keeper holds what the register says, of these places and of all others."""
        return all(
            bytes(raw) == (self.register.raw(name.uri) or b"\xff" * len(raw)) for name, raw in self.keeper.raw.items()
        ) and all(self.reads(one) is self.register.look_up(one) for one in pointers)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return generate_dev_key(Path(tmp_path_factory.mktemp("keys")) / "own.pem")


@pytest.fixture
def shown(signer: Signer) -> Shown:
    return Shown(signer)


async def test_what_is_given_out_written_and_taken_back_is_shown(shown: Shown) -> None:
    places = shown.give_out(GREEN, YELLOW, GREEN)
    await shown.flush()
    assert [shown.reads(place) for place in places] == [GREEN, YELLOW, GREEN]
    shown.register.write(places[0], RED)
    shown.register.take_back(places[2])
    await shown.flush()
    assert [shown.reads(place) for place in places] == [RED, YELLOW, UNKNOWN]
    assert shown.same(*places)
    assert [(batch.number, batch.capacity, batch.changes) for batch in shown.keeper.taken] == [
        (1, register.PLACES, 3),
        (2, None, 2),
    ]
    assert shown.told.changes == [3, 2]
    assert shown.told.failures == []


async def test_changes_say_who_and_why(shown: Shown) -> None:
    shown.give_out(*(state for state in words.WORDS))
    await shown.flush()
    (batch,) = shown.keeper.taken
    assert {group.authority for group in batch.groups} == {OURS}
    assert {group.word: group.reason_class for group in batch.groups} == {
        words.GREEN: None,
        words.CANCELLED: None,
        words.SUSPENDED: None,
        words.YELLOW: ReasonClass.YELLOW_OTHER,
        words.RED: ReasonClass.RED_OTHER_ORDER,
        words.STALE_DECLARATION: None,
        words.UNKNOWN: None,
    }


async def test_what_a_place_reads_in_the_end_is_what_counts(shown: Shown) -> None:
    (place,) = shown.give_out(GREEN)
    for state in (YELLOW, RED, YELLOW, GREEN, RED):
        shown.register.write(place, state)
    await shown.flush()
    assert shown.told.changes == [1]
    assert shown.reads(place) is RED


async def test_nothing_is_sent_where_nothing_happened(shown: Shown) -> None:
    await shown.flush(3_600)
    assert shown.keeper.bodies == []
    shown.give_out(GREEN)
    await shown.flush()
    await shown.flush()
    assert len(shown.keeper.bodies) == 1


async def test_a_sign_of_life_proves_that_both_hold_the_same(shown: Shown) -> None:
    places = shown.give_out(GREEN, CodeState.UNCONFIRMED, RED)
    await shown.flush()
    await shown.flush(publishing.BEAT_S - 1)
    assert len(shown.keeper.taken) == 1
    await shown.flush(1)
    beat = shown.keeper.taken[-1]
    assert (beat.number, beat.changes, beat.issued) == (2, 0, shown.clock.now)
    assert beat.state_digest is not None
    assert shown.same(places[0], places[2])


async def test_many_changes_are_several_batches_and_worse_ones_go_first(signer: Signer) -> None:
    shown = Shown(signer, most_changes=4)
    places = shown.give_out(*[GREEN] * 10)
    await shown.flush()
    assert shown.told.changes == [4, 4, 2]
    for place in places[:6]:
        shown.register.write(place, UNKNOWN)
        shown.register.write(place, GREEN)
    for place in places[6:9]:
        shown.register.write(place, RED)
    await shown.flush()
    assert [group.word for group in shown.keeper.taken[3].groups] == [words.GREEN, words.RED]
    assert len(shown.keeper.taken[3].groups[1].indices) == 3
    assert shown.same(*places)


@pytest.mark.parametrize("seconds", [1.1, 3_600])
async def test_a_keeper_that_was_away_gets_what_stands_then(shown: Shown, seconds: float) -> None:
    places = shown.give_out(GREEN, GREEN)
    shown.keeper.away = True
    await shown.flush()
    for _ in range(5):
        await shown.flush(0.1)
    assert len(shown.keeper.bodies) == 1  # it is not asked all the time
    shown.register.write(places[0], YELLOW)
    shown.register.write(places[0], RED)
    shown.keeper.away = False
    await shown.flush(seconds)
    assert shown.same(*places)
    assert shown.keeper.bodies[0] == shown.keeper.bodies[1]  # the same bytes again
    assert [type(one) for one in shown.told.failures] == [ConnectionError]


async def test_an_answer_that_was_lost_does_no_harm(shown: Shown) -> None:
    places = shown.give_out(GREEN)
    shown.keeper.forgets_to_answer = True
    await shown.flush()
    shown.register.write(places[0], RED)
    await shown.flush(2)
    assert [batch.number for batch in shown.keeper.taken] == [1, 2]
    assert shown.same(*places)


async def test_a_keeper_that_lost_everything_gets_the_list_anew(shown: Shown) -> None:
    places = shown.give_out(GREEN, RED, GREEN, YELLOW)
    await shown.flush()
    shown.register.take_back(places[2])
    await shown.flush()
    shown.keeper.lose_everything()
    shown.register.write(places[0], YELLOW)
    await shown.flush()
    await shown.flush()
    assert shown.same(*places)
    assert shown.keeper.taken[-1].number == 1


@pytest.mark.parametrize("refusal", sorted(publishing._MAY_YET_CHANGE))
async def test_what_may_yet_be_taken_is_sent_again(shown: Shown, refusal: BatchRefusal) -> None:
    places = shown.give_out(GREEN)
    shown.keeper.refuses = refusal
    await shown.flush()
    await shown.flush(publishing.REFUSED_S - 1)
    assert len(shown.keeper.bodies) == 1
    shown.keeper.refuses = None
    await shown.flush(1)
    assert shown.keeper.bodies[0] == shown.keeper.bodies[1]
    assert shown.same(*places)


@pytest.mark.parametrize("refusal", sorted(set(BatchRefusal) - publishing._MAY_YET_CHANGE))
async def test_a_list_that_cannot_be_gone_on_with_is_left_and_another_begun(
    shown: Shown, refusal: BatchRefusal
) -> None:
    (place,) = shown.give_out(GREEN)
    shown.keeper.refuses = refusal
    await shown.flush()
    shown.keeper.refuses = None
    shown.register.write(place, RED)
    (other,) = shown.give_out(GREEN)
    assert other.uri != place.uri
    await shown.flush(60)
    assert [batch.name.uri for batch in shown.keeper.taken] == [other.uri]
    assert shown.register.look_up(place) is RED  # here it reads what it did
    shown.register.take_back(place)
    await shown.flush(60)
    assert {batch.name.uri for batch in shown.keeper.taken} == {other.uri}
    assert [type(one) for one in shown.told.failures] == [BatchRefused]


async def test_a_list_ends_when_its_last_code_has(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MAX_GIVEN", 2)
    first, second, third = shown.give_out(GREEN, GREEN, GREEN)
    await shown.flush()
    shown.register.take_back(first)
    shown.register.take_back(second)
    await shown.flush()
    head = shown.keeper.heads[ListName(OURS, first.uri)]
    assert (head.closed, head.number) == (True, 2)
    assert not shown.keeper.heads[ListName(OURS, third.uri)].closed
    await shown.flush(publishing.BEAT_S)
    assert shown.keeper.heads[ListName(OURS, first.uri)] == head


async def test_a_list_that_came_and_went_unseen_is_never_shown(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MAX_GIVEN", 1)
    (first,) = shown.give_out(GREEN)
    shown.give_out(GREEN)
    shown.register.take_back(first)
    await shown.flush()
    assert ListName(OURS, first.uri) not in shown.keeper.heads


async def test_a_list_that_is_gone_is_not_begun_anew(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MAX_GIVEN", 1)
    (first,) = shown.give_out(GREEN)
    await shown.flush()
    shown.keeper.lose_everything()
    shown.give_out(GREEN)
    shown.register.take_back(first)
    await shown.flush()
    await shown.flush()
    assert ListName(OURS, first.uri) not in shown.keeper.heads
    assert len(shown.keeper.heads) == 1


async def test_a_list_that_is_left_and_empty_is_gone(shown: Shown) -> None:
    (place,) = shown.give_out(GREEN)
    await shown.flush()
    shown.register.take_back(place)
    shown.keeper.refuses = BatchRefusal.NUMBER_TAKEN
    await shown.flush()
    assert shown.register.look_up(place) is None
    assert shown.register.raw(place.uri) is None
    shown.keeper.refuses = None
    await shown.flush(60)
    assert len(shown.keeper.taken) == 1


async def test_a_keeper_that_refuses_every_list_does_not_make_them_endless(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "MAX_LISTS", 3)
    shown.keeper.refuses = BatchRefusal.LIST_CLOSED
    places = []
    for _ in range(10):
        places += shown.give_out(GREEN)
        await shown.flush()
    assert len({place.uri for place in places}) == 3


async def test_lists_that_wait_to_be_closed_are_bounded(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MAX_GIVEN", 1)
    monkeypatch.setattr(publishing, "MOST_GONE", 3)
    places = shown.give_out(*[GREEN] * 6)
    await shown.flush()
    shown.keeper.away = True
    for place in places:
        shown.register.take_back(place)
    shown.keeper.away = False
    await shown.flush()
    closed = [name.uri for name, head in shown.keeper.heads.items() if head.closed]
    assert closed == [place.uri for place in places[2:5]]


async def test_at_the_end_every_list_is_closed(shown: Shown) -> None:
    shown.publisher.start()
    shown.publisher.start()
    shown.give_out(GREEN)
    await shown.flush()
    shown.give_out(RED)
    shown.keeper.away = True
    await shown.flush()
    shown.keeper.away = False
    await shown.publisher.stop()
    await shown.publisher.stop()
    assert [head.closed for head in shown.keeper.heads.values()] == [True]


async def test_the_end_waits_for_nobody_for_long(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "CLOSING_S", 0.01)
    shown.publisher.start()
    shown.give_out(GREEN)
    await shown.flush()
    shown.keeper.gate = asyncio.Event()
    async with asyncio.timeout(5):
        await shown.publisher.stop()
    assert [head.closed for head in shown.keeper.heads.values()] == [False]


async def test_a_clock_that_was_set_back_a_little_is_borne(shown: Shown) -> None:
    (place,) = shown.give_out(GREEN)
    await shown.flush()
    issued = shown.keeper.taken[-1].issued
    shown.register.write(place, RED)
    await shown.flush(-20)
    assert shown.keeper.taken[-1].issued == issued
    assert shown.same(place)


async def test_a_clock_that_was_set_back_for_good_begins_another_list(shown: Shown) -> None:
    shown.clock.advance(86_400)
    (place,) = shown.give_out(GREEN)
    await shown.flush()
    shown.clock.now = NOON
    shown.register.write(place, RED)
    await shown.flush()
    (other,) = shown.give_out(GREEN)
    await shown.flush()
    assert other.uri != place.uri
    assert shown.reads(other) is GREEN


async def test_one_can_wait_until_a_place_is_shown(shown: Shown) -> None:
    (place,) = shown.give_out(GREEN)
    assert not await shown.publisher.shown(place, 0.01)
    shown.keeper.gate = asyncio.Event()
    sending = asyncio.create_task(shown.publisher.flush())
    waiting = asyncio.create_task(shown.publisher.shown(place, 5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    shown.keeper.gate.set()
    await sending
    assert await waiting
    assert not await shown.publisher.shown(StatusPointer("https://none.example/1", 1), 5)


async def test_who_waits_is_not_kept_waiting(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "FLUSH_S", 3_600)
    shown.publisher.start()
    for place in shown.give_out(GREEN, RED):
        assert await shown.publisher.shown(place, 5)
    await shown.publisher.stop()


async def test_nobody_waits_for_a_list_that_is_left(shown: Shown) -> None:
    (place,) = shown.give_out(GREEN)
    waiting = asyncio.create_task(shown.publisher.shown(place, 5))
    shown.keeper.refuses = BatchRefusal.NUMBER_TAKEN
    await asyncio.sleep(0)
    await shown.flush()
    assert not await waiting


async def test_a_fault_of_ours_loses_no_change(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "FLUSH_S", 0.001)
    monkeypatch.setattr(publishing, "AWAY_S", 0.001)
    places = shown.give_out(GREEN, RED)
    encode, fails = shown.publisher._encode, [True, True]

    def failing(batch: object) -> bytes:
        if fails:
            fails.pop()
            raise RuntimeError
        return encode(batch)  # type: ignore[arg-type]

    monkeypatch.setattr(shown.publisher, "_encode", failing)
    shown.publisher.start()
    async with asyncio.timeout(5):
        while not shown.keeper.taken:  # noqa: ASYNC110 what is waited for sets no event
            await asyncio.sleep(0.001)
    assert shown.same(*places)
    assert [type(one) for one in shown.told.failures] == [RuntimeError, RuntimeError]
    await shown.publisher.stop()


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_both_end_with_the_same(
    signer: Signer, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, shown = random.Random(seed), Shown(signer, most_changes=7)
    monkeypatch.setattr(register, "MAX_GIVEN", 12)
    live: list[StatusPointer] = []
    for _ in range(300):
        match chance.randrange(6):
            case 0 | 1:
                live += shown.give_out(chance.choice((GREEN, YELLOW)))
            case 2 if live:
                shown.register.write(chance.choice(live), chance.choice((RED, YELLOW, UNKNOWN, GREEN)))
            case 3 if live:
                shown.register.take_back(live.pop(chance.randrange(len(live))))
            case 4:
                shown.keeper.away = chance.random() < 0.5
                shown.keeper.forgets_to_answer = chance.random() < 0.3
            case _:
                await shown.flush(chance.choice((0.1, 1.5, 25)))
    shown.keeper.away = shown.keeper.forgets_to_answer = False
    await shown.flush(30)
    await shown.flush(30)
    assert shown.same(*live)
    assert {pointer.uri for pointer in live} <= {
        name.uri for name, head in shown.keeper.heads.items() if not head.closed
    }
