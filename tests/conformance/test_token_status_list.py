"""The examples of the IETF Token Status List draft, both ways: what they say, and their very bytes made anew."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from pathlib import Path

import cbor2
import pytest

from gateway.formats import status_list, status_list_cwt, status_list_jwt
from gateway.formats.status_list import status_at, unpacked
from gateway.values import Algorithm, Instant, IssuerId, KeyId
from tests.vectors import require_vectors

PLACES = 1 << 20
"""Of the long examples."""

# What the draft's appendix lists; every other place of a long example is 0.
LISTED: Mapping[int, Mapping[int, int]] = {
    1: dict.fromkeys((0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345), 1),
    2: {
        0: 1, 1993: 2, 25460: 1, 159495: 3, 495669: 1, 554353: 1, 645645: 2, 723232: 1, 854545: 1, 934534: 2, 1000345: 3
    },
    4: {
        0: 1, 1993: 2, 35460: 3, 459495: 4, 595669: 5, 754353: 6, 845645: 7, 923232: 8, 924445: 9, 934534: 10,
        1004534: 11, 1000345: 12, 1030203: 13, 1030204: 14, 1030205: 15
    },
    8: {
        233478: 0, 52451: 1, 576778: 2, 513575: 3, 468106: 4, 884834: 8, 879796: 16, 752834: 32, 841303: 72,
        502167: 128, 884749: 192, 629139: 251, 958869: 252, 663071: 253, 152133: 254, 19535: 255
    },
}  # fmt: skip
"""The last is a selection: there each status from 1 to 255 stands at one place."""

SHORT = {1: bytes((0xB9, 0xA3)), 2: bytes((0xC9, 0x44, 0xF9))}
SHORT_STATUSES = {1: [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1], 2: [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]}

ISSUED, EXPIRES, TTL = Instant(1_686_920_170.0), Instant(2_291_720_170.0), 43_200
URI = "https://example.com/statuslists/1"


def folder() -> Path:
    return require_vectors() / "token-status-list"


def text(name: str) -> str:
    return (folder() / f"{name}.md").read_text()


def json_list(name: str) -> tuple[int, str]:
    """Return size and `lst` of an example in JSON, which is broken over lines."""
    found = json.loads(re.sub(r"\s", "", text(name)[text(name).index("{") :]))
    return found["bits"], found["lst"]


def cbor_list(name: str) -> bytes:
    """Return an example in CBOR, which is hexadecimal broken over lines."""
    return bytes.fromhex(re.sub(r"\s", "", text(name).rpartition("encoded:")[2]))


def raw_of(packed: bytes, bits: int) -> bytes:
    return b"".join(unpacked(packed, bits))


def made(bits: int) -> bytes:
    """Return the raw places that the appendix tells of."""
    places = bytearray(PLACES * bits // 8)
    for index, status in LISTED[bits].items():
        places[index * bits // 8] |= status << index * bits % 8
    return bytes(places)


SIZES = pytest.mark.parametrize("bits", [1, 2, 4, 8])
LONG = {1: "encoding1_long", 2: "encoding2_long", 4: "encoding4", 8: "encoding8"}
SMALL = {1: "encoding", 2: "encoding2"}


@pytest.mark.parametrize("bits", [1, 2])
def test_the_short_examples_both_ways(bits: int) -> None:
    name = f"status_list_{SMALL[bits]}"
    size, lst = json_list(f"{name}_json")
    packed = urlsafe_b64decode(lst + "=" * (-len(lst) % 4))
    assert (size, raw_of(packed, bits)) == (bits, SHORT[bits])
    assert [status_at(SHORT[bits], bits, index) for index in range(len(SHORT_STATUSES[bits]))] == SHORT_STATUSES[bits]
    assert status_at(SHORT[bits], bits, len(SHORT_STATUSES[bits])) is None
    assert status_list.pack([SHORT[bits]]) == packed
    assert cbor2.dumps({"bits": bits, "lst": status_list.pack([SHORT[bits]])}) == cbor_list(f"{name}_cbor")


@SIZES
def test_the_long_examples_say_what_the_appendix_says(bits: int) -> None:
    size, lst = json_list(f"status_list_{LONG[bits]}_json")
    packed = urlsafe_b64decode(lst + "=" * (-len(lst) % 4))
    raw = raw_of(packed, bits)
    assert (size, len(raw)) == (bits, PLACES * bits // 8)
    assert {index: status_at(raw, bits, index) for index in LISTED[bits]} == LISTED[bits]
    if bits == 8:
        assert sorted(raw.replace(b"\0", b"")) == list(range(1, 256))
    else:
        assert raw == made(bits)


@SIZES
def test_the_long_examples_are_made_anew_bit_by_bit(bits: int) -> None:
    expected = cbor2.loads(cbor_list(f"status_list_{LONG[bits]}_cbor"))
    _, lst = json_list(f"status_list_{LONG[bits]}_json")
    raw = raw_of(expected["lst"], bits)
    # In pieces, as they come from a file.
    packed = status_list.pack(raw[place : place + 1000] for place in range(0, len(raw), 1000))
    assert packed == expected["lst"] == urlsafe_b64decode(lst + "=" * (-len(lst) % 4))
    assert cbor2.dumps({"bits": bits, "lst": packed}) == cbor_list(f"status_list_{LONG[bits]}_cbor")


def test_the_jwt_is_read_and_made_anew() -> None:
    token = re.sub(r"\s", "", text("status_list_jwt_raw")).encode()
    read = status_list_jwt.read(token)
    assert (read.uri, read.issuer, read.key_id, read.algorithm) == (URI, "https://example.com", b"12", Algorithm.ES256)
    assert (read.issue_time, read.expire_time, read.ttl, read.bits) == (ISSUED, EXPIRES, TTL, 1)
    assert raw_of(read.packed, 1) == SHORT[1]
    again = status_list_jwt.write(
        uri=URI,
        bits=1,
        packed=status_list.pack([SHORT[1]]),
        issue_time=ISSUED,
        expire_time=EXPIRES,
        ttl=TTL,
        issuer=IssuerId("https://example.com"),
        key_id=KeyId(b"12"),
        algorithm=Algorithm.ES256,
        sign=lambda _: read.signature,
    )
    assert again == token


def test_the_cwt_is_read_and_made_anew() -> None:
    token = cbor_list("status_list_cwt")
    read = status_list_cwt.read(token)
    assert (read.uri, read.issuer, read.key_id, read.algorithm) == (URI, None, b"12", Algorithm.ES256)
    assert (read.issue_time, read.expire_time, read.ttl, read.bits) == (ISSUED, EXPIRES, TTL, 1)
    assert raw_of(read.packed, 1) == SHORT[1]
    signed: list[bytes] = []

    def sign(message: bytes) -> bytes:
        signed.append(message)
        return read.signature

    again = status_list_cwt.write(
        uri=URI,
        bits=1,
        packed=status_list.pack([SHORT[1]]),
        issue_time=ISSUED,
        expire_time=EXPIRES,
        ttl=TTL,
        key_id=KeyId(b"12"),
        algorithm=Algorithm.ES256,
        sign=sign,
        tags=b"\xd2",
    )
    assert (again, signed) == (token, [read.signed])
    assert status_list_cwt.read(token.removeprefix(b"\xd2")) == read


def test_the_pointer_of_a_code_is_of_the_same_form() -> None:
    """The referenced token: what our own codes point with (gateway/formats/native_cwt.py)."""
    claims = cbor2.loads(cbor2.loads(cbor_list("referenced_token_cwt")).value[2])
    assert claims[65_535] == {"status_list": {"idx": 0, "uri": URI}}
