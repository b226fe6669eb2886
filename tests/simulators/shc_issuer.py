"""An issuer of SMART Health Cards that really signs: a key of its own, its key set, cards as tokens and as QR texts.

Every part that a test may want to break can be given: the header, the payload's bytes, the signing input.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

PATIENT = {"resourceType": "Patient", "name": [{"family": "Anyperson", "given": ["Test"]}], "birthDate": "1951-01-20"}
IMMUNIZATION = {"resourceType": "Immunization", "status": "completed", "occurrenceDateTime": "2021-01-01"}
RESULT = {"resourceType": "Observation", "status": "final", "effectiveDateTime": "2021-01-01"}


def base64url(data: bytes) -> bytes:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=")


def compact(value: object) -> bytes:
    """Return minified JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def deflate(data: bytes, *, wbits: int = -15, dictionary: bytes = b"") -> bytes:
    """Return one DEFLATE stream: raw unless `wbits` says otherwise."""
    packer = (
        zlib.compressobj(9, zlib.DEFLATED, wbits, zdict=dictionary)
        if dictionary
        else zlib.compressobj(9, zlib.DEFLATED, wbits)
    )
    return packer.compress(data) + packer.flush()


class ShcIssuer:
    """One issuer with one ES256 key, made when the issuer is."""

    def __init__(self, url: str = "https://shc.example/issuer") -> None:
        self.url = url
        self.key = ec.generate_private_key(ec.SECP256R1())
        numbers = self.key.public_key().public_numbers()
        self._public = {
            "crv": "P-256",
            "kty": "EC",
            "x": base64url(numbers.x.to_bytes(32, "big")).decode(),
            "y": base64url(numbers.y.to_bytes(32, "big")).decode(),
        }
        self.key_id = base64url(hashlib.sha256(compact(self._public)).digest()).decode()

    def jwks(self) -> dict[str, object]:
        """Return what stands at /.well-known/jwks.json."""
        return {"keys": [{**self._public, "kid": self.key_id, "use": "sig", "alg": "ES256"}]}

    def header(self) -> dict[str, object]:
        """Return the header of this issuer's cards."""
        return {"zip": "DEF", "alg": "ES256", "kid": self.key_id}

    def claims(self, resources: Sequence[Mapping[str, object]] = (PATIENT, IMMUNIZATION)) -> dict[str, object]:
        """Return the claims of a card that attests `resources`."""
        entries = [{"fullUrl": f"resource:{place}", "resource": dict(one)} for place, one in enumerate(resources)]
        return {
            "iss": self.url,
            "nbf": 1_687_450_764.656,
            "vc": {
                "type": ["https://smarthealth.cards#health-card"],
                "credentialSubject": {
                    "fhirVersion": "4.0.1",
                    "fhirBundle": {"resourceType": "Bundle", "type": "collection", "entry": entries},
                },
                "rid": "MKyCxh7p6uQ",
            },
        }

    def issue(self, claims: Mapping[str, object] | None = None) -> bytes:
        """Return a card as a compact JWS."""
        return self.sign(compact(self.header()), deflate(compact(self.claims() if claims is None else claims)))

    def sign(self, header: bytes, payload: bytes) -> bytes:
        """Return the compact JWS of exactly these bytes, rightly signed whatever they are."""
        signing_input = base64url(header) + b"." + base64url(payload)
        r, s = utils.decode_dss_signature(self.key.sign(signing_input, ec.ECDSA(hashes.SHA256())))
        return signing_input + b"." + base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def to_digits(token: bytes) -> bytes:
    """Return the two digits of each character."""
    return b"".join(b"%02d" % (character - 45) for character in token)


def to_qr(token: bytes) -> bytes:
    """Return the QR text of a whole card."""
    return b"shc:/" + to_digits(token)


def to_chunks(token: bytes, count: int) -> list[bytes]:
    """Return the QR texts of a card in `count` balanced chunks (framework 1.2.3)."""
    size = -(-len(token) // count)
    return [
        b"shc:/%d/%d/" % (place + 1, count) + to_digits(token[place * size : (place + 1) * size])
        for place in range(count)
    ]
