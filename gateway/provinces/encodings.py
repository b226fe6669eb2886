"""Named encodings: the words that many provinces share, so that a profile need not repeat them.

Rules, for the rows of an encoding and of a profile alike:

- A word stands once.
- A word whose meaning nobody disputes is never improved: `red` is RED, `yellow`, `orange` and `gray` are not GREEN, in
  whatever case, in full-width letters, and in Chinese too.
- A reason class for red goes with RED only, one for yellow not with GREEN.

A profile's row overrides the encoding's, and may make the word worse, never better.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import Field

from gateway.lines import Path as MemberPath
from gateway.values import CodeState, ReasonClass

from .profile import StatedMeaning
from .profile_model import MOST_ROWS, Line, Name, StateRow, Strict
from .toml_file import TomlFile, read_toml

SHIPPED: Final = Path(__file__).parent / "encodings.toml"
"""The encodings that ship with the gateway. Sources: the public record; each row names its own."""

_RED_WORDS: Final = frozenset({"red", "红", "红色", "红码", "紅", "紅色", "紅碼"})
_NOT_GREEN_WORDS: Final = frozenset(
    {
        "yellow", "orange", "gray", "grey", "黄", "黄色", "黄码", "黃", "黃色", "黃碼",
        "橙", "橙色", "橙码", "橙碼", "灰", "灰色", "灰码", "灰碼",
    }
)  # fmt: skip

_SEVERITY: Final = {
    CodeState.GREEN: 0,
    CodeState.YELLOW: 1,
    CodeState.UNDER_REVIEW: 1,
    CodeState.UNCONFIRMED: 1,
    CodeState.STALE_DECLARATION: 1,
    CodeState.EXPIRED: 2,
    CodeState.NOT_FOUND: 2,
    CodeState.REVOKED: 3,
    CodeState.RED: 4,
}
"""A rule may let 1 through under a condition; 2 and worse no rule can let through."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """The words of one kind of system."""

    name: str
    title: str
    source: str
    states: Mapping[str, StatedMeaning]
    sources: Mapping[str, str]
    """Word -> where it is from."""


class EncodingTable(Strict):
    """One encoding, as the file has it."""

    name: Name
    title: Line
    state: list[StateRow] = Field(min_length=1, max_length=MOST_ROWS)


class EncodingsFile(Strict):
    """All of them."""

    source: str = "each row names its own"
    encoding: list[EncodingTable] = Field(min_length=1, max_length=MOST_ROWS)


def load_encodings(file: Path = SHIPPED) -> Mapping[str, Encoding]:
    """Return the encodings of a file by name. Raises: TomlRefused; then none of them may be used."""
    read = read_toml(file, EncodingsFile)
    read.refuse_if(_faults(read))
    return MappingProxyType(
        {
            one.name: Encoding(
                one.name,
                one.title,
                one.source,
                MappingProxyType({row.said: meaning_of(row) for row in one.state}),
                MappingProxyType({row.said: row.source for row in one.state}),
            )
            for one in read.model.encoding
        }
    )


def meaning_of(row: StateRow) -> StatedMeaning:
    """Return what a row says."""
    return StatedMeaning(row.state, row.meaning, row.reason_class)


def row_faults(rows: Sequence[StateRow], path: MemberPath) -> Iterator[tuple[MemberPath, str]]:
    """Tell what is wrong with state rows: words that stand twice or are improved, reasons that contradict."""
    yield from repeated((row.said for row in rows), path, "said")
    for place, row in enumerate(rows):
        fault = word_fault(row.said, row.state)
        if fault is not None:
            yield (*path, place, "state"), fault
        if row.reason_class is not None and _contradicts(row.reason_class, row.state):
            yield (*path, place, "reason_class"), f"{row.reason_class.name} does not go with {row.state.name}"


def repeated(words: Iterable[str], path: MemberPath, member: str) -> Iterator[tuple[MemberPath, str]]:
    """Tell which words stand there a second time."""
    seen: set[str] = set()
    for place, word in enumerate(words):
        if word in seen:
            yield (*path, place, member), "stands there twice"
        seen.add(word)


def word_fault(word: str, state: CodeState) -> str | None:
    """Return why a word cannot mean `state`, None if it can."""
    plain = unicodedata.normalize("NFKC", word).casefold()
    if plain in _RED_WORDS and state is not CodeState.RED:
        return "a red is RED: only its issuer clears it"
    if plain in _NOT_GREEN_WORDS and state is CodeState.GREEN:
        return "a word for another colour cannot be GREEN"
    return None


def improves(state: CodeState, before: CodeState) -> bool:
    """Tell whether `state` is a better one than `before`."""
    return _SEVERITY[state] < _SEVERITY[before]


def _contradicts(reason: ReasonClass, state: CodeState) -> bool:
    if reason.name.startswith("RED_"):
        return state is not CodeState.RED
    return state is CodeState.GREEN


def _faults(read: TomlFile[EncodingsFile]) -> Iterator[tuple[MemberPath, str]]:
    encodings = read.model.encoding
    yield from repeated((one.name for one in encodings), ("encoding",), "name")
    for place, one in enumerate(encodings):
        yield from row_faults(one.state, ("encoding", place, "state"))
