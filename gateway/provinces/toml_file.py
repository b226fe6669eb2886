"""One TOML file read into a strict model, each fault told with its line and member.

Rules:

- A file is taken whole or refused; all its faults are told together, in the file's order, up to MAX_FAULTS.
- A fault says what is wanted and never repeats the value: a secret may have been put where a path belongs.
- Bounded: a larger file than MAX_FILE_BYTES is not read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.lines import Path as MemberPath
from gateway.lines import line_of_syntax_fault, line_of_toml, told

MAX_FILE_BYTES: Final = 256 * 1024
MAX_FAULTS: Final = 20

LINE_PATTERN: Final = r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"
"""Of a text on one line, not blank and without blanks around it."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class FileFault:
    """One thing that is wrong with a file."""

    file: str
    line: int | None
    """From 1; None where the fault has no line, as a missing member at the top."""
    path: str
    """The member, as in state[2].state; empty for the file itself."""
    why: str

    @property
    def where(self) -> str:
        """File, line and member."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.path}" if self.path else place

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


class TomlRefused(Exception):
    """Nothing of a file may be used. `faults` is not empty."""

    def __init__(self, faults: Iterable[FileFault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line or 0))
        super().__init__("; ".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class TomlFile(Generic[M]):
    """A file that has the form of its model."""

    file: Path
    text: str
    model: M

    def fault(self, path: MemberPath, why: str) -> FileFault:
        """Return what is wrong at `path`, with its line."""
        return _fault(self.file, self.text, path, why)

    def refuse_if(self, found: Iterable[tuple[MemberPath, str]]) -> None:
        """Raise TomlRefused if anything was found wrong."""
        faults = [self.fault(path, why) for path, why in islice(found, MAX_FAULTS)]
        if faults:
            raise TomlRefused(faults)


def read_toml(file: Path, model: type[M]) -> TomlFile[M]:
    """Read a file into a model.

    1. The bytes: there, not too many, UTF-8.
    2. TOML.
    3. The model's members, all of their types, and none that it does not know.

    Raises: TomlRefused.
    """
    # 1
    text = _text(file)
    # 2
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise TomlRefused(
            [FileFault(str(file), line_of_syntax_fault(text, fault), "", f"is not TOML: {fault}")]
        ) from None
    except (ValueError, RecursionError):
        raise TomlRefused(
            [FileFault(str(file), None, "", "is not TOML: too large a number, or nested too deep")]
        ) from None
    # 3
    try:
        return TomlFile(file, text, model.model_validate(document))
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False, include_context=False)
        faults = [_fault(file, text, *_read_error(error)) for error in errors[:MAX_FAULTS]]
    raise TomlRefused(faults)


def _text(file: Path) -> str:
    why = ""
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE_BYTES + 1)
        if len(raw) <= MAX_FILE_BYTES:
            return raw.decode()
        why = f"is larger than {MAX_FILE_BYTES} bytes"
    except OSError as unreadable:
        why = f"cannot be read: {unreadable.strerror}"
    except UnicodeDecodeError:
        why = "is not UTF-8"
    raise TomlRefused([FileFault(str(file), None, "", why)])


def _fault(file: Path, text: str, path: MemberPath, why: str) -> FileFault:
    return FileFault(str(file), line_of_toml(text, path), told(path), why)


_PLAIN: Final = {
    "missing": "is required",
    "extra_forbidden": "is not a known member",
    "model_type": "a table is required",
    "list_type": "an array of tables is required",
    "string_type": "a text in quotes is required",
    "bool_type": "true or false is required",
}


def _read_error(error: ErrorDetails) -> tuple[MemberPath, str]:
    """Return member and fault of one error of the model's library."""
    path, kind = tuple(error["loc"]), error["type"]
    if kind.startswith("union_tag"):  # told of the table, but it is its `kind` that is wrong or missing
        return (*path, "kind"), "url or text is required"
    if path[:1] == ("recognise",) and len(path) > 2:
        path = (*path[:2], *path[3:])
    if kind == "string_pattern_mismatch" and LINE_PATTERN in error["msg"]:
        return path, "one line of text is required, without blanks around it"
    return path, _PLAIN.get(kind) or error["msg"].removeprefix("Value error, ")
