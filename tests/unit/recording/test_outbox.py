"""The outbox: numbers, acknowledgements, budgets, bounds; nothing is lost without a word."""

from __future__ import annotations

import asyncio

import pytest

from gateway.audit.entries import DecisionGapEntry, LogName, read_entry
from gateway.errors import NotReady
from gateway.recording.outbox import AuditUnavailable, Outbox, Trouble
from gateway.recording.settings import (
    FRAME_ENTRIES,
    WINDOW_ENTRIES,
    Answer,
    RecordingSettings,
    WhenUnavailable,
)

from .fakes import BODY, Remembered, outbox, soon, until

PATIENT = RecordingSettings(wait_s=20.0)
IMPATIENT = RecordingSettings(wait_s=0.05)
ANSWERS = RecordingSettings(wait_s=0.05, when_unavailable=WhenUnavailable.ANSWER)
AT_ONCE = RecordingSettings(wait_s=0.05, answer=Answer.AT_ONCE)


async def sent(box: Outbox) -> list[int]:
    """Return the numbers of what an outbox hands over next."""
    first, entries = await asyncio.wait_for(box.next(), 20)
    numbers = [read_entry(one).number for one in entries]
    assert numbers == list(range(first, first + len(entries)))
    assert {read_entry(one).run for one in entries} == {box.run}
    return numbers


async def test_numbers_have_no_gap_and_what_waits_goes_together() -> None:
    box = outbox()
    assert [box.put(BODY) for _ in range(3)] == [1, 2, 3]
    assert await sent(box) == [1, 2, 3]
    assert box.put(BODY) == 4
    assert await sent(box) == [4]
    assert (box.put_so_far, box.waiting) == (4, 4)


async def test_each_run_has_a_name_of_its_own() -> None:
    assert outbox().run != outbox().run


async def test_an_answer_waits_for_its_entry_and_for_those_before_it() -> None:
    told = Remembered()
    box = outbox(PATIENT, told)
    box.linked(up=True)
    first, second = box.durable(box.put(BODY)), box.durable(box.put(BODY))
    assert first is not None
    assert second is not None
    box.acknowledged(1)
    assert first.done()
    assert not second.done()
    box.acknowledged(2)
    await soon(second)
    assert told.waits == 2
    assert box.durable(2) is None
    assert box.waiting == 0


async def test_a_later_entry_may_be_waited_for_first() -> None:
    box = outbox(PATIENT)
    numbers = [box.put(BODY) for _ in range(3)]
    last, first = box.durable(numbers[2]), box.durable(numbers[0])
    assert last is not None
    assert first is not None
    box.acknowledged(1)
    assert first.done()
    assert not last.done()
    box.acknowledged(3)
    await soon(last)


async def test_what_was_not_acknowledged_is_sent_again() -> None:
    box = outbox()
    for _ in range(3):
        box.put(BODY)
    assert await sent(box) == [1, 2, 3]
    box.acknowledged(1)
    box.put(BODY)
    box.linked(up=False)
    assert await sent(box) == [2, 3, 4]


async def test_what_the_owner_had_already_is_not_sent_again() -> None:
    box = outbox()
    for _ in range(3):
        box.put(BODY)
    await sent(box)
    box.linked(up=False)
    box.acknowledged(2)  # as its greeting says
    assert await sent(box) == [3]


async def test_an_acknowledgement_of_more_than_there_is_counts_for_what_there_is() -> None:
    box = outbox()
    box.put(BODY)
    box.acknowledged(99)
    assert box.waiting == 0
    assert box.put(BODY) == 2
    assert await sent(box) == [2]


async def test_a_frame_and_the_window_are_bounded() -> None:
    box = outbox(RecordingSettings(queue=2 * WINDOW_ENTRIES))
    for _ in range(WINDOW_ENTRIES + 10):
        box.put(BODY)
    for _ in range(WINDOW_ENTRIES // FRAME_ENTRIES):
        assert len(await sent(box)) == FRAME_ENTRIES
    more = asyncio.create_task(box.next())
    await asyncio.sleep(0.01)
    assert not more.done()
    box.acknowledged(FRAME_ENTRIES)
    first, entries = await asyncio.wait_for(more, 20)
    assert (first, len(entries)) == (WINDOW_ENTRIES + 1, 10)


async def test_nobody_waits_longer_than_her_budget_and_no_answer_goes_without_a_trace() -> None:
    told = Remembered()
    box = outbox(IMPATIENT, told)
    waiting = box.durable(box.put(BODY))
    assert waiting is not None
    with pytest.raises(AuditUnavailable):
        await soon(waiting)
    assert isinstance(waiting.exception(), NotReady)
    assert told.troubles == [Trouble.OWNER_AWAY]
    # From now on nobody waits.
    with pytest.raises(AuditUnavailable):
        box.refuse()
    with pytest.raises(AuditUnavailable):
        box.durable(1)
    assert told.refusals == 3
    # It is written after all, and then all is well.
    box.acknowledged(1)
    assert told.available_again == 1
    box.refuse()
    assert box.look() is None


async def test_an_owner_that_is_there_and_does_not_answer_is_slow() -> None:
    told = Remembered()
    box = outbox(IMPATIENT, told)
    box.linked(up=True)
    waiting = box.durable(box.put(BODY))
    assert waiting is not None
    with pytest.raises(AuditUnavailable):
        await soon(waiting)
    assert told.troubles == [Trouble.SLOW]


async def test_young_entries_behind_an_acknowledged_one_are_young() -> None:
    time, told = [0.0], Remembered()
    box = Outbox(LogName.DECISIONS, RecordingSettings(wait_s=0.2), told, gap=lambda *_: b"", monotonic=lambda: time[0])
    for number in range(1, 31):  # one is always waiting, and none for long
        box.put(BODY)
        time[0] += 0.15
        box.acknowledged(number - 1)
        assert box.look() is None
    time[0] += 0.1
    assert box.look() is Trouble.OWNER_AWAY


async def test_where_answers_go_on_they_go_at_once_and_are_counted() -> None:
    told = Remembered()
    box = outbox(ANSWERS, told)
    waiting = box.durable(box.put(BODY))
    assert waiting is not None
    await soon(waiting)
    assert told.untraced_answers == 1
    assert box.durable(box.put(BODY)) is None
    assert told.untraced_answers == 2
    box.refuse()
    assert box.waiting == 2  # both are written once that is possible
    assert told.refusals == 0


async def test_at_once_nobody_waits_and_an_old_entry_still_refuses() -> None:
    told = Remembered()
    box = outbox(AT_ONCE, told)
    assert box.durable(box.put(BODY)) is None
    await until(lambda: box.look() is Trouble.OWNER_AWAY)
    with pytest.raises(AuditUnavailable):
        box.refuse()


async def test_a_disk_that_takes_nothing_ends_all_waiting_at_once() -> None:
    told = Remembered()
    box = outbox(PATIENT, told)
    box.linked(up=True)
    waiting = box.durable(box.put(BODY))
    assert waiting is not None
    box.degraded(degraded=True)
    with pytest.raises(AuditUnavailable):
        await soon(waiting)
    assert told.troubles == [Trouble.DEGRADED]
    box.degraded(degraded=False)
    assert told.available_again == 1
    box.refuse()


async def test_the_word_of_an_owner_who_is_gone_does_not_count() -> None:
    box = outbox(PATIENT)
    box.linked(up=True)
    box.degraded(degraded=True)
    box.linked(up=False)
    assert box.look() is None


async def test_without_room_nobody_is_answered() -> None:
    told = Remembered()
    box = outbox(RecordingSettings(queue=2, wait_s=20.0), told)
    box.put(BODY)
    box.put(BODY)
    with pytest.raises(AuditUnavailable):
        box.put(BODY)
    assert told.troubles == [Trouble.QUEUE_FULL]
    assert told.lost == []
    box.acknowledged(1)
    assert box.put(BODY) == 3


async def test_what_finds_no_room_is_counted_and_the_count_is_written() -> None:
    told = Remembered()
    box = outbox(RecordingSettings(queue=2, wait_s=20.0, when_unavailable=WhenUnavailable.ANSWER), told)
    assert [box.put(BODY) for _ in range(5)] == [1, 2, 0, 0, 0]
    assert (len(told.lost), box.lost) == (3, 3)
    assert box.durable(0) is None
    assert await sent(box) == [1, 2]
    box.acknowledged(1)
    assert box.lost == 0
    first, entries = await box.next()
    gap = read_entry(entries[0]).entry
    assert first == 3
    assert isinstance(gap, DecisionGapEntry)
    assert gap.lost == 3


async def test_who_stopped_waiting_is_passed_over() -> None:
    box = outbox(IMPATIENT)
    gone, there = box.durable(box.put(BODY)), box.durable(box.put(BODY))
    assert gone is not None
    assert there is not None
    gone.cancel()
    box.acknowledged(1)
    with pytest.raises(AuditUnavailable):
        await soon(there)
    box.acknowledged(2)


async def test_who_waits_for_a_young_entry_is_not_let_go_with_those_before_her() -> None:
    time, told = [0.0], Remembered()
    box = Outbox(LogName.DECISIONS, RecordingSettings(wait_s=0.05), told, gap=lambda *_: b"", monotonic=lambda: time[0])
    box.durable(box.put(BODY))
    time[0] = 0.04
    young = box.durable(box.put(BODY))
    assert young is not None
    box.acknowledged(1)
    time[0] = 0.06  # the first one's patience is over by now, if it were still needed
    await asyncio.sleep(0.1)
    assert not young.done()
    time[0] = 0.2
    with pytest.raises(AuditUnavailable):
        await soon(young)
    assert told.troubles == [Trouble.OWNER_AWAY]


async def test_an_entry_that_no_log_can_hold_is_a_fault_of_ours() -> None:
    box = outbox()
    with pytest.raises(ValueError, match="too long"):
        box.put(BODY + b" " * 65_536)
    assert box.put(BODY) == 1


async def test_emptied_waits_for_everything() -> None:
    box = outbox()
    await soon(box.emptied())
    box.put(BODY)
    box.put(BODY)
    waiting = asyncio.create_task(box.emptied())
    box.acknowledged(1)
    await asyncio.sleep(0)
    assert not waiting.done()
    box.acknowledged(2)
    await soon(waiting)
