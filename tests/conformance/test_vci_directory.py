"""The VCI directory's snapshot of 2026-08-22, a real trust list, imported whole; and the framework's bad key sets."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from keys.importing import build
from keys.jwk import SMART_HEALTH_CARD, keys_from_jwks
from keys.ring import KeyRing
from keys.trust_document import write_document
from keys.trust_list import parse_trust_list
from keys.values import Environment, Instant, IssuerId, KeyRefusal
from keys.vci import Imported, issuers_from_vci
from tests.vectors import require_vectors


def imported() -> Imported:
    snapshot = require_vectors() / "vci-directory" / "vci_snapshot.json"
    return issuers_from_vci(json.loads(snapshot.read_bytes()))


def test_every_issuer_is_imported_and_every_refused_key_is_told() -> None:
    found = imported()
    assert len(found.issuers) == 651
    assert sum(len(issuer.keys) for issuer in found.issuers) == 959
    assert Counter(one.reason for one in found.refused) == {KeyRefusal.MALFORMED: 2}
    # two issuers wrote a coordinate with its leading zero byte cut off
    assert [one.detail for one in found.refused] == ["x has 31 bytes, not 32"] * 2
    assert found.faults == ()
    lists = [one for issuer in found.issuers for one in issuer.revocations]
    assert len(lists) == 6
    assert sum(len(one.revoked) for one in lists) == 1343


def test_the_list_made_of_it_is_read_back_with_every_key() -> None:
    found = imported()
    document = build(found.issuers, into=None, environment=Environment.TEST, issued=Instant(1_787_270_400))
    trusted = parse_trust_list(write_document(document))
    assert trusted.refused == ()
    assert sum(len(issuer.keys) for issuer in trusted.issuers) == 959
    ring = KeyRing(key for issuer in trusted.issuers for key in issuer.keys)
    shared = Counter(key.key_id for issuer in trusted.issuers for key in issuer.keys)
    assert sum(1 for count in shared.values() if count > 1) == 46
    for issuer in trusted.issuers:
        for key in issuer.keys:
            assert {one.issuer for one in ring.find(issuer.issuer, key.key_id)} == {issuer.issuer}


@pytest.mark.parametrize(
    ("name", "taken", "reasons"),
    [
        ("valid_key", 1, []),
        ("wrong_alg_key", 0, [KeyRefusal.UNSUPPORTED_ALGORITHM]),
        ("wrong_curve_key", 0, [KeyRefusal.UNSUPPORTED_CURVE]),
        ("wrong_kid_key", 0, [KeyRefusal.WRONG_KEY_ID]),
        ("wrong_kty_key", 0, [KeyRefusal.UNSUPPORTED_KEY_TYPE]),
        ("wrong_use_key", 0, [KeyRefusal.WRONG_USE]),
    ],
)
def test_each_faulty_key_set_is_refused_for_its_own_fault(name: str, taken: int, reasons: list[KeyRefusal]) -> None:
    jwks = json.loads((require_vectors() / "shc" / "faults" / "jwks" / f"{name}.json").read_bytes())
    keys, refused = keys_from_jwks(
        jwks, issuer=IssuerId("https://example.org"), algorithms=SMART_HEALTH_CARD, require_thumbprint=True
    )
    assert (len(keys), [one.reason for one in refused]) == (taken, reasons)


def test_the_example_issuers_keys_are_taken() -> None:
    jwks = json.loads((require_vectors() / "shc" / "issuer" / "jwks.json").read_bytes())
    keys, refused = keys_from_jwks(
        jwks, issuer=IssuerId("https://example.org"), algorithms=SMART_HEALTH_CARD, require_thumbprint=True
    )
    assert (len(keys), refused) == (2, [])
