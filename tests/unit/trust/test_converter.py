"""A gateway's own converted codes are trusted by itself: in memory, beside what the trust lists say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.trust.snapshot import TrustSnapshot, snapshot_of, with_converter
from gateway.values import Format, Instant, IssuerId
from keys.signer import SIGNING, Signer, generate_dev_key
from keys.sm2_settings import OWN_SETTINGS
from keys.trust_document import ListedIssuer, ListedKey, TrustDocument, write_document
from keys.trust_list import parse_trust_list
from keys.values import Algorithm, Environment
from tests.unit.codes import AT

OURS = IssuerId("https://interop.zj.example")
GUIZHOU = IssuerId("https://code.gz.example")


@pytest.fixture(params=SIGNING)
def signer(tmp_path: Path, request: pytest.FixtureRequest) -> Signer:
    return generate_dev_key(tmp_path / "key.pem", request.param)


def listed(*issuers: ListedIssuer) -> TrustSnapshot:
    expires = Instant(AT + 86_400)
    document = TrustDocument(1, Environment.TEST, AT, issuers, expires)
    return snapshot_of([parse_trust_list(write_document(document))], epoch=4)


def issuer_with(
    key: Signer, name: IssuerId, *, converts: bool, formats: frozenset[str] = frozenset({"native"})
) -> ListedIssuer:
    sm2 = OWN_SETTINGS if key.algorithm is Algorithm.SM2 else None
    keys = (ListedKey(key.algorithm.value, key.key_id, dict(key.public_jwk), sm2=sm2),)
    return ListedIssuer(name, "Sample", formats, keys, converts=converts)


def test_the_gateway_trusts_its_own_converted_codes(signer: Signer, tmp_path: Path) -> None:
    province = generate_dev_key(tmp_path / "other.pem")
    before = listed(issuer_with(province, GUIZHOU, converts=False))
    after = with_converter(before, OURS, signer)
    profile = after.issuers[OURS]
    assert (profile.converts, profile.division) == (True, None)
    assert profile.formats == {Format.NATIVE}
    (key,) = after.ring.find(OURS, signer.key_id)
    assert key.verifier.verify(signer.sign(b"x"), b"x")
    assert len(after.ring.find(GUIZHOU, province.key_id)) == 1
    assert not after.issuers[GUIZHOU].converts
    assert (after.epoch, after.issued, after.expires) == (before.epoch, before.issued, before.expires)
    assert OURS not in before.issuers
    assert before.ring.find(OURS, signer.key_id) == ()


def test_what_a_list_says_of_it_stays_beside(signer: Signer, tmp_path: Path) -> None:
    retired = generate_dev_key(tmp_path / "old.pem")
    after = with_converter(listed(issuer_with(retired, OURS, converts=True)), OURS, signer)
    assert len(after.ring.find(OURS, retired.key_id)) == 1
    assert len(after.ring.find(OURS, signer.key_id)) == 1
    again = with_converter(listed(issuer_with(signer, OURS, converts=True)), OURS, signer)
    assert all(key.verifier.verify(signer.sign(b"x"), b"x") for key in again.ring.find(OURS, signer.key_id))


@pytest.mark.parametrize(
    ("converts", "formats"), [(False, frozenset({"native"})), (True, frozenset({"hcert"})), (False, frozenset({"shc"}))]
)
def test_a_list_that_knows_it_as_something_else_is_a_mistake(
    signer: Signer, converts: bool, formats: frozenset[str]
) -> None:
    with pytest.raises(ValueError, match="converts"):
        with_converter(listed(issuer_with(signer, OURS, converts=converts, formats=formats)), OURS, signer)


def test_it_is_told_of_an_issuer_on_a_list(signer: Signer) -> None:
    assert listed(issuer_with(signer, OURS, converts=True)).issuers[OURS].converts
    assert not listed(replace(issuer_with(signer, OURS, converts=True), converts=False)).issuers[OURS].converts
