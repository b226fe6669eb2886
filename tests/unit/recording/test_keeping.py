"""Both logs of a machine, on a real disk: opened, written for all, marked, forgotten when it is time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gateway.audit.entries import (
    ChangeGapEntry,
    ColourEntry,
    ColoursAdoptedEntry,
    DecisionGapEntry,
    DegradedEntry,
    Delivery,
    Entry,
    ForgottenEntry,
    Gap,
    LogName,
    Milliseconds,
    OpenedEntry,
    RunId,
    read_entry,
    writer_of,
)
from gateway.audit.log import AuditLog
from gateway.audit.tiles import CHECKPOINT
from gateway.changes import ListName
from gateway.errors import Reason
from gateway.recording.gate import AUDIT_SOCKET
from gateway.recording.keeping import (
    UNFINISHED,
    AuditKeeping,
    KeepingRefused,
    KeepingSettings,
    log_folder,
    log_verifier,
)
from gateway.recording.positions import MARK, Positions
from gateway.recording.recorder import Recorder, milliseconds, salt
from gateway.recording.settings import RecordingSettings
from gateway.recording.trail import Asked
from gateway.recording.wire import hello, read_frame
from gateway.values import CallerId, Decision, Format, Instant, IssuerId, Measure, Profile, Purpose
from keys.notes import NoteSigner, NoteVerifier
from keys.signer import Signer, generate_dev_key

from .fakes import AT, PATIENCE_S, Remembered, soon, until

DAY_S = 86_400.0
ASKED = Asked("VerifyCode", CallerId("dev-loopback"), Purpose.VENUE_ENTRY, Profile.GATE)
LIST = ListName(IssuerId("https://gz.example"), "https://gz.example/1")


@dataclass
class LogsRemembered(Remembered):
    """What was told of the logs."""

    open_logs: list[tuple[LogName, int]] = field(default_factory=list)
    cut: list[LogName] = field(default_factory=list)
    forgets: list[tuple[LogName, int]] = field(default_factory=list)

    def opened(self, log: LogName, entries: int, *, torn: bool) -> None:
        assert not torn
        self.open_logs.append((log, entries))

    def cut_off(self, log: LogName) -> None:
        self.cut.append(log)

    def forgotten(self, log: LogName, entries: int) -> None:
        self.forgets.append((log, entries))


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return generate_dev_key(tmp_path / "audit.key.pem")


@pytest.fixture
def settings(tmp_path: Path) -> KeepingSettings:
    return KeepingSettings(
        tmp_path / "audit",
        "gateway.test/1",
        180 * DAY_S,
        1_825 * DAY_S,
        bucket_s=600,
        may_lose=True,
        publish_s=PATIENCE_S,
    )


class Clock:
    """An instant that is set."""

    def __init__(self) -> None:
        self.at: float = AT

    def __call__(self) -> Instant:
        return Instant(self.at)


@dataclass
class Kept:
    """Logs that are kept, and who writes to them."""

    keeping: AuditKeeping
    recorder: Recorder
    told: LogsRemembered
    clock: Clock

    async def entries(self, log: LogName) -> list[Entry]:
        owner = self.keeping.owners[log]
        await soon(self.recorder.emptied(log))
        return [read_entry(raw).entry for raw in await owner.with_log(lambda one: one.last(10_000))]


@asynccontextmanager
async def kept(settings: KeepingSettings, signer: Signer, *, serve: bool = False) -> AsyncIterator[Kept]:
    told, clock = LogsRemembered(), Clock()
    recorder = Recorder(RecordingSettings(wait_s=PATIENCE_S), told, clock, process="p", bucket_s=600)
    keeping = AuditKeeping(settings, signer, recorder, told, clock)
    try:
        await keeping.open()
        await keeping.start(serve=serve)
        recorder.start(keeping.link)
        yield Kept(keeping, recorder, told, clock)
    finally:
        await recorder.close()
        await keeping.close()


def decision(at: float) -> Decision:
    return Decision(Measure.MANUAL, (Reason.NO_RULES,), Instant(at), None, Format.UNKNOWN)


async def test_a_start_is_written_and_the_log_goes_on(settings: KeepingSettings, signer: Signer) -> None:
    async with kept(settings, signer) as logs:
        trail = logs.recorder.trail(())
        waiting = trail.durable(trail.decided(ASKED, decision(AT), None))
        assert waiting is not None
        await soon(waiting)
        assert logs.told.open_logs == [(LogName.DECISIONS, 0), (LogName.CHANGES, 0)]
    async with kept(settings, signer) as logs:
        assert logs.told.open_logs == [(LogName.DECISIONS, 1), (LogName.CHANGES, 1)]
        opened = [one for one in await logs.entries(LogName.CHANGES) if isinstance(one, OpenedEntry)]
        assert [one.decisions for one in opened] == [0, 1]
        assert len(await logs.entries(LogName.DECISIONS)) == 1


async def test_its_heads_are_signed_under_the_logs_own_names(settings: KeepingSettings, signer: Signer) -> None:
    async with kept(settings, signer):
        pass
    for log in LogName:
        lines = (log_folder(settings.directory, log) / CHECKPOINT).read_text().split("\n")
        assert lines[0] == f"gateway.test/1/{log.value}"
        assert lines[1] == ("0" if log is LogName.DECISIONS else "1")


@pytest.mark.parametrize("name", ["gw.test/1", "gw.test/1/decisions", "gw.test/1/changes"])
def test_a_nodes_key_is_known_by_any_of_its_names(signer: Signer, name: str) -> None:
    key = NoteSigner(name, signer).verifier
    assert {log_verifier(key, log).name for log in LogName} == {"gw.test/1/decisions", "gw.test/1/changes"}


async def test_after_a_rotation_the_former_key_must_be_named(
    settings: KeepingSettings, signer: Signer, tmp_path: Path
) -> None:
    async with kept(settings, signer):
        pass
    new = generate_dev_key(tmp_path / "new.key.pem")
    with pytest.raises(KeepingRefused) as caught:
        async with kept(settings, new):
            pass
    assert caught.value.fault == "checkpoint_key"
    former: list[NoteVerifier] = [NoteSigner(settings.origin, signer).verifier]
    async with kept(replace(settings, former=former), new) as logs:
        assert logs.told.open_logs == [(LogName.DECISIONS, 0), (LogName.CHANGES, 1)]


async def test_a_log_that_somebody_touched_refuses_the_start(settings: KeepingSettings, signer: Signer) -> None:
    async with kept(settings, signer):
        pass
    head = log_folder(settings.directory, LogName.CHANGES) / CHECKPOINT
    head.write_bytes(head.read_bytes().replace(b"\n1\n", b"\n2\n", 1))
    with pytest.raises(KeepingRefused) as caught:
        async with kept(settings, signer):
            pass
    assert caught.value.fault == "checkpoint_signature"
    assert not caught.value.may_pass
    assert CHECKPOINT in caught.value.place


async def test_a_log_that_another_process_writes_may_be_had_later(settings: KeepingSettings, signer: Signer) -> None:
    folder = log_folder(settings.directory, LogName.DECISIONS)
    other = AuditLog.open(
        folder, origin="gateway.test/1/decisions", signer=NoteSigner("gateway.test/1/decisions", signer)
    )
    with pytest.raises(KeepingRefused) as caught:
        async with kept(settings, signer):
            pass
    other.close()
    assert caught.value.may_pass


async def test_a_socket_that_cannot_be_had_refuses_the_start(settings: KeepingSettings, signer: Signer) -> None:
    (settings.directory / AUDIT_SOCKET / "in the way").mkdir(parents=True)
    with pytest.raises(KeepingRefused) as caught:
        async with kept(settings, signer, serve=True):
            pass
    assert AUDIT_SOCKET in caught.value.place
    assert caught.value.may_pass


async def test_a_socket_whose_path_is_too_long_stays_so(settings: KeepingSettings, signer: Signer) -> None:
    with pytest.raises(KeepingRefused) as caught:
        async with kept(replace(settings, directory=settings.directory / ("x" * 100)), signer, serve=True):
            pass
    assert not caught.value.may_pass


async def test_what_is_due_is_deleted_and_that_is_written(settings: KeepingSettings, signer: Signer) -> None:
    async with kept(settings, signer) as logs:
        trail = logs.recorder.trail(())
        for number in range(1_024):  # 300 old ones, then one a day
            trail.decided(ASKED, decision(AT - (300 * DAY_S if number < 600 else 0)), None)
        await soon(logs.recorder.emptied(LogName.DECISIONS))
        await logs.keeping.owners[LogName.DECISIONS].publish()
        await logs.keeping.forget()
        assert logs.told.forgets == [(LogName.DECISIONS, 512)]
        await logs.keeping.forget()
        assert len(logs.told.forgets) == 1
        assert len(await logs.entries(LogName.DECISIONS)) == 512
        (told,) = [one for one in await logs.entries(LogName.CHANGES) if isinstance(one, ForgottenEntry)]
        assert (told.log, told.entries) == (LogName.DECISIONS, 512)
        assert told.before == milliseconds(Instant(AT - settings.decisions_s))
        logs.clock.at += 2_000 * DAY_S
        for _ in range(600):
            logs.recorder.cut_off(LogName.CHANGES)
        await soon(logs.recorder.emptied(LogName.CHANGES))


async def test_changes_are_kept_by_their_own_time(settings: KeepingSettings, signer: Signer) -> None:
    async with kept(settings, signer) as logs:
        for _ in range(300):
            logs.recorder.cut_off(LogName.CHANGES)
        for _ in range(300):
            logs.recorder.cut_off(LogName.DECISIONS)
        for log in LogName:
            await soon(logs.recorder.emptied(log))
            await logs.keeping.owners[log].publish()
        logs.clock.at += 200 * DAY_S
        await logs.keeping.forget()
        assert logs.told.forgets == [(LogName.DECISIONS, 256)]
        logs.clock.at += 1_700 * DAY_S
        await logs.keeping.forget()
        assert logs.told.forgets[-1] == (LogName.CHANGES, 256)
        assert logs.told.failures == []


async def test_bytes_that_are_no_entry_are_told_and_kept(settings: KeepingSettings, signer: Signer) -> None:
    async with kept(settings, signer) as logs:
        owner, acked = logs.keeping.owners[LogName.DECISIONS], list[int]()
        owner.submit(RunId("0" * 16), 1, [b"no entry"] * 256, acked.append)
        await until(lambda: acked == [256])
        await owner.publish()
        await logs.keeping.forget()
        assert logs.told.forgets == []
        assert len(logs.told.failures) == 1


@pytest.mark.parametrize("may_lose", [True, False])
async def test_a_process_that_ended_without_a_word_is_written_where_it_may_matter(
    settings: KeepingSettings, signer: Signer, may_lose: bool
) -> None:
    async with kept(replace(settings, may_lose=may_lose), signer) as logs:
        logs.keeping._cut_off(LogName.DECISIONS, RunId("0" * 16))
        found = await logs.entries(LogName.DECISIONS)
        gaps = [one for one in found if isinstance(one, DecisionGapEntry)]
        assert [one.why for one in gaps] == [Gap.RUN_CUT_OFF] * may_lose
        assert logs.told.cut == [LogName.DECISIONS] * may_lose


async def test_that_a_log_could_not_be_written_is_written(
    settings: KeepingSettings, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kept(settings, signer) as logs:
        await soon(logs.recorder.emptied(LogName.CHANGES))
        with monkeypatch.context() as patched:
            patched.setattr("gateway.audit.disk.Disk.write", _full)
            trail = logs.recorder.trail(())
            trail.decided(ASKED, decision(AT), None)
            await until(lambda: logs.told.degradations == ["disk_full"])
            logs.clock.at += 100
        await until(lambda: logs.told.well_again == ["disk_full"])
        assert not logs.keeping.degraded
        found = await logs.entries(LogName.CHANGES)
        (told,) = [one for one in found if isinstance(one, DegradedEntry)]
        assert (told.log, told.why, told.at) == (LogName.DECISIONS, "disk_full", milliseconds(Instant(AT + 100)))
        assert len(await logs.entries(LogName.DECISIONS)) == 1


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def colours(number: int, name: ListName = LIST) -> ColourEntry:
    at = Milliseconds(1)
    return ColourEntry(at, name.issuer, name.uri, number, bytes(32), at, (), (), Delivery.HERE, salt())


async def test_up_to_where_a_list_stands_is_found_again(settings: KeepingSettings, signer: Signer) -> None:
    other = ListName(LIST.issuer, "https://gz.example/2")
    async with kept(settings, signer) as logs:
        assert logs.keeping.positions.of(LIST) == 0
        logs.recorder.changed(colours(7))
        logs.keeping.positions.move(LIST, 7)
        await soon(logs.recorder.emptied(LogName.CHANGES))
        await logs.keeping.mark()
        # what comes behind the mark is found in the log
        logs.recorder.changed(colours(8))
        logs.recorder.changed(ColoursAdoptedEntry(Milliseconds(1), other.issuer, other.uri, 0, 40, salt()))
        await soon(logs.recorder.emptied(LogName.CHANGES))
    async with kept(settings, signer) as logs:
        assert (logs.keeping.positions.of(LIST), logs.keeping.positions.of(other)) == (8, 40)
    (settings.directory / MARK).unlink()
    async with kept(settings, signer) as logs:
        assert (logs.keeping.positions.of(LIST), logs.keeping.positions.of(other)) == (8, 40)


@pytest.mark.parametrize("marked", [True, False])
async def test_up_to_where_a_list_stands_is_found_when_the_disk_is_back(
    settings: KeepingSettings, signer: Signer, monkeypatch: pytest.MonkeyPatch, marked: bool
) -> None:
    async with kept(settings, signer) as logs:
        logs.recorder.changed(colours(7))
        logs.keeping.positions.move(LIST, 7)
    if not marked:
        (settings.directory / MARK).unlink()
    with monkeypatch.context() as patched:
        patched.setattr("gateway.audit.disk.Disk.make_folder", _read_only)
        async with kept(settings, signer) as logs:
            assert logs.told.degradations == ["read_only", "read_only"]
            assert logs.told.open_logs == []
            assert not logs.keeping.positions_found.is_set()
            patched.undo()
            await soon(logs.keeping.positions_found.wait())
            assert logs.keeping.positions.of(LIST) == 7
            assert logs.told.open_logs == [(LogName.CHANGES, 2)]


def _read_only(*_: object) -> None:
    raise OSError(30, "Read-only file system")


async def gaps_of(settings: KeepingSettings, signer: Signer) -> list[tuple[str, Gap]]:
    """Start once more; return the gaps that stand there then."""
    async with kept(settings, signer) as logs:
        found = [one for log in LogName for one in await logs.entries(log)]
        assert len(logs.told.cut) in {0, 2}
        return [(one.kind, one.why) for one in found if isinstance(one, DecisionGapEntry | ChangeGapEntry)]


async def test_a_run_that_was_killed_is_written_by_the_next_one_where_it_may_matter(
    settings: KeepingSettings, signer: Signer
) -> None:
    unfinished = settings.directory / UNFINISHED
    async with kept(replace(settings, may_lose=False), signer):
        assert not unfinished.exists()
    async with kept(settings, signer):
        assert unfinished.exists()
    assert not unfinished.exists()
    assert await gaps_of(settings, signer) == []
    unfinished.touch()  # as a kill leaves it
    gaps = [("decision_gap", Gap.RUN_CUT_OFF), ("change_gap", Gap.RUN_CUT_OFF)]
    assert await gaps_of(replace(settings, may_lose=False), signer) == gaps
    assert await gaps_of(settings, signer) == gaps


async def test_a_process_that_was_killed_just_before_the_end_is_written_by_the_next_run(
    settings: KeepingSettings, signer: Signer
) -> None:
    async with kept(settings, signer, serve=True):
        reader, writer = await asyncio.open_unix_connection(settings.directory / AUDIT_SOCKET)
        writer.write(hello(RunId("0" * 16), LogName.DECISIONS))
        await soon(read_frame(reader))
        writer.close()
    assert await gaps_of(settings, signer) == [("decision_gap", Gap.RUN_CUT_OFF), ("change_gap", Gap.RUN_CUT_OFF)]


async def test_nothing_is_marked_that_is_not_durable(settings: KeepingSettings, signer: Signer) -> None:
    async with kept(settings, signer) as logs:
        await soon(logs.recorder.emptied(LogName.CHANGES))
        logs.keeping.positions.move(LIST, 3)
        logs.recorder.changed(colours(3))
        await logs.keeping.mark()
        assert not (settings.directory / MARK).exists()
        await soon(logs.recorder.emptied(LogName.CHANGES))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"size": 99, "lists": []}', b'{"size": 1, "lists": [["a", "b"]]}']
)
def test_a_mark_that_does_not_fit_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MARK).write_bytes(content)
    positions = Positions(tmp_path)
    assert positions.load(10) == 0
    assert positions.of(LIST) == 0


def test_a_position_never_goes_back_and_strange_entries_are_passed_over(tmp_path: Path) -> None:
    positions = Positions(tmp_path)
    positions.save(0)  # nothing has changed
    assert list(tmp_path.iterdir()) == []
    positions.move(LIST, 5)
    positions.move(LIST, 4)
    positions.read([b"no entry"])
    assert positions.of(LIST) == 5
    positions.save(2)
    again = Positions(tmp_path)
    assert again.load(2) == 2
    assert again.of(LIST) == 5
    assert writer_of(b"no entry") is None
