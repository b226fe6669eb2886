"""Trust lists in files: loaded at the start, reloaded on demand, swapped whole or not at all.

- A list that is missing or broken at the start refuses the start.
- A list that is broken at a reload changes nothing: the old snapshot stays and the failure is told.
- A list of another environment than the gateway's is refused: test keys never verify production codes.
- A list never goes back: a sequence lower than the one held is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.values import Instant
from keys.trust_list import TrustList, TrustListInvalid, parse_trust_list
from keys.values import Environment

from .snapshot import TrustSnapshot, snapshot_of


class TrustUnavailable(Exception):
    """The trust lists cannot be loaded. `file` and `why` are for the operator."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file
        self.why = why


def _anything(snapshot: TrustSnapshot) -> None:
    """Find nothing wrong with a snapshot."""


class TrustStore:
    """Holds the current snapshot. Whoever judges takes it whole, as a new pipeline."""

    def __init__(self, files: Sequence[Path], environment: Environment, *, at: Instant) -> None:
        """Load the lists. Raises: TrustUnavailable if there are none or any is missing, broken, foreign or expired."""
        if not files:
            raise TrustUnavailable("trust.lists", "no trust list is configured")
        self._files = tuple(files)
        self._environment = environment
        self._sequences: dict[Path, int] = {}
        self.current, self._sequences = self._load(at, epoch=1)

    def reload(self, *, at: Instant, suits: Callable[[TrustSnapshot], object] = _anything) -> TrustSnapshot:
        """Load the lists anew and make them current.

        `suits` is shown the new snapshot first; what it raises keeps the old ones, so that what depends on them can be
        loaded with them or not at all.

        Raises: TrustUnavailable, or what `suits` raises, and then the old ones stay.
        """
        snapshot, sequences = self._load(at, epoch=self.current.epoch + 1)
        suits(snapshot)
        self.current, self._sequences = snapshot, sequences
        return snapshot

    def _load(self, at: Instant, *, epoch: int) -> tuple[TrustSnapshot, dict[Path, int]]:
        lists = [self._read(file) for file in self._files]
        try:
            snapshot = snapshot_of(lists, epoch=epoch)
        except ValueError as invalid:
            raise TrustUnavailable(", ".join(map(str, self._files)), str(invalid)) from invalid
        if snapshot.expired(at):
            raise TrustUnavailable(", ".join(map(str, self._files)), "a trust list has expired")
        return snapshot, {file: one.sequence for file, one in zip(self._files, lists, strict=True)}

    def _read(self, file: Path) -> TrustList:
        try:
            found = parse_trust_list(file.read_bytes())
        except OSError as unreadable:
            raise TrustUnavailable(str(file), unreadable.strerror or "cannot be read") from unreadable
        except TrustListInvalid as invalid:
            raise TrustUnavailable(str(file), str(invalid)) from invalid
        if found.environment is not self._environment:
            raise TrustUnavailable(str(file), f"is a {found.environment} list, this gateway is {self._environment}")
        held = self._sequences.get(file)
        if held is not None and found.sequence < held:
            raise TrustUnavailable(str(file), f"sequence {found.sequence} is older than the {held} that is held")
        return found
