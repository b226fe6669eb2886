"""COSE_Sign1."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import cbor, cose
from gateway.values import Algorithm
from keys.strict import base64url_decode
from tests.vectors import require_vectors

KEY_ID = b"\x01\x02\x03\x04\x05\x06\x07\x08"
PAYLOAD = cbor.encode({1: "XA"})
HEADER: dict[int, object] = {cose.LABEL_ALGORITHM: -7, cose.LABEL_KEY_ID: KEY_ID}


def fake_sign(message: bytes) -> bytes:
    return b"signed" + message[-4:]


def message(header: dict[int, object] = HEADER, **changes: dict[int, object]) -> bytes:
    return cose.encode_sign1(header, PAYLOAD, fake_sign, unprotected=changes.get("unprotected"))


def array(*elements: object) -> bytes:
    return cose.TAG_SIGN1 + cbor.encode(list(elements))


PROTECTED = cbor.encode(HEADER)
GOOD = message()


@pytest.mark.parametrize("tags", [b"", cose.TAG_SIGN1, cose.TAG_CWT + cose.TAG_SIGN1])
def test_reads_what_it_writes(tags: bytes) -> None:
    read = cose.read_sign1(cose.encode_sign1(HEADER, PAYLOAD, fake_sign, tags=tags))
    assert (read.key_id, read.algorithm, read.obstacle) == (KEY_ID, Algorithm.ES256, None)
    assert read.payload == PAYLOAD
    assert read.signed == cose.signed_bytes(PROTECTED, PAYLOAD)
    assert read.signature == fake_sign(read.signed)


@pytest.mark.parametrize("size", [0, 10, 23, 24, 255, 256, 15_000])
def test_what_is_signed_is_the_sig_structure(size: int) -> None:
    payload = bytes(size)
    assert cose.signed_bytes(PROTECTED, payload) == cbor2.dumps(["Signature1", PROTECTED, b"", payload])


@pytest.mark.parametrize(
    ("protected", "unprotected", "key_id", "algorithm"),
    [
        pytest.param({1: -7, 4: b"a"}, {4: b"b"}, b"a", Algorithm.ES256, id="protected key id wins"),
        pytest.param({1: -7}, {4: b"b"}, b"b", Algorithm.ES256, id="unprotected key id"),
        pytest.param({1: -7}, {}, None, Algorithm.ES256, id="no key id"),
        pytest.param({}, {1: -7, 4: b"b"}, b"b", None, id="unprotected algorithm does not count"),
        pytest.param({4: b"a"}, {1: -37}, b"a", None, id="only the algorithm unprotected"),
        pytest.param({1: -7}, {1: -37}, None, Algorithm.ES256, id="contradicting algorithms"),
        pytest.param({1: -7, 4: b""}, {4: b"b"}, b"", Algorithm.ES256, id="an empty key id is one"),
    ],
)
def test_where_the_hints_come_from(
    protected: dict[int, object],
    unprotected: dict[int, object],
    key_id: bytes | None,
    algorithm: Algorithm | None,
) -> None:
    read = cose.read_sign1(message(protected, unprotected=unprotected))
    assert (read.key_id, read.algorithm, read.obstacle) == (key_id, algorithm, None)


@pytest.mark.parametrize(
    ("number", "algorithm"),
    [
        (-7, Algorithm.ES256),
        (-9, Algorithm.ES256),
        (-35, Algorithm.ES384),
        (-51, Algorithm.ES384),
        (-8, Algorithm.ED25519),
        (-19, Algorithm.ED25519),
        (-37, Algorithm.PS256),
        (-257, Algorithm.RS256),
        (-65537, Algorithm.SM2),
    ],
)
def test_algorithms(number: int, algorithm: Algorithm) -> None:
    assert cose.read_sign1(message({1: number})).algorithm is algorithm


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_algorithm_has_a_number(algorithm: Algorithm) -> None:
    assert cose.read_sign1(message({1: cose.ALGORITHM_NUMBERS[algorithm]})).algorithm is algorithm


@pytest.mark.parametrize("number", [-36, -38, -258, 5, 0, 7, "ES256", -47])
def test_a_foreign_algorithm_is_an_obstacle(number: object) -> None:
    read = cose.read_sign1(message({1: number, 4: KEY_ID}))
    assert (read.algorithm, read.obstacle, read.key_id) == (None, Reason.UNSUPPORTED_ALGORITHM, KEY_ID)


@pytest.mark.parametrize("protected", [b"", b"\xa0"])
def test_an_empty_protected_header_is_signed_as_no_bytes(protected: bytes) -> None:
    read = cose.read_sign1(array(protected, {}, PAYLOAD, b"s"))
    assert read.signed == cose.signed_bytes(b"", PAYLOAD)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", Reason.BAD_CBOR, id="nothing"),
        pytest.param(GOOD[:-1], Reason.BAD_CBOR, id="cut"),
        pytest.param(GOOD + b"\0", Reason.TRAILING_BYTES, id="a byte behind"),
        pytest.param(GOOD + GOOD, Reason.TRAILING_BYTES, id="a second message"),
        pytest.param(cose.TAG_SIGN1 + GOOD, Reason.BAD_CBOR, id="tag 18 twice"),
        pytest.param(cose.TAG_CWT + GOOD[1:], Reason.BAD_CBOR, id="tag 61 without 18"),
        pytest.param(cose.TAG_SIGN1 + cose.TAG_CWT + GOOD[1:], Reason.BAD_CBOR, id="tags in the wrong order"),
        pytest.param(b"\xd1" + GOOD[1:], Reason.BAD_CBOR, id="tag of a MAC"),
        pytest.param(b"\xd8\x62" + GOOD[1:], Reason.BAD_CBOR, id="tag of several signers"),
        pytest.param(b"\x01", Reason.BAD_ENVELOPE, id="a number"),
        pytest.param(b"\xa0", Reason.BAD_ENVELOPE, id="a map"),
        pytest.param(array(PROTECTED, {}, PAYLOAD), Reason.BAD_ENVELOPE, id="three elements"),
        pytest.param(array(PROTECTED, {}, PAYLOAD, b"s", b""), Reason.BAD_ENVELOPE, id="five elements"),
        pytest.param(array(HEADER, {}, PAYLOAD, b"s"), Reason.BAD_ENVELOPE, id="protected header bare"),
        pytest.param(array(PROTECTED, [], PAYLOAD, b"s"), Reason.BAD_ENVELOPE, id="unprotected header no map"),
        pytest.param(array(PROTECTED, {}, None, b"s"), Reason.BAD_ENVELOPE, id="detached payload"),
        pytest.param(array(PROTECTED, {}, {1: 2}, b"s"), Reason.BAD_ENVELOPE, id="payload bare"),
        pytest.param(array(PROTECTED, {}, PAYLOAD, "s"), Reason.BAD_ENVELOPE, id="signature a text"),
        pytest.param(array(b"\x01", {}, PAYLOAD, b"s"), Reason.BAD_ENVELOPE, id="protected header no map"),
        pytest.param(array(b"\x80", {}, PAYLOAD, b"s"), Reason.BAD_ENVELOPE, id="protected header a list"),
        pytest.param(array(b"\xa1", {}, PAYLOAD, b"s"), Reason.BAD_CBOR, id="protected header cut"),
        pytest.param(array(PROTECTED + b"\0", {}, PAYLOAD, b"s"), Reason.TRAILING_BYTES, id="behind protected header"),
        pytest.param(
            array(bytes.fromhex("a201260126"), {}, PAYLOAD, b"s"), Reason.DUPLICATE_KEY, id="algorithm named twice"
        ),
        pytest.param(message({**HEADER, 4: "text"}), Reason.BAD_ENVELOPE, id="key id a text"),
        pytest.param(message({1: -7}, unprotected={4: 7}), Reason.BAD_ENVELOPE, id="key id a number"),
        pytest.param(message({1: b"ES256"}), Reason.BAD_ENVELOPE, id="algorithm as bytes"),
        pytest.param(message({1: True}), Reason.BAD_ENVELOPE, id="algorithm true"),
        pytest.param(message({**HEADER, 2: [99]}), Reason.CRITICAL_HEADER, id="crit"),
        pytest.param(message({**HEADER, 2: [1]}), Reason.CRITICAL_HEADER, id="crit, of a known header"),
        pytest.param(message(HEADER, unprotected={2: [99]}), Reason.CRITICAL_HEADER, id="crit, unprotected"),
        pytest.param(array(PROTECTED, {99: float("nan")}, PAYLOAD, b"s"), Reason.NOT_FINITE, id="NaN"),
    ],
)
def test_refused(data: bytes, reason: Reason) -> None:
    with pytest.raises(CodeUnreadable) as refused:
        cose.read_sign1(data)
    assert refused.value.reason is reason


@pytest.mark.parametrize("size", [10, 250, 2000])
def test_a_header_is_read_the_same_at_any_size_and_any_number_of_times(size: int) -> None:
    data = message({**HEADER, 99: bytes(size)})
    first, second = cose.read_sign1(data), cose.read_sign1(data)
    assert first == second
    assert first.header == {**HEADER, 99: bytes(size)}
    with pytest.raises(TypeError):
        first.header[1] = -8  # type: ignore[index]


def test_nothing_of_the_holder_is_in_repr() -> None:
    text = repr(cose.read_sign1(GOOD))
    assert "payload" not in text
    assert "signature" not in text
    assert "header" not in text


# The COSE working group's examples


SHA = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384()}
CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}


def examples() -> dict[str, Any]:
    return {
        name: example
        for name, example in json.loads((require_vectors() / "cose-sign1-cwt.json").read_text()).items()
        if "sign0" in example["input"]
    }


def is_signed(example: Any, read: cose.Sign1) -> bool:
    """Tell whether an ECDSA example's own key made the signature over what we say is signed."""
    key = example["input"]["sign0"]["key"]
    x, y = (key[name + "_hex"] if name + "_hex" in key else base64url_decode(key[name].encode()).hex() for name in "xy")
    numbers = ec.EllipticCurvePublicNumbers(int(x, 16), int(y, 16), CURVES[key["crv"]])
    half = len(read.signature) // 2
    r, s = int.from_bytes(read.signature[:half], "big"), int.from_bytes(read.signature[half:], "big")
    try:
        numbers.public_key().verify(utils.encode_dss_signature(r, s), read.signed, ec.ECDSA(SHA[key["crv"]]))
    except InvalidSignature:
        return False
    return True


def test_examples_of_the_working_group_are_signed_over_what_we_say() -> None:
    compared = []
    for name, example in examples().items():
        if example.get("fail") or "external" in example["input"]["sign0"]:
            continue
        read = cose.read_sign1(bytes.fromhex(example["output"]["cbor"]))
        assert read.signed == bytes.fromhex(example["intermediates"]["ToBeSign_hex"]), name
        if read.algorithm in (Algorithm.ES256, Algorithm.ES384):
            assert is_signed(example, read), name
        compared.append(name)
    assert len(compared) >= 9


def test_broken_examples_of_the_working_group_are_refused_or_not_signed() -> None:
    broken = {name: example for name, example in examples().items() if example.get("fail")}
    assert len(broken) >= 6
    for name, example in broken.items():
        try:
            read = cose.read_sign1(bytes.fromhex(example["output"]["cbor"]))
        except CodeUnreadable:
            continue
        assert read.obstacle is Reason.UNSUPPORTED_ALGORITHM or not is_signed(example, read), name
