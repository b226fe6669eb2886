"""What may follow what in a list: the rules that both stores share, without a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .change_log import ListRow, LoggedBatch

MOST_NAME_CHARACTERS: Final = 1_024
"""Of issuer and address together: more than either may have on the wire, and little enough for a notification."""


def refuse_malformed(batches: Sequence[LoggedBatch]) -> None:
    """Refuse what no caller should ever ask for. Raises: ValueError."""
    for batch in batches:
        if (batch.number == 1) != (batch.capacity is not None):
            raise ValueError("batch 1 has a capacity, and no other")
        refuse_name(batch.name.issuer + batch.name.uri)


def refuse_name(text: str) -> None:
    """Refuse a list's name that a store cannot keep. Raises: ValueError."""
    if len(text) > MOST_NAME_CHARACTERS or not text.isprintable():
        raise ValueError("a list's name that cannot be kept")


def refuse_not_anew(row: ListRow) -> None:
    """Refuse a row that no list can begin with. Raises: ValueError."""
    if row.base != row.last or row.last < 1:
        raise ValueError("a list begins anew at its base")
    refuse_name(row.name.issuer + row.name.uri)


def goes_back(row: ListRow, *, last: int, digest: bytes, closed: bool) -> bool:
    """Tell whether a list that is held up to `last` would go back, change what it holds, or open again, by `row`."""
    return last > row.last or (last == row.last and digest != row.digest) or (closed and not row.closed)
