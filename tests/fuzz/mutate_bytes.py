"""Mutations of plain bytes: what a scanner, a hostile printer or a careless copy may do to a code."""

from __future__ import annotations

import random
from collections.abc import Callable

MAX_GROWTH = 4_096

_ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b" ",
    b"\n",
    b"=",
    b".",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b'"',
    b"{",
    b"[",
)


def _place(rng: random.Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def _flip_bit(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return b"\x00"
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]


def _set_byte(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + bytes((rng.randrange(256),)) + data[at + 1 :]


def _insert_odd(rng: random.Random, data: bytes) -> bytes:
    at = rng.choice((0, _place(rng, data), len(data)))
    return data[:at] + rng.choice(_ODD_BYTES) + data[at:]


def _remove(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 1, 2, 3, 16)) :]


def _truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: _place(rng, data)]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    end = min(len(data), at + rng.choice((1, 2, 3, 8, 64)))
    times = rng.choice((1, 2, 3, 30))
    return data[:end] + (data[at:end] * times)[:MAX_GROWTH] + data[end:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    one, two, three = sorted(_place(rng, data) for _ in range(3))
    return data[:one] + data[two:three] + data[one:two] + data[three:]


def _twice(_rng: random.Random, data: bytes) -> bytes:
    return data + data[:MAX_GROWTH]


def _fill(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    end = min(len(data), at + rng.choice((4, 8, 32)))
    return data[:at] + rng.choice((b"\x00", b"\xff")) * (end - at) + data[end:]


_MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip_bit, _set_byte, _insert_odd, _remove, _truncate, _repeat, _swap, _twice, _fill,
)  # fmt: skip


def mutate_bytes(rng: random.Random, data: bytes) -> bytes:
    """Return `data` with one thing wrong with it, or by chance unchanged. Same `rng`, same answer."""
    return rng.choice(_MUTATIONS)(rng, data)
