"""A list's file to the byte: a header of one page, then the raw list.

    0     what never changes: magic, version, capacity, file id, issuer, address; CRC-32 at 2044
    2048  what readers look at: claim (16 bytes), number (u64), time of its batch (f64, 0 while the list is hidden)
    2080  distrust (u64): not 0 once an fsync of the file has failed
    2560  checkpoint slot 0
    3072  checkpoint slot 1: each in a disk sector of its own, so that writing one cannot tear the other
    4096  the raw list: four bits a place, the lower index in the lower half of a byte

Rules:

- Byte order is the machine's: a file is a cache that belongs to one machine, and is never sent anywhere.
- A file has its full size from the start and never another one. A mapping of it can then neither run past its end nor
  into a hole that a full disk cannot fill, which would be SIGBUS.
- A file whose header does not fit its size, its name or its checksum is broken: nothing of it is read.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from gateway.changes import MAX_CAPACITY, BatchDigest, ListName
from gateway.values import Instant, IssuerId

HEADER_BYTES: Final = 4096

CLAIM: Final = slice(2048, 2064)
NUMBER: Final = slice(2064, 2072)
OBSERVED: Final = slice(2072, 2080)
DISTRUST: Final = slice(2080, 2088)

SUFFIX: Final = ".list"
NEW_SUFFIX: Final = ".new"
BROKEN_SUFFIX: Final = ".broken"
GENERATION_FILE: Final = "generation"
"""Of the folder: one u64 that grows whenever a file comes or goes."""

GENERATION_BYTES: Final = 4096

FILE_ID_BYTES: Final = 16
NO_CLAIM: Final = bytes(16)

_MAGIC: Final = b"hcgw status list"
_VERSION: Final = 1
_FIXED: Final = struct.Struct("=16sIIQ16sHH")
_FIXED_END: Final = 2044
_SLOT: Final = struct.Struct("=QQd32s")
_SLOTS: Final = (2560, 3072)
_CRC: Final = struct.Struct("=I")
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Fault(StrEnum):
    """What is wrong with a file."""

    SIZE = "size"
    MAGIC = "magic"
    VERSION = "version"
    CHECKSUM = "checksum"
    CONTENT = "content"
    NAME = "name"
    """It is another list's file, or a copy."""
    UNREADABLE = "unreadable"
    """The disk fails."""


class FileBroken(Exception):
    """A file is not what its writer left."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Header:
    """What never changes in a file."""

    name: ListName
    capacity: int
    file_id: bytes


class Mark(NamedTuple):
    """A batch up to which, and with which, a file is complete."""

    number: int
    digest: BatchDigest
    issued: Instant


def raw_bytes(capacity: int) -> int:
    """Return the size of a raw list."""
    return (capacity + 1) // 2


def file_bytes(capacity: int) -> int:
    """Return the size of a list's file."""
    return HEADER_BYTES + raw_bytes(capacity)


def file_name(name: ListName) -> str:
    """Return what a list's file is called: a digest, because an address may hold anything."""
    issuer = name.issuer.encode()
    return sha256(b"%d:%s%s" % (len(issuer), issuer, name.uri.encode())).hexdigest()[:32] + SUFFIX


def pack_header(header: Header) -> bytes:
    """Return the header's page: hidden, claimed by nobody, without a checkpoint.

    Raises: ValueError if capacity or name cannot stand in one; whoever made them has checked that.
    """
    issuer, uri = header.name.issuer.encode(), header.name.uri.encode()
    if not 1 <= header.capacity <= MAX_CAPACITY:
        raise ValueError("capacity")
    if _FIXED.size + len(issuer) + len(uri) > _FIXED_END:
        raise ValueError("name")
    fixed = _FIXED.pack(_MAGIC, _VERSION, HEADER_BYTES, header.capacity, header.file_id, len(issuer), len(uri))
    text = (fixed + issuer + uri).ljust(_FIXED_END, b"\0")
    return (text + _CRC.pack(crc32(text))).ljust(HEADER_BYTES, b"\0")


def read_header(page: bytes, file: str, size: int) -> Header:
    """Return what the first page of `file`, which is `size` bytes long, says. Raises: FileBroken."""
    if len(page) != HEADER_BYTES or size <= HEADER_BYTES:
        raise FileBroken(Fault.SIZE)
    magic, version, header_bytes, capacity, file_id, issuer_len, uri_len = _FIXED.unpack_from(page)
    if magic != _MAGIC:
        raise FileBroken(Fault.MAGIC)
    if (version, header_bytes) != (_VERSION, HEADER_BYTES):
        raise FileBroken(Fault.VERSION)
    if _CRC.unpack_from(page, _FIXED_END)[0] != crc32(page[:_FIXED_END]):
        raise FileBroken(Fault.CHECKSUM)
    middle = _FIXED.size + issuer_len
    if not 1 <= capacity <= MAX_CAPACITY or middle + uri_len > _FIXED_END:
        raise FileBroken(Fault.CONTENT)
    if size != file_bytes(capacity):
        raise FileBroken(Fault.SIZE)
    try:
        name = ListName(IssuerId(page[_FIXED.size : middle].decode()), page[middle : middle + uri_len].decode())
    except UnicodeDecodeError:
        raise FileBroken(Fault.CONTENT) from None
    if file_name(name) != file:
        raise FileBroken(Fault.NAME)
    return Header(name, capacity, file_id)


def read_header_of(fd: int, file: str) -> Header:
    """Return what the header of an open file says. Raises: FileBroken, OSError."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise FileBroken(Fault.CONTENT)
    try:
        page = os.pread(fd, HEADER_BYTES, 0)
    except OSError as failed:
        if failed.errno == errno.EIO:
            raise FileBroken(Fault.UNREADABLE) from None
        raise
    return read_header(page, file, status.st_size)


def pack_slot(file_id: bytes, sequence: int, mark: Mark) -> tuple[int, bytes]:
    """Return where the checkpoint `sequence` of a file is written, and what. It never overwrites the one before."""
    body = _SLOT.pack(sequence, mark.number, mark.issued, mark.digest)
    return _SLOTS[sequence & 1], body + _CRC.pack(crc32(file_id + body))


def read_slots(page: bytes, file_id: bytes) -> tuple[int, Mark | None]:
    """Return the last whole checkpoint of a file and its sequence; 0 and None if it never had one."""
    last, mark = 0, None
    for start in _SLOTS:
        body = page[start : start + _SLOT.size]
        sequence, number, issued, digest = _SLOT.unpack(body)
        if _CRC.unpack_from(page, start + _SLOT.size)[0] == crc32(file_id + body) and sequence > last:
            last, mark = sequence, Mark(number, BatchDigest(digest), Instant(issued))
    return last, mark


def claim_of(device: int, inode: int) -> bytes:
    """Return what stands in the header of a file whose shown number and words this boot of this machine wrote.

    Restored, copied or left from before a power cut, a file bears another one. NO_CLAIM if the machine does not say
    which boot it is: then a writer takes no file for its own boot's, and readers believe none. What a power cut left
    may read zeros, which are green, under a header that says that it is shown.
    """
    try:
        boot = BOOT_ID.read_bytes().strip()
    except OSError:
        return NO_CLAIM
    return sha256(b"%s/%d/%d" % (boot, device, inode)).digest()[: len(NO_CLAIM)]
