"""SMART Health Cards as the framework's own generator made them over the years, one self-made card each.

The history of the framework (its change log, and its example generator from 2021-02 to 2023) names what changed:

| when | what |
|---|---|
| until 2021-03-29 | `iat` in place of `nbf` |
| until 2021-05 | `@context` and "VerifiableCredential" beside the card's own types, or no `health-card` among them |
| until 2021-01 | types under https://healthwallet.cards |
| 0.1 to 1.2.3 | chunks of at most 1,191 characters |
| all | times with milliseconds as a fraction; header members in any order; keys with or without `use`, `alg`, `x5c` |
| since 1.2 | `rid`, and revocation lists |
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.conformance.questions import ask
from tests.simulators.shc_issuer import (
    IMMUNIZATION,
    PATIENT,
    RESULT,
    ShcIssuer,
    compact,
    deflate,
    to_chunks,
    to_qr,
)

AT = "2023-09-01T00:00:00Z"
CARD = "https://smarthealth.cards#health-card"
REPORT = {"resourceType": "DiagnosticReport", "status": "final", "issued": "2021-01-01T00:00:00Z"}

Change = Callable[[dict[str, Any]], object]


@cache
def issuer() -> ShcIssuer:
    return ShcIssuer()


def answer(code: bytes, jwks: object = None) -> dict[str, Any]:
    trusted = {"issuer": issuer().url, "jwks": issuer().jwks() if jwks is None else jwks}
    return ask([{"id": 1, "code": code.decode(), "at": AT, "trust": [trusted]}])[0]


def changed(change: Change) -> bytes:
    claims = issuer().claims()
    change(claims)
    return issuer().issue(claims)


def is_authentic(said: dict[str, Any]) -> bool:
    assert said["format"] == "shc"
    return [said["steps"][step] for step in ("decode", "signature", "key_usage", "validity")] == ["ok"] * 4


def iat_for_nbf(claims: dict[str, Any]) -> None:
    claims["iat"] = claims.pop("nbf")


def typed(*types: str) -> Change:
    return lambda claims: claims["vc"].update(type=list(types))


CARDS: dict[str, tuple[Change, bool]] = {
    "as of today": (lambda _: None, True),
    "whole seconds": (lambda claims: claims.update(nbf=1_620_992_383), True),
    "both times": (lambda claims: claims.update(iat=claims["nbf"]), True),
    "without rid": (lambda claims: claims["vc"].pop("rid"), True),
    "with an expiry": (lambda claims: claims.update(exp=1_800_000_000), True),
    "with a context": (
        lambda claims: claims["vc"].update({"@context": ["https://www.w3.org/2018/credentials/v1"]}),
        True,
    ),
    "also a verifiable credential": (typed("VerifiableCredential", CARD), True),
    "all tokens": (typed(CARD, *(f"https://smarthealth.cards#{one}" for one in ("covid19", "immunization"))), True),
    "claims of others": (lambda claims: claims.update(sub="did:example:1", jti="urn:uuid:1", aud="x"), True),
    "not typed as a card": (typed("https://smarthealth.cards#immunization"), False),
    "types of the older domain": (typed("VerifiableCredential", "https://healthwallet.cards#covid19"), False),
    "no FHIR version": (lambda claims: claims["vc"]["credentialSubject"].pop("fhirVersion"), False),
}
"""The change, and whether the card then conforms to the framework of today."""


@pytest.mark.parametrize("kind", CARDS)
def test_a_card_of_its_time_is_authentic(kind: str) -> None:
    change, conforms = CARDS[kind]
    said = answer(changed(change))
    assert is_authentic(said)
    assert ("SCHEMA_DEVIATION" in said["reasons"]) is not conforms


def test_a_card_from_before_nbf_is_authentic() -> None:
    said = answer(changed(iat_for_nbf))
    assert is_authentic(said)
    assert "SCHEMA_DEVIATION" in said["reasons"]


def test_a_card_without_any_time_is_refused() -> None:
    said = answer(changed(lambda claims: claims.pop("nbf")))
    assert (said["steps"]["decode"], said["reasons"]) == ("refused", ["MISSING_CLAIM"])


@pytest.mark.parametrize(
    "resources",
    [
        (PATIENT, IMMUNIZATION),
        (PATIENT, *[IMMUNIZATION] * 5),
        (PATIENT, RESULT),
        (REPORT, PATIENT, *[RESULT] * 60),
    ],
)
@pytest.mark.parametrize("spelling", ["token", "one code", "two chunks", "chunks in another order"])
def test_every_spelling_of_small_and_large_cards(resources: tuple[dict[str, object], ...], spelling: str) -> None:
    token = issuer().issue(issuer().claims(resources))
    code = {
        "token": token,
        "one code": to_qr(token),
        "two chunks": b"".join(to_chunks(token, 2)),
        "chunks in another order": b"\n".join(reversed(to_chunks(token, 3))),
    }[spelling]
    assert is_authentic(answer(code))


@pytest.mark.parametrize("order", [("zip", "alg", "kid"), ("kid", "zip", "alg"), ("alg", "kid", "zip")])
@pytest.mark.parametrize("more", [{}, {"typ": "JWT"}, {"cty": "x", "x5t": "y"}])
def test_header_members_in_any_order(order: tuple[str, ...], more: dict[str, str]) -> None:
    header = {name: issuer().header()[name] for name in order} | more
    assert is_authentic(answer(issuer().sign(compact(header), deflate(compact(issuer().claims())))))


@pytest.mark.parametrize("absent", [(), ("use",), ("alg",), ("use", "alg")])
@pytest.mark.parametrize("more", [{}, {"x5c": ["MIIB"]}, {"crlVersion": 1}, {"key_ops": ["verify"]}])
def test_keys_as_they_were_published(absent: tuple[str, ...], more: dict[str, object]) -> None:
    held: Any = issuer().jwks()["keys"]
    (key,) = held
    published = {name: value for name, value in key.items() if name not in absent} | more
    assert is_authentic(answer(issuer().issue(), {"keys": [published]}))
