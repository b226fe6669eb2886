"""Mutations that take an accepted code apart, change one thing, and sign it anew with its issuer's right key."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

import cbor2

from gateway.formats import base45, hcert
from gateway.formats.native_claims import QR_PREFIX
from tests.simulators.native_issuer import as_json, sign_cose, sign_jws
from tests.simulators.shc_issuer import base64url, deflate
from tests.simulators.signing import SigningKey

from .case import Mutation
from .world import World

Members = dict[Any, Any]
Edit = Callable[[Members], object]
"""Changes a header or a payload in place (returns None), or returns what shall stand there instead: bytes stand as they
are, anything else is encoded."""


def put(**members: object) -> Edit:
    """Set members by their names."""
    return lambda held: held.update(members)


def put_at(*pairs: tuple[object, object]) -> Edit:
    """Set members of any key."""
    return lambda held: held.update(pairs)


def without(*names: object) -> Edit:
    """Remove members."""

    def edit(held: Members) -> None:
        for name in names:
            del held[name]

    return edit


def text(change: Callable[[bytes], bytes]) -> Edit:
    """Change the JSON or CBOR text itself, after encoding."""

    def edit(held: Members) -> bytes:
        return change(as_json(held) if all(isinstance(key, str) for key in held) else cbor2.dumps(held))

    return edit


def instead(data: bytes) -> Edit:
    """Put these bytes."""
    return lambda _: data


def _edited(held: Members, edit: Edit | None, encode: Callable[[Any], bytes]) -> bytes:
    new = None if edit is None else edit(held)
    return new if isinstance(new, bytes) else encode(held if new is None else new)


def parts(token: bytes) -> tuple[Members, Members, bytes]:
    """Return header, payload and signature of an accepted native JWS."""
    header, payload, signature = (urlsafe_b64decode(part + b"=" * (-len(part) % 4)) for part in token.split(b"."))
    return json.loads(header), json.loads(payload), signature


def key_of(world: World, token: bytes) -> SigningKey:
    """Return the right key of an accepted native JWS."""
    name = parts(token)[0]["kid"]
    return next(key for key in world.guizhou.values() if key.key_id.decode() == name)


def jws(*, header: Edit | None = None, payload: Edit | None = None) -> Mutation:
    """Sign a native JWS anew with an edited header or payload."""

    def mutate(world: World, code: bytes) -> bytes:
        head, said, _ = parts(code)
        return sign_jws(key_of(world, code), _edited(head, header, as_json), _edited(said, payload, as_json))

    return mutate


def jws_signed_as(signed: Callable[[World, bytes], bytes], *, header: Edit | None = None) -> Mutation:
    """Replace the signature of a native JWS: `signed` takes the (edited) signing input."""

    def mutate(world: World, code: bytes) -> bytes:
        head = code.split(b".")[0]
        if header is not None:
            head = base64url(_edited(parts(code)[0], header, as_json))
        signing_input = head + b"." + code.split(b".")[1]
        return signing_input + b"." + base64url(signed(world, signing_input))

    return mutate


def signature(change: Callable[[bytes], bytes]) -> Mutation:
    """Change the signature of a native JWS or SHC."""

    def mutate(_world: World, code: bytes) -> bytes:
        head, said, signed = code.split(b".")
        raw = urlsafe_b64decode(signed + b"=" * (-len(signed) % 4))
        return head + b"." + said + b"." + base64url(change(raw))

    return mutate


def whole(change: Callable[[bytes], bytes]) -> Mutation:
    """Change the text of the code."""
    return lambda _, code: change(code)


def qr(*, header: Edit | None = None, payload: Edit | None = None, tag: bytes = b"\xd2") -> Mutation:
    """Sign a native QR text anew with an edited protected header or payload."""

    def mutate(world: World, code: bytes) -> bytes:
        protected, _, said, _ = cbor2.loads(base45.decode(code[len(QR_PREFIX) :])).value
        head = cbor2.loads(protected)
        key = next(key for key in world.guizhou.values() if key.key_id == head[4])
        message = sign_cose(
            key, _edited(head, header, cbor2.dumps), _edited(cbor2.loads(said), payload, cbor2.dumps), tag=tag
        )
        return QR_PREFIX + base45.encode(message)

    return mutate


def dcc(*, header: Edit | None = None, claims: Edit | None = None, unprotected: Members | None = None) -> Mutation:
    """Sign an HCERT anew with an edited protected header, other claims, or an unprotected header."""

    def mutate(world: World, code: bytes) -> bytes:
        protected, _, said, _ = cbor2.loads(zlib.decompress(base45.decode(code[len(hcert.PREFIX) :]))).value
        message = sign_cose(
            world.country,
            _edited(cbor2.loads(protected), header, cbor2.dumps),
            _edited(cbor2.loads(said), claims, cbor2.dumps),
            unprotected=unprotected,
        )
        return hcert.write(message)

    return mutate


def envelope(change: Callable[[bytes], bytes]) -> Mutation:
    """Change the COSE bytes of an HCERT or a native QR text."""

    def mutate(_world: World, code: bytes) -> bytes:
        if code.startswith(QR_PREFIX):
            return QR_PREFIX + base45.encode(change(base45.decode(code[len(QR_PREFIX) :])))
        return hcert.write(change(zlib.decompress(base45.decode(code[len(hcert.PREFIX) :]))))

    return mutate


def packed(change: Callable[[bytes, bytes], bytes]) -> Mutation:
    """Change the compressed bytes of an HCERT: `change` takes them and what they unpack to."""

    def mutate(_world: World, code: bytes) -> bytes:
        held = base45.decode(code[len(hcert.PREFIX) :])
        return hcert.PREFIX + base45.encode(change(held, zlib.decompress(held)))

    return mutate


def card(
    *,
    header: Edit | None = None,
    payload: Edit | None = None,
    packing: Callable[[bytes], bytes] = deflate,
) -> Mutation:
    """Sign a SMART Health Card anew with an edited header or payload, or packed otherwise."""

    def mutate(world: World, _code: bytes) -> bytes:
        head, said = world.shc.header(), world.shc.claims()
        return world.shc.sign(_edited(head, header, as_json), packing(_edited(said, payload, as_json)))

    return mutate


def seal(edit: Edit) -> Mutation:
    """Sign a VDS-NC anew with edited data."""

    def mutate(world: World, _code: bytes) -> bytes:
        data = world.vdsnc.seal()
        edit(data)
        return world.vdsnc.issue(data)

    return mutate


def proof(edit: Edit) -> Mutation:
    """Change the signature part of a VDS-NC, which is not signed."""

    def mutate(_world: World, code: bytes) -> bytes:
        held = json.loads(code)
        edit(held["sig"])
        return as_json(held)

    return mutate
