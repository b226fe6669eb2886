"""SMART Health Cards: three spellings of one token, and every way to get one wrong."""

from __future__ import annotations

import itertools

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from gateway.errors import CodeUnreadable, Reason
from gateway.formats.shc import MAX_PAYLOAD_BYTES, read
from gateway.values import Algorithm, ClaimedCode, Format, KeyUse
from tests.simulators.shc_issuer import (
    IMMUNIZATION,
    PATIENT,
    RESULT,
    ShcIssuer,
    base64url,
    compact,
    deflate,
    to_chunks,
    to_digits,
    to_qr,
)
from tests.unit.formats.case_ids import case_id

ISSUER = ShcIssuer()
CARD = ISSUER.issue()


def reason_of(code: bytes) -> Reason:
    with pytest.raises(CodeUnreadable) as caught:
        read(code)
    return caught.value.reason


def with_header(**changed: object) -> bytes:
    header = {name: value for name, value in {**ISSUER.header(), **changed}.items() if value is not None}
    return ISSUER.sign(compact(header), deflate(compact(ISSUER.claims())))


def with_payload(payload: bytes) -> bytes:
    return ISSUER.sign(compact(ISSUER.header()), deflate(payload))


def _place(claims: dict[str, object], path: str) -> tuple[dict[str, object], str]:
    *way, name = path.split(".")
    for step in way:
        inner = claims[step]
        assert isinstance(inner, dict)
        claims = inner
    return claims, name


def changed(path: str, value: object) -> bytes:
    claims = ISSUER.claims()
    inner, name = _place(claims, path)
    inner[name] = value
    return ISSUER.issue(claims)


def each_wrong(path: str, reason: Reason, *values: object) -> list[tuple[bytes, Reason]]:
    return [(changed(path, value), reason) for value in values]


def lacking(*paths: str) -> bytes:
    claims = ISSUER.claims()
    for path in paths:
        inner, name = _place(claims, path)
        del inner[name]
    return ISSUER.issue(claims)


def test_an_accepted_card() -> None:
    claimed = read(CARD)
    assert claimed == ClaimedCode(
        format=Format.SHC,
        issuer=claimed.issuer,
        key_id=claimed.key_id,
        algorithm=Algorithm.ES256,
        signed=CARD.rpartition(b".")[0],
        signature=claimed.signature,
        statement="immunization",
        issue_time=claimed.issue_time,
        not_before=claimed.issue_time,
        required_use=KeyUse.VACCINATION,
        code_id="MKyCxh7p6uQ",
    )
    assert claimed.issuer == ISSUER.url
    assert claimed.key_id == ISSUER.key_id.encode()
    assert claimed.issue_time == 1_687_450_764.656
    r, s = (int.from_bytes(half, "big") for half in (claimed.signature[:32], claimed.signature[32:]))
    ISSUER.key.public_key().verify(utils.encode_dss_signature(r, s), claimed.signed, ec.ECDSA(hashes.SHA256()))


def test_the_spellings_say_the_same() -> None:
    said = read(CARD)
    assert read(to_qr(CARD)) == said
    for order in itertools.permutations(to_chunks(CARD, 3)):
        for between in (b"", b" ", b"\n", b"\r\n\t "):
            assert read(between.join(order)) == said
    assert read(to_chunks(CARD, 1)[0]) == said
    assert read(b"".join(to_chunks(CARD, 12)[::-1])) == said
    first, second = to_chunks(CARD, 2)
    assert read(first + second + first) == said, "a chunk scanned twice is one chunk"


def test_nothing_of_the_person_shows() -> None:
    assert "Anyperson" not in repr(read(CARD))
    with pytest.raises(CodeUnreadable) as caught:
        read(lacking("nbf"))
    assert "Anyperson" not in f"{caught.value!r}{caught.value}{caught.value.detail}"


@pytest.mark.parametrize(
    ("tokens", "resources", "statement"),
    [
        ([], (PATIENT, IMMUNIZATION), "immunization"),
        ([], (PATIENT, RESULT), "laboratory"),
        ([], ({"resourceType": "DiagnosticReport"},), "laboratory"),
        ([], (PATIENT, IMMUNIZATION, RESULT), "laboratory"),
        (["#immunization"], (PATIENT, IMMUNIZATION, RESULT), "laboratory"),
        (["#immunization"], (PATIENT, {"resourceType": "DiagnosticReport"}), "laboratory"),
        ([], (PATIENT,), "attested"),
        (["#immunization"], (PATIENT,), "immunization"),
        (["#laboratory", "#covid19"], (PATIENT, IMMUNIZATION), "laboratory"),
        (["#immunization", "#laboratory"], (PATIENT, IMMUNIZATION), "immunization"),
        (["#immunization", "#laboratory"], (PATIENT,), "attested"),
        (["#unheard-of"], (PATIENT, RESULT), "laboratory"),
    ],
)
def test_the_statement(tokens: list[str], resources: tuple[dict[str, object], ...], statement: str) -> None:
    claims = ISSUER.claims(resources)
    inner, name = _place(claims, "vc.type")
    inner[name] = [f"https://smarthealth.cards{token}" for token in ("#health-card", *tokens)]
    claimed = read(ISSUER.issue(claims))
    assert claimed.statement == statement
    assert claimed.notes == ()


@pytest.mark.parametrize(
    "card",
    [
        changed("iss", "http://shc.example/issuer"),
        changed("iss", "https://shc.example/issuer/"),
        changed("vc.type", []),
        changed("vc.type", ["VerifiableCredential", 7, None, {}]),
        lacking("vc.credentialSubject.fhirVersion"),
        changed("vc.credentialSubject.fhirVersion", 4),
        changed("vc.credentialSubject.fhirBundle.resourceType", "List"),
        lacking("vc.credentialSubject.fhirBundle.entry"),
        changed("vc.credentialSubject.fhirBundle.entry", []),
        changed("vc.credentialSubject.fhirBundle.entry", {"0": {}}),
        changed("vc.credentialSubject.fhirBundle.entry", [None]),
        changed("vc.credentialSubject.fhirBundle.entry", [{"resource": []}]),
        changed("vc.credentialSubject.fhirBundle.entry", [{"resource": {"resourceType": ["Patient"]}}]),
        with_header(alg="ES384"),
    ],
    ids=case_id,
)
def test_deviations_are_notes(card: bytes) -> None:
    assert read(card).notes == (Reason.SCHEMA_DEVIATION,)


def test_optional_claims() -> None:
    assert read(changed("exp", 1_800_000_000.5)).expire_time == 1_800_000_000.5
    assert read(CARD).expire_time is None
    assert read(lacking("vc.rid")).code_id is None
    assert read(with_header(typ="JWT")).notes == ()


@pytest.mark.parametrize("name", ["none", "HS256", "ES256K"])
def test_an_algorithm_that_is_not_read_is_an_obstacle(name: str) -> None:
    claimed = read(with_header(alg=name))
    assert claimed.algorithm is None
    assert claimed.obstacle is Reason.UNSUPPORTED_ALGORITHM


DIGITS = to_digits(CARD)
FIRST, SECOND, THIRD = to_chunks(CARD, 3)
PACKED = deflate(compact(ISSUER.claims()))


def sealed(packed: bytes) -> bytes:
    return ISSUER.sign(compact(ISSUER.header()), packed)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        # digits
        (b"shc:/", Reason.BAD_TEXT_ENCODING),
        (to_qr(CARD)[:-1], Reason.BAD_TEXT_ENCODING),
        (to_qr(CARD)[:-2] + b"78", Reason.BAD_TEXT_ENCODING),
        (to_qr(CARD)[:-2] + b"99", Reason.BAD_TEXT_ENCODING),
        (to_qr(CARD)[:-2] + b"2f", Reason.BAD_TEXT_ENCODING),
        (to_qr(CARD)[:-2] + b"\xb2\xb2", Reason.BAD_TEXT_ENCODING),
        (to_qr(CARD)[:20] + b" " + to_qr(CARD)[20:], Reason.BAD_TEXT_ENCODING),
        (to_qr(CARD) + "\uff11\uff11".encode(), Reason.BAD_TEXT_ENCODING),
        (to_qr(CARD + b"="), Reason.BAD_TEXT_ENCODING),
        (to_qr(CARD) + b"00", Reason.BAD_TEXT_ENCODING),  # "-" behind the signature
        (to_qr(CARD) + b"0142", Reason.BAD_ENVELOPE),  # "." and a fourth segment
        (to_qr(CARD) + b"\n", Reason.TRAILING_BYTES),
        (to_qr(CARD) + b" ", Reason.TRAILING_BYTES),
        (to_qr(CARD) + to_qr(CARD), Reason.TRAILING_BYTES),
        (to_qr(CARD) + b"\n" + FIRST, Reason.TRAILING_BYTES),
        (b" " + CARD, Reason.TRAILING_BYTES),
        (CARD + b"\n", Reason.TRAILING_BYTES),
        # chunks
        (FIRST, Reason.CHUNKS_MISSING),
        (FIRST + SECOND, Reason.CHUNKS_MISSING),
        (SECOND + THIRD, Reason.CHUNKS_MISSING),
        (FIRST + FIRST + FIRST, Reason.CHUNKS_MISSING),
        (FIRST + SECOND + to_chunks(CARD, 4)[2], Reason.CHUNKS_MISSING),
        (FIRST + SECOND + THIRD + to_chunks(CARD, 4)[3], Reason.CHUNKS_MISSING),
        (FIRST + FIRST[:-2] + b"00" + SECOND + THIRD, Reason.CHUNKS_MISSING),
        (b"shc:/0/1/" + DIGITS, Reason.CHUNKS_MISSING),
        (b"shc:/2/1/" + DIGITS, Reason.CHUNKS_MISSING),
        (b"shc:/1/0/" + DIGITS, Reason.CHUNKS_MISSING),
        (b"shc:/1/" + DIGITS, Reason.BAD_TEXT_ENCODING),
        (b"shc:/1/1/1/" + DIGITS, Reason.BAD_TEXT_ENCODING),
        (b"shc:/-1/1/" + DIGITS, Reason.BAD_TEXT_ENCODING),
        (b"shc:/1/9999/" + DIGITS, Reason.BAD_TEXT_ENCODING),
        (b"shc:/1/1/", Reason.BAD_TEXT_ENCODING),
        (b"shc:/1/1/" + DIGITS[:-1], Reason.BAD_TEXT_ENCODING),
        (FIRST + b"x" + SECOND + THIRD, Reason.BAD_TEXT_ENCODING),
        (b"shc:/" * 6_000, Reason.BAD_TEXT_ENCODING),
        # envelope
        (with_header(kid=None), Reason.MISSING_CLAIM),
        (with_header(alg=None), Reason.BAD_ENVELOPE),
        (with_header(crit=["zip"]), Reason.CRITICAL_HEADER),
        (with_header(typ="hcg+jwt"), Reason.WRONG_TYPE),
        (with_header(typ="dc+sd-jwt"), Reason.WRONG_TYPE),
        # compression
        (with_header(zip=None), Reason.BAD_COMPRESSION),
        (with_header(zip="GZ"), Reason.BAD_COMPRESSION),
        (with_header(zip="def"), Reason.BAD_COMPRESSION),
        (sealed(compact(ISSUER.claims())), Reason.BAD_COMPRESSION),
        (sealed(b""), Reason.BAD_COMPRESSION),
        (sealed(PACKED[:-1]), Reason.BAD_COMPRESSION),
        (sealed(PACKED[: len(PACKED) // 2]), Reason.BAD_COMPRESSION),
        (sealed(deflate(compact(ISSUER.claims()), wbits=15)), Reason.BAD_COMPRESSION),
        (sealed(deflate(compact(ISSUER.claims()), wbits=31)), Reason.BAD_COMPRESSION),
        (sealed(deflate(compact(ISSUER.claims()), wbits=15, dictionary=b"resourceType")), Reason.BAD_COMPRESSION),
        (sealed(deflate(compact(ISSUER.claims()), dictionary=compact(ISSUER.claims()))), Reason.BAD_COMPRESSION),
        (sealed(PACKED + b"\0"), Reason.TRAILING_BYTES),
        (sealed(PACKED + PACKED), Reason.TRAILING_BYTES),
        (sealed(deflate(b" " * (MAX_PAYLOAD_BYTES + 1))), Reason.DECOMPRESSION_BOMB),
        (sealed(deflate(compact(ISSUER.claims()) + b" " * 15_000_000)), Reason.DECOMPRESSION_BOMB),
        # payload
        (with_payload(b""), Reason.BAD_JSON),
        (with_payload(compact(ISSUER.claims())[:-1]), Reason.BAD_JSON),
        (with_payload(compact(ISSUER.claims()) + b"{}"), Reason.BAD_JSON),
        (with_payload(b"\xef\xbb\xbf" + compact(ISSUER.claims())), Reason.BAD_JSON),
        (with_payload(compact(ISSUER.claims()).decode().encode("utf-16")), Reason.NOT_UTF8),
        (with_payload(compact(ISSUER.claims()).replace(b"Anyperson", b"\xff")), Reason.NOT_UTF8),
        (with_payload(compact(ISSUER.claims()).replace(b"Anyperson", rb"\udfff")), Reason.NOT_UTF8),
        (with_payload(compact(ISSUER.claims()).replace(b'"nbf"', b'"iss"')), Reason.DUPLICATE_KEY),
        (with_payload(compact(ISSUER.claims()).replace(b'"status"', b'"resourceType"')), Reason.DUPLICATE_KEY),
        (with_payload(b"[" * 100_000), Reason.TOO_DEEP),
        (with_payload(compact(ISSUER.claims())[:-1] + b',"x":' + b"[" * 32 + b"]" * 32 + b"}"), Reason.TOO_DEEP),
        (with_payload(compact(ISSUER.claims()).replace(b"1687450764.656", b"NaN")), Reason.NOT_FINITE),
        (with_payload(compact(ISSUER.claims()).replace(b"1687450764.656", b"1e400")), Reason.NOT_FINITE),
        (with_payload(compact(ISSUER.claims()).replace(b"1687450764.656", b"9" * 4_000)), Reason.NOT_FINITE),
        # claims
        (with_payload(b"[]"), Reason.BAD_CLAIM),
        (with_payload(b'"card"'), Reason.BAD_CLAIM),
        *((lacking(name), Reason.MISSING_CLAIM) for name in ("iss", "nbf", "vc")),
        *each_wrong("iss", Reason.BAD_CLAIM, None, 7, ["x"], "", "https://" + "x" * 1_100),
        *each_wrong("vc", Reason.BAD_CLAIM, None, [], "vc"),
        *each_wrong("vc.rid", Reason.BAD_CLAIM, None, 7, "", "a" * 25, "abc.1687450765", "a b", "abc\n", "\uff41"),
        *each_wrong("nbf", Reason.TIME_OUT_OF_RANGE, None, True, "1687450764", 946_684_799, 4_102_444_801, 1e308, -1),
        *each_wrong("nbf", Reason.TIME_OUT_OF_RANGE, 10**300, []),
        *each_wrong("exp", Reason.TIME_OUT_OF_RANGE, None, False, "never", 0, 4_102_444_800.5, {}),
    ],
    ids=case_id,
)  # fmt: skip
def test_refusals(code: bytes, reason: Reason) -> None:
    assert reason_of(code) is reason


def test_the_segments_of_a_forged_token_stay_apart() -> None:
    head, body, tail = CARD.split(b".")
    other = base64url(deflate(compact(ISSUER.claims((PATIENT, RESULT)))))
    claimed = read(b".".join((head, other, tail)))
    assert claimed.statement == "laboratory"
    assert claimed.signed == head + b"." + other
    assert claimed.signed != head + b"." + body
