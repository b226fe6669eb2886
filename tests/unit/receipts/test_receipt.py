"""A receipt says exactly what was disclosed, and anybody can check it with the published key set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest

from gateway.clinical import ClinicalItem, ProductSystem, SealedEntry, Vaccination
from gateway.disclosure import ClinicDisclosure, disclose
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.receipts.receipt import LIFETIME_S, RECEIPT_TYPE, Answer, ReceiptIssuer
from gateway.status.observe import observe
from gateway.values import (
    Algorithm,
    Caller,
    CallerId,
    CallerKind,
    CodeMarks,
    DivisionCode,
    Handle,
    Instant,
    PairwiseHandle,
    Profile,
    Purpose,
)
from keys.signer import SIGNING, Signer, generate_dev_key, public_jwks
from tests.unit.codes import AT, GUIZHOU, authentic
from tests.unit.receipts.pyjwt_sm2 import pyjwt_claims

CALLER = Caller(CallerId("station-7"), CallerKind.TLS_PEER)
DECISION = PolicyBook.load(SHIPPED).decide(observe(authentic(), {}, AT), DivisionCode("330000"), AT)
CORE = {"iss", "aud", "iat", "exp", "jti", "purpose", "measure", "reasons"}
AS_OF_THEN: Any = {"verify_iat": False, "verify_exp": False}


def receipt_of(signer: Signer, profile: Profile, request_id: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    issuer = ReceiptIssuer("https://gateway.example", signer)
    token = issuer.issue(Answer(disclose(DECISION, profile), CALLER, Purpose.TRANSPORT_ARRIVAL, request_id)).text
    (published,) = json.loads(public_jwks([signer]))["keys"]
    header = jwt.get_unverified_header(token)
    assert header["kid"] == published["kid"]
    return header, pyjwt_claims(token, published, audience="station-7", options=AS_OF_THEN)


@pytest.mark.parametrize("algorithm", SIGNING)
def test_a_gate_gets_a_receipt_of_the_core_and_nothing_more(tmp_path: Path, algorithm: Algorithm) -> None:
    header, claims = receipt_of(generate_dev_key(tmp_path / "key.pem", algorithm), Profile.GATE)
    assert header["alg"] == {"Ed25519": "EdDSA"}.get(algorithm.value, algorithm.value)
    assert header["typ"] == RECEIPT_TYPE
    assert set(claims) == CORE
    assert (claims["measure"], claims["reasons"]) == ("PASS", ["STATE_GREEN", "NOT_PUBLISHED"])
    assert (claims["iat"], claims["purpose"]) == (int(AT), "TRANSPORT_ARRIVAL")
    assert claims["exp"] == int(AT) + LIFETIME_S
    assert GUIZHOU not in json.dumps(claims)


@pytest.mark.parametrize("algorithm", SIGNING)
def test_staff_get_a_receipt_of_what_they_saw(tmp_path: Path, algorithm: Algorithm) -> None:
    _, claims = receipt_of(generate_dev_key(tmp_path / "key.pem", algorithm), Profile.STAFF, "request-1")
    shown = {"issuer", "issuer_division", "state", "format", "assurance", "observed_time", "valid_until_time"}
    assert set(claims) == CORE | shown | {"request_id"}
    assert (claims["issuer"], claims["state"], claims["request_id"]) == (GUIZHOU, "GREEN", "request-1")
    assert "code-1" not in json.dumps(claims)


def test_a_province_gets_a_receipt_of_what_staff_see_and_the_version_without_her_handle(tmp_path: Path) -> None:
    signer = generate_dev_key(tmp_path / "key.pem")
    _, staff = receipt_of(signer, Profile.STAFF)
    said = disclose(DECISION, Profile.PROVINCE, handle=PairwiseHandle(Handle("h" * 22), Instant(AT + 60)))
    draft = ReceiptIssuer("https://gateway.example", signer).draft(Answer(said, CALLER, Purpose.TRANSPORT_ARRIVAL))
    claims = json.loads(draft.payload)
    assert set(claims) == set(staff) | {"rule_version"}
    assert claims["rule_version"] == DECISION.rule_version
    assert "h" * 22 not in draft.payload.decode()


def test_a_clinic_gets_a_receipt_of_the_core(tmp_path: Path) -> None:
    sealed = SealedEntry(Vaccination("2021-05-05", ProductSystem.CVX, "208"))
    proven = replace(DECISION, clinical=sealed, marks=CodeMarks(GUIZHOU, b"somebody"))
    said = disclose(proven, Profile.CLINIC, item=ClinicalItem.LATEST_VACCINATION)
    assert isinstance(said, ClinicDisclosure)
    assert said.entry == sealed.open()
    draft = ReceiptIssuer("https://gateway.example", generate_dev_key(tmp_path / "key.pem")).draft(
        Answer(said, CALLER, Purpose.MEDICAL_CARE)
    )
    assert set(json.loads(draft.payload)) == CORE
    assert b"2021-05-05" not in draft.payload


def test_a_receipt_is_bound_to_its_caller_and_never_twice_the_same(tmp_path: Path) -> None:
    signer = generate_dev_key(tmp_path / "key.pem")
    ids = {receipt_of(signer, Profile.GATE)[1]["jti"] for _ in range(3)}
    assert len(ids) == 3
    token = ReceiptIssuer("g", signer).issue(Answer(disclose(DECISION, Profile.GATE), CALLER, Purpose.VENUE_ENTRY)).text
    key = jwt.PyJWK(dict(signer.public_jwk))
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, key, algorithms=["EdDSA"], audience="station-8", options=AS_OF_THEN)
