"""Trust lists: parser and published schema agree; what is refused is told; a list never widens a certificate."""

from __future__ import annotations

import json
from base64 import b64encode
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from keys import sm2
from keys import trust_document as document
from keys.revocation import MAX_COUNTER, MAX_REVOKED
from keys.ring import MAX_CANDIDATES
from keys.trust_document import MAX_LIST_BYTES, write_document
from keys.trust_list import TrustListInvalid, parse_trust_list
from keys.trust_reader import read_document
from keys.values import Algorithm, Environment, Instant, KeyRefusal, KeyUse

from .making import FROM, UNTIL, base64url, certificate, ec_jwk, ed25519_jwk, rsa_jwk, rsa_key
from .sm2_example import X, Y

Json = dict[str, Any]

SCHEMA = json.loads(files("keys").joinpath("trust_list.schema.json").read_text())
SPEC = "1.3.6.1.4.1.1847.2021.1."
SM2_JWK = {"kty": "EC", "crv": "SM2", "x": base64url(X), "y": base64url(Y)}
SM2_PINNED = {"id": "1234567812345678", "z": True, "signature": "raw"}


def key(kid: str = "k", **more: object) -> Json:
    return {"algorithm": "Ed25519", "key_id": base64url(kid.encode()), "jwk": ed25519_jwk(), **more}


def certified(der: bytes, **more: object) -> Json:
    return {"algorithm": "ES256", "key_id": "AAAA", "certificate": b64encode(der).decode(), **more}


def issuer(name: str = "A", *keys: Json, **more: object) -> Json:
    return {"issuer": name, "name": f"Authority {name}", "formats": ["native"], "keys": list(keys) or [key()], **more}


def trust_list(*issuers: Json, **more: object) -> Json:
    return {
        "format_version": 1,
        "sequence": 7,
        "environment": "test",
        "issued": "2026-01-01T00:00:00Z",
        "issuers": list(issuers),
        **more,
    }


def crl(**more: object) -> Json:
    return {"kid": "k", "method": "rid", "ctr": 1, "rids": ["abc", "def.1643950799"], **more}


def written(value: object) -> bytes:
    return json.dumps(value).encode()


GOOD: dict[str, Json] = {
    "empty": trust_list(),
    "least": trust_list(issuer()),
    "several": trust_list(issuer("A"), issuer("B", key(), key("l"))),
    "no keys": trust_list({**issuer(), "keys": []}),
    "expires": trust_list(expires="2027-01-01T00:00:00.5Z"),
    "bounds of time": trust_list(issued="2000-01-01T00:00:00Z", expires="2100-01-01T00:00:00Z"),
    "division": trust_list(issuer(division="330000"), issuer("B", division="FI")),
    "formats": trust_list(issuer(formats=["native", "hcert", "shc", "vdsnc", "divoc"])),
    "states": trust_list(issuer(states={"绿码": "GREEN", "orange": "UNDER_REVIEW"})),
    "converts": trust_list(issuer(converts=True), issuer("B", converts=False)),
    "window and uses": trust_list(
        issuer("A", key(not_before="2026-01-01T00:00:00Z", not_after="2027-01-01T00:00:00Z", uses=["test"]))
    ),
    "certificate": trust_list(issuer("A", certified(certificate()))),
    "certificate that is none": trust_list(issuer("A", certified(b"none"))),
    "unknown algorithm": trust_list(issuer("A", key(algorithm="ML-DSA-44"))),
    "sm2": trust_list(issuer("A", key(algorithm="SM2", jwk=SM2_JWK, sm2=SM2_PINNED))),
    "sm2 with the empty id": trust_list(issuer("A", key(algorithm="SM2", jwk=SM2_JWK, sm2={**SM2_PINNED, "id": ""}))),
    "revocations": trust_list(issuer(revocations=[crl(), crl(kid="l", rids=[])])),
    "revoked ids as long as a native code's": trust_list(
        issuer(revocations=[crl(rids=["a" * 64, "b" * 64 + ".999999999999"])])
    ),
    "jwk with members that nobody knows": trust_list(issuer("A", key(jwk=ed25519_jwk(x5c=["?"], date=1)))),
    "environment": trust_list(environment="production"),
}

BAD: dict[str, tuple[object, str]] = {
    "not an object": ([], "$"),
    "version": (trust_list(format_version=2), "$.format_version"),
    "version is text": (trust_list(format_version="1"), "$.format_version"),
    "unknown member": (trust_list(comment="x"), "$"),
    "sequence below zero": (trust_list(sequence=-1), "$.sequence"),
    "sequence is a fraction": (trust_list(sequence=1.5), "$.sequence"),
    "sequence is a truth": (trust_list(sequence=True), "$.sequence"),
    "environment": (trust_list(environment="staging"), "$.environment"),
    "issued is a number": (trust_list(issued=1), "$.issued"),
    "issued without zone": (trust_list(issued="2026-01-01T00:00:00"), "$.issued"),
    "issued with offset": (trust_list(issued="2026-01-01T00:00:00+08:00"), "$.issued"),
    "issued too early": (trust_list(issued="1999-12-31T23:59:59Z"), "$.issued"),
    "expires too late": (trust_list(expires="2100-01-01T00:00:01Z"), "$.expires"),
    "expires is null": (trust_list(expires=None), "$.expires"),
    "issuers is an object": (trust_list() | {"issuers": {}}, "$.issuers"),
    "issuer is a text": (trust_list() | {"issuers": ["A"]}, "$.issuers[0]"),
    "issuer without name": (trust_list({k: v for k, v in issuer().items() if k != "name"}), "$.issuers[0]"),
    "issuer is empty": (trust_list(issuer("")), "$.issuers[0].issuer"),
    "issuer is too long": (trust_list(issuer("A" * 513)), "$.issuers[0].issuer"),
    "issuer with unknown member": (trust_list(issuer(contact="x")), "$.issuers[0]"),
    "no formats": (trust_list(issuer(formats=[])), "$.issuers[0].formats"),
    "unknown format": (trust_list(issuer(formats=["jwt"])), "$.issuers[0].formats[0]"),
    "format twice": (trust_list(issuer(formats=["shc", "shc"])), "$.issuers[0].formats"),
    "division of five": (trust_list(issuer(division="33000")), "$.issuers[0].division"),
    "division in small letters": (trust_list(issuer(division="fi")), "$.issuers[0].division"),
    "division with a line feed": (trust_list(issuer(division="330000\n")), "$.issuers[0].division"),
    "division in full width": (
        trust_list(issuer(division="\uff13\uff13\uff10\uff10\uff10\uff10")),
        "$.issuers[0].division",
    ),
    "state that is none": (trust_list(issuer(states={"x": "BLUE"})), '$.issuers[0].states["x"]'),
    "state that only the gateway says": (trust_list(issuer(states={"x": "EXPIRED"})), '$.issuers[0].states["x"]'),
    "converts that is no boolean": (trust_list(issuer(converts="true")), "$.issuers[0].converts"),
    "converts that is a number": (trust_list(issuer(converts=1)), "$.issuers[0].converts"),
    "converts that is null": (trust_list(issuer(converts=None)), "$.issuers[0].converts"),
    "state without a name": (trust_list(issuer(states={"": "RED"})), "$.issuers[0].states"),
    "jwk and certificate": (
        trust_list(issuer("A", key(certificate="AAAA"))),
        "$.issuers[0].keys[0]",
    ),
    "neither jwk nor certificate": (
        trust_list(issuer("A", {"algorithm": "ES256", "key_id": "AAAA"})),
        "$.issuers[0].keys[0]",
    ),
    "jwk is a text": (trust_list(issuer("A", key(jwk="x"))), "$.issuers[0].keys[0].jwk"),
    "key id is empty": (trust_list(issuer("A", key("") | {"key_id": ""})), "$.issuers[0].keys[0].key_id"),
    "key id is padded": (trust_list(issuer("A", key() | {"key_id": "AA=="})), "$.issuers[0].keys[0].key_id"),
    "key id has loose bits": (trust_list(issuer("A", key() | {"key_id": "AB"})), "$.issuers[0].keys[0].key_id"),
    "key id of impossible length": (
        trust_list(issuer("A", key() | {"key_id": "AAAAA"})),
        "$.issuers[0].keys[0].key_id",
    ),
    "certificate is not base64": (
        trust_list(issuer("A", certified(b"") | {"certificate": "A-_A"})),
        "$.issuers[0].keys[0].certificate",
    ),
    "certificate is not padded": (
        trust_list(issuer("A", certified(b"") | {"certificate": "AA"})),
        "$.issuers[0].keys[0].certificate",
    ),
    "misspelt window": (trust_list(issuer("A", key(notAfter="2027-01-01T00:00:00Z"))), "$.issuers[0].keys[0]"),
    "window is null": (trust_list(issuer("A", key(not_after=None))), "$.issuers[0].keys[0].not_after"),
    "uses nothing": (trust_list(issuer("A", key(uses=[]))), "$.issuers[0].keys[0].uses"),
    "unknown use": (trust_list(issuer("A", key(uses=["travel"]))), "$.issuers[0].keys[0].uses[0]"),
    "sm2 without settings": (
        trust_list(issuer("A", key(algorithm="SM2", jwk=SM2_JWK))),
        "$.issuers[0].keys[0]",
    ),
    "settings without sm2": (trust_list(issuer("A", key(sm2=SM2_PINNED))), "$.issuers[0].keys[0]"),
    "sm2 without z": (
        trust_list(issuer("A", key(algorithm="SM2", jwk=SM2_JWK, sm2={"id": "", "signature": "raw"}))),
        "$.issuers[0].keys[0].sm2",
    ),
    "sm2 with z as text": (
        trust_list(issuer("A", key(algorithm="SM2", jwk=SM2_JWK, sm2={**SM2_PINNED, "z": "true"}))),
        "$.issuers[0].keys[0].sm2.z",
    ),
    "sm2 with another signature form": (
        trust_list(issuer("A", key(algorithm="SM2", jwk=SM2_JWK, sm2={**SM2_PINNED, "signature": "any"}))),
        "$.issuers[0].keys[0].sm2.signature",
    ),
    "revocation method": (trust_list(issuer(revocations=[crl(method="all")])), "$.issuers[0].revocations[0].method"),
    "revocation counter": (trust_list(issuer(revocations=[crl(ctr="1")])), "$.issuers[0].revocations[0].ctr"),
    "revoked id": (trust_list(issuer(revocations=[crl(rids=["a", "b c"])])), "$.issuers[0].revocations[0].rids[1]"),
    "revoked id is long": (
        trust_list(issuer(revocations=[crl(rids=["a" * 65])])),
        "$.issuers[0].revocations[0].rids[0]",
    ),
    "revoked id with an empty time": (
        trust_list(issuer(revocations=[crl(rids=["a."])])),
        "$.issuers[0].revocations[0].rids[0]",
    ),
}


def schema_says(value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(SCHEMA).is_valid(value))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_has_the_parsers_bounds_and_words() -> None:
    parts = SCHEMA["$defs"]
    properties, members = SCHEMA["properties"], parts["issuer"]["properties"]
    offered, revoked = parts["key"]["properties"], parts["revocations"]["properties"]
    assert properties["format_version"]["const"] == document.FORMAT_VERSION
    assert properties["issuers"]["maxItems"] == document.MAX_ISSUERS
    assert properties["environment"]["enum"] == [one.value for one in Environment]
    assert members["keys"]["maxItems"] == document.MAX_KEYS
    assert members["formats"]["items"]["enum"] == list(document.FORMATS)
    assert members["states"]["additionalProperties"]["enum"] == list(document.STATES)
    assert members["states"]["maxProperties"] == document.MAX_STATES
    assert members["revocations"]["maxItems"] == document.MAX_REVOCATION_LISTS
    assert {members[one]["maxLength"] for one in ("issuer", "name")} == {document.MAX_NAME_CHARACTERS}
    assert offered["key_id"]["maxLength"] == document.MAX_KEY_ID_CHARACTERS
    assert offered["certificate"]["maxLength"] == document.MAX_CERTIFICATE_CHARACTERS
    assert set(offered["uses"]["items"]["enum"]) == {use.value for use in KeyUse}
    assert offered["sm2"]["properties"]["signature"]["enum"] == list(document.SIGNATURE_FORMS)
    assert revoked["rids"]["maxItems"] == MAX_REVOKED
    assert revoked["ctr"]["maximum"] == properties["sequence"]["maximum"] == MAX_COUNTER


def test_the_documented_example_is_a_good_list() -> None:
    page = Path(__file__).parents[3] / "docs" / "trust-list.md"
    example = page.read_text().split("```json\n")[1].split("```")[0]
    assert schema_says(json.loads(example))
    found = parse_trust_list(example.encode())
    assert (len(found.issuers[0].keys), found.refused) == (1, ())


def test_the_documentation_names_every_reason() -> None:
    page = Path(__file__).parents[3] / "docs" / "trust-list.md"
    text = page.read_text()
    assert [reason.value for reason in KeyRefusal if f"`{reason.value}`" not in text] == []


@pytest.mark.parametrize("name", GOOD)
def test_parser_and_schema_take_a_good_list(name: str) -> None:
    assert schema_says(GOOD[name])
    parse_trust_list(written(GOOD[name]))


@pytest.mark.parametrize("name", BAD)
def test_parser_and_schema_refuse_a_bad_list(name: str) -> None:
    value, path = BAD[name]
    assert not schema_says(value)
    with pytest.raises(TrustListInvalid) as invalid:
        parse_trust_list(written(value))
    assert invalid.value.path == path


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (written(trust_list(issuer("A"), issuer("A"))), "$.issuers[1]"),
        (written(trust_list(expires="2026-01-01T00:00:00Z")), "$.expires"),
        (written(trust_list(issued="2026-02-30T00:00:00Z")), "$.issued"),
        (b"", "$"),
        (b"\xef\xbb\xbf{}", "$"),
        (b'{"sequence":1,"sequence":2}', "$"),
        (b"[" * 100_000, "$"),
        (b'{"sequence":NaN}', "$"),
        (b" " * (MAX_LIST_BYTES + 1), "$"),
    ],
    ids=["issuer twice", "ends before it begins", "no such day", "empty", "mark", "name twice", "deep", "nan", "large"],
)
def test_what_a_schema_cannot_say_is_refused_too(data: bytes, path: str) -> None:
    with pytest.raises(TrustListInvalid) as invalid:
        parse_trust_list(data)
    assert invalid.value.path == path


@pytest.mark.parametrize("name", GOOD)
def test_what_is_written_reads_back_equal(name: str) -> None:
    read = read_document(written(GOOD[name]))
    assert read_document(write_document(read)) == read
    assert schema_says(json.loads(write_document(read)))


def test_a_list_comes_out_whole() -> None:
    value = trust_list(
        issuer(
            "省",
            key("k1", uses=["test"], not_before="2026-01-01T00:00:00Z"),
            division="330000",
            formats=["native", "shc"],
            states={"绿": "GREEN"},
            converts=True,
            revocations=[crl(ctr=9, rids=["a.5", "a.9", "b.1", "b", "c"])],
        ),
        expires="2027-01-01T00:00:00Z",
    )
    found = parse_trust_list(written(value))
    assert (found.sequence, found.environment, found.refused) == (7, Environment.TEST, ())
    assert (found.issued, found.expires) == (Instant(1767225600), Instant(1798761600))
    (record,) = found.issuers
    assert (record.issuer, record.name, record.division) == ("省", "Authority 省", "330000")
    assert record.formats == {"native", "shc"}
    assert record.states == {"绿": "GREEN"}
    assert record.converts is True
    assert parse_trust_list(written(trust_list(issuer()))).issuers[0].converts is False
    (held,) = record.keys
    assert (held.issuer, held.key_id, held.algorithm) == ("省", b"k1", Algorithm.ED25519)
    assert (held.not_before, held.not_after) == (Instant(1767225600), None)
    assert held.uses == {KeyUse.TEST}
    (revoked,) = record.revocations
    assert (revoked.key_id, revoked.counter) == (b"k", 9)
    # of two entries for one id the one that revokes more
    assert revoked.revoked == {"a": Instant(9), "b": None, "c": None}


EXPIRING = certificate(uses=[SPEC + "1", SPEC + "2"])


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (key(algorithm="ML-DSA-44"), KeyRefusal.UNSUPPORTED_ALGORITHM),
        (key(algorithm="none"), KeyRefusal.UNSUPPORTED_ALGORITHM),
        (key(algorithm="EdDSA"), KeyRefusal.UNSUPPORTED_ALGORITHM),
        (key(algorithm="ES256"), KeyRefusal.UNSUPPORTED_ALGORITHM),
        (key(algorithm="ES256", jwk=ec_jwk(alg="ES384")), KeyRefusal.UNSUPPORTED_ALGORITHM),
        (key(algorithm="RS256", jwk=rsa_jwk(alg="PS256")), KeyRefusal.UNSUPPORTED_ALGORITHM),
        (key(algorithm="ES256", jwk=ec_jwk(kid="another")), KeyRefusal.WRONG_KEY_ID),
        (key(jwk=ed25519_jwk(d="AAAA")), KeyRefusal.PRIVATE_PART),
        (key(jwk={"kty": "OKP", "crv": "Ed25519", "x": base64url(bytes(32))}), KeyRefusal.LOW_ORDER),
        (key(jwk={}), KeyRefusal.MISSING_MEMBER),
        (key(jwk=ed25519_jwk(use="enc")), KeyRefusal.WRONG_USE),
        (key(not_before="2027-01-01T00:00:00Z", not_after="2026-01-01T00:00:00Z"), KeyRefusal.MALFORMED),
        (certified(b"none"), KeyRefusal.MALFORMED),
        (certified(EXPIRING, algorithm="PS256"), KeyRefusal.UNSUPPORTED_ALGORITHM),
        (certified(EXPIRING, uses=["recovery"]), KeyRefusal.WRONG_USE),
        (certified(EXPIRING, not_before="2024-01-01T00:00:00Z"), KeyRefusal.MALFORMED),
    ],
)
def test_a_key_that_cannot_be_used_is_left_out_and_told(offered: Json, reason: KeyRefusal) -> None:
    found = parse_trust_list(written(trust_list(issuer("A", key("good"), offered))))
    assert [held.key_id for held in found.issuers[0].keys] == [b"good"]
    assert [(one.issuer, one.position, one.reason) for one in found.refused] == [("A", "$.issuers[0].keys[1]", reason)]


def test_a_certificate_is_narrowed_and_never_widened() -> None:
    def held(**more: object) -> tuple[float | None, float | None, frozenset[KeyUse]]:
        found = parse_trust_list(written(trust_list(issuer("A", certified(EXPIRING, **more)))))
        (one,) = found.issuers[0].keys
        return one.not_before, one.not_after, one.uses

    start, end = FROM.timestamp(), UNTIL.timestamp()
    own = frozenset({KeyUse.TEST, KeyUse.VACCINATION})
    assert held() == (start, end, own)
    assert held(not_before="2000-01-01T00:00:00Z", not_after="2100-01-01T00:00:00Z") == (start, end, own)
    assert held(not_after="2022-01-01T00:00:00Z") == (start, 1640995200, own)
    assert held(uses=["vaccination", "recovery"]) == (start, end, frozenset({KeyUse.VACCINATION}))


def test_a_certificate_without_uses_takes_those_of_the_list() -> None:
    found = parse_trust_list(written(trust_list(issuer("A", certified(certificate(), uses=["test"])))))
    assert found.issuers[0].keys[0].uses == {KeyUse.TEST}


def test_the_listed_algorithm_decides_between_the_two_of_rsa() -> None:
    for name in ("PS256", "RS256"):
        by_jwk = key(algorithm=name, jwk=rsa_jwk())
        by_certificate = certified(certificate(rsa_key()), algorithm=name)
        found = parse_trust_list(written(trust_list(issuer("A", by_jwk, by_certificate))))
        assert [held.algorithm.value for held in found.issuers[0].keys] == [name, name]


def test_keys_may_share_an_id_up_to_a_bound_and_not_come_twice() -> None:
    same = key("same")
    many = [deepcopy(same), same, *(key("same") for _ in range(MAX_CANDIDATES))]
    found = parse_trust_list(written(trust_list(issuer("A", *many), issuer("B", same))))
    assert [len(record.keys) for record in found.issuers] == [MAX_CANDIDATES, 1]
    assert [(one.position, one.reason) for one in found.refused] == [
        ("$.issuers[0].keys[1]", KeyRefusal.DUPLICATE),
        (f"$.issuers[0].keys[{len(many) - 1}]", KeyRefusal.DUPLICATE),
    ]


def test_an_sm2_key_is_pinned() -> None:
    found = parse_trust_list(written(GOOD["sm2"]))
    if sm2.available():
        assert found.issuers[0].keys[0].algorithm is Algorithm.SM2
    else:
        assert [one.reason for one in found.refused] == [KeyRefusal.UNSUPPORTED_ALGORITHM]


def test_no_fault_quotes_a_value() -> None:
    secret = "sensitive-value"
    for bad in (
        trust_list(environment=secret),
        trust_list(issuer("A", key() | {"key_id": secret + "!"})),
        trust_list(issuer(division=secret)),
    ):
        with pytest.raises(TrustListInvalid) as invalid:
            parse_trust_list(written(bad))
        assert secret not in f"{invalid.value!r} {invalid.value}"
