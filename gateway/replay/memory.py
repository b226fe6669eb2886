"""The memory of showings: of one process, or of all workers of a machine.

Rules:

- It has no name in any file system, and no copy: it is gone with the last process that has it.
- The supervisor makes the shared one and hands its descriptor to the workers. It outlives any of them.
- Nobody can make it smaller: a process that reads beyond its end would be ended by the system.
- It is left out of core dumps. It may be swapped out, like any memory.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
from contextlib import suppress
from typing import Final, Protocol

from .layout import HEAD, HEAD_AT, MAGIC, MOST_STRIPES, Geometry

_KEY_BYTES: Final = 32


class MemoryUnusable(Exception):
    """What was handed on is no memory of showings."""


class Memory(Protocol):
    """Bytes that can be searched and written in place: an mmap, as the table sees it."""

    def find(self, sub: bytes, start: int, end: int) -> int:
        """Return where `sub` begins between `start` and `end`, -1 if it is not there."""
        ...

    def __getitem__(self, key: slice) -> bytes:
        """Return a piece."""
        ...

    def __setitem__(self, key: slice, value: bytes) -> None:
        """Write a piece of the same size."""
        ...

    def madvise(self, option: int, start: int, length: int) -> None:
        """Give whole pages back; they read as zeros afterwards."""
        ...


def own_memory(capacity: int, generation_s: float) -> mmap.mmap:
    """Return a memory for this process alone."""
    geometry = Geometry.of(capacity)
    memory = mmap.mmap(-1, geometry.total_bytes)
    _write_head(memory, geometry, generation_s)
    return _out_of_dumps(memory)


def create_shared(capacity: int, generation_s: float) -> int:
    """Return the descriptor of a memory for several processes. Raises: OSError."""
    geometry = Geometry.of(capacity)
    descriptor = os.memfd_create("hcgw-replay", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, geometry.total_bytes)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        # Written, not mapped: a mapping has a descriptor of its own, and closing that would give up locks.
        head = HEAD.pack(MAGIC, geometry.stripes, geometry.buckets, generation_s, secrets.token_bytes(_KEY_BYTES))
        os.pwrite(descriptor, head, HEAD_AT)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def map_shared(descriptor: int) -> mmap.mmap:
    """Return the memory behind a descriptor that was handed on. Raises: MemoryUnusable."""
    try:
        memory = mmap.mmap(descriptor, 0)
    except (OSError, ValueError):
        raise MemoryUnusable("no memory of showings was handed on") from None
    try:
        read_head(memory, len(memory))
    except MemoryUnusable:
        memory.close()
        raise
    return _out_of_dumps(memory)


def read_head(memory: Memory, size: int) -> tuple[Geometry, float, bytes]:
    """Return geometry, seconds of a generation, and the key of the stripes. Raises: MemoryUnusable."""
    if size < HEAD.size:
        raise MemoryUnusable("the memory of showings is too small")
    magic, stripes, buckets, generation_s, key = HEAD.unpack(memory[HEAD_AT : HEAD_AT + HEAD.size])
    geometry = Geometry(stripes, buckets)
    if magic != MAGIC or not 0 < stripes <= MOST_STRIPES or geometry.total_bytes != size:
        raise MemoryUnusable("the memory of showings is another edition's")
    return geometry, generation_s, key


def _write_head(memory: Memory, geometry: Geometry, generation_s: float) -> None:
    key = secrets.token_bytes(_KEY_BYTES)
    memory[HEAD_AT : HEAD_AT + HEAD.size] = HEAD.pack(MAGIC, geometry.stripes, geometry.buckets, generation_s, key)


def _out_of_dumps(memory: mmap.mmap) -> mmap.mmap:
    with suppress(OSError, AttributeError):
        memory.madvise(mmap.MADV_DONTDUMP)
    return memory
