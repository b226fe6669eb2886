"""How real DCC codes deviate, one self-made code each, rightly signed: what is read, what is refused, what is noted.

The kinds are those that issuers and verifiers of the DCC have reported in public (the special cases of
dcc-quality-assurance, the issues of dgc-testdata, of hcert-spec and of the verifier apps). The line between them:

- cryptography and framing are strict: text, compression, CBOR, envelope, the type of the claims; a time that is none
- the payload is lenient: whatever deviates from the schema is noted, and the signature decides
- never improve: what cannot be read counts as not said, an expiry that is none counts as past, and a positive result
  is read however it was spelled
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.formats import base45, cbor, cose, hcert
from gateway.formats.hcert_payload import read_payload
from keys.values import Algorithm, KeyUse
from keys.x509 import certificate_key_id
from tests.conformance.questions import ask
from tests.simulators.hcert_issuer import (
    HcertIssuer,
    KeyIdPlace,
    ddcc_vaccination,
    icvp,
    lab_result,
    recovery,
    vaccination,
)
from tests.simulators.signing import SigningKey, make_key
from tests.unit.keys.making import certificate

AT = "2021-07-01T12:00:00Z"
ISSUED = 1_624_000_000
EXPIRES = 1_655_000_000

USES = {
    KeyUse.TEST: "1.3.6.1.4.1.1847.2021.1.1",
    KeyUse.VACCINATION: "1.3.6.1.4.1.1847.2021.1.2",
    KeyUse.RECOVERY: "1.3.6.1.4.1.1847.2021.1.3",
}
OLDER_USES = {use: oid.replace(".1847.", ".0.1847.") for use, oid in USES.items()}
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


@dataclass(frozen=True, slots=True)
class Country:
    """A signer with its certificate."""

    issuer: HcertIssuer
    certificate: bytes


@cache
def key_of(algorithm: Algorithm) -> SigningKey:
    return make_key(algorithm, "replaced by the certificate's")


def country(algorithm: Algorithm = Algorithm.ES256, **how: Any) -> Country:
    """Return a signer whose certificate is made as `certificate` is told."""
    key = key_of(algorithm)
    assert isinstance(key.private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    der = certificate(key.private, **how)
    return Country(HcertIssuer(key.sign, certificate_key_id(der), algorithm), der)


@cache
def home() -> Country:
    return country()


def answer(code: bytes, signer: Country | None = None) -> dict[str, Any]:
    trusted = b64encode((signer or home()).certificate).decode()
    question = {"id": 1, "code_base64": b64encode(code).decode(), "at": AT, "trust": [{"certificate": trusted}]}
    return ask([question])[0]


def ended(code: bytes, signer: Country | None = None) -> tuple[str, str]:
    """Return the last step that was reached with how it ended, and the first reason."""
    said = answer(code, signer)
    assert said["format"] == "hcert"
    assert said["measure"] in ("DENY", "MANUAL")
    stopped = [step for step, how in said["steps"].items() if how in ("refused", "undetermined")]
    return stopped[0], said["reasons"][0]


UNRULED = ("policy", "NO_RULES")
"""Everything up to the rules is in order; there are none, for no receiving division was named."""


def claims(**changes: object) -> dict[object, object]:
    """Return good claims with some of them changed; ... takes one away."""
    names = {"iss": 1, "exp": 4, "nbf": 5, "iat": 6, "hcert": -260}
    good: dict[object, object] = {1: "XA", 4: EXPIRES, 6: ISSUED, -260: {1: vaccination()}}
    good.update({names[name]: value for name, value in changes.items()})
    return {claim: value for claim, value in good.items() if value is not ...}


def without(payload: Mapping[str, Any], *members: str) -> dict[str, Any]:
    """Return a DCC without some members of its entry, or of itself."""
    return {
        name: [{one: value for one, value in entry.items() if one not in members} for entry in held]
        if isinstance(held, list)
        else held
        for name, held in payload.items()
        if name not in members
    }


def name(**changes: object) -> dict[str, object]:
    return {"fn": "Beispiel", "fnt": "BEISPIEL", "gn": "Probe", "gnt": "PROBE", **changes}


# 1. Payloads: read, noted, and the statement that is taken

NULLS: dict[str, object] = {"v": None, "t": None, "r": None}
EMPTY: dict[str, object] = {"v": [], "t": [], "r": []}
UNDEFINED: dict[str, object] = dict.fromkeys("vtr", cbor2.undefined)
VACCINATED, POSITIVE, RECOVERED, ATTESTED = "vaccinated", "tested-positive", "recovered", "attested"

PAYLOADS: dict[str, tuple[dict[str, Any], str]] = {
    "null beside vaccination": (NULLS | vaccination(), VACCINATED),
    "null beside test": (NULLS | lab_result(detected=True), POSITIVE),
    "null beside recovery": (NULLS | recovery(), RECOVERED),
    "empty lists beside vaccination": (EMPTY | vaccination(), VACCINATED),
    "empty lists beside recovery": (EMPTY | recovery(), RECOVERED),
    "undefined beside vaccination": (UNDEFINED | vaccination(), VACCINATED),
    "nothing but null": (NULLS | without(vaccination(), "v") | {"v": None}, ATTESTED),
    "nothing but empty lists": (without(vaccination(), "v") | EMPTY, ATTESTED),
    "an entry that is null": (vaccination() | {"v": [None]}, ATTESTED),
    "one entry without its list": (vaccination() | {"v": vaccination()["v"][0]}, VACCINATED),  # type: ignore[index]
    "two kinds": (vaccination() | lab_result(detected=True), POSITIVE),
    "white space around the disease": (vaccination(tg=" 840539006 "), VACCINATED),
    "white space behind a positive result": (lab_result(tr="260373001 "), POSITIVE),
    "a positive result as a number": (lab_result(tr=260373001), POSITIVE),
    "no disease": (without(vaccination(), "tg"), ATTESTED),
    "no vaccine": (without(vaccination(), "vp"), VACCINATED),
    "no issuer in the entry": (without(vaccination(), "is"), VACCINATED),
    "no identifier": (without(vaccination(), "ci"), VACCINATED),
    "null members": (vaccination(ma=None, mp=None), VACCINATED),
    "negative doses": (vaccination(dose=-1, doses=-2), ATTESTED),
    "115 doses": (vaccination(dose=115, doses=115), VACCINATED),
    "doses as texts": (vaccination(dn="2", sd="2"), ATTESTED),
    "doses as fractions": (vaccination(dn=2.0, sd=2.0), ATTESTED),
    "dose missing": (without(vaccination(), "dn"), ATTESTED),
    "birth with a time": (vaccination() | {"dob": "1978-01-26T00:00:00"}, VACCINATED),
    "birth in another order": (vaccination() | {"dob": "26.01.1978"}, VACCINATED),
    "birth with unknown parts": (vaccination() | {"dob": "1978-XX-XX"}, VACCINATED),
    "birth null": (vaccination() | {"dob": None}, VACCINATED),
    "birth missing": (without(vaccination(), "dob"), VACCINATED),
    "version missing": (without(vaccination(), "ver"), VACCINATED),
    "version without a patch": (vaccination() | {"ver": "1.3"}, VACCINATED),
    "name missing": (without(vaccination(), "nam"), VACCINATED),
    "machine name in lower case": (vaccination() | {"nam": name(fnt="Beispiel")}, VACCINATED),
    "machine name with an accent": (vaccination() | {"nam": name(fnt="\u00c4RMEL")}, VACCINATED),
    "machine name with blanks": (vaccination() | {"nam": name(fnt="DE SILVA")}, VACCINATED),
    "machine name null": (vaccination() | {"nam": name(gnt=None)}, VACCINATED),
    "vaccinated on a date with blanks": (vaccination(dt=" 2021-05-18"), VACCINATED),
    "vaccinated on no date": (vaccination(dt=""), VACCINATED),
    "recovered until the year 1": (recovery(du="0001-01-01"), RECOVERED),
    "sampled at a number": (lab_result(sc=1613824496000, detected=True), POSITIVE),
    "sampled on a day": (lab_result(sc="2021-06-20", detected=True), POSITIVE),
    "sampled at a time with a blank": (lab_result(sc="2021-06-20 12:34:56", detected=True), POSITIVE),
    "country in small letters": (vaccination(co="xa"), VACCINATED),
    "no member at all": ({}, ATTESTED),
}


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_payload_that_deviates_is_read_and_noted(kind: str) -> None:
    payload, word = PAYLOADS[kind]
    code = home().issuer.issue(payload, issued=ISSUED, expires=EXPIRES)
    said = answer(code)
    assert [said["steps"][step] for step in ("decode", "signature", "key_usage", "validity")] == ["ok"] * 4
    assert "SCHEMA_DEVIATION" in said["reasons"]
    assert hcert.read(code).statement == word
    assert said["state"] == {POSITIVE: "RED", ATTESTED: "UNKNOWN"}.get(word, "UNCONFIRMED")


CONFORMING: dict[str, dict[str, Any]] = {
    "plain": vaccination(),
    "a date with a time, as 1.0.0 had it": vaccination(dt="2021-03-09T00:00:00"),
    "birth unknown": vaccination() | {"dob": ""},
    "year of birth": vaccination() | {"dob": "1978"},
    "month of birth": vaccination() | {"dob": "1978-01"},
    "one name": vaccination() | {"nam": {"fn": "Beispiel", "fnt": "BEISPIEL"}},
    "characters that JSON escapes": vaccination() | {"nam": name(fn='B "e" \\ /\n\u2028\U0001f489')},
    "white space in names": vaccination() | {"nam": name(fn=" Beispiel  ", gn="Probe\t")},
    "members of a later version": vaccination(new="member") | {"later": {"on": 1}},
    "a date under tag 0": vaccination(dt=cbor2.CBORTag(0, "2021-05-18T00:00:00Z")),
    "a date under tag 1004": vaccination(dt=cbor2.CBORTag(1004, "2021-05-18")),
    "an offset of two digits": lab_result(sc="2021-06-20T12:34:56+02"),
}


@pytest.mark.parametrize("kind", CONFORMING)
def test_what_only_looks_odd_is_not_noted(kind: str) -> None:
    said = answer(home().issuer.issue(CONFORMING[kind], issued=ISSUED, expires=EXPIRES))
    assert said["steps"]["validity"] == "ok"
    assert "SCHEMA_DEVIATION" not in said["reasons"]


@pytest.mark.parametrize("nothing", [None, [], cbor2.undefined])
@pytest.mark.parametrize(
    ("payload", "use"),
    [
        (vaccination(), KeyUse.VACCINATION),
        (lab_result(), KeyUse.TEST),
        (recovery(), KeyUse.RECOVERY),
    ],
)
def test_a_key_for_one_kind_signs_codes_that_name_the_others_as_absent(
    payload: dict[str, Any], use: KeyUse, nothing: object
) -> None:
    absent: dict[str, object] = dict.fromkeys("vtr", nothing)
    code_of = {one: country(uses=[USES[one]]) for one in KeyUse}
    for one, signer in code_of.items():
        code = signer.issuer.issue(absent | payload, issued=ISSUED, expires=EXPIRES)
        assert ended(code, signer) == (UNRULED if one is use else ("key_usage", "KEY_USE_REFUSED"))


# 2. Claims of the CWT

CLAIMS: dict[str, tuple[object, tuple[str, str]]] = {
    "plain": (claims(), UNRULED),
    "times with fractions": (claims(iat=ISSUED + 0.25, exp=EXPIRES + 0.75), UNRULED),
    "no issue time": (claims(iat=...), UNRULED),
    "no expiry": (claims(exp=...), UNRULED),
    "no issuer": (claims(iss=...), UNRULED),
    "issuer null": (claims(iss=None), UNRULED),
    "issuer a number": (claims(iss=49), UNRULED),
    "issuer as bytes": (claims(iss=b"XA"), UNRULED),
    "another country than the entry's": (claims(iss="XB"), UNRULED),
    "claims of others": (claims() | {-70_001: "x", "text": [1], 7: b"id", 2: "subject", 3: None}, UNRULED),
    "members beside the DCC": (claims(hcert={1: vaccination(), 2: "other"}), UNRULED),
    "issued in the future": (claims(iat=ISSUED + 10**7), ("validity", "NOT_YET_VALID")),
    "valid from the future": (claims(nbf=ISSUED + 10**7), ("validity", "NOT_YET_VALID")),
    "issue and expiry exchanged": (claims(iat=ISSUED, exp=ISSUED - 1), ("validity", "EXPIRED")),
    "an expiry of NaN": (claims(exp=float("nan")), ("validity", "EXPIRED")),
    "an expiry of null": (claims(exp=None), ("decode", "TIME_OUT_OF_RANGE")),
    "an expiry of infinity": (claims(exp=float("inf")), ("decode", "NOT_FINITE")),
    "an expiry that counts from the issue": (claims(exp=15_552_000), ("decode", "TIME_OUT_OF_RANGE")),
    "an expiry in the year 1": (claims(exp=-62_135_596_800), ("decode", "TIME_OUT_OF_RANGE")),
    "an expiry in milliseconds": (claims(exp=EXPIRES * 1000), ("decode", "TIME_OUT_OF_RANGE")),
    "an expiry as a text of digits": (claims(exp=str(EXPIRES)), ("decode", "TIME_OUT_OF_RANGE")),
    "an expiry as a date": (claims(exp="2022-06-12T00:00:00Z"), ("decode", "TIME_OUT_OF_RANGE")),
    "an expiry as a tagged date": (
        claims(exp=cbor2.CBORTag(0, "2022-06-12T00:00:00Z")),
        ("decode", "TIME_OUT_OF_RANGE"),
    ),
    "an expiry under tag 1": (claims(exp=cbor2.CBORTag(1, EXPIRES)), ("decode", "BAD_CBOR")),
    "a DCC as bytes": (claims(hcert={1: cbor.encode(vaccination())}), ("decode", "BAD_CLAIM")),
    "a DCC in a list": (claims(hcert={1: [vaccination()]}), ("decode", "BAD_CLAIM")),
    "a DCC of null": (claims(hcert={1: None}), ("decode", "BAD_CLAIM")),
    "the health claim a list": (claims(hcert=[vaccination()]), ("decode", "BAD_CLAIM")),
    "no health claim": (claims(hcert=...), ("decode", "MISSING_CLAIM")),
    "an empty health claim": (claims(hcert={}), ("decode", "MISSING_CLAIM")),
    "a DCC without a CWT": (vaccination(), ("decode", "MISSING_CLAIM")),
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_claims(kind: str) -> None:
    content, expected = CLAIMS[kind]
    assert ended(home().issuer.issue_claims(content)) == expected


def test_who_cannot_be_named_is_nobody_and_that_is_noted() -> None:
    for issuer in (None, 49, b"XA"):
        said = answer(home().issuer.issue_claims(claims(iss=issuer)))
        assert (said["issuer"], "SCHEMA_DEVIATION" in said["reasons"]) == ("", True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (claims(hcert=icvp(vls="2021-01-01", vle="2022-01-01")), UNRULED),
        (claims(hcert=icvp(vls=" 2021-01-01 ", vle="2022-01-01 00:00:00")), UNRULED),
        (claims(hcert=icvp(vls="2021-01-01T00:00:00Z", vle="")), UNRULED),
        (claims(hcert=icvp(vls="2022-01-01")), ("validity", "NOT_YET_VALID")),
        (claims(hcert=icvp(vle="2021-06-30 23:59:59+00:00")), ("validity", "EXPIRED")),
        (claims(hcert=icvp(vle="30/06/2021")), ("decode", "BAD_CLAIM")),
        (claims(hcert=...) | ddcc_vaccination(valid_from=" 2021-06-01", valid_until="2022-07-08 "), UNRULED),
        (claims(hcert=...) | ddcc_vaccination(valid_from="2021", valid_until="2021-06"), ("validity", "EXPIRED")),
    ],
)
def test_validity_that_the_payload_names(content: object, expected: tuple[str, str]) -> None:
    assert ended(home().issuer.issue_claims(content)) == expected


# 3. The envelope

ENVELOPES: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "tag 18": ({}, UNRULED),
    "no tag": ({"tags": b""}, UNRULED),
    "tag 61 around 18": ({"tags": cose.TAG_CWT + cose.TAG_SIGN1}, UNRULED),
    "tag 61 alone": ({"tags": cose.TAG_CWT}, ("decode", "BAD_CBOR")),
    "tag 55799": ({"tags": b"\xd9\xd9\xf7" + cose.TAG_SIGN1}, ("decode", "BAD_CBOR")),
    "key id unprotected": ({"key_id_place": KeyIdPlace.UNPROTECTED}, UNRULED),
    "no key id": ({"key_id_place": KeyIdPlace.NOWHERE}, UNRULED),
    "a wrong key id unprotected": ({"more_unprotected": {4: b"wrong"}}, UNRULED),
    "a text as key id unprotected": ({"more_unprotected": {4: "wrong"}}, UNRULED),
    "an algorithm unprotected": ({"more_unprotected": {1: -37}}, UNRULED),
    "other entries": ({"more_protected": {3: "application/cwt", 16: "x"}, "more_unprotected": {"x": 1}}, UNRULED),
    "a wrong key id": ({"more_protected": {4: b"\0" * 8}}, ("signature", "KEY_ID_MISMATCH")),
    "a key id of 7 bytes": ({"key_id": b"\1" * 7}, ("signature", "KEY_ID_MISMATCH")),
    "a key id of 16 bytes": ({"key_id": b"\1" * 16}, ("signature", "KEY_ID_MISMATCH")),
    "an empty key id": ({"key_id": b""}, ("signature", "KEY_ID_MISMATCH")),
    "a key id as its base64": ({"key_id": b"DEsVUSvpFAE="}, ("signature", "KEY_ID_MISMATCH")),
    "a key id as a text": ({"more_protected": {4: "DEsVUSvpFAE="}}, ("decode", "BAD_ENVELOPE")),
    "a key id under tag 4": ({"more_protected": {4: cbor2.CBORTag(4, b"\1" * 8)}}, ("decode", "BAD_CBOR")),
    "ES512": ({"more_protected": {1: -36}}, ("signature", "UNSUPPORTED_ALGORITHM")),
    "PS256 with a P-256 key": ({"more_protected": {1: -37}}, ("signature", "ALGORITHM_MISMATCH")),
    "ES256 by its name": ({"more_protected": {1: "ES256"}}, ("signature", "UNSUPPORTED_ALGORITHM")),
}


@pytest.mark.parametrize("kind", ENVELOPES)
def test_envelopes(kind: str) -> None:
    changes, expected = ENVELOPES[kind]
    issuer = replace(home().issuer, **changes)
    assert ended(issuer.issue(vaccination(), issued=ISSUED, expires=EXPIRES)) == expected


def test_an_algorithm_that_stands_only_unprotected_leaves_the_keys_own() -> None:
    key_id = home().issuer.key_id
    message = cose.encode_sign1({4: key_id}, cbor.encode(claims()), home().issuer.sign, unprotected={1: -7})
    assert ended(hcert.write(message)) == UNRULED


def test_a_signature_in_der_is_none() -> None:
    private = key_of(Algorithm.ES256).private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    issuer = replace(home().issuer, sign=lambda message: private.sign(message, ec.ECDSA(hashes.SHA256())))
    code = issuer.issue(vaccination(), issued=ISSUED, expires=EXPIRES)
    assert ended(code) == ("signature", "BAD_SIGNATURE")


@pytest.mark.parametrize("indefinite", [False, True])
def test_claims_in_any_order_and_of_any_length(*, indefinite: bool) -> None:
    reordered = dict(reversed(claims().items()))
    encoded = cbor2.dumps(reordered, canonical=not indefinite, indefinite_containers=indefinite)
    assert (encoded[0] == 0xBF) is indefinite
    assert ended(home().issuer.issue_bytes(encoded)) == UNRULED


# 4. The text


def good_envelope() -> bytes:
    return home().issuer.envelope(cbor.encode(claims()))


def in_text(packed: bytes) -> bytes:
    return hcert.PREFIX + base45.encode(packed)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


TEXTS: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "best compression": (lambda: in_text(zlib.compress(good_envelope(), 9)), None),
    "stored, not compressed": (lambda: in_text(zlib.compress(good_envelope(), 0)), None),
    "a small window": (lambda: in_text(small_window(good_envelope())), None),
    "no wrapper": (lambda: in_text(raw_deflate(good_envelope())), "BAD_COMPRESSION"),
    "no compression": (lambda: in_text(good_envelope()), "BAD_COMPRESSION"),
    "a byte behind the compressed part": (
        lambda: in_text(zlib.compress(good_envelope()) + b"\0"),
        "TRAILING_BYTES",
    ),
    "a byte behind the envelope": (lambda: in_text(zlib.compress(good_envelope() + b"\0")), "TRAILING_BYTES"),
    "a line end behind": (lambda: hcert.write(good_envelope()) + b"\r\n", "BAD_TEXT_ENCODING"),
    "a blank before": (lambda: b" " + hcert.write(good_envelope()), "TRAILING_BYTES"),
    "small letters": (lambda: hcert.PREFIX + base45.encode(good_envelope()).lower(), "BAD_TEXT_ENCODING"),
}


def small_window(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 9)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("kind", TEXTS)
def test_texts(kind: str) -> None:
    make, refused = TEXTS[kind]
    assert ended(make()) == (UNRULED if refused is None else ("decode", refused))


@pytest.mark.parametrize("prefix", [b"", b"HC2:", b"hc1:", b"HC1", b"\xef\xbb\xbfHC1:", b"NL2:"])
def test_another_prefix_is_not_recognised(prefix: bytes) -> None:
    said = answer(prefix + hcert.write(good_envelope())[len(hcert.PREFIX) :])
    assert (said["format"], said["reasons"], said["steps"]["decode"]) == ("unknown", ["UNRECOGNISED"], "refused")


# 5. The signer's certificate

CERTIFICATES: dict[str, tuple[Algorithm, dict[str, Any], tuple[str, str]]] = {
    "P-256": (Algorithm.ES256, {}, UNRULED),
    "P-384": (Algorithm.ES384, {}, UNRULED),
    "RSA": (Algorithm.PS256, {}, UNRULED),
    "no country": (Algorithm.ES256, {"country": None}, UNRULED),
    "another country": (Algorithm.ES256, {"country": "XB"}, UNRULED),
    "a use of no DCC": (Algorithm.ES256, {"uses": [CLIENT_AUTH]}, UNRULED),
    "the use": (Algorithm.ES256, {"uses": [USES[KeyUse.VACCINATION]]}, UNRULED),
    "the use, critical": (Algorithm.ES256, {"uses": [USES[KeyUse.VACCINATION]], "critical": True}, UNRULED),
    "the use by its older number": (Algorithm.ES256, {"uses": [OLDER_USES[KeyUse.VACCINATION]]}, UNRULED),
    "all uses": (Algorithm.ES256, {"uses": [*USES.values(), *OLDER_USES.values(), CLIENT_AUTH]}, UNRULED),
    "another use": (Algorithm.ES256, {"uses": [USES[KeyUse.TEST]]}, ("key_usage", "KEY_USE_REFUSED")),
    "another use by its older number": (
        Algorithm.ES256,
        {"uses": [CLIENT_AUTH, OLDER_USES[KeyUse.RECOVERY]]},
        ("key_usage", "KEY_USE_REFUSED"),
    ),
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_certificates(kind: str) -> None:
    algorithm, how, expected = CERTIFICATES[kind]
    signer = country(algorithm, **how)
    assert ended(signer.issuer.issue(vaccination(), issued=ISSUED, expires=EXPIRES), signer) == expected


ODD: tuple[object, ...] = (None, 0, "", [], {}, b"", 1.5, True, cbor2.undefined, [[]])


def test_nothing_in_the_place_of_entries_is_ever_refused() -> None:
    for kind in "vtr":
        for entry in ODD:
            for content in (entry, [entry], [entry, entry]):
                assert read_payload({-260: {1: {kind: content}}}).deviates
