"""HCERT: the way into a code, its envelope and its claims. What payloads state: test_hcert_payload.py."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import base45, cbor, cose, hcert
from gateway.formats.hcert_payload import WORST_FIRST
from gateway.values import Algorithm, ClaimedCode, Format, KeyUse
from keys.values import EARLIEST, LATEST
from tests.simulators.hcert_issuer import (
    KeyIdPlace,
    recovery,
    vaccination,
)
from tests.vectors import require_vectors

from .hcert_codes import EXPIRES, GOOD, ISSUED, ISSUER, KEY_ID, quick_sign, reason_of, with_claims


def test_what_a_code_says_of_itself() -> None:
    read = hcert.read(GOOD)
    assert read == ClaimedCode(
        format=Format.HCERT,
        issuer=read.issuer,
        key_id=read.key_id,
        algorithm=Algorithm.ES256,
        signed=read.signed,
        signature=quick_sign(read.signed),
        statement="vaccinated",
        issue_time=read.issue_time,
        expire_time=read.expire_time,
        required_use=KeyUse.VACCINATION,
        evidence=read.evidence,
    )
    assert (read.issuer, read.key_id, read.issue_time, read.expire_time) == ("XA", KEY_ID, ISSUED, EXPIRES)


def test_the_signature_of_a_real_key_is_over_signed() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = replace(ISSUER, sign=lambda message: key.sign(message, ec.ECDSA(hashes.SHA256())))
    read = hcert.read(issuer.issue(recovery(), issued=ISSUED, expires=EXPIRES))
    key.public_key().verify(read.signature, read.signed, ec.ECDSA(hashes.SHA256()))


def test_nothing_of_the_holder_is_in_repr() -> None:
    text = repr(hcert.read(GOOD))
    assert all(name not in text for name in ("Beispiel", "BEISPIEL", "Probe", "1990", "EU/1/"))


@pytest.mark.parametrize("tags", [b"", cose.TAG_SIGN1, cose.TAG_CWT + cose.TAG_SIGN1])
@pytest.mark.parametrize("place", KeyIdPlace)
def test_envelopes_of_real_issuers(tags: bytes, place: KeyIdPlace) -> None:
    issuer = replace(ISSUER, tags=tags, key_id_place=place)
    read = hcert.read(issuer.issue(vaccination(), issued=ISSUED, expires=EXPIRES))
    assert read.key_id == (None if place is KeyIdPlace.NOWHERE else KEY_ID)
    assert read.signature == quick_sign(read.signed)


def test_a_foreign_algorithm_is_an_obstacle_and_the_rest_is_read() -> None:
    read = hcert.read(replace(ISSUER, more_protected={1: -36}).issue(vaccination(), issued=ISSUED, expires=EXPIRES))
    assert (read.algorithm, read.obstacle, read.statement) == (None, Reason.UNSUPPORTED_ALGORITHM, "vaccinated")


@pytest.mark.parametrize("time", [int(ISSUED), ISSUED, ISSUED + 0.25, int(EARLIEST), int(LATEST)])
@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
def test_times(claim: str, time: float) -> None:
    read = hcert.read(with_claims(**{claim: time}))
    found = {"iat": read.issue_time, "nbf": read.not_before, "exp": read.expire_time}[claim]
    assert found == time
    assert isinstance(found, float)


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
def test_a_time_may_be_missing(claim: str) -> None:
    read = hcert.read(with_claims(**{claim: ...}))
    assert {"iat": read.issue_time, "nbf": read.not_before, "exp": read.expire_time}[claim] is None


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (EARLIEST - 1, Reason.TIME_OUT_OF_RANGE),
        (LATEST + 1, Reason.TIME_OUT_OF_RANGE),
        (0, Reason.TIME_OUT_OF_RANGE),
        (-1, Reason.TIME_OUT_OF_RANGE),
        (2**63, Reason.TIME_OUT_OF_RANGE),
        (1e308, Reason.TIME_OUT_OF_RANGE),
        (True, Reason.TIME_OUT_OF_RANGE),
        (None, Reason.TIME_OUT_OF_RANGE),
        ("1624000000", Reason.TIME_OUT_OF_RANGE),
        ([ISSUED], Reason.TIME_OUT_OF_RANGE),
        (float("inf"), Reason.NOT_FINITE),
        (float("-inf"), Reason.NOT_FINITE),
    ],
)
def test_times_refused(claim: str, time: object, reason: Reason) -> None:
    assert reason_of(with_claims(**{claim: time})) is reason


@pytest.mark.parametrize("issuer", [None, 7, b"XA", ["XA"], cbor2.undefined])
def test_an_issuer_that_is_no_text_names_nobody(issuer: object) -> None:
    read = hcert.read(with_claims(iss=issuer))
    assert (read.issuer, read.notes) == ("", (Reason.SCHEMA_DEVIATION,))
    assert hcert.read(with_claims(iss=...)).notes == ()


@pytest.mark.parametrize("claim", ["iat", "nbf", "hcert", "iss"])
def test_nan_is_refused(claim: str) -> None:
    assert reason_of(with_claims(**{claim: float("nan")})) is Reason.NOT_FINITE


def test_an_expiry_of_nan_is_long_past_never_for_ever() -> None:
    read = hcert.read(with_claims(exp=float("nan")))
    assert read.expire_time == EARLIEST
    assert read.notes == (Reason.SCHEMA_DEVIATION,)


PACKED = base45.decode(GOOD[4:])
ENVELOPE = zlib.decompress(PACKED)


def packed(data: bytes) -> bytes:
    return hcert.PREFIX + base45.encode(data)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param(GOOD[4:], Reason.UNRECOGNISED, id="no prefix"),
        pytest.param(b"HC2:" + GOOD[4:], Reason.UNRECOGNISED, id="another version"),
        pytest.param(b"hc1:" + GOOD[4:], Reason.UNRECOGNISED, id="lower case prefix"),
        pytest.param(b" " + GOOD, Reason.UNRECOGNISED, id="space before"),
        pytest.param(GOOD.lower().replace(b"hc1:", b"HC1:"), Reason.BAD_TEXT_ENCODING, id="lower case"),
        pytest.param(GOOD + b"\n", Reason.BAD_TEXT_ENCODING, id="line end"),
        pytest.param(GOOD + b"\0", Reason.BAD_TEXT_ENCODING, id="zero byte"),
        pytest.param(GOOD[:-1] + b"\xff", Reason.BAD_TEXT_ENCODING, id="a byte that is no letter"),
        pytest.param(hcert.PREFIX, Reason.BAD_COMPRESSION, id="prefix alone"),
        pytest.param(packed(ENVELOPE), Reason.BAD_COMPRESSION, id="not compressed"),
        pytest.param(packed(PACKED[:-2]), Reason.BAD_COMPRESSION, id="compression cut"),
        pytest.param(packed(zlib.compress(bytes(5_000_000))), Reason.DECOMPRESSION_BOMB, id="bomb"),
        pytest.param(
            packed(zlib.compress(bytes(hcert.MAX_INFLATED + 1))), Reason.DECOMPRESSION_BOMB, id="one too many"
        ),
        pytest.param(packed(PACKED + b"\0"), Reason.TRAILING_BYTES, id="behind the compressed part"),
        pytest.param(packed(zlib.compress(ENVELOPE + b"\0")), Reason.TRAILING_BYTES, id="behind the envelope"),
        pytest.param(ISSUER.issue_bytes(cbor.encode({1: "XA"}) + b"\0"), Reason.TRAILING_BYTES, id="behind the claims"),
        pytest.param(packed(zlib.compress(ENVELOPE[:-1])), Reason.BAD_CBOR, id="envelope cut"),
        pytest.param(ISSUER.issue_bytes(b""), Reason.BAD_CBOR, id="no claims"),
        pytest.param(ISSUER.issue_bytes(b"\xa1"), Reason.BAD_CBOR, id="claims cut"),
        pytest.param(ISSUER.issue_bytes(bytes.fromhex("a2016158016159")), Reason.DUPLICATE_KEY, id="claim twice"),
        pytest.param(
            ISSUER.issue_bytes(bytes.fromhex("a1390103a101a2617600617600")), Reason.DUPLICATE_KEY, id="member twice"
        ),
        pytest.param(ISSUER.issue_bytes(bytes.fromhex("a10162c328")), Reason.NOT_UTF8, id="issuer not UTF-8"),
        pytest.param(ISSUER.issue_bytes(bytes.fromhex("a1390103a161ff01")), Reason.NOT_UTF8, id="member not UTF-8"),
        pytest.param(ISSUER.issue_bytes(b"\x81" * 40 + b"\0"), Reason.TOO_DEEP, id="deep claims"),
        pytest.param(with_claims(hcert=json.loads("[" * 20 + "]" * 20)), Reason.TOO_DEEP, id="deep payload"),
        pytest.param(packed(zlib.compress(cbor.encode([1, 2]))), Reason.BAD_ENVELOPE, id="another array"),
        pytest.param(packed(zlib.compress(cbor.encode({}))), Reason.BAD_ENVELOPE, id="no array"),
        pytest.param(
            replace(ISSUER, more_protected={2: [99], 99: 1}).issue(vaccination(), issued=ISSUED, expires=EXPIRES),
            Reason.CRITICAL_HEADER,
            id="crit",
        ),
        pytest.param(
            replace(ISSUER, more_unprotected={2: [99]}).issue(vaccination(), issued=ISSUED, expires=EXPIRES),
            Reason.CRITICAL_HEADER,
            id="crit, unprotected",
        ),
        pytest.param(ISSUER.issue_claims([1]), Reason.BAD_CLAIM, id="claims a list"),
        pytest.param(ISSUER.issue_claims("XA"), Reason.BAD_CLAIM, id="claims a text"),
        pytest.param(with_claims(hcert=[vaccination()]), Reason.BAD_CLAIM, id="payload a list"),
        pytest.param(with_claims(hcert={1: b"\xa0"}), Reason.BAD_CLAIM, id="DCC as bytes"),
        pytest.param(with_claims(hcert={1: [vaccination()]}), Reason.BAD_CLAIM, id="DCC a list"),
        pytest.param(with_claims(hcert={-6: "x"}), Reason.BAD_CLAIM, id="another family, a text"),
        pytest.param(with_claims(hcert=...), Reason.MISSING_CLAIM, id="no payload"),
        pytest.param(with_claims(hcert={}), Reason.MISSING_CLAIM, id="payload empty"),
        pytest.param(ISSUER.issue_claims({}), Reason.MISSING_CLAIM, id="no claim at all"),
    ],
)
def test_refused(code: bytes, reason: Reason) -> None:
    assert reason_of(code) is reason


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3))
def test_a_changed_letter_never_gives_the_same_signed_bytes(place: int, change: bytes) -> None:
    code = GOOD[:place] + change + GOOD[place + 1 :]
    try:
        read = hcert.read(code)
    except CodeUnreadable:
        return
    assert code == GOOD or (read.signed, read.signature) != (hcert.read(GOOD).signed, hcert.read(GOOD).signature)


@given(st.binary(max_size=300))
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    try:
        read = hcert.read(ISSUER.issue_bytes(payload))
    except CodeUnreadable:
        return
    assert read.statement in WORST_FIRST


# Codes that nobody here made

DECODE = ("EXPECTEDDECODE", "EXPECTEDB45DECODE", "EXPECTEDCOMPRESSION", "EXPECTEDUNPREFIX")


def dcc_lines() -> list[dict[str, Any]]:
    with (require_vectors() / "dcc" / "dcc-testdata.jsonl").open() as lines:
        return [json.loads(line) for line in lines]


def outcome(code: bytes) -> ClaimedCode | Reason:
    try:
        return hcert.read(code)
    except CodeUnreadable as refused:
        return refused.reason


def test_every_expectation_of_decoding_of_the_dcc_set_is_met() -> None:
    lines = dcc_lines()
    assert len(lines) == 240
    refused = {}
    for line in lines:
        expected = line["EXPECTEDRESULTS"]
        found = outcome(line["PREFIX"].encode())
        if isinstance(found, Reason):
            refused[line["file"].rpartition("/")[2]] = found
        else:
            assert all(expected.get(name, True) for name in DECODE), line["file"]
            assert not (found.notes and expected.get("EXPECTEDSCHEMAVALIDATION")), line["file"]
    assert refused == {
        "B1.json": Reason.BAD_TEXT_ENCODING,
        "CBO1.json": Reason.BAD_CLAIM,
        "CBO2.json": Reason.TRAILING_BYTES,
        "H1.json": Reason.UNRECOGNISED,
        "H2.json": Reason.UNRECOGNISED,
        "H3.json": Reason.UNRECOGNISED,
        "Z1.json": Reason.BAD_COMPRESSION,
        "Z2.json": Reason.BAD_COMPRESSION,
    }


def test_the_hcert_codes_of_the_who_are_read() -> None:
    read = {
        path.name: hcert.read(path.read_bytes())
        for path in sorted((require_vectors() / "gdhcn").glob("*.txt"))
        if path.read_bytes().startswith(hcert.PREFIX)
    }
    assert {name: (code.issuer, code.statement) for name, code in read.items()} == {
        "DVCTest2QR.txt": ("XCL", "attested"),
        "EUIndonesiaContents.txt": ("ID", "vaccinated"),
        "EUQR1Contents.txt": ("DE", "vaccinated"),
        "EUUruguayContents.txt": ("UY", "vaccinated"),
        "WHOQR1Contents.txt": ("", "partly-vaccinated"),
        "WHOSingaporePCRContents.txt": ("", "tested-negative"),
    }
