"""Showings at gates, with a clock that the test sets: what all tests of the guard build on."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.replay.locks import Locks
from gateway.replay.memory import Memory, own_memory
from gateway.replay.showing import Recorded, Showing, Unchecked, scope_of
from gateway.replay.table import ShowingTable
from gateway.values import Caller, CallerId, CallerKind, CodeMarks, DivisionCode, Instant, IssuerId

AT = Instant(1_700_000_000.0)
ISSUER = IssuerId("https://code.gz.example")
LIFE_S = 120.0
PASSAGE_S = 10.0
GENERATION_S = 360.0


def gate(checkpoint: str = "gate-1", caller: str = "spiffe://zj.example/hub/east", division: str = "330000") -> bytes:
    """Return one gate's scope."""
    return scope_of(Caller(CallerId(caller), CallerKind.TLS_PEER), DivisionCode(division), checkpoint)


GATE, OTHER_GATE = gate(), gate("gate-2")


@dataclass(slots=True)
class Clock:
    """Both clocks of a machine. They run together; the wall clock can be set too."""

    now: float = 1_000.0
    wall: float = AT

    def monotonic(self) -> float:
        """Return what nobody sets."""
        return self.now

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.wall += seconds


@dataclass(slots=True)
class Station:
    """One machine's memory of showings."""

    capacity: int = 1_000
    clock: Clock = field(default_factory=Clock)
    memory: Memory | None = None
    locks: Locks | None = None
    table: ShowingTable = field(init=False)

    def __post_init__(self) -> None:
        own = own_memory(self.capacity, GENERATION_S)
        size = len(own)
        if self.memory is None:
            self.memory = own
        else:
            self.memory[0:4096] = own[0:4096]
        self.table = ShowingTable(
            self.memory, size, same_passage_s=PASSAGE_S, locks=self.locks, monotonic=self.clock.monotonic
        )

    def show(
        self,
        code: str = "code-1",
        scope: bytes = GATE,
        *,
        until: float | None = None,
        issuer: IssuerId = ISSUER,
        said: int = 1,
        passage: bool = False,
    ) -> Recorded:
        """Show a code that lives for `LIFE_S` from now, or `until`."""
        ends = Instant(self.clock.wall + LIFE_S if until is None else until)
        marks = CodeMarks(issuer, b"person", code.encode(), ends)
        return self.table.show(Showing(marks, scope, Instant(self.clock.wall), said), passage=passage)

    def why(self, code: str = "code-1", scope: bytes = GATE, *, until: float | None = None) -> Unchecked | None:
        """Show a code and return why it could not be checked."""
        return self.show(code, scope, until=until).why
