"""Rightly signed codes that must not come out better than they are.

By a key that is limited to other things, by a map on the trust list, or by a word that hides a result.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import Reason
from gateway.formats import read_code, recognise
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import CodeState, Format, IssuerProfile, KeyUse, Measure
from keys.ring import KeyRing
from keys.values import IssuerId, KeyId, TrustedKey
from tests.simulators.hcert_issuer import ddcc_test, ddcc_vaccination, icvp, lab_result
from tests.simulators.shc_issuer import IMMUNIZATION, PATIENT, RESULT

from .remake import jws, put
from .world import AT, COUNTRY, GUIZHOU, STATE, world

EVERY_WORD = (
    "green", "yellow", "red", "under_review", "unconfirmed", "stale_declaration", "vaccinated", "partly-vaccinated",
    "recovered", "tested-negative", "tested-positive", "immunization", "laboratory", "attested",
)  # fmt: skip
ALL_GREEN = dict.fromkeys(EVERY_WORD, CodeState.GREEN)
"""What an operator must not be able to write: everyone is green."""


def _trusting(key: TrustedKey, found: Format, *uses: KeyUse) -> TrustSnapshot:
    limited = replace(key, uses=frozenset(uses))
    profile = IssuerProfile(key.issuer, None, frozenset({found}), ALL_GREEN)
    return TrustSnapshot(KeyRing([limited]), {key.issuer: profile}, {})


def _country() -> TrustedKey:
    return world().country.trusted(COUNTRY)


def _cards() -> TrustedKey:
    held = world()
    place = (IssuerId(held.shc.url), KeyId(held.shc.key_id.encode()))
    return next(key for key in held.trusted() if (key.issuer, key.key_id) == place)


def _hcert(claims: dict[object, object]) -> bytes:
    return world().hcert.issue_claims({1: COUNTRY, 6: AT - 10, 4: AT + 10, **claims})


V, T, R = KeyUse.VACCINATION, KeyUse.TEST, KeyUse.RECOVERY


@pytest.mark.parametrize(
    ("claims", "use"),
    [
        (ddcc_vaccination(valid_until=None), V),
        ({-260: {3: ddcc_vaccination(valid_until=None)}}, V),
        (ddcc_test(), T),
        ({-260: icvp()}, V),
    ],
)
def test_an_hcert_of_any_family_needs_a_key_for_what_it_attests(claims: dict[object, object], use: KeyUse) -> None:
    code = _hcert(claims)
    assert world().judge(code, trust=_trusting(_country(), Format.HCERT, use)).measure is Measure.PASS
    others = {V, T, R} - {use}
    decision = world().judge(code, trust=_trusting(_country(), Format.HCERT, *others))
    assert (decision.measure, decision.reasons[0]) == (Measure.DENY, Reason.KEY_USE_REFUSED)


def test_a_card_needs_a_key_for_what_it_attests() -> None:
    code = world().codes["shc"]
    assert world().judge(code, trust=_trusting(_cards(), Format.SHC, V)).measure is Measure.PASS
    decision = world().judge(code, trust=_trusting(_cards(), Format.SHC, T))
    assert (decision.measure, decision.reasons[0]) == (Measure.DENY, Reason.KEY_USE_REFUSED)


@pytest.mark.parametrize("kind", ["jws Ed25519", "qr Ed25519"])
def test_a_key_for_certificates_attests_no_colour(kind: str) -> None:
    key = world().guizhou["Ed25519"].trusted(GUIZHOU.issuer)
    assert world().judge(world().codes[kind], trust=_trusting(key, Format.NATIVE)).measure is Measure.PASS
    decision = world().judge(world().codes[kind], trust=_trusting(key, Format.NATIVE, V, T, R))
    assert (decision.measure, decision.reasons[0]) == (Measure.DENY, Reason.KEY_USE_REFUSED)


@pytest.mark.parametrize("word", ["yellow", "red", "under_review", "unconfirmed", "stale_declaration"])
def test_no_map_makes_a_colour_green(word: str) -> None:
    key = world().guizhou["Ed25519"].trusted(GUIZHOU.issuer)
    code = jws(payload=put(st=word))(world(), world().codes["jws Ed25519"])
    decision = world().judge(code, trust=_trusting(key, Format.NATIVE))
    assert decision.state.name == word.upper()
    assert decision.measure in (Measure.DENY, Measure.MANUAL)


@pytest.mark.parametrize(
    "result", ["260373001", " 260373001", 260373001, "26037300\uff11", "260373001\0", ["260373001"], 260373001.0, None]
)
def test_no_map_makes_a_test_green_whose_result_is_positive_or_was_not_understood(result: object) -> None:
    code = _hcert({-260: {1: lab_result(tr=result)}})
    decision = world().judge(code, trust=_trusting(_country(), Format.HCERT))
    assert decision.state in (CodeState.RED, CodeState.UNKNOWN)
    assert decision.measure in (Measure.DENY, Measure.MANUAL)


def test_no_map_makes_a_seal_green_whose_result_was_not_understood() -> None:
    held = world().vdsnc
    trust = _trusting(held.key.trusted(IssuerId(STATE)), Format.VDSNC)
    for result, measure in (("negative", Measure.PASS), ("POSITIVE", Measure.DENY), ("detected", Measure.MANUAL)):
        seal = {"hdr": {"t": "icao.test", "v": 1, "is": STATE}, "msg": {"tr": {"r": result}}}
        assert world().judge(held.issue(seal), trust=trust).measure is measure, result


def test_what_is_attested_of_a_person_is_in_no_repr() -> None:
    positive = _hcert({-260: {1: lab_result(detected=True)}})
    for code in (positive, *world().codes.values()):
        claimed = read_code(code, recognise(code))
        assert claimed.statement
        assert claimed.statement not in repr(claimed)


@pytest.mark.parametrize("tokens", [(), ("#immunization",), ("#immunization", "#laboratory")])
def test_no_token_hides_a_result_in_a_card(tokens: tuple[str, ...]) -> None:
    trust = _trusting(_cards(), Format.SHC)
    for resources, measure in (
        ((PATIENT, IMMUNIZATION), Measure.PASS),
        ((PATIENT, IMMUNIZATION, RESULT), Measure.MANUAL),
        ((PATIENT, RESULT), Measure.MANUAL),
    ):
        claims = world().shc.claims(resources)
        credential = claims["vc"]
        assert isinstance(credential, dict)
        credential["type"] += [f"https://smarthealth.cards{token}" for token in tokens]
        assert world().judge(world().shc.issue(claims), trust=trust).measure is measure
