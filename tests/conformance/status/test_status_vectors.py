"""The vectors of live status: the committed file, taken and refused by a ledger, and made again to the byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from gateway.changes import BATCH_CONTEXT, BatchSignature, SignedBatch
from gateway.publishing.settings import LedgerSettings
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Format, Instant, IssuerId, IssuerProfile, KeyId
from keys.jwk import key_from_jwk
from keys.ring import KeyRing
from keys.strict import base64url_decode
from tests.conformance.status import make_vectors
from tests.conftest import FakeClock
from tests.unit.publishing.house import House, raw_of
from tests.unit.publishing.memory_log import MemoryLog

FILE = Path(__file__).with_name("vectors.json")
VECTORS: dict[str, Any] = json.loads(FILE.read_text())
KEYS: dict[str, dict[str, str]] = {key["kid"]: key for key in VECTORS["keys"]["keys"]}
ISSUER = IssuerId(VECTORS["issuer"])


def data(text: str) -> bytes:
    return base64url_decode(text.encode())


def signed(vector: dict[str, Any]) -> SignedBatch:
    signatures = (BatchSignature(KeyId(one["key_id"].encode()), data(one["signature"])) for one in vector["signatures"])
    return SignedBatch(data(vector["batch"]), tuple(signatures))


def trust() -> TrustSnapshot:
    keys = [key_from_jwk(dict(key), issuer=ISSUER) for key in KEYS.values()]
    return TrustSnapshot(KeyRing(keys), {ISSUER: IssuerProfile(ISSUER, None, frozenset({Format.NATIVE}))}, {})


@pytest.fixture
async def house(tmp_path: Path) -> House:
    clock = FakeClock(Instant(float(VECTORS["refused_at"])))
    settings = LedgerSettings(bulk_size=VECTORS["bulk_size"])
    return await House(tmp_path / "lists", MemoryLog(), clock, settings, trust()).start()


def test_the_file_is_what_its_maker_makes() -> None:
    assert FILE.read_text() == make_vectors.as_text()


@pytest.mark.parametrize("vector", VECTORS["taken"], ids=lambda vector: str(vector["name"]))
def test_digests_and_signatures_by_hand(vector: dict[str, Any]) -> None:
    """With the published keys alone, by libraries that have no part in the gateway."""
    body = data(vector["batch"])
    assert hashlib.sha256(body).digest() == data(vector["batch_digest"])
    assert hashlib.sha256(data(vector["list"])).digest() == data(vector["state_digest"])
    assert len(data(vector["list"])) == VECTORS["capacity"] // 2
    for one in vector["signatures"]:
        key = ed25519.Ed25519PublicKey.from_public_bytes(data(KEYS[one["key_id"]]["x"]))
        key.verify(data(one["signature"]), b"hcg-status-batch-v1\0" + body)
    assert BATCH_CONTEXT == b"hcg-status-batch-v1\0"


async def test_taken(house: House) -> None:
    for vector in VECTORS["taken"]:
        assert await house.submit(signed(vector)) == (vector["number"], False)
        (head,) = house.ledger.heads()
        assert head.digest == data(vector["batch_digest"])
        if not head.closed:
            assert raw_of(house.folder, head.name) == data(vector["list"])
    assert head.closed


@pytest.mark.parametrize("number", range(len(VECTORS["refused"])))
async def test_refused(house: House, number: int) -> None:
    for taken in VECTORS["taken"][: VECTORS["refused_after"]]:
        await house.submit(signed(taken))
    vector = VECTORS["refused"][number]
    assert (await house.refusal(signed(vector))).refusal.value == vector["refusal"]
    (head,) = house.ledger.heads()
    assert raw_of(house.folder, head.name) == data(VECTORS["taken"][VECTORS["refused_after"] - 1]["list"])
