"""A proof is checked in another language, by the example of docs/audit, with nothing but what docs/audit.md says."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from gateway.audit.proofs import inclusion_path, write_proof
from gateway.audit.reading import TileReader
from tests.integration.node_programs import ROOT, program
from tests.unit.audit.logs import entry, make_log, note_signer, open_log

EXAMPLE = ROOT / "docs" / "audit" / "check-proof.mjs"
SIZE = 700
VKEY = note_signer().verifier.vkey


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("log")
    make_log(made, SIZE)
    return made


def checked(tmp_path: Path, text: bytes, *more: str, vkey: str = VKEY) -> tuple[int, str]:
    (tmp_path / "proof").write_bytes(text)
    done = subprocess.run(
        [program("node"), str(EXAMPLE), str(tmp_path / "proof"), vkey, *more], capture_output=True, check=False
    )
    return done.returncode, (done.stdout or done.stderr).decode().strip()


def proof(folder: Path, index: int, *, with_entry: bool = True) -> bytes:
    log = open_log(folder)
    path = inclusion_path(TileReader(folder, SIZE), index)
    found = write_proof(log.published, index, path, entry(index) if with_entry else None)
    log.close()
    return found


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 512, 698, 699])
def test_proofs_are_good_in_another_language(folder: Path, tmp_path: Path, index: int) -> None:
    assert checked(tmp_path, proof(folder, index)) == (0, entry(index).decode())


def test_what_proves_nothing_proves_nothing_there_either(folder: Path, tmp_path: Path) -> None:
    text = proof(folder, 300)
    (tmp_path / "entry").write_bytes(entry(300))
    assert checked(tmp_path, proof(folder, 300, with_entry=False), str(tmp_path / "entry"))[0] == 0
    (tmp_path / "entry").write_bytes(entry(301))
    assert checked(tmp_path, text, str(tmp_path / "entry")) == (1, "path")
    assert checked(tmp_path, text.replace(b"index 300", b"index 301")) == (1, "path")
    assert checked(tmp_path, text.replace(b"\n700\n", b"\n701\n")) == (1, "signature")
    assert checked(tmp_path, text, vkey=note_signer(which=1).verifier.vkey) == (1, "key")
    lines = text.split(b"\n")
    lines[4] = base64.b64encode(bytes(32))
    assert checked(tmp_path, b"\n".join(lines)) == (1, "path")
    assert checked(tmp_path, proof(folder, 300, with_entry=False)) == (1, "entry")
