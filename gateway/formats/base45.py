"""Base45, the text that HCERT codes travel in: two bytes become three letters of the QR alphanumeric alphabet.

Rules (RFC 9285):

- only the 45 letters of the alphabet; no lower case, no line ends, nothing trimmed
- three letters give two bytes, so their value is at most 65,535; two letters at the end give one byte, at most 255
- one letter left over is an error

The decoder takes the letters for one long integer, three bytes a group, and does the arithmetic of all groups at once.
A group never overflows its three bytes, its largest value being 44 * (1 + 45 + 2025) = 91,124.
"""

from __future__ import annotations

from gateway.errors import CodeUnreadable, Reason

ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

_NOT_A_LETTER = 0xFF
_VALUES = bytes(ALPHABET.find(letter) & _NOT_A_LETTER for letter in range(256))


def decode(text: bytes) -> bytes:
    """Return the bytes that `text` stands for; b"" for b"".

    `text` is Base45 letters only, without a prefix. Guarantees that it is the only Base45 text of these bytes. Does not
    bound the size: the caller has.

    Source: RFC 9285, sections 3 and 4.

    Raises: CodeUnreadable with BAD_TEXT_ENCODING, the text is not Base45.
    """
    values = text.translate(_VALUES)
    if _NOT_A_LETTER in values:
        raise CodeUnreadable(Reason.BAD_TEXT_ENCODING, "base45 letter")
    groups, rest = divmod(len(values), 3)
    if rest == 1:
        raise CodeUnreadable(Reason.BAD_TEXT_ENCODING, "base45 length")
    whole = 3 * groups
    letters = int.from_bytes(values[:whole], "little")
    first = int.from_bytes(b"\xff\0\0" * groups, "little")
    sums = (letters & first) + 45 * (letters >> 8 & first) + 2025 * (letters >> 16 & first)
    lanes = sums.to_bytes(whole, "little")
    if lanes[2::3] != bytes(groups):
        raise CodeUnreadable(Reason.BAD_TEXT_ENCODING, "base45 group")
    decoded = bytearray(2 * groups)
    decoded[0::2] = lanes[1::3]
    decoded[1::2] = lanes[0::3]
    if rest:
        last = values[-2] + 45 * values[-1]
        if last > 0xFF:
            raise CodeUnreadable(Reason.BAD_TEXT_ENCODING, "base45 last group")
        decoded.append(last)
    return bytes(decoded)


def encode(data: bytes) -> bytes:
    """Return the one Base45 text of `data`; b"" for b"".

    Source: RFC 9285, section 4.
    """
    text = bytearray()
    for high, low in zip(data[0::2], data[1::2], strict=False):
        value, first = divmod(high << 8 | low, 45)
        third, second = divmod(value, 45)
        text += bytes((ALPHABET[first], ALPHABET[second], ALPHABET[third]))
    if len(data) % 2:
        second, first = divmod(data[-1], 45)
        text += bytes((ALPHABET[first], ALPHABET[second]))
    return bytes(text)
