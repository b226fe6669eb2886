"""A receipt says exactly what was disclosed, and anybody can check it with the published key set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.disclosure import disclose
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.receipts.receipt import LIFETIME_S, RECEIPT_TYPE, ReceiptIssuer
from gateway.status.observe import observe
from gateway.values import Caller, CallerId, CallerKind, DivisionCode, Profile, Purpose
from keys.signer import Signer, generate_dev_key, open_signer, public_jwks
from tests.unit.codes import AT, GUIZHOU, authentic

CALLER = Caller(CallerId("station-7"), CallerKind.TLS_PEER)
DECISION = PolicyBook.load(SHIPPED).decide(observe(authentic(), {}, AT), DivisionCode("330000"), AT)
CORE = {"iss", "aud", "iat", "exp", "jti", "purpose", "measure", "reasons"}
AS_OF_THEN: Any = {"verify_iat": False, "verify_exp": False}


def p256(path: Path) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path.chmod(0o600)
    return open_signer(f"file:{path}")


def receipt_of(signer: Signer, profile: Profile, request_id: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    issuer = ReceiptIssuer("https://gateway.example", signer)
    token = issuer.issue(
        disclose(DECISION, profile), caller=CALLER, purpose=Purpose.TRANSPORT_ARRIVAL, request_id=request_id
    ).text
    (published,) = json.loads(public_jwks([signer]))["keys"]
    header = jwt.get_unverified_header(token)
    assert header["kid"] == published["kid"]
    claims = jwt.decode(
        token, jwt.PyJWK(published), algorithms=["EdDSA", "ES256"], audience="station-7", options=AS_OF_THEN
    )
    return header, claims


def test_a_gate_gets_a_receipt_of_the_core_and_nothing_more(tmp_path: Path) -> None:
    header, claims = receipt_of(generate_dev_key(tmp_path / "key.pem"), Profile.GATE)
    assert header["typ"] == RECEIPT_TYPE
    assert set(claims) == CORE
    assert (claims["measure"], claims["reasons"]) == ("PASS", ["STATE_GREEN", "NOT_PUBLISHED"])
    assert (claims["iat"], claims["purpose"]) == (int(AT), "TRANSPORT_ARRIVAL")
    assert claims["exp"] == int(AT) + LIFETIME_S
    assert GUIZHOU not in json.dumps(claims)


def test_staff_get_a_receipt_of_what_they_saw(tmp_path: Path) -> None:
    _, claims = receipt_of(p256(tmp_path / "key.pem"), Profile.STAFF, "request-1")
    shown = {"issuer", "issuer_division", "state", "format", "assurance", "observed_time", "valid_until_time"}
    assert set(claims) == CORE | shown | {"request_id", "rule_version"}
    assert (claims["issuer"], claims["state"], claims["request_id"]) == (GUIZHOU, "GREEN", "request-1")
    assert "code-1" not in json.dumps(claims)


def test_a_receipt_is_bound_to_its_caller_and_never_twice_the_same(tmp_path: Path) -> None:
    signer = generate_dev_key(tmp_path / "key.pem")
    ids = {receipt_of(signer, Profile.GATE)[1]["jti"] for _ in range(3)}
    assert len(ids) == 3
    token = (
        ReceiptIssuer("g", signer)
        .issue(disclose(DECISION, Profile.GATE), caller=CALLER, purpose=Purpose.VENUE_ENTRY, request_id="")
        .text
    )
    key = jwt.PyJWK(dict(signer.public_jwk))
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, key, algorithms=["EdDSA"], audience="station-8", options=AS_OF_THEN)
