"""What the tests of handles share: callers, marks, a recording observer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway.handles.current import Handles, HandleSettings, open_handles
from gateway.values import Caller, CallerId, CallerKind, CodeMarks, Instant, IssuerId
from keys.epoch_keys import Epoch, EpochFolder, KeyFault, WhichKey, epoch_at

WEEK = 7 * 86_400
AT = Instant(1_700_000_000.0)
NOW = epoch_at(AT, WEEK)
GUIZHOU = IssuerId("https://code.gz.example")
EAST = Caller(CallerId("spiffe://zj.example/province/330000/east"), CallerKind.TLS_PEER, frozenset({"zj.example"}))
WEST = Caller(CallerId("spiffe://sc.example/province/510000/west"), CallerKind.TLS_PEER, frozenset({"sc.example"}))


def marks(person: str = "p-1", issuer: IssuerId = GUIZHOU) -> CodeMarks:
    return CodeMarks(issuer, b"subject\0" + person.encode())


@dataclass
class Told:
    """Keeps what it is told."""

    made: list[Epoch] = field(default_factory=list)
    destroyed: list[int] = field(default_factory=list)
    held: list[tuple[Epoch | None, bool, bool]] = field(default_factory=list)
    faults: list[tuple[WhichKey, KeyFault]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    given: int = 0

    def key_made(self, epoch: Epoch) -> None:
        self.made.append(epoch)

    def keys_destroyed(self, epochs: int) -> None:
        self.destroyed.append(epochs)

    def keys_held(self, current: Epoch | None, *, next_is_due: bool, next_is_held: bool) -> None:
        self.held.append((current, next_is_due, next_is_held))

    def key_unavailable(self, what: WhichKey, fault: KeyFault, why: str) -> None:
        assert why
        self.faults.append((what, fault))

    def look_failed(self, failure: Exception) -> None:
        self.failures.append(failure)

    def handle_given(self) -> None:
        self.given += 1


def handles(folder: Path, told: Told | None = None, at: Instant = AT, *, makes_keys: bool = True) -> Handles:
    return open_handles(EpochFolder(folder), HandleSettings(WEEK, makes_keys), told or Told(), at)
