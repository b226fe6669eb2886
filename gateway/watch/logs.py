"""Events as JSON lines, and nothing else on the output.

Rules:

- One line per event, in one piece: ``time``, ``level``, ``event``, ``instance`` and the event's own fields.
- Only what `events.py` lists is written; anything else raises `UnlistedEvent`, a programming error.
- Whoever logs through the standard library, warns, or dies of an exception is heard, but not quoted: type names and
  our own frames only. Their text may hold what a caller sent.
- A log that cannot be written (a full disk, a closed pipe) never stops the gateway.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import fields
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import structlog

from .event import Event, Frames
from .events import EVENTS, LibrarySpoke, Unhandled

_OWN = ("gateway.", "keys.")
_MAX_FRAMES = 20
_MAX_TEXT = 300
_LIBRARY_LINES_PER_SECOND = 10
_ADDED: Final = frozenset({"instance"})
_FIELDS: Final = {name: frozenset(one.name for one in fields(kind)) | _ADDED for name, kind in EVENTS.items()}
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class UnlistedEvent(Exception):
    """Somebody tried to log what gateway/watch/events.py does not list. Names the event and the fields, no values."""


def exception_name(exc: BaseException) -> str:
    """Return the name of an exception's type; its text is nobody's business."""
    kind = type(exc)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def own_frames(trace: TracebackType | None) -> Frames:
    """Return the frames of a traceback that are ours, innermost last. Holds names of our source, no values."""
    found = [
        f"{frame.f_globals['__name__']}:{frame.f_code.co_name}:{line}"
        for frame, line in traceback.walk_tb(trace)
        if str(frame.f_globals.get("__name__", "")).startswith(_OWN)
    ]
    return tuple(found[-_MAX_FRAMES:])


def _only_listed(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    name = line.get("event")
    allowed = _FIELDS.get(name) if isinstance(name, str) else None
    if allowed is None:
        raise UnlistedEvent("an event that is not in gateway/watch/events.py")
    unlisted = line.keys() - allowed - {"event"}
    if unlisted:
        raise UnlistedEvent(f"{name}: {', '.join(sorted(unlisted))}")
    return line


def _short(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in line.items():
        if isinstance(value, str) and len(value) > _MAX_TEXT:
            line[key] = value[:_MAX_TEXT] + "..."
    return line


class EventLog:
    """The gateway's only way to write a line."""

    def __init__(self, stream: TextIO | None = None, *, level: str = "info", instance: str = "hcgw") -> None:
        """Write to `stream` (standard output if None) what is at least as severe as `level`."""
        # Its newline is written with the line, at once: several processes of one gateway share an output.
        self._line = structlog.wrap_logger(
            structlog.WriteLogger(sys.stdout if stream is None else stream),
            processors=[
                _only_listed,
                _short,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
                structlog.processors.JSONRenderer(ensure_ascii=True, sort_keys=False),
            ],
            wrapper_class=structlog.BoundLogger,
            cache_logger_on_first_use=True,
        )
        self._least = _LEVELS[level]
        self.instance = instance

    def emit(self, event: Event) -> None:
        """Write `event`, if it is severe enough."""
        severity = event.severity
        if _LEVELS[severity] < self._least:
            return
        values = {one.name: getattr(event, one.name) for one in fields(event)}
        with suppress(OSError, ValueError):
            getattr(self._line, severity)(event.name, instance=self.instance, **values)

    def unhandled(
        self, where: Literal["main", "thread", "loop", "finaliser", "http", "handles"], exc: BaseException | None
    ) -> None:
        """Tell that an exception was caught by nobody."""
        if exc is not None:
            self.emit(Unhandled(where, exception_name(exc), own_frames(exc.__traceback__)))


class _LibraryRecords(logging.Handler):
    """Says that a library spoke, at most some lines a second, and never what it said."""

    def __init__(self, log: EventLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._second = 0
        self._written = 0
        self._suppressed = 0

    def emit(self, record: logging.LogRecord) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= _LIBRARY_LINES_PER_SECOND:
            self._suppressed += 1
            return
        self._written += 1
        suppressed, self._suppressed = self._suppressed, 0
        exc = record.exc_info[1] if record.exc_info else None
        self._log.emit(
            LibrarySpoke(
                logger=record.name,
                level=record.levelname.lower(),
                exception="" if exc is None else exception_name(exc),
                frames=() if exc is None else own_frames(exc.__traceback__),
                suppressed=suppressed,
            )
        )


def take_over(log: EventLog) -> Callable[[], None]:
    """Route everything that this process would print by itself into `log`. For the owner of the process only.

    Covers the standard library's loggers, warnings, and the hooks for exceptions that nobody caught in the main
    thread, other threads and finalisers. Event loops: `watch_loop`. Returns what undoes it.
    """
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook)
    others = [
        one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger) and one.handlers
    ]
    handlers = [(one, one.handlers[:], one.propagate) for one in others]
    for one in others:
        one.handlers[:], one.propagate = [], True
    root.handlers[:] = [_LibraryRecords(log)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _, exc, __: log.unhandled("main", exc)
    threading.excepthook = lambda args: log.unhandled("thread", args.exc_value)
    sys.unraisablehook = lambda args: log.unhandled("finaliser", args.exc_value)

    def undo() -> None:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        sys.excepthook, threading.excepthook, sys.unraisablehook = before[2:]
        logging.captureWarnings(capture=False)
        for one, its, propagate in handlers:
            one.handlers[:], one.propagate = its, propagate

    return undo


def watch_loop(log: EventLog, loop: asyncio.AbstractEventLoop) -> None:
    """Route what `loop` would print about exceptions that nobody caught into `log`."""
    loop.set_exception_handler(lambda _, context: log.unhandled("loop", context.get("exception")))
