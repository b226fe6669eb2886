"""The file of changes that `hcgw status publish` signs, read strictly (docs/live-status.md, 8a).

Rules:

- Anything unknown, missing or malformed refuses the whole file, and names line and member.
- Indices may stand in any order, but none twice in a file: it would say two things of one person.
- Whether a reason goes with its state, and an index lies in its list, the gateway says; what it refuses is told with
  line and member of the file too.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from gateway.changes import MAX_CAPACITY, MAX_CHANGES, MAX_NUMBER, ChangeGroup, Word
from gateway.lines import Path, line_of_json, told
from gateway.status import words
from gateway.values import ReasonClass
from keys.strict import StrictError, StrictFault, parse_json

T = TypeVar("T")

MAX_CHANGES_BYTES: Final = 8 << 20
"""MAX_CHANGES indices, each on a line of its own and far to the right."""

MAX_AUTHORITY: Final = 128

STATES: Final[Mapping[str, Word]] = {
    "GREEN": words.GREEN,
    "CANCELLED": words.CANCELLED,
    "SUSPENDED": words.SUSPENDED,
    "YELLOW": words.YELLOW,
    "RED": words.RED,
    "STALE_DECLARATION": words.STALE_DECLARATION,
    "UNKNOWN": words.UNKNOWN,
}
"""As the schema names them (ListedState)."""

_REASONS: Final = {one.name: one for one in ReasonClass}
_REQUIRED: Final = frozenset({"state", "authority", "indices"})
_OPTIONAL: Final = frozenset({"reason_class", "corrects"})
_DEPTH: Final = 4
_FAULTS: Final = {
    StrictFault.BAD_JSON: "is not JSON",
    StrictFault.DUPLICATE_KEY: "has a member twice",
    StrictFault.TOO_DEEP: f"is nested deeper than {_DEPTH}",
    StrictFault.NOT_FINITE: "has a number that is not finite",
    StrictFault.NOT_UTF8: "is not UTF-8",
}
_PART: Final = re.compile(r"([a-z_]+)|\[([0-9]{1,9})\]")


class ChangesInvalid(ValueError):
    """A file of changes cannot be signed. Its text names line and member."""

    def __init__(self, path: str, why: str, line: int | None = None) -> None:
        super().__init__(f"{path}: {why}" if line is None else f"line {line}: {path}: {why}")
        self.path = path
        self.line = line


@dataclass(frozen=True, slots=True)
class ChangesFile:
    """Changes that are well-formed, and where each of them stands."""

    groups: tuple[ChangeGroup, ...]
    _text: str = field(repr=False)

    def line_of(self, member: str) -> int | None:
        """Return the line of a member of the batch, as a refusal names it; None if it is none of this file's."""
        path = tuple(int(place) if place else name for name, place in _PART.findall(member))
        return line_of_json(self._text, path) if path[:1] == ("groups",) else None


def read_changes(data: bytes) -> ChangesFile:
    """Return what a file of changes says.

    1. bounded, and strict JSON: one object, `groups` in it
    2. each group by itself
    3. all together: no more than a batch may have, no place twice

    Raises: ChangesInvalid.
    """
    # 1
    if len(data) > MAX_CHANGES_BYTES:
        raise ChangesInvalid("changes", f"are larger than {MAX_CHANGES_BYTES} bytes")
    try:
        document = parse_json(data, max_depth=_DEPTH)
    except StrictError as invalid:
        line = _line_of_syntax_fault(data) if invalid.fault is StrictFault.BAD_JSON else None
        raise ChangesInvalid("changes", _FAULTS[invalid.fault], line) from None
    reader = _Reader(data.decode())
    rows = reader.items(reader.members(document, (), frozenset({"groups"}))["groups"], ("groups",))
    # 2
    groups = tuple(_group(reader, row, ("groups", place)) for place, row in enumerate(rows))
    # 3
    if sum(len(group.indices) for group in groups) > MAX_CHANGES:
        raise reader.fault(("groups",), f"change more than {MAX_CHANGES} places: publish them in several batches")
    seen: set[int] = set()
    for place, group in enumerate(groups):
        if not seen.isdisjoint(group.indices):
            raise reader.fault(("groups", place, "indices"), "names a place that a group before names")
        seen.update(group.indices)
    return ChangesFile(groups, data.decode())


def _group(reader: _Reader, value: object, path: Path) -> ChangeGroup:
    row = reader.members(value, path, _REQUIRED, optional=_OPTIONAL)
    reason = reader.word(row["reason_class"], (*path, "reason_class"), _REASONS) if "reason_class" in row else None
    corrects = reader.whole(row["corrects"], (*path, "corrects"), 1, MAX_NUMBER) if "corrects" in row else None
    return ChangeGroup(
        reader.word(row["state"], (*path, "state"), STATES),
        _indices(reader, row["indices"], (*path, "indices")),
        reader.text(row["authority"], (*path, "authority")),
        reason,
        corrects,
    )


def _indices(reader: _Reader, value: object, path: Path) -> array[int]:
    indices: set[int] = set()
    for place, one in enumerate(reader.items(value, path)):
        index = reader.whole(one, (*path, place), 0, MAX_CAPACITY - 1)
        if index in indices:
            raise reader.fault((*path, place), "stands there twice")
        indices.add(index)
    return array("I", sorted(indices))


def _line_of_syntax_fault(data: bytes) -> int | None:
    try:
        json.loads(data)
    except json.JSONDecodeError as invalid:
        return invalid.lineno
    except ValueError:
        return None
    return None


class _Reader:
    """Reads members of one document, and knows on which line they stand."""

    def __init__(self, text: str) -> None:
        self._text = text

    def fault(self, path: Path, why: str) -> ChangesInvalid:
        return ChangesInvalid(told(path) or "changes", why, line_of_json(self._text, path) or 1)

    def members(
        self, value: object, path: Path, required: frozenset[str], *, optional: frozenset[str] = frozenset()
    ) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self.fault(path, "must be an object")
        for name in value:
            if name not in required and name not in optional:
                raise self.fault((*path, name), "is not a known member")
        for name in sorted(required):
            if name not in value:
                raise self.fault((*path, name), "is required")
        return value

    def items(self, value: object, path: Path) -> list[object]:
        if not isinstance(value, list) or not value:
            raise self.fault(path, "must be a list that is not empty")
        return value

    def word(self, value: object, path: Path, known: Mapping[str, T]) -> T:
        if not isinstance(value, str) or value not in known:
            raise self.fault(path, "must be one of " + ", ".join(known))
        return known[value]

    def text(self, value: object, path: Path) -> str:
        if not isinstance(value, str) or not 0 < len(value.strip()) <= len(value) <= MAX_AUTHORITY:
            raise self.fault(path, f"must be a text of 1 to {MAX_AUTHORITY} characters")
        return value

    def whole(self, value: object, path: Path, least: int, most: int) -> int:
        if type(value) is not int or not least <= value <= most:
            raise self.fault(path, f"must be a whole number of {least} to {most}")
        return value
