"""What a native code says of whom it is for and of what it was made: in both spellings, and each rule of it broken."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import cbor
from gateway.formats.native import read
from gateway.formats.native_claims import NativeClaims
from gateway.formats.native_encode import encode_jws, encode_qr
from gateway.values import Algorithm, DivisionCode, IssuerId, Origin
from tests.unit.formats.case_ids import case_id
from tests.unit.formats.native_codes import CLAIMS, CONVERTED, CWT, KEY_ID, jws, jws_with, qr, qr_of, qr_with

ORIGIN = {"iss": "https://code.gz.example", "div": "520000"}
NO_DIVISIONS: tuple[object, ...] = ("", "33", "033000", "330000\n", "DE", 330000, ["330000"], {})
NO_ORIGINS: tuple[object, ...] = ("", "https://code.gz.example", 7, [], None)
NO_ISSUERS: tuple[object, ...] = ("", "a b", "贵州", 7, [])
LEAST_CWT = {label: value for label, value in CWT.items() if label not in (8, 2, 65535)}


def origin_of(**changed: object) -> tuple[bytes, bytes]:
    """Return a code with this origin in both spellings."""
    origin = {name: value for name, value in {**ORIGIN, **changed}.items() if value != "left out"}
    payload = {**LEAST_CWT, 3: "330000", -65540: origin}
    return jws_with(aud="330000", org=origin), qr_of(payload=cbor.encode(payload))


@pytest.mark.parametrize("read_from", [jws, qr])
def test_a_converted_code_names_its_audience_and_its_origin(read_from: object) -> None:
    assert callable(read_from)
    claimed = read(read_from(CONVERTED))
    assert claimed.audience == "330000"
    assert claimed.origin == Origin(IssuerId("https://code.gz.example"), DivisionCode("520000"))
    assert claimed.division == "330000"


def test_both_spellings_say_the_same() -> None:
    text, token = (dataclasses.replace(read(made(CONVERTED)), signed=b"", signature=b"") for made in (qr, jws))
    assert text == token


@pytest.mark.parametrize("made", [jws, qr])
def test_an_audience_alone_is_anybodys_right(made: object) -> None:
    assert callable(made)
    claimed = read(made(CLAIMS._replace(audience="330000")))
    assert (claimed.audience, claimed.origin) == ("330000", None)


@pytest.mark.parametrize("division", ["100000", "DE"])
def test_a_code_of_a_foreign_issuer_has_an_origin_too(division: str) -> None:
    for code in origin_of(div=division):
        origin = read(code).origin
        assert origin is not None
        assert origin.division == division


def test_what_else_stands_in_an_origin_is_ignored() -> None:
    for code in origin_of(jti="x", name="Anyperson"):
        assert read(code).origin == Origin(IssuerId("https://code.gz.example"), DivisionCode("520000"))


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        # audience
        *(((jws_with(aud=wrong), qr_with({3: wrong})), Reason.BAD_CLAIM) for wrong in NO_DIVISIONS),
        ((jws_with(aud=None), qr_with({3: None})), Reason.BAD_CLAIM),
        # origin
        *(
            ((jws_with(aud="330000", org=wrong), qr_with({3: "330000", -65540: wrong})), Reason.BAD_CLAIM)
            for wrong in NO_ORIGINS
        ),
        (origin_of(iss="left out"), Reason.MISSING_CLAIM),
        (origin_of(div="left out"), Reason.MISSING_CLAIM),
        (origin_of(iss=None), Reason.MISSING_CLAIM),
        *((origin_of(iss=wrong), Reason.BAD_CLAIM) for wrong in NO_ISSUERS),
        *((origin_of(div=wrong), Reason.BAD_CLAIM) for wrong in ("", "52", "de", "DEU", "520000\n", 520000, "*")),
        ((jws_with(org=ORIGIN), qr_with({-65540: ORIGIN, 2: "a"})), Reason.MISSING_CLAIM),
    ],
    ids=case_id,
)
def test_refusals(codes: tuple[bytes, bytes], reason: Reason) -> None:
    for code in codes:
        with pytest.raises(CodeUnreadable) as caught:
            read(code)
        assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (CONVERTED._replace(audience=None), Reason.MISSING_CLAIM),
        (CONVERTED._replace(audience="33"), Reason.BAD_CLAIM),
        (CONVERTED._replace(origin_issuer=None), Reason.MISSING_CLAIM),
        (CONVERTED._replace(origin_division=None), Reason.MISSING_CLAIM),
        (CONVERTED._replace(origin_issuer="a b"), Reason.BAD_CLAIM),
        (CONVERTED._replace(origin_division="somewhere"), Reason.BAD_CLAIM),
    ],
    ids=case_id,
)
def test_nothing_is_signed_that_would_be_refused(claims: NativeClaims, reason: Reason) -> None:
    for encode in (encode_jws, encode_qr):
        with pytest.raises(CodeUnreadable) as caught:
            encode(claims, key_id=KEY_ID, algorithm=Algorithm.ED25519, sign=lambda _message: pytest.fail("signed"))
        assert caught.value.reason is reason
