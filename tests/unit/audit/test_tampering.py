"""Whatever is done to a log of 10,000 entries without the key is noticed, and its place is named."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from gateway.audit.faults import LogFault, Place
from gateway.audit.journal import JOURNAL
from gateway.audit.verification import verify_log
from tests.unit.audit.logs import AT, entries, make_log, note_signer, open_log
from tests.unit.audit.tampering import DEEDS, Tamper

SIZE = 10_000
VERIFIERS = [note_signer().verifier]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "log"
    make_log(folder, SIZE, groups=2_500)
    return folder


@pytest.fixture
def log(whole: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy that may be spoiled."""
    folder = tmp_path / "log"
    shutil.copytree(whole, folder)
    yield folder
    shutil.rmtree(folder)


def test_a_whole_log_is_whole(whole: Path) -> None:
    report = verify_log(whole, VERIFIERS)
    assert report.is_whole
    assert report.findings == []
    assert report.head is not None
    assert (report.head.size, report.checked, report.unsigned) == (SIZE, SIZE, 0)
    assert (report.forgotten, report.torn) == (None, None)


@pytest.mark.parametrize("tamper", DEEDS)
@pytest.mark.parametrize("seed", range(6))
def test_every_deed_is_noticed_and_its_place_named(log: Path, tamper: Tamper, seed: int) -> None:
    """`python -m tests.bench.audit_tampering` does more of them."""
    deed = tamper(log, SIZE, Random(seed))
    findings = verify_log(log, VERIFIERS).findings
    assert any(deed.is_named_by(one.fault, one.place) for one in findings), (deed, [str(one) for one in findings[:5]])
    if deed.what not in ("swap bundles", "drop and move up"):
        assert len(findings) <= 2, [str(one) for one in findings]


def test_many_deeds_at_once_are_all_noticed(log: Path) -> None:
    random = Random(5)
    one = next(deed for deed in DEEDS if deed.__name__ == "flip_in_tile")
    other = next(deed for deed in DEEDS if deed.__name__ == "reorder")
    deeds = [one(log, SIZE, random) for _ in range(4)] + [other(log, SIZE, random) for _ in range(3)]
    findings = verify_log(log, VERIFIERS).findings
    for deed in {(deed.file, deed.first): deed for deed in deeds}.values():
        assert any(deed.is_named_by(found.fault, found.place) for found in findings), deed


def test_the_journal_is_judged_too(tmp_path: Path) -> None:
    """Flips, cuts and exchanges at any byte of a journal whose entries are not all in tiles."""
    random = Random(1)
    log = open_log(tmp_path)
    log.append(entries(0, 300))
    log.publish(AT)
    for first in range(300, 400, 20):
        log.append(entries(first, first + 20))
    log.close()
    path = tmp_path / JOURNAL
    data = path.read_bytes()
    assert verify_log(tmp_path, VERIFIERS).unsigned == 100
    seen: Counter[str] = Counter()
    last_group = data.rindex(b"\xf5grp")
    for _ in range(80):
        at = random.randrange(len(data))
        bent = bytearray(data)
        bent[at] ^= 1 << random.randrange(8)
        path.write_bytes(bent)
        report = verify_log(tmp_path, VERIFIERS)
        told = [one for one in report.findings if one.fault is LogFault.JOURNAL_DAMAGED]
        if told:
            place = told[0].place
            assert place.offset is not None
            assert place.offset <= at
            seen["damaged"] += 1
        else:  # the last group may be one that a crash has cut short: it is told, and not counted
            assert report.torn == Place(JOURNAL, offset=last_group)
            assert report.unsigned == 80
            seen["torn"] += 1
    assert seen["damaged"] > 20
    path.write_bytes(data[: last_group - 5])
    assert verify_log(tmp_path, VERIFIERS).torn is not None
    path.write_bytes(data[:60])
    assert [one.fault for one in verify_log(tmp_path, VERIFIERS).findings] == [LogFault.JOURNAL_SHORT]
    path.unlink()
    assert [one.fault for one in verify_log(tmp_path, VERIFIERS).findings] == [LogFault.JOURNAL_MISSING]
