"""The published SMART Health Cards revocation list is honoured: for each of its entries, and for nothing else.

The examples carry only one of the ids on the list. Here a test key stands under the list's key id, and signs a card for
each.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.pipeline import Pipeline
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.trust.snapshot import TrustSnapshot, index_revocations
from gateway.values import Decision, Format, Instant, IssuerProfile
from keys.jwk import keys_from_jwks
from keys.revocation import RevocationList, revocation_list_from_crl
from keys.ring import KeyRing
from keys.values import IssuerId
from tests.simulators.shc_issuer import ShcIssuer, to_qr
from tests.vectors import require_vectors

ISSUER = IssuerId("https://spec.smarthealth.cards/examples/issuer")
POLICIES = PolicyBook.load(SHIPPED)
AT = Instant(1_700_000_000.0)

ENTRIES: dict[str, Instant | None] = {
    # rid -> the second before which cards are revoked; None: for good
    "vwAjHdarZuc": Instant(1_687_450_765.0),
    "FKDIxsTCGlU": None,
    "XkNHp2Iyk0Y": Instant(1_687_450_765.0),
    "TqB_qu_6OtM": None,
}


@pytest.fixture(scope="module")
def published() -> RevocationList:
    (file,) = (require_vectors() / "shc" / "issuer" / "crl").iterdir()
    return revocation_list_from_crl(json.loads(file.read_text()))


@pytest.fixture(scope="module")
def issuer(published: RevocationList) -> ShcIssuer:
    found = ShcIssuer(ISSUER)
    found.key_id = published.key_id.decode()
    return found


def pipeline(issuer: ShcIssuer, *lists: RevocationList) -> Pipeline:
    taken, _ = keys_from_jwks(issuer.jwks(), issuer=ISSUER)
    keys = KeyRing(taken)
    profiles = {ISSUER: IssuerProfile(ISSUER, None, frozenset({Format.SHC}))}
    revocations = index_revocations((ISSUER, one) for one in lists)
    return Pipeline(TrustSnapshot(keys, profiles, revocations), POLICIES)


def card(issuer: ShcIssuer, rid: str | None, issued: float) -> bytes:
    claims: dict[str, Any] = issuer.claims()
    claims["nbf"] = issued
    claims["vc"]["rid"] = rid
    if rid is None:
        del claims["vc"]["rid"]
    return issuer.issue(claims)


def judged(asked: Pipeline, code: bytes) -> Decision:
    decision = asked.verify(code, at=AT, division=None)
    assert isinstance(decision, Decision)
    return decision


def test_the_list_is_the_one_that_these_tests_know(published: RevocationList) -> None:
    assert published.key_id == b"3Kfdg-XwP-7gXyywtUfUADwBumDOPKMQx-iELL11W9s"
    assert dict(published.revoked) == ENTRIES


@pytest.mark.parametrize(("rid", "before"), ENTRIES.items())
def test_a_card_on_the_published_list_is_revoked(
    published: RevocationList, issuer: ShcIssuer, rid: str, before: Instant | None
) -> None:
    for issued in (1_600_000_000.0, 1_687_450_764.656) + (() if before else (1_699_999_999.0,)):
        for code in (card(issuer, rid, issued), to_qr(card(issuer, rid, issued))):
            assert judged(pipeline(issuer, published), code).reasons[0].name == "REVOKED"
            assert judged(pipeline(issuer, published), code).measure.name == "DENY"
            assert judged(pipeline(issuer), code).reasons[0].name != "REVOKED"


@pytest.mark.parametrize("rid", [rid for rid, before in ENTRIES.items() if before])
@pytest.mark.parametrize("later_s", [0.0, 0.5, 86_400.0])
def test_a_card_that_was_issued_anew_is_not(
    published: RevocationList, issuer: ShcIssuer, rid: str, later_s: float
) -> None:
    code = card(issuer, rid, 1_687_450_765.0 + later_s)
    assert judged(pipeline(issuer, published), code).reasons[0].name != "REVOKED"


@pytest.mark.parametrize("rid", [None, "MKyCxh7p6uQ", "FKDIxsTCGlUx", "fkdixstcglu", "vwAjHdarZuc.1687450765"])
def test_a_card_with_another_id_or_none_is_not(published: RevocationList, issuer: ShcIssuer, rid: str | None) -> None:
    assert judged(pipeline(issuer, published), card(issuer, rid, 1_600_000_000.0)).reasons[0].name != "REVOKED"


def test_the_list_of_one_key_says_nothing_of_another(published: RevocationList) -> None:
    other = ShcIssuer(ISSUER)
    code = card(other, "FKDIxsTCGlU", 1_600_000_000.0)
    assert judged(pipeline(other, published), code).reasons[0].name != "REVOKED"
