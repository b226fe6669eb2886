"""Watching from the command line: which codes, a line for each event, and how it ends."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.cli import status_watch
from gateway.cli.status_watch import CodesInvalid, Watching, codes_of, watch_until
from gateway.rpc.client import Answer
from gateway.rpc.status_client import WatchEvent
from gateway.values import Measure, Profile, Purpose

TERMS = Watching(Purpose.VENUE_ENTRY, None, Profile.GATE)
PASS = Answer(Measure.PASS, ("STATE_GREEN", "NOT_PUBLISHED"), None, "", "")
DENY = Answer(Measure.DENY, ("STATE_RED",), None, "", "")


@dataclass
class Gateway:
    """Tells these events, and then ends the watch."""

    events: tuple[WatchEvent, ...]
    asked: int = 0
    closed: bool = False

    async def watch(self, _codes: object, **_terms: object) -> AsyncGenerator[WatchEvent, None]:
        try:
            for event in self.events:
                self.asked += 1
                yield event
        finally:
            self.closed = True


EVENTS = (
    WatchEvent("watch", 0),  # a sign of life
    WatchEvent("watch", 1, "1", PASS, watched=True),
    WatchEvent("watch", 2, "2", DENY),
    WatchEvent("watch", 3, "1", DENY, watched=True),
)


@pytest.mark.parametrize(
    ("count", "ended", "asked", "rows"),
    [
        (
            None,
            False,
            4,
            ["1  PASS  STATE_GREEN, NOT_PUBLISHED", "2  DENY  STATE_RED  (not watched)", "1  DENY  STATE_RED"],
        ),
        (2, True, 3, ["1  PASS  STATE_GREEN, NOT_PUBLISHED", "2  DENY  STATE_RED  (not watched)"]),
        (
            4,
            False,
            4,
            ["1  PASS  STATE_GREEN, NOT_PUBLISHED", "2  DENY  STATE_RED  (not watched)", "1  DENY  STATE_RED"],
        ),
    ],
)
async def test_a_line_is_told_for_each_event(count: int | None, ended: bool, asked: int, rows: list[str]) -> None:
    gateway: Any = Gateway(EVENTS)
    lines: list[str] = []
    assert await watch_until(gateway, [("1", b"code")], TERMS, count, lines.append) is ended
    assert [line.partition("  ")[2] for line in lines] == rows
    assert (gateway.asked, gateway.closed) == (asked, True)


def test_codes_are_called_by_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes_of(["one", "two"]) == [("1", b"one"), ("2", b"two")]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"one\r\n\ntwo\xff")))
    assert codes_of(["-"]) == [("1", b"one"), ("3", b"two\xff")]


@pytest.mark.parametrize("arguments", [[], [""], ["one", "two", "three", "four"]])
def test_none_and_too_many_are_refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_watch, "MOST_CODES", 3)
    with pytest.raises(CodesInvalid):
        codes_of(arguments)
