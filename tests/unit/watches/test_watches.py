"""Who holds codes is told when one changes: once, in time, and nobody else."""

from __future__ import annotations

import pytest

from gateway.changes import Word
from gateway.errors import NotReady, Reason
from gateway.status import words
from gateway.values import Measure, Purpose
from gateway.watches import due
from gateway.watches.settings import WatchRefusal, WatchRefused
from gateway.watches.watch import WatchTerms
from tests.conftest import NOON
from tests.unit.watches.world import AIRPORT, CANARY, LIST, OTHER, RAILWAY, TERMS, World, code

PASS, LIMITED, DENY, MANUAL = Measure.PASS, Measure.LIMITED, Measure.DENY, Measure.MANUAL


@pytest.fixture
def world() -> World:
    return World()


CHANGES = {
    words.RED: (DENY, Reason.STATE_RED),
    words.CANCELLED: (DENY, Reason.REVOKED),
    words.YELLOW: (LIMITED, Reason.STATE_YELLOW),
    words.SUSPENDED: (LIMITED, Reason.STATE_UNDER_REVIEW),
    words.UNKNOWN: (MANUAL, Reason.STATUS_UNAVAILABLE),
}


@pytest.mark.parametrize("word", CHANGES)
async def test_a_change_is_told_once_and_under_its_handle(world: World, word: Word) -> None:
    connection = await world.registered(3)
    world.clock.advance(5)
    await world.apply({word: [1]})
    event = world.watches.take(connection)
    assert event is not None
    assert (event.handle, event.decision.measure, event.decision.reasons[0]) == ("h1", *CHANGES[word])
    assert event.decision.decided_time == NOON + 5
    assert event.watched
    assert world.watches.take(connection) is None


async def test_only_what_a_batch_touches_is_judged(world: World) -> None:
    connection = await world.registered(50)
    world.register(connection, "elsewhere", 7, OTHER)
    world.events(connection)
    world.judge.judged.clear()
    await world.apply({words.RED: [7, 1_000, 2_000]})
    assert [one for one, _ in world.judge.judged] == [code(7)]
    assert world.events(connection) == [("h7", DENY, True)]


async def test_a_word_that_stays_is_no_event(world: World) -> None:
    connection = await world.registered(3)
    await world.apply({words.GREEN: [0, 1, 2]})
    assert world.judge.judged
    assert world.events(connection) == []
    assert world.counts.changes == []


async def test_what_got_worse_is_judged_first(world: World) -> None:
    await world.registered(40)
    await world.apply({words.YELLOW: range(20)})
    world.judge.judged.clear()
    world.tell({words.GREEN: range(20)})
    world.tell({words.RED: range(20, 40)})
    await world.watches.judge_touched()
    assert [one for one, _ in world.judge.judged] == [code(index) for index in (*range(20, 40), *range(20))]


async def test_a_code_that_changes_twice_before_it_is_read_is_told_once_as_it_is(world: World) -> None:
    connection = await world.registered(2)
    await world.apply({words.YELLOW: [0, 1]})
    await world.apply({words.RED: [0]})
    assert world.events(connection) == [("h0", DENY, True), ("h1", LIMITED, True)]


async def test_a_code_that_changes_back_before_it_is_read_is_not_told(world: World) -> None:
    connection = await world.registered(1)
    await world.apply({words.RED: [0]})
    await world.apply({words.GREEN: [0]})
    assert world.events(connection) == []


async def test_each_caller_is_told_of_her_own(world: World) -> None:
    first, second = world.open(RAILWAY), world.open(AIRPORT)
    world.register(first, "a", 5)
    world.register(first, "b", 5)
    world.register(second, "c", 5)
    world.register(second, "d", 6)
    world.events(first), world.events(second)
    await world.apply({words.RED: [5]})
    assert world.events(first) == [("a", DENY, True), ("b", DENY, True)]
    assert world.events(second) == [("c", DENY, True)]


@pytest.mark.parametrize(
    ("registered", "measure"),
    [
        (code(3, None), PASS),
        (code(3, LIST._replace(uri="https://code.guizhou.example/status/9")), MANUAL),
        (code(3, LIST._replace(issuer="https://other.example")), MANUAL),  # type: ignore[arg-type]
        (code(3, ends=NOON - 1), DENY),
        (b"|uri|3||", DENY),
    ],
    ids=["no pointer", "no such list", "another issuer's list", "ended", "forged"],
)
async def test_what_cannot_be_watched_is_told_of_once_and_not_kept(
    world: World, registered: bytes, measure: Measure
) -> None:
    connection = world.open()
    world.lists.words[LIST, 3] = words.GREEN
    world.watches.register(connection.watch, "h", registered)
    assert world.events(connection) == [("h", measure, False)]
    assert len(world.watches) == 0
    assert connection.watch.bytes == 0
    world.judge.judged.clear()
    await world.apply({words.RED: [3]})
    world.watches.judge_again()
    await world.watches.judge_touched()
    assert world.judge.judged == []


async def test_a_code_that_was_never_given_out_is_watched(world: World) -> None:
    connection = world.open()
    world.watches.register(connection.watch, "h", code(9))
    assert world.events(connection) == [("h", MANUAL, True)]
    await world.apply({words.GREEN: [9]})
    assert world.events(connection) == [("h", PASS, True)]


async def test_another_code_under_the_same_handle_takes_its_place(world: World) -> None:
    connection = await world.registered(1)
    world.register(connection, "h0", 8)
    assert world.events(connection) == [("h0", PASS, True)]
    assert len(world.watches) == 1
    await world.apply({words.RED: [0]})
    assert world.events(connection) == []
    await world.apply({words.RED: [8]})
    assert world.events(connection) == [("h0", DENY, True)]


async def test_a_dropped_handle_is_silent(world: World) -> None:
    connection = await world.registered(2)
    world.tell({words.RED: [0, 1]})
    world.watches.drop(connection.watch, "h0")
    world.watches.drop(connection.watch, "never there")
    await world.watches.judge_touched()
    assert world.events(connection) == [("h1", DENY, True)]
    assert world.counts.codes == 1


async def test_a_code_that_ends_is_told_for_the_last_time(world: World) -> None:
    connection = await world.registered(2, ends=NOON + 100)
    await world.sweep(99)
    assert world.events(connection) == []
    await world.sweep(1.5)
    assert sorted(world.events(connection)) == [("h0", DENY, False), ("h1", DENY, False)]
    assert (len(world.watches), connection.watch.live, connection.watch.bytes) == (0, 0, 0)
    await world.sweep(1_000)
    assert world.events(connection) == []


async def test_a_code_that_has_not_begun_is_told_when_it_has(world: World) -> None:
    connection = world.open()
    world.register(connection, "h", 0, begins=NOON + 130)
    assert world.events(connection) == [("h", DENY, True)]
    for _ in range(4):
        await world.sweep(due.RETRY_S / 2)
        assert world.events(connection) == []
    await world.sweep(due.RETRY_S)
    assert world.events(connection) == [("h", PASS, True)]


async def test_a_list_that_is_closed_ends_its_codes(world: World) -> None:
    connection = await world.registered(3)
    await world.apply({}, closing=True)
    assert world.events(connection) == [(f"h{index}", MANUAL, False) for index in range(3)]
    assert len(world.watches) == 0


async def test_a_list_that_is_gone_ends_its_codes(world: World) -> None:
    connection = await world.registered(3)
    del world.lists.heads[LIST]
    await world.sweep()
    assert world.events(connection) == [(f"h{index}", MANUAL, False) for index in range(3)]


async def test_a_list_that_leaves_its_budget_and_comes_back_is_told(world: World) -> None:
    connection = await world.registered(2)
    care = world.open(AIRPORT, WatchTerms(Purpose.MEDICAL_CARE, None, TERMS.profile))
    world.register(care, "care", 0)
    world.events(care)
    await world.sweep(890)
    assert world.events(connection) == []
    await world.sweep(11)
    assert sorted(world.events(connection)) == [("h0", MANUAL, True), ("h1", MANUAL, True)]
    assert world.events(care) == []
    await world.sweep(3_000)
    assert world.events(care) == [("care", MANUAL, True)]
    await world.apply({})  # a sign of life
    assert sorted(world.events(connection)) == [("h0", PASS, True), ("h1", PASS, True)]
    assert world.events(care) == [("care", PASS, True)]


async def test_a_list_that_ages_inside_its_budget_is_no_event(world: World) -> None:
    connection = await world.registered(1)
    world.clock.advance(120)
    world.watches.judge_again()
    await world.watches.judge_touched()
    assert Reason.STATUS_AGING in next(iter(connection.watch.codes.values())).decision.reasons
    assert world.events(connection) == []


async def test_a_list_that_was_taken_over_whole_is_judged_whole(world: World) -> None:
    connection = await world.registered(4)
    world.lists.words[LIST, 2] = words.RED
    world.watches.list_changed(LIST)
    world.watches.list_changed(OTHER)
    await world.watches.judge_touched()
    assert world.events(connection) == [("h2", DENY, True)]


async def test_trust_and_rules_that_changed_are_told(world: World) -> None:
    connection = await world.registered(2)
    world.judge.forgery.add(code(1))
    world.watches.judge_again()
    await world.watches.judge_touched()
    assert world.events(connection) == [("h1", DENY, True)]
    world.judge.forgery.clear()
    world.watches.judge_again()
    await world.watches.judge_touched()
    assert world.events(connection) == [("h1", PASS, True)]


async def test_every_code_is_judged_now_and_then_and_not_all_at_once(world: World) -> None:
    await world.registered(200)
    world.judge.judged.clear()
    seen = []
    for _ in range(10):
        await world.sweep(world.settings.again_s / 10)
        seen.append(len(world.judge.judged))
        for name in world.lists.heads:
            world.lists.open(name, world.clock())
    assert {one for one, _ in world.judge.judged} == {code(index) for index in range(200)}
    assert seen[3] < 20
    assert seen[6] < 200


async def test_a_clock_that_was_set_back_makes_nobody_wait(world: World) -> None:
    world.clock.advance(86_400)
    for name in world.lists.heads:
        world.lists.open(name, NOON)
    connection = await world.registered(1, ends=NOON + 200)
    await world.sweep()
    world.clock.now = NOON
    await world.sweep()
    assert world.events(connection) == []
    world.register(connection, "h1", 1, ends=NOON + 200)
    world.events(connection)
    await world.sweep(201)
    assert world.events(connection) == [("h1", DENY, False)]


async def test_while_nothing_can_be_judged_nothing_is_told_and_nothing_is_lost(world: World) -> None:
    connection = await world.registered(3)
    world.judge.unready = True
    await world.apply({words.RED: [1, 2]})
    with pytest.raises(NotReady):
        world.watches.take(connection)
    with pytest.raises(NotReady):
        world.register(connection, "new", 5)
    assert not world.watches.work.is_set()
    await world.sweep(1)
    with pytest.raises(NotReady):
        world.watches.take(connection)
    world.judge.unready = False
    await world.sweep(1)
    assert world.events(connection) == [("h1", DENY, True), ("h2", DENY, True)]


async def test_it_shows_without_any_batch_that_nothing_can_be_judged(world: World) -> None:
    connection = await world.registered(3)
    world.judge.unready = True
    await world.sweep(1)
    with pytest.raises(NotReady):
        world.watches.take(connection)


async def test_a_code_at_which_judging_fails_is_manual_and_harms_no_other(world: World) -> None:
    connection = await world.registered(2)
    world.judge.broken.add(code(0))
    await world.apply({words.YELLOW: [0, 1]})
    assert world.events(connection) == [("h0", MANUAL, True), ("h1", LIMITED, True)]
    assert [type(one) for one in world.counts.failures] == [KeyError]
    world.judge.broken.clear()
    await world.sweep(due.RETRY_S + 1)
    assert world.events(connection) == [("h0", LIMITED, True)]


async def test_codes_and_watches_are_bounded(world: World) -> None:
    small = World(watches_per_caller=2, codes_per_caller=3, capacity=5)
    first, second = small.open(), small.open()
    with pytest.raises(WatchRefused) as refused:
        small.open()
    assert refused.value.refusal is WatchRefusal.TOO_MANY_WATCHES
    for index in range(3):
        small.watches.make_room(first.watch, [(f"h{index}", code(index))])
        small.register(first, f"h{index}", index)
    full = [(first, "new", b"x"), (second, "new", b"x")]
    for connection, handle, content in full:
        with pytest.raises(WatchRefused) as refused:
            small.watches.make_room(connection.watch, [(handle, content)])
        assert refused.value.refusal is WatchRefusal.TOO_MANY_CODES
    small.watches.make_room(first.watch, [("h1", code(9))])  # in the place of another
    small.watches.drop(first.watch, "h0")
    small.watches.make_room(second.watch, [("new", code(9))])
    with pytest.raises(WatchRefused):
        small.watches.make_room(second.watch, [("new", bytes(4_000))])
    airport = small.open(AIRPORT)
    small.watches.make_room(airport.watch, [(str(one), b"x") for one in range(3)])
    for index in range(3):
        small.register(airport, f"h{index}", index)
    with pytest.raises(WatchRefused):  # all callers together
        small.watches.make_room(second.watch, [("new", b"x")])


async def test_nothing_of_a_code_shows(world: World) -> None:
    connection = await world.registered(1)
    watched = connection.watch.codes["h0"]
    shown = " ".join(map(repr, (watched, connection.watch, watched.code)))
    assert "guizhou" not in shown
    assert "h0" not in shown
    world.judge.broken.add(code(0))
    await world.apply({words.RED: [0]})
    assert CANARY not in repr(world.events(connection))
