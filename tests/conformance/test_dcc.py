"""The EU's own test codes (dgc-testdata), each judged at its own clock with its own certificate.

Schema validation and reading the picture are out of scope. A step that comes after a refusal is not judged at all, so
an expectation about it is counted as not asked.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from typing import Any

import pytest

from tests.conformance.questions import ask
from tests.vectors import require_vectors

KNOWN_EXCEPTIONS: dict[str, str] = {}
"""file and step -> why the vector's own expectation is not met. Empty: all are."""

DECODING = ("EXPECTEDUNPREFIX", "EXPECTEDB45DECODE", "EXPECTEDCOMPRESSION", "EXPECTEDDECODE")
STEP_OF = {"EXPECTEDVERIFY": "signature", "EXPECTEDKEYUSAGE": "key_usage", "EXPECTEDEXPIRATIONCHECK": "validity"}


def lines() -> list[dict[str, Any]]:
    file = require_vectors() / "dcc" / "dcc-testdata.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def question(vector: dict[str, Any]) -> dict[str, Any]:
    context = vector["TESTCTX"]
    return {
        "id": vector["file"],
        "code": vector["PREFIX"],
        "at": context["VALIDATIONCLOCK"],
        "trust": [{"certificate": context["CERTIFICATE"]}],
    }


def test_every_expectation_is_met() -> None:
    vectors = lines()
    answers = ask(question(vector) for vector in vectors)
    asked: Counter[str] = Counter()
    missed: dict[str, str] = {}
    for vector, answer in zip(vectors, answers, strict=True):
        expected, steps, file = vector["EXPECTEDRESULTS"], answer["steps"], vector["file"]
        decoding = [expected[name] for name in DECODING if name in expected]
        if decoding:
            asked["decode"] += 1
            if steps["decode"] != ("ok" if all(decoding) else "refused"):
                missed[f"{file} decode"] = f"{decoding} but {answer['reasons']}"
        for name, step in STEP_OF.items():
            if name not in expected or (expected[name] and refused_before(step, steps)):
                continue
            asked[step] += 1
            good = steps[step] == "ok" if expected[name] else steps[step] != "ok"
            if not good:
                missed[f"{file} {step}"] = f"{expected[name]} but {steps[step]} {answer['reasons']}"
    assert missed.keys() == KNOWN_EXCEPTIONS.keys(), json.dumps(missed, indent=1)
    assert asked == Counter(decode=213, signature=214, key_usage=144, validity=160)


def test_the_issuer_is_told_as_soon_as_the_signature_is_proven() -> None:
    for answer in ask(question(vector) for vector in lines()):
        proven = answer["steps"]["signature"] == "ok"
        assert (answer["issuer"] is not None) is proven, answer


def refused_before(step: str, steps: dict[str, str]) -> bool:
    """Tell whether an earlier step that the vector does not ask about ended the way of the code."""
    return steps[step] == "not_reached" and step == "validity"


def test_nothing_passes_without_a_receiving_division() -> None:
    measures = Counter(answer["measure"] for answer in ask(question(vector) for vector in lines()))
    assert set(measures) <= {"MANUAL", "DENY"}


@pytest.mark.parametrize("trust", [[], [{"certificate": "AAAA"}]])
def test_without_a_usable_certificate_nothing_is_authentic(trust: list[dict[str, str]]) -> None:
    answers = ask(question(vector) | {"trust": trust} for vector in lines()[:20])
    assert {answer["steps"]["signature"] for answer in answers} == {"undetermined"}
    assert {answer["issuer"] for answer in answers} == {None}
    assert {answer["reasons"][0] for answer in answers} == {"UNKNOWN_ISSUER"}


def test_a_certificate_may_be_pasted_in_any_usual_spelling() -> None:
    vector = next(vector for vector in lines() if vector["file"].startswith("AT/"))
    der = vector["TESTCTX"]["CERTIFICATE"]
    pem = f"-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"
    spellings = [der, der.rstrip("="), der.translate(str.maketrans("+/", "-_")), pem, b64encode(pem.encode()).decode()]
    for spelling in spellings:
        (answer,) = ask([question(vector) | {"trust": [{"certificate": spelling}]}])
        assert answer["steps"]["signature"] == "ok"


def test_one_flipped_bit_in_the_signed_bytes_is_proven_bad() -> None:
    vector = next(vector for vector in lines() if vector["file"].startswith("AT/"))
    good = ask([question(vector)])[0]
    other = next(one for one in lines() if one["file"].startswith("SK/"))
    swapped = question(vector) | {"trust": [{"certificate": other["TESTCTX"]["CERTIFICATE"]}]}
    assert good["steps"]["signature"] == "ok"
    assert ask([swapped])[0]["reasons"][0] == "KEY_ID_MISMATCH"
