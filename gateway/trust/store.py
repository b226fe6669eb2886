"""Trust lists in files: loaded at the start, reloaded on demand, swapped whole or not at all.

- A list that is missing or broken at the start refuses the start.
- A list that is broken at a reload changes nothing: the old snapshot stays and the failure is told.
- A list of another environment than the gateway's is refused: test keys never verify production codes.
- A list never goes back: a sequence lower than the one held is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
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


@dataclass(frozen=True, slots=True)
class LoadedTrust:
    """Lists that were loaded together."""

    snapshot: TrustSnapshot
    sequences: Mapping[Path, int]
    versions: tuple[str, ...]
    """Which lists these are, `sequence:SHA-256 of the file`, in the order of the configuration: for receipts."""


class TrustStore:
    """Holds the current snapshot. Whoever judges takes it whole, as a new pipeline."""

    def __init__(self, files: Sequence[Path], environment: Environment, *, at: Instant) -> None:
        """Load the lists. Raises: TrustUnavailable if there are none or any is missing, broken, foreign or expired."""
        if not files:
            raise TrustUnavailable("trust.lists", "no trust list is configured")
        self._files = tuple(files)
        self._environment = environment
        self.held = self._load(at, {}, epoch=1)

    @property
    def current(self) -> TrustSnapshot:
        """The snapshot in force."""
        return self.held.snapshot

    def load(self, *, at: Instant) -> LoadedTrust:
        """Return the lists as they are on disk, not yet in force. Raises: TrustUnavailable."""
        return self._load(at, self.held.sequences, epoch=self.current.epoch + 1)

    def adopt(self, loaded: LoadedTrust) -> None:
        """Put what `load` returned in force."""
        self.held = loaded

    def _load(self, at: Instant, before: Mapping[Path, int], *, epoch: int) -> LoadedTrust:
        read = {file: self._read(file, before.get(file, 0)) for file in self._files}
        lists = {file: found for file, (found, _) in read.items()}
        try:
            snapshot = snapshot_of(lists.values(), epoch=epoch)
        except ValueError as invalid:
            raise TrustUnavailable(", ".join(map(str, self._files)), str(invalid)) from invalid
        if snapshot.expired(at):
            raise TrustUnavailable(", ".join(map(str, self._files)), "a trust list has expired")
        return LoadedTrust(
            snapshot,
            {file: one.sequence for file, one in lists.items()},
            tuple(f"{one.sequence}:{digest}" for one, digest in read.values()),
        )

    def _read(self, file: Path, held: int) -> tuple[TrustList, str]:
        """Return a list and the SHA-256 of its file, in hex."""
        try:
            data = file.read_bytes()
            found = parse_trust_list(data)
        except OSError as unreadable:
            raise TrustUnavailable(str(file), unreadable.strerror or "cannot be read") from unreadable
        except TrustListInvalid as invalid:
            raise TrustUnavailable(str(file), str(invalid)) from invalid
        if found.environment is not self._environment:
            raise TrustUnavailable(str(file), f"is a {found.environment} list, this gateway is {self._environment}")
        if found.sequence < held:
            raise TrustUnavailable(str(file), f"sequence {found.sequence} is older than the {held} that is held")
        return found, sha256(data).hexdigest()
