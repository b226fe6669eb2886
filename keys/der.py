"""A small reader of DER: enough to walk a certificate, lenient where real issuers are wrong and nowhere else.

- Only what X.509 needs: definite lengths, one-byte tags, lengths in at most four bytes.
- Bounded: work is linear in the input, whose size the caller caps; nothing recurses.
- A length may be written longer than need be. Nothing here decides about a signature, so a second spelling does no
  harm, and the certificate's identity is a hash of all its bytes.
- One exception: `DerError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31


class DerError(ValueError):
    """These bytes are not what was looked for. Tells what was, never the bytes."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag byte and its content."""

    tag: int
    content: bytes

    def expect(self, tag: int) -> bytes:
        """Return the content if the tag is `tag`. Raises: DerError."""
        if self.tag != tag:
            raise DerError(f"tag {tag:#04x} expected, {self.tag:#04x} found")
        return self.content


def elements(data: bytes) -> Iterator[Element]:
    """Yield the elements that stand in `data` one after the other. Raises: DerError at the first broken one."""
    position, end = 0, len(data)
    while position < end:
        if end - position < 2:
            raise DerError("cut off in a head")
        tag, length = data[position], data[position + 1]
        position += 2
        if tag & 0x1F == 0x1F:
            raise DerError("a tag of several bytes")
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or end - position < size:
                raise DerError("a length that is not definite, too long, or cut off")
            length = int.from_bytes(data[position : position + size], "big")
            position += size
        if end - position < length:
            raise DerError("an element that reaches beyond its end")
        yield Element(tag, data[position : position + length])
        position += length


def single(data: bytes, tag: int) -> bytes:
    """Return the content of the one element that `data` is. Raises: DerError if there is anything else."""
    found = list(elements(data))
    if len(found) != 1:
        raise DerError(f"one element expected, {len(found)} found")
    return found[0].expect(tag)


def unsigned(content: bytes) -> int:
    """Return the value of an INTEGER's content that must not be negative. Raises: DerError."""
    if not content or content[0] & 0x80:
        raise DerError("an empty or negative integer")
    return int.from_bytes(content, "big")


def whole_bytes(content: bytes) -> bytes:
    """Return a BIT STRING's bits where they are whole bytes. Raises: DerError."""
    if not content or content[0] != 0:
        raise DerError("a bit string that is not of whole bytes")
    return content[1:]


def dotted(content: bytes) -> str:
    """Return an OBJECT IDENTIFIER's content as dotted numbers. Raises: DerError. Source: X.690, 8.19."""
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise DerError("an empty, overlong or cut-off object identifier")
    arcs: list[int] = []
    arc = 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
