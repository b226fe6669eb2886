"""What may be logged, and what never is."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import types
import typing
import warnings
from collections.abc import Iterator
from dataclasses import fields

import pytest

from gateway.watch import events
from gateway.watch.event import Event
from gateway.watch.events import EVENTS, ReloadRefused, Starting, Stopped
from gateway.watch.logs import EventLog, UnlistedEvent, exception_name, own_frames, take_over, watch_loop

CANARY = "Canary Zhang 330102199001011234"
PLAIN = {str, int, float, bool, tuple[str, ...]}


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO) -> EventLog:
    return EventLog(stream, level="debug", instance="one")


@pytest.fixture
def taken_over(log: EventLog) -> Iterator[None]:
    undo = take_over(log)
    yield
    undo()


def sample(hint: object) -> object:
    """Return a value of a field's type."""
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)[0]
    return ("a",) if hint == tuple[str, ...] else typing.cast("type", hint)("1")


def samples() -> list[Event]:
    """Return one event of each kind."""
    return [
        kind(**{one.name: sample(typing.get_type_hints(kind)[one.name]) for one in fields(kind)})
        for kind in EVENTS.values()
    ]


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_holds_only_plain_fields(name: str) -> None:
    hints = typing.get_type_hints(EVENTS[name])
    for one in fields(EVENTS[name]):
        hint = hints[one.name]
        assert hint in PLAIN or typing.get_origin(hint) is typing.Literal, one.name
    assert EVENTS[name].__doc__


def test_every_event_type_is_listed() -> None:
    kinds = {one for one in vars(events).values() if isinstance(one, type) and issubclass(one, Event)} - {Event}
    assert set(EVENTS.values()) == kinds
    assert all(name == kind.name for name, kind in EVENTS.items())


@pytest.mark.parametrize("event", samples(), ids=lambda event: event.name)
def test_each_event_is_one_json_line_with_its_own_fields(log: EventLog, stream: io.StringIO, event: Event) -> None:
    log.emit(event)
    (line,) = lines(stream)
    assert set(line) == {"time", "level", "event", "instance"} | {one.name for one in fields(event)}
    assert line["event"] == event.name
    assert line["level"] == event.severity
    assert line["instance"] == "one"


def test_what_is_not_listed_cannot_be_logged(log: EventLog, stream: io.StringIO) -> None:
    class Gossip(Event):
        name = "gossip"

    with pytest.raises(UnlistedEvent):
        log.emit(Gossip())
    with pytest.raises(UnlistedEvent) as caught:
        log._line.info("starting", holder=CANARY)
    assert CANARY not in str(caught.value)
    with pytest.raises(UnlistedEvent) as caught:
        log._line.info(CANARY)
    assert CANARY not in str(caught.value)
    assert stream.getvalue() == ""


def test_less_severe_events_are_left_out(stream: io.StringIO) -> None:
    log = EventLog(stream, level="error")
    log.emit(Starting("1", "test"))
    assert stream.getvalue() == ""
    log.emit(ReloadRefused("trust", "a.json", "broken"))
    assert len(lines(stream)) == 1


def test_long_texts_are_cut_and_lines_stay_lines(log: EventLog, stream: io.StringIO) -> None:
    log.emit(ReloadRefused("trust", "a\nb", "x" * 10_000))
    (line,) = lines(stream)
    assert line["file"] == "a\nb"
    assert len(str(line["why"])) < 400


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    EventLog(Full()).emit(Starting("1", "test"))
    closed = io.StringIO()
    log = EventLog(closed)
    closed.close()
    log.emit(Starting("1", "test"))


def fail(text: str) -> None:
    raise LookupError(text)


def test_frames_are_ours_only() -> None:
    with pytest.raises(KeyError) as caught:
        EventLog(level=CANARY)
    places = [frame.split(":")[:2] for frame in own_frames(caught.value.__traceback__)]
    assert places == [["gateway.watch.logs", "__init__"]]
    assert exception_name(caught.value) == "KeyError"


@pytest.mark.usefixtures("taken_over")
def test_libraries_are_heard_and_not_quoted(stream: io.StringIO) -> None:
    logger = logging.getLogger("some.library")
    logger.error("bad message %s", CANARY)
    try:
        fail(CANARY)
    except LookupError:
        logger.exception("with %s", CANARY)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(CANARY, stacklevel=1)
        logging.captureWarnings(capture=False)
    found = lines(stream)
    assert [(line["logger"], line["level"], line["exception"]) for line in found] == [
        ("some.library", "warning", ""),
        ("some.library", "warning", "LookupError"),
        ("py.warnings", "warning", ""),
    ]
    assert CANARY not in stream.getvalue()


@pytest.mark.usefixtures("taken_over")
def test_a_talkative_library_is_cut_short_and_counted(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [100.0]
    monkeypatch.setattr("gateway.watch.logs.time", types.SimpleNamespace(monotonic=lambda: moment[0]))
    for _ in range(1_000):
        logging.getLogger("some.library").error("again")
    assert len(lines(stream)) == 10
    moment[0] = 101.0
    logging.getLogger("some.library").error("again")
    assert lines(stream)[-1]["suppressed"] == 990


@pytest.mark.usefixtures("taken_over")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_uncaught_exceptions_are_told_without_their_text(stream: io.StringIO) -> None:
    try:
        fail(CANARY)
    except LookupError as exc:
        sys.excepthook(type(exc), exc, exc.__traceback__)
        sys.unraisablehook(types.SimpleNamespace(exc_value=exc))
    thread = threading.Thread(target=fail, args=(CANARY,))
    thread.start()
    thread.join()
    assert [line["where"] for line in lines(stream)] == ["main", "finaliser", "thread"]
    assert all(line["exception"] == "LookupError" for line in lines(stream))
    assert CANARY not in stream.getvalue()


async def test_the_loop_is_told_without_text(log: EventLog, stream: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    watch_loop(log, loop)
    loop.call_exception_handler({"message": CANARY, "exception": LookupError(CANARY)})
    loop.call_exception_handler({"message": CANARY})
    assert [line["where"] for line in lines(stream)] == ["loop"]
    assert CANARY not in stream.getvalue()


def test_taking_over_can_be_undone(log: EventLog) -> None:
    before = (logging.getLogger().handlers[:], sys.excepthook, threading.excepthook, sys.unraisablehook)
    take_over(log)()
    assert before == (logging.getLogger().handlers[:], sys.excepthook, threading.excepthook, sys.unraisablehook)


def test_a_line_is_written_in_one_piece() -> None:
    """Several processes share an output: a newline that came after another's line would spoil both."""
    pieces: list[str] = []

    class Output(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    EventLog(Output()).emit(Stopped(1.0))
    (piece,) = pieces
    assert piece.count("\n") == 1
    assert piece.endswith("\n")
