"""All that one process writes: changes that nobody waits for, editions once, gaps of both logs."""

from __future__ import annotations

from gateway.audit.entries import (
    Cause,
    ChangeGapEntry,
    DecisionGapEntry,
    EditionEntry,
    Entry,
    Gap,
    LogName,
    Matter,
    OpenedEntry,
    read_entry,
)
from gateway.recording.link import DirectLink
from gateway.recording.outbox import Outbox, Trouble
from gateway.recording.owner import LogOwner
from gateway.recording.recorder import Recorder, milliseconds, salt
from gateway.recording.settings import RecordingSettings, WhenUnavailable
from gateway.recording.trail import DecisionTrail
from gateway.values import Instant

from .fakes import AT, BODY, MemoryLog, Remembered, soon, until


def recorder(settings: RecordingSettings | None = None) -> Recorder:
    return Recorder(
        settings or RecordingSettings(), Remembered(), lambda: Instant(AT), process="hcgw.worker-0", bucket_s=600
    )


async def entries_of(box: Outbox) -> list[Entry]:
    """Return what an outbox has to hand over."""
    return [read_entry(one).entry for one in (await box.next())[1]]


async def test_what_is_in_force_is_written_once_and_again_when_it_is_another() -> None:
    made = recorder()
    first = {Matter.TRUST: ("1:a",), Matter.RULES: ("r",)}
    made.in_force(first, Cause.START)
    made.in_force(first, Cause.RELOAD)
    made.in_force(first | {Matter.TRUST: ("2:b",)}, Cause.RELOAD)
    found = [one for one in await entries_of(made.changes) if isinstance(one, EditionEntry)]
    assert [(one.matter, one.cause, one.before, one.after) for one in found] == [
        (Matter.TRUST, Cause.START, None, ("1:a",)),
        (Matter.RULES, Cause.START, None, ("r",)),
        (Matter.TRUST, Cause.RELOAD, ("1:a",), ("2:b",)),
    ]
    assert {(one.process, one.at) for one in found} == {("hcgw.worker-0", milliseconds(Instant(AT)))}
    assert len({one.salt for one in found}) == 3


async def test_a_change_never_waits_and_is_never_refused() -> None:
    made = recorder(RecordingSettings(queue=1))
    for _ in range(3):
        made.changed(OpenedEntry(milliseconds(Instant(AT)), 1, salt()))
    assert made.waiting(LogName.CHANGES) == 1
    assert made.changes.lost == 2
    await made.changes.next()
    made.changes.acknowledged(1)
    (gap,) = await entries_of(made.changes)
    assert isinstance(gap, ChangeGapEntry)
    assert (gap.lost, gap.why) == (2, Gap.QUEUE_FULL)


async def test_a_change_that_is_too_long_is_told_as_a_gap() -> None:
    made = recorder()
    made.in_force({Matter.RULES: ("r" * 70_000,), Matter.TRUST: ("1:a",)}, Cause.START)
    gap, after = await entries_of(made.changes)
    assert isinstance(gap, ChangeGapEntry)
    assert (gap.lost, gap.why) == (1, Gap.TOO_LONG)
    assert isinstance(after, EditionEntry)


async def test_lost_decisions_are_told_by_their_buckets() -> None:
    made = recorder(RecordingSettings(queue=1, when_unavailable=WhenUnavailable.ANSWER))
    made.decisions.put(BODY)
    made.decisions.put(BODY)
    await made.decisions.next()
    made.decisions.acknowledged(1)
    (gap,) = await entries_of(made.decisions)
    assert isinstance(gap, DecisionGapEntry)
    assert (gap.lost, gap.since % 600, gap.until) == (1, 0, 1_800_000_000)


async def test_a_process_that_was_cut_off_is_written_in_the_log_that_misses_it() -> None:
    made = recorder()
    for log in LogName:
        made.cut_off(log)
    (decisions,) = await entries_of(made.decisions)
    (changes,) = await entries_of(made.changes)
    assert isinstance(decisions, DecisionGapEntry)
    assert isinstance(changes, ChangeGapEntry)
    assert (decisions.why, decisions.lost) == (changes.why, changes.lost) == (Gap.RUN_CUT_OFF, None)


async def test_it_hands_over_what_it_has_when_it_ends() -> None:
    logs = {log: MemoryLog() for log in LogName}
    owners = {
        log: LogOwner(log, lambda one=one: one, Remembered(), lambda: Instant(AT), publish_s=20)  # type: ignore[misc]
        for log, one in logs.items()
    }
    for owner in owners.values():
        await owner.open()
        owner.start()
    made = recorder()
    made.start(lambda box: DirectLink(box, owners[box.log]))
    made.in_force({Matter.TRUST: ("1:a",)}, Cause.START)
    assert isinstance(made.trail(("1:a",)), DecisionTrail)
    made.decisions.put(BODY)
    await soon(made.emptied(LogName.DECISIONS))
    await soon(made.close())
    for owner in owners.values():
        await owner.close()
    assert [log.size for log in logs.values()] == [1, 1]


async def test_its_state_is_that_of_the_decisions() -> None:
    made = recorder(RecordingSettings(wait_s=0.01))
    made.changes.put(BODY)
    await until(lambda: made.changes.look() is Trouble.OWNER_AWAY)
    assert made.look() is None
    made.decisions.put(BODY)
    await until(lambda: made.look() is Trouble.OWNER_AWAY)
