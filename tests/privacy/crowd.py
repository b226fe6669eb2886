"""Codes about people who do not exist, in every format: each holds her name, ID number, phone and address.

- Where a format has a place for a datum, it stands there (nam, Patient, pid, credentialSubject). Native codes have none
  and may hold none: here the issuer breaks the rule, and writes them into subject, code id and claims of its own.
- Rightly signed by issuers on the trust list, so that the code goes through every room; but one in five is spoilt, so
  that it ends where errors are made: cut off, signed wrongly, expired, of an issuer that nobody knows, no code at all.
- Person n has the same kind of code and the same fault in every run.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.demo.provinces import SampleIssuer, SampleIssuers
from gateway.formats import cbor, cose, hcert
from gateway.formats.native_claims import JWS_TYPE
from gateway.formats.native_encode import NativeClaims, encode_jws, encode_qr
from tests.simulators.provinces.people import Person, person
from tests.simulators.shc_issuer import to_qr

FAULT_EVERY: Final = 5
FAULTS: Final = ("cut", "bent", "old", "foreign", "no code")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Makes the codes of one run. `at` is when they are shown, in seconds since 1970."""

    issuers: SampleIssuers
    at: float

    def code(self, number: int) -> bytes:
        """Return the code of person `number`."""
        make = KINDS[number % len(KINDS)]
        turn = number // len(KINDS)
        fault = FAULTS[turn // FAULT_EVERY % len(FAULTS)] if turn % FAULT_EVERY == 0 else ""
        who = person(number)
        at = self.at - 90_000 * 4 if fault == "old" else self.at
        whole = make(Crowd(self.issuers, at), who)
        match fault:
            case "cut":
                return whole[: len(whole) * 2 // 3]
            case "bent":
                return whole[:-20] + (b"A" if whole[-20:-19] == b"B" else b"B") + whole[-19:]
            case "foreign":
                return self._foreign(who)
            case "no code":
                return who.story.encode(("utf-8", "utf-16", "gb18030")[number % 3])
            case _:
                return whole

    def native_jws(self, who: Person) -> bytes:
        """Return a native code whose issuer put her data into claims that a code has."""
        claims = self._native(self.issuers.guizhou, who)
        return encode_jws(
            claims,
            key_id=self.issuers.guizhou.key_id,
            algorithm=self.issuers.guizhou.algorithm,
            sign=self.issuers.guizhou.sign,
        ).encode()

    def native_claims_of_its_own(self, who: Person) -> bytes:
        """Return one whose issuer added claims that nobody knows."""
        issuer = self.issuers.guizhou
        told = {"iss": issuer.issuer, "div": "520000", "st": "green", "jti": f"c-{who.number}", "sub": who.id_number}
        times = {"iat": int(self.at) - 60, "exp": int(self.at) + 7_200}
        return _jws(issuer, {"typ": JWS_TYPE}, {**told, **times, **_everything(who)})

    def native_qr(self, who: Person) -> bytes:
        """Return a native QR text whose issuer put her data into claims that a code has."""
        issuer = self.issuers.hainan
        claims = self._native(issuer, who)._replace(subject=who.phone)
        return encode_qr(claims, key_id=issuer.key_id, algorithm=issuer.algorithm, sign=issuer.sign).encode()

    def hcert(self, who: Person) -> bytes:
        """Return a DCC of hers."""
        family, _, given = who.name.partition(" ")
        issued_by = {"co": "XA", "is": f"Clinic, {who.address}", "ci": f"URN:UVCI:01:XA:{who.id_number}#0"}
        shot = {"vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": 2, "sd": 2, "dt": "2021-05-18"}
        payload = {
            "ver": "1.3.0",
            "nam": {"fn": family, "fnt": given.upper(), "gn": given, "gnt": given.upper()},
            "dob": "1899-01-01",
            "v": [{"tg": "840539006", **shot, **issued_by}],
            "tel": who.phone,
        }
        return self._hcert({1: payload})

    def ddcc(self, who: Person) -> bytes:
        """Return a WHO DDCC of hers."""
        covid = {"code": "840539006", "system": "http://snomed.info/sct"}
        vaccine = {"code": "1119349007", "system": "http://snomed.info/sct"}
        given = {"vaccine": vaccine, "disease": covid, "date": "2021-07-08", "dose": 2, "total_doses": 2}
        her = {"name": who.name, "birthDate": "1899-01-01", "identifier": who.id_number, "address": who.address}
        return self._hcert({3: {**her, **given, "contact": who.phone}})

    def shc(self, who: Person) -> bytes:
        """Return a SMART Health Card of hers as QR text."""
        issuer = self.issuers.cards
        patient = {
            "resourceType": "Patient",
            "name": [{"text": who.name, "family": who.name}],
            "identifier": [{"value": who.id_number}],
            "telecom": [{"system": "phone", "value": who.phone}],
            "address": [{"text": who.address}],
            "birthDate": "1899-01-01",
        }
        dose = {"resourceType": "Immunization", "status": "completed", "note": [{"text": who.story}]}
        entries = [{"fullUrl": f"resource:{place}", "resource": one} for place, one in enumerate((patient, dose))]
        claims = {
            "iss": issuer.issuer,
            "nbf": int(self.at) - 86_400,
            "vc": {
                "type": ["https://smarthealth.cards#health-card"],
                "credentialSubject": {
                    "fhirVersion": "4.0.1",
                    "fhirBundle": {"resourceType": "Bundle", "type": "collection", "entry": entries},
                },
                "rid": f"Kanarienvogel{who.number}",
            },
        }
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = packer.compress(_json(claims)) + packer.flush()
        return to_qr(_jws(issuer, {"zip": "DEF"}, packed))

    def vdsnc(self, who: Person) -> bytes:
        """Return an ICAO seal of hers."""
        issuer = self.issuers.seals
        data = {
            "hdr": {"is": issuer.listed.issuer, "t": "icao.vacc", "v": 1},
            "msg": {
                "pid": {"n": who.name, "dob": "1899-01-01", "i": who.id_number, "ai": who.phone},
                "uvci": f"U{who.number}",
                "ve": [{"des": "XM68M6", "nam": "X", "dis": "RA01.0", "vd": [{"adm": who.address, "seq": 1}]}],
            },
        }
        canonical = json.dumps(data, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
        proof = {
            "alg": issuer.algorithm.value,
            "cer": _base64url(issuer.certificate or b"").decode(),
            "sigvl": _base64url(issuer.sign(canonical)).decode(),
        }
        return json.dumps({"data": data, "sig": proof}, separators=(",", ":"), ensure_ascii=False).encode()

    def divoc(self, who: Person) -> bytes:
        """Return a DIVOC credential of hers."""
        credential = {
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "type": ["VerifiableCredential", "ProofOfVaccinationCredential"],
            "issuer": "https://divoc.example/",
            "issuanceDate": "2021-03-03T04:28:46Z",
            "credentialSubject": {"type": "Person", "id": f"did:{who.id_number}", **_everything(who)},
            "evidence": [{"dose": 2, "totalDoses": 2, "facility": {"name": who.address}}],
            "proof": {
                "type": "Ed25519Signature2018",
                "verificationMethod": f"did:xa:{who.phone}",
                "jws": f"{_base64url(_json({'alg': 'EdDSA', 'b64': False, 'crit': ['b64']})).decode()}..c2lnbmF0dXJl",
            },
        }
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("certificate.json", _json(credential))
        return b"B64:" + b64encode(packed.getvalue())

    def _native(self, issuer: SampleIssuer, who: Person) -> NativeClaims:
        state = ("green", "green", "green", "yellow", "red")[who.number % 5]
        begins = int(self.at) - 60
        # Every other one is a presentation, good for minutes, which the replay guard remembers.
        return NativeClaims(
            issuer.issuer,
            issuer.listed.division or "",
            state,
            begins,
            begins + (280 if who.number // len(KINDS) % 2 else 7_200),
            f"Kanarienvogel-{who.number}",
            subject=who.id_number,
        )

    def _hcert(self, health: object) -> bytes:
        issuer = self.issuers.certificates
        claims = {
            hcert.CLAIM_ISSUER: issuer.issuer,
            hcert.CLAIM_ISSUE_TIME: int(self.at) - 86_400,
            hcert.CLAIM_EXPIRE_TIME: int(self.at) + 86_400,
            hcert.CLAIM_HCERT: health,
        }
        header = {cose.LABEL_ALGORITHM: cose.ALGORITHM_NUMBERS[issuer.algorithm], cose.LABEL_KEY_ID: issuer.key_id}
        return hcert.write(cose.encode_sign1(header, cbor.encode(claims), issuer.sign))

    def _foreign(self, who: Person) -> bytes:
        """Return a code that names her as issuer, key and algorithm."""
        header = {"alg": "EdDSA", "kid": who.name, "typ": JWS_TYPE, "x5u": who.address}
        claims = {"iss": f"https://{who.id_number}.example", "sub": who.phone, **_everything(who)}
        return b".".join((_base64url(_json(header)), _base64url(_json(claims)), _base64url(who.name.encode() * 3)))


KINDS: Final[tuple[Callable[[Crowd, Person], bytes], ...]] = (
    Crowd.native_jws,
    Crowd.native_qr,
    Crowd.native_claims_of_its_own,
    Crowd.hcert,
    Crowd.ddcc,
    Crowd.shc,
    Crowd.vdsnc,
    Crowd.divoc,
)
"""Every signed format; opaque codes are made by the simulated provinces."""


def _everything(who: Person) -> dict[str, object]:
    return {"name": who.name, "id_number": who.id_number, "phone": who.phone, "address": who.address}


def _jws(issuer: SampleIssuer, header: dict[str, object], claims: object) -> bytes:
    name = "EdDSA" if issuer.algorithm.value == "Ed25519" else issuer.algorithm.value
    head = {"alg": name, "kid": issuer.key_id.decode(), **header}
    payload = claims if isinstance(claims, bytes) else _json(claims)
    signing_input = _base64url(_json(head)) + b"." + _base64url(payload)
    return signing_input + b"." + _base64url(issuer.sign(signing_input))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
