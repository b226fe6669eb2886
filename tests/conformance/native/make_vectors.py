"""Makes vectors.json: native codes that this project signs itself, with keys that everybody can derive.

Run `python -m tests.conformance.native.make_vectors` to print it. The private keys are SHA-256 of a public sentence:
they protect nothing and must never stand on a production trust list. Both signatures are deterministic (RFC 8032 and
RFC 6979), so that the file is the same on every run.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.formats import base45, cbor, cose
from gateway.formats.native_encode import NativeClaims, encode_jws, encode_qr
from gateway.values import Algorithm, KeyId

SENTENCE = "healthcode-gateway native code test key, never trust it: "

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class TestKey:
    """A key that protects nothing."""

    __test__ = False

    key_id: KeyId
    algorithm: Algorithm
    sign: Callable[[bytes], bytes]
    jwk: Mapping[str, str]


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def ed25519_key() -> TestKey:
    """Return the Ed25519 test key."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{SENTENCE}Ed25519".encode()).digest())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public), "kid": "gz-ed-1", "alg": "Ed25519", "use": "sig"}
    return TestKey(KeyId(b"gz-ed-1"), Algorithm.ED25519, key.sign, jwk)


def es256_key() -> TestKey:
    """Return the ES256 test key."""
    secret = int.from_bytes(hashlib.sha256(f"{SENTENCE}ES256".encode()).digest(), "big") % (_P256_ORDER - 1) + 1
    key = ec.derive_private_key(secret, ec.SECP256R1())
    point = key.public_key().public_numbers()

    def sign(message: bytes) -> bytes:
        encoded = key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = utils.decode_dss_signature(encoded)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": _base64url(point.x.to_bytes(32, "big")),
        "y": _base64url(point.y.to_bytes(32, "big")),
        "kid": "zj-es-1",
        "alg": "ES256",
        "use": "sig",
    }
    return TestKey(KeyId(b"zj-es-1"), Algorithm.ES256, sign, jwk)


LEAST = NativeClaims(
    issuer="https://code.guizhou.example",
    division="520000",
    state="green",
    issue_time=1_600_000_000,
    expire_time=1_600_086_400,
    code_id="3q2-7wAB",
)
FULL = NativeClaims(
    issuer="https://code.zhejiang.example",
    division="330000",
    state="orange",
    issue_time=1_600_000_000,
    expire_time=1_600_003_600,
    code_id="AAECAwQFBgcICQoLDA0ODw",
    not_before=1_600_000_060,
    subject="r-5f1c9b04",
    status_uri="https://status.zhejiang.example/lists/12",
    status_index=734_003,
    holder_key=_base64url(hashlib.sha256(b"the holder's key").digest()),
)
BOUND = LEAST._replace(
    state="under_review",
    code_id="4r3-8xBC",
    holder_commitment=_base64url(hashlib.sha256(b"the holder's secret").digest()),
)
CONVERTED = NativeClaims(
    issuer="https://interop.zhejiang.example",
    division="330000",
    state="green",
    issue_time=1_600_000_000,
    expire_time=1_600_014_400,
    code_id="nX2-7wABq0Zk",
    status_uri="https://interop.zhejiang.example/status/Xy3_-aQ9",
    status_index=77_001,
    audience="330000",
    origin_issuer="https://code.guizhou.example",
    origin_division="520000",
)


def _accepted(name: str, claims: NativeClaims, key: TestKey) -> dict[str, object]:
    said = {claim: value for claim, value in claims._asdict().items() if value is not None}
    how = {"key_id": key.key_id, "algorithm": key.algorithm, "sign": key.sign}
    return {
        "name": name,
        "claims": said,
        "algorithm": key.algorithm.value,
        "key_id": key.key_id.decode(),
        "jws": encode_jws(claims, **how),  # type: ignore[arg-type]
        "qr": encode_qr(claims, **how),  # type: ignore[arg-type]
    }


def _signed_jws(header: str, payload: str, key: TestKey) -> str:
    signing_input = f"{_base64url(header.encode())}.{_base64url(payload.encode())}"
    return f"{signing_input}.{_base64url(key.sign(signing_input.encode()))}"


def _signed_qr(header: Mapping[int, object], payload: bytes, key: TestKey) -> str:
    return (b"HCI1:" + base45.encode(cose.encode_sign1(header, payload, key.sign))).decode()


def _refused(key: TestKey) -> list[dict[str, str]]:
    """Return codes that are rightly signed and break one rule each."""
    head = '{"alg":"Ed25519","kid":"gz-ed-1","typ":"hcg+jwt"}'
    body = (
        '{"iss":"https://code.guizhou.example","div":"520000","st":"green","iat":1600000000,"exp":1600086400,'
        '"jti":"3q2-7wAB"}'
    )
    cose_head = {1: -8, 4: b"gz-ed-1", 16: "hcg+cwt"}
    cwt = {1: LEAST.issuer, 4: 1_600_086_400, 6: 1_600_000_000, 7: b"3q2-7wAB", -65537: "520000", -65538: "green"}

    def jws(name: str, reason: str, *, header: str = head, payload: str = body) -> dict[str, str]:
        return {"name": name, "reason": reason, "code": _signed_jws(header, payload, key)}

    def qr(name: str, reason: str, header: Mapping[int, object], payload: Mapping[int, object]) -> dict[str, str]:
        return {"name": name, "reason": reason, "code": _signed_qr(header, cbor.encode(payload), key)}

    return [
        jws("a status list is no code", "WRONG_TYPE", header=head.replace("hcg+jwt", "statuslist+jwt")),
        jws("a type that says nothing is no native code", "BAD_COMPRESSION", header=head.replace("hcg+jwt", "JWT")),
        jws("an extension nobody knows", "CRITICAL_HEADER", header=head[:-1] + ',"crit":["x"],"x":1}'),
        jws("no key id", "MISSING_CLAIM", header='{"alg":"Ed25519","typ":"hcg+jwt"}'),
        jws("compressed", "BAD_COMPRESSION", header=head[:-1] + ',"zip":"DEF"}'),
        jws("two states", "DUPLICATE_KEY", payload=body[:-1] + ',"st":"red"}'),
        jws("no expiry", "MISSING_CLAIM", payload=body.replace('"exp":1600086400,', "")),
        jws("expiry as text", "TIME_OUT_OF_RANGE", payload=body.replace("1600086400", '"1600086400"')),
        jws("expiry with a fraction", "TIME_OUT_OF_RANGE", payload=body.replace("1600086400", "1600086400.5")),
        jws("expiry is no number", "NOT_FINITE", payload=body.replace("1600086400", "NaN")),
        jws("expires when issued", "BAD_CLAIM", payload=body.replace("1600086400", "1600000000")),
        jws("a division of four digits", "BAD_CLAIM", payload=body.replace("520000", "5200")),
        jws("a state in capitals", "BAD_CLAIM", payload=body.replace("green", "GREEN")),
        jws("a name as subject", "BAD_CLAIM", payload=body[:-1] + ',"sub":"Any Person"}'),
        jws("a null", "BAD_CLAIM", payload=body[:-1] + ',"sub":null}'),
        jws("for a division that is none", "BAD_CLAIM", payload=body[:-1] + ',"aud":"33"}'),
        jws("an origin for anybody", "MISSING_CLAIM", payload=body[:-1] + ',"org":{"iss":"a","div":"520000"}}'),
        jws("an origin without issuer", "MISSING_CLAIM", payload=body[:-1] + ',"aud":"330000","org":{"div":"520000"}}'),
        jws("another status mechanism", "BAD_CLAIM", payload=body[:-1] + ',"status":{"other":{}}}'),
        qr("no type", "WRONG_TYPE", {1: -8, 4: b"gz-ed-1"}, cwt),
        qr("no algorithm", "BAD_ENVELOPE", {4: b"gz-ed-1", 16: "hcg+cwt"}, cwt),
        qr("no key id", "MISSING_CLAIM", {1: -8, 16: "hcg+cwt"}, cwt),
        qr("no state", "MISSING_CLAIM", cose_head, {label: value for label, value in cwt.items() if label != -65538}),
        qr("expiry with a fraction", "TIME_OUT_OF_RANGE", cose_head, {**cwt, 4: 1_600_086_400.5}),
        qr("a code id as text", "BAD_CLAIM", cose_head, {**cwt, 7: "3q2-7wAB"}),
        qr("an origin as text", "BAD_CLAIM", cose_head, {**cwt, 3: "330000", -65540: "https://code.guizhou.example"}),
        qr("too much for a symbol", "TOO_LARGE", cose_head, {**cwt, 99: "x" * 200}),
    ]


def make_vectors() -> dict[str, object]:
    """Return everything that vectors.json holds."""
    ed25519_, es256 = ed25519_key(), es256_key()
    return {
        "about": "docs/native-code.md; made by make_vectors.py; the keys protect nothing",
        "keys": {"keys": [dict(ed25519_.jwk), dict(es256.jwk)]},
        "accepted": [
            _accepted("least", LEAST, ed25519_),
            _accepted("full", FULL, es256),
            _accepted("bound by a commitment", BOUND, ed25519_),
            _accepted("full, Ed25519", FULL._replace(issuer=LEAST.issuer, division=LEAST.division), ed25519_),
            _accepted("converted", CONVERTED, es256),
        ],
        "refused": _refused(ed25519_),
    }


def as_text() -> str:
    """Return the file's text."""
    return json.dumps(make_vectors(), indent=1) + "\n"


if __name__ == "__main__":
    print(as_text(), end="")
