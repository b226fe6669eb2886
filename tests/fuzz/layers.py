"""What lies inside what, per format: so that a mutation deep inside still arrives there.

A layer opens a code down to some inner text and closes it again with another one in its place. Layers neither check
nor forgive: a code that does not open has no such layer at that moment.
"""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cbor2

from gateway.formats import base45, recognise
from gateway.values import Format

from .mutate_bytes import mutate_bytes
from .mutate_values import Tag, mutate_value, read_cbor, read_json, write_cbor, write_json

MOST_UNPACKED: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Layer:
    """One inner text of a code."""

    open: Callable[[bytes], bytes]
    close: Callable[[bytes, bytes], bytes]
    """(the code, the new inner text) -> a new code."""


def inside(outer: Layer, inner: Layer) -> Layer:
    """Return `inner` as a layer of whatever `outer` is a layer of."""
    return Layer(
        lambda code: inner.open(outer.open(code)),
        lambda code, new: outer.close(code, inner.close(outer.open(code), new)),
    )


WHOLE: Final = Layer(lambda code: code, lambda _, new: new)


def _unbase64url(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _inflate(data: bytes, window: int) -> bytes:
    return zlib.decompressobj(window).decompress(data, MOST_UNPACKED)


def _deflate(data: bytes, window: int) -> bytes:
    packer = zlib.compressobj(6, wbits=window)
    return packer.compress(data) + packer.flush()


def base45_after(prefix: bytes) -> Layer:
    """Return the layer of the bytes behind a prefix and Base45."""
    return Layer(lambda code: base45.decode(code[len(prefix) :]), lambda _, new: prefix + base45.encode(new))


ZLIB: Final = Layer(lambda data: _inflate(data, 15), lambda _, new: _deflate(new, 15))
RAW_DEFLATE: Final = Layer(lambda data: _inflate(data, -15), lambda _, new: _deflate(new, -15))


def segment(place: int) -> Layer:
    """Return the layer of one segment of a compact JWS, decoded."""

    def close(token: bytes, new: bytes) -> bytes:
        parts = token.split(b".")
        return b".".join((*parts[:place], _base64url(new), *parts[place + 1 :]))

    return Layer(lambda token: _unbase64url(token.split(b".")[place]), close)


def element(place: int) -> Layer:
    """Return the layer of one byte string of a COSE_Sign1: 0 the protected header, 2 the payload."""

    def parts(message: bytes) -> tuple[list[object], Callable[[list[object]], object]]:
        value = read_cbor(message)
        if isinstance(value, Tag):
            tag, content = value.number, value.content
            return _list(content), lambda new: Tag(tag, new)
        return _list(value), lambda new: new

    def open_(message: bytes) -> bytes:
        inner = parts(message)[0][place]
        return inner if isinstance(inner, bytes) else b""

    def close(message: bytes, new: bytes) -> bytes:
        found, wrap = parts(message)
        return write_cbor(wrap([*found[:place], new, *found[place + 1 :]]))

    return Layer(open_, close)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _token(code: bytes) -> bytes:
    if not code.startswith(b"shc:/"):
        return code
    digits = code.removeprefix(b"shc:/")
    return bytes(int(digits[at : at + 2]) + 45 for at in range(0, len(digits), 2))


def _as_before(code: bytes, token: bytes) -> bytes:
    if not code.startswith(b"shc:/"):
        return token
    return b"shc:/" + b"".join(b"%02d" % (character - 45) for character in token if 45 <= character < 145)


TOKEN: Final = Layer(_token, _as_before)
"""The token of a SMART Health Card, spelled as it was."""


def _unzip(code: bytes) -> bytes:
    packed = base64.b64decode(code[4:] + b"==") if code.startswith(b"B64:") else code
    with zipfile.ZipFile(io.BytesIO(packed)) as archive, archive.open(archive.namelist()[0]) as member:
        return member.read(MOST_UNPACKED)


def _zip(code: bytes, new: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("certificate.json", new)
    packed = held.getvalue()
    return b"B64:" + base64.b64encode(packed) if code.startswith(b"B64:") else packed


UNZIPPED: Final = Layer(_unzip, _zip)
BASE64: Final = Layer(lambda code: base64.b64decode(code[4:] + b"=="), lambda _, new: b"B64:" + base64.b64encode(new))


@dataclass(frozen=True, slots=True)
class Shape:
    """How to mutate the codes of one format: where its bytes, its JSON and its CBOR lie."""

    texts: tuple[Layer, ...] = (WHOLE,)
    json: tuple[Layer, ...] = ()
    cbor: tuple[Layer, ...] = ()

    def mutate(self, rng: random.Random, code: bytes) -> bytes:
        """Return `code` with one to three things wrong with it. Same `rng`, same answer; never raises."""
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            try:
                code = self._once(rng, code)
            except Exception:  # noqa: BLE001 - what no longer opens is mutated as it stands
                code = mutate_bytes(rng, code)
        return code

    def _once(self, rng: random.Random, code: bytes) -> bytes:
        kinds = [self.texts] + [self.json] * 2 * bool(self.json) + [self.cbor] * 2 * bool(self.cbor)
        kind = rng.choice(kinds)
        layer = rng.choice(kind)
        inner = layer.open(code)
        if kind is self.json:
            inner = write_json(mutate_value(rng, read_json(inner)))
        elif kind is self.cbor:
            inner = write_cbor(mutate_value(rng, read_cbor(inner)), rng)
        else:
            inner = mutate_bytes(rng, inner)
        return layer.close(code, inner)


def _cose(packed: Layer) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    header, payload = inside(packed, element(0)), inside(packed, element(2))
    return (packed, header, payload), (packed, header, *[payload] * 4)


_HCERT: Final = inside(base45_after(b"HC1:"), ZLIB)

HCERT: Final = Shape((WHOLE, base45_after(b"HC1:"), *_cose(_HCERT)[0]), cbor=_cose(_HCERT)[1])
NATIVE_QR: Final = Shape((WHOLE, *_cose(base45_after(b"HCI1:"))[0]), cbor=_cose(base45_after(b"HCI1:"))[1])
NATIVE_JWS: Final = Shape((WHOLE, segment(0), segment(1), segment(2)), json=(segment(0), segment(1), segment(1)))
SHC: Final = Shape(
    (
        WHOLE,
        *(inside(TOKEN, layer) for layer in (WHOLE, segment(0), segment(1), segment(2))),
        inside(TOKEN, inside(segment(1), RAW_DEFLATE)),
    ),
    json=(inside(TOKEN, segment(0)), *[inside(TOKEN, inside(segment(1), RAW_DEFLATE))] * 2),
)


def _list_of_jwt(payload: bytes) -> bytes:
    return _unbase64url(json.loads(payload)["status_list"]["lst"].encode())


def _jwt_of_list(payload: bytes, new: bytes) -> bytes:
    said = json.loads(payload)
    said["status_list"]["lst"] = _base64url(new).decode()
    return json.dumps(said).encode()


def _list_of_cwt(payload: bytes) -> bytes:
    places = cbor2.loads(payload)[65_533]["lst"]
    return places if isinstance(places, bytes) else b""


def _cwt_of_list(payload: bytes, new: bytes) -> bytes:
    said = cbor2.loads(payload)
    said[65_533]["lst"] = new
    return cbor2.dumps(said)


_PLACES_OF_JWT: Final = inside(segment(1), Layer(_list_of_jwt, _jwt_of_list))
_PLACES_OF_CWT: Final = inside(element(2), Layer(_list_of_cwt, _cwt_of_list))
STATUS_LIST_JWT: Final = Shape(
    (WHOLE, segment(0), segment(1), _PLACES_OF_JWT, inside(_PLACES_OF_JWT, ZLIB)),
    json=(segment(0), segment(1), segment(1)),
)
STATUS_LIST_CWT: Final = Shape(
    (WHOLE, element(0), element(2), _PLACES_OF_CWT, inside(_PLACES_OF_CWT, ZLIB)),
    cbor=(WHOLE, element(0), *[element(2)] * 3),
)
JSON: Final = Shape(json=(WHOLE,))
VDSNC: Final = JSON
DIVOC: Final = Shape((WHOLE, BASE64, UNZIPPED), json=(UNZIPPED,))

_BY_FORMAT: Final = {
    Format.HCERT: HCERT,
    Format.SHC: SHC,
    Format.VDSNC: VDSNC,
    Format.DIVOC: DIVOC,
}


class AnyShape(Shape):
    """Mutates a code of any format as its own shape does, or now and then as plain bytes."""

    def mutate(self, rng: random.Random, code: bytes) -> bytes:
        """Return `code` with one to three things wrong with it. Same `rng`, same answer; never raises."""
        if rng.random() < 0.3:
            return mutate_bytes(rng, code)
        native = NATIVE_QR if code.startswith(b"HCI1:") else NATIVE_JWS
        return _BY_FORMAT.get(recognise(code), native).mutate(rng, code)


__all__ = [
    "DIVOC",
    "HCERT",
    "JSON",
    "NATIVE_JWS",
    "NATIVE_QR",
    "SHC",
    "STATUS_LIST_CWT",
    "STATUS_LIST_JWT",
    "VDSNC",
    "AnyShape",
    "Shape",
]
