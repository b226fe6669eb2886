"""The frames between a process and the owner of the logs, over a socket file of this machine.

    frame  = length (4 bytes, of what follows)  type (1 byte)  body
    H      = run (16)  log (1): the first frame of a connection, which is for one log
    E      = number of the first (8)  { length (2)  entry }*: entries whose numbers follow each other
    B      = nothing: the process ends, and has handed over all that it had
    A      = number (8): all entries of the run up to this one are durable
    S      = 0 or 1: the log can be written, or cannot

H, E and B go to the owner, A and S come from it; the first A answers H. Whole numbers are unsigned, the first byte the
highest. Both ends are processes of one user; a frame that is too long or none of these ends the connection.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.audit.entries import LogName, RunId

MAX_FRAME: Final = 2 << 20

_LENGTH: Final = struct.Struct(">IB")
_NUMBER: Final = struct.Struct(">Q")
_SHORT: Final = struct.Struct(">H")
_LOGS: Final = tuple(LogName)

HELLO: Final = ord("H")
ENTRIES: Final = ord("E")
BYE: Final = ord("B")
ACK: Final = ord("A")
STATE: Final = ord("S")

_RUN_BYTES: Final = 16


class WireBroken(Exception):
    """What came is no frame of ours."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Whose connection it is, and for which log."""

    run: RunId
    log: LogName


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of a run whose numbers follow each other."""

    first: int
    entries: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bye:
    """The run ends in order."""


@dataclass(frozen=True, slots=True)
class Ack:
    """All up to `number` are durable."""

    number: int


@dataclass(frozen=True, slots=True)
class State:
    """Whether the log cannot be written."""

    degraded: bool


Frame = Hello | Entries | Bye | Ack | State


def hello(run: RunId, log: LogName) -> bytes:
    """Return the frame that begins a connection."""
    return _frame(HELLO, run.encode("ascii") + bytes((_LOGS.index(log),)))


def entries(first: int, entries: Sequence[bytes]) -> bytes:
    """Return the frame of entries whose numbers follow each other."""
    pieces = [_NUMBER.pack(first)]
    for entry in entries:
        pieces += (_SHORT.pack(len(entry)), entry)
    return _frame(ENTRIES, b"".join(pieces))


def bye() -> bytes:
    """Return the frame that ends a run."""
    return _frame(BYE, b"")


def ack(number: int) -> bytes:
    """Return the frame that tells what is durable."""
    return _frame(ACK, _NUMBER.pack(number))


def state(*, degraded: bool) -> bytes:
    """Return the frame that tells how the log is."""
    return _frame(STATE, bytes((degraded,)))


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame, None at the end. Raises: WireBroken; OSError."""
    try:
        length, kind = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_FRAME:
            raise WireBroken
        body = await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None
    try:
        return _read(kind, body)
    except (struct.error, ValueError, IndexError):
        raise WireBroken from None


def _read(kind: int, body: bytes) -> Frame:
    if kind == HELLO and len(body) == _RUN_BYTES + 1:
        return Hello(RunId(body[:_RUN_BYTES].decode("ascii")), _LOGS[body[-1]])
    if kind == ENTRIES:
        return _read_entries(body)
    if kind == BYE and not body:
        return Bye()
    if kind == ACK and len(body) == _NUMBER.size:
        return Ack(_NUMBER.unpack(body)[0])
    if kind == STATE and len(body) == 1:
        return State(degraded=bool(body[0]))
    raise WireBroken


def _read_entries(body: bytes) -> Entries:
    first, place = _NUMBER.unpack_from(body)[0], _NUMBER.size
    found = []
    while place < len(body):
        (length,) = _SHORT.unpack_from(body, place)
        place += _SHORT.size
        if place + length > len(body):
            raise WireBroken
        found.append(body[place : place + length])
        place += length
    return Entries(first, tuple(found))


def _frame(kind: int, body: bytes) -> bytes:
    return _LENGTH.pack(len(body), kind) + body
