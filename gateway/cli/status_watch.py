"""`hcgw status watch`: the codes that are watched, and a line for each event.

A line is the time, the code's handle, the measure and the reasons; a code that will not be told of again says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.instants import format_instant, now
from gateway.values import DivisionCode, Instant, Profile, Purpose

if TYPE_CHECKING:
    from gateway.rpc.client import Answer
    from gateway.rpc.status_client import StatusClient

MOST_CODES: Final = 100_000
"""What a gateway watches for one caller."""

MOST_READ: Final = 256 << 20
"""Bytes of standard input: so many codes of some 2 KB."""


class CodesInvalid(ValueError):
    """There is nothing to watch, or too much."""


@dataclass(frozen=True, slots=True)
class Watching:
    """The terms under which codes are judged."""

    purpose: Purpose
    division: DivisionCode | None
    profile: Profile


def codes_of(arguments: Sequence[str]) -> list[tuple[str, bytes]]:
    """Return handle and content of each code; of "-" those of standard input, one a line. Raises: CodesInvalid."""
    if list(arguments) == ["-"]:
        scanned = sys.stdin.buffer.read(MOST_READ).splitlines()
    else:
        scanned = [code.encode("utf-8", "surrogateescape") for code in arguments]
    codes = [(str(place), code) for place, code in enumerate(scanned, start=1) if code]
    if not 0 < len(codes) <= MOST_CODES:
        raise CodesInvalid(f"give 1 to {MOST_CODES} codes")
    return codes


async def watch_until(
    client: StatusClient,
    codes: list[tuple[str, bytes]],
    terms: Watching,
    count: int | None,
    tell: Callable[[str], None],
) -> bool:
    """Tell a line for each event. Return True after `count` of them, False if the gateway ends the watch first.

    Raises: AskingFailed.
    """
    left = count
    events = client.watch(codes, purpose=terms.purpose, division=terms.division, profile=terms.profile)
    async with aclosing(events):
        async for event in events:
            if event.answer is None:
                continue
            tell(_line(event.handle, event.answer, now(), watched=event.watched))
            left = None if left is None else left - 1
            if left == 0:
                return True
    return False


def _line(handle: str, said: Answer, at: Instant, *, watched: bool) -> str:
    end = "" if watched else "  (not watched)"
    return f"{format_instant(at)}  {handle}  {said.measure.name}  {', '.join(said.reasons)}{end}"
