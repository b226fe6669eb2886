"""The last entries of a log, wherever they stand: in the journal, in bundles, in both."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.faults import LogFault, LogUnusable

from .logs import AT, entries, make_log, open_log


@pytest.mark.parametrize("published", [0, 1, 255, 256, 700])
@pytest.mark.parametrize("behind", [0, 3])
@pytest.mark.parametrize("most", [-1, 0, 1, 2, 256, 300, 10_000])
def test_the_last_ones_come_in_order(tmp_path: Path, published: int, behind: int, most: int) -> None:
    make_log(tmp_path / "log", published)
    log = open_log(tmp_path / "log")
    log.append(entries(published, published + behind))
    expected = entries(0, published + behind)[-most:] if most > 0 else []
    assert log.last(most) == expected
    log.close()


def test_what_was_forgotten_is_not_among_them(tmp_path: Path) -> None:
    make_log(tmp_path / "log", 700)
    log = open_log(tmp_path / "log")
    assert log.forget(300, AT) == 256
    assert log.last(10_000) == entries(256, 700)
    log.close()


def test_a_bundle_that_is_gone_is_told(tmp_path: Path) -> None:
    make_log(tmp_path / "log", 700)
    (tmp_path / "log" / "tile" / "entries" / "001").unlink()
    log = open_log(tmp_path / "log")
    assert len(log.last(188)) == 188
    with pytest.raises(LogUnusable) as caught:
        log.last(400)
    assert caught.value.fault is LogFault.BUNDLE_MISSING
    log.close()
