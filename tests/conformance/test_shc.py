"""The SMART Health Cards examples, their revocation list, and the faulty cards and key sets of the dev tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keys.jwk import keys_from_jwks
from keys.values import IssuerId, KeyRefusal
from tests.conformance.questions import ask
from tests.vectors import require_vectors

ISSUER = "https://spec.smarthealth.cards/examples/issuer"
CLOCK = "2023-07-01T00:00:00Z"

FAULTS = {
    "der-signature": ("signature", "refused", "BAD_SIGNATURE"),
    "invalid-signature": ("signature", "refused", "BAD_SIGNATURE"),
    "issuer-kid-mismatch": ("signature", "undetermined", "UNKNOWN_KEY"),
    "no_deflate": ("decode", "refused", "BAD_COMPRESSION"),
    "no_jws_header_alg": ("decode", "refused", "BAD_ENVELOPE"),
    "no_jws_header_kid": ("decode", "refused", "MISSING_CLAIM"),
    "trailing_chars": ("decode", "refused", "TRAILING_BYTES"),
    "wrong_jws_header_kid": ("signature", "undetermined", "UNKNOWN_KEY"),
}

KEY_FAULTS = {
    "valid_key": None,
    "wrong_alg_key": KeyRefusal.UNSUPPORTED_ALGORITHM,
    "wrong_curve_key": None,
    "wrong_kid_key": KeyRefusal.WRONG_KEY_ID,
    "wrong_kty_key": KeyRefusal.MISSING_MEMBER,
    "wrong_use_key": KeyRefusal.WRONG_USE,
}


def folder() -> Path:
    return require_vectors() / "shc"


def trust(*, revoking: bool) -> list[dict[str, Any]]:
    issuer = folder() / "issuer"
    entry: dict[str, Any] = {"issuer": ISSUER, "jwks": json.loads((issuer / "jwks.json").read_text())}
    if revoking:
        entry["crl"] = [json.loads(file.read_text()) for file in (issuer / "crl").iterdir()]
    return [entry]


def codes(pattern: str) -> dict[str, str]:
    return {file.name: file.read_text().strip() for file in sorted(folder().glob(pattern))}


def multi_part() -> str:
    return "\n".join(codes("example-02-f-qr-code-numeric-value-*.txt").values())


def test_every_example_is_authentic_in_both_spellings() -> None:
    examples = codes("example-*-d-jws.txt") | codes("example-0[013]-f-qr-code-numeric-value-0.txt")
    examples["example-02 in three parts"] = multi_part()
    answers = ask(
        {"id": name, "code": code, "at": CLOCK, "trust": trust(revoking=True)} for name, code in examples.items()
    )
    assert len(answers) == 8
    for answer in answers:
        assert (answer["format"], answer["issuer"], answer["steps"]["signature"]) == ("shc", ISSUER, "ok"), answer
        assert answer["reasons"][0] in {"NO_RULES", "REVOKED"}, answer


def test_the_revocation_list_is_honoured() -> None:
    listed = json.loads(next((folder() / "issuer" / "crl").iterdir()).read_text())
    revoked = {rid.split(".")[0] for rid in listed["rids"]}
    carried = {}
    for file in sorted(folder().glob("example-*-b-jws-payload-expanded.json")):
        payload = json.loads(file.read_text())
        carried[file.name[:10]] = payload["vc"].get("rid") in revoked
    for name, code in codes("example-*-d-jws.txt").items():
        with_list, without = ask(
            {"id": name, "code": code, "at": CLOCK, "trust": trust(revoking=revoking)} for revoking in (True, False)
        )
        assert without["steps"]["status"] == "ok"
        assert "NOT_PUBLISHED" in without["reasons"]
        if carried[name[:10]]:
            assert (with_list["measure"], with_list["state"]) == ("DENY", "REVOKED")
            assert with_list["reasons"] == ["REVOKED"]
        else:
            assert with_list["steps"]["status"] == "ok"


def test_a_single_part_of_several_is_not_a_card() -> None:
    (part,) = list(codes("example-02-f-qr-code-numeric-value-1.txt").values())
    (answer,) = ask([{"id": 1, "code": part, "at": CLOCK, "trust": trust(revoking=False)}])
    assert answer["reasons"] == ["CHUNKS_MISSING"]
    assert answer["steps"]["decode"] == "refused"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_faulty_card_is_refused_for_its_fault(fault: str) -> None:
    code = (folder() / "faults" / f"test-example-00-d-jws-{fault}.txt").read_text()
    (answer,) = ask([{"id": fault, "code": code, "at": CLOCK, "trust": trust(revoking=False)}])
    step, outcome, reason = FAULTS[fault]
    assert answer["format"] == "shc"
    assert (answer["steps"][step], answer["reasons"][0]) == (outcome, reason)
    assert answer["measure"] in {"DENY", "MANUAL"}
    assert answer["issuer"] is None


@pytest.mark.parametrize("fault", KEY_FAULTS)
def test_every_faulty_key_is_refused_for_its_fault(fault: str) -> None:
    jwks = json.loads((folder() / "faults" / "jwks" / f"{fault}.json").read_text())
    taken, refused = keys_from_jwks(jwks, issuer=IssuerId(ISSUER), require_thumbprint=True)
    reason = KEY_FAULTS[fault]
    assert [key.reason for key in refused] == ([] if reason is None else [reason])
    assert len(taken) == (1 if reason is None else 0)
