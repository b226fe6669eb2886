"""One log copied into another while the gateway serves: from SQLite to PostgreSQL, or back.

Rules:

- A copy goes forward only. What the target holds already is compared with the source, not copied again: a copy that was
  cut off goes on where it stopped.
- Passes follow each other until one finds nothing to do, or there were enough of them. Then both logs are counted: up
  to where the target holds a list, numbers and digests of its batches are the source's.
- A target that holds something else under a number, or a list that the source has not, is refused: it is no copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.changes import ListName
from gateway.errors import GatewayError
from gateway.values import Instant

from .change_log import ListRow, NumberTaken
from .inspection import InspectableLog

AT_ONCE_BYTES: Final = 4 << 20
"""Of batches that are held in memory and committed together."""
MOST_PASSES: Final = 20
ANY_TIME: Final = Instant(float("inf"))


class CopyRefused(GatewayError):
    """The target is no copy of the source, nor can it become one. The text is for the operator."""

    def __init__(self, name: ListName, why: str) -> None:
        super().__init__(f"{name.issuer} {name.uri}: {why}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Copied:
    """How a copy ended."""

    lists: int
    """In the target."""
    batches: int
    """Copied by this run."""
    compared: int
    """That were counted in both logs, and are the same."""
    behind: tuple[ListName, ...]
    """Lists that the source has moved on since: it is being written. None: the logs are equal."""


async def copy(
    source: InspectableLog, target: InspectableLog, told: Callable[[int, int], None] | None = None
) -> Copied:
    """Bring the target up to the source. `told` hears after each pass: its number, and how many batches it copied.

    Raises: CopyRefused, StoreDegraded.
    """
    batches = 0
    for number in range(1, MOST_PASSES + 1):
        moved = await _pass(source, target)
        batches += moved
        if told is not None:
            told(number, moved)
        if not moved:
            break
    held = await target.lists()
    compared = 0
    behind = []
    rows = {row.name: row for row in await source.lists()}
    for row in held:
        count = await _prove(source, target, row)
        compared += count or 0
        if count is None or rows.pop(row.name, None) != row:
            behind.append(row.name)
    return Copied(len(held), batches, compared, tuple(sorted([*behind, *rows])))


async def _pass(source: InspectableLog, target: InspectableLog) -> int:
    """Bring every list of the target up to what the source holds now. Return how many batches were copied."""
    rows = {row.name: row for row in await source.lists()}
    held = {row.name: row for row in await target.lists()}
    for name in held.keys() - rows.keys():
        raise CopyRefused(name, "is not in the source")
    moved = 0
    for name, row in rows.items():
        try:
            moved += await _copy_list(source, target, row, held.get(name))
        except NumberTaken:
            raise CopyRefused(name, "somebody else writes the target") from None
    return moved


async def _copy_list(source: InspectableLog, target: InspectableLog, row: ListRow, held: ListRow | None) -> int:
    """Copy one list: 1. what is held must be the source's, 2. its base, 3. the batches above, 4. what was forgotten.

    Raises: NumberTaken, CopyRefused, StoreDegraded.
    """
    name = row.name
    # 1
    if held is not None:
        await _compare(source, row, held)
    # 2
    based = await source.based(name)
    if based is not None and (held is None or held.last < based.base):
        await target.rebase(based)
        held = based
    # 3
    moved = 0
    after = 0 if held is None else held.last
    while batches := await source.read(name, after, AT_ONCE_BYTES):
        if batches[0].number != after + 1:
            # Forgotten by the source while they were on their way: the next pass begins above.
            return moved + 1
        await target.append(batches)
        moved, after = moved + len(batches), batches[-1].number
    # 4
    if based is not None and held is not None and held.base < based.base:
        await target.prune(name, based.base, ANY_TIME)
    if row.closed and row.base == row.last and (held is None or (held.base, held.closed) != (row.base, True)):
        await target.forget(name)
    return moved


async def _compare(source: InspectableLog, row: ListRow, held: ListRow) -> None:
    """Refuse a target whose last batch is not the source's. Raises: CopyRefused."""
    if held.last > row.last:
        raise CopyRefused(row.name, "the target holds more than the source")
    if held.base > row.base or (held.closed and not row.closed):
        raise CopyRefused(row.name, "the target has forgotten or closed what the source has not")
    digest = row.digest
    if held.last < row.last:
        based = await source.based(row.name)
        found = await source.read(row.name, held.last - 1, 1)
        if based is not None and based.base == held.last:
            digest = based.digest
        elif found and found[0].number == held.last:
            digest = found[0].digest
        else:
            return  # forgotten by the source: there is nothing to compare with
    if digest != held.digest:
        raise CopyRefused(row.name, f"the target holds another batch {held.last}")


async def _prove(source: InspectableLog, target: InspectableLog, held: ListRow) -> int | None:
    """Count a list in both logs, as far as the target holds it. Return how many batches are the same.

    None: the source has forgotten some since. Raises: CopyRefused, StoreDegraded.
    """
    name = held.name
    here, there = await source.tally(name, held.last), await target.tally(name, held.last)
    if await source.based(name) != await target.based(name):
        return None
    if here != there or not there.continuous or there.count != held.last - held.base:
        raise CopyRefused(name, "the target's batches are not the source's")
    return there.count
