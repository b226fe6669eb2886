"""What of people is left in the memory of a process, by kind of region: its own, as /proc shows it.

Counted, not judged: Python frees objects without overwriting them, so what a code said may stay in freed memory until
it is used again. Needs the right to trace the process, as a parent has it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.simulators.provinces.people import MARKS

from .test_canaries import spellings

CHUNK: Final = 1 << 20
OVERLAP: Final = 256
"""Longer than any needle, so that none is cut in two."""

IN_MEMORY: Final = tuple(
    sorted(
        {needle for mark in MARKS for needle in spellings(mark) if len(needle) >= 8}
        | {mark.encode("utf-32-le") for mark in MARKS}
    )
)
"""Every spelling, and the one of Python's widest texts."""


@dataclass(frozen=True, slots=True)
class Region:
    """One readable mapping."""

    begin: int
    end: int
    kind: str


@dataclass
class Dump:
    """How often people's data occur in a process."""

    size: Counter[str] = field(default_factory=Counter)
    """Bytes read, by kind of region."""
    marks: Counter[str] = field(default_factory=Counter)
    spelled: Counter[bytes] = field(default_factory=Counter)


def regions(pid: int) -> Iterator[Region]:
    """Yield the mappings of a process that can hold what it was told.

    Left out: what cannot be read, what cannot be written and is a file's (it holds what the file holds), and the
    kernel's own pages.
    """
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, access, _, _, inode, *path = line.split(maxsplit=5)
        name = path[0] if path else ""
        read_only_file = inode != "0" and "w" not in access
        if "r" not in access or read_only_file or name in ("[vvar]", "[vsyscall]", "[vdso]", "[vvar_vclock]"):
            continue
        begin, end = (int(half, 16) for half in span.split("-"))
        yield Region(begin, end, _kind(name, inode, access))


def _kind(name: str, inode: str, access: str) -> str:
    if name == "[heap]":
        return "heap"
    if name.startswith("[stack"):
        return "stack"
    if inode == "0":
        return "anonymous"
    return "mapped file, shared" if access.endswith("s") else "mapped file, own copy"


def dump(pid: int) -> Dump:
    """Count the marks in all that process `pid` can read. Raises: PermissionError if it may not be traced."""
    found = Dump()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for region in regions(pid):
            for tail, part in _parts(memory.fileno(), region):
                found.size[region.kind] += len(part)
                if part.count(0) == len(part):  # never written, or given back: half of what a process maps
                    continue
                whole = tail + part
                for needle in IN_MEMORY:
                    if many := whole.count(needle) - tail.count(needle):
                        found.marks[region.kind] += many
                        found.spelled[needle] += many
    return found


def _parts(handle: int, region: Region) -> Iterator[tuple[bytes, bytes]]:
    """Yield a region part by part, each with the end of the one before."""
    at, tail = region.begin, b""
    while at < region.end:
        try:
            part = os.pread(handle, min(CHUNK, region.end - at), at)
        except OSError:  # unmapped meanwhile, or a device's
            return
        if not part:
            return
        yield tail, part
        tail, at = part[-OVERLAP:], at + len(part)
