"""The rules in force: loaded at the start, reloaded on demand, swapped whole or not at all."""

from __future__ import annotations

from pathlib import Path

from .book import PolicyBook


class PolicyStore:
    """Holds the current book. `current` is read once per request."""

    def __init__(self, directory: Path) -> None:
        """Load the rules. Raises: PolicyUnavailable if there are none or one is broken."""
        self._directory = directory
        self.current = PolicyBook.load(directory)

    def reload(self) -> PolicyBook:
        """Load the rules anew and make them current. Raises: PolicyUnavailable, and then the old ones stay."""
        self.current = PolicyBook.load(self._directory)
        return self.current
