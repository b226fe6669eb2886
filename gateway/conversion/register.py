"""The gateway's own status list: a word of four bits for each converted code, in memory only.

Rules:

- A place is chosen at random among the free ones and never given out twice: its number tells nobody how many there are.
- A place that was never given out, or whose code has ended, reads UNKNOWN.
- A list has a random name. It takes no more codes once half of its places were given out, and is gone when the last of
  its codes has ended. After a restart there are other names, so that earlier codes find no list: MANUAL.

Which word a place may get is not judged here; see `bindings.py`. Who shows the lists to others is told of each word
(`publishing.py`).

Source: IETF Token Status List, section 4; the words of our own are those of the design (section 4, "live status").
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from gateway.changes import Word
from gateway.status.words import WORDS
from gateway.values import CodeState, StatusPointer

PLACES: Final = 1 << 17
"""Of one list: 64 KiB."""

MAX_GIVEN: Final = PLACES // 2
"""So many are given out of one list: a free place is found in two draws."""

MAX_LISTS: Final = 256
"""At one time: 16 MiB, and 16 million codes in the longest life of one."""

_NAME_BYTES: Final = 6

_READ: Final[Mapping[int, CodeState]] = MappingProxyType(
    {word: state for state, word in WORDS.items() if state is not CodeState.UNCONFIRMED}
)


class RegisterFull(Exception):
    """There is no room for another place."""


class MirrorsRegister(Protocol):
    """Shows the lists elsewhere. Is told after the fact; must neither raise nor wait."""

    def place_written(self, pointer: StatusPointer, word: Word) -> None:
        """Take note that a place reads `word` from now on."""
        ...

    def list_gone(self, uri: str) -> None:
        """Take note that the last code of a list has ended, and none will point to it any more."""
        ...


class NoMirror:
    """Shows nothing anywhere."""

    def place_written(self, pointer: StatusPointer, word: Word) -> None:
        """See MirrorsRegister."""

    def list_gone(self, uri: str) -> None:
        """See MirrorsRegister."""


class StatusRegister:
    """All lists of one gateway. Use from one thread."""

    def __init__(self, status_uri: str) -> None:
        """Take the address below which lists are named."""
        self._base = status_uri.rstrip("/")
        self._current = _List(self._new_name())
        self._lists = {self._current.uri: self._current}
        self.mirror: MirrorsRegister = NoMirror()
        """Who shows the lists elsewhere. Set it before the first place is given out."""

    def give_out(self, state: CodeState) -> StatusPointer:
        """Return a place that nobody had before, which reads `state`. Raises: RegisterFull."""
        if self._current.given >= MAX_GIVEN:
            if len(self._lists) >= MAX_LISTS:
                raise RegisterFull
            self._current = _List(self._new_name())
            self._lists[self._current.uri] = self._current
        pointer = StatusPointer(self._current.uri, self._current.give_out(state))
        self.mirror.place_written(pointer, WORDS[state])
        return pointer

    def write(self, pointer: StatusPointer, state: CodeState) -> None:
        """Let a place that is given out read `state` from now on."""
        self._lists[pointer.uri].write(pointer.index, state)
        self.mirror.place_written(pointer, WORDS[state])

    def take_back(self, pointer: StatusPointer) -> None:
        """Let the place of a code that has ended read UNKNOWN, for good."""
        held = self._lists[pointer.uri]
        held.write(pointer.index, CodeState.UNKNOWN)
        self.mirror.place_written(pointer, WORDS[CodeState.UNKNOWN])
        held.live -= 1
        if not held.live and held is not self._current:
            self._drop(held)

    def leave(self, uri: str) -> None:
        """Give out no more places of a list: it cannot be shown elsewhere any more. Its codes stay as they are."""
        left = self._lists.get(uri)
        if left is not None and left is self._current and len(self._lists) < MAX_LISTS:
            self._current = _List(self._new_name())
            self._lists[self._current.uri] = self._current
            if not left.live:
                self._drop(left)

    def raw(self, uri: str) -> bytes | None:
        """Return a list as it stands, two places to a byte, the lower one in the lower half; None if there is none."""
        held = self._lists.get(uri)
        return None if held is None else held.raw()

    def look_up(self, pointer: StatusPointer) -> CodeState | None:
        """Return what a place reads; None if the list is not one of these."""
        held = self._lists.get(pointer.uri)
        return None if held is None else held.read(pointer.index)

    def _drop(self, held: _List) -> None:
        del self._lists[held.uri]
        self.mirror.list_gone(held.uri)

    def _new_name(self) -> str:
        return f"{self._base}/{secrets.token_urlsafe(_NAME_BYTES)}"


class _List:
    """One list: words, two to a byte, and which places were ever given out."""

    __slots__ = ("_taken", "_unconfirmed", "_words", "given", "live", "uri")

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.given = 0
        self.live = 0
        self._words = bytearray(b"\xff" * (PLACES // 2))
        self._taken = bytearray(PLACES // 8)
        self._unconfirmed: set[int] = set()  # which of the places with the word 0x2: it stands for two states

    def give_out(self, state: CodeState) -> int:
        while True:
            index = secrets.randbelow(PLACES)
            byte, bit = index >> 3, 1 << (index & 7)
            if not self._taken[byte] & bit:
                break
        self._taken[byte] |= bit
        self.given += 1
        self.live += 1
        self.write(index, state)
        return index

    def write(self, index: int, state: CodeState) -> None:
        byte, shift = index >> 1, (index & 1) * 4
        self._words[byte] = self._words[byte] & ~(0xF << shift) | WORDS[state] << shift
        if state is CodeState.UNCONFIRMED:
            self._unconfirmed.add(index)
        else:
            self._unconfirmed.discard(index)

    def raw(self) -> bytes:
        return bytes(self._words)

    def read(self, index: int) -> CodeState:
        if not 0 <= index < PLACES:
            return CodeState.UNKNOWN
        if index in self._unconfirmed:
            return CodeState.UNCONFIRMED
        return _READ[self._words[index >> 1] >> (index & 1) * 4 & 0xF]
