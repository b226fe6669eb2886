"""A store deleted for good: the database with all files beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.store.drop import files_of
from gateway.store.open import StoreUnavailable, drop, holds_anything
from gateway.store.sqlite_log import SqliteLog
from tests.unit.store.batches import batch


async def test_a_database_goes_with_the_files_beside_it(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.sqlite")
    await log.append([batch(1)])
    await log.close()
    (tmp_path / "log.sqlite-journal").touch()
    (tmp_path / "other.sqlite").touch()
    assert await holds_anything("sqlite:log.sqlite", tmp_path)
    await drop("sqlite:log.sqlite", tmp_path)
    assert not await holds_anything("sqlite:log.sqlite", tmp_path)
    assert files_of(tmp_path / "log.sqlite") == ()
    assert files_of(tmp_path / "other.sqlite") == (tmp_path / "other.sqlite",)


async def test_a_file_that_cannot_be_deleted_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").mkdir()
    assert await holds_anything("sqlite:log.sqlite", tmp_path)
    with pytest.raises(StoreUnavailable):
        await drop("sqlite:log.sqlite", tmp_path)
    (tmp_path / "log.sqlite").rmdir()
    (tmp_path / "log.sqlite-wal").touch()
    await drop("sqlite:log.sqlite", tmp_path)
    assert not await holds_anything("sqlite:log.sqlite", tmp_path)
