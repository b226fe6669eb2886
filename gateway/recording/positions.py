"""Up to which batch each list stands in the audit log: found again in the log itself, from a mark that is kept beside.

Rules:

- The mark is only ever behind: it names positions whose entries were durable, and how long the log was then. What
  stands behind it in the log is read at the start.
- A mark that is lost, or does not fit, costs reading more of the log, nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.audit.entries import ColourEntry, ColoursAdoptedEntry, EntryInvalid, read_entry
from gateway.changes import ListName
from gateway.values import IssuerId

MARK: Final = "positions.json"
_MOST_BYTES: Final = 16 << 20


class Positions:
    """Up to which number the batches of each list have an entry."""

    def __init__(self, folder: Path) -> None:
        """Keep the mark in `folder`."""
        self._file = folder / MARK
        self._numbers: dict[ListName, int] = {}
        self._changed = False

    def of(self, name: ListName) -> int:
        """Return the number of the last batch that has an entry; 0: none has."""
        return self._numbers.get(name, 0)

    def move(self, name: ListName, number: int) -> None:
        """Take note that all batches up to `number` have an entry, or need none."""
        if number > self.of(name):
            self._numbers[name] = number
            self._changed = True

    def load(self, longest: int) -> int:
        """Read the mark; return how long the log was then. 0 without one that fits a log of `longest` entries."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            data = self._file.read_bytes()
            found = json.loads(data) if len(data) <= _MOST_BYTES else {}
            numbers = {ListName(IssuerId(str(issuer)), str(uri)): int(number) for issuer, uri, number in found["lists"]}
            size = int(found["size"])
            if 0 <= size <= longest:
                self._numbers = numbers
                return size
        return 0

    def read(self, entries: Iterable[bytes]) -> None:
        """Take note of entries that stand behind the mark."""
        for raw in entries:
            with suppress(EntryInvalid):
                entry = read_entry(raw).entry
                if isinstance(entry, ColourEntry | ColoursAdoptedEntry):
                    self.move(ListName(entry.issuer, entry.uri), entry.number)

    def save(self, size: int) -> None:
        """Keep the mark: every position up to now is durable in a log of `size` entries. Raises: OSError."""
        if not self._changed:
            return
        lists = [[name.issuer, name.uri, number] for name, number in sorted(self._numbers.items())]
        new = self._file.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump({"size": size, "lists": lists}, out)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self._file)
        self._changed = False
