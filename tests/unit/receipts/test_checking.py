"""What is taken for a receipt, and what never is."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.disclosure import Disclosure, disclose
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.receipts.checking import (
    MAX_CLOCK_SKEW_S,
    MAX_RECEIPT_CHARACTERS,
    CheckedReceipt,
    Expected,
    ReceiptFault,
    ReceiptRefused,
    check_receipt,
)
from gateway.receipts.commitment import code_digest
from gateway.receipts.receipt import ROOT_TYPE, Answer, IssuedReceipt, Receipt, ReceiptIssuer, joined
from gateway.status.observe import observe
from gateway.values import Caller, CallerId, CallerKind, DivisionCode, Instant, IssuerId, Profile, Purpose, TrustedKey
from keys.jwk import key_from_jwk
from keys.signer import SIGNING, Signer, generate_dev_key
from tests.unit.codes import AT, authentic
from tests.unit.receipts.pyjwt_sm2 import pyjwt_claims

CALLER = Caller(CallerId("station-7"), CallerKind.TLS_PEER)
DECISION = PolicyBook.load(SHIPPED).decide(observe(authentic(), {}, AT), DivisionCode("330000"), AT)
SAID = disclose(DECISION, Profile.STAFF)
GATEWAY = "https://gateway.example"
CODE = b"HCI1:A CODE"
TRUST = ("7:" + "a" * 64,)
NOW = Expected(AT)
OTHER_NAMES = {"EdDSA": "ES256", "ES256": "SM2", "SM2": "EdDSA"}
LATER = Expected(Instant(AT + 3600))


@pytest.fixture(params=SIGNING)
def signer(tmp_path: Path, request: pytest.FixtureRequest) -> Signer:
    return generate_dev_key(tmp_path / "key.pem", request.param)


@pytest.fixture
def issuer(signer: Signer) -> ReceiptIssuer:
    return ReceiptIssuer(GATEWAY, signer, lifetime_s=3600, trust=TRUST)


def keys_of(*signers: Signer) -> list[TrustedKey]:
    return [key_from_jwk(dict(one.public_jwk), issuer=IssuerId("any")) for one in signers]


def single(issuer: ReceiptIssuer, said: Disclosure = SAID, code: bytes | None = CODE) -> IssuedReceipt:
    return issuer.issue(Answer(said, CALLER, Purpose.VENUE_ENTRY, "r-1", code))


def together(issuer: ReceiptIssuer, size: int, code: bytes = CODE) -> list[IssuedReceipt]:
    """Return `size` receipts with one signature, as texts."""
    drafts = [issuer.draft(Answer(SAID, CALLER, Purpose.VENUE_ENTRY, f"r-{number}", code)) for number in range(size)]
    signed = issuer.sign_together([draft.payload for draft in drafts], caller=CALLER, at=AT)
    return [
        IssuedReceipt(Receipt(joined(signed.root, draft.payload, number, path)), draft.salt)
        for number, (draft, path) in enumerate(zip(drafts, signed.paths, strict=True))
    ]


def fault_of(text: str, keys: list[TrustedKey], expected: Expected = NOW) -> ReceiptFault:
    with pytest.raises(ReceiptRefused) as caught:
        check_receipt(text, keys, expected)
    assert str(caught.value) == caught.value.fault.value
    return caught.value.fault


def segment(members: object) -> str:
    return urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


def opened(text: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def resigned(token: str, signer: Signer, change: Callable[[dict[str, object], dict[str, object]], object]) -> str:
    """Return `token` with its header and claims changed, rightly signed again."""
    header, claims = (opened(part) for part in token.split(".")[:2])
    change(header, claims)
    text = f"{segment(header)}.{segment(claims)}"
    return f"{text}.{urlsafe_b64encode(signer.sign(text.encode())).rstrip(b'=').decode()}"


def test_a_receipt_says_what_was_signed(issuer: ReceiptIssuer, signer: Signer) -> None:
    found = check_receipt(single(issuer).text, keys_of(signer), NOW)
    assert (found.key_id, found.signed_with) == (signer.key_id.decode(), 1)
    assert (found.claims["measure"], found.claims["state"]) == ("PASS", "GREEN")
    assert found.claims["trust"] == list(TRUST)
    assert "HCI1" not in json.dumps(dict(found.claims))


@pytest.mark.parametrize("size", [1, 2, 3, 64])
def test_each_of_many_is_a_receipt_with_one_signature(issuer: ReceiptIssuer, signer: Signer, size: int) -> None:
    texts = [one.text for one in together(issuer, size)]
    assert len({text.split("~")[0] for text in texts}) == 1
    for number, text in enumerate(texts):
        found = check_receipt(text, keys_of(signer), NOW)
        assert (found.claims["request_id"], found.signed_with) == (f"r-{number}", size)
        assert set(found.claims) == set(check_receipt(single(issuer).text, keys_of(signer), NOW).claims)


def test_a_root_verifies_with_another_library(issuer: ReceiptIssuer, signer: Signer) -> None:
    root = together(issuer, 3)[0].text.split("~")[0]
    then = {"verify_iat": False, "verify_exp": False}
    claims = pyjwt_claims(root, dict(signer.public_jwk), audience="station-7", options=then)
    assert set(claims) == {"iss", "aud", "iat", "exp", "tree", "size", "root"}
    assert jwt.get_unverified_header(root)["typ"] == ROOT_TYPE


@pytest.mark.parametrize("many", [False, True])
def test_the_code_is_proven_by_code_and_salt_only(issuer: ReceiptIssuer, signer: Signer, many: bool) -> None:
    given_, other = together(issuer, 2) if many else (single(issuer), single(issuer))
    keys = keys_of(signer)

    def with_code(code: bytes, salt: bytes) -> Expected:
        return Expected(AT, code=code, salt=salt)

    assert isinstance(check_receipt(given_.text, keys, with_code(CODE, given_.salt)), CheckedReceipt)
    assert fault_of(given_.text, keys, with_code(CODE + b" ", given_.salt)) is ReceiptFault.WRONG_CODE
    assert fault_of(given_.text, keys, with_code(CODE, other.salt)) is ReceiptFault.WRONG_CODE
    assert fault_of(given_.text, keys, with_code(CODE, given_.salt[:-1])) is ReceiptFault.WRONG_CODE
    assert len({given_.salt, other.salt}) == 2
    assert all(len(one.salt) == 32 for one in (given_, other))


def test_the_digest_is_the_one_that_the_document_describes() -> None:
    # docs/receipts.md, "The code": printf 'hcgw-receipt-code-v1\0' + 32 zero bytes + 'HCI1:TEST' | sha256sum
    assert code_digest(b"HCI1:TEST", bytes(32)).hex() == (
        "b6d96d8c3b895cc26822bea64a084aae78eb408fafb496ed4fc9e4331a1b6c1b"
    )


def test_a_code_that_was_only_seen_has_no_digest(issuer: ReceiptIssuer, signer: Signer) -> None:
    shown = single(issuer, code=None)
    assert shown.salt == b""
    assert "code_digest" not in check_receipt(shown.text, keys_of(signer), NOW).claims
    asked = Expected(AT, code=b"", salt=bytes(32))
    assert fault_of(shown.text, keys_of(signer), asked) is ReceiptFault.WRONG_CODE


def test_who_and_when(issuer: ReceiptIssuer, signer: Signer) -> None:
    keys = keys_of(signer)
    for text in (single(issuer).text, together(issuer, 2)[1].text):
        check_receipt(text, keys, Expected(AT, GATEWAY, "station-7"))
        assert fault_of(text, keys, Expected(AT, caller="station-8")) is ReceiptFault.WRONG_CALLER
        assert fault_of(text, keys, Expected(AT, issuer="https://other.example")) is ReceiptFault.WRONG_ISSUER
        check_receipt(text, keys, Expected(Instant(int(AT) + 3599)))
        assert fault_of(text, keys, LATER) is ReceiptFault.EXPIRED
        early = Instant(int(AT) - MAX_CLOCK_SKEW_S - 1)
        assert fault_of(text, keys, Expected(early)) is ReceiptFault.NOT_YET_VALID


def test_keys_are_found_by_their_id_and_nothing_else(issuer: ReceiptIssuer, signer: Signer, tmp_path: Path) -> None:
    other = generate_dev_key(tmp_path / "other.pem")
    text = single(issuer).text
    assert fault_of(text, []) is ReceiptFault.UNKNOWN_KEY
    assert fault_of(text, keys_of(other)) is ReceiptFault.UNKNOWN_KEY
    (borrowed,) = keys_of(other)
    assert fault_of(text, [replace(borrowed, key_id=signer.key_id)]) is ReceiptFault.BAD_SIGNATURE
    assert check_receipt(text, keys_of(other, signer), NOW).key_id == signer.key_id.decode()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda header, _: header.update(typ="JWT"), ReceiptFault.MALFORMED),
        (lambda header, _: header.update(typ=ROOT_TYPE), ReceiptFault.MALFORMED),
        (lambda header, _: header.update(crit=["b64"], b64=False), ReceiptFault.MALFORMED),
        (lambda header, _: header.pop("kid"), ReceiptFault.MALFORMED),
        (lambda header, _: header.update(kid=7), ReceiptFault.MALFORMED),
        (lambda header, _: header.update(alg="none"), ReceiptFault.BAD_SIGNATURE),
        (lambda header, _: header.update(alg=OTHER_NAMES[header["alg"]]), ReceiptFault.BAD_SIGNATURE),
        (lambda header, _: header.update(alg=["EdDSA"]), ReceiptFault.BAD_SIGNATURE),
        (lambda _, claims: claims.pop("iat"), ReceiptFault.MALFORMED),
        (lambda _, claims: claims.update(iat=True), ReceiptFault.MALFORMED),
        (lambda _, claims: claims.update(exp="9999999999"), ReceiptFault.MALFORMED),
        (lambda _, claims: claims.update(exp=1e300), ReceiptFault.MALFORMED),
        (lambda _, claims: claims.pop("exp"), ReceiptFault.MALFORMED),
    ],
)
def test_what_is_rightly_signed_and_still_no_receipt(
    issuer: ReceiptIssuer,
    signer: Signer,
    change: Callable[[dict[str, object], dict[str, object]], object],
    fault: ReceiptFault,
) -> None:
    assert fault_of(resigned(single(issuer).text, signer, change), keys_of(signer)) is fault


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda claims: claims.update(tree="sha1"), ReceiptFault.MALFORMED),
        (lambda claims: claims.pop("root"), ReceiptFault.MALFORMED),
        (lambda claims: claims.update(root="AAAA"), ReceiptFault.BAD_PROOF),
        (lambda claims: claims.pop("size"), ReceiptFault.MALFORMED),
        (lambda claims: claims.update(size=0), ReceiptFault.MALFORMED),
        (lambda claims: claims.update(size=1), ReceiptFault.BAD_PROOF),
        (lambda claims: claims.update(size=9), ReceiptFault.BAD_PROOF),
        (lambda claims: claims.update(aud="station-8"), ReceiptFault.BAD_PROOF),
        (lambda claims: claims.update(iss="https://other.example"), ReceiptFault.BAD_PROOF),
        (lambda claims: claims.update(exp=int(AT)), ReceiptFault.EXPIRED),
    ],
)
def test_what_is_rightly_signed_and_still_no_root(
    issuer: ReceiptIssuer, signer: Signer, change: Callable[[dict[str, object]], object], fault: ReceiptFault
) -> None:
    root, *proof = together(issuer, 4)[2].text.split("~")
    changed = resigned(root, signer, lambda _, claims: change(claims))
    assert fault_of("~".join((changed, *proof)), keys_of(signer)) is fault


def test_parts_of_others_do_not_fit(issuer: ReceiptIssuer, signer: Signer) -> None:
    keys = keys_of(signer)
    first, second = (one.text.split("~") for one in together(issuer, 4)[:2])
    elsewhere = together(issuer, 4)[0].text.split("~")
    lone = single(issuer).text
    for mixed in (
        [first[0], second[1], *first[2:]],
        [first[0], first[1], second[2], first[3]],
        [first[0], *first[1:3], second[3]],
        [elsewhere[0], *first[1:]],
    ):
        assert fault_of("~".join(mixed), keys) is ReceiptFault.BAD_PROOF
    for text in (
        first[0],  # a root is no receipt
        "~".join([lone, *first[1:]]),  # and a receipt no root
        "~".join(first[:3]),
        "~".join([*first, ""]),
        "~".join([first[0], first[1], "00", first[3]]),
        "~".join([first[0], first[1], "-1", first[3]]),
        "~".join([first[0], first[1], "\u0660", first[3]]),
        "~".join([first[0], first[1] + "=", "0", first[3]]),
        lone + "=",
        lone + ".",
        "",
        "~~~",
        "é" * 9,
        "A" * (MAX_RECEIPT_CHARACTERS + 1),
    ):
        assert fault_of(text, keys) is ReceiptFault.MALFORMED


def test_names_that_are_said_twice_are_refused(signer: Signer, issuer: ReceiptIssuer) -> None:
    header, claims, _ = single(issuer).text.split(".")
    raw = urlsafe_b64decode(claims + "=" * (-len(claims) % 4)).replace(b'"purpose":', b'"measure":"DENY","purpose":')
    text = f"{header}.{urlsafe_b64encode(raw).rstrip(b'=').decode()}"
    text += "." + urlsafe_b64encode(signer.sign(text.encode())).rstrip(b"=").decode()
    assert fault_of(text, keys_of(signer)) is ReceiptFault.MALFORMED


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), many=st.booleans())
def test_no_letter_of_a_receipt_can_be_changed(
    issuer: ReceiptIssuer, signer: Signer, data: st.DataObject, many: bool
) -> None:
    text = together(issuer, 3)[1].text if many else single(issuer).text
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_.~=").filter(lambda found: found != text[place]))
    assert fault_of(text[:place] + letter + text[place + 1 :], keys_of(signer))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.one_of(st.text(), st.text(alphabet="eyJ0.~A-_=1", max_size=80)))
def test_anything_else_is_refused_and_nothing_else_happens(signer: Signer, text: str) -> None:
    assert fault_of(text, keys_of(signer)) is ReceiptFault.MALFORMED
