"""The native code's own vectors: the committed file, read and verified, and made again to the byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import read_code, recognise
from gateway.values import ClaimedCode, Format, Origin, StatusPointer
from keys.strict import base64url_decode
from tests.conformance.native import make_vectors

FILE = Path(__file__).with_name("vectors.json")
VECTORS: dict[str, Any] = json.loads(FILE.read_text())
PAGE = Path(__file__).parents[3] / "docs" / "native-code.md"
KEYS: dict[str, dict[str, str]] = {key["kid"]: key for key in VECTORS["keys"]["keys"]}


def verify(claimed: ClaimedCode) -> None:
    """Verify with the published key alone, by a library that has no part in the reader."""
    assert claimed.key_id is not None
    jwk = KEYS[claimed.key_id.decode()]
    x = base64url_decode(jwk["x"].encode())
    if jwk["kty"] == "OKP":
        ed25519.Ed25519PublicKey.from_public_bytes(x).verify(claimed.signature, claimed.signed)
        return
    y = base64url_decode(jwk["y"].encode())
    point = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    r, s = (int.from_bytes(half, "big") for half in (claimed.signature[:32], claimed.signature[32:]))
    point.public_key().verify(utils.encode_dss_signature(r, s), claimed.signed, ec.ECDSA(hashes.SHA256()))


def test_the_file_is_what_its_maker_makes() -> None:
    assert FILE.read_text() == make_vectors.as_text()


@pytest.mark.parametrize("spelling", ["jws", "qr"])
@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: str(vector["name"]))
def test_accepted(vector: dict[str, Any], spelling: str) -> None:
    code = vector[spelling].encode()
    assert recognise(code) is Format.NATIVE
    claimed = read_code(code, Format.NATIVE)
    verify(claimed)
    said = vector["claims"]
    assert claimed.issuer == said["issuer"]
    assert claimed.division == said["division"]
    assert claimed.statement == said["state"]
    assert claimed.issue_time == said["issue_time"]
    assert claimed.expire_time == said["expire_time"]
    assert claimed.not_before == said.get("not_before")
    assert claimed.code_id == said["code_id"]
    assert claimed.subject == said.get("subject")
    pointer = StatusPointer(said["status_uri"], said["status_index"]) if "status_uri" in said else None
    assert claimed.status_pointer == pointer
    binding = "jkt:" + said["holder_key"] if "holder_key" in said else None
    binding = "hcm:" + said["holder_commitment"] if "holder_commitment" in said else binding
    assert claimed.holder_binding == binding
    assert claimed.audience == said.get("audience")
    origin = Origin(said["origin_issuer"], said["origin_division"]) if "origin_issuer" in said else None
    assert claimed.origin == origin
    assert claimed.algorithm == vector["algorithm"]
    assert spelling == "jws" or len(code) < 512


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: str(vector["name"]))
def test_refused(vector: dict[str, str]) -> None:
    code = vector["code"].encode()
    with pytest.raises(CodeUnreadable) as caught:
        read_code(code, recognise(code))
    assert caught.value.reason is Reason[vector["reason"]]


def test_the_page_shows_the_first_vector_and_the_keys() -> None:
    page = PAGE.read_text().replace("\n", "")
    least = VECTORS["accepted"][0]
    assert least["jws"] in page
    assert least["qr"] in page
    for key in KEYS.values():
        assert key["x"] in page
