"""The demo's own codes: every format, every measure, each with the verdict that a right gateway gives."""

from __future__ import annotations

import json
import secrets
import zlib
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile

from gateway.errors import Reason
from gateway.formats import cbor, cose, hcert
from gateway.formats.native_claims import NativeClaims
from gateway.formats.native_encode import encode_jws, encode_qr
from gateway.values import DisplayedCode, DivisionCode, Instant, Measure, Way

from .provinces import REVOKED_CARD, SampleIssuer, SampleIssuers

RECEIVING: Final = DivisionCode("330000")
"""Zhejiang: the division whose shipped rules the demo applies."""


_DETACHED: Final = "eyJhbGciOiJFZERTQSIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.." + "A" * 86
"""The form of a DIVOC proof; nobody can check it here, so nobody signed it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A code and the verdict that is expected of it."""

    title: str
    code: bytes = field(repr=False)
    measure: Measure
    reason: Reason
    """The deciding one."""
    at: Instant | None = None
    """The instant at which it is judged; None: now."""
    way: Way = Way.VERIFY
    seen: DisplayedCode | None = None
    """What is on the screen, if that is all that is looked at."""


def displayed_samples(at: Instant) -> list[Sample]:
    """Return what a checker may see and not scan; what is accepted, the shipped rules of the receiving division say."""

    def shown(title: str, division: str, word: str, measure: Measure, reason: Reason, age: float = 60) -> Sample:
        seen = DisplayedCode(DivisionCode(division), word, Instant(at - age))
        return Sample(title, b"", measure, reason, way=Way.DISPLAY, seen=seen)

    refused = (Measure.MANUAL, Reason.DISPLAY_NOT_ACCEPTED)
    return [
        shown("Hainan green, seen on a screen", "460000", "green", Measure.PASS, Reason.STATE_GREEN),
        shown("Hainan red, seen on a screen", "460000", "red", Measure.DENY, Reason.STATE_RED),
        shown("Guizhou green, seen on a screen", "520000", "green", *refused),
        shown("Hainan green, a picture of yesterday", "460000", "green", Measure.MANUAL, Reason.STATUS_STALE, 86_400),
    ]


def own_samples(issuers: SampleIssuers, at: Instant) -> list[Sample]:
    """Return the samples of the demo's own issuers, made just before `at`."""
    guizhou, hainan = issuers.guizhou, issuers.hainan
    green = _jws(guizhou, "green", at)
    samples = [
        Sample("Guizhou green (native, Ed25519)", green, Measure.PASS, Reason.STATE_GREEN),
        Sample("Hainan green (native QR, ES256)", _qr(hainan, "green", at), Measure.PASS, Reason.STATE_GREEN),
        Sample("Guizhou yellow", _qr(guizhou, "yellow", at), Measure.LIMITED, Reason.STATE_YELLOW),
        Sample(
            "Jilin orange, on its map yellow",
            _jws(issuers.jilin, "orange", at),
            Measure.LIMITED,
            Reason.STATE_YELLOW,
        ),
        Sample("Hainan red", _qr(hainan, "red", at), Measure.DENY, Reason.STATE_RED),
        Sample("Guizhou green, a day old", _jws(guizhou, "green", at, age=90_000), Measure.MANUAL, Reason.STATUS_STALE),
        Sample("Guizhou green, expired", _jws(guizhou, "green", at, age=200_000), Measure.DENY, Reason.EXPIRED),
        Sample("Guizhou red, repainted green", _forged(guizhou, at), Measure.DENY, Reason.BAD_SIGNATURE),
        Sample("Guizhou, a colour nobody explained", _jws(guizhou, "mauve", at), Measure.MANUAL, Reason.UNKNOWN_STATE),
        Sample("Hainan's key in Guizhou's name", _borrowed(issuers, at), Measure.MANUAL, Reason.UNKNOWN_KEY),
        Sample("A screenshot of a web page", b"https://example.invalid/code?id=1", Measure.MANUAL, Reason.UNRECOGNISED),
        Sample(
            "Vaccination certificate (HCERT)", _hcert(issuers.certificates, at), Measure.LIMITED, Reason.STATE_GREEN
        ),
        Sample(
            "Positive test certificate (HCERT)",
            _hcert(issuers.certificates, at, positive=True),
            Measure.DENY,
            Reason.STATE_RED,
        ),
        Sample("SMART Health Card", _card(issuers.cards, at, rid="card1"), Measure.LIMITED, Reason.STATE_UNCONFIRMED),
        Sample("SMART Health Card, revoked", _card(issuers.cards, at, rid=REVOKED_CARD), Measure.DENY, Reason.REVOKED),
        Sample("ICAO seal (VDS-NC)", _seal(issuers.seals), Measure.LIMITED, Reason.STATE_UNCONFIRMED),
        Sample("DIVOC certificate", _divoc(), Measure.MANUAL, Reason.UNSUPPORTED_PROOF),
    ]
    if issuers.fujian is not None:
        code = _qr(issuers.fujian, "green", at)
        samples.insert(2, Sample("Fujian green (native QR, SM2)", code, Measure.PASS, Reason.STATE_GREEN))
    return samples


def _claims(issuer: SampleIssuer, state: str, at: Instant, age: int) -> NativeClaims:
    issued = int(at) - age
    division = issuer.listed.division or ""
    return NativeClaims(issuer.issuer, division, state, issued, issued + 172_800, secrets.token_urlsafe(12))


def _jws(issuer: SampleIssuer, state: str, at: Instant, *, age: int = 60) -> bytes:
    claims = _claims(issuer, state, at, age)
    return encode_jws(claims, key_id=issuer.key_id, algorithm=issuer.algorithm, sign=issuer.sign).encode()


def _qr(issuer: SampleIssuer, state: str, at: Instant) -> bytes:
    claims = _claims(issuer, state, at, 60)
    return encode_qr(claims, key_id=issuer.key_id, algorithm=issuer.algorithm, sign=issuer.sign).encode()


def _forged(issuer: SampleIssuer, at: Instant) -> bytes:
    """Return a red code whose colour was changed after signing."""
    green, red = _jws(issuer, "green", at), _jws(issuer, "red", at)
    return b".".join([*green.split(b".")[:2], red.split(b".")[2]])


def _borrowed(issuers: SampleIssuers, at: Instant) -> bytes:
    claims, hainan = _claims(issuers.guizhou, "green", at, 60), issuers.hainan
    return encode_jws(claims, key_id=hainan.key_id, algorithm=hainan.algorithm, sign=hainan.sign).encode()


def _hcert(issuer: SampleIssuer, at: Instant, *, positive: bool = False) -> bytes:
    about = {"tg": "840539006", "co": "XA", "is": "Sample ministry", "ci": "URN:UVCI:01:XA:SAMPLE#0"}
    shot = {"vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": 2, "sd": 2, "dt": "2021-05-18"}
    test = {"tt": "LP6464-4", "sc": "2021-06-20T12:34:56Z", "tr": "260373001", "tc": "Sample centre"}
    payload = {
        "ver": "1.3.0",
        "nam": {"fnt": "SAMPLE", "gnt": "SAMPLE"},
        "dob": "1990-01-01",
        "t" if positive else "v": [about | (test if positive else shot)],
    }
    claims = {
        hcert.CLAIM_ISSUER: issuer.issuer,
        hcert.CLAIM_ISSUE_TIME: int(at) - 86_400,
        hcert.CLAIM_EXPIRE_TIME: int(at) + 86_400,
        hcert.CLAIM_HCERT: {1: payload},
    }
    header = {cose.LABEL_ALGORITHM: cose.ALGORITHM_NUMBERS[issuer.algorithm], cose.LABEL_KEY_ID: issuer.key_id}
    return hcert.write(cose.encode_sign1(header, cbor.encode(claims), issuer.sign))


def _card(issuer: SampleIssuer, at: Instant, *, rid: str) -> bytes:
    entry = {"fullUrl": "resource:0", "resource": {"resourceType": "Immunization", "status": "completed"}}
    claims = {
        "iss": issuer.issuer,
        "nbf": int(at) - 86_400,
        "vc": {
            "type": ["https://smarthealth.cards#health-card", "https://smarthealth.cards#immunization"],
            "credentialSubject": {
                "fhirVersion": "4.0.1",
                "fhirBundle": {"resourceType": "Bundle", "type": "collection", "entry": [entry]},
            },
            "rid": rid,
        },
    }
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(_json(claims)) + packer.flush()
    header = {"zip": "DEF", "alg": issuer.algorithm.value, "kid": issuer.key_id.decode()}
    signing_input = _base64url(_json(header)) + b"." + _base64url(packed)
    token = signing_input + b"." + _base64url(issuer.sign(signing_input))
    return b"shc:/" + b"".join(b"%02d" % (character - 45) for character in token)


def _seal(issuer: SampleIssuer) -> bytes:
    data = {
        "hdr": {"is": issuer.issuer, "t": "icao.vacc", "v": 1},
        "msg": {"pid": {"n": "SAMPLE"}, "uvci": "SAMPLE0001", "ve": []},
    }
    signature = _base64url(issuer.sign(json.dumps(data, separators=(",", ":"), sort_keys=True).encode())).decode()
    certificate = _base64url(issuer.certificate or b"").decode()
    return _json({"data": data, "sig": {"alg": issuer.algorithm.value, "cer": certificate, "sigvl": signature}})


def _divoc() -> bytes:
    credential = {
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "type": ["VerifiableCredential", "ProofOfVaccinationCredential"],
        "issuer": "https://divoc.example/",
        "issuanceDate": "2021-03-03T04:28:46Z",
        "credentialSubject": {"type": "Person"},
        "evidence": [{"dose": 2, "totalDoses": 2}],
        "proof": {"type": "Ed25519Signature2018", "created": "2021-03-03T04:28:46Z", "jws": _DETACHED},
    }
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr("certificate.json", _json(credential))
    return b"B64:" + b64encode(packed.getvalue())


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
