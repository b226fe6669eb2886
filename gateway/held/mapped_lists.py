"""The folder of list files, as every worker sees it: read only, and without a word to anybody.

Rules:

- A look-up is the folder's generation, one dict, the list's time, one byte. Nothing is locked, copied or awaited.
- The time is loaded before the word (see the package).
- What is not there reads None, what was never given out UNKNOWN: both end in MANUAL. So do a folder that is missing, a
  file that is broken, a list that its writer hides or that another boot wrote.
- A writer that ended changes nothing here: its lists stay, and their time stands still until they are too old.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final, NamedTuple, cast

from gateway.changes import Listed, ListName
from gateway.held.layout import (
    CLAIM,
    GENERATION_BYTES,
    GENERATION_FILE,
    HEADER_BYTES,
    NO_CLAIM,
    NUMBER,
    OBSERVED,
    SUFFIX,
    FileBroken,
    claim_of,
    file_bytes,
    read_header_of,
)
from gateway.held.writable_list import populate
from gateway.status.words import STATES, UNKNOWN
from gateway.values import Instant, IssuerId, StatusPointer

_NEVER_SEEN: Final = -1
_NO_GENERATION: Final = memoryview(bytes(8)).cast("Q")
"""Of a folder that is not there: always looked for anew."""


class MappedList(NamedTuple):
    """How far a list is held here."""

    name: ListName
    number: int
    observed: Instant
    capacity: int


class _Mapped(NamedTuple):
    """A file that is mapped."""

    name: ListName
    capacity: int
    device: int
    inode: int
    words: memoryview[int]
    number: memoryview[int]
    observed: memoryview[Instant]
    claim: memoryview[int]


class _Place:
    """What a look-up needs of a list."""

    __slots__ = ("answers", "capacity", "observed", "times", "words")

    def __init__(self, held: _Mapped) -> None:
        self.words = held.words
        self.times = held.observed
        self.capacity = held.capacity
        self.answer_as_of(self.times[0])

    def answer_as_of(self, observed: Instant) -> None:
        """Make the answers, word -> answer, anew: once a batch instead of once a look-up."""
        self.observed = observed
        self.answers = tuple(Listed(state, observed) if observed else None for state in STATES)


class MappedLists:
    """All lists that another process holds in one folder. Use from one thread."""

    __slots__ = ("_files", "_folder", "_generation", "_generation_file", "_places", "_seen", "_whole")

    def __init__(self, folder: Path) -> None:
        """Take the folder, which need not be there yet."""
        self._folder = folder
        self._files: dict[str, _Mapped] = {}
        self._places: dict[IssuerId, dict[str, _Place]] = {}
        self._generation = _NO_GENERATION
        self._generation_file: tuple[int, int] | None = None
        self._seen = _NEVER_SEEN
        self._whole = True
        """Whether all that is there could be mapped."""

    def look_up(self, issuer: IssuerId, pointer: StatusPointer, at: Instant) -> Listed | None:  # noqa: ARG002 a seam
        """Return what the list of `issuer` says there, and when it said so. `at` is for lists that are judged here.

        UNKNOWN for an index outside the list; None if no list of that address and that issuer is held.
        """
        if self._generation[0] != self._seen:
            self._map_anew()
        of_issuer = self._places.get(issuer)
        if of_issuer is None or (place := of_issuer.get(pointer.uri)) is None:
            return None
        observed = place.times[0]
        if observed != place.observed:
            place.answer_as_of(observed)
        index = pointer.index
        if 0 <= index < place.capacity:
            return place.answers[place.words[index >> 1] >> (index & 1) * 4 & 0xF]
        return place.answers[UNKNOWN]

    def lists(self) -> tuple[MappedList, ...]:
        """Return how far each list is held, for metrics.

        Looks whether the folder is still the one that is mapped, and tries again what could not be.
        """
        if self._generation_file != _file_at(self._folder / GENERATION_FILE):
            self._generation, self._generation_file, self._seen = _NO_GENERATION, None, _NEVER_SEEN
        if not self._whole or self._generation[0] != self._seen:
            self._map_anew()
        return tuple(
            MappedList(held.name, held.number[0], observed, held.capacity)
            for held in self._files.values()
            if _believed(held) and (observed := held.observed[0])
        )

    def _map_anew(self) -> None:
        """Map what has come and let go of what is gone.

        The generation is read first: a change meanwhile is seen at the next look-up. A file that cannot be mapped now,
        for want of memory or descriptors, stays as it was, which grows old; `lists` tries again.
        """
        if self._generation_file is None and not self._map_generation():
            self._files, self._places = {}, {}
            return
        seen = self._generation[0]
        files: dict[str, _Mapped] = {}
        places: dict[IssuerId, dict[str, _Place]] = {}
        self._whole = True
        for file in self._file_names():
            try:
                held = self._map(file)
            except FileNotFoundError:
                continue
            except OSError:
                held, self._whole = self._files.get(file), False
            if held is not None:
                files[file] = held
                if _believed(held):
                    places.setdefault(held.name.issuer, {})[held.name.uri] = _Place(held)
        self._files, self._places, self._seen = files, places, seen

    def _file_names(self) -> list[str]:
        try:
            return [path.name for path in self._folder.iterdir() if path.suffix == SUFFIX]
        except OSError:
            self._whole = False
            return list(self._files)

    def _map(self, file: str) -> _Mapped | None:
        """Return a file, mapped; as it was if it is still the same; None if it is broken. Raises: OSError."""
        held = self._files.get(file)
        path = self._folder / file
        if held is not None and (held.device, held.inode) == _file_at(path):
            return held
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            header = read_header_of(fd, file)
            status = os.fstat(fd)
            mapping = mmap.mmap(fd, file_bytes(header.capacity), prot=mmap.PROT_READ)
        except FileBroken:
            return None
        finally:
            os.close(fd)
        populate(mapping)
        view = memoryview(mapping)
        return _Mapped(
            header.name,
            header.capacity,
            status.st_dev,
            status.st_ino,
            view[HEADER_BYTES:],
            view[NUMBER].cast("Q"),
            cast("memoryview[Instant]", view[OBSERVED].cast("d")),
            view[CLAIM],
        )

    def _map_generation(self) -> bool:
        """Map the folder's generation; tell whether it is there."""
        try:
            fd = os.open(self._folder / GENERATION_FILE, os.O_RDONLY)
        except OSError:
            return False
        try:
            status = os.fstat(fd)
            if status.st_size != GENERATION_BYTES:
                return False
            mapping = mmap.mmap(fd, GENERATION_BYTES, prot=mmap.PROT_READ)
        except OSError:
            return False
        finally:
            os.close(fd)
        self._generation = memoryview(mapping).cast("Q")
        self._generation_file = status.st_dev, status.st_ino
        return True


def _believed(held: _Mapped) -> bool:
    """Tell whether this boot's writer has taken the file. Where nobody can tell which boot it is, none is believed."""
    claim = claim_of(held.device, held.inode)
    return claim != NO_CLAIM and held.claim == claim


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
