"""Which line of a TOML or JSON text a member stands in, so that a fault in a file can be told with its place.

Rules:

- The parsers of the standard library say nothing of places. This walks the text once more, after a fault was found.
- A path is the keys and positions from the top: `("state", 2, "said")`. Of a member that is not there, the line is that
  of the narrowest thing around it that is.
- Whatever the text is, nothing is raised: a text that breaks off tells what stood before the break.
- Work is linear in the text; values nested deeper than MAX_DEPTH are not looked into.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from contextlib import suppress
from typing import Final

Path = tuple[str | int, ...]

MAX_DEPTH: Final = 64

_BLANK: Final = re.compile(r"(?:[ \t\r\n\ufeff]|#[^\n]*)*+")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*+"'
    r"|'[^'\n]*+'",
    re.DOTALL,
)
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE: Final = re.compile(r"[^,\]}#\n]+")
_SYNTAX_FAULT: Final = re.compile(r"\(at line ([0-9]+), column [0-9]+\)\Z")


def line_of_toml(text: str, path: Path) -> int | None:
    """Return the line, from 1, of the member `path` of a TOML text; None if not even its first key is there."""
    walk = _Walk(text, "=", lambda key: str(tomllib.loads(f"key = {key}")["key"]))
    return walk.line(path, walk.document)


def line_of_json(text: str, path: Path) -> int | None:
    """Return the line, from 1, of the member `path` of a JSON text; None if not even its first key is there."""
    walk = _Walk(text, ":", lambda key: str(json.loads(key)))
    return walk.line(path, lambda: walk.value((), 0))


def line_of_syntax_fault(text: str, fault: tomllib.TOMLDecodeError) -> int:
    """Return the line, from 1, at which `text` stopped being TOML; its last one if it ended too early."""
    found = _SYNTAX_FAULT.search(str(fault))
    return text.rstrip("\n").count("\n") + 1 if found is None else int(found[1])


def told(path: Path) -> str:
    """Return a path as people write it: state[2].said."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


class _Lost(Exception):
    """The text is not what it should be here."""


class _Walk:
    """One walk through a text: where each path begins, as offsets."""

    def __init__(self, text: str, assigns: str, key_of: Callable[[str], str]) -> None:
        self._text = text
        self._assigns = assigns
        self._key_of = key_of
        self._at = 0
        self._places: dict[Path, int] = {}

    def line(self, path: Path, walk: Callable[[], None]) -> int | None:
        """Walk, and return the line of the narrowest part of `path` that was found."""
        with suppress(_Lost, ValueError):  # ValueError: a key that cannot be decoded
            walk()
        for length in range(len(path), 0, -1):
            place = self._places.get(path[:length])
            if place is not None:
                return self._text.count("\n", 0, place) + 1
        return None

    def document(self) -> None:
        """Walk a TOML document: headers and assignments, one after the other."""
        table: Path = ()
        rows: dict[Path, int] = {}
        while self._peek():
            if self._peek() != "[":
                self._assignment(table, 0)
                continue
            begin = self._at
            self._take("[")
            is_row = self._text.startswith("[", self._at)
            if is_row:
                self._take("[")
            table = ()
            *around, last = self._keys()
            for key in around:
                table = self._last_row((*table, key), begin, rows)
            table = (*table, last)
            self._places.setdefault(table, begin)
            if is_row:
                rows[table] = rows.get(table, -1) + 1
                table = (*table, rows[table])
                self._places[table] = begin
                self._take("]")
            self._take("]")

    def _last_row(self, table: Path, begin: int, rows: dict[Path, int]) -> Path:
        """Return what a header means by a part of its name: of an array of tables, the last row."""
        self._places.setdefault(table, begin)
        return (*table, rows[table]) if table in rows else table

    def value(self, path: Path, depth: int) -> None:
        """Walk one value, and note what is in it."""
        if depth > MAX_DEPTH:
            raise _Lost
        begins = self._peek()
        if begins == "[":
            self._take("[")
            for position in range(len(self._text)):
                if self._peek() == "]":
                    break
                self._places[(*path, position)] = self._at
                self.value((*path, position), depth + 1)
                if self._peek() != "]":
                    self._take(",")
            self._take("]")
        elif begins == "{":
            self._take("{")
            while self._peek() != "}":
                self._assignment(path, depth + 1)
                if self._peek() != "}":
                    self._take(",")
            self._take("}")
        else:
            self._match(_STRING if begins in ('"', "'") else _BARE_VALUE)

    def _assignment(self, table: Path, depth: int) -> None:
        self._peek()
        begin, path = self._at, table
        for key in self._keys():
            path = (*path, key)
            self._places.setdefault(path, begin)
        self._take(self._assigns)
        self.value(path, depth)

    def _keys(self) -> list[str]:
        """Walk a key, dotted or not."""
        keys = []
        while True:
            if self._peek() in ('"', "'"):
                keys.append(self._key_of(self._match(_STRING)))
            else:
                keys.append(self._match(_BARE_KEY))
            if self._peek() != ".":
                return keys
            self._take(".")

    def _peek(self) -> str:
        """Skip blanks and comments, and return the letter after them; nothing at the end."""
        found = _BLANK.match(self._text, self._at)
        self._at = self._at if found is None else found.end()
        return self._text[self._at : self._at + 1]

    def _take(self, letter: str) -> None:
        if self._peek() != letter:
            raise _Lost
        self._at += 1

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise _Lost
        self._at = found.end()
        return found[0]
