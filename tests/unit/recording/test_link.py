"""From an outbox to its owner, over the socket and directly: kills, reconnections, a peer that talks nonsense."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.audit.entries import LogName, RunId, written
from gateway.audit.faults import DegradedReason
from gateway.recording import wire
from gateway.recording.gate import AUDIT_SOCKET, MAX_SOCKET_PATH, RecordingGate
from gateway.recording.link import DirectLink, SocketLink
from gateway.recording.outbox import Outbox, Trouble
from gateway.recording.owner import LogOwner
from gateway.recording.settings import RecordingSettings
from gateway.values import Instant

from .fakes import AT, BODY, PATIENCE_S, MemoryLog, Remembered, outbox, soon, until

PATIENT = RecordingSettings(wait_s=PATIENCE_S)
RUN = RunId("a" * 16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / AUDIT_SOCKET


@asynccontextmanager
async def owning(log: MemoryLog, path: Path, cut: list[RunId] | None = None) -> AsyncIterator[LogOwner]:
    """Own a log, and listen at `path`."""
    told = [] if cut is None else cut
    owner = LogOwner(
        LogName.DECISIONS, lambda: log, Remembered(), lambda: Instant(AT), publish_s=PATIENCE_S, retry_s=0.01
    )
    await owner.open()
    owner.start()
    gate = RecordingGate({LogName.DECISIONS: owner}, path, lambda _, run: told.append(run), back_s=0.05)
    await gate.start()
    try:
        yield owner
    finally:
        await gate.stop()
        await owner.close()


@asynccontextmanager
async def linked(path: Path, box: Outbox) -> AsyncIterator[SocketLink]:
    """Hand over what `box` has."""
    link = SocketLink(box, path)
    link.start()
    try:
        yield link
    finally:
        await link.close()


async def test_what_goes_over_the_socket_is_written_and_acknowledged(path: Path) -> None:
    log, box, cut = MemoryLog(), outbox(PATIENT), list[RunId]()
    async with owning(log, path, cut):
        async with linked(path, box):
            for _ in range(3):
                waiting = box.durable(box.put(BODY))
                assert waiting is not None
                await soon(waiting)
        assert log.numbers() == [(box.run, 1), (box.run, 2), (box.run, 3)]
        await asyncio.sleep(0.2)
        assert cut == []  # it said that it ends


async def test_the_socket_is_its_users_alone(path: Path) -> None:
    found: list[Path] = []
    async with owning(MemoryLog(), path):
        mode = await asyncio.to_thread(path.stat)
    await asyncio.to_thread(lambda: found.extend(path.parent.glob("*.sock")))
    assert stat.S_IMODE(mode.st_mode) == 0o600
    assert found == []


async def test_a_path_that_no_address_holds_is_refused(tmp_path: Path) -> None:
    gate = RecordingGate({}, tmp_path / ("x" * MAX_SOCKET_PATH), lambda *_: None)
    with pytest.raises(OSError, match="at most"):
        await gate.start()
    await gate.stop()


async def test_the_owner_may_come_later_and_may_go(path: Path) -> None:
    log, told = MemoryLog(), Remembered()
    box = outbox(RecordingSettings(wait_s=0.05), told)
    async with linked(path, box):
        box.put(BODY)
        await until(lambda: box.look() is Trouble.OWNER_AWAY)
        for lives in (1, 2):
            async with owning(log, path):
                box_number = box.put(BODY)
                await until(lambda: box.waiting == 0)
                assert box.look() is None
            assert box_number == lives + 1
    assert log.numbers() == [(box.run, number) for number in (1, 2, 3)]
    assert told.available_again >= 1


async def test_an_owner_that_dies_between_append_and_answer_doubles_nothing(path: Path) -> None:
    log, box = MemoryLog(), outbox(PATIENT)
    async with linked(path, box):
        async with owning(log, path) as owner:
            log.dies_after_append = True
            for _ in range(3):
                box.put(BODY)
            await until(lambda: log.size >= 3 and owner.degraded)
            # it is killed now: what it has written was never acknowledged
            assert box.waiting == 3
            survived = MemoryLog()
            survived.entries = log.entries[:3]
        async with owning(survived, path):
            box.put(BODY)
            await until(lambda: box.waiting == 0)
    assert survived.numbers() == [(box.run, number) for number in (1, 2, 3, 4)]


async def test_a_full_disk_is_known_on_both_sides(path: Path) -> None:
    log, box = MemoryLog(), outbox(PATIENT)
    log.fault = DegradedReason.DISK_FULL
    async with owning(log, path), linked(path, box):
        box.put(BODY)
        await until(lambda: box.look() is Trouble.DEGRADED)
        log.fault = None
        await until(lambda: box.look() is None and box.waiting == 0)
    assert log.numbers() == [(box.run, 1)]


@asynccontextmanager
async def greeted(path: Path, run: RunId) -> AsyncIterator[asyncio.StreamWriter]:
    """Begin a connection of a run; it is cut off, if nothing is done about it."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(wire.hello(run, LogName.DECISIONS))
    assert await wire.read_frame(reader) == wire.Ack(0)
    yield writer
    writer.close()
    await writer.wait_closed()


async def test_a_process_that_is_killed_is_told_of_once(path: Path) -> None:
    cut = list[RunId]()
    async with owning(MemoryLog(), path, cut):
        async with greeted(path, RUN):
            pass
        await until(lambda: bool(cut))
        async with greeted(path, RunId("b" * 16)) as ending:
            ending.write(wire.bye())
        await asyncio.sleep(0.2)
    assert cut == [RUN]


async def test_one_that_comes_back_in_time_is_not(path: Path) -> None:
    cut = list[RunId]()
    owner = LogOwner(LogName.DECISIONS, MemoryLog, Remembered(), lambda: Instant(AT))
    await owner.open()
    gate = RecordingGate({LogName.DECISIONS: owner}, path, lambda _, run: cut.append(run), back_s=PATIENCE_S)
    await gate.start()
    async with greeted(path, RUN):
        pass
    await until(lambda: gate.missed == 1)
    async with greeted(path, RUN):
        assert gate.missed == 0
    await gate.stop()
    await owner.close()
    assert cut == []


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        wire.bye(),
        wire.ack(3),
        b"\x00\x00\x00\x01H\x00",
        b"\xff\xff\xff\xffE",
        wire.hello(RUN, LogName.DECISIONS)[:-1] + b"\x09",
        wire.hello(RUN, LogName.DECISIONS) + wire.ack(1),
        wire.hello(RUN, LogName.DECISIONS) + b"\x00\x00\x00\x02X\x00\x00",
        wire.hello(RUN, LogName.DECISIONS) + b"\x00\x00\x00\x02E\x00\x00",
        wire.hello(RUN, LogName.DECISIONS) + b"\x00\x00\x00\x0bE" + bytes(8) + b"\x00\x09a",
    ],
)
async def test_who_talks_nonsense_is_hung_up_on_and_harms_nobody(path: Path, nonsense: bytes) -> None:
    log, box = MemoryLog(), outbox(PATIENT)
    async with owning(log, path), linked(path, box):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(nonsense)
        async with asyncio.timeout(PATIENCE_S):
            while await reader.read(1024):
                pass
        writer.close()
        box.put(BODY)
        await until(lambda: box.waiting == 0)
    assert log.numbers() == [(box.run, 1)]


async def test_an_owner_that_talks_nonsense_is_left_and_tried_again(path: Path) -> None:
    asked = 0

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await wire.read_frame(reader)
        writer.write(wire.bye() if asked == 1 else b"\xff" * 9)
        writer.close()

    server = await asyncio.start_unix_server(nonsense, path)
    log, box = MemoryLog(), outbox(PATIENT)
    async with linked(path, box):
        box.put(BODY)
        await until(lambda: asked >= 3)
        server.close()
        await server.wait_closed()
        async with owning(log, path):
            await until(lambda: box.waiting == 0)


async def test_a_process_that_reads_nothing_is_hung_up_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.recording.gate.MOST_UNREAD", 0)
    async with owning(MemoryLog(), path):
        _, writer = await asyncio.open_unix_connection(path, limit=1024)
        writer.write(wire.hello(RUN, LogName.DECISIONS))
        frame = wire.entries(1, [written(BODY, RUN, 1)])

        async def flood() -> None:
            while True:
                writer.write(frame)
                await writer.drain()

        with pytest.raises(OSError):  # noqa: PT011 which one, depends on the moment
            await soon(flood())
        writer.close()


async def test_in_one_process_it_goes_directly() -> None:
    log, box, told = MemoryLog(), outbox(PATIENT), Remembered()
    owner = LogOwner(LogName.DECISIONS, lambda: log, told, lambda: Instant(AT), publish_s=PATIENCE_S, retry_s=0.01)
    await owner.open()
    owner.start()
    link = DirectLink(box, owner)
    link.start()
    waiting = box.durable(box.put(BODY))
    assert waiting is not None
    await soon(waiting)
    log.fault = DegradedReason.DISK_FULL
    box.put(BODY)
    await until(lambda: box.look() is Trouble.DEGRADED)
    log.fault = None
    await link.close()
    await owner.close()
    assert log.numbers() == [(box.run, 1), (box.run, 2)]


async def test_a_process_that_ends_does_not_wait_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.recording.link.HAND_OVER_S", 0.05)
    box = outbox(PATIENT)
    link = SocketLink(box, path)
    await link.close()  # never started
    link.start()
    box.put(BODY)
    await soon(link.close())
    assert box.waiting == 1


def test_frames_are_read_back() -> None:
    async def read(data: bytes) -> wire.Frame | None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await wire.read_frame(reader)

    many = tuple(b"e" * size for size in (0, 1, 65_535))
    for frame, told in (
        (wire.hello(RUN, LogName.CHANGES), wire.Hello(RUN, LogName.CHANGES)),
        (wire.entries(7, many), wire.Entries(7, many)),
        (wire.bye(), wire.Bye()),
        (wire.ack(1 << 40), wire.Ack(1 << 40)),
        (wire.state(degraded=True), wire.State(degraded=True)),
        (wire.state(degraded=False), wire.State(degraded=False)),
        (b"", None),
        (wire.bye()[:3], None),
    ):
        assert asyncio.run(read(frame)) == told
