"""A small canary drill over real processes, and the proof that it finds leaks; `make bench-canaries` is the whole one.

Of memory nothing is asserted but that the search finds what is there: Python frees without overwriting.
"""

from __future__ import annotations

import ctypes
import io
import os
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gateway.demo.home import DemoHome
from gateway.demo.provinces import make_issuers
from gateway.formats import base45
from tests.integration.gateway_process import ROOT
from tests.privacy import memory
from tests.privacy.asking import base64url
from tests.privacy.crowd import FAULT_EVERY, FAULTS, KINDS, Crowd
from tests.privacy.drill import ANSWERS, run
from tests.privacy.needles import marks_in
from tests.privacy.places import FILE_NAMES, FILES, OTHER_FILES, Findings
from tests.simulators.provinces.people import MARKS, person

FEW: Final = 512
"""People: two batches, so that each kind of code, each fault and each RPC comes up."""

PLACES: Final = frozenset(
    {
        "log, level debug",
        "standard error",
        "HTTP pages",
        "errors, in status and details",
        "receipts",
        "converted codes",
        "watches",
        "look-ups of journeys and places",
        "lists as followers read them",
        "Redis: all that it holds",
        FILE_NAMES,
        *ANSWERS,
    }
)
CALLS: Final = (
    "VerifyCode", "VerifyCodes", "StreamVerifications", "AssessDisplayedCode", "ConvertCode", "CheckJourney",
    "AssessPlace", "ListAffectedCommunities", "PublishChanges", "ListStatusLists", "WatchCodes",
)  # fmt: skip


@pytest.mark.timeout(600)
def test_nothing_of_anybody_comes_out_and_everything_was_asked(tmp_path: Path) -> None:
    drill = run(tmp_path, FEW, workers=1, idle_s=0, dumped="worker-0".__eq__)
    assert dict(drill.findings.hits) == {}, drill.findings.samples
    assert (drill.status, drill.error_output) == (0, b"")
    searched = set(+drill.findings.searched)
    assert searched >= PLACES - {"standard error"}
    assert searched >= {"store: SQLite with its WAL", "live status: lists and snapshots", "handles: keys of epochs"}
    assert drill.findings.searched["audit log"] > FEW * 200  # bytes: an entry of each verdict, and hashes
    assert OTHER_FILES not in searched
    assert drill.people == FEW
    assert drill.asked_upstream > FEW // 3
    for reason in ("STATE_GREEN", "STATE_RED", "EXPIRED", "BAD_SIGNATURE", "UNSUPPORTED_PROOF", "UNRECOGNISED"):
        assert drill.verdicts[f"REASON_{reason}"], (reason, drill.verdicts)
    for name in CALLS:
        assert drill.calls[f"{name} OK"], (name, drill.calls)
    for refusal in ("VerifyCode INVALID_ARGUMENT", "PublishChanges INVALID_ARGUMENT", "WatchCodes INVALID_ARGUMENT"):
        assert drill.calls[refusal], drill.calls
    left = drill.memory["worker-0"]
    assert left.size["heap"] + left.size["anonymous"] > 1 << 20
    assert not left.marks["mapped file, own copy"]


@pytest.mark.timeout(600)
def test_a_leak_in_any_place_is_found_there(tmp_path: Path) -> None:
    leaks = os.pathsep.join((str(ROOT / "tests" / "privacy" / "leaky"), str(ROOT)))
    planted = {"PYTHONPATH": leaks, "PLANT_LEAKS_BELOW": str(tmp_path)}
    drill = run(tmp_path, FEW // 2, workers=1, idle_s=0, dumped=lambda _: False, **planted)
    assert set(drill.findings.hits) == PLACES | {OTHER_FILES, *FILES}, drill.findings.hits


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    return Crowd(make_issuers(DemoHome(tmp_path_factory.mktemp("demo"))), 1_600_000_000.0)


def unpacked(code: bytes) -> bytes:
    """Return what a code holds, as the rooms get to see it."""
    if code.startswith((b"HC1:", b"HCI1:")):
        message = base45.decode(code.partition(b":")[2])
        return zlib.decompress(message) if code.startswith(b"HC1:") else message
    if code.startswith(b"B64:"):
        with zipfile.ZipFile(io.BytesIO(b64decode(code[4:]))) as archive:
            return archive.read("certificate.json")
    if code.startswith(b"shc:/"):
        digits = code[5:]
        token = bytes(int(digits[place : place + 2]) + 45 for place in range(0, len(digits), 2))
        return zlib.decompress(base64url(token.split(b".")[1].decode()), -15)
    return base64url(code.split(b".")[1].decode()) if code.startswith(b"eyJ") else code


def test_each_kind_of_code_holds_her_data(crowd: Crowd) -> None:
    """In the form in which the rooms see it: unpacked."""
    for number, make in enumerate(KINDS):
        code = make(crowd, person(number))
        assert len(set(marks_in(unpacked(code)))) >= 2, make  # her name, and her number or phone
    spoilt = [crowd.code(number) for number in range(len(KINDS) * FAULT_EVERY * len(FAULTS))]
    assert len(set(spoilt)) == len(spoilt)


def test_the_search_of_memory_finds_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process holds the words that it searches for, in some region of its own."""
    every = list(memory.regions(os.getpid()))
    assert {"stack", "anonymous"} < {region.kind for region in every}
    held = ctypes.create_string_buffer(person(5).name.encode("utf-16-le"))
    place = ctypes.addressof(held)
    (its,) = [region for region in every if region.begin <= place < region.end]
    monkeypatch.setattr(memory, "regions", lambda pid: iter([its]))
    here = memory.dump(os.getpid())
    assert here.size[its.kind] == its.end - its.begin
    assert here.spelled[MARKS[0].encode("utf-16-le")] > 0


def test_what_stands_across_two_parts_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    needle = memory.IN_MEMORY[0]
    held = bytearray(b"\0" * 4096 + needle + b"\0" * 4096)
    found = []
    for chunk in (512, 1000, 4096 + len(needle) // 2, 1 << 20):
        monkeypatch.setattr(memory, "CHUNK", chunk)
        monkeypatch.setattr(memory, "regions", lambda pid: _of(held))
        found.append(memory.dump(os.getpid()).spelled[needle])
    assert found == [1, 1, 1, 1]


def _of(held: bytearray) -> Iterator[memory.Region]:
    begin = ctypes.addressof((ctypes.c_char * len(held)).from_buffer(held))
    yield memory.Region(begin, begin + len(held), "anonymous")


def test_files_are_searched_in_their_places(tmp_path: Path) -> None:
    word = person(3).name.encode("utf-16-le")
    for file in (
        "audit/decisions/tile",
        "handles/a.key",
        "status/list.bin",
        "store.sqlite-wal",
        "hcgw.toml",
        "core.123/x",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"\0\1" + word)
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "x").write_bytes(word)
    findings = Findings()
    findings.look_below(tmp_path, but=(tmp_path / "given",))
    assert set(findings.hits) == {*FILES, OTHER_FILES}
    assert not marks_in(repr(sorted(findings.searched)).encode())
