"""A country that issues HCERT codes: really signed, about people who do not exist.

    payload -> CWT -> COSE_Sign1 -> zlib -> base45 -> HC1:

The key stays with the caller: `sign` takes the bytes to be signed and returns the signature. What real issuers do
differently can be set: where the key id stands, which tags the envelope has, which claims are there, and in which form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.formats import cbor, cose, hcert
from gateway.values import Algorithm

Payload = dict[str, object]


class KeyIdPlace(StrEnum):
    """Where the key id stands."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class HcertIssuer:
    """One signing key of one country."""

    sign: Callable[[bytes], bytes] = field(repr=False)
    key_id: bytes
    algorithm: Algorithm
    country: str = "XA"
    key_id_place: KeyIdPlace = KeyIdPlace.PROTECTED
    tags: bytes = cose.TAG_SIGN1
    more_protected: Mapping[int, object] = field(default_factory=dict)
    """Added to the protected header, or set over what would stand there."""
    more_unprotected: Mapping[int, object] = field(default_factory=dict)

    def issue(self, payload: Payload, *, issued: float, expires: float) -> bytes:
        """Return the code of a DCC that is valid from `issued` to `expires` (seconds since 1970)."""
        return self.issue_claims(
            {
                hcert.CLAIM_ISSUER: self.country,
                hcert.CLAIM_ISSUE_TIME: issued,
                hcert.CLAIM_EXPIRE_TIME: expires,
                hcert.CLAIM_HCERT: {1: payload},
            },
        )

    def issue_claims(self, claims: object) -> bytes:
        """Return the code of any claims."""
        return self.issue_bytes(cbor.encode(claims))

    def issue_bytes(self, payload: bytes) -> bytes:
        """Return the code of any payload, be it CBOR or not."""
        return hcert.write(self.envelope(payload))

    def envelope(self, payload: bytes) -> bytes:
        """Return the COSE_Sign1 of any payload."""
        protected: dict[int, object] = {cose.LABEL_ALGORITHM: cose.ALGORITHM_NUMBERS[self.algorithm]}
        unprotected: dict[int, object] = {}
        if self.key_id_place is KeyIdPlace.PROTECTED:
            protected[cose.LABEL_KEY_ID] = self.key_id
        elif self.key_id_place is KeyIdPlace.UNPROTECTED:
            unprotected[cose.LABEL_KEY_ID] = self.key_id
        return cose.encode_sign1(
            {**protected, **self.more_protected},
            payload,
            self.sign,
            unprotected={**unprotected, **self.more_unprotected},
            tags=self.tags,
        )


def vaccination(*, dose: int = 2, doses: int = 2, **changes: object) -> Payload:
    """Return a DCC about a dose of vaccine, with members of the entry changed."""
    entry = {
        "tg": "840539006",
        "vp": "1119349007",
        "mp": "EU/1/20/1528",
        "ma": "ORG-100030215",
        "dn": dose,
        "sd": doses,
        "dt": "2021-05-18",
    }
    return _dcc("v", entry, changes)


def lab_result(*, detected: bool = False, **changes: object) -> Payload:
    """Return a DCC about a test, with members of the entry changed."""
    entry = {
        "tg": "840539006",
        "tt": "LP6464-4",
        "nm": "Sample PCR",
        "sc": "2021-06-20T12:34:56Z",
        "tr": "260373001" if detected else "260415000",
        "tc": "Test centre 1",
    }
    return _dcc("t", entry, changes)


def recovery(**changes: object) -> Payload:
    """Return a DCC about a recovery, with members of the entry changed."""
    entry = {"tg": "840539006", "fr": "2021-02-20", "df": "2021-04-04", "du": "2021-10-04"}
    return _dcc("r", entry, changes)


def _dcc(kind: str, entry: Mapping[str, object], changes: Mapping[str, object]) -> Payload:
    issued_by = {"co": "XA", "is": "Ministry of Health", "ci": "URN:UVCI:01:XA:EXAMPLE#0"}
    return {
        "ver": "1.3.0",
        "nam": {"fn": "Beispiel", "fnt": "BEISPIEL", "gn": "Probe", "gnt": "PROBE"},
        "dob": "1990-01-01",
        kind: [{**entry, **issued_by, **changes}],
    }


def ddcc_vaccination(**changes: object) -> Payload:
    """Return the claims of a WHO DDCC:VS, with members changed."""
    covid = {"code": "840539006", "system": "http://snomed.info/sct"}
    return {
        "name": "Probe Beispiel",
        "birthDate": "1990-01-01",
        "vaccine": {"code": "1119349007", "system": "http://snomed.info/sct"},
        "disease": covid,
        "date": "2021-07-08",
        "dose": 2,
        "total_doses": 2,
        "valid_from": "2021-07-08",
        "valid_until": "2022-07-08",
        **changes,
    }


def ddcc_test(*, detected: bool = False, pathogen: str = "XN109") -> Payload:
    """Return the claims of a WHO DDCC:TR."""
    return {
        "name": "Probe Beispiel",
        "test": {
            "date": "2022-07-27T06:15:00Z",
            "pathogen": {"code": pathogen, "system": "http://id.who.int/icd11/mms"},
            "result": {"code": "260373001" if detected else "260415000", "system": "http://snomed.info/sct"},
        },
    }


def icvp(**validity: object) -> dict[object, object]:
    """Return the content of claim -260 of a WHO ICVP; `vls` and `vle` are the first and last day of validity."""
    return {-6: {"n": "Probe Beispiel", "v": {"dt": "2020-01-10", "tg": "1D47", **validity}}}
