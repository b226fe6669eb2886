"""Codes of five families that WHO's validator ships: each is decoded, and judged authentic or of an unknown issuer."""

from __future__ import annotations

import pytest

from tests.conformance.questions import ask
from tests.vectors import require_vectors

FAMILIES = {
    "DIVOCJamaicaContents.txt": ("divoc", "UNSUPPORTED_PROOF"),
    "DIVOCQR1Contents.txt": ("divoc", "UNSUPPORTED_PROOF"),
    "DVCTest2QR.txt": ("hcert", "UNKNOWN_ISSUER"),
    "EUIndonesiaContents.txt": ("hcert", "UNKNOWN_ISSUER"),
    "EUQR1Contents.txt": ("hcert", "UNKNOWN_ISSUER"),
    "EUUruguayContents.txt": ("hcert", "UNKNOWN_ISSUER"),
    "ICAOAUQR1Contents.txt": ("vdsnc", "UNKNOWN_ISSUER"),
    "SHCQR1Contents.txt": ("shc", "UNKNOWN_ISSUER"),
    "WHOQR1Contents.txt": ("hcert", "UNKNOWN_ISSUER"),
    "WHOSingaporePCRContents.txt": ("hcert", "UNKNOWN_ISSUER"),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_each_code_is_decoded_and_its_issuer_unknown(name: str) -> None:
    code = (require_vectors() / "gdhcn" / name).read_bytes().strip().decode()
    (answer,) = ask([{"id": name, "code": code, "trust": []}])
    found, reason = FAMILIES[name]
    assert answer["format"] == found
    assert answer["steps"]["decode"] == "ok"
    assert answer["steps"]["signature"] == "undetermined"
    assert answer["reasons"][0] == reason
    assert answer["measure"] == "MANUAL"
