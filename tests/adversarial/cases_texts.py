"""Attacks by how a code is written: base64 and its kin, segments, sizes, compression, what stands around it."""

from __future__ import annotations

import gzip
import zlib
from functools import partial

from tests.simulators.native_issuer import as_json
from tests.simulators.shc_issuer import deflate, to_chunks, to_qr

from .case import (
    BAD_CBOR,
    BAD_COMPRESSION,
    BAD_ENVELOPE,
    BAD_JSON,
    BAD_SIGNATURE,
    BAD_TEXT_ENCODING,
    CHUNKS_MISSING,
    DECOMPRESSION_BOMB,
    EMPTY_CODE,
    MISSING_CLAIM,
    TOO_LARGE,
    TRAILING_BYTES,
    UNRECOGNISED,
    Case,
    Mutation,
)
from .remake import card, envelope, jws, packed, put, whole
from .world import World

spelling = partial(Case, "base64 and its kin")
segments = partial(Case, "segment counts")
serialised = partial(Case, "JSON-serialised JWS")
size = partial(Case, "size caps")
squeezed = partial(Case, "compression")
around = partial(Case, "before and after the code")
chunked = partial(Case, "chunks")
framed = partial(Case, "COSE framing")


def _segment(place: int, change: bytes, *, where: int = -1) -> Mutation:
    """Put `change` into one segment: behind it, or at `where`."""

    def mutate(_world: World, code: bytes) -> bytes:
        held = code.split(b".")
        part = held[place]
        held[place] = part + change if where < 0 else part[:where] + change + part[where + 1 :]
        return b".".join(held)

    return mutate


def _impossible_header(_world: World, code: bytes) -> bytes:
    head, dot, rest = code.partition(b".")
    return head + b"A" * ((1 - len(head)) % 4) + dot + rest


def _behind(more: bytes) -> Mutation:
    return whole(lambda code: code + more)


def _other_last_letter(code: bytes) -> bytes:
    """Give the last letter other unused bits: 64 bytes leave four of them."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return code[:-1] + bytes((alphabet[alphabet.index(code[-1]) + 1],))


def _flattened(_world: World, code: bytes) -> bytes:
    head, said, signed = code.decode().split(".")
    return as_json({"protected": head, "payload": said, "signature": signed})


def _general(_world: World, code: bytes) -> bytes:
    head, said, signed = code.decode().split(".")
    return as_json({"payload": said, "signatures": [{"protected": head, "signature": signed}]})


def _disguised(_world: World, code: bytes) -> bytes:
    """A flattened JWS that has what a VDS-NC is known by."""
    head, said, signed = code.decode().split(".")
    return as_json({"data": {}, "sig": {}, "protected": head, "payload": said, "signature": signed})


def _chunk(*order: int, count: int = 3) -> Mutation:
    return lambda world, _: b"\n".join(to_chunks(world.codes["shc"], count)[place] for place in order)


def _with_dictionary(_packed: bytes, unpacked: bytes) -> bytes:
    return deflate(unpacked, wbits=15, dictionary=unpacked[:64])


def _bomb(_packed: bytes, unpacked: bytes) -> bytes:
    return zlib.compress(unpacked + b"\0" * 20_000_000, 9)


CASES = (
    *(spelling(f"{padding!r} behind the signature", "jws Ed25519", _behind(padding), *expected)
      for padding, expected in (
          (b"=", BAD_TEXT_ENCODING), (b"==", BAD_TEXT_ENCODING), (b"AAA", BAD_TEXT_ENCODING), (b"AAAA=",
          BAD_TEXT_ENCODING), (b"%3D%3D", BAD_TEXT_ENCODING))),
    spelling("another last letter", "jws Ed25519", whole(_other_last_letter), *BAD_TEXT_ENCODING),
    spelling("another last letter, ES256", "jws ES256", whole(_other_last_letter), *BAD_TEXT_ENCODING),
    spelling("another last letter, card", "shc", whole(_other_last_letter), *BAD_TEXT_ENCODING),
    *(spelling(f"{letter!r} in the payload", "jws Ed25519", _segment(1, letter, where=5), *BAD_TEXT_ENCODING)
      for letter in (b"+", b"/", b"!", b" ", b"\n", b"\r\n", b"\0", b"\xff", b"\xef\xbd\x81", b"=")),
    *(spelling(f"{letter!r} in the signature", "jws ES256", _segment(2, letter, where=5), *BAD_TEXT_ENCODING)
      for letter in (b"+", b"/", b"\t", b"~")),
    spelling("padded header", "jws Ed25519", _segment(0, b"=="), *BAD_TEXT_ENCODING),
    spelling("header of an impossible length", "jws ES256", _impossible_header, *UNRECOGNISED),
    spelling("lower case in Base45", "hcert", whole(lambda code: code[:20] + b"a" + code[21:]), *BAD_TEXT_ENCODING),
    spelling("a group over 65535 in Base45", "hcert", whole(lambda code: code[:4] + b":::" + code[7:]),
        *BAD_TEXT_ENCODING),
    spelling("one letter left over in Base45", "hcert", whole(lambda code: code + b"0" * ((1 - len(code[4:])) % 3)),
        *BAD_TEXT_ENCODING),
    spelling("line feed in Base45", "qr Ed25519", whole(lambda code: code[:60] + b"\n" + code[60:]),
        *BAD_TEXT_ENCODING),
    spelling("letter outside Base45", "qr ES256", whole(lambda code: code[:60] + b"_" + code[61:]), *BAD_TEXT_ENCODING),
    spelling("an odd number of digits", "shc qr", whole(lambda code: code + b"5"), *BAD_TEXT_ENCODING),
    spelling("a letter among digits", "shc qr", whole(lambda code: code[:50] + b"a" + code[51:]), *BAD_TEXT_ENCODING),
    spelling("a pair beyond the alphabet", "shc qr", whole(lambda code: code[:-2] + b"99"), *BAD_TEXT_ENCODING),
    spelling("full-width digits", "shc qr", whole(lambda code: code[:-2] + "\uff11\uff11".encode()),
        *BAD_TEXT_ENCODING),
    spelling("padding twice in VDS-NC", "vdsnc", whole(lambda code: code[:-3] + b'===="}}'), *BAD_TEXT_ENCODING),
    segments("one", "jws Ed25519", whole(lambda code: code.replace(b".", b"")), *UNRECOGNISED),
    segments("two", "jws Ed25519", whole(lambda code: code.rpartition(b".")[0]), *BAD_ENVELOPE),
    segments("four", "jws Ed25519", whole(lambda code: code + b".AAAA"), *BAD_ENVELOPE),
    segments("four, the last empty", "jws ES256", whole(lambda code: code + b"."), *BAD_ENVELOPE),
    segments("five, as a JWE has", "jws ES256", whole(lambda code: code + b".AAAA.AAAA"), *BAD_ENVELOPE),
    segments("an empty one in front", "jws ES256", whole(lambda code: b"." + code), *UNRECOGNISED),
    segments("empty payload", "jws ES256", lambda _, code: code.split(b".")[0] + b".." + code.split(b".")[2],
        *BAD_JSON),
    segments("empty signature", "jws ES256", whole(lambda code: code.rpartition(b".")[0] + b"."), *BAD_SIGNATURE),
    segments("card of two", "shc", whole(lambda code: code.rpartition(b".")[0]), *BAD_ENVELOPE),
    segments("card of four", "shc", whole(lambda code: code + b"."), *BAD_ENVELOPE),
    serialised("flattened", "jws Ed25519", _flattened, *UNRECOGNISED),
    serialised("general", "jws ES256", _general, *UNRECOGNISED),
    serialised("flattened card", "shc", _flattened, *UNRECOGNISED),
    serialised("dressed up as a VDS-NC", "jws ES256", _disguised, *MISSING_CLAIM),
    serialised("a token in quotes", "jws ES256", whole(lambda code: b'"' + code + b'"'), *UNRECOGNISED),
    size("native of 5 KB", "jws Ed25519", jws(payload=put(x="a" * 4_000)), *TOO_LARGE),
    size("native of 5 MB", "jws Ed25519", jws(payload=put(x="a" * 5_000_000)), *TOO_LARGE),
    size("QR of 512", "qr ES256", whole(lambda code: code + b"0" * (512 - len(code))), *TOO_LARGE),
    size("card of 33 KB", "shc", card(payload=put(x="".join(map(chr, range(0x4E00, 0x9E00))))), *TOO_LARGE),
    size("HCERT of 1 MB", "hcert", whole(lambda code: code + b"0" * 1_000_000), *TOO_LARGE),
    size("digits of 1 MB", "shc qr", whole(lambda code: code + b"0" * 1_000_000), *TOO_LARGE),
    size("VDS-NC of 100 KB", "vdsnc", whole(lambda code: code[:-1] + b" " * 100_000 + b"}"), *TOO_LARGE),
    size("nothing", "jws Ed25519", whole(lambda _: b""), *EMPTY_CODE),
    squeezed("HCERT: a bomb of 20 MB", "hcert", packed(_bomb), *DECOMPRESSION_BOMB),
    squeezed("HCERT: one byte too much", "hcert", packed(lambda _, held: zlib.compress(held.ljust(16_385, b"\0"))),
             *DECOMPRESSION_BOMB),
    squeezed("HCERT: truncated", "hcert", packed(lambda held, _: held[:-5]), *BAD_COMPRESSION),
    squeezed("HCERT: without its check value", "hcert", packed(lambda held, _: held[:-4]), *BAD_COMPRESSION),
    squeezed("HCERT: a wrong check value", "hcert", packed(lambda held, _: held[:-1] + bytes((held[-1] ^ 1,))),
             *BAD_COMPRESSION),
    squeezed("HCERT: something after the stream", "hcert", packed(lambda held, _: held + b"\0"), *TRAILING_BYTES),
    squeezed("HCERT: two streams", "hcert", packed(lambda held, _: held + held), *TRAILING_BYTES),
    squeezed("HCERT: a preset dictionary", "hcert", packed(_with_dictionary), *BAD_COMPRESSION),
    squeezed("HCERT: gzip", "hcert", packed(lambda _, held: gzip.compress(held)), *BAD_COMPRESSION),
    squeezed("HCERT: raw", "hcert", packed(lambda _, held: deflate(held)), *BAD_COMPRESSION),
    squeezed("HCERT: not compressed", "hcert", packed(lambda _, held: held), *BAD_COMPRESSION),
    squeezed("card: a bomb of 10 MB", "shc", card(payload=put(x="a" * 10_000_000)), *DECOMPRESSION_BOMB),
    squeezed("card: truncated", "shc", card(packing=lambda held: deflate(held)[:-5]), *BAD_COMPRESSION),
    squeezed("card: something after the stream", "shc", card(packing=lambda held: deflate(held) + b"\0"),
        *TRAILING_BYTES),
    squeezed("card: a preset dictionary", "shc", card(packing=lambda held: deflate(held, dictionary=held[:200])),
             *BAD_COMPRESSION),
    squeezed("card: zlib in place of raw", "shc", card(packing=lambda held: deflate(held, wbits=15)), *BAD_COMPRESSION),
    squeezed("card: not compressed", "shc", card(packing=lambda held: held), *BAD_COMPRESSION),
    squeezed("card: zip GZ", "shc", card(header=put(zip="GZ")), *BAD_COMPRESSION),
    squeezed("native with zip", "jws Ed25519", jws(header=put(zip="X")), *BAD_COMPRESSION),
    around("a line feed behind", "jws Ed25519", whole(lambda code: code + b"\n"), *TRAILING_BYTES),
    around("a space before", "jws Ed25519", whole(lambda code: b" " + code), *TRAILING_BYTES),
    around("a line feed behind a QR", "qr Ed25519", whole(lambda code: code + b"\n"), *TRAILING_BYTES),
    around("a space before HCERT", "hcert", whole(lambda code: b" " + code), *TRAILING_BYTES),
    around("a line feed behind HCERT", "hcert", whole(lambda code: code + b"\n"), *BAD_TEXT_ENCODING),
    around("letters behind a genuine HCERT", "hcert", whole(lambda code: code + b" FREE ENTRY"), *BAD_TEXT_ENCODING),
    around("bytes behind a genuine HCERT", "hcert", packed(lambda held, _: held + b"FREE ENTRY"), *TRAILING_BYTES),
    around("HCERT twice", "hcert", whole(lambda code: code + code), *BAD_TEXT_ENCODING),
    around("a line feed behind digits", "shc qr", whole(lambda code: code + b"\n"), *TRAILING_BYTES),
    around("two whole cards", "shc qr", whole(lambda code: code + b"\n" + code), *TRAILING_BYTES),
    around("VDS-NC with something behind", "vdsnc", whole(lambda code: code + b"{}"), *BAD_JSON),
    around("a prefix of another scheme", "hcert", whole(lambda code: b"x" + code), *UNRECOGNISED),
    chunked("one is missing", "shc chunks", _chunk(0, 2), *CHUNKS_MISSING),
    chunked("only one", "shc chunks", _chunk(1), *CHUNKS_MISSING),
    chunked("a position twice, different", "shc chunks",
            lambda world, code: _chunk(0, 1, 2)(world, code) + b"\nshc:/1/3/5656", *CHUNKS_MISSING),
    chunked("position 0", "shc chunks", lambda world, code: code.replace(b"shc:/1/", b"shc:/0/"), *CHUNKS_MISSING),
    chunked("totals that disagree", "shc chunks", lambda world, code: code.replace(b"/2/2/", b"/2/3/"),
        *CHUNKS_MISSING),
    chunked("a whole card beside chunks", "shc chunks", lambda world, code: code + to_qr(world.codes["shc"]),
        *TRAILING_BYTES),
    framed("a MAC's tag", "hcert", envelope(lambda held: b"\xd1" + held[1:]), *BAD_CBOR),
    framed("an unknown tag around", "hcert", envelope(lambda held: b"\xd9\xd9\xf7" + held), *BAD_CBOR),
    framed("tagged three times", "hcert", envelope(lambda held: b"\xd2" + held), *BAD_CBOR),
    framed("something behind", "hcert", envelope(lambda held: held + b"\0"), *TRAILING_BYTES),
    framed("an array of five", "hcert", envelope(lambda held: held[:1] + b"\x85" + held[2:] + b"\0"), *BAD_ENVELOPE),
    framed("truncated", "hcert", envelope(lambda held: held[:-1]), *BAD_CBOR),
    framed("a string of 2^62 bytes", "hcert", envelope(lambda held: held[:-66] + b"\x5b\x40" + b"\0" * 7), *BAD_CBOR),
    framed("an array of 2^40 elements", "hcert", envelope(lambda held: b"\xd2\x9b\0\0\x01\0\0\0\0\0" + held[2:]),
        *BAD_CBOR),
    framed("QR without tag", "qr Ed25519", envelope(lambda held: held[1:]), *BAD_ENVELOPE),
    framed("QR tagged as a CWT", "qr Ed25519", envelope(lambda held: b"\xd8\x3d" + held), *BAD_ENVELOPE),
    framed("QR with something behind", "qr Ed25519", envelope(lambda held: held + b"\0"), *TRAILING_BYTES),
    framed("HCERT with a payload of nothing", "hcert", envelope(lambda _: b"\xd2\x84\x43\xa1\x01\x26\xa0\xf6\x40"),
        *BAD_ENVELOPE),
)  # fmt: skip
