"""Mutations of what JSON and CBOR say, and writers that will write what no decent writer would.

A value is None, bool, int, float, str, bytes, list, `Pairs` (an object or map, keys may repeat) or `Tag`.
"""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import cbor2


@dataclass(frozen=True, slots=True)
class Pairs:
    """An object or map as it is written: in this order, with these repetitions."""

    pairs: tuple[tuple[object, object], ...]


@dataclass(frozen=True, slots=True)
class Tag:
    """A CBOR tag; JSON writes its content only."""

    number: int
    content: object


def _nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


ODD_VALUES: tuple[object, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**32, 2**53 + 1, 2**63, 2**64 - 1, 2**64, -(2**64) - 1, 10**400,
    0.5, -0.0, 1e308, math.nan, math.inf, -math.inf, 946_684_799, 946_684_800, 4_102_444_800, 4_102_444_801,
    "", " ", "\x00", "a" * 300, "\u202e", "\ud800", "2021-02-30", "0000-01-01", "9999-12-31T23:59:59Z", "1e400",
    "2021-01-01T00:00:00+99:99", "https://", "../../etc/passwd", "' OR 1=1 --", "none", "HS256", "ES256", "SM2",
    b"", b"\x00", b"\xff" * 40, [], Pairs(()), Pairs((("", ""),)), _nested(20), _nested(200), [0] * 500,
    Tag(0, "x"), Tag(1, math.nan), Tag(2, b"\xff" * 64), Tag(4, [2**31, 1]), Tag(5, [2**31, 1]),
    Tag(18, [b"", Pairs(()), b"", b""]),
    Tag(28, [Tag(29, 0)]), Tag(30, [1, 0]), Tag(35, "(a+)+$"), Tag(55_799, 0), Tag(2**64 - 1, 0),
)  # fmt: skip


def mutate_value(rng: random.Random, value: object) -> object:
    """Return `value` with one place replaced, removed, repeated, renamed, or wrapped. Same `rng`, same answer."""
    if isinstance(value, Pairs) and value.pairs and rng.random() < 0.85:
        return _mutate_pairs(rng, value.pairs)
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        do = rng.random()
        if do < 0.7:
            return [*value[:at], mutate_value(rng, value[at]), *value[at + 1 :]]
        return [*value[:at], *value[at + 1 :]] if do < 0.85 else [*value[: at + 1], *value[at:]]
    if isinstance(value, Tag) and rng.random() < 0.7:
        return Tag(value.number, mutate_value(rng, value.content))
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.4:
        return rng.choice(
            (-value, value + 1, value - 1, float(value) if abs(value) < 2**64 else value, str(value), value * 1000)
        )
    if isinstance(value, str) and rng.random() < 0.4:
        return rng.choice(
            (value + "\x00", value.upper(), value[:-1], value + value, [value], value.encode("utf-8", "replace"))
        )
    return rng.choice(ODD_VALUES)


def _mutate_pairs(rng: random.Random, pairs: tuple[tuple[object, object], ...]) -> Pairs:
    at = rng.randrange(len(pairs))
    key, value = pairs[at]
    do = rng.random()
    if do < 0.65:
        changed: tuple[tuple[object, object], ...] = ((key, mutate_value(rng, value)),)
    elif do < 0.75:
        changed = ()
    elif do < 0.85:
        changed = ((key, value), (key, rng.choice((value, rng.choice(ODD_VALUES)))))
    elif do < 0.95:
        changed = ((rng.choice(("crit", "b64", "alg", "kid", "typ", "zip", 1, 2, 4, 1.0, "1")), value),)
    else:
        changed = ((rng.choice(ODD_VALUES), value),)
    return Pairs((*pairs[:at], *changed, *pairs[at + 1 :]))


# JSON


def read_json(data: bytes) -> object:
    """Read JSON leniently. Raises ValueError or RecursionError."""
    return json.loads(data, object_pairs_hook=lambda pairs: Pairs(tuple(pairs)))


def write_json(value: object) -> bytes:
    """Write `value` whatever it says: repeated keys, NaN, numbers of any size, lone surrogates."""
    if isinstance(value, Pairs):
        return b"{" + b",".join(write_json(str(key)) + b":" + write_json(inner) for key, inner in value.pairs) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(write_json, value)) + b"]"
    if isinstance(value, Tag):
        return write_json(value.content)
    if isinstance(value, bytes):
        return write_json(value.decode("latin-1"))
    return json.dumps(value).encode()


# CBOR


def read_cbor(data: bytes) -> object:
    """Read CBOR leniently. Raises whatever cbor2 does."""
    return _from_cbor2(cbor2.loads(data))


def _from_cbor2(item: object) -> object:
    if isinstance(item, Mapping):  # inside a tag, cbor2 gives maps and arrays that cannot be changed
        return Pairs(tuple((_from_cbor2(key), _from_cbor2(value)) for key, value in item.items()))
    if isinstance(item, list | tuple):
        return [_from_cbor2(inner) for inner in item]
    if isinstance(item, cbor2.CBORTag):
        return Tag(item.tag, _from_cbor2(item.value))
    return item


def write_cbor(value: object, rng: random.Random | None = None) -> bytes:
    """Write `value` whatever it says. With `rng`, heads are now and then longer than needed, or indefinite."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        if not -(2**64) <= value < 2**64:
            size = (value.bit_length() + 7) // 8
            return bytes((0xC2 if value > 0 else 0xC3,)) + write_cbor(
                (value if value > 0 else -1 - value).to_bytes(size, "big")
            )
        return _head(0, value, rng) if value >= 0 else _head(1, -1 - value, rng)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return _head(2, len(value), rng) + value
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return _head(3, len(text), rng) + text
    if isinstance(value, Tag):
        return _head(6, value.number, rng) + write_cbor(value.content, rng)
    if isinstance(value, Pairs):
        parts = [write_cbor(part, rng) for pair in value.pairs for part in pair]
        return _container(5, len(value.pairs), parts, rng)
    if isinstance(value, list):
        return _container(4, len(value), [write_cbor(part, rng) for part in value], rng)
    raise TypeError(type(value).__name__)


def _container(major: int, count: int, parts: list[bytes], rng: random.Random | None) -> bytes:
    if rng is not None and rng.random() < 0.02:
        return bytes((major << 5 | 31,)) + b"".join(parts) + b"\xff"
    return _head(major, count, rng) + b"".join(parts)


def _head(major: int, argument: int, rng: random.Random | None) -> bytes:
    sizes: tuple[tuple[int, int], ...] = ((1, 24), (2, 25), (4, 26), (8, 27))
    shortest = 0 if argument < 24 else next(size for size, _ in sizes if argument < 256**size)
    if rng is not None and rng.random() < 0.01:
        shortest = 8
    if not shortest:
        return bytes((major << 5 | argument,))
    return bytes((major << 5 | dict(sizes)[shortest],)) + argument.to_bytes(shortest, "big")
