"""A state that issues ICAO VDS-NC seals, with a signer certificate of its own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.formats.vdsnc import KEY_ID_BYTES
from keys.values import Algorithm, KeyId

from .shc_issuer import base64url
from .signing import SigningKey, make_key


@dataclass(frozen=True, slots=True)
class VdsncIssuer:
    """One signer of one state."""

    state: str
    key: SigningKey
    certificate: bytes = field(repr=False)

    def seal(self) -> dict[str, object]:
        """Return what is signed for a vaccination."""
        event = {
            "des": "XM68M6",
            "dis": "RA01.0",
            "nam": "X",
            "vd": [{"dvc": "2021-03-03", "seq": 1, "ctr": self.state}],
        }
        person = {"n": "SPECIMEN PROBE", "dob": "1990-01-02", "sex": "F", "i": "A1234567Z"}
        return {
            "hdr": {"t": "icao.vacc", "v": 1, "is": self.state},
            "msg": {"uvci": "U32870", "pid": person, "ve": [event]},
        }

    def issue(self, data: dict[str, object] | None = None) -> bytes:
        """Return the code of a seal, rightly signed whatever it says."""
        signed = self.seal() if data is None else data
        canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        proof = {
            "alg": self.key.algorithm.value,
            "cer": base64url(self.certificate).decode(),
            "sigvl": base64url(self.key.sign(canonical)).decode(),
        }
        return json.dumps({"data": signed, "sig": proof}, separators=(",", ":")).encode()


def make_vdsnc_issuer(state: str) -> VdsncIssuer:
    """Return a state with a new key, whose key id is that of its certificate."""
    key = make_key(Algorithm.ES256, "later")
    private = key.private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Signer")])
    start = datetime(2021, 1, 1, tzinfo=UTC)
    built = x509.CertificateBuilder(name, name, private.public_key(), 1, start, start + timedelta(days=3650))
    certificate = built.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    key_id = KeyId(hashlib.sha256(certificate).digest()[:KEY_ID_BYTES])
    return VdsncIssuer(state, SigningKey(key.algorithm, key_id, key.sign, key.public, private), certificate)
