"""The vectors of receipts: as the maker makes them, as our reader reads them, and as docs/receipts/verify.mjs does."""

from __future__ import annotations

import json
import subprocess
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest

from gateway.receipts.checking import Expected, ReceiptFault, ReceiptRefused, check_receipt
from gateway.values import Instant, IssuerId
from keys.jwk import keys_from_jwks
from tests.conformance.receipts.make_vectors import vectors
from tests.integration.node_programs import ROOT, program

FILE = Path(__file__).with_name("vectors.json")
VECTORS: dict[str, Any] = json.loads(FILE.read_text())
KEYS, _ = keys_from_jwks(VECTORS["jwks"], issuer=IssuerId("gateway"))
EXAMPLE = ROOT / "docs" / "receipts" / "verify.mjs"
TOLERATED = {
    "alg none": "a short verifier takes the algorithm from the key and looks at no other",
    "another alg than the key's": "the same",
    "SM2, named ES256": "the same",
    "Ed25519, named SM2": "the same",
    "a critical header": "no receipt has one, and the gateway signs what stands in it",
    "no end": "the same",
    "issued later": "it tells no time but the end",
    "of another gateway": "it is told whose key set it reads",
    "padding": "Node's base64url reads more than one spelling",
    "a place in another spelling": "the same of numbers",
    "another tree": "there is one",
}
"""What the example leaves out, to stay short: nothing of it lets anybody but the gateway say anything."""


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def expected(**members: Any) -> Expected:
    return Expected(Instant(VECTORS["at"]), VECTORS["issuer"], VECTORS["caller"], **members)


def by_name(rows: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(row, id=row["name"]) for row in rows]


def test_the_file_is_what_the_maker_makes() -> None:
    assert vectors() == VECTORS, "run: python -m tests.conformance.receipts.make_vectors > vectors.json"
    assert {row["fault"] for row in VECTORS["refused"]} == {*ReceiptFault} - {ReceiptFault.WRONG_CODE}


@pytest.mark.parametrize("row", by_name(VECTORS["accepted"]))
def test_a_valid_receipt_is_read(row: dict[str, Any]) -> None:
    code = {}
    if "salt" in row:
        code = {"code": decoded(row["code_base64url"]), "salt": decoded(row["salt"])}
    assert check_receipt(row["receipt"], KEYS, expected(**code)).claims == row["claims"]


@pytest.mark.parametrize("row", by_name(VECTORS["refused"]))
def test_anything_else_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ReceiptRefused) as caught:
        check_receipt(row["receipt"], KEYS, expected())
    assert caught.value.fault.value == row["fault"]


def node_has_sm2() -> bool:
    asked = [program("node"), "-e", 'process.exit(+!require("crypto").getCurves().includes("SM2"))']
    return subprocess.run(asked, timeout=60, check=False).returncode == 0


def test_a_node_without_sm2_says_so_and_tells_nothing_of_the_receipt(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps(VECTORS["jwks"]))
    without = tmp_path / "without.cjs"
    without.write_text('require("crypto").getCurves = () => []; require("module").syncBuiltinESMExports();')
    national = next(row["receipt"] for row in VECTORS["accepted"] if "SM2" in row["name"])
    call = [program("node"), "--require", str(without), str(EXAMPLE)]
    for receipt, status in ((national, 3), (VECTORS["accepted"][0]["receipt"], 0)):
        rest = (receipt, str(tmp_path / "jwks.json"), VECTORS["caller"])
        done = subprocess.run([*call, *rest], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status
        assert (done.stderr.strip() == "no_sm2") is (status == 3)
        assert bool(done.stdout) is (status == 0)


def test_the_example_for_node_agrees(tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(VECTORS["jwks"]))

    def run(text: str, *code: str) -> tuple[int, str]:
        call = [program("node"), str(EXAMPLE), text, str(jwks), VECTORS["caller"], *code]
        done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout

    for row in VECTORS["accepted"]:
        if "SM2" in row["name"] and not node_has_sm2():
            continue
        code = decoded(row.get("code_base64url", "")).decode()
        status, out = run(row["receipt"], *((code, row["salt"]) if code else ()))
        assert (status, json.loads(out)) == (0, row["claims"]), row["name"]
    for row in VECTORS["refused"]:
        if "SM2" in row["name"] and not node_has_sm2():
            continue
        status, _ = run(row["receipt"])
        assert status == (0 if row["name"] in TOLERATED else 1), row["name"]
