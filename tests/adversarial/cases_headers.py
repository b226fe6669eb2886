"""Attacks by what a header says: algorithm, key id, where a key is to be had, what kind of token it is."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from functools import partial

from cryptography.hazmat.primitives import serialization

from keys.values import Algorithm
from tests.simulators.shc_issuer import base64url
from tests.simulators.signing import make_key
from tests.simulators.vdsnc_issuer import make_vdsnc_issuer

from .case import (
    ALGORITHM_MISMATCH,
    BAD_CLAIM,
    BAD_COMPRESSION,
    BAD_ENVELOPE,
    BAD_SIGNATURE,
    CRITICAL_HEADER,
    MISSING_CLAIM,
    TOO_LARGE,
    UNKNOWN_KEY,
    UNSUPPORTED_ALGORITHM,
    WRONG_TYPE,
    Case,
    Mutation,
)
from .remake import card, dcc, jws, jws_signed_as, proof, put, put_at, qr, seal, whole, without
from .world import World


def _unsigned(name: str) -> Mutation:
    return jws_signed_as(lambda _world, _input: b"", header=put(alg=name))


def _public(world: World, form: str) -> bytes:
    key = world.guizhou["RS256"].public if form != "raw" else world.guizhou["Ed25519"].public
    assert not isinstance(key, bytes)
    if form == "raw":
        return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    encoding = serialization.Encoding.PEM if form == "PEM" else serialization.Encoding.DER
    return key.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def _hmac(form: str, name: str = "HS256") -> Mutation:
    return jws_signed_as(
        lambda world, signing_input: hmac.digest(_public(world, form), signing_input, hashlib.sha256),
        header=put(alg=name),
    )


def _by_stranger(algorithm: Algorithm, **members: object) -> Mutation:
    """Name a key of one's own in the header and sign with it."""

    def mutate(world: World, code: bytes) -> bytes:
        stranger = make_key(algorithm, "stranger")
        public = stranger.public
        assert not isinstance(public, bytes)
        spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        said = {name: [base64url(spki).decode()] if value is spki_here else value for name, value in members.items()}
        return jws_signed_as(lambda _, signing_input: stranger.sign(signing_input), header=put(**said))(world, code)

    return mutate


spki_here = object()


def _hcert_by_stranger(world: World, code: bytes) -> bytes:
    stranger = make_key(Algorithm.ES256, "stranger")
    return dcc(unprotected={33: b"a certificate"})(replace(world, country=stranger), code)


def _vdsnc_by_stranger(world: World, _code: bytes) -> bytes:
    return make_vdsnc_issuer(world.vdsnc.state).issue()


def _vdsnc_by_stranger_under_the_right_certificate(world: World, _code: bytes) -> bytes:
    return replace(make_vdsnc_issuer(world.vdsnc.state), certificate=world.vdsnc.certificate).issue()


def _vdsnc_without_certificate(world: World, code: bytes) -> bytes:
    return proof(without("cer"))(world, _vdsnc_by_stranger(world, code))


algorithm = partial(Case, "alg none and case")
confusion = partial(Case, "RS to HS and other algorithm confusion")
key_id = partial(Case, "kid injection")
pointer = partial(Case, "jku, x5u, x5c, jwk")
kind = partial(Case, "typ confusion")
critical = partial(Case, "critical headers")


CASES = (
    *(
        algorithm(f"alg {name!r}, no signature", "jws Ed25519", _unsigned(name), *UNSUPPORTED_ALGORITHM)
        for name in ("none", "None", "nOnE", "NONE", "", " none")
    ),
    *(
        algorithm(f"alg {name!r}, rightly signed", "jws ES256", jws(header=put(alg=name)), *UNSUPPORTED_ALGORITHM)
        for name in ("es256", "Es256", "ES256 ", "ES512", "ES256K", "SHA256")
    ),
    algorithm("alg 'eddsa', rightly signed", "jws Ed25519", jws(header=put(alg="eddsa")), *UNSUPPORTED_ALGORITHM),
    algorithm("alg is no text", "jws Ed25519", jws(header=put(alg=["EdDSA"])), *BAD_ENVELOPE),
    algorithm("alg is null", "jws Ed25519", jws(header=put(alg=None)), *BAD_ENVELOPE),
    algorithm("no alg", "jws Ed25519", jws(header=without("alg")), *BAD_ENVELOPE),
    algorithm("card with alg none", "shc", card(header=put(alg="none")), *UNSUPPORTED_ALGORITHM),
    algorithm("HCERT with alg 0", "hcert", dcc(header=put_at((1, 0))), *UNSUPPORTED_ALGORITHM),
    algorithm("HCERT with alg 'none'", "hcert", dcc(header=put_at((1, "none"))), *UNSUPPORTED_ALGORITHM),
    algorithm("QR with alg 5 (HMAC)", "qr ES256", qr(header=put_at((1, 5))), *UNSUPPORTED_ALGORITHM),
    algorithm("QR without alg", "qr ES256", qr(header=without(1)), *BAD_ENVELOPE),
    confusion("HS256 with the public key in PEM", "jws RS256", _hmac("PEM"), *UNSUPPORTED_ALGORITHM),
    confusion("HS256 with the public key in DER", "jws RS256", _hmac("DER"), *UNSUPPORTED_ALGORITHM),
    confusion("HS256 with the raw public key", "jws Ed25519", _hmac("raw"), *UNSUPPORTED_ALGORITHM),
    *(
        confusion(
            f"{name} with the public key", "jws RS256", _hmac("PEM", name), *ALGORITHM_MISMATCH
        )
        for name in ("PS256", "ES256", "EdDSA")
    ),
    confusion("RS256 named, HMAC made", "jws RS256", _hmac("PEM", "RS256"), *BAD_SIGNATURE),
    confusion("a PS256 key asked to do RS256", "jws PS256", jws(header=put(alg="RS256")), *ALGORITHM_MISMATCH),
    confusion("ES256 key, SM2 named", "jws ES256", jws(header=put(alg="SM2")), *ALGORITHM_MISMATCH),
    confusion("SM2 key, ES256 named", "jws SM2", jws(header=put(alg="ES256")), *ALGORITHM_MISMATCH),
    confusion("HCERT of ES256, PS256 named", "hcert", dcc(header=put_at((1, -37))), *ALGORITHM_MISMATCH),
    confusion("QR of Ed25519, ES256 named", "qr Ed25519", qr(header=put_at((1, -7))), *ALGORITHM_MISMATCH),
    key_id("a path", "jws Ed25519", jws(header=put(kid="../../../../../dev/null")), *UNKNOWN_KEY),
    key_id("SQL", "jws Ed25519", jws(header=put(kid="x' UNION SELECT 'key")), *BAD_CLAIM),
    key_id("SQL without a space", "jws Ed25519", jws(header=put(kid="x'/**/OR/**/1=1--")), *UNKNOWN_KEY),
    key_id("NUL behind the right one", "jws Ed25519", jws(header=put(kid="gz-Ed25519\0")), *BAD_CLAIM),
    key_id("a megabyte", "jws Ed25519", jws(header=put(kid="k" * 1_000_000)), *TOO_LARGE),
    key_id("3 kilobytes", "jws Ed25519", jws(header=put(kid="k" * 2_500)), *BAD_ENVELOPE),
    key_id("empty", "jws Ed25519", jws(header=put(kid="")), *BAD_ENVELOPE),
    key_id("a number", "jws Ed25519", jws(header=put(kid=1)), *BAD_ENVELOPE),
    key_id("missing", "jws Ed25519", jws(header=without("kid")), *MISSING_CLAIM),
    key_id("another key of this issuer", "jws Ed25519", jws(header=put(kid="shared")), *BAD_SIGNATURE),
    key_id("card: a path", "shc", card(header=put(kid="/etc/passwd")), *UNKNOWN_KEY),
    key_id("card: NUL", "shc", card(header=put(kid="\0")), *UNKNOWN_KEY),
    key_id("card: 30 kilobytes", "shc", card(header=put(kid="k" * 20_000)), *TOO_LARGE),
    key_id("HCERT: a path", "hcert", dcc(header=put_at((4, b"/dev/null"))), *UNKNOWN_KEY),
    key_id("HCERT: text in place of bytes", "hcert", dcc(header=put_at((4, "xa-key-8"))), *BAD_ENVELOPE),
    key_id("HCERT: a wrong one protected, the right one not", "hcert",
           dcc(header=put_at((4, b"wrong-id")), unprotected={4: b"xa-key-8"}), *UNKNOWN_KEY),
    key_id("QR: line feed behind the right one", "qr Ed25519", qr(header=put_at((4, b"gz-Ed25519\n"))), *BAD_CLAIM),
    pointer("jku", "jws ES256", _by_stranger(Algorithm.ES256, jku="https://attacker.example/jwks"), *BAD_SIGNATURE),
    pointer("x5u", "jws ES256", _by_stranger(Algorithm.ES256, x5u="https://attacker.example/c"), *BAD_SIGNATURE),
    pointer("x5c", "jws ES256", _by_stranger(Algorithm.ES256, x5c=spki_here), *BAD_SIGNATURE),
    pointer("jwk", "jws Ed25519",
            _by_stranger(Algorithm.ED25519, jwk={"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}), *BAD_SIGNATURE),
    pointer("jku and a kid of one's own", "jws ES256",
            _by_stranger(Algorithm.ES256, jku="https://attacker.example/", kid="stranger"), *UNKNOWN_KEY),
    pointer("x5u to a file", "jws ES256", _by_stranger(Algorithm.ES256, x5u="file:///etc/passwd"), *BAD_SIGNATURE),
    pointer("HCERT with x5chain", "hcert", _hcert_by_stranger, *BAD_SIGNATURE),
    pointer("VDS-NC with a certificate of one's own", "vdsnc", _vdsnc_by_stranger, *UNKNOWN_KEY),
    pointer("VDS-NC with the right certificate, signed by another", "vdsnc",
        _vdsnc_by_stranger_under_the_right_certificate,
            *BAD_SIGNATURE),
    pointer("VDS-NC without a certificate, signed by another", "vdsnc", _vdsnc_without_certificate, *UNKNOWN_KEY),
    *(
        kind(f"typ {name}", "jws Ed25519", jws(header=put(typ=name)), *WRONG_TYPE)
        for name in ("statuslist+jwt", "application/statuslist+jwt", "at+jwt", "dc+sd-jwt", "kb+jwt", "dpop+jwt",
                     "token-introspection+jwt", "HCG+JWT", "hcg+jwt ", "")
    ),
    kind("typ JWT", "jws Ed25519", jws(header=put(typ="JWT")), *BAD_COMPRESSION),
    kind("no typ", "jws Ed25519", jws(header=without("typ")), *BAD_COMPRESSION),
    kind("typ is a list", "jws Ed25519", jws(header=put(typ=["hcg+jwt"])), *BAD_ENVELOPE),
    kind("a card that calls itself a status list", "shc", card(header=put(typ="statuslist+jwt")), *WRONG_TYPE),
    kind("a card that calls itself a native code", "shc", card(header=put(typ="hcg+jwt")), *BAD_COMPRESSION),
    kind("QR of another type", "qr Ed25519", qr(header=put_at((16, "statuslist+cwt"))), *WRONG_TYPE),
    kind("QR without type", "qr Ed25519", qr(header=without(16)), *WRONG_TYPE),
    kind("HCERT under the native prefix, cut to its size", "hcert",
        whole(lambda code: code.replace(b"HC1:", b"HCI1:")[:305]), *BAD_ENVELOPE),
    kind("native QR under HCERT's prefix", "qr ES256", whole(lambda code: code.replace(b"HCI1:", b"HC1:")),
         *BAD_COMPRESSION),
    kind("VDS-NC of another kind", "vdsnc", seal(lambda data: data["hdr"].update(t="icao.arrival")), *WRONG_TYPE),
    critical("crit of nothing known", "jws Ed25519", jws(header=put(crit=["exp2"], exp2=1)), *CRITICAL_HEADER),
    critical("crit empty", "jws Ed25519", jws(header=put(crit=[])), *CRITICAL_HEADER),
    critical("crit null", "jws Ed25519", jws(header=put(crit=None)), *CRITICAL_HEADER),
    critical("b64 false", "jws Ed25519", jws(header=put(b64=False)), *CRITICAL_HEADER),
    critical("card with crit", "shc", card(header=put(crit=["b64"], b64=True)), *CRITICAL_HEADER),
    critical("HCERT with crit", "hcert", dcc(header=put_at((2, [99]), (99, 1))), *CRITICAL_HEADER),
    critical("HCERT with crit outside", "hcert", dcc(unprotected={2: [4]}), *CRITICAL_HEADER),
    critical("QR with crit", "qr ES256", qr(header=put_at((2, []))), *CRITICAL_HEADER),
)  # fmt: skip
