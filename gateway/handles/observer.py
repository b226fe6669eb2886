"""Who is told what becomes of the keys of epochs."""

from __future__ import annotations

from typing import Protocol

from keys.epoch_keys import Epoch, KeyFault, WhichKey


class HandleObserver(Protocol):
    """Must neither raise nor wait. Is told no key and no handle."""

    def key_made(self, epoch: Epoch) -> None:
        """Tell that this process made the key of an epoch."""
        ...

    def keys_destroyed(self, epochs: int) -> None:
        """Tell that this process destroyed the keys of so many epochs that have ended."""
        ...

    def keys_held(self, current: Epoch | None, *, next_is_due: bool, next_is_held: bool) -> None:
        """Tell after each look whether the key of now is at hand (None: it is not), and the next one."""
        ...

    def key_unavailable(self, what: WhichKey, fault: KeyFault, why: str) -> None:
        """Tell that a look could not have a key, or could not destroy those that have ended."""
        ...

    def look_failed(self, failure: Exception) -> None:
        """Tell that a look failed as it never should."""
        ...

    def handle_given(self) -> None:
        """Count a handle."""
        ...


class Unobserved:
    """Tells nobody."""

    def key_made(self, epoch: Epoch) -> None:
        """See HandleObserver."""

    def keys_destroyed(self, epochs: int) -> None:
        """See HandleObserver."""

    def keys_held(self, current: Epoch | None, *, next_is_due: bool, next_is_held: bool) -> None:
        """See HandleObserver."""

    def key_unavailable(self, what: WhichKey, fault: KeyFault, why: str) -> None:
        """See HandleObserver."""

    def look_failed(self, failure: Exception) -> None:
        """See HandleObserver."""

    def handle_given(self) -> None:
        """See HandleObserver."""
